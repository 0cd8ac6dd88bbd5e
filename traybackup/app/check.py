"""Check: is everything there, and is every byte what it was? Nothing is repaired or changed."""

import time
from dataclasses import dataclass

from traybackup.api.progress import Cancel, Progress
from traybackup.app.context import Context
from traybackup.app.locking import locked_for_reading
from traybackup.app.opening import Access, opened
from traybackup.app.remote import Use
from traybackup.engine import checker
from traybackup.engine.checker import CheckResult, Problem
from traybackup.engine.damage import Damage

__all__ = ["Check", "CheckRequest", "CheckResult", "Damage", "Problem", "check"]


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What to check.

    Attributes:
        read_data: How many of 100 packs to read whole; 0: only whether everything is there and fits together.
    """

    access: Access
    read_data: float = 0


@dataclass(frozen=True, slots=True)
class Check:
    """A check that came to its end."""

    result: CheckResult
    read_data: float
    seconds: float


def check(context: Context, request: CheckRequest, *, progress: Progress, cancel: Cancel) -> Check:
    """Check a place. What is wrong with parts of it is in the result.

    Raises:
        StoreError: The place as a whole failed.
        Cancelled: Somebody asked to stop.
    """
    began = time.monotonic()
    with (
        opened(context, request.access, use=Use.CHECK, cancel=cancel, progress=progress) as target,
        locked_for_reading(context, target.repository, cancel=cancel),
    ):
        result = checker.check(
            target.repository, now=context.clock(), read_data=request.read_data, progress=progress, cancel=cancel
        )
    return Check(result, request.read_data, time.monotonic() - began)
