"""Chunking: whatever the reads are like, the same content gives the same pieces, and together they are the content."""

import itertools
import random
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfastcdc import FastCDC

from traybackup.engine import chunking
from traybackup.engine.chunking import (
    BLOCK,
    MAX_CHUNK,
    MEAN_CHUNK,
    MIN_CHUNK,
    SEGMENT,
    block_size,
    content_cuts,
)

SECRET = b"3d25dd2f3a3257"
SMALL = {"MIN_CHUNK": 256, "MEAN_CHUNK": 2048, "MAX_CHUNK": 8192, "_WINDOW": 20_000}


class Reader:
    """A stream that gives at most the sizes of *sizes*, in turn, and remembers the largest request."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data = memoryview(data)
        self._sizes: Iterator[int] = itertools.cycle(sizes)
        self._at = 0
        self.largest = 0

    def read(self, size: int) -> bytes:
        assert size > 0
        self.largest = max(self.largest, size)
        piece = bytes(self._data[self._at : self._at + min(size, next(self._sizes))])
        self._at += len(piece)
        return piece


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def cut(data: bytes, sizes: list[int] | None = None, secret: bytes = SECRET) -> list[bytes]:
    return [bytes(chunk) for chunk in content_cuts(secret)(Reader(data, sizes or [1 << 30]).read)]


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks so small that many fit into the data of one example."""
    for name, value in SMALL.items():
        monkeypatch.setattr(chunking, name, value)


CONTENTS = st.one_of(
    st.binary(max_size=300),
    st.builds(noise, st.integers(0, 120_000), st.integers(0, 1000)),
    st.builds(lambda size, byte: bytes([byte]) * size, st.integers(0, 80_000), st.integers(0, 255)),
    st.builds(lambda piece, times: piece * times, st.binary(min_size=1, max_size=50), st.integers(0, 2000)),
)


@pytest.mark.usefixtures("_small_chunks")
@settings(max_examples=150)
@given(CONTENTS, st.lists(st.integers(1, 30_000), min_size=1, max_size=5))
def test_pieces_do_not_depend_on_the_reads(data: bytes, sizes: list[int]) -> None:
    """Short reads, long reads or all at once: the pieces are those of the whole content, and within their bounds."""
    found = cut(data, sizes)
    assert b"".join(found) == data
    assert found == cut(data)
    assert all(0 < len(chunk) <= 8192 for chunk in found)
    assert all(len(chunk) >= 256 for chunk in found[:-1])


@pytest.mark.usefixtures("_small_chunks")
@given(st.integers(-3, 3), st.sampled_from([256, 8192, 20_000, 28_192, 40_000]), st.integers(0, 5))
def test_pieces_do_not_depend_on_where_the_window_ends(more: int, size: int, seed: int) -> None:
    """At the bounds of chunk and window, too, the cuts are those that a look at everything at once gives."""
    data = noise(size + more, seed)
    chunker = FastCDC(1024, min_size=256, max_size=8192, seed=_seed(SECRET))
    assert cut(data) == [bytes(chunk.data) for chunk in chunker.cut_buf(data)]


def _seed(secret: bytes) -> int:
    return int.from_bytes(chunking.hashlib.sha256(b"traybackup chunker" + secret).digest()[:8], "little") >> 1


def test_real_sizes_hold_their_bounds() -> None:
    """24 MB of noise and of zeros, read in odd pieces: every chunk but the last is within the stated bounds."""
    data = noise(20 << 20) + bytes(9 << 20) + noise(3_000_001, 2)
    found = cut(data, [999_983])
    assert b"".join(found) == data
    assert found == cut(data)
    assert all(MIN_CHUNK <= len(chunk) <= MAX_CHUNK for chunk in found[:-1])
    assert 0 < len(found[-1]) <= MAX_CHUNK
    mean = sum(map(len, found[:16])) / 16
    assert MEAN_CHUNK / 2 < mean < 2 * MEAN_CHUNK


def test_an_empty_stream_has_no_pieces() -> None:
    """And a short one has one."""
    assert cut(b"") == []
    assert cut(b"x") == [b"x"]
    assert cut(bytes(MIN_CHUNK)) == [bytes(MIN_CHUNK)]


def test_zeros_are_all_one_chunk_again_and_again() -> None:
    """The hole in a sparse file costs one blob."""
    found = cut(bytes(30 << 20))
    assert len(set(found[:-1])) == 1
    assert len(found) < 61


def test_an_insertion_moves_no_later_cut() -> None:
    """After a few bytes that are new, the old chunks come again."""
    data = noise(16 << 20)
    before, after = cut(data), cut(data[:100] + b"inserted" + data[100:])
    assert len(set(before) - set(after)) <= 2
    assert before[-5:] == after[-5:]


def test_another_secret_cuts_elsewhere() -> None:
    """Who does not know the repository's secret cannot tell files by the lengths of their chunks."""
    data = noise(16 << 20)
    lengths = [[len(chunk) for chunk in cut(data, secret=secret)] for secret in (SECRET, b"3412225e9c4cc3", b"")]
    starts = [set(itertools.accumulate(one[:-1])) for one in lengths]
    assert not starts[0] & starts[1]
    assert not starts[1] & starts[2]


def test_the_cuts_of_this_version_stay() -> None:
    """Otherwise an update of the program or of its library would store every large file anew."""
    lengths = [len(chunk) for chunk in cut(noise(12 << 20))]
    assert lengths[:8] == [915_394, 784_152, 683_550, 638_645, 1_515_004, 828_677, 763_576, 937_632]
    assert lengths[8:] == [708_614, 813_484, 535_596, 697_828, 630_086, 882_014, 1_017_534, 231_126]


def test_memory_is_bounded_whatever_the_size() -> None:
    """200 MB pass through a few windows."""
    piece = noise(1 << 20)
    given_out = 0

    def read(size: int) -> bytes:
        nonlocal given_out
        data = piece[:size] if given_out < 200 << 20 else b""
        given_out += len(data)
        return data

    tracemalloc.start()
    total = sum(len(chunk) for chunk in content_cuts(SECRET)(read))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == given_out >= 200 << 20
    assert peak < 40 << 20


def test_what_is_read_is_never_more_than_a_window() -> None:
    """Requests to the source stay bounded."""
    reader = Reader(noise(20 << 20), [1 << 30])
    for _ in content_cuts(SECRET)(reader.read):
        pass
    assert reader.largest <= 8 << 20


def test_errors_of_the_source_pass() -> None:
    """A read that fails ends the cutting with its own error."""
    failure = OSError("unreadable")

    def fail(_: int) -> bytes:
        raise failure

    with pytest.raises(OSError, match="unreadable") as caught:
        list(content_cuts(SECRET)(fail))
    assert caught.value is failure


# Blocks of databases


@pytest.mark.parametrize("page", [512 << power for power in range(8)])
def test_blocks_hold_whole_pages(page: int) -> None:
    """For every page size that SQLite has, a block is some whole pages, near 16 KiB, and segments hold whole blocks."""
    block = block_size(page)
    assert block % page == 0
    assert block == max(page, BLOCK)
    assert SEGMENT % block == 0


@given(st.integers(1, 1 << 20))
def test_blocks_hold_whole_pages_of_any_size(page: int) -> None:
    """Other databases may have odd pages."""
    block = block_size(page)
    assert block % page == 0
    assert max(page, BLOCK - page) < block + 1 <= max(page, BLOCK) + 1
