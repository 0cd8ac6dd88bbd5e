"""The probe of a new drive: is what is written to it really there, all over its capacity?

Counterfeit sticks say that they hold more than they do: what is written beyond is lost, or overwrites what was written
before, and no write ever fails. So samples with a content of their own are put all over the free room, with room that
is only reserved between them, and read back past the cache. It is bounded by time, and nothing is left behind.
Source: fallocate(2); how such sticks behave is described by the program f3.
"""

import contextlib
import ctypes
import errno
import hashlib
import mmap
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from traybackup.api.errors import DriveError, DriveFake, DriveUnsuitable
from traybackup.api.progress import Cancel
from traybackup.stores.handles import sync
from traybackup.stores.transfer import pump, try_direct, write_all

SAMPLE = 1 << 20
SAMPLES = 24
SECONDS = 60.0

_PIECE = 64 << 20
"""Bytes that are reserved at a time: some systems write zeros instead, and the time must not run away."""

_LARGEST = 2 << 30
_SPARE = 32 << 20
_KEEP_SIZE = 1

ReadBack = Callable[[Path], bytes]


@dataclass(frozen=True, slots=True)
class Probed:
    """What was found out.

    Attributes:
        samples: How many were written and came back.
        spread: Bytes of the free room over which they lie.
        seconds: How long it took.
        speed: Bytes a second of the samples, flushed.
    """

    samples: int
    spread: int
    seconds: float
    speed: float


@dataclass(slots=True)
class _Probe:
    folder: Path
    name: str
    cancel: Cancel
    read: ReadBack
    until: float
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    spread: int = 0
    writing: float = 0.0
    written: list[tuple[Path, int]] = field(default_factory=list)

    def in_time(self) -> bool:
        self.cancel.check()
        return time.monotonic() < self.until

    def write(self, number: int) -> None:
        """Write a sample, flushed."""
        file = self.folder / f"{number:02}"
        began = time.monotonic()
        with file.open("xb") as stream:
            write_all(stream.fileno(), self.content(number))
            sync(stream.fileno())
        self.writing += time.monotonic() - began
        self.spread += SAMPLE
        self.written.append((file, self.spread))

    def content(self, number: int) -> bytes:
        """Return what only this sample of this probe has."""
        return hashlib.shake_256(self.seed + number.to_bytes(4)).digest(SAMPLE)

    def reserve(self, number: int, size: int) -> None:
        """Take room without writing to it, so that the next sample comes to lie behind it."""
        for part in range(0, size, _LARGEST):
            file = self.folder / f"{number:02}-{part // _LARGEST}"
            with file.open("xb") as stream:
                for begin in range(0, min(_LARGEST, size - part), _PIECE):
                    if not self.in_time() or not _reserve(stream.fileno(), begin, min(_PIECE, size - part - begin)):
                        return
                    self.spread += min(_PIECE, size - part - begin)

    def compare(self) -> None:
        """Read every sample back.

        Raises:
            DriveFake: One is not what it was.
        """
        good = 0
        for number, (file, end) in enumerate(self.written):
            self.cancel.check()
            if self.read(file) != self.content(number):
                raise DriveFake(drive=self.name, size=good)
            good = end


def probe(
    folder: Path,
    name: str,
    *,
    free: int,
    seconds: float = SECONDS,
    cancel: Cancel | None = None,
    read: ReadBack | None = None,
) -> Probed:
    """Write samples all over the free room of the drive that *folder* is on, and read them back.

    Args:
        name: The drive's, for errors.
        free: Bytes of room.
        seconds: How long it may take; then the rest of the room is left untried.
        read: Reads a file past the cache.

    Raises:
        DriveFake: It does not give back what was written.
        DriveUnsuitable: It cannot be written to.
        DriveError, Cancelled
    """
    began = time.monotonic()
    with _scratch(folder, name) as scratch:
        found = _Probe(scratch, name, cancel or Cancel(), read or read_back, began + seconds)
        room = max(0, free - _SPARE)
        count = max(1, min(SAMPLES, room // (2 * SAMPLE)))
        with contextlib.suppress(_Full):
            for number in range(count):
                with _understood(name):
                    if number:
                        found.reserve(number, room // count - SAMPLE)
                    if number and not found.in_time():
                        break
                    found.write(number)
        with _understood(name):
            flush_folders(scratch)
            found.compare()
        if not found.written:
            raise DriveUnsuitable(drive=name, why="full")
        taken = time.monotonic() - began
        speed = len(found.written) * SAMPLE / max(found.writing, 1e-6)
        return Probed(len(found.written), found.spread, taken, speed)


class _Full(Exception):
    """There is no more room, which is no fault of the drive."""


@contextlib.contextmanager
def _understood(name: str) -> Iterator[None]:
    """Tell a drive that fails from one that is full or protected."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _Full from error
        if error.errno == errno.EIO:
            raise DriveFake(drive=name, reason=os.strerror(errno.EIO)) from error
        raise unsuitable(name, error) from error


@contextlib.contextmanager
def _scratch(folder: Path, name: str) -> Iterator[Path]:
    """Make a folder for the samples, and leave nothing of it."""
    scratch = folder / f".test-{secrets.token_hex(4)}"
    try:
        scratch.mkdir()
    except OSError as error:
        raise unsuitable(name, error) from error
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with contextlib.suppress(OSError):
            flush_folders(folder)


def _reserve(fd: int, begin: int, size: int) -> bool:
    """Take room for a part of a file; return False where that cannot be done without writing all of it."""
    if sys.platform == "linux":
        if _libc().fallocate(fd, _KEEP_SIZE, ctypes.c_int64(begin), ctypes.c_int64(size)) == 0:
            return True
        if ctypes.get_errno() == errno.ENOSPC:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.ftruncate(fd, begin + size)
    blocks = getattr(os.fstat(fd), "st_blocks", None)
    return blocks is None or blocks * 512 >= begin + size


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def read_back(file: Path) -> bytes:
    """Return what is in a file on the medium, not in the cache, as far as the system can."""
    pieces: list[bytes] = []
    direct = getattr(os, "O_DIRECT", 0)
    if direct:
        with contextlib.suppress(OSError):
            fd = os.open(file, os.O_RDONLY | direct)
            try:
                try_direct(fd)
                pump(fd, SAMPLE, pieces.append)
                return b"".join(pieces)
            finally:
                os.close(fd)
    pieces.clear()
    fd = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        pump(fd, SAMPLE + mmap.PAGESIZE, pieces.append)
    finally:
        os.close(fd)
    return b"".join(pieces)


def flush_folders(*folders: Path) -> None:
    """Flush the names in folders to the medium, where the system can."""
    for folder in folders:
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except OSError:  # Windows opens no folders
            continue
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)


def unsuitable(drive: str, error: OSError) -> DriveError:
    """Return what a failure to write to a drive means."""
    if isinstance(error, PermissionError):
        return DriveUnsuitable(drive=drive, why="no-right")
    known = {errno.EROFS: "read-only", errno.ENOSPC: "full"}
    if error.errno in known:
        return DriveUnsuitable(drive=drive, why=known[error.errno])
    return DriveError(drive=drive, reason=error.strerror or type(error).__name__)
