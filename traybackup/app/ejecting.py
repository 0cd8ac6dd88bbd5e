"""Ejecting: nothing of ours is open on the drive, all of it is written, and the system has really let go of it.

While it lasts no run can begin at the drive's destinations: their locks are held. A run that is under way is stopped
first if that is wanted; after a run that failed ejecting is the same as after one that did not.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from traybackup.api.errors import RunBusy
from traybackup.app.drives import Drives, Found, Released
from traybackup.app.filelock import FileLock
from traybackup.app.paths import Paths

Stop = Callable[[str], object]
"""Stops the run at a destination and returns when it has ended."""


@dataclass(frozen=True, slots=True)
class Ejected:
    """A drive that may be unplugged now."""

    found: Found
    how: Released


def eject(drives: Drives, found: Found, paths: Paths, *, stop: Stop | None = None) -> Ejected:
    """Eject a drive; when this returns it may be unplugged.

    Args:
        stop: Asked to stop what runs there; None: a run is not disturbed.

    Raises:
        RunBusy: A run is under way there.
        DriveBusy, DriveRefused, DriveStillThere, DriveGone, DriveError
    """
    if stop is not None:
        for name in found.destinations:
            stop(name)
    with _held(paths, found.destinations):
        return Ejected(found, drives.release(found.drive))


@contextmanager
def _held(paths: Paths, destinations: Iterable[str]) -> Iterator[None]:
    """Hold the destinations, so that no run begins there.

    Raises:
        RunBusy: One is under way.
    """
    with ExitStack() as stack:
        for name in destinations:
            lock = FileLock(paths.state / "locks" / f"to-{name}.lock")
            try:
                free = lock.acquire()
            except OSError:  # no lock can be had here, full disk or the like
                continue
            if not free:
                raise RunBusy(destination=name)
            stack.callback(lock.release)
        yield
