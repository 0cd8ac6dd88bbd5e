"""Hand: what one thread of a restore writes with.

It opens the wanted blobs of a part of a pack, each verified by its hash, and writes them to where they belong. A file
grows under a temporary name and gets its own once it is complete. Zeros are not written: what was a hole becomes one
again.

System calls are what small files cost, so nothing is set that is right already.
"""

import os
from abc import ABC, abstractmethod
from collections import Counter

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.progress import Progress
from traybackup.engine.batch import File, Request
from traybackup.engine.codec import BlobKind
from traybackup.engine.crypto import MasterKey
from traybackup.engine.filesystem import Folder, Identity
from traybackup.engine.inodes import Inode, set_metadata
from traybackup.engine.opening import BatchOpener
from traybackup.engine.pack import PackedBlob
from traybackup.engine.placing import Directory, Folders, Overwrite, publish

_BUFFERS = 512
"""How many blobs one call writes; the system's limit is 1,024."""

_PAGE = 4096
_ZEROS = bytes(_PAGE)
_LARGE = 256 << 10


class Common(ABC):
    """What the hands of a restore have in common.

    Attributes:
        damaged: Requests whose blob was not sound.
    """

    key: MasterKey
    root: Folder
    policy: Overwrite
    us: Identity
    progress: Progress
    damaged: list[Request]

    @abstractmethod
    def temporary(self) -> bytes:
        """Return a name nobody has used."""

    @abstractmethod
    def create(self, file: File, hand: "Hand") -> int:
        """Return the temporary file of a growing file, open for writing; whoever comes first makes it."""

    @abstractmethod
    def count(self, parts: Counter[File]) -> list[File]:
        """Count blobs that are written, and return the files that have all of theirs."""

    @abstractmethod
    def done(self, file: File, unset: list[str], aside: bytes) -> None:
        """Note a file that is complete."""

    @abstractmethod
    def fail(self, file: File, error: OSError, hand: "Hand") -> None:
        """Note a file that the target did not take, and remove what there is of it.

        Raises:
            TargetUnusable: It takes nothing any more.
        """


class Hand:
    """The tools of one thread: open folders, ciphers, and the blobs it is about to write."""

    def __init__(self, common: Common) -> None:
        self._common = common
        self.folders = Folders(common.root)
        self._opener = BatchOpener(common.key)
        self._born: tuple[Directory | None, int, Inode | None] = (None, 0, None)
        self._file: File | None = None
        self._start = self._end = 0
        self._buffers: list[memoryview] = []
        self._parts: Counter[File] = Counter()

    def close(self) -> None:
        """Let go of the folders."""
        self.folders.close()

    def open(self, data: bytes | memoryview, start: int, requests: list[Request]) -> None:
        """Open the wanted blobs of a part of a pack and write each to wherever it is wanted.

        Args:
            start: Where in the pack *data* starts.
        """
        blobs: list[PackedBlob] = []
        wanted: list[list[Request]] = []
        last = -1
        for request in requests:
            where = request[0]
            if where == last:
                wanted[-1].append(request)
            else:
                last = where
                blobs.append(PackedBlob(BlobKind.DATA, request[4], where & 0xFFFF_FFFF, request[2], request[3]))
                wanted.append([request])
        groups = iter(wanted)
        for batch in self._opener.open(data, start, blobs):
            size = 0
            for _, plain in batch:
                group = next(groups)
                if isinstance(plain, RepositoryDamaged):
                    self._common.damaged.extend(group)
                else:
                    size += len(plain) * len(group)
                    self._write(plain, group)
            self._flush()  # what is in the batch is only there until the next
            self._common.progress.advance(size)
        parts, self._parts = self._parts, Counter()
        for file in self._common.count(parts):
            self.complete(file)

    def _write(self, plain: memoryview, group: list[Request]) -> None:
        skip, kept = without_zeros(plain)
        for request in group:
            file = request[5]
            if file.failed:
                continue
            if file.parts == 1:
                self.write_whole(file, skip, kept)
            else:
                self._add(file, request[6] + skip, kept)

    # Files of one blob -----------------------------------------------------------------------------------------------

    def write_whole(self, file: File, skip: int, kept: memoryview) -> None:
        """Write a file that is one blob or none, without its zeros."""
        common = self._common
        directory, metadata = file.directory, file.metadata
        mode = metadata.mode & 0o777
        try:
            folder = self.folders[directory]
            temporary = common.temporary()
            fd = folder.create(temporary, mode)
            file.temporary = temporary  # from here on it is removed if anything fails
            try:
                if kept:
                    write_at(fd, [kept], skip)
                if skip + len(kept) != file.size:
                    os.ftruncate(fd, file.size)
                there, as_mode, born = self._born
                if there is not directory or as_mode != mode or file.original is not None:
                    # whatever is made here in this way is made alike, so looking once is enough
                    born = Inode.of(fd)
                    self._born = (directory, mode, born)
                unset = set_metadata(fd, metadata, common.us, born)
            finally:
                os.close(fd)
            aside = publish(folder, temporary, file.name, file.verdict, common.policy)
        except OSError as error:
            common.fail(file, error, self)
            return
        file.temporary = b""
        file.left = 0
        if file.original is not None and born is not None:
            file.original.found = (born.number, file.size)
        common.done(file, unset, aside)

    # Files of several ------------------------------------------------------------------------------------------------

    def _add(self, file: File, offset: int, plain: memoryview) -> None:
        """Gather neighbouring blobs of a file, to be written by one call."""
        self._parts[file] += 1
        if not plain:
            return
        if file is not self._file or offset != self._end or len(self._buffers) >= _BUFFERS:
            self._flush()
            self._file, self._start = file, offset
        self._buffers.append(plain)
        self._end = offset + len(plain)

    def _flush(self) -> None:
        file, self._file = self._file, None
        buffers, self._buffers = self._buffers, []
        if file is None or file.failed:
            return
        try:
            fd = file.fd if file.fd >= 0 else self._common.create(file, self)
            write_at(fd, buffers, self._start)
        except OSError as error:
            self._common.fail(file, error, self)

    def complete(self, file: File) -> None:
        """Give a file that has all its blobs its length, its metadata and its name."""
        common = self._common
        try:
            fd = common.create(file, self)  # it was not yet if it is nothing but holes
            if os.lseek(fd, 0, os.SEEK_END) != file.size:
                os.ftruncate(fd, file.size)
            born = Inode.of(fd)
            unset = set_metadata(fd, file.metadata, common.us, born)
            file.fd = -1
            os.close(fd)
            aside = publish(self.folders[file.directory], file.temporary, file.name, file.verdict, common.policy)
        except OSError as error:
            common.fail(file, error, self)
            return
        file.temporary = b""
        if file.original is not None:
            file.original.found = (born.number, file.size)
        common.done(file, unset, aside)


def without_zeros(plain: memoryview) -> tuple[int, memoryview]:
    """Return how many zeros *plain* begins with, and what is left without those and the ones at its end.

    Only whole pages count, since less is no hole on any file system; but nothing is left of what is all zeros.
    """
    size = len(plain)
    front = size > 0 and plain[0] == 0 and bytes(plain[:_PAGE]) == _ZEROS[:size]
    back = size > 0 and plain[-1] == 0 and bytes(plain[-_PAGE:]) == _ZEROS[:size]
    if not front and not back:
        return 0, plain
    whole = bytes(plain)
    zeros = size - len(whole.lstrip(b"\0")) if front else 0
    if zeros == size:
        return 0, plain[:0]
    skip = zeros // _PAGE * _PAGE
    tail = (size - len(whole.rstrip(b"\0"))) // _PAGE * _PAGE if back else 0
    return skip, plain[skip : size - tail]


def write_at(fd: int, buffers: list[memoryview], offset: int) -> None:
    """Write all of *buffers* one after the other, starting at *offset*."""
    if len(buffers) == 1:
        size, written = len(buffers[0]), os.pwrite(fd, buffers[0], offset)
    else:
        size, written = sum(map(len, buffers)), os.pwritev(fd, buffers, offset)
    if written < size:
        rest = memoryview(b"".join(buffers))
        while written < size:
            written += os.pwrite(fd, rest[written:], offset + written)
    if size >= _LARGE and hasattr(os, "posix_fadvise"):
        # the system begins to write it out now, so that the flush at the end has little left to do
        os.posix_fadvise(fd, offset, size, os.POSIX_FADV_DONTNEED)
