"""Batch: a bounded part of a restore, with all that is known about its files, and its result.

*File* is a file under way, *Original* the first name of one that has several, *Job* a range of a pack that is read at
once, *Restored* what a restore did in all, *Failed* one item it could not bring back.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from traybackup.api.source import Metadata
from traybackup.engine.crypto import OVERHEAD
from traybackup.engine.index import Location
from traybackup.engine.placing import Directory, Verdict


class Failed(NamedTuple):
    """What could not be brought back; *reason* is a keyword of ours or the system's name of the error (``EACCES``)."""

    path: bytes
    reason: str


@dataclass(slots=True)
class Restored:
    """What a restore did.

    Attributes:
        files, size: Files written, and their bytes; hard links count as files.
        others: Symlinks, FIFOs and devices.
        skipped, skipped_size: What was there already, and equal.
        aside: Paths in the snapshot whose place was taken, and the name that what was there has now.
        renamed: Paths in the snapshot whose name the target cannot hold, and the name that they got.
        unset: How many items lack their ``owner``, ``mode``, ``times`` or ``attributes``; ``socket``: left out.
    """

    files: int = 0
    size: int = 0
    directories: int = 0
    others: int = 0
    skipped: int = 0
    skipped_size: int = 0
    failed: list[Failed] = field(default_factory=list)
    aside: list[tuple[bytes, bytes]] = field(default_factory=list)
    renamed: list[tuple[bytes, bytes]] = field(default_factory=list)
    unset: Counter[str] = field(default_factory=Counter)


class Original:
    """The first of several names of a file.

    Attributes:
        found: Its number and size on the target, once it is complete.
    """

    __slots__ = ("content", "directory", "found", "name")

    def __init__(self, directory: Directory, name: bytes, content: bytes) -> None:
        self.directory = directory
        self.name = name
        self.content = content
        self.found: tuple[int, int] | None = None


class File:
    """A file under way.

    Attributes:
        left: Blobs still to come.
        size: Bytes, as far as its blobs are known.
        fd: Open for writing while it grows from several blobs; else -1.
    """

    __slots__ = (
        "directory",
        "failed",
        "fd",
        "left",
        "metadata",
        "name",
        "original",
        "parts",
        "path",
        "size",
        "temporary",
        "verdict",
    )

    def __init__(
        self, directory: Directory, name: bytes, path: bytes, metadata: Metadata, parts: int, verdict: Verdict
    ) -> None:
        self.directory = directory
        self.name = name
        self.path = path
        self.metadata = metadata
        self.parts = self.left = parts
        self.verdict = verdict
        self.size = 0
        self.fd = -1
        self.temporary = b""
        self.failed = False
        self.original: Original | None = None


Request = tuple[int, int, int, int, bytes, File, int]
"""Pack and offset in one number, a serial number, sealed length, plain length, blob, file, offset in the file."""


class Job(NamedTuple):
    """Bytes *start* to *end* of a pack, for the requests *first* to *last* (not included)."""

    pack: int
    start: int
    end: int
    first: int
    last: int


class Batch:
    """What is brought back together: bounded, so that memory does not grow with the snapshot."""

    def __init__(self) -> None:
        self.files: list[File] = []
        self.requests: list[Request] = []

    def need(self, file: File, blob_id: bytes, location: Location) -> None:
        """Add the next blob of *file*."""
        pack, offset, length, plain_length = location
        requests = self.requests
        requests.append((pack << 32 | offset, len(requests), length, plain_length, blob_id, file, file.size))
        file.size += plain_length or length - OVERHEAD

    def jobs(self, size: int, gap: int) -> Iterator[Job]:
        """Sort the requests and yield ranges of packs that hold what is wanted and little else.

        Args:
            size: Bytes to read at once, about.
            gap: Bytes nobody wants that are read along with their neighbours.
        """
        self.requests.sort()
        requests = self.requests
        first, pack, start, end = 0, -1, 0, 0
        for number, request in enumerate(requests):
            where, length = request[0], request[2]
            its_pack, offset = where >> 32, where & 0xFFFF_FFFF
            stop = max(end, offset + length)
            if its_pack == pack and offset <= end + gap and stop - start <= size:
                end = stop
                continue
            if pack >= 0:
                yield Job(pack, start, end, first, number)
            first, pack, start, end = number, its_pack, offset, offset + length
        if pack >= 0:
            yield Job(pack, start, end, first, len(requests))
