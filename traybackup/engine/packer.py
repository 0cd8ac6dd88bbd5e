"""Packer: hashes a batch of plain blobs, and packs those of them that turn out to be new.

Two steps, because only the saver knows which blobs are there already: `Packer.take` a batch, `Packer.pack` a choice of
it. Where most are new, as in a first run, they are sealed in the first step: then they need be hashed only once. A
packer serves one thread and fills packs of its own, so that no lock is held while it works.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from traybackup.api.errors import RepositoryDamaged
from traybackup.engine.codec import BlobKind
from traybackup.engine.crypto import MasterKey
from traybackup.engine.pack import Buffer, FinishedPack, PackedBlob, PackWriter, Sealed


class Order(NamedTuple):
    """What a packer needs to know.

    Attributes:
        folder: Where packs grow.
        level: zstd's; 0 stores as is.
        pack_size: Bytes at which a pack is full.
    """

    key: MasterKey
    folder: Path
    level: int
    pack_size: int


class Packed(NamedTuple):
    """What packing a choice came to.

    Attributes:
        size: Bytes that the blobs take in the packs.
        finished: Packs that became full.
    """

    size: int
    finished: list[FinishedPack]


class Packer(ABC):
    """Hashes and packs, for one thread."""

    @abstractmethod
    def take(self, kind: BlobKind, plains: Sequence[Buffer], *, new: bool = False) -> list[bytes]:
        """Take a batch and return the ids of its blobs.

        Args:
            new: They are most likely new, so they are sealed at once.

        Raises:
            RepositoryDamaged: What was sealed does not open to the same bytes.
        """

    @abstractmethod
    def pack(self, chosen: Sequence[int]) -> Packed:
        """Pack those blobs of the batch, given by their places in it.

        Raises:
            RepositoryDamaged: What was sealed does not open to the same bytes.
        """

    @abstractmethod
    def finish(self) -> list[FinishedPack]:
        """Hand over the packs that are still open."""

    @abstractmethod
    def discard(self) -> None:
        """Drop the packs that are still open."""


class LocalPacker(Packer):
    """A packer that works in the calling thread."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._writers: dict[BlobKind, PackWriter] = {}
        self._kind = BlobKind.DATA
        self._plains: Sequence[Buffer] = ()
        self._ids: list[bytes] = []
        self._sealed: list[Sealed] = []

    def take(self, kind: BlobKind, plains: Sequence[Buffer], *, new: bool = False) -> list[bytes]:
        self._kind, self._plains, self._sealed = kind, plains, []
        if new:
            self._sealed = list(map(self._writer(kind).seal, plains))
            self._ids = [sealed.id for sealed in self._sealed]
        else:
            sha256 = hashlib.sha256
            self._ids = [sha256(plain).digest() for plain in plains]
        return self._ids

    def pack(self, chosen: Sequence[int]) -> Packed:
        writer, full = self._writer(self._kind), self._order.pack_size
        ready, ids, plains = self._sealed, self._ids, self._plains
        self._sealed, self._ids, self._plains = [], [], ()
        finished: list[FinishedPack] = []
        size = 0
        for number in chosen:
            size += writer.add(ready[number] if ready else writer.seal(plains[number], ids[number]))
            if writer.full(full):
                finished.append(writer.finish())
        return Packed(size, finished)

    def copy(self, blob: PackedBlob, sealed: bytes) -> list[FinishedPack]:
        """Add a blob sealed earlier, which the caller has opened and verified; return packs that became full."""
        writer = self._writer(blob.kind)
        writer.add_copy(blob, sealed)
        return [writer.finish()] if writer.full(self._order.pack_size) else []

    def finish(self) -> list[FinishedPack]:
        return [writer.finish() for writer in self._writers.values() if writer.blobs]

    def discard(self) -> None:
        for writer in self._writers.values():
            writer.discard()

    def _writer(self, kind: BlobKind) -> PackWriter:
        writer = self._writers.get(kind)
        if writer is None:
            order = self._order
            writer = self._writers[kind] = PackWriter(order.key, kind, order.folder, level=order.level)
        return writer


def joined(order: Order, packs: Sequence[FinishedPack]) -> list[FinishedPack]:
    """Make one of those packs that fit into one: every object costs a place several calls, or a stick several flushes.

    Raises:
        RepositoryDamaged: A temporary file does not hold what was written.
    """
    groups: list[list[FinishedPack]] = []
    for pack in sorted(packs, key=lambda pack: pack.payload.size, reverse=True):
        for group in groups:
            room = order.pack_size - sum(other.payload.size for other in group)
            if group[0].blobs[0].kind is pack.blobs[0].kind and pack.payload.size <= room:
                group.append(pack)
                break
        else:
            groups.append([pack])
    return [group[0] if len(group) == 1 else _join(order, group) for group in groups]


def _join(order: Order, group: Sequence[FinishedPack]) -> FinishedPack:
    writer = LocalPacker(order)
    try:
        for pack in group:
            digest = hashlib.sha256()
            with pack.payload.open() as stream:
                for blob in pack.blobs:
                    sealed = stream.read(blob.length)
                    digest.update(sealed)
                    writer.copy(blob, sealed)
                digest.update(stream.read())
            if digest.digest() != pack.id:
                raise RepositoryDamaged(kind="pack", id=pack.id.hex(), why="not-reproducible")  # noqa: TRY301 - tidied up after like all
        (one,) = writer.finish()
    except BaseException:
        writer.discard()
        raise
    for pack in group:
        pack.path.unlink(missing_ok=True)
    return one
