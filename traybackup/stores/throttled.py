"""A place that is sent to and read from no faster than its owner wants.

*Rate* says how many bytes a second are allowed at this moment, and may say something else at the next: by a setting
that was changed, by the time of day. A *Tap* lets so many through, for all threads together.
"""

import threading
import time
from collections.abc import Callable

from traybackup.api.errors import Cancelled
from traybackup.api.store import Entry, Payload, Store
from traybackup.stores.around import Around
from traybackup.stores.pacing import sleep
from traybackup.stores.watched import WatchedPayload

Rate = Callable[[], float | None]
"""Returns bytes a second; None: no limit."""

_SLICE = 0.25
"""Seconds after which a changed rate counts."""

_SLOWEST = 1024.0
"""Bytes a second: less would only be mistaken for a line that is down."""


def unlimited() -> None:
    """Allow everything."""


class Tap:
    """Lets bytes through at a rate, for several threads.

    Args:
        wait, stopping: As for `traybackup.stores.pacing.PacedStore`.
    """

    def __init__(
        self,
        rate: Rate,
        *,
        wait: Callable[[float], bool] = sleep,
        stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._wait, self._stopping, self._clock = rate, wait, stopping, clock
        self._lock = threading.Lock()
        self._free = 0.0

    def let(self, size: int) -> None:
        """Return when *size* bytes may have passed.

        Raises:
            Cancelled: Somebody asked to stop meanwhile.
        """
        left = float(size)
        while left > 0:
            rate = self._rate()
            if rate is None or self._stopping():
                return
            piece = min(left, max(rate, _SLOWEST) * _SLICE)
            with self._lock:
                now = self._clock()
                self._free = max(self._free, now) + piece / max(rate, _SLOWEST)
                pause = self._free - now
            if self._wait(pause):
                raise Cancelled
            left -= piece


class ThrottledStore(Around):
    """*inner*, behind a tap for each direction."""

    def __init__(self, inner: Store, *, up: Tap, down: Tap) -> None:
        super().__init__(inner)
        self._up, self._down = up, down

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        return self.inner.put(name, WatchedPayload(payload, self._up.let), overwrite=overwrite)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = self.inner.get(name, offset, length)
        self._down.let(len(data))
        return data

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        def take(piece: bytes) -> None:
            self._down.let(len(piece))
            consume(piece)

        self.inner.read_back(name, take)
