"""Scrub: packs read whole from the medium, to see that every byte is what it was.

*PackSums* is what the index says of each pack, in a few bytes. A pack is sound if its SHA-256 is its name, its header
lists what the index lists, and every blob opens, decompresses and hashes to its id.
"""

import hashlib
import threading
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import cast

from traybackup.api.errors import AccessDenied, NotFound, RepositoryDamaged, StoreDamaged, StoreFailed
from traybackup.api.progress import Cancel
from traybackup.engine.codec import BlobKind, FileKind, object_name
from traybackup.engine.crypto import OVERHEAD
from traybackup.engine.index import Index
from traybackup.engine.pack import MAX_HEADER, PackedBlob, decode_header, open_blobs, read_header, split_header
from traybackup.engine.repository import Repository

_LENGTH_FIELD = 4
_PLAIN_ENTRY, _COMPRESSED_ENTRY = 37, 41
_WHOLE = 32 << 20
"""Bytes up to which a pack is held in memory; larger ones go through in pieces."""

_SMALL = 4 << 10
"""Mean bytes of a blob below which opening is mostly Python, where a second thread only gets in the way."""

_MASK = (1 << 64) - 1


class PackSums:
    """For each pack of an index: the size it must have, and a sum that its header must give.

    The sum takes no notice of the order, and is made with Python's own keyed hash: nobody can aim at it. *duplicates*
    counts the copies of blobs that the index knows already.
    """

    def __init__(self, index: Index) -> None:
        packs = len(index.packs())
        self.sizes = array("Q", [OVERHEAD + _LENGTH_FIELD]) * packs
        self.sums = array("Q", [0]) * packs
        self.duplicates = 0
        sizes, sums, tree, last = self.sizes, self.sums, BlobKind.TREE, b""
        for kind, blob_id, number, offset, length, plain_length in index.entries():
            if blob_id == last:  # copies stand together
                self.duplicates += 1
            last = blob_id
            sizes[number] += length + (_COMPRESSED_ENTRY if plain_length else _PLAIN_ENTRY)
            sums[number] = sums[number] + hash((kind is tree, blob_id, offset, length, plain_length)) & _MASK

    def fit(self, number: int, blobs: Iterable[PackedBlob]) -> bool:
        """Say whether *blobs* are those that the index lists for the pack."""
        total = 0
        for kind, blob_id, offset, length, plain_length in blobs:
            total += hash((kind is BlobKind.TREE, blob_id, offset, length, plain_length))
        return total & _MASK == self.sums[number]


class Scrub:
    """Looks into packs; from several threads."""

    def __init__(self, repo: Repository, sums: PackSums, cancel: Cancel) -> None:
        self._repo, self._sums, self._cancel = repo, sums, cancel
        self._numbers = repo.index.packs()
        self._small = threading.Lock()

    def look(self, pack_id: bytes, size: int) -> str:
        """Return a keyword for what is wrong with a pack that the index knows; empty: it is sound."""
        try:
            if size > _WHOLE:
                blobs = self._header(pack_id, size)
                why, bad = self._stream(pack_id, size, blobs)
            else:
                data = self._whole(pack_id, size)
                why = "" if hashlib.sha256(data).digest() == pack_id else "wrong-hash"
                blobs = read_header(self._repo.key, data, pack_id.hex())
                bad = self._bad(data, 0, blobs)
        except NotFound:
            return "missing"
        except StoreDamaged:
            return "wrong-size"
        except (StoreFailed, AccessDenied):
            return "unreadable"
        except RepositoryDamaged as error:
            return error.why
        if why or bad:
            return why or "damaged"
        return "" if self._sums.fit(self._numbers[pack_id], blobs) else "index-differs"

    def lost(self, pack_id: bytes, size: int, listed: Sequence[PackedBlob]) -> list[PackedBlob]:
        """Return those blobs of a pack that cannot be had, out of those that the index lists."""
        inside = sorted((blob for blob in listed if blob.offset + blob.length <= size), key=lambda blob: blob.offset)
        outside = [blob for blob in listed if blob.offset + blob.length > size]
        try:
            return outside + self._stream(pack_id, size, inside)[1]
        except (NotFound, StoreDamaged, StoreFailed, AccessDenied):
            return self._one_by_one(pack_id, listed)

    def _one_by_one(self, pack_id: bytes, blobs: Sequence[PackedBlob]) -> list[PackedBlob]:
        """Return the bad ones of *blobs*, reading each by itself: a medium may have lost a few sectors only."""
        bad = []
        for blob in blobs:
            self._cancel.check()
            try:
                bad += self._bad(self._repo.read_pack(pack_id, blob.offset, blob.length), blob.offset, [blob])
            except (NotFound, StoreDamaged, StoreFailed, AccessDenied):
                bad.append(blob)
        return bad

    def _whole(self, pack_id: bytes, size: int) -> bytes:
        """Return a whole pack as the medium holds it."""
        data = bytearray(size)
        filled = 0

        def fill(piece: bytes) -> None:
            nonlocal filled
            self._cancel.check()
            data[filled : filled + len(piece)] = piece
            filled += len(piece)

        self._repo.store.read_back(_name(pack_id), fill)
        if filled != size:
            raise StoreDamaged(name=_name(pack_id))
        return cast("bytes", data)  # a second copy would cost as much memory again

    def _header(self, pack_id: bytes, size: int) -> list[PackedBlob]:
        """Return what the header of a large pack lists.

        Raises:
            RepositoryDamaged: It cannot be read.
        """
        tail = self._repo.read_pack(pack_id, size - _LENGTH_FIELD)
        try:
            length, _ = split_header(tail, size)
            sealed = self._repo.read_pack(pack_id, size - _LENGTH_FIELD - min(length, MAX_HEADER), length)
            return decode_header(self._repo.key.open(sealed))
        except ValueError as error:
            raise RepositoryDamaged(kind="pack", id=pack_id.hex(), why="bad-header") from error

    def _stream(self, pack_id: bytes, size: int, blobs: Sequence[PackedBlob]) -> tuple[str, list[PackedBlob]]:
        """Read a pack piece by piece; return what is wrong with it as a whole, and its bad blobs.

        Args:
            blobs: Sorted by offset, inside *size*.
        """
        digest, bad, waiting = hashlib.sha256(), [], list(reversed(blobs))
        held, base = bytearray(), 0

        def take(piece: bytes) -> None:
            nonlocal base
            self._cancel.check()
            digest.update(piece)
            held.extend(piece)
            due = []
            while waiting and waiting[-1].offset + waiting[-1].length <= base + len(held):
                due.append(waiting.pop())
            bad.extend(self._bad(bytes(held) if due else b"", base, due))
            keep = waiting[-1].offset if waiting else size
            done = max(0, min(keep - base, len(held)))
            del held[:done]
            base += done

        self._repo.store.read_back(_name(pack_id), take)
        return "" if digest.digest() == pack_id else "wrong-hash", [*bad, *waiting]

    def _bad(self, data: bytes, base: int, blobs: Sequence[PackedBlob]) -> list[PackedBlob]:
        with ExitStack() as stack:
            if len(blobs) * _SMALL > len(data):
                stack.enter_context(self._small)
            opened = open_blobs(self._repo.key, data, base, blobs)
            return [blob for blob, plain in opened if not isinstance(plain, bytes)]


def _name(pack_id: bytes) -> str:
    return object_name(FileKind.PACK, pack_id.hex())


def choose(pack_ids: Iterable[str], percent: float, turn: int) -> Callable[[str], bool]:
    """Return a test for the packs whose turn it is.

    A pack's place on a ring is the beginning of its id, which is as good as drawn by lot and never changes. Each turn
    reads an arc of *percent* of the ring, starting where the golden ratio times *turn* points to: arcs of any few turns
    lie far apart and those of many leave no gap, whether the turns are days in a row, every seventh or every thirtieth.
    Everything has been read after two to four times as many turns as arcs fit on the ring.
    """
    if percent >= 100:  # noqa: PLR2004 - all of them
        return lambda _: True
    start = turn * 0.6180339887498949 % 1.0
    width = percent / 100

    def distance(pack_id: str) -> float:
        return (int(pack_id[:13], 16) / (1 << 52) - start) % 1.0

    nearest = min(pack_ids, key=distance, default="")
    # even of very few packs one is read
    return lambda pack_id: percent > 0 and (distance(pack_id) < width or pack_id == nearest)
