"""Index: which blob lies in which pack, for millions of blobs in little memory.

A blob costs 48 bytes: its id, and a record of pack number, offset, length and plain length. Ids are kept sorted in 256
*buckets* by their first byte, each with a fan-out over the second; a look-up is one `bytes.find` over a few hundred
bytes. New blobs wait in a small dict until there are enough to be merged. Readers need no lock: buckets are never
changed, only replaced.

Source: restic's doc/design.rst, "Indexing".
"""

import struct
import threading
from array import array
from binascii import unhexlify
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate, chain, pairwise, repeat
from typing import Annotated, Literal, NamedTuple

import msgspec

from traybackup.api.errors import RepositoryDamaged
from traybackup.engine.codec import ID_LENGTH, BlobKind
from traybackup.engine.pack import PackedBlob

_RECORD = struct.Struct("<IIII")
_ENTRY = ID_LENGTH + _RECORD.size
_MERGE_AT = 32_768

Location = tuple[int, int, int, int]
"""Pack number, offset, sealed length, plain length (0: not compressed)."""


_Number = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Id = Annotated[str, msgspec.Meta(min_length=2 * ID_LENGTH, max_length=2 * ID_LENGTH)]


class _BlobJson(msgspec.Struct, gc=False):
    id: _Id
    type: Literal["data", "tree"]
    offset: _Number
    length: _Number
    uncompressed_length: _Number = 0


class _PackJson(msgspec.Struct, gc=False):
    id: _Id
    blobs: list[_BlobJson]


class _IndexJson(msgspec.Struct, gc=False):
    packs: list[_PackJson]


_DECODER = msgspec.json.Decoder(_IndexJson)


def decode_index(data: bytes, file_id: str) -> list[tuple[bytes, list[PackedBlob]]]:
    """Return the packs an index file lists, with their blobs.

    Raises:
        RepositoryDamaged: It is not an index file, or holds an id that is none or a number that cannot be.
    """
    try:
        parsed = _DECODER.decode(data)
        packs = []
        for pack in parsed.packs:
            packs.append((_ids([pack])[0], _packed(pack.blobs)))
            pack.blobs = []  # both forms of a large file at once would double the peak
        return packs  # noqa: TRY300 - the loop is what may fail
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise RepositoryDamaged(kind="index", id=file_id, why="bad-index") from error


_KINDS = {"data": BlobKind.DATA, "tree": BlobKind.TREE}


def _packed(blobs: Sequence[_BlobJson]) -> list[PackedBlob]:
    fields = (
        [_KINDS[blob.type] for blob in blobs],
        _ids(blobs),
        [blob.offset for blob in blobs],
        [blob.length for blob in blobs],
        [blob.uncompressed_length for blob in blobs],
    )
    # there may be a million: a call of the class's own constructor for each would double the time
    return list(map(partial(tuple.__new__, PackedBlob), zip(*fields, strict=True)))


def _ids(named: Sequence[_BlobJson] | Sequence[_PackJson]) -> list[bytes]:
    """Return the ids, all decoded in one call: an index has them by the ten thousand."""
    text = "".join([each.id for each in named])
    if text != text.lower():
        raise ValueError(text[:64])
    joined = unhexlify(text)
    return [joined[at : at + ID_LENGTH] for at in range(0, len(joined), ID_LENGTH)]


def encode_index(packs: Sequence[tuple[bytes, Sequence[PackedBlob]]]) -> bytes:
    """Return the JSON of an index file, as restic orders it."""
    parts = []
    for pack_id, blobs in packs:
        listed = ",".join(
            f'{{"id":"{blob.id.hex()}","type":"{blob.kind.word}","offset":{blob.offset},"length":{blob.length}'
            + (f',"uncompressed_length":{blob.plain_length}}}' if blob.plain_length else "}")
            for blob in blobs
        )
        parts.append(f'{{"id":"{pack_id.hex()}","blobs":[{listed}]}}')
    return f'{{"packs":[{",".join(parts)}]}}'.encode()


class _Bucket(NamedTuple):
    """Blobs whose ids share the first byte, sorted by id. *fan[b]* counts those whose second byte is below *b*."""

    ids: bytes
    records: bytes
    fan: "array[int]"


_EMPTY = _Bucket(b"", b"", array("I", [0] * 257))


def _bucket(entries: list[bytes]) -> _Bucket:
    if not entries:
        return _EMPTY
    entries = sorted(set(entries))  # while an index file is being replaced, two of them list the same
    fan = array("I", [0] * 257)
    for entry in entries:
        fan[entry[1] + 1] += 1
    joined = b"".join
    ids, records = joined([e[:ID_LENGTH] for e in entries]), joined([e[ID_LENGTH:] for e in entries])
    return _Bucket(ids, records, array("I", accumulate(fan)))


_Loaded = list[list[bytes]]
"""Pieces of entries, by the first byte of their ids."""


class _Table:
    """The blobs of one kind."""

    def __init__(self) -> None:
        self._buckets: list[_Bucket] = [_EMPTY] * 256
        self._recent: dict[bytes, bytes] = {}
        self._merged = 0
        self._before = [0] * 256

    def __len__(self) -> int:
        return self._merged + len(self._recent)

    def find(self, blob_id: bytes) -> bytes | None:
        """Return the record of *blob_id*. The dict first: a merge fills the buckets before it empties the dict."""
        record = self._recent.get(blob_id)
        if record is not None:
            return record
        bucket = self._buckets[blob_id[0]]
        position = _position(bucket, blob_id)
        if position < 0:
            return None
        at = position * _RECORD.size
        return bucket.records[at : at + _RECORD.size]

    def find_all(self, blob_ids: Sequence[bytes]) -> bool:
        """Say whether all are known: what `find` would say of each, without a call for each."""
        recent, buckets = self._recent, self._buckets
        for blob_id in blob_ids:
            if blob_id in recent:
                continue
            ids, _, fan = buckets[blob_id[0]]
            second = blob_id[1]
            position = ids.find(blob_id, fan[second] * ID_LENGTH, fan[second + 1] * ID_LENGTH)
            if position < 0 or (position % ID_LENGTH and self.find(blob_id) is None):
                return False
        return True

    def rank(self, blob_id: bytes) -> int | None:
        """Return the place of *blob_id*, of its first copy, in `entries`."""
        if self._recent:
            self._merge()
        position = _position(self._buckets[blob_id[0]], blob_id)
        return None if position < 0 else self._before[blob_id[0]] + position

    def all(self, blob_id: bytes) -> list[bytes]:
        """Return the records of every copy of *blob_id*; the dict first, as in `find`."""
        recent = self._recent.get(blob_id)
        bucket = self._buckets[blob_id[0]]
        first = end = _position(bucket, blob_id)
        while first >= 0 and bucket.ids.startswith(blob_id, end * ID_LENGTH):
            end += 1
        records = [bucket.records[at * _RECORD.size : (at + 1) * _RECORD.size] for at in range(first, end)]
        return records if recent is None or recent in records else [recent, *records]

    def add(self, blob_id: bytes, record: bytes) -> None:
        if self._recent.setdefault(blob_id, record) != record:
            self._merge()  # a second copy of the blob: the dict can hold only one
            self._recent[blob_id] = record
        elif len(self._recent) >= max(_MERGE_AT, self._merged // 4):
            self._merge()

    def extend(self, loaded: _Loaded) -> None:
        """Merge many entries (id and record), given by first byte; *loaded* is used up."""
        self._merge(loaded)

    def _merge(self, loaded: _Loaded | None = None) -> None:
        fresh: list[list[bytes]] = [[] for _ in range(256)]
        for blob_id, record in self._recent.items():
            fresh[blob_id[0]].append(blob_id + record)
        buckets = list(self._buckets)
        for first in range(256):
            more = b"".join(loaded[first]) if loaded else b""
            if not fresh[first] and not more:
                continue
            entries, fresh[first] = fresh[first], []  # one bucket's at a time
            entries.extend(more[at : at + _ENTRY] for at in range(0, len(more), _ENTRY))
            entries.extend(_entries(buckets[first]))
            buckets[first] = _bucket(entries)
            if loaded:
                loaded[first] = []
        self._buckets = buckets
        self._recent = {}
        *self._before, self._merged = accumulate((len(bucket.ids) // ID_LENGTH for bucket in buckets), initial=0)

    def entries(self) -> Iterator[tuple[bytes, Location]]:
        recent, buckets = self._recent, self._buckets
        for bucket in buckets:
            for entry in _entries(bucket):
                yield entry[:ID_LENGTH], _RECORD.unpack_from(entry, ID_LENGTH)
        for blob_id, record in list(recent.items()):
            yield blob_id, _RECORD.unpack(record)


def _position(bucket: _Bucket, blob_id: bytes) -> int:
    """Return how many blobs of the bucket stand before the first copy of *blob_id*; negative: there is none."""
    second = blob_id[1]
    start, end = bucket.fan[second] * ID_LENGTH, bucket.fan[second + 1] * ID_LENGTH
    ids = bucket.ids
    position = ids.find(blob_id, start, end)
    while position % ID_LENGTH and position >= 0:
        position = ids.find(blob_id, position + 1, end)
    return position // ID_LENGTH


def _entries(bucket: _Bucket) -> Iterator[bytes]:
    ids, records = bucket.ids, bucket.records
    for number in range(len(ids) // ID_LENGTH):
        yield (
            ids[number * ID_LENGTH : (number + 1) * ID_LENGTH]
            + records[number * _RECORD.size : (number + 1) * _RECORD.size]
        )


def _by_kind(blobs: list[PackedBlob]) -> Iterator[tuple[BlobKind, list[PackedBlob]]]:
    """Yield the blobs of each kind; usually there is one to a pack."""
    kinds = {blob[0] for blob in blobs}
    for kind in kinds:
        yield kind, blobs if len(kinds) == 1 else [blob for blob in blobs if blob.kind is kind]


def _encoded(number: int, blobs: list[PackedBlob]) -> list[bytes]:
    """Return the entries of blobs in the pack *number*."""
    _, ids, offsets, lengths, plain_lengths = zip(*blobs, strict=True)
    numbers = chain.from_iterable(zip(repeat(number), offsets, lengths, plain_lengths))
    size = _RECORD.size
    records = struct.pack(f"<{4 * len(blobs)}I", *numbers)
    return [blob_id + records[at : at + size] for blob_id, at in zip(ids, range(0, len(records), size), strict=True)]


class Index:
    """All blobs of a repository that an index file names, and those of packs stored since."""

    def __init__(self) -> None:
        self._tables = {kind: _Table() for kind in BlobKind}
        self._packs: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._lost: set[int] = set()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables.values())

    def _number(self, pack_id: bytes) -> int:
        number = self._numbers.setdefault(pack_id, len(self._packs))
        if number == len(self._packs):
            self._packs.append(pack_id)
        return number

    def add_pack(self, pack_id: bytes, blobs: Sequence[PackedBlob]) -> None:
        """Make the blobs of a stored pack known."""
        with self._lock:
            number = self._number(pack_id)
            for blob in blobs:
                record = _RECORD.pack(number, blob.offset, blob.length, blob.plain_length)
                self._tables[blob.kind].add(blob.id, record)

    def add_files(self, files: Iterator[list[tuple[bytes, list[PackedBlob]]]]) -> None:
        """Make the packs of many index files known at once."""
        with self._lock:
            loaded: dict[BlobKind, _Loaded] = {kind: [[] for _ in range(256)] for kind in BlobKind}
            for packs in files:
                self._load(packs, loaded)
            for kind, buckets in loaded.items():
                self._tables[kind].extend(buckets)

    def _load(self, packs: list[tuple[bytes, list[PackedBlob]]], loaded: dict[BlobKind, _Loaded]) -> None:
        """Add a file's entries to *loaded*, a piece a bucket: hundreds of growing buffers would fragment memory."""
        entries: dict[BlobKind, list[bytes]] = {kind: [] for kind in BlobKind}
        for pack_id, blobs in packs:
            number = self._number(pack_id)
            for kind, some in _by_kind(blobs):
                entries[kind] += _encoded(number, some)
        for kind, found in entries.items():
            found.sort()
            starts = [bisect_left(found, bytes((first,))) for first in range(256)]
            for first, (start, end) in enumerate(pairwise([*starts, len(found)])):
                if start < end:
                    loaded[kind][first].append(b"".join(found[start:end]))

    def has(self, kind: BlobKind, blob_id: bytes) -> bool:
        """Say whether the blob is known, and not only in packs that are lost."""
        if self._tables[kind].find(blob_id) is None:
            return False
        return not self._lost or any(number not in self._lost for number, *_ in self.locations(kind, blob_id))

    def has_all(self, kind: BlobKind, blob_ids: Sequence[bytes]) -> bool:
        """Say whether `has` is true of all."""
        if self._lost:
            return all(self.has(kind, blob_id) for blob_id in blob_ids)
        return self._tables[kind].find_all(blob_ids)

    def lose(self, kind: BlobKind, blob_id: bytes) -> None:
        """Note that no copy of the blob opens: whatever lies in those packs counts as unknown and is stored again."""
        self._lost.update(number for number, *_ in self.locations(kind, blob_id))

    def locate(self, kind: BlobKind, blob_id: bytes) -> Location | None:
        """Return where the blob lies (one of the places, if it has several)."""
        record = self._tables[kind].find(blob_id)
        return None if record is None else _RECORD.unpack(record)

    def locations(self, kind: BlobKind, blob_id: bytes) -> list[Location]:
        """Return every place where the blob lies."""
        return [_RECORD.unpack(record) for record in self._tables[kind].all(blob_id)]

    def rank(self, kind: BlobKind, blob_id: bytes) -> int | None:
        """Return the place of the blob (of its first copy) in the order of `entries`, None if it is not known.

        For who needs a bit for each blob of a repository. Ranks are good until a blob is added.
        """
        with self._lock:  # it may merge
            rank = self._tables[kind].rank(blob_id)
        if rank is None or kind is BlobKind.DATA:
            return rank
        return len(self._tables[BlobKind.DATA]) + rank

    def pack_id(self, number: int) -> bytes:
        """Return the id of a pack by the number a `Location` carries."""
        return self._packs[number]

    def packs(self) -> dict[bytes, int]:
        """Return every known pack's id with its number."""
        return dict(self._numbers)

    def entries(self) -> Iterator[tuple[BlobKind, bytes, int, int, int, int]]:
        """Yield every blob with kind, id, pack number, offset, length and plain length; copies in other packs too."""
        for kind, table in self._tables.items():
            for blob_id, location in table.entries():
                yield (kind, blob_id, *location)
