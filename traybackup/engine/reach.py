"""Reach: which blobs the snapshots need.

*Reach* follows trees from the roots down and keeps one byte for each blob of the index, so that millions of blobs need
a few megabytes. Trees are read pack by pack, newest snapshot first: one call fetches a whole pack of them, and what an
old pack is needed for has come together by the time it is read.
"""

from collections.abc import Callable, Iterable

import msgspec

from traybackup.api.errors import AccessDenied, NotFound, StoreDamaged, StoreFailed
from traybackup.api.progress import Cancel
from traybackup.engine.codec import ID_LENGTH, BlobKind
from traybackup.engine.pack import PackedBlob, open_blobs
from traybackup.engine.repository import Repository

UNREADABLE = (NotFound, StoreDamaged, StoreFailed, AccessDenied)
"""What a place says of a single object that is gone, short or on bad sectors; other errors are of the whole place."""

_WHOLE_PACK = 32 << 20
"""Bytes of tree packs that are read at once; larger ones are read tree by tree."""

_FAMILIAR = 1 << 17
"""How many ids are kept to skip what was marked a moment ago: a database lists the same blocks in every snapshot."""


class _Node(msgspec.Struct, gc=False):
    content: list[str] | None = None
    subtree: str | None = None


class _Tree(msgspec.Struct):
    nodes: list[_Node]


_DECODER = msgspec.json.Decoder(_Tree)


class Reach:
    """Marks what can be reached.

    Args:
        fault: Called with a blob that is needed and cannot be had, and a short keyword; may raise to end it all.
        inspect: Called with id and plain bytes of every tree that is reached, once.

    Attributes:
        marks: A byte for each blob of the index, by `Index.rank`: 1 if it is needed.
        trees: How many trees were reached.
    """

    def __init__(
        self,
        repo: Repository,
        *,
        fault: Callable[[BlobKind, bytes, str], None],
        inspect: Callable[[bytes, bytes], None] | None = None,
        cancel: Cancel | None = None,
    ) -> None:
        self._repo = repo
        self._fault, self._inspect, self._cancel = fault, inspect, cancel or Cancel()
        self._pending: dict[int, list[PackedBlob]] = {}
        self._read: set[int] = set()
        self._missing: set[tuple[BlobKind, bytes]] = set()
        self._familiar: set[str] = set()
        self.marks = bytearray(len(repo.index))
        self.trees = 0

    def follow(self, roots: Iterable[bytes]) -> None:
        """Mark the trees *roots* and everything below them; the newest first is the fastest."""
        for root in roots:
            self._want(root)
        while self._pending:
            number = next(iter(self._pending))
            if number in self._read:
                self._single(number)
            else:
                self._read.add(number)
                self._whole(number)

    def _whole(self, number: int) -> None:
        """Read a pack and follow all that is wanted of it, and what turns up to be wanted meanwhile."""
        pack_id = self._repo.index.pack_id(number)
        try:
            if max(blob.offset + blob.length for blob in self._pending[number]) > _WHOLE_PACK:
                return
            data = self._repo.read_pack(pack_id)
        except UNREADABLE:
            data = b""
        while wanted := self._pending.pop(number, None):
            self._open(data, 0, wanted)

    def _single(self, number: int) -> None:
        """Follow what is wanted of a pack that was read before, or that is too large."""
        pack_id = self._repo.index.pack_id(number)
        for blob in self._pending.pop(number):
            try:
                data = self._repo.read_pack(pack_id, blob.offset, blob.length)
            except UNREADABLE:
                data = b""
            self._open(data, blob.offset, [blob])

    def _open(self, data: bytes, base: int, wanted: list[PackedBlob]) -> None:
        for blob, plain in open_blobs(self._repo.key, data, base, wanted):
            self._cancel.check()
            if isinstance(plain, bytes):
                self._visit(blob.id, plain)
                continue
            copy = sound_copy(self._repo, BlobKind.TREE, blob.id)
            if copy is None:
                self._fault(BlobKind.TREE, blob.id, plain.why if data else "unreadable")
            else:
                self._visit(blob.id, copy)

    def _visit(self, tree_id: bytes, plain: bytes) -> None:
        self.trees += 1
        try:
            nodes = _DECODER.decode(plain).nodes
            for node in nodes:
                if node.content:
                    self._mark(node.content)
                if node.subtree is not None:
                    self._want(_id(node.subtree))
        except (ValueError, RecursionError):
            self._fault(BlobKind.TREE, tree_id, "bad-json")
        else:
            if self._inspect is not None:
                self._inspect(tree_id, plain)

    def _mark(self, content: list[str]) -> None:
        familiar = self._familiar
        fresh = content if len(content) == 1 else set(content).difference(familiar)
        rank, marks = self._repo.index.rank, self.marks
        for text in fresh:
            blob_id = _id(text)
            place = rank(BlobKind.DATA, blob_id)
            if place is None:
                self._lacks(BlobKind.DATA, blob_id)
            else:
                marks[place] = 1
        if len(content) > 1:
            if len(familiar) > _FAMILIAR:
                familiar.clear()
            familiar.update(fresh)

    def _want(self, tree_id: bytes) -> None:
        place = self._repo.index.rank(BlobKind.TREE, tree_id)
        if place is None:
            self._lacks(BlobKind.TREE, tree_id)
        elif not self.marks[place]:
            self.marks[place] = 1
            location = self._repo.index.locate(BlobKind.TREE, tree_id)
            assert location is not None  # noqa: S101 - it has a rank
            self._pending.setdefault(location[0], []).append(PackedBlob(BlobKind.TREE, tree_id, *location[1:]))

    def _lacks(self, kind: BlobKind, blob_id: bytes) -> None:
        if (kind, blob_id) not in self._missing:
            self._missing.add((kind, blob_id))
            self._fault(kind, blob_id, "not-indexed")


def sound_copy(repo: Repository, kind: BlobKind, blob_id: bytes) -> bytes | None:
    """Return the plain bytes of a blob from whichever pack has it whole; None if none has."""
    for number, offset, length, plain_length in repo.index.locations(kind, blob_id):
        try:
            data = repo.read_pack(repo.index.pack_id(number), offset, length)
        except UNREADABLE:
            continue
        blob = PackedBlob(kind, blob_id, offset, length, plain_length)
        ((_, plain),) = open_blobs(repo.key, data, offset, [blob])
        if isinstance(plain, bytes):
            return plain
    return None


def _id(text: str) -> bytes:
    blob_id = bytes.fromhex(text)
    if len(blob_id) != ID_LENGTH:
        raise ValueError(text)
    return blob_id
