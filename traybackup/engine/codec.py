"""Codec: names, JSON, compression and times as restic's repository format has them.

*FileKind* is a kind of file in the repository, *BlobKind* a kind of blob in a pack. Ids are 32 bytes inside the engine
and 64 hex digits in names and JSON. Everything here treats its input as hostile.

Source: restic's doc/design.rst, "Repository Format".
"""

import json
import re
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from functools import lru_cache

import zstandard

from traybackup.api.errors import RepositoryDamaged

ID_LENGTH = 32
"""Bytes of an id (SHA-256)."""

MAX_BLOB = 16 << 20
"""Bytes: restic's chunker makes at most 8 MiB; trees of huge directories are bounded by `MAX_FILE`."""

MAX_FILE = 512 << 20
"""Bytes an unpacked file or a tree may have once decompressed: far above any real one, far below what would hurt."""

_ZSTD = b"\x02"
_STEP = 1 << 10
"""Bytes of a frame decompressed at a time where it does not declare its size; they can become 32 MiB."""

_HEX_ID = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BARE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - for arithmetic in UTC that is faster without saying so


class FileKind(Enum):
    """A kind of file in a repository; the value is its folder."""

    CONFIG = "config"
    KEY = "keys"
    INDEX = "index"
    SNAPSHOT = "snapshots"
    LOCK = "locks"
    PACK = "data"

    @property
    def word(self) -> str:
        """The kind as errors name it."""
        return {"keys": "key", "snapshots": "snapshot", "locks": "lock", "data": "pack"}.get(self.value, self.value)


class BlobKind(IntEnum):
    """A kind of blob; trees and data have separate packs."""

    DATA = 0
    TREE = 1

    @property
    def word(self) -> str:
        """The kind as index files name it."""
        return "tree" if self is BlobKind.TREE else "data"


def is_id(text: str) -> bool:
    """Say whether *text* is an id in hex: checked before any use as a name."""
    return _HEX_ID.fullmatch(text) is not None


def object_name(kind: FileKind, file_id: str = "") -> str:
    """Return the name a file has in the Store.

    Raises:
        RepositoryDamaged: *file_id* is no id (it came from a hostile or broken file).
    """
    if kind is FileKind.CONFIG:
        return "config"
    if not is_id(file_id):
        raise RepositoryDamaged(kind=kind.word, id=file_id[:64], why="bad-id")
    if kind is FileKind.PACK:
        return f"data/{file_id[:2]}/{file_id}"
    return f"{kind.value}/{file_id}"


def _no_constant(text: str) -> object:
    raise ValueError(text)


def parse_json(data: bytes, kind: str, file_id: str = "") -> object:
    """Parse JSON that may be hostile.

    Raises:
        RepositoryDamaged: Too large, too deep, not JSON, not UTF-8, NaN, or a number with thousands of digits.
    """
    if len(data) > MAX_FILE:
        raise RepositoryDamaged(kind=kind, id=file_id, why="too-large")
    try:
        value: object = json.loads(data.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RepositoryDamaged(kind=kind, id=file_id, why="bad-json") from error
    return value


def compress(data: bytes) -> bytes:
    """Return *data* as an unpacked file of format version 2 carries it: a marker byte and a zstd frame."""
    return _ZSTD + zstandard.ZstdCompressor(level=3).compress(data)


def decompress(data: bytes, limit: int = MAX_FILE) -> bytes:
    """Undo `compress`; plain JSON passes as it is.

    Raises:
        ValueError: Neither JSON nor a sound frame of at most *limit* bytes.
    """
    if data[:1] in (b"{", b"["):
        return data
    if data[:1] != _ZSTD:
        raise ValueError(data[:1])
    return unzstd(data[1:], limit)


def unzstd(frame: bytes, limit: int, expected: int | None = None) -> bytes:
    """Decompress one frame to at most *limit* bytes, exactly *expected* if given.

    python-zstandard ignores max_output_size where the frame itself declares a size, so the declared size is looked at
    first: a kilobyte that claims to be a gibibyte costs nothing.

    Raises:
        ValueError: The frame is broken, or larger or smaller than it may be.
    """
    try:
        declared = zstandard.frame_content_size(frame)
        if declared > limit or (expected is not None and declared not in (-1, expected)):
            raise ValueError(declared)
        plain = zstandard.ZstdDecompressor().decompress(frame) if declared >= 0 else _unzstd_unsized(frame, limit)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    if len(plain) > limit or (expected is not None and len(plain) != expected):
        raise ValueError(len(plain))
    return plain


def _unzstd_unsized(frame: bytes, limit: int) -> bytes:
    """Decompress a frame that does not say how much is in it: a little of it at a time, so that a bomb stays small."""
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    pieces: list[bytes] = []
    held = 0
    for at in range(0, len(frame), _STEP):
        pieces.append(unpacker.decompress(frame[at : at + _STEP]))
        held += len(pieces[-1])
        if held > limit:
            raise ValueError(held)
        if unpacker.eof:
            return b"".join(pieces)
    raise ValueError(held)  # cut off


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (_BARE_EPOCH + timedelta(seconds=seconds)).isoformat()  # strftime drops the zeros of the year 702


def format_time(nanoseconds: int) -> str:
    """Return the RFC 3339 text of a time in nanoseconds since 1970, UTC, as Go writes it: trailing zeros dropped.

    A time outside the years 1 to 9999 is brought to the nearest one that the format can hold, as restic does.
    """
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    try:
        text = _second(seconds)
    except OverflowError:
        return "0001-01-01T00:00:00Z" if seconds < 0 else "9999-12-31T23:59:59Z"
    if not fraction:
        return text + "Z"
    return f"{text}.{fraction:09d}".rstrip("0") + "Z"


def parse_time(text: str) -> int:
    """Return nanoseconds since 1970 of an RFC 3339 text.

    Raises:
        ValueError: It is none.
    """
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(text)
    delta = datetime.fromisoformat(text[:19]) - _BARE_EPOCH  # the pattern has left it only one meaning
    seconds = delta.days * 86_400 + delta.seconds
    if match[2]:
        offset = int(match[3]) * 3600 + int(match[4]) * 60
        seconds -= offset if match[2] == "+" else -offset
    return seconds * 1_000_000_000 + int((match[1] or "0").ljust(9, "0"))


def format_datetime(moment: datetime) -> str:
    """Return the text of an aware datetime, keeping its own offset so that restic shows the shop's time of day."""
    text = moment.isoformat(timespec="microseconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def parse_datetime(text: str) -> datetime:
    """Return the aware UTC datetime of an RFC 3339 text, cut to microseconds.

    Raises:
        ValueError: It is none.
    """
    try:
        return _EPOCH + timedelta(microseconds=parse_time(text) // 1000)
    except OverflowError as error:
        raise ValueError(text) from error
