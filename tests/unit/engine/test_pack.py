"""Packs: what is written opens, what is damaged is reported blob by blob, and what is hostile costs nothing."""

import base64
import hashlib
import os
import random
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api.errors import RepositoryDamaged
from traybackup.engine import pack
from traybackup.engine.codec import MAX_BLOB, BlobKind
from traybackup.engine.crypto import MasterKey
from traybackup.engine.pack import (
    MAX_HEADER,
    FinishedPack,
    PackedBlob,
    PackWriter,
    decode_header,
    encode_header,
    open_blobs,
    read_header,
    split_header,
)
from traybackup.testing import MemoryStore

KEY = MasterKey.generate()
TEXT = b"the quick brown fox jumps over the lazy dog " * 20
NOISE = random.Random(1).randbytes(300)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def written(folder: Path, plains: Sequence[bytes], kind: BlobKind = BlobKind.DATA, level: int = 1) -> FinishedPack:
    writer = PackWriter(KEY, kind, folder, level=level)
    for plain in plains:
        writer.add(writer.seal(plain, sha(plain)))
    return writer.finish()


def content(finished: FinishedPack) -> bytes:
    return finished.path.read_bytes()


def sealed_pack(*payloads: tuple[bytes, PackedBlob]) -> tuple[bytes, list[PackedBlob]]:
    """Return a pack of *payloads* as they are, each with what its header entry shall say besides offset and length."""
    data, blobs = b"", []
    for payload, blob in payloads:
        sealed = KEY.seal(payload)
        blobs.append(blob._replace(offset=len(data), length=len(sealed)))
        data += sealed
    return data, blobs


def entry(plain: bytes, plain_length: int = 0, kind: BlobKind = BlobKind.DATA) -> PackedBlob:
    return PackedBlob(kind, sha(plain), 0, 0, plain_length)


def results(data: bytes, blobs: Sequence[PackedBlob], base: int = 0) -> list[bytes | str]:
    """Open *blobs*; return their plain bytes, or why they are damaged."""
    found: list[bytes | str] = []
    for blob, (same, plain) in zip(blobs, open_blobs(KEY, data, base, blobs), strict=True):
        assert same == blob
        if isinstance(plain, RepositoryDamaged):
            assert (plain.kind, plain.id) == (blob.kind.word, blob.id.hex())
            found.append(plain.why)
        else:
            found.append(plain)
    return found


# The header

BLOBS = st.builds(
    PackedBlob,
    st.sampled_from(BlobKind),
    st.binary(min_size=32, max_size=32),
    st.just(0),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, (1 << 32) - 1),
)


@given(st.lists(BLOBS, max_size=20))
def test_a_header_comes_back(blobs: list[PackedBlob]) -> None:
    """Kinds, ids and lengths survive, and offsets follow from the lengths."""
    found = decode_header(encode_header(blobs))
    offsets = [sum(blob.length for blob in blobs[:number]) for number in range(len(blobs))]
    assert found == [blob._replace(offset=offset) for blob, offset in zip(blobs, offsets, strict=True)]


def test_header_entries_are_those_of_the_format() -> None:
    """Type, length, uncompressed length and id stand where restic looks for them."""
    first, second = bytes(range(32)), bytes(range(32, 64))
    blobs = [
        PackedBlob(BlobKind.DATA, first, 0, 0x01020304, 0),
        PackedBlob(BlobKind.TREE, first, 0, 5, 0),
        PackedBlob(BlobKind.DATA, second, 0, 6, 0x0A0B0C0D),
        PackedBlob(BlobKind.TREE, second, 0, 7, 8),
    ]
    assert encode_header(blobs) == (
        b"\0\x04\x03\x02\x01" + first
        + b"\1\5\0\0\0" + first
        + b"\2\6\0\0\0\x0d\x0c\x0b\x0a" + second
        + b"\3\7\0\0\0\x08\0\0\0" + second
    )  # fmt: skip


@given(st.binary(max_size=120))
def test_no_bytes_make_a_header_fail_in_another_way(data: bytes) -> None:
    """Arbitrary plain bytes are a header that covers all of them, or a ValueError."""
    try:
        blobs = decode_header(data)
    except ValueError:
        return
    assert len(data) // 41 <= len(blobs) <= len(data) // 37


@given(st.binary(max_size=60), st.integers(0, 100))
def test_no_tail_makes_splitting_fail_in_another_way(tail: bytes, more: int) -> None:
    """The end of any file gives a header's length that can be right, or a ValueError."""
    size = len(tail) + more
    try:
        length, sealed = split_header(tail, size)
    except ValueError:
        return
    assert 32 < length <= size - 4
    assert sealed == tail[:-4][-length:]


def test_a_tail_may_hold_less_than_the_header() -> None:
    """A first guess at the header's size is told how much more to read."""
    header = bytes(1000)
    pack_bytes = bytes(5000) + header + struct.pack("<I", len(header))
    length, part = split_header(pack_bytes[-500:], len(pack_bytes))
    assert (length, part) == (1000, header[-496:])
    assert split_header(pack_bytes[-2000:], len(pack_bytes)) == (1000, header)


def test_a_header_may_be_as_large_as_restic_takes_it_and_no_larger() -> None:
    """The bound is restic's 16 MiB."""
    assert MAX_HEADER == 16 << 20
    for length, fits in [(MAX_HEADER, True), (MAX_HEADER + 1, False)]:
        tail = struct.pack("<I", length)
        if fits:
            assert split_header(tail, 1 << 30)[0] == length
        else:
            with pytest.raises(ValueError):  # noqa: PT011 - the contract says no more
                split_header(tail, 1 << 30)


# Writing


@pytest.mark.parametrize("kind", BlobKind)
@pytest.mark.parametrize("level", [0, 1, 3])
def test_what_is_written_opens(tmp_path: Path, kind: BlobKind, level: int) -> None:
    """The header lists every blob in order, the blobs fill the rest, and each opens to what it was."""
    plains = [TEXT, NOISE, b"x", bytes(100_000), TEXT + b"!"]
    finished = written(tmp_path, plains, kind, level)
    data = content(finished)
    assert finished.id == finished.payload.sha256 == sha(data)
    assert finished.payload.size == len(data)
    blobs = read_header(KEY, data)
    assert blobs == finished.blobs
    assert [(blob.kind, blob.id) for blob in blobs] == [(kind, sha(plain)) for plain in plains]
    assert results(data, blobs) == plains


def test_only_what_gets_smaller_is_compressed(tmp_path: Path) -> None:
    """Noise is stored as it is, text is not, and an empty blob is no exception."""
    blobs = written(tmp_path, [NOISE, TEXT, b""]).blobs
    assert [blob.plain_length for blob in blobs] == [0, len(TEXT), 0]
    assert blobs[0].length == len(NOISE) + 32
    assert blobs[1].length < len(TEXT)
    assert blobs[2].length == 32


def test_trees_are_always_compressed(tmp_path: Path) -> None:
    """Version 2 wants that, even where it gains nothing."""
    assert [blob.plain_length for blob in written(tmp_path, [NOISE], BlobKind.TREE).blobs] == [len(NOISE)]


def test_a_view_is_as_good_as_bytes(tmp_path: Path) -> None:
    """Chunks come as views into a larger buffer, compressible or not."""
    buffer = memoryview(NOISE + TEXT)
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    for part in (buffer[: len(NOISE)], buffer[len(NOISE) :]):
        writer.add(writer.seal(part, sha(bytes(part))))
    finished = writer.finish()
    assert results(content(finished), finished.blobs) == [NOISE, TEXT]


def test_the_writer_goes_on_with_the_next_pack(tmp_path: Path) -> None:
    """Nothing of the first pack is in the second."""
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    packs = []
    for plain in (TEXT, NOISE):
        assert (writer.size, writer.blobs) == (0, [])
        writer.add(writer.seal(plain, sha(plain)))
        packs.append(writer.finish())
    assert [results(content(finished), read_header(KEY, content(finished))) for finished in packs] == [[TEXT], [NOISE]]


def test_packs_larger_than_a_piece_are_streamed_to_the_file(tmp_path: Path) -> None:
    """The file grows while blobs are added, and the hash carried along is that of the file."""
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    plains = [random.Random(number).randbytes(200_000) for number in range(10)]
    for plain in plains:
        writer.add(writer.seal(plain, sha(plain)))
    (growing,) = tmp_path.iterdir()
    assert writer.size - (1 << 20) < growing.stat().st_size < writer.size
    finished = writer.finish()
    assert finished.path == growing
    assert sha(content(finished)) == finished.id
    assert results(content(finished), finished.blobs) == plains


def test_added_bytes_are_told_exactly(tmp_path: Path) -> None:
    """What `add` returns is what the pack grew by."""
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    for plain in (TEXT, NOISE, b""):
        before = writer.size
        assert writer.add(writer.seal(plain, sha(plain))) == writer.size - before == writer.blobs[-1].length


def test_a_copied_blob_keeps_its_bytes_and_gets_a_new_place(tmp_path: Path) -> None:
    """Repacking moves sealed blobs without opening them again."""
    finished = written(tmp_path, [NOISE, TEXT])
    old = finished.blobs[1]
    sealed = content(finished)[old.offset : old.offset + old.length]
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    writer.add_copy(old, sealed)
    writer.add(writer.seal(b"more", sha(b"more")))
    moved = writer.finish()
    assert moved.blobs[0] == old._replace(offset=0)
    assert content(moved)[: old.length] == sealed
    assert results(content(moved), read_header(KEY, content(moved))) == [TEXT, b"more"]


def test_discarding_removes_the_file_and_closes_it(tmp_path: Path) -> None:
    """A given-up pack leaves nothing behind, whether anything was written yet or not."""
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    writer.discard()
    before = sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []
    for number in range(4):
        plain = random.Random(number).randbytes(400_000)
        writer.add(writer.seal(plain, sha(plain)))
    assert len(list(tmp_path.iterdir())) == 1
    writer.discard()
    assert list(tmp_path.iterdir()) == []
    assert before == (sorted(os.listdir("/proc/self/fd")) if before else [])
    writer.add(writer.seal(TEXT, sha(TEXT)))
    assert results(content(writer.finish()), writer.blobs) == []


@pytest.mark.parametrize(
    "spoil",
    [lambda frame: frame[:-1], lambda frame: frame[:20] + bytes([frame[20] ^ 4]) + frame[21:], lambda _: b""],
    ids=["cut", "flipped", "nothing"],
)
@pytest.mark.parametrize("blob_id", [None, sha(TEXT)], ids=["unknown", "known"])
def test_a_fault_of_the_compressor_is_found_before_the_pack_goes_out(
    tmp_path: Path, spoil: Callable[[bytes], bytes], blob_id: bytes | None
) -> None:
    """Every blob is opened again; what does not come back the same is not stored."""
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    good = zstandard.ZstdCompressor(level=1)

    class Faulty:
        def compress(self, data: bytes) -> bytes:
            return spoil(good.compress(data))

    writer._compressor = Faulty()
    with pytest.raises(RepositoryDamaged) as caught:
        writer.seal(TEXT, blob_id)
    assert (caught.value.kind, caught.value.id) == ("data", sha(TEXT).hex())
    assert caught.value.why == "not-reproducible"
    assert writer.blobs == []


def test_a_blob_under_a_wrong_id_is_not_stored(tmp_path: Path) -> None:
    """An id that was computed wrongly, by a fault of memory for example, is found."""
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    with pytest.raises(RepositoryDamaged):
        writer.seal(TEXT, sha(b"another"))


@pytest.mark.parametrize("plain", [b"", TEXT, NOISE, memoryview(NOISE)])
def test_what_is_new_is_named_by_what_it_opens_to(tmp_path: Path, plain: bytes | memoryview) -> None:
    """Without an id the blob gets that of the bytes that were sealed, compressible or not."""
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    sealed = writer.seal(plain)
    assert sealed.id == sha(bytes(plain))
    writer.add(sealed)
    finished = writer.finish()
    assert results(content(finished), finished.blobs) == [bytes(plain)]


def test_another_sound_blob_is_not_what_was_to_be_sealed(tmp_path: Path) -> None:
    """A compressor that mixes up its input makes a sound frame of the wrong bytes: that is found, too."""
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    good = zstandard.ZstdCompressor(level=1)

    class Mixed:
        def compress(self, data: bytes) -> bytes:
            return good.compress(data[:-1] + b"?")

    writer._compressor = Mixed()
    with pytest.raises(RepositoryDamaged) as caught:
        writer.seal(TEXT)
    assert caught.value.id == sha(TEXT).hex()


# Damage


def test_every_changed_byte_of_a_pack_is_noticed(tmp_path: Path) -> None:
    """One bit anywhere spoils the header or exactly one blob, and the others still open."""
    plains = [b"first", NOISE, TEXT]
    finished = written(tmp_path, plains)
    sound = content(finished)
    for at in range(len(sound)):
        broken = sound[:at] + bytes([sound[at] ^ 1 << at % 8]) + sound[at + 1 :]
        assert sha(broken) != finished.id
        found = results(broken, finished.blobs)
        in_blobs = at < sum(blob.length for blob in finished.blobs)
        assert sum(one == "damaged" for one in found) == in_blobs
        assert all(one in (plain, "damaged") for one, plain in zip(found, plains, strict=True))
        if in_blobs:
            assert read_header(KEY, broken) == finished.blobs
        else:
            with pytest.raises(RepositoryDamaged):
                read_header(KEY, broken)


def test_every_other_length_of_a_pack_is_noticed(tmp_path: Path) -> None:
    """A pack that was cut, at either end, or that something was added to, has no header that fits."""
    sound = content(written(tmp_path, [b"first", TEXT]))
    cut = [sound[:length] for length in range(len(sound))]
    for broken in [*cut, sound + b"\0", b"\0" + sound, sound[1:], sound * 2, sound[40:]]:
        with pytest.raises(RepositoryDamaged) as caught:
            read_header(KEY, broken, "ab")
        assert (caught.value.kind, caught.value.id) == ("pack", "ab")
        assert caught.value.why in ("bad-header", "wrong-size")


def test_a_pack_of_another_repository_does_not_open(tmp_path: Path) -> None:
    """Neither header nor blobs open with another key."""
    finished = written(tmp_path, [TEXT])
    other = MasterKey.generate()
    with pytest.raises(RepositoryDamaged):
        read_header(other, content(finished))
    ((_, plain),) = open_blobs(other, content(finished), 0, finished.blobs)
    assert isinstance(plain, RepositoryDamaged)


def test_a_header_of_unknown_entries_is_damage() -> None:
    """What a newer format may add is not guessed at."""
    for plain in (b"\4" + bytes(40), b"\xff" * 37, encode_header([entry(b"x")])[:-1]):
        header = KEY.seal(plain)
        with pytest.raises(RepositoryDamaged) as caught:
            read_header(KEY, header + struct.pack("<I", len(header)))
        assert caught.value.why == "bad-header"


ODD = {
    "shifted by one": lambda blob: blob._replace(offset=blob.offset + 1),
    "before the data": lambda blob: blob._replace(offset=blob.offset - 100_000),
    "behind the end": lambda blob: blob._replace(offset=1 << 31),
    "too long": lambda blob: blob._replace(length=blob.length + 1),
    "much too long": lambda blob: blob._replace(length=(1 << 32) - 1),
    "too short": lambda blob: blob._replace(length=blob.length - 1),
    "shorter than any": lambda blob: blob._replace(length=31),
    "of no length": lambda blob: blob._replace(length=0),
    "another id": lambda blob: blob._replace(id=bytes(32)),
    "plain length too small": lambda blob: blob._replace(plain_length=max(1, blob.plain_length - 1)),
    "plain length too large": lambda blob: blob._replace(plain_length=blob.plain_length + 1),
    "plain length enormous": lambda blob: blob._replace(plain_length=(1 << 32) - 1),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_an_index_that_is_wrong_about_a_blob_spoils_only_that_one(tmp_path: Path, odd: str, number: int) -> None:
    """Whatever an index says, nothing is raised, nothing wrong comes out, and the neighbours open."""
    plains = [TEXT, NOISE, TEXT[::-1]]
    finished = written(tmp_path, plains)
    blobs = list(finished.blobs)
    blobs[number] = ODD[odd](blobs[number])
    wanted: list[bytes | str] = list(plains)
    wanted[number] = "damaged"
    assert results(content(finished), blobs) == wanted


def test_a_compressed_blob_listed_as_plain_is_damage(tmp_path: Path) -> None:
    """A frame is never taken for the content."""
    finished = written(tmp_path, [TEXT])
    assert results(content(finished), [finished.blobs[0]._replace(plain_length=0)]) == ["damaged"]


def test_part_of_a_pack_is_enough(tmp_path: Path) -> None:
    """Blobs open from the middle of a pack, by the offset at which the part begins."""
    finished = written(tmp_path, [TEXT, NOISE, TEXT[::-1]])
    _, middle, last = finished.blobs
    part = content(finished)[middle.offset : last.offset]
    assert results(part, finished.blobs, middle.offset) == ["damaged", NOISE, "damaged"]


def test_nothing_but_damage_comes_of_what_is_no_frame() -> None:
    """Sealed soundly but no zstd inside: reported, not raised."""
    payloads = [b"", b"no frame", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd" + bytes(20), b"\x50\x2a\x4d\x18" + bytes(8)]
    data, blobs = sealed_pack(*((payload, entry(TEXT, len(TEXT))) for payload in payloads))
    assert results(data, blobs) == ["damaged"] * len(payloads)


@given(st.binary(max_size=64), st.integers(0, 1 << 32))
def test_no_sealed_bytes_make_opening_fail_in_another_way(payload: bytes, plain_length: int) -> None:
    """Random bytes behind a sound seal are reported, with and without the start of a frame."""
    for start in (b"", b"\x28\xb5\x2f\xfd"):
        data, blobs = sealed_pack((start + payload, entry(b"never", plain_length)))
        assert results(data, blobs) == ["damaged"]


def test_frames_that_do_not_declare_their_size_are_opened() -> None:
    """Other writers stream into the frame and do not know the size when it begins."""
    packer = zstandard.ZstdCompressor(write_content_size=False)
    data, blobs = sealed_pack((packer.compress(TEXT), entry(TEXT, len(TEXT))), (packer.compress(TEXT), entry(TEXT, 5)))
    assert results(data, blobs) == [TEXT, "damaged"]


def test_a_data_blob_larger_than_any_chunker_makes_is_damage() -> None:
    """What a header may declare for data ends at 16 MiB; trees of huge directories may be larger."""
    plain = bytes(MAX_BLOB + 1)
    frame = zstandard.ZstdCompressor().compress(plain)
    whole = zstandard.ZstdCompressor().compress(plain[:-1])
    data, blobs = sealed_pack(
        (frame, entry(plain, len(plain))),
        (whole, entry(plain[:-1], MAX_BLOB)),
        (frame, entry(plain, len(plain), BlobKind.TREE)),
    )
    assert results(data, blobs) == ["damaged", plain[:-1], plain]


def test_bombs_in_a_pack_cost_no_memory(peak_memory: Callable[[str], int]) -> None:
    """Frames that claim a tebibyte or hold a gibibyte are refused within a few megabytes."""
    grown = peak_memory(
        """
        import struct, zstandard
        from traybackup.api.errors import RepositoryDamaged
        from traybackup.engine.codec import BlobKind
        from traybackup.engine.crypto import MasterKey
        from traybackup.engine.pack import PackedBlob, open_blobs
        claims = b"\\x28\\xb5\\x2f\\xfd" + bytes([0xE0]) + struct.pack("<Q", 1 << 40) + b"\\x01\\x00\\x00"
        sized = zstandard.ZstdCompressor().compress(bytes(256 << 20))
        packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
        silent = b"".join([packer.compress(bytes(1 << 20)) for _ in range(1024)] + [packer.flush()])
        key = MasterKey.generate()
        start()
        for frame in (claims, sized, silent):
            sealed = key.seal(frame)
            for kind in BlobKind:
                for declared in (100, 1 << 20, 256 << 20, 1 << 31, (1 << 32) - 1):
                    if kind is BlobKind.TREE and declared == 256 << 20:
                        continue
                    blob = PackedBlob(kind, bytes(32), 0, len(sealed), declared)
                    ((_, plain),) = open_blobs(key, sealed, 0, [blob])
                    assert isinstance(plain, RepositoryDamaged)
        """
    )
    assert grown < 80 << 20


# Restic's own


def test_packs_that_restic_made_open(golden_store: MemoryStore, golden: dict[str, dict[str, object]]) -> None:
    """Header and blobs of its data pack and its tree pack are read, and fill the files exactly."""
    mac = golden["masterkey"]["mac"]
    encrypt, k, r = (base64.b64decode(text) for text in (golden["masterkey"]["encrypt"], mac["k"], mac["r"]))
    key = MasterKey(encrypt=encrypt, mac_k=k, mac_r=r)
    kinds: dict[BlobKind, list[bytes]] = {kind: [] for kind in BlobKind}
    for name, data in golden_store.place.objects.items():
        if name.startswith("data/"):
            for blob, plain in open_blobs(key, data, 0, read_header(key, data)):
                assert isinstance(plain, bytes)
                kinds[blob.kind].append(plain)
    assert kinds[BlobKind.DATA] == [b"hello till\n"]
    assert len(kinds[BlobKind.TREE]) == 3
    assert all(plain.startswith(b'{"nodes":[{"name":"') for plain in kinds[BlobKind.TREE])


def test_a_pack_holds_no_more_blobs_than_its_header_may_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The writer says that it is full before the header outgrows what restic and we ourselves read."""
    monkeypatch.setattr(pack, "MAX_HEADER", 36 + 41 * 10)
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    plains = []
    while not writer.full(1 << 30):
        plains.append(b"tiny %d" % len(plains))
        writer.add(writer.seal(plains[-1], sha(plains[-1])))
    data = content(writer.finish())
    assert 9 <= len(plains) <= 10
    assert results(data, read_header(KEY, data)) == plains


def test_a_pack_is_full_at_its_size(tmp_path: Path) -> None:
    """Otherwise the wanted size decides."""
    writer = PackWriter(KEY, BlobKind.DATA, tmp_path, level=1)
    writer.add(writer.seal(NOISE, sha(NOISE)))
    assert writer.full(len(NOISE) + 32)
    assert not writer.full(len(NOISE) + 33)
