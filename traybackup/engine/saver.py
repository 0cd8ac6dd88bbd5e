"""BlobSaver: takes blobs from several threads and sees to it that each is stored once, durably and verified.

Every thread has a packer of its own, so that no lock is held while it hashes, compresses and seals; in a long run all
threads but one get a companion process for that, because one interpreter keeps only one core busy. Finished packs go
through a bounded queue to the uploaders, which put and verify them and only then make their blobs known to the index.
An index file is written every so often, so that a run that is cut short need not store everything again.
"""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from traybackup.api.errors import Cancelled
from traybackup.api.progress import Progress
from traybackup.api.store import Store
from traybackup.engine.chunking import MAX_CHUNK
from traybackup.engine.codec import BlobKind, FileKind, object_name
from traybackup.engine.companion import CAPACITY, Companion
from traybackup.engine.crypto import OVERHEAD, MasterKey
from traybackup.engine.index import Index, encode_index
from traybackup.engine.pack import HEADER_ENTRY, Buffer, FinishedPack, PackedBlob
from traybackup.engine.packer import LocalPacker, Order, Packer, joined
from traybackup.engine.verify import put_verified
from traybackup.engine.workers import Workers

LEVEL = 1
"""zstd's level: 15 to 20 % faster than 3 and under 2 % larger on till data."""

_INDEX_EVERY = 50_000
"""Blobs in one index file, as restic has it."""

_INDEX_AFTER_PACKS = 32
"""… or packs: how much an interrupted run may have to store again."""

_COMPANION_AFTER = 32 << 20
"""Bytes of large batches after which a second process is worth its start."""

_MOST_COMPANIONS = 2
"""Each takes some 30 MB of memory."""

_WORTH_PASSING_ON = 256 << 10
"""Bytes of a batch below which handing it to another process costs more than it saves."""

_SMALLEST_PACK, _LARGEST_PACK = 4 << 20, 128 << 20


def _size_within(largest: int | None) -> int:
    """Return the size at which packs are closed, so that none is larger than *largest*.

    The blob that fills a pack may lie almost wholly beyond that size, and the header of tiny blobs takes more room than
    they do. Only the tree of a directory with very many entries is a larger blob, and it cannot be divided.
    """
    if largest is None:
        return _LARGEST_PACK
    room = largest - (MAX_CHUNK + OVERHEAD) - HEADER_ENTRY - 2 * OVERHEAD
    return max(room * (OVERHEAD + 1) // (OVERHEAD + 1 + HEADER_ENTRY), 1)


class BlobSaver:
    """Stores blobs of which there is no copy yet. `save` and `save_many` may be called from any thread.

    Attributes:
        added: Plain bytes of the new blobs, by kind.
        added_packed: Bytes they take in the packs, by kind.
        new_blobs: How many there were, by kind.
    """

    def __init__(
        self,
        *,
        store: Store,
        key: MasterKey,
        index: Index,
        save_index: Callable[[bytes], str],
        folder: Path,
        level: int | None,
        progress: Progress,
    ) -> None:
        self._store, self._index, self._save_index, self._progress = store, index, save_index, progress
        able = store.capabilities
        pack_size = min(max(able.best_object, _SMALLEST_PACK), _LARGEST_PACK, _size_within(able.largest_object))
        self._order = Order(key, folder, LEVEL if level is None else level, pack_size)
        self._lock = threading.Lock()
        self._claimed: dict[BlobKind, set[bytes]] = {kind: set() for kind in BlobKind}
        self._packers: dict[int, LocalPacker] = {}
        self._companions: dict[int, Companion] = {}
        self._companions_left = min(os.cpu_count() or 1, _MOST_COMPANIONS + 1) - 1
        self._passed = 0
        self._all_new: dict[int, bool] = {}
        self._unindexed: list[tuple[bytes, Sequence[PackedBlob]]] = []
        self._unindexed_blobs = 0
        self.added = dict.fromkeys(BlobKind, 0)
        self.added_packed = dict.fromkeys(BlobKind, 0)
        self.new_blobs = dict.fromkeys(BlobKind, 0)
        self._uploads = Workers("upload", min(2, able.parallel) if able.local else able.parallel, self._upload)

    def save(self, kind: BlobKind, plain: Buffer) -> bytes:
        """Store one blob unless it is known, and return its id."""
        return self.save_many(kind, [plain])[0]

    def save_many(self, kind: BlobKind, plains: Sequence[Buffer]) -> list[bytes]:
        """Store those that are not known yet, and return all their ids."""
        size = sum(map(len, plains))
        packer = self._packer(size)
        me = threading.get_ident()
        # what was new before will be new again: so it is in a first run, and in a file that was added
        ids = packer.take(kind, plains, new=self._all_new.get(me, not self._index))
        claimed, has = self._claimed[kind], self._index.has
        fresh: list[int] = []
        with self._lock:
            for number, blob_id in enumerate(ids):
                if blob_id not in claimed and not has(kind, blob_id):
                    claimed.add(blob_id)
                    fresh.append(number)
        self._all_new[me] = len(fresh) == len(ids)
        if fresh:
            packed = packer.pack(fresh)
            with self._lock:
                self.added[kind] += sum(len(plains[number]) for number in fresh)
                self.added_packed[kind] += packed.size
                self.new_blobs[kind] += len(fresh)
            self._hand_over(packed.finished)
        return ids

    def copy(self, blob: PackedBlob, sealed: bytes) -> None:
        """Move a blob that was opened and verified into a new pack, whether it is known or not."""
        self._hand_over(self._local().copy(blob, sealed))

    def _hand_over(self, packs: Sequence[FinishedPack]) -> None:
        for pack in packs:
            self._uploads.submit(pack)

    def _packer(self, size: int) -> Packer:
        """Return this thread's packer for a batch of *size* bytes."""
        me = threading.get_ident()
        companion = self._companions.get(me)
        if companion is None and self._companions_left and size >= _WORTH_PASSING_ON:
            with self._lock:
                self._passed += size
                if self._passed >= _COMPANION_AFTER and self._companions_left:
                    self._companions_left -= 1
                    companion = self._companions[me] = Companion(self._order)
        return companion if companion is not None and _WORTH_PASSING_ON <= size <= CAPACITY else self._local()

    def _local(self) -> LocalPacker:
        me = threading.get_ident()
        packer = self._packers.get(me)
        if packer is None:
            packer = self._packers[me] = LocalPacker(self._order)
        return packer

    def _upload(self, pack: FinishedPack) -> None:
        try:
            put_verified(self._store, object_name(FileKind.PACK, pack.id.hex()), pack.payload, overwrite=True)
        finally:
            pack.path.unlink(missing_ok=True)
        self._progress.stored(pack.payload.size)
        self._index.add_pack(pack.id, pack.blobs)
        with self._lock:
            for blob in pack.blobs:
                self._claimed[blob.kind].discard(blob.id)
            self._unindexed.append((pack.id, pack.blobs))
            self._unindexed_blobs += len(pack.blobs)
            full = self._unindexed_blobs >= _INDEX_EVERY or len(self._unindexed) >= _INDEX_AFTER_PACKS
            due = self._take_unindexed() if full else []
        if due:
            self._save_index(encode_index(due))

    def _take_unindexed(self) -> list[tuple[bytes, Sequence[PackedBlob]]]:
        due, self._unindexed, self._unindexed_blobs = self._unindexed, [], 0
        return due

    def finish(self) -> None:
        """Store what is still open, then the index. After this every saved blob is durable and can be found."""
        packs: list[FinishedPack] = []
        try:
            for packer in (*self._packers.values(), *self._companions.values()):
                packs += packer.finish()
            packs = joined(self._order, packs)
            while packs:
                self._uploads.submit(packs[-1])
                packs.pop()
        except BaseException:
            for pack in packs:
                pack.path.unlink(missing_ok=True)
            raise
        finally:
            self._uploads.finish()
        self._progress.phase("index")
        if self._unindexed:
            self._save_index(encode_index(self._take_unindexed()))

    def abandon(self, reason: BaseException) -> None:
        """Give up; when somebody asked to stop, index what is stored already, so that the next run goes on there."""
        for packer in (*self._packers.values(), *self._companions.values()):
            packer.discard()
        self._uploads.abandon(reason)
        if isinstance(reason, Cancelled | KeyboardInterrupt) and self._unindexed:
            self._save_index(encode_index(self._take_unindexed()))
