"""Names and payloads: what a Store may be asked for, and what it is handed."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api.errors import InvalidName, NotFound
from traybackup.api.store import (
    BytesPayload,
    Capabilities,
    Entry,
    FilePayload,
    Payload,
    Space,
    Store,
    check_name,
)

ID = "3f" + "9a" * 31
PIECE = re.compile(r"[a-z0-9][a-z0-9._-]*")


@pytest.mark.parametrize(
    "name",
    ["config", f"keys/{ID}", f"data/3f/{ID}", "a", "0", "a.b", "a-b_c.d", "a/b/c/d/e/f/g/h", "x" * 100, "con1",
     "console", "com", "lpt10x"],
)  # fmt: skip
def test_legal_names(name: str) -> None:
    """Restic's own paths, and what is like them."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "/", "a/", "/a", "a//b", ".", "..", "../a", "a/../b", "a/.", ".hidden", "-a", "_a", "a.", "a/b.", "A", "a b",
     "ä", "a\\b", "a:b", "a*", "a\n", "a\0", "c:", "con", "nul", "aux.txt", "com1", "lpt9.log", "data/prn", "con/a",
     "x" * 101, "a/b/c/d/e/f/g/h/i", "٣", "a\u0301", "~"],
)  # fmt: skip
def test_illegal_names(name: str) -> None:
    """Nothing that climbs out, that FAT or Windows changes, or that two systems see differently."""
    with pytest.raises(InvalidName) as caught:
        check_name(name)
    assert caught.value.name == name


@given(st.text(alphabet="abz09._-/\\ \0AÄ\n:", max_size=40))
def test_no_legal_name_leaves_its_folder(name: str) -> None:
    """Whatever passes is parts of the small alphabet, none of which is special to any file system."""
    try:
        check_name(name)
    except InvalidName:
        return
    for part in name.split("/"):
        assert PIECE.fullmatch(part)
        assert part not in (".", "..")
        assert not part.endswith(".")
        assert part.partition(".")[0] not in ("con", "prn", "aux", "nul")


@given(st.binary(max_size=200), st.integers(0, 250))
def test_bytes_are_a_payload(data: bytes, offset: int) -> None:
    """Size, hash, and the bytes from any offset, as often as wanted."""
    payload = BytesPayload(data)
    assert (payload.size, payload.sha256) == (len(data), hashlib.sha256(data).digest())
    for _ in range(2):
        with payload.open(offset) as stream:
            assert stream.read() == data[offset:]


def test_a_file_is_a_payload(tmp_path: Path) -> None:
    """It is opened anew each time, from any offset, and closed by whoever opened it."""
    data = bytes(range(256)) * 10
    path = tmp_path / "file"
    path.write_bytes(data)
    payload = FilePayload(path, len(data), hashlib.sha256(data).digest())
    assert (payload.size, payload.sha256) == (len(data), hashlib.sha256(data).digest())
    for offset in (0, 1, 2559, 2560, 9999):
        with payload.open(offset) as stream:
            assert stream.read() == data[offset:]


class Smallest(Store):
    """A Store with nothing but what the contract demands."""

    closed = 0

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        raise NotImplementedError

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if name != "there":
            raise NotFound(name=name)
        return b"content"[offset : None if length is None else offset + length]

    def stat(self, name: str) -> Entry:
        raise NotImplementedError

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        yield Entry(prefix, 0)

    def delete(self, name: str) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed += 1


def test_what_a_store_need_not_bring_has_a_default() -> None:
    """Reading back is getting, room is unknown, and capabilities are modest."""
    store = Smallest()
    pieces: list[bytes] = []
    store.read_back("there", pieces.append)
    assert b"".join(pieces) == b"content"
    with pytest.raises(NotFound):
        store.read_back("gone", pieces.append)
    assert store.space() == Space(total=None, free=None)
    assert store.capabilities == Capabilities(
        parallel=2, best_object=16 << 20, largest_object=None, checksum=None, local=False
    )


def test_a_store_is_closed_at_the_end_of_its_block() -> None:
    """However the block ends."""
    with Smallest() as store:
        assert store.closed == 0
    assert store.closed == 1
    with pytest.raises(KeyError), store:
        raise KeyError
    assert store.closed == 2


@pytest.mark.parametrize("name", ["put", "get", "stat", "entries", "delete"])
def test_a_store_without_one_of_the_five_is_none(name: str) -> None:
    """Python itself refuses it."""
    incomplete = type("Incomplete", (Smallest,), {name: getattr(Store, name)})
    with pytest.raises(TypeError, match=name):
        incomplete()
