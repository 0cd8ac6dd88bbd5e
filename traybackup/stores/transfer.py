"""Moving bytes between a file and memory, whole and, where wanted, past the page cache."""

import mmap
import os
from collections.abc import Callable

PIECE = 1 << 20
"""Bytes moved at a time: large enough to cost nothing, small enough to stop within a moment."""


def read_exactly(fd: int, size: int) -> bytes:
    """Return *size* bytes, fewer only at the end of the file."""
    data = os.read(fd, size)
    if len(data) == size:
        return data
    pieces = [data]
    size -= len(data)
    while size and (data := os.read(fd, size)):
        pieces.append(data)
        size -= len(data)
    return b"".join(pieces)


def write_all(fd: int, data: bytes) -> None:
    """Write all of *data*, however little the system takes at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def pump(fd: int, size: int, consume: Callable[[bytes], object]) -> int:
    """Read *size* bytes of *fd* into an aligned buffer, as direct input wants it; return how many there were."""
    got = 0
    with mmap.mmap(-1, PIECE) as buffer, os.fdopen(fd, "rb", buffering=0, closefd=False) as stream:
        while got < size and (count := stream.readinto(buffer)):
            consume(buffer[:count])
            got += count
    return got


def try_direct(fd: int) -> None:
    """Read a page as direct input wants it: some file systems refuse only now.

    Raises:
        OSError: They do.
    """
    with mmap.mmap(-1, mmap.PAGESIZE) as buffer:
        os.preadv(fd, [buffer], 0)
