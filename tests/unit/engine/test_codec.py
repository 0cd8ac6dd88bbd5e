"""Names, JSON, compression and times against hostile input and against what restic writes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.store import check_name
from traybackup.engine.codec import (
    MAX_FILE,
    BlobKind,
    FileKind,
    compress,
    decompress,
    format_datetime,
    format_time,
    is_id,
    object_name,
    parse_datetime,
    parse_json,
    parse_time,
    unzstd,
)

ID = "3f" + "0a" * 31
FIRST_NS = -62_135_596_800 * 10**9  # the beginning of the year 1
LAST_NS = 253_402_300_800 * 10**9 - 1  # the end of the year 9999


def refused(call: Callable[..., object], *arguments: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the contract says no more
        call(*arguments)


# Names


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (FileKind.KEY, f"keys/{ID}"),
        (FileKind.INDEX, f"index/{ID}"),
        (FileKind.SNAPSHOT, f"snapshots/{ID}"),
        (FileKind.LOCK, f"locks/{ID}"),
        (FileKind.PACK, f"data/3f/{ID}"),
        (FileKind.CONFIG, "config"),
    ],
)
def test_names_are_those_of_restics_layout(kind: FileKind, name: str) -> None:
    """Every kind of file has the name restic gives it, and every Store takes that name."""
    assert object_name(kind, ID) == name
    assert check_name(name) == name


@pytest.mark.parametrize(
    "bad", ["", "..", "a" * 63, "a" * 65, ID.upper(), ID + "\n", "\u0663" * 64, f"../{ID}", ID[:-1] + "/"]
)
def test_what_is_no_id_never_becomes_a_name(bad: str) -> None:
    """An id from a hostile file is refused before it can be a path."""
    assert not is_id(bad)
    for kind in set(FileKind) - {FileKind.CONFIG}:
        with pytest.raises(RepositoryDamaged) as caught:
            object_name(kind, bad)
        assert (caught.value.kind, caught.value.why) == (kind.word, "bad-id")


@given(st.text(alphabet="0123456789abcdefABCDEF/.\n", min_size=60, max_size=66))
def test_an_id_is_64_small_hex_digits_and_nothing_else(text: str) -> None:
    """`is_id` agrees with the plain definition."""
    assert is_id(text) == (len(text) == 64 and set(text) <= set("0123456789abcdef"))


def test_the_words_for_kinds() -> None:
    """Errors name kinds by one word, index files name blobs by restic's."""
    assert [kind.word for kind in FileKind] == ["config", "key", "index", "snapshot", "lock", "pack"]
    assert [kind.word for kind in BlobKind] == ["data", "tree"]


# JSON


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"nul",
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"[" + b"9" * 5000 + b"]",
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32-be"),
    ],
    ids=lambda data: f"{data[:8]!r}… {len(data)} bytes",
)
def test_hostile_json_is_damage(data: bytes) -> None:
    """Whatever is not plain UTF-8 JSON of a sane depth is reported as damage of the file it came from."""
    with pytest.raises(RepositoryDamaged) as caught:
        parse_json(data, "lock", ID)
    assert (caught.value.kind, caught.value.id, caught.value.why) == ("lock", ID, "bad-json")


def test_json_that_is_too_large_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Size is looked at first."""
    monkeypatch.setattr("traybackup.engine.codec.MAX_FILE", 10)
    assert parse_json(b'{"a": 123}', "lock") == {"a": 123}
    with pytest.raises(RepositoryDamaged) as caught:
        parse_json(b'{"a": 1234}', "lock")
    assert caught.value.why == "too-large"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_sound_json_is_read(value: object) -> None:
    """What json writes is read back the same."""
    assert parse_json(json.dumps(value, ensure_ascii=False).encode(), "lock") == value


# Compression


@given(st.binary(max_size=4000))
def test_compressing_is_undone(data: bytes) -> None:
    """An unpacked file of version 2 comes back as it was."""
    assert decompress(compress(data)) == data


@pytest.mark.parametrize("plain", [b"{}", b"[1]"])
def test_plain_json_passes(plain: bytes) -> None:
    """Version 1 writes its files uncompressed, and version 2 may."""
    assert decompress(plain) == plain


@pytest.mark.parametrize(
    "data", [b"", b"\x02", b"\x01{}", b"\x02garbage", b"x", b"\x00", b'"text"', compress(b"ab" * 99)[:-4]]
)
def test_what_is_neither_json_nor_a_frame_is_refused(data: bytes) -> None:
    """Unknown markers and broken frames are a ValueError, nothing else."""
    refused(decompress, data)


@given(st.binary(max_size=200))
def test_no_bytes_make_decompressing_fail_in_another_way(data: bytes) -> None:
    """Random bytes behind the marker give bytes or a ValueError."""
    try:
        decompress(b"\x02" + data)
    except ValueError:
        return


def frame(data: bytes, *, sized: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=sized).compress(data)


@pytest.mark.parametrize("sized", [True, False])
def test_a_frame_may_fill_its_limit_and_no_more(*, sized: bool) -> None:
    """With and without a declared size the limit is exact."""
    packed = frame(b"z" * 1000, sized=sized)
    assert unzstd(packed, 1000) == b"z" * 1000
    assert unzstd(packed, 5000, expected=1000) == b"z" * 1000
    for limit, expected in [(999, None), (5000, 999), (5000, 1001), (0, None)]:
        refused(unzstd, packed, limit, expected)


@pytest.mark.parametrize("sized", [True, False])
def test_a_frame_cut_anywhere_is_refused(*, sized: bool) -> None:
    """No beginning of a frame passes for the whole."""
    packed = frame(bytes(range(256)) * 20 + b"the end", sized=sized)
    for length in range(len(packed)):
        refused(unzstd, packed[:length], 1 << 20)


def test_bombs_cost_neither_time_nor_memory(peak_memory: Callable[[str], int]) -> None:
    """A frame that claims a tebibyte, and a gibibyte of zeros in a frame that claims nothing, stay harmless."""
    grown = peak_memory(
        """
        import io, struct, zstandard
        from traybackup.engine.codec import unzstd
        claims = b"\\x28\\xb5\\x2f\\xfd" + bytes([0xE0]) + struct.pack("<Q", 1 << 40) + b"\\x01\\x00\\x00"
        assert zstandard.frame_content_size(claims) == 1 << 40
        packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
        silent = b"".join([packer.compress(bytes(1 << 20)) for _ in range(1024)] + [packer.flush()])
        start()
        for bomb, expected in ((claims, None), (claims, 100), (silent, None), (silent, 100), (silent, 16 << 20)):
            try:
                unzstd(bomb, 16 << 20, expected)
            except ValueError:
                continue
            raise AssertionError
        """
    )
    assert grown < 64 << 20


def test_the_stated_cap_is_far_above_any_real_file() -> None:
    """An index of a million blobs, about 200 bytes of JSON each, fits."""
    assert MAX_FILE > 2 * 200 * 1_000_000


# Times


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_354_149_489_301_796, "2026-11-22T13:29:09.489301796Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (-1_500_000_000, "1969-12-31T23:59:58.5Z"),
        (FIRST_NS, "0001-01-01T00:00:00Z"),
        (-40_000_000_000 * 10**9, "0702-06-15T00:53:20Z"),
        (LAST_NS, "9999-12-31T23:59:59.999999999Z"),
    ],
)
def test_times_look_as_go_writes_them(nanoseconds: int, text: str) -> None:
    """Nanoseconds, zeros dropped, four digits for the year, and back."""
    assert format_time(nanoseconds) == text
    assert parse_time(text) == nanoseconds


@given(st.integers(FIRST_NS, LAST_NS))
def test_times_come_back_to_the_nanosecond(nanoseconds: int) -> None:
    """Writing a time and reading it loses nothing."""
    text = format_time(nanoseconds)
    assert parse_time(text) == nanoseconds
    assert not text.endswith(("0Z", ".Z")) or "." not in text


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (FIRST_NS - 1, "0001-01-01T00:00:00Z"),
        (LAST_NS + 1, "9999-12-31T23:59:59Z"),
        (-(1 << 90), "0001-01-01T00:00:00Z"),
        (1 << 90, "9999-12-31T23:59:59Z"),
    ],
)
def test_times_outside_the_format_are_brought_to_its_edge(nanoseconds: int, text: str) -> None:
    """A file with a nonsensical time is saved all the same."""
    assert format_time(nanoseconds) == text


def test_other_zones_are_understood() -> None:
    """What restic writes has the zone of the computer."""
    assert parse_time("2024-06-01T14:00:00.25+02:00") == parse_time("2024-06-01T12:00:00.25Z")
    assert parse_time("2024-06-01T07:30:00-04:30") == parse_time("2024-06-01T12:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-06-01",
        "2024-06-01 12:00:00Z",
        "2024-06-01T12:00:00",
        "2024-13-01T12:00:00Z",
        "2024-02-30T12:00:00Z",
        "2024-06-01T24:00:00Z",
        "0000-01-01T00:00:00Z",
        "2024-06-01T12:00:00.1234567890Z",
        "2024-06-01T12:00:00Z\n",
        "\u0662\u0660\u0662\u0664-06-01T12:00:00Z",
        "2024-06-01T12:00:00.\u00b2Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Only RFC 3339 in plain digits is a time."""
    refused(parse_time, text)
    refused(parse_datetime, text)


@given(st.text(alphabet="0123456789-+:.TZ\u00b2\u0663", max_size=36))
def test_no_text_makes_reading_a_time_fail_in_another_way(text: str) -> None:
    """Any text is a time or a ValueError."""
    try:
        parse_datetime(text)
    except ValueError:
        return


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),  # noqa: DTZ001 - the zone comes on top
    st.integers(-23 * 60, 23 * 60),
)
def test_moments_keep_their_zone_in_the_text_and_come_back_in_utc(naive: datetime, minutes: int) -> None:
    """A snapshot's time is the same moment after reading, and shows the shop's time of day."""
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = format_datetime(moment)
    assert text.startswith(naive.isoformat(timespec="seconds"))
    found = parse_datetime(text)
    assert found == moment
    assert found.tzinfo is UTC


@given(st.integers(0, 999_999_999))
def test_moments_are_cut_to_microseconds(fraction: int) -> None:
    """Nanoseconds of a snapshot made by restic are cut, never rounded up."""
    found = parse_datetime(f"2024-01-01T00:00:00.{fraction:09d}Z")
    assert found == datetime(2024, 1, 1, microsecond=fraction // 1000, tzinfo=UTC)
