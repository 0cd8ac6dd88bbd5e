"""Scratch: a private folder for the copies of one run, which leaves nothing of the owner's data behind.

The folder is locked as long as its run lives. So a later run can tell what a killed one left and removes it.
"""

import os
import shutil
import sys
import tempfile
import threading
from pathlib import Path

if sys.platform != "win32":
    import fcntl

SCRATCH_PREFIX = b"traybackup-copies-"


class Scratch:
    """Made when it is first needed. Safe from several threads."""

    def __init__(self, work_dir: Path) -> None:
        """Prepare to work in a folder of its own below *work_dir*, which is made if need be."""
        self._work_dir = work_dir
        self._folder: bytes | None = None
        self._handle = -1
        self._count = 0
        self._mutex = threading.Lock()

    def new_path(self) -> bytes:
        """Return the path of a file that is not there yet.

        Raises:
            OSError: There can be no such folder.
        """
        with self._mutex:
            if self._folder is None:
                self._make()
                self._sweep()
            self._count += 1
            return os.path.join(self._folder or b"", b"%d.db" % self._count)

    def is_one(self, path: bytes) -> bool:
        """Say whether the folder at *path*, whose name has the prefix, is this run's or another's scratch folder."""
        try:
            return os.path.samefile(os.path.dirname(path), self._work_dir)
        except OSError:
            return False

    def room(self) -> int:
        """Return how many bytes there is room for."""
        return shutil.disk_usage(self._folder or self._work_dir).free

    def close(self) -> None:
        """Remove the folder and all that is in it; closing twice is fine."""
        with self._mutex:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _make(self) -> None:
        self._work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        while self._folder is None:
            folder = os.fsencode(tempfile.mkdtemp(prefix=os.fsdecode(SCRATCH_PREFIX), dir=self._work_dir))
            handle = _lock(folder)
            if handle is not None:  # else another run has swept it away before it was locked
                self._folder, self._handle = folder, handle

    def _sweep(self) -> None:
        """Remove what killed runs left."""
        if sys.platform == "win32":
            return  # no locks to tell them by
        for name in os.listdir(os.fsencode(self._work_dir)):
            folder = os.path.join(os.fsencode(self._work_dir), name)
            if name.startswith(SCRATCH_PREFIX) and folder != self._folder and (handle := _lock(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)


def _lock(folder: bytes) -> int | None:
    """Lock *folder* and return the handle that holds the lock; None if another run has it, or it is no folder."""
    if sys.platform == "win32":
        return -1
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.stat(folder), os.fstat(handle)):
            return handle
    except OSError:
        pass  # locked by another run, or gone
    os.close(handle)
    return None
