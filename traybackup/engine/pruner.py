"""Pruner: remove snapshots, and free the room of what no snapshot needs any more.

Deleting is where backup programs lose data, so it is done in one order only, under the exclusive lock, and each step
leaves a repository that is sound, wherever it is cut off:

1. packs that no index file knows are deleted: who wrote them held a shared lock, so nobody is still at it;
2. what is needed of packs to be repacked is opened, verified, and stored in new packs, which are then indexed;
3. new index files are written, without the packs that go;
4. the old index files are removed;
5. the packs go.

Before every step that removes something the lock is made sure of (`traybackup.engine.locks.Lock.check`). A prune that
was cut short leaves copies and unindexed packs; the next one clears them away.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from traybackup.api.errors import LockLost, PruneRefused, RepositoryDamaged
from traybackup.api.progress import Cancel, Progress
from traybackup.engine.codec import FileKind
from traybackup.engine.index import Index, decode_index, encode_index
from traybackup.engine.pack import PackedBlob, open_blobs
from traybackup.engine.pruneplan import PrunePlan
from traybackup.engine.reach import UNREADABLE
from traybackup.engine.repository import Repository
from traybackup.engine.saver import BlobSaver

_INDEX_BLOBS = 50_000
"""Blobs in one index file, as restic has it."""

_SMALL_INDEX = 10_000
_MANY_SMALL = 10
"""So many index files with fewer than `_SMALL_INDEX` blobs are joined: every run leaves one."""

_WINDOW = 16 << 20
"""Bytes of a pack that are held at a time."""

_Packs = list[tuple[bytes, list[PackedBlob]]]


class HeldLock(Protocol):
    """The lock under which things are removed: a `traybackup.engine.locks.Lock`."""

    exclusive: bool

    def check(self) -> None:
        """Raise `LockLost` unless the lock is still held."""


def forget(repo: Repository, ids: Iterable[str], lock: HeldLock, *, cancel: Cancel | None = None) -> None:
    """Remove snapshots, given by their whole ids. What they alone needed stays until the next prune.

    Raises:
        LockLost: Those before it are removed, the others not.
    """
    for snapshot_id in ids:
        if cancel is not None:
            cancel.check()
        _make_sure(lock)
        repo.remove(FileKind.SNAPSHOT, snapshot_id)


def apply(
    repo: Repository,
    plan: PrunePlan,
    lock: HeldLock,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> None:
    """Carry out a plan made under the same lock. Afterwards the index must be loaded anew.

    Args:
        folder: Where new packs grow before they are put; None: a private folder of the system's.

    Raises:
        PruneRefused: The repository has changed since, or what is to be repacked is damaged. Nothing needed is deleted.
        LockLost, Cancelled: It is sound; the next prune goes on.
    """
    _Pruning(repo, plan, lock, folder, progress or Progress(), cancel or Cancel()).run()


def _make_sure(lock: HeldLock) -> None:
    if not lock.exclusive:
        raise LockLost
    lock.check()


class _Pruning:
    """A prune under way."""

    def __init__(
        self,
        repo: Repository,
        plan: PrunePlan,
        lock: HeldLock,
        folder: Path | None,
        progress: Progress,
        cancel: Cancel,
    ) -> None:
        self._repo, self._plan, self._lock, self._folder = repo, plan, lock, folder
        self._progress, self._cancel = progress, cancel

    def run(self) -> None:
        plan = self._plan
        _make_sure(self._lock)
        if self._ids(FileKind.INDEX) != plan.indexes:
            raise PruneRefused(why="changed", what="index")
        self._same_snapshots()
        self._delete(FileKind.PACK, (pack.hex() for pack in plan.unindexed))
        if plan.repack:
            self._repack()
        old = self._rewrite_index()
        self._same_snapshots()
        self._delete(FileKind.INDEX, old)
        self._repo.index = Index()
        self._delete(FileKind.PACK, (pack.hex() for pack in (*plan.delete, *plan.repack)))

    def _ids(self, kind: FileKind) -> frozenset[str]:
        return frozenset(entry.id for entry in self._repo.ids(kind))

    def _same_snapshots(self) -> None:
        if self._ids(FileKind.SNAPSHOT) != self._plan.snapshots:
            raise PruneRefused(why="changed", what="snapshots")

    def _delete(self, kind: FileKind, ids: Iterable[str]) -> None:
        self._progress.phase("prune-delete")
        for file_id in ids:
            self._cancel.check()
            _make_sure(self._lock)
            self._repo.remove(kind, file_id)

    def _repack(self) -> None:
        """Store what is needed of the packs to be repacked in new ones, and index those."""
        self._progress.phase("prune-repack")
        self._progress.expect(len(self._plan.repack), self._plan.figures.repacked_size)
        with self._repo.writing(progress=self._progress, folder=self._folder) as saver:
            for pack_id in sorted(self._plan.repack):
                self._cancel.check()
                _make_sure(self._lock)
                blobs = sorted(self._plan.copies(pack_id), key=lambda blob: blob.offset)
                while blobs:
                    limit = blobs[0].offset + _WINDOW
                    count = bisect_right(blobs, limit, key=lambda blob: blob.offset + blob.length) or 1
                    self._copy(saver, pack_id, blobs[:count])
                    del blobs[:count]
            _make_sure(self._lock)

    def _copy(self, saver: BlobSaver, pack_id: bytes, blobs: list[PackedBlob]) -> None:
        """Move neighbouring blobs, each opened and found good, as they are sealed."""
        start = blobs[0].offset
        try:
            data = self._repo.read_pack(pack_id, start, blobs[-1].offset + blobs[-1].length - start)
        except UNREADABLE as error:
            raise PruneRefused(why="unreadable-pack", what=pack_id.hex()) from error
        for blob, plain in open_blobs(self._repo.key, data, start, blobs):
            if isinstance(plain, RepositoryDamaged):
                raise PruneRefused(why=f"damaged-{blob.kind.word}", what=blob.id.hex()) from plain
            at = blob.offset - start
            saver.copy(blob, data[at : at + blob.length])
            self._progress.advance(blob.length)

    def _rewrite_index(self) -> list[str]:
        """Write index files without the packs that go; return the files that they replace."""
        self._progress.phase("prune-index")
        gone = self._plan.gone
        files = sorted(self._ids(FileKind.INDEX))
        sizes = {}
        touched = []
        for file_id in files:
            self._cancel.check()
            packs = self._load(file_id)
            sizes[file_id] = sum(len(blobs) for _, blobs in packs)
            if any(pack_id in gone for pack_id, _ in packs):
                touched.append(file_id)
        small = [file_id for file_id in files if sizes[file_id] < _SMALL_INDEX]
        old = sorted({*touched, *(small if len(small) >= _MANY_SMALL else ())})
        waiting: _Packs = []
        count = 0
        for pack_id, blobs in self._remaining(old):
            waiting.append((pack_id, blobs))
            count += len(blobs)
            if count >= _INDEX_BLOBS:
                self._save(waiting)
                waiting, count = [], 0
        if waiting:
            self._save(waiting)
        return old

    def _remaining(self, files: Iterable[str]) -> Iterator[tuple[bytes, list[PackedBlob]]]:
        """Yield the packs that stay, each once if it is listed alike in several files."""
        seen: dict[bytes, int] = {}
        for file_id in files:
            self._cancel.check()
            for pack_id, blobs in self._load(file_id):
                mark = hash(tuple(blobs))
                if pack_id not in self._plan.gone and seen.get(pack_id) != mark:
                    seen[pack_id] = mark
                    yield pack_id, blobs

    def _load(self, file_id: str) -> _Packs:
        try:
            return decode_index(self._repo.load(FileKind.INDEX, file_id), file_id)
        except RepositoryDamaged as error:
            raise PruneRefused(why="damaged-index", what=file_id) from error

    def _save(self, packs: _Packs) -> None:
        _make_sure(self._lock)
        self._repo.save(FileKind.INDEX, encode_index(packs))
