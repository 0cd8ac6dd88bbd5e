"""Checksums as the services compute them."""

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api import checksum

MEBIBYTE = 1 << 20


def dropbox(data: bytes) -> str:
    """Compute Dropbox's content hash from its definition."""
    blocks = [data[at : at + 4 * MEBIBYTE] for at in range(0, len(data), 4 * MEBIBYTE)]
    return hashlib.sha256(b"".join(hashlib.sha256(block).digest() for block in blocks)).hexdigest()


def test_known_answers() -> None:
    """Of the empty object and of three letters."""
    assert checksum.of_stream("sha256", io.BytesIO(b"abc")) == (
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert checksum.of_stream("md5", io.BytesIO(b"")) == "md5:d41d8cd98f00b204e9800998ecf8427e"
    assert checksum.of_stream("dropbox", io.BytesIO(b"")) == f"dropbox:{hashlib.sha256(b'').hexdigest()}"
    once = hashlib.sha256(b"abc").digest()
    assert checksum.of_stream("dropbox", io.BytesIO(b"abc")) == f"dropbox:{hashlib.sha256(once).hexdigest()}"


@pytest.mark.parametrize("size", [0, 1, 4 * MEBIBYTE - 1, 4 * MEBIBYTE, 4 * MEBIBYTE + 1, 8 * MEBIBYTE, 9 * MEBIBYTE])
@pytest.mark.parametrize("step", [1_000_003, 4 * MEBIBYTE, 100 * MEBIBYTE])
def test_dropboxes_hash_does_not_depend_on_the_pieces(size: int, step: int) -> None:
    """At every border of its blocks, whatever the sizes of the updates."""
    data = bytes(size)
    hasher = checksum.new("dropbox")
    assert hasher is not None
    for at in range(0, size, step):
        hasher.update(data[at : at + step])
    assert hasher.hexdigest() == dropbox(data)
    assert hasher.hexdigest() == dropbox(data)  # asking changes nothing


@given(st.sampled_from(["sha256", "md5"]), st.binary(max_size=300))
def test_the_others_are_hashlibs(kind: str, data: bytes) -> None:
    """With their kind in front."""
    assert checksum.of_stream(kind, io.BytesIO(data)) == f"{kind}:{hashlib.new(kind, data).hexdigest()}"


def test_an_unknown_kind_is_none() -> None:
    """Then somebody has to read the object back."""
    assert checksum.new("crc32c") is None
    assert checksum.of_stream("crc32c", io.BytesIO(b"x")) is None


def test_only_what_is_left_of_a_stream_counts() -> None:
    """A stream that was read to some point is hashed from there."""
    stream = io.BytesIO(b"headabc")
    stream.read(4)
    assert checksum.of_stream("sha256", stream) == checksum.of_stream("sha256", io.BytesIO(b"abc"))
