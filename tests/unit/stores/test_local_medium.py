"""A folder on a drive that fills up, turns read-only, is pulled out or swapped, or may not be used; as root only."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from traybackup.api.errors import AccessDenied, PlaceGone, PlaceSwapped, StoreError, StoreFull, StoreReadOnly
from traybackup.api.store import BytesPayload
from traybackup.stores.local import LocalStore
from traybackup.testing.ground import Script

NAME = "data/3f/3f9a00"
PAYLOAD = BytesPayload(b"content")
SIZE = 3 << 20


def mount(folder: Path, *options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", *options, "none", folder], check=True, capture_output=True)


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """Give a folder with a drive of 8 MiB mounted on it, with one object in it."""
    folder = tmp_path / "stick"
    folder.mkdir()
    try:
        mount(folder, "-o", "size=8m")
    except subprocess.CalledProcessError:
        pytest.skip("only root may mount")
    yield folder
    while subprocess.run(["umount", folder], check=False, capture_output=True).returncode == 0:
        pass


@pytest.fixture
def store(stick: Path) -> Iterator[LocalStore]:
    with LocalStore(stick) as opened:
        opened.put("config", PAYLOAD)
        yield opened


def pull(stick: Path) -> None:
    """Unmount as the desktop does when a drive is pulled out: the folder stays, bare."""
    subprocess.run(["umount", "-l", stick], check=True)


def swap(stick: Path) -> None:
    """Mount another drive in the place of the first."""
    pull(stick)
    mount(stick)


def all_calls(store: LocalStore) -> list[Callable[[], object]]:
    return [
        lambda: store.put(NAME, PAYLOAD),
        lambda: store.put("config", PAYLOAD, overwrite=True),
        lambda: store.delete("config"),
        lambda: list(store.entries()),
        lambda: store.get("keys/none"),
        lambda: store.stat("keys/none"),
    ]


@pytest.mark.parametrize(("happens", "error"), [(pull, PlaceGone), (swap, PlaceSwapped)])
def test_vanished_drive_gets_nothing_more(
    stick: Path, store: LocalStore, happens: Callable[[Path], None], error: type[StoreError]
) -> None:
    """After the drive is pulled or swapped every call says so at once, and the folder or the stranger stays empty."""
    happens(stick)
    began = time.monotonic()
    for call in all_calls(store):
        with pytest.raises(error):
            call()
    assert time.monotonic() - began < 5
    assert list(stick.iterdir()) == []


@pytest.mark.parametrize(("happens", "error"), [(pull, PlaceGone), (swap, PlaceSwapped)])
@pytest.mark.parametrize("at", [0, SIZE // 2, SIZE - 1])
def test_drive_that_vanishes_in_the_middle_of_an_object(
    stick: Path, store: LocalStore, at: int, happens: Callable[[Path], None], error: type[StoreError]
) -> None:
    """When the drive goes while an object is written, the put fails, and the folder or the stranger stays empty."""
    with pytest.raises(error):
        store.put(NAME, Script(bytes(SIZE), at=at, happens=lambda: happens(stick)))
    assert list(stick.iterdir()) == []


def test_read_only_drive_is_told_apart(stick: Path, store: LocalStore) -> None:
    """A drive that turns read-only is neither full nor forbidden, and can still be read."""
    subprocess.run(["mount", "-o", "remount,ro", stick], check=True)
    for write in (
        lambda: store.put(NAME, PAYLOAD),
        lambda: store.put("config", PAYLOAD, overwrite=True),
        lambda: store.delete("config"),
    ):
        with pytest.raises(StoreReadOnly):
            write()
    assert store.get("config") == b"content"
    assert [entry.name for entry in store.entries()] == ["config"]


def test_full_drive_says_what_it_needed_and_takes_more_later(stick: Path, store: LocalStore) -> None:
    """An object that does not fit leaves nothing behind, says its size, and fits when there is room."""
    (stick / "holiday.jpg").write_bytes(bytes(7 << 20))
    with pytest.raises(StoreFull) as caught:
        store.put(NAME, BytesPayload(bytes(SIZE)))
    assert caught.value.needed == SIZE
    assert [path for path in stick.rglob("*") if path.is_file()] == [stick / "holiday.jpg", stick / "config"]
    (stick / "holiday.jpg").unlink()
    store.put(NAME, BytesPayload(bytes(SIZE)))
    assert store.get(NAME) == bytes(SIZE)


def test_closed_drive_can_be_unmounted(stick: Path, store: LocalStore) -> None:
    """While the store is open the drive is busy; after closing it can be ejected."""
    store.read_back("config", len)
    assert subprocess.run(["umount", stick], check=False, capture_output=True).returncode != 0
    store.close()
    assert subprocess.run(["umount", stick], check=False).returncode == 0


@contextmanager
def nobody() -> Iterator[None]:
    """Do without the rights of root inside the block."""
    if os.geteuid() != 0:
        pytest.skip("only root can give up rights")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public() -> Iterator[Path]:
    """Give a folder that everybody may look into and only we may change."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - that is what it is for
        yield Path(folder)


def test_place_that_may_not_be_used_is_not_missing(public: Path) -> None:
    """A folder that we may not open is there: that is told apart from one that is missing."""
    with LocalStore(public) as store:
        store.put("config", PAYLOAD)
    public.chmod(0o700)
    with nobody(), pytest.raises(AccessDenied):
        LocalStore(public)


def test_missing_rights_are_told_as_such(public: Path) -> None:
    """What may not be written, read, listed or removed is neither missing nor gone nor read-only."""
    with LocalStore(public) as store:
        store.put("config", PAYLOAD)
        store.put(NAME, PAYLOAD)
    with nobody(), LocalStore(public) as store:
        for call in (
            lambda: store.put("index/a", PAYLOAD),
            lambda: store.put("config", PAYLOAD, overwrite=True),
            lambda: store.get("config"),
            lambda: store.get(NAME),
            lambda: store.stat(NAME),
            lambda: store.delete("config"),
            lambda: list(store.entries("data/")),
            lambda: store.read_back("config", len),
        ):
            with pytest.raises(AccessDenied):
                call()
        assert store.stat("config").size == 7


def test_rights_that_are_lost_on_the_way(public: Path) -> None:
    """A place that may not be looked at any more is not gone."""
    inner = public / "stick"
    inner.mkdir(mode=0o777)
    inner.chmod(0o777)
    with nobody():
        store = LocalStore(inner)
        store.put("config", PAYLOAD)
    public.chmod(0o700)
    with nobody(), store, pytest.raises(AccessDenied):
        store.put(NAME, PAYLOAD)
