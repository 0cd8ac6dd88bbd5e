"""Opening by the batch gives exactly what opening one by one gives, for sound and for damaged blobs."""

import gc
import hashlib
import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api.errors import RepositoryDamaged
from traybackup.engine import opening
from traybackup.engine.codec import BlobKind
from traybackup.engine.crypto import MasterKey
from traybackup.engine.opening import BatchOpener
from traybackup.engine.pack import PackedBlob, open_blobs

KEY = MasterKey.generate()


def pack(plains: list[bytes], *, compress: bool = True) -> tuple[bytes, list[PackedBlob]]:
    """Seal blobs one after the other, some compressed."""
    data, blobs = b"", []
    for number, plain in enumerate(plains):
        shorter = compress and number % 3 > 0 and bool(plain)
        payload = zstandard.ZstdCompressor().compress(plain) if shorter else plain
        sealed = KEY.seal(payload)
        blob_id = hashlib.sha256(plain).digest()
        blobs.append(PackedBlob(BlobKind.DATA, blob_id, len(data), len(sealed), len(plain) if shorter else 0))
        data += sealed
    return data, blobs


def opened(data: bytes, blobs: list[PackedBlob], base: int = 0) -> list[bytes | None]:
    """All plain bytes, None for what is damaged."""
    found: list[bytes | None] = []
    for batch in BatchOpener(KEY).open(data, base, blobs):
        found += [None if isinstance(plain, RepositoryDamaged) else bytes(plain) for _, plain in batch]
    return found


@given(st.lists(st.binary(max_size=3000), max_size=40), st.integers(1, 5000))
def test_batches_hold_what_was_sealed(plains: list[bytes], size: int) -> None:
    """Blobs of any size, empty ones too, come out in order, however the batches are cut."""
    data, blobs = pack(plains)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "_BATCH", size)
        assert opened(data, blobs) == plains


@given(st.data())
def test_damage_is_found_as_one_by_one(data: st.DataObject) -> None:
    """Whatever byte is changed or cut off, the same blobs are sound and the same ones are damaged."""
    sealed, blobs = pack([random.Random(number).randbytes(300) for number in range(12)])
    spoiled = bytearray(sealed)
    spoiled[data.draw(st.integers(0, len(spoiled) - 1))] ^= data.draw(st.integers(1, 255))
    end = data.draw(st.sampled_from([len(spoiled), len(spoiled) - 1, len(spoiled) // 2]))
    chosen = data.draw(st.lists(st.sampled_from(blobs), max_size=12))
    alone = [
        None if isinstance(p, RepositoryDamaged) else p for _, p in open_blobs(KEY, bytes(spoiled[:end]), 0, chosen)
    ]
    assert opened(bytes(spoiled[:end]), chosen) == alone


def test_parts_of_a_pack_are_opened_by_their_place_in_it() -> None:
    """The data may begin anywhere in the pack; what lies before it is damaged, not another blob."""
    data, blobs = pack([b"first", b"second" * 50, b"third"])
    base = blobs[1].offset
    assert opened(data[base:], blobs[1:], base) == [b"second" * 50, b"third"]
    assert opened(data[base:], blobs, base) == [None, b"second" * 50, b"third"]


@pytest.mark.parametrize("declared", [1, 299, 301, 1 << 40])
def test_a_frame_that_lies_about_its_size_is_damaged(declared: int) -> None:
    """A declared length that is not the real one damages the blob and allocates nothing."""
    plain = b"x" * 300
    sealed = KEY.seal(zstandard.ZstdCompressor().compress(plain))
    blob = PackedBlob(BlobKind.DATA, hashlib.sha256(plain).digest(), 0, len(sealed), declared)
    assert opened(sealed, [blob]) == [None]


def test_a_frame_without_a_size_is_opened() -> None:
    """Frames of other programs need not say how large they are; those are opened one by one."""
    plain = b"streamed " * 1000
    sealed = KEY.seal(zstandard.ZstdCompressor(write_content_size=False).compress(plain))
    blob = PackedBlob(BlobKind.DATA, hashlib.sha256(plain).digest(), 0, len(sealed), len(plain))
    assert opened(sealed, [blob]) == [plain]


def test_the_largest_blobs_are_opened() -> None:
    """A blob larger than a batch makes its own, with memory to hold it."""
    large = random.Random(3).randbytes(5 << 20)
    data, blobs = pack([b"a", large, large, b"z"], compress=False)
    assert opened(data, blobs) == [b"a", large, large, b"z"]


def test_what_was_decompressed_lives_as_long_as_its_batch() -> None:
    """The memory behind the plain bytes is kept by them, not by whoever made them."""
    plains = [b"%d" % number * 500 for number in range(60)]
    data, blobs = pack(plains)
    [batch] = BatchOpener(KEY).open(data, 0, blobs)
    gc.collect()
    assert [bytes(plain) for _, plain in batch if isinstance(plain, memoryview)] == plains
