"""FileWriter: brings the files of a batch back, pack by pack.

The blobs that a batch needs are sorted by where they lie, neighbours are read together, opened in worker threads and
written to where they belong, each verified by its hash on the way. A file grows under a temporary name and gets its own
once it is complete. Zeros are not written: what was a hole becomes one again.

A blob that is not sound is looked for in other packs at the end of the batch, before its files are given up.
"""

import contextlib
import errno
import itertools
import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from operator import itemgetter

from traybackup.api.errors import NotFound, RepositoryDamaged, StoreDamaged, StoreFailed, TargetUnusable
from traybackup.api.progress import Cancel, Progress
from traybackup.engine.batch import Batch, Failed, File, Job, Request, Restored
from traybackup.engine.codec import BlobKind
from traybackup.engine.filesystem import TEMPORARY, Folder, Identity, set_metadata
from traybackup.engine.pack import PackedBlob, open_blobs
from traybackup.engine.placing import Directory, Folders, Overwrite, publish
from traybackup.engine.repository import Repository
from traybackup.engine.walk import copies
from traybackup.engine.workers import Workers

_WORKERS = 2
_JOB_LOCAL, _GAP_LOCAL = 4 << 20, 64 << 10
_JOB_AFAR, _GAP_AFAR = 16 << 20, 1 << 20
_BUFFERS = 512
"""How many blobs one call writes; the system's limit is 1,024."""

_PAGE = 4096
_ZEROS = bytes(_PAGE)
_LARGE = 1 << 20
STOPPING = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read-only",
    errno.EIO: "gone",
    errno.ENODEV: "gone",
    errno.ENXIO: "gone",
    errno.ESTALE: "gone",
}
"""Errors after which nothing more can be written there, with the keyword of `TargetUnusable`."""


_where = itemgetter(0)


class FileWriter:
    """Writes batches of files below one target folder."""

    def __init__(
        self,
        repo: Repository,
        root: Folder,
        place: str,
        *,
        policy: Overwrite,
        us: Identity,
        restored: Restored,
        progress: Progress,
        cancel: Cancel,
    ) -> None:
        self._repo, self._root, self._place = repo, root, place
        self._policy, self._us = policy, us
        self._restored, self._progress, self._cancel = restored, progress, cancel
        self._lock = threading.Lock()
        self._folders: dict[int, Folders] = {}
        self._numbers = itertools.count()
        self._token = secrets.token_hex(4)
        self._requests: list[Request] = []
        self._damaged: list[Request] = []
        local = repo.store.capabilities.local
        self._job, self._gap = (_JOB_LOCAL, _GAP_LOCAL) if local else (_JOB_AFAR, _GAP_AFAR)

    def temporary(self) -> bytes:
        """Return a name nobody has used."""
        return TEMPORARY + f"{self._token}-{next(self._numbers):x}".encode()

    def run(self, batch: Batch, unfinished: File | None = None) -> None:
        """Write the files of *batch*, of which *unfinished* goes on in the next one.

        Raises:
            TargetUnusable: The target is full, read-only or gone.
            StoreError: The place of the repository is not to be reached.
            Cancelled: Somebody asked to stop.
        """
        self._requests, self._damaged = batch.requests, []
        workers = Workers("restore", _WORKERS, self._work)
        try:
            for job in batch.jobs(self._job, self._gap):
                workers.submit(job)
            workers.finish()
            if self._damaged:
                self._look_elsewhere()
            for request in self._damaged:
                self._fail(request[5], "damaged")
            for file in batch.files:
                if not file.parts:
                    self._write_whole(file, 0, b"")
                elif file.left and not file.failed and file is not unfinished:
                    self._fail(file, "incomplete")
        except BaseException as error:
            workers.abandon(error)
            for file in batch.files:
                self._discard(file)
            raise
        finally:
            for folders in self._folders.values():
                folders.close()
            self._folders = {}

    def _work(self, job: Job) -> None:
        self._cancel.check()
        requests = self._requests[job.first : job.last]
        pack_id = self._repo.index.pack_id(job.pack)
        try:
            data = self._repo.read_pack(pack_id, job.start, job.end - job.start)
        except NotFound:
            self._damaged.extend(requests)
        except (StoreDamaged, StoreFailed):
            self._work_singly(pack_id, requests)
        else:
            self._open(data, job.start, requests)

    def _work_singly(self, pack_id: bytes, requests: list[Request]) -> None:
        """Take from a damaged pack what can still be read."""
        for where, group in itertools.groupby(requests, _where):
            wanted = list(group)
            offset = where & 0xFFFF_FFFF
            try:
                data = self._repo.read_pack(pack_id, offset, wanted[0][2])
            except (NotFound, StoreDamaged, StoreFailed):
                self._damaged.extend(wanted)
            else:
                self._open(data, offset, wanted)

    def _open(self, data: bytes, start: int, requests: list[Request]) -> None:
        """Open the wanted blobs and write each to wherever it is wanted."""
        blobs: list[PackedBlob] = []
        wanted: list[list[Request]] = []
        last = -1
        for request in requests:
            where = request[0]
            if where == last:
                wanted[-1].append(request)
            else:
                last = where
                blob = PackedBlob(BlobKind.DATA, request[4], where & 0xFFFF_FFFF, request[2], request[3])
                blobs.append(blob)
                wanted.append([request])
        strip = _Strip(self)
        size = 0
        for (_, plain), group in zip(open_blobs(self._repo.key, data, start, blobs), wanted, strict=True):
            if isinstance(plain, RepositoryDamaged):
                self._damaged.extend(group)
                continue
            skip, kept = without_zeros(plain)
            for request in group:
                file = request[5]
                if file.failed:
                    continue
                if file.parts == 1:
                    self._write_whole(file, skip, kept)
                else:
                    strip.add(file, request[6] + skip, kept)
            size += len(plain) * len(group)
        strip.finish()
        self._progress.advance(size)

    def _here(self, directory: Directory) -> Folder:
        """Return the open folder of this thread."""
        folders = self._folders.get(threading.get_ident())
        if folders is None:
            folders = self._folders[threading.get_ident()] = Folders(self._root)
        return folders[directory]

    def _write_whole(self, file: File, skip: int, kept: bytes) -> None:
        """Write a file that is one blob or none, without its zeros."""

        def write() -> None:
            self._create(file)
            if kept:
                write_at(file.fd, [kept], skip)
            self._complete(file)

        self._guarded(file, write)

    def write_part(self, file: File, buffers: list[bytes], offset: int) -> None:
        """Write neighbouring blobs of a file."""

        def write() -> None:
            if file.fd < 0:
                with self._lock:
                    if file.fd < 0 and not file.failed:
                        self._create(file)
            if not file.failed:
                write_at(file.fd, buffers, offset)

        self._guarded(file, write)

    def done(self, parts: Counter[File]) -> None:
        """Count blobs that are written, and complete the files that have all of theirs."""
        with self._lock:
            for file, count in parts.items():
                file.left -= count
            complete = [file for file in parts if not file.left and not file.failed]
        for file in complete:
            self._guarded(file, partial(self._complete, file))

    def _guarded(self, file: File, act: Callable[[], None]) -> None:
        """Let a failure of one file be its own, and one of the whole target end the restore."""
        try:
            act()
        except OSError as error:
            why = STOPPING.get(error.errno or 0)
            if why is not None:
                self._discard(file)
                raise TargetUnusable(path=self._place, why=why) from error
            self._fail(
                file, "exists" if error.errno == errno.EEXIST else errno.errorcode.get(error.errno or 0, "failed")
            )

    def _create(self, file: File) -> None:
        temporary = self.temporary()
        file.fd = self._here(file.directory).create(temporary)
        file.temporary = temporary

    def _complete(self, file: File) -> None:
        """Give the file its length, its metadata and its name."""
        file.left = 0
        if file.fd < 0:  # nothing but holes
            self._create(file)
        fd = file.fd
        there = os.fstat(fd)
        if there.st_size != file.size:
            os.ftruncate(fd, file.size)
        for what in set_metadata(fd, file.metadata, self._us):
            with self._lock:
                self._restored.unset[what] += 1
        if file.size >= _LARGE and hasattr(os, "posix_fadvise"):
            # begins to write it out now, so that the flush at the end has little left to do
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        file.fd = -1
        os.close(fd)
        aside = publish(self._here(file.directory), file.temporary, file.name, file.verdict, self._policy)
        file.temporary = b""
        if file.original is not None:
            file.original.inode = there.st_ino
        restored = self._restored
        with self._lock:
            restored.files += 1
            restored.size += file.size
        if aside:
            restored.aside.append((file.path, aside))
        self._progress.item(file.path, "restored", file.size)

    def _fail(self, file: File, reason: str) -> None:
        with self._lock:
            first, file.failed = not file.failed, True
        if first:
            self._restored.failed.append(Failed(file.path, reason))
            self._progress.trouble(file.path, reason)
            self._progress.item(file.path, "failed", 0)
        self._discard(file)

    def _discard(self, file: File) -> None:
        """Remove what there is of a file that will not be complete."""
        file.failed = True
        with self._lock:
            fd, file.fd = file.fd, -1
            temporary, file.temporary = file.temporary, b""
        if fd >= 0:
            os.close(fd)
        if temporary:
            with contextlib.suppress(OSError):  # the next restore sweeps it away
                self._here(file.directory).remove(temporary)

    def _look_elsewhere(self) -> None:
        """Try other copies of the blobs that were not sound."""
        missing: dict[bytes, list[Request]] = {}
        for request in self._damaged:
            missing.setdefault(request[4], []).append(request)
        self._damaged = []
        tried = {(request[0], request[4]) for requests in missing.values() for request in requests}
        numbers = self._repo.index.packs()
        for blob, pack_id in copies(self._repo, BlobKind.DATA, set(missing)):
            where = numbers[pack_id] << 32 | blob.offset
            requests = missing.get(blob.id)
            if requests is None or (where, blob.id) in tried:
                continue
            moved = [(where, r[1], blob.length, blob.plain_length, r[4], r[5], r[6]) for r in requests]
            self._work_singly(pack_id, moved)
            if not self._damaged:
                del missing[blob.id]
            self._damaged = []
        self._damaged = [request for requests in missing.values() for request in requests]


class _Strip:
    """Neighbouring blobs of a file, gathered to be written by one call."""

    def __init__(self, writer: FileWriter) -> None:
        self._writer = writer
        self._file: File | None = None
        self._start = self._end = 0
        self._buffers: list[bytes] = []
        self._done: Counter[File] = Counter()

    def add(self, file: File, offset: int, plain: bytes) -> None:
        self._done[file] += 1
        if not plain:
            return
        if file is not self._file or offset != self._end or len(self._buffers) >= _BUFFERS:
            self._flush()
            self._file, self._start = file, offset
        self._buffers.append(plain)
        self._end = offset + len(plain)

    def _flush(self) -> None:
        buffers, self._buffers = self._buffers, []
        if buffers and self._file is not None:
            self._writer.write_part(self._file, buffers, self._start)

    def finish(self) -> None:
        self._flush()
        self._writer.done(self._done)


def without_zeros(plain: bytes) -> tuple[int, bytes]:
    """Return how many zeros *plain* begins with, and what is left without those and the ones at its end.

    Only whole pages count, since less is no hole on any file system; but nothing is left of what is all zeros.
    """
    front, back = plain.startswith(_ZEROS), plain.endswith(_ZEROS)
    if not front and not back:
        return (0, plain) if len(plain) >= _PAGE or plain.strip(b"\0") else (0, b"")
    size = len(plain)
    zeros = size - len(plain.lstrip(b"\0")) if front else 0
    if zeros == size:
        return 0, b""
    skip = zeros // _PAGE * _PAGE
    tail = (size - len(plain.rstrip(b"\0"))) // _PAGE * _PAGE if back else 0
    return skip, plain[skip : size - tail]


def write_at(fd: int, buffers: list[bytes], offset: int) -> None:
    """Write all of *buffers* one after the other, starting at *offset*."""
    size = sum(map(len, buffers))
    written = os.pwritev(fd, buffers, offset) if len(buffers) > 1 else os.pwrite(fd, buffers[0], offset)
    if written == size:
        return
    rest = memoryview(b"".join(buffers))[written:]
    while rest:
        offset += written
        written = os.pwrite(fd, rest, offset)
        rest = rest[written:]
