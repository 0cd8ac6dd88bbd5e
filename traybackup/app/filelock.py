"""A lock between processes, which goes with the process that holds it, however that ends."""

import contextlib
import os
import sys
from pathlib import Path

from traybackup.app.paths import private_folder


class FileLock:
    """A lock on a file of its own. Not for network folders."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if nobody has it; return whether it was taken.

        Raises:
            OSError: The file cannot be made.
        """
        private_folder(self._file.parent)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        if not _lock(descriptor):
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self, *, remove: bool = False) -> None:
        """Give the lock back; *remove* the file if nobody else will want it."""
        if self._descriptor is None:
            return
        if remove and sys.platform != "win32":
            self._unlink()
        os.close(self._descriptor)
        self._descriptor = None
        if remove and sys.platform == "win32":  # an open file cannot be removed there
            self._unlink()

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):
            self._file.unlink()

    def held_elsewhere(self) -> bool:
        """Say whether somebody has it; without trace, if there is no file."""
        try:
            descriptor = os.open(self._file, os.O_RDWR)
        except OSError:
            return False
        try:
            return not _lock(descriptor)
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - only there

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl  # noqa: PLC0415 - not on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
