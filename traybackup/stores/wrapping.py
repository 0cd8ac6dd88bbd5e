"""Everything that the host puts around a plugin's place, in the one right order.

From the inside out: the plugin's calls are *guarded*, *counted*, *paced*, *throttled*, and asked again (*retrying*).
So every attempt is counted, waits its turn and is slowed down; whoever waits to try again holds no turn that another
could use; and what a plugin throws reaches the others as an error of the place. *Manner* says how it is all done.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from traybackup.api.errors import StoreError
from traybackup.api.progress import Cancel, Progress
from traybackup.api.store import Store
from traybackup.stores.counting import CountingStore, Counts
from traybackup.stores.guarding import Guard, GuardedStore
from traybackup.stores.pacing import PacedStore
from traybackup.stores.retrying import Patience, RetryingStore
from traybackup.stores.throttled import Rate, Tap, ThrottledStore, unlimited


@dataclass(frozen=True, slots=True)
class Manner:
    """How a place is treated.

    Attributes:
        up, down: How many bytes a second may go there and come back.
        noticed: Told of every failure that is not the last word, with the seconds until the next attempt.
        counts: Gets what is asked of the place.
    """

    cancel: Cancel = field(default_factory=Cancel)
    progress: Progress = field(default_factory=Progress)
    up: Rate = unlimited
    down: Rate = unlimited
    patience: Patience = field(default_factory=Patience)
    noticed: Callable[[StoreError, float], object] = lambda _error, _seconds: None
    counts: Counts = field(default_factory=Counts)


def wrap(store: Store, guard: Guard, manner: Manner) -> Store:
    """Return a plugin's *store* as the rest of the program may use it.

    Raises:
        PluginCrashed: What it says about itself makes no sense.
    """
    cancel = manner.cancel
    wait, stopping = cancel.wait, cancel.is_set
    guarded = GuardedStore(store, guard)
    counted = CountingStore(guarded, manner.counts, manner.progress)
    paced = PacedStore(counted, wait=wait, stopping=stopping)
    throttled = ThrottledStore(
        paced,
        up=Tap(manner.up, wait=wait, stopping=stopping),
        down=Tap(manner.down, wait=wait, stopping=stopping),
    )
    return RetryingStore(throttled, manner.patience, wait=wait, noticed=manner.noticed)
