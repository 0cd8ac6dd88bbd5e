"""Pack: sealed blobs one after the other, then a sealed header that lists them, then the header's length.

*PackedBlob* says where a blob lies in its pack. A pack's name is the SHA-256 of the whole file. Data and tree blobs
never share a pack.

Source: restic's doc/design.rst, "Pack Format".
"""

import hashlib
import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import zstandard

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.store import FilePayload
from traybackup.engine.codec import ID_LENGTH, MAX_BLOB, MAX_FILE, BlobKind, unzstd
from traybackup.engine.crypto import OVERHEAD, MasterKey, Opener, SealBroken, Sealer

_PLAIN = struct.Struct("<BI32s")
_COMPRESSED = struct.Struct("<BII32s")
_LENGTH = struct.Struct("<I")

HEADER_ENTRY = _COMPRESSED.size
"""Bytes that a blob takes in the header, at most."""

_FIRST_COMPRESSED = 2
_LAST_TYPE = 3

MAX_HEADER = 16 << 20
"""Bytes of a sealed header: restic's own bound."""

_WRITE_PIECE = 512 << 10


Buffer = bytes | memoryview


class PackedBlob(NamedTuple):
    """Where one blob lies.

    Attributes:
        length: Bytes of the sealed blob.
        plain_length: Bytes once decompressed; 0 if the blob is not compressed.
    """

    kind: BlobKind
    id: bytes
    offset: int
    length: int
    plain_length: int


def encode_header(blobs: Sequence[PackedBlob]) -> bytes:
    """Return the plain header of a pack."""
    return b"".join(
        _COMPRESSED.pack(blob.kind.value + _FIRST_COMPRESSED, blob.length, blob.plain_length, blob.id)
        if blob.plain_length
        else _PLAIN.pack(blob.kind.value, blob.length, blob.id)
        for blob in blobs
    )


def decode_header(plain: bytes) -> list[PackedBlob]:
    """Return the blobs that a plain header lists.

    Raises:
        ValueError: It is not a sequence of known entries.
    """
    blobs: list[PackedBlob] = []
    position = offset = 0
    while position < len(plain):
        kind = plain[position]
        entry = _COMPRESSED if kind >= _FIRST_COMPRESSED else _PLAIN
        if kind > _LAST_TYPE or position + entry.size > len(plain):
            raise ValueError(kind)
        fields = entry.unpack_from(plain, position)
        position += entry.size
        plain_length = fields[2] if kind >= _FIRST_COMPRESSED else 0
        blobs.append(PackedBlob(BlobKind(kind & 1), fields[-1], offset, fields[1], plain_length))
        offset += fields[1]
    return blobs


def split_header(tail: bytes, size: int) -> tuple[int, bytes]:
    """Find the sealed header at the end of a pack of *size* bytes.

    Args:
        tail: The pack's last bytes, or all of them.

    Returns:
        The sealed header's whole length, and as much of it as *tail* holds at its end.

    Raises:
        ValueError: The length cannot be right.
    """
    if len(tail) < _LENGTH.size:
        raise ValueError(len(tail))
    (length,) = _LENGTH.unpack_from(tail, len(tail) - _LENGTH.size)
    if not OVERHEAD < length <= MAX_HEADER or length + _LENGTH.size > size:
        raise ValueError(length)
    return length, tail[max(0, len(tail) - _LENGTH.size - length) : -_LENGTH.size]


def read_header(key: MasterKey, data: bytes, pack_id: str = "") -> list[PackedBlob]:
    """Return the blobs of a whole pack, and make sure that they and the header fill it exactly.

    Raises:
        RepositoryDamaged: The header is broken or does not fit the file.
    """
    try:
        length, sealed = split_header(data, len(data))
        blobs = decode_header(key.open(sealed))
    except ValueError as error:
        raise RepositoryDamaged(kind="pack", id=pack_id, why="bad-header") from error
    if sum(blob.length for blob in blobs) + length + _LENGTH.size != len(data):
        raise RepositoryDamaged(kind="pack", id=pack_id, why="wrong-size")
    return blobs


def open_blobs(
    key: MasterKey, data: bytes, base: int, blobs: Sequence[PackedBlob]
) -> Iterator[tuple[PackedBlob, bytes | RepositoryDamaged]]:
    """Open *blobs* of a pack: verify, decrypt, decompress, hash.

    Args:
        data: A part of the pack.
        base: Where in the pack *data* starts.

    Yields:
        Each blob with its plain bytes, or with what is wrong with it: one broken blob does not hide the others.
    """
    opener = Opener(key)
    decompressor = zstandard.ZstdDecompressor()
    view = memoryview(data)
    for blob in blobs:
        start = blob.offset - base
        try:
            plain = open_blob(opener, decompressor, view[start : start + blob.length] if start >= 0 else b"", blob)
        except ValueError:
            yield blob, RepositoryDamaged(kind=blob.kind.word, id=blob.id.hex(), why="damaged")
        else:
            yield blob, plain


def open_blob(
    opener: Opener, decompressor: zstandard.ZstdDecompressor, sealed: bytes | memoryview, blob: PackedBlob
) -> bytes:
    """Open one sealed blob and make sure that it is the one its id names.

    Raises:
        ValueError: It is not (too short, broken seal, broken frame, wrong length, wrong hash).
    """
    plain = _opened(opener, decompressor, sealed, blob)
    if hashlib.sha256(plain).digest() != blob.id:
        raise ValueError(blob.id)
    return plain


def _opened(
    opener: Opener, decompressor: zstandard.ZstdDecompressor, sealed: bytes | memoryview, blob: PackedBlob
) -> bytes:
    """Return what a sealed blob holds, whatever its id.

    Raises:
        ValueError: It does not open.
    """
    if len(sealed) != blob.length:
        raise SealBroken(len(sealed))
    plain = opener.open(sealed)
    if blob.plain_length:
        if blob.plain_length > (MAX_BLOB if blob.kind is BlobKind.DATA else MAX_FILE):
            raise ValueError(blob.plain_length)
        try:
            if zstandard.frame_content_size(plain) == blob.plain_length:
                plain = decompressor.decompress(plain)
            else:
                plain = unzstd(plain, blob.plain_length, blob.plain_length)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
    return plain


class Sealed(NamedTuple):
    """A blob ready to be put into a pack; *plain_length* as in `PackedBlob`."""

    id: bytes
    data: bytes
    plain_length: int


class PackWriter:
    """One growing pack in a temporary file; for one thread.

    Every blob is opened again the moment it was sealed (decrypt, decompress, hash): a fault of memory or of a library
    is found while the original is still there. restic does so since 0.16.4, after a bug in its zstd library.
    """

    def __init__(self, key: MasterKey, kind: BlobKind, folder: Path, *, level: int) -> None:
        self._key = key
        self._sealer = Sealer(key)
        self._opener = Opener(key)
        # the frame carries its content size, which open_blob wants; the hash is ours, so no checksum in the frame
        self._compressor = zstandard.ZstdCompressor(level=level, write_checksum=False)
        self._decompressor = zstandard.ZstdDecompressor()
        self._kind = kind
        self._folder = folder
        self._compress = level != 0
        self._start()

    def _start(self) -> None:
        self._path: Path | None = None
        self._file = -1
        self._hash = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._waiting = 0
        self.size = 0
        self.blobs: list[PackedBlob] = []

    def seal(self, plain: Buffer, blob_id: bytes | None = None) -> Sealed:
        """Compress and seal one blob.

        Args:
            blob_id: Its id, if that is known. Else it is computed from what the sealed blob opens to, which has to be
                *plain* again: one hash instead of two, for what is most likely new.

        Raises:
            RepositoryDamaged: What was sealed does not open to the same bytes: this computer is not to be trusted.
        """
        payload: Buffer = plain
        plain_length = 0
        if self._compress:
            frame = self._compressor.compress(plain)
            # trees are always compressed in version 2; data only where it helps
            if len(frame) < len(plain) or self._kind is BlobKind.TREE:
                payload, plain_length = frame, len(plain)
        data = self._sealer.seal(payload)
        blob = PackedBlob(self._kind, blob_id or b"", 0, len(data), plain_length)
        try:
            if blob_id is not None:
                open_blob(self._opener, self._decompressor, data, blob)
            else:
                opened = _opened(self._opener, self._decompressor, data, blob)
                blob_id = hashlib.sha256(opened).digest()
                if opened != bytes(plain):
                    raise ValueError(blob_id)  # noqa: TRY301 - reported like every other fault
        except ValueError as error:
            named = blob.id or hashlib.sha256(plain).digest()
            raise RepositoryDamaged(kind=self._kind.word, id=named.hex(), why="not-reproducible") from error
        return Sealed(blob_id, data, plain_length)

    def add(self, sealed: Sealed) -> int:
        """Append one blob and return the bytes it takes."""
        size = len(sealed.data)
        self.blobs.append(PackedBlob(self._kind, sealed.id, self.size, size, sealed.plain_length))
        self.add_sealed(sealed.data)
        return size

    def full(self, size: int) -> bool:
        """Say whether the pack has *size* bytes, or as many blobs as its header may list."""
        return self.size >= size or OVERHEAD + _COMPRESSED.size * (len(self.blobs) + 1) > MAX_HEADER

    def add_copy(self, blob: PackedBlob, sealed: bytes) -> None:
        """Append a blob sealed earlier with the same key, which the caller has opened and verified."""
        self.blobs.append(blob._replace(offset=self.size))
        self.add_sealed(sealed)

    def add_sealed(self, sealed: bytes) -> None:
        """Append bytes as they are."""
        self._pieces.append(sealed)
        self.size += len(sealed)
        self._waiting += len(sealed)
        if self._waiting >= _WRITE_PIECE:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._pieces)
        self._pieces, self._waiting = [], 0
        if self._path is None:
            self._file, name = tempfile.mkstemp(prefix="pack-", dir=self._folder)
            self._path = Path(name)
        self._hash.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    def finish(self) -> "FinishedPack":
        """Write the header and hand the pack over; the writer can be used for the next one."""
        header = self._sealer.seal(encode_header(self.blobs))
        self.add_sealed(header + _LENGTH.pack(len(header)))
        self._flush()
        assert self._path is not None  # noqa: S101 - _flush has made it
        os.close(self._file)
        digest = self._hash.digest()
        finished = FinishedPack(digest, self.blobs, FilePayload(self._path, self.size, digest), self._path)
        self._start()
        return finished

    def discard(self) -> None:
        """Remove the temporary file."""
        if self._path is not None:
            os.close(self._file)
            self._path.unlink(missing_ok=True)
        self._start()


class FinishedPack(NamedTuple):
    """A pack ready to be put. *path* is its temporary file, to be removed afterwards."""

    id: bytes
    blobs: list[PackedBlob]
    payload: FilePayload
    path: Path


assert _PLAIN.size == 1 + 4 + ID_LENGTH  # noqa: S101 - the layout the format prescribes
