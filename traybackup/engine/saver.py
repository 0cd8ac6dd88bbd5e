"""BlobSaver: takes blobs from several threads and sees to it that each is stored once, durably and verified.

Every thread fills packs of its own, so that no lock is held while it hashes, compresses and seals. Finished packs go
through a bounded queue to the uploaders, which put and verify them and only then make their blobs known to the index.
An index file is written every so often, so that a run that is cut short need not store everything again.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from traybackup.api.errors import Cancelled
from traybackup.api.progress import Progress
from traybackup.api.store import Store
from traybackup.engine.codec import BlobKind, FileKind, object_name
from traybackup.engine.crypto import MasterKey
from traybackup.engine.index import Index, encode_index
from traybackup.engine.pack import Buffer, FinishedPack, PackedBlob, PackWriter
from traybackup.engine.verify import put_verified
from traybackup.engine.workers import Workers

LEVEL = 1
"""zstd's level: 15 to 20 % faster than 3 and under 2 % larger on till data."""

_INDEX_EVERY = 50_000
"""Blobs in one index file, as restic has it."""

_INDEX_AFTER_PACKS = 32
"""… or packs: how much an interrupted run may have to store again."""

_SMALLEST_PACK, _LARGEST_PACK = 4 << 20, 128 << 20


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
        self._store, self._key, self._index = store, key, index
        self._save_index, self._folder, self._progress = save_index, folder, progress
        self._level = LEVEL if level is None else level
        able = store.capabilities
        self._pack_size = min(
            max(able.best_object, _SMALLEST_PACK), _LARGEST_PACK, able.largest_object or _LARGEST_PACK
        )
        self._lock = threading.Lock()
        self._claimed: dict[BlobKind, set[bytes]] = {kind: set() for kind in BlobKind}
        self._writers: dict[tuple[int, BlobKind], PackWriter] = {}
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
        sha256 = hashlib.sha256
        ids = [sha256(plain).digest() for plain in plains]
        fresh: list[tuple[bytes, Buffer]] = []
        claimed, has = self._claimed[kind], self._index.has
        with self._lock:
            for blob_id, plain in zip(ids, plains, strict=True):
                if blob_id not in claimed and not has(kind, blob_id):
                    claimed.add(blob_id)
                    fresh.append((blob_id, plain))
        if fresh:
            self._append(kind, fresh)
        return ids

    def _append(self, kind: BlobKind, fresh: Sequence[tuple[bytes, Buffer]]) -> None:
        writer = self._writer(kind)
        packed = size = 0
        for blob_id, plain in fresh:
            packed += writer.add(blob_id, plain)
            size += len(plain)
            if writer.full(self._pack_size):
                self._uploads.submit(writer.finish())
        with self._lock:
            self.added[kind] += size
            self.added_packed[kind] += packed
            self.new_blobs[kind] += len(fresh)

    def copy(self, blob: PackedBlob, sealed: bytes) -> None:
        """Move a blob that was opened and verified into a new pack, whether it is known or not."""
        writer = self._writer(blob.kind)
        writer.add_copy(blob, sealed)
        if writer.full(self._pack_size):
            self._uploads.submit(writer.finish())

    def _writer(self, kind: BlobKind) -> PackWriter:
        slot = (threading.get_ident(), kind)
        writer = self._writers.get(slot)
        if writer is None:
            writer = PackWriter(self._key, kind, self._folder, level=self._level)
            self._writers[slot] = writer
        return writer

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
        try:
            for writer in self._writers.values():
                if writer.blobs:
                    self._uploads.submit(writer.finish())
        finally:
            self._uploads.finish()
        self._progress.phase("index")
        if self._unindexed:
            self._save_index(encode_index(self._take_unindexed()))

    def abandon(self, reason: BaseException) -> None:
        """Give up; when somebody asked to stop, index what is stored already, so that the next run goes on there."""
        for writer in self._writers.values():
            writer.discard()
        self._uploads.abandon(reason)
        if isinstance(reason, Cancelled | KeyboardInterrupt) and self._unindexed:
            self._save_index(encode_index(self._take_unindexed()))
