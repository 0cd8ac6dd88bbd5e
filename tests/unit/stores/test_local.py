"""A folder as a place: the write protocol, the layout, and what goes wrong with files and folders."""

import ctypes
import errno
import mmap
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from traybackup.api.errors import (
    AlreadyExists,
    InvalidName,
    NotFound,
    PlaceGone,
    PlaceMissing,
    PlaceSwapped,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreFull,
)
from traybackup.api.store import BytesPayload
from traybackup.stores import handles, leftovers, local
from traybackup.stores.handles import Root
from traybackup.stores.local import LocalStore
from traybackup.stores.presence import Marker
from traybackup.testing.ground import Script

NAME = "data/3f/3f9a00"
PAYLOAD = BytesPayload(b"content")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture
def store(root: Path) -> Iterator[LocalStore]:
    with LocalStore(root) as opened:
        yield opened


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


class Failing:
    """Stands for a system call that fails with *number* at the calls in *at*, and else is the real one."""

    def __init__(self, real: Callable[..., object], number: int, *at: int) -> None:
        self.real, self.number, self.at, self.calls = real, number, at, 0

    def __call__(self, *args: object, **named: object) -> object:
        self.calls += 1
        if self.calls in self.at:
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*args, **named)


# Opening


def test_root_is_never_made(tmp_path: Path) -> None:
    """A folder that is not there is missing, and is not there afterwards either; a file is no folder."""
    with pytest.raises(PlaceMissing):
        LocalStore(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").touch()
    with pytest.raises(PlaceMissing):
        LocalStore(tmp_path / "file")


def test_relative_root_stays_the_same_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means what it meant when the store was opened."""
    monkeypatch.chdir(root.parent)
    with LocalStore(Path("stick")) as store:
        monkeypatch.chdir("/")
        store.put("config", PAYLOAD)
    assert files(root) == ["config"]


def test_marker_of_another_drive_opens_nothing(root: Path) -> None:
    """With another drive's marker the store does not open, and leaves no handle."""
    (root / "drive.json").write_text('{"id": "red"}')
    LocalStore(root, marker=Marker(root / "drive.json", "red")).close()
    before = os.listdir("/proc/self/fd")
    with pytest.raises(PlaceSwapped):
        LocalStore(root, marker=Marker(root / "drive.json", "blue"))
    assert os.listdir("/proc/self/fd") == before


def test_closing_leaves_no_handle(root: Path) -> None:
    """After closing, even in the middle of a listing, no handle of the drive is open, so that it can be ejected."""
    before = sorted(os.listdir("/proc/self/fd"))
    store = LocalStore(root)
    for number in range(20):
        store.put(f"data/{number:02x}/{number:02x}", PAYLOAD)
    store.read_back("data/00/00", len)
    store.get("data/01/01", 1, 2)
    listing = store.entries()
    next(listing)
    store.close()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_closed_store_does_nothing(root: Path) -> None:
    """A closed store refuses every call."""
    store = LocalStore(root)
    store.put(NAME, PAYLOAD)
    store.close()
    calls: list[Callable[[], object]] = [
        lambda: store.put("config", PAYLOAD),
        lambda: store.get(NAME),
        lambda: store.stat(NAME),
        lambda: list(store.entries()),
        lambda: store.delete(NAME),
        lambda: store.read_back(NAME, len),
        store.space,
    ]
    for call in calls:
        with pytest.raises(StoreFailed):
            call()
    assert files(root) == [NAME]


def test_closing_waits_for_nobody_and_breaks_nothing(root: Path) -> None:
    """A put that is on its way when another thread closes writes to the right folder; then the handle is closed."""
    before = sorted(os.listdir("/proc/self/fd"))
    store = LocalStore(root)
    store.put(NAME, Script(b"content", happens=store.close))
    assert files(root) == [NAME]
    assert sorted(os.listdir("/proc/self/fd")) == before


# Writing


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what a put does to the file system, in order."""
    steps: list[str] = []

    def record(owner: object, name: str, word: str) -> None:
        real = getattr(owner, name)

        def recording(*args: object, **named: object) -> object:
            paths = [arg for arg in args if isinstance(arg, str)]
            steps.append(" ".join([word, *("temporary" if "/.tmp-" in path else path for path in paths)]))
            return real(*args, **named)

        monkeypatch.setattr(owner, name, recording)

    record(local, "sync", "flush")
    record(local.os, "fchmod", "protect")
    for name in ("open", "rename", "sync_file", "sync_folder", "make_folder", "remove"):
        record(Root, name, name)
    return steps


def test_write_protocol(store: LocalStore, recorded: list[str]) -> None:
    """An object is written aside, flushed, renamed, flushed once more, and its folder is flushed."""
    store.put("data/3f/first", PAYLOAD)
    recorded.clear()
    store.put(NAME, PAYLOAD)
    assert recorded == [
        "open temporary",
        "protect",
        "flush",
        f"rename temporary {NAME}",
        f"sync_file {NAME}",
        f"open {NAME}",
        "sync_folder data/3f",
    ]


def test_new_folders_are_flushed_before_their_first_object(store: LocalStore, recorded: list[str]) -> None:
    """A folder is flushed into the one above before anything in it counts, even if somebody else has made it."""
    store.put("keys/a", PAYLOAD)
    assert recorded[:2] == ["make_folder keys", "sync_folder "]
    recorded.clear()
    store.put("keys/b", PAYLOAD)
    assert recorded[0] == "open temporary"
    recorded.clear()
    with LocalStore(Path(store.place)) as other:
        other.put("keys/c", PAYLOAD)
    assert recorded[:2] == ["make_folder keys", "sync_folder "]


def test_pack_folders_are_made_at_once(store: LocalStore, root: Path, recorded: list[str]) -> None:
    """The first pack makes all 256 folders with two flushes, as restic has them."""
    store.put(NAME, PAYLOAD)
    assert sorted(os.listdir(root / "data")) == [f"{number:02x}" for number in range(256)]
    assert [step for step in recorded if step.startswith("sync_folder")] == [
        "sync_folder data",
        "sync_folder ",
        "sync_folder data/3f",
    ]


def test_layout_and_modes_are_restics(root: Path, store: LocalStore, tmp_path: Path, restic: str) -> None:
    """Folders and files have the names and modes that restic itself gives them."""
    theirs = tmp_path / "theirs"
    environment = os.environ | {"RESTIC_PASSWORD": "x", "RESTIC_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([restic, "-q", "-r", theirs, "init"], check=True, env=environment)

    def modes(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): stat.filemode(path.stat().st_mode)
            for path in folder.rglob("*")
            if path.parent.name != "keys"
        }

    for name in ("config", "keys/00", "index/00", "snapshots/00", "locks/00", "data/00/00"):
        store.put(name, PAYLOAD)
    for name in ("index/00", "snapshots/00", "locks/00", "data/00/00"):
        store.delete(name)
    assert modes(root) == modes(theirs)


def test_group_keeps_its_rights(root: Path) -> None:
    """Where config may be read by the group, so may everything new, as restic does it."""
    (root / "config").touch()
    (root / "config").chmod(0o440)
    with LocalStore(root) as store:
        store.put(NAME, PAYLOAD)
    assert stat.S_IMODE((root / NAME).stat().st_mode) == 0o440
    assert stat.S_IMODE((root / "data").stat().st_mode) & 0o700 == 0o700


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("overwrite", [False, True])
def test_failed_flush_writes_the_object_anew(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch, recorded: list[str], at: int, *, overwrite: bool
) -> None:
    """After any failed flush the whole object is written again under another temporary name, never flushed again."""
    store.put("data/3f/first", PAYLOAD)
    recorded.clear()
    monkeypatch.setattr(os, "fsync", Failing(os.fsync, errno.EIO, at))
    store.put(NAME, PAYLOAD, overwrite=overwrite)
    assert store.get(NAME) == b"content"
    assert recorded.count("open temporary") == 2
    assert files(root) == [NAME, "data/3f/first"]


@pytest.mark.parametrize("at", [(1, 2), (1, 3), (2, 4), (3, 6)])
@pytest.mark.parametrize("overwrite", [False, True])
def test_second_failed_flush_is_the_end(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch, at: tuple[int, ...], *, overwrite: bool
) -> None:
    """When a flush fails again the put fails, nothing is visible, and there is no third time."""
    store.put("data/3f/first", PAYLOAD)
    failing = Failing(os.fsync, errno.EIO, *at)
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StoreFailed):
        store.put(NAME, PAYLOAD, overwrite=overwrite)
    assert failing.calls == at[1]
    assert files(root) == ["data/3f/first"]


def test_failed_flush_keeps_an_object_whole(store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When overwriting fails at the last, the old object or the new one is there, whole."""
    for calls in (1, 2, 3):
        store.put(NAME, BytesPayload(b"old"), overwrite=True)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", Failing(os.fsync, errno.EIO, *range(calls, 7)))
            with pytest.raises(StoreFailed):
                store.put(NAME, BytesPayload(b"newer"), overwrite=True)
        assert store.get(NAME) in (b"old", b"newer")
        assert files(root) == [NAME]


@pytest.mark.parametrize(("owner", "call"), [(os, "write"), (os, "fsync"), (Root, "open")])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_drive_is_told_at_once(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch, owner: object, call: str, number: int
) -> None:
    """No room is told with the bytes that were needed, without a second try, and nothing half is left."""
    store.put("data/3f/first", PAYLOAD)
    failing = Failing(getattr(owner, call), number, *range(1, 9))
    monkeypatch.setattr(owner, call, failing)
    with pytest.raises(StoreFull) as caught:
        store.put(NAME, BytesPayload(bytes(5000)))
    assert caught.value.needed == 5000
    assert failing.calls == 1
    monkeypatch.undo()
    assert files(root) == ["data/3f/first"]


def test_short_writes_are_completed(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that writes less than asked for is asked again."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data[:7])))
    data = bytes(range(250))
    store.put(NAME, BytesPayload(data))
    monkeypatch.undo()
    assert store.get(NAME) == data


def test_short_reads_are_completed(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that reads less than asked for is asked again, and a file that ends early is an error."""
    data = bytes(range(250))
    store.put(NAME, BytesPayload(data))
    real = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: real(fd, min(size, 7)))
    assert store.get(NAME) == data
    assert store.get(NAME, 3, 100) == data[3:103]
    monkeypatch.setattr(os, "read", lambda fd, size: real(fd, size)[:0] if size < 100 else real(fd, 100))
    with pytest.raises(StoreDamaged):
        store.get(NAME, 0, 199)


def test_folder_that_somebody_removed_is_made_again(store: LocalStore, root: Path) -> None:
    """A folder that was there a moment ago and is not now is simply made again."""
    store.put("keys/a", PAYLOAD)
    (root / "keys" / "a").unlink()
    (root / "keys").rmdir()
    store.put("keys/b", PAYLOAD)
    assert files(root) == ["keys/b"]


@pytest.mark.parametrize("first", ["config", "data/3f/first"])
def test_removed_root_is_gone(store: LocalStore, root: Path, first: str) -> None:
    """When the folder itself is removed during a run, the place is gone for every call, and is not made again."""
    store.put(first, PAYLOAD)
    subprocess.run(["rm", "-r", root], check=True)
    calls: list[Callable[[], object]] = [
        lambda: store.put(NAME, PAYLOAD),
        lambda: store.get(first),
        lambda: store.stat(first),
        lambda: list(store.entries()),
        lambda: list(store.entries("data/")),
        lambda: store.delete(first),
    ]
    for call in calls:
        with pytest.raises(PlaceGone):
            call()
    root.mkdir()
    with pytest.raises(PlaceGone):
        store.put(NAME, PAYLOAD)
    assert files(root) == []


def test_marker_that_changes_on_the_way_stops_the_write(root: Path) -> None:
    """A drive that turns out to be another one in the middle of an object gets neither the object nor scrap."""
    marker = root.parent / "drive.json"
    marker.write_text('{"id": "red"}')
    with LocalStore(root, marker=Marker(marker, "red")) as store:
        script = Script(bytes(3 << 20), at=1 << 20, happens=lambda: marker.write_text('{"id": "blue"}'))
        with pytest.raises(PlaceSwapped):
            store.put("config", script)
        with pytest.raises(PlaceSwapped):
            store.put("config", PAYLOAD)
    assert files(root) == []


def test_sources_own_system_errors_are_not_the_places(store: LocalStore, root: Path) -> None:
    """A system error that the source raises passes as it is: a destination error is never a source error."""

    def fail() -> None:
        raise OSError(errno.ENOSPC, "the computer's own disk is full")

    with pytest.raises(OSError, match="own disk"):
        store.put(NAME, Script(b"content", happens=fail))
    assert files(root) == []


def test_name_taken_in_the_last_moment_is_refused(store: LocalStore, root: Path) -> None:
    """Two that write the same name at once: the second rename is refused by the system itself."""
    script = Script(b"mine", happens=lambda: (root / "config").write_bytes(b"theirs"))
    with pytest.raises(AlreadyExists):
        store.put("config", script)
    assert (root / "config").read_bytes() == b"theirs"
    assert files(root) == ["config"]


def test_name_taken_in_the_last_moment_without_the_system_call(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system has no such rename, looking and renaming are done together."""

    class OldLibrary:
        def renameat2(self, *_: object) -> int:
            handles.ctypes.set_errno(errno.EINVAL)
            return -1

    for library in (OldLibrary(), object()):
        monkeypatch.setattr(handles, "_libc", lambda library=library: library)
        with pytest.raises(AlreadyExists):
            store.put("config", Script(b"mine", happens=lambda: (root / "config").write_bytes(b"theirs")))
        (root / "config").unlink()
        store.put("config", PAYLOAD)
        assert files(root) == ["config"]
        (root / "config").unlink()


def test_system_that_cannot_flush_folders_is_served(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network folder that cannot be flushed as such is no reason to fail; one that fails to is."""
    store.put("config", PAYLOAD)
    real = os.fsync

    def no_folders(fd: int, number: int = errno.EINVAL) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(number, os.strerror(number))
        real(fd)

    monkeypatch.setattr(os, "fsync", no_folders)
    store.put("data/00/1", PAYLOAD)
    monkeypatch.setattr(os, "fsync", lambda fd: no_folders(fd, errno.EIO))
    with pytest.raises(StoreFailed):
        store.put("data/00/2", PAYLOAD)


def test_too_large_for_fat_is_refused_before_writing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT takes no file of 4 GiB: the store says so beforehand, in its capabilities and at the put."""
    monkeypatch.setattr(local, "largest_file", lambda _device: (4 << 30) - 1)
    with LocalStore(root) as store:
        assert store.capabilities.largest_object == (4 << 30) - 1
        payload = Script(b"", size=4 << 30)
        with pytest.raises(StoreFailed, match="too large"):
            store.put(NAME, payload)
        assert payload.opened == 0


def test_drive_without_rights_is_served(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT refuses chmod; that is no reason to fail."""
    monkeypatch.setattr(os, "fchmod", Failing(os.fchmod, errno.EPERM, 1))
    store.put("config", PAYLOAD)
    assert store.get("config") == b"content"


# Leftovers of killed runs


def plant(folder: Path, object_name: str, monkeypatch: pytest.MonkeyPatch, *, alive: bool = False) -> Path:
    """Leave a temporary file as a killed put would."""
    if not alive:
        with subprocess.Popen([sys.executable, "-c", ""]) as done:
            pass
        monkeypatch.setattr(os, "getpid", lambda: done.pid)
    planted = folder / leftovers.temporary(object_name)
    monkeypatch.undo()
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_bytes(b"half")
    return planted


def test_dead_leftovers_go_at_the_first_put(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What killed puts left in any folder of a repository is removed before the first write, not by reading."""
    planted = [plant(root, name, monkeypatch) for name in ("config", "keys/a", "index/b", NAME, "snapshots/c")]
    with LocalStore(root) as store:
        assert list(store.entries()) == []
        assert all(map(Path.exists, planted))
        store.put("locks/d", PAYLOAD)
    assert files(root) == ["locks/d"]


def test_living_and_foreign_files_stay(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files of running puts and files of others are never removed."""
    alive = plant(root, NAME, monkeypatch, alive=True)
    for name in (".DS_Store", "data/3f/.tmp-x", "Photos.zip", f"data/3f/{'3f' * 32}-tmp-123"):
        (root / name).write_bytes(b"theirs")
    before = files(root)
    with LocalStore(root) as store:
        store.put("locks/d", PAYLOAD)
    assert alive.exists()
    assert files(root) == sorted([*before, "locks/d"])


def test_leftover_of_a_finished_object_stays(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the object is there, both names may own the same clusters of a FAT drive: the leftover is not touched."""
    with LocalStore(root) as store:
        store.put(NAME, PAYLOAD)
    leftover = plant(root, NAME, monkeypatch)
    with LocalStore(root) as store:
        store.put("locks/d", PAYLOAD)
    assert leftover.exists()


def test_leftovers_that_cannot_be_removed_do_no_harm(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leftover that the system does not let go is left."""
    leftover = plant(root, NAME, monkeypatch)
    monkeypatch.setattr(os, "unlink", Failing(os.unlink, errno.EPERM, 1))
    with LocalStore(root) as store:
        store.put("config", PAYLOAD)
    assert leftover.exists()


# Listing and reading


def test_foreign_things_are_no_objects(store: LocalStore, root: Path, tmp_path: Path) -> None:
    """Temporary files, links, folders and whatever has no legal name are neither listed nor found."""
    store.put(NAME, PAYLOAD)
    (tmp_path / "outside").write_bytes(b"secret")
    (root / "keys").mkdir()
    (root / "keys" / "link").symlink_to(tmp_path / "outside")
    (root / "index").symlink_to(tmp_path)
    (root / "snapshots" / "folder").mkdir(parents=True)
    for name in ("README.TXT", ".hidden", "System Volume Information", "keys/.tmp-1", f"keys/{'a' * 101}"):
        (root / name).touch()
    os.mkfifo(root / "keys" / "fifo")
    assert [entry.name for entry in store.entries()] == [NAME]
    assert list(store.entries("index/")) == []
    for name in ("keys/link", "index/outside", "snapshots/folder", "keys/fifo", "data", f"{NAME}/x"):
        with pytest.raises(NotFound):
            store.stat(name)
        with pytest.raises(NotFound):
            store.get(name)
        with pytest.raises(NotFound):
            store.read_back(name, len)


@pytest.mark.parametrize("prefix", ["../", "/", "data/../", "A/", "data//", ".hidden/"])
def test_prefix_cannot_climb_out(store: LocalStore, prefix: str) -> None:
    """A prefix with an illegal folder is refused."""
    with pytest.raises(InvalidName):
        list(store.entries(prefix))


def test_deleting_what_others_are_found_by_is_flushed(store: LocalStore, recorded: list[str]) -> None:
    """The removal of an index is on the medium before the packs it spoke of are removed; a pack's need not be."""
    for name in ("index/a", "keys/a", NAME):
        store.put(name, PAYLOAD)
    recorded.clear()
    for name in ("index/a", "keys/a", NAME):
        store.delete(name)
    assert recorded == [
        "open index/a",
        "remove index/a",
        "sync_folder index",
        "open keys/a",
        "remove keys/a",
        "sync_folder keys",
        f"remove {NAME}",
    ]


def test_old_content_lives_until_the_new_one_is_durable(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAT frees clusters when the last handle closes: the old object is held open until folder and file are flushed."""
    store.put("index/a", BytesPayload(b"old"))
    number = (root / "index/a").stat().st_ino
    held: list[bool] = []
    real = Root.sync_folder

    def flush(self: Root, name: str) -> None:
        handles_open = [Path("/proc/self/fd") / one for one in os.listdir("/proc/self/fd")]
        held.append(number in {one.stat().st_ino for one in handles_open if one.exists()})
        real(self, name)

    monkeypatch.setattr(Root, "sync_folder", flush)
    store.put("index/a", BytesPayload(b"new"), overwrite=True)
    number = (root / "index/a").stat().st_ino
    store.delete("index/a")
    assert held == [True, True]


def test_read_back_passes_the_page_cache(store: LocalStore, root: Path) -> None:
    """What is read back comes from the medium: afterwards no page of it is in the cache, which it was before."""
    data = os.urandom(5 << 20)
    store.put(NAME, BytesPayload(data))
    if not cached_pages(root / NAME):
        pytest.skip("this file system shows no cache")
    pieces = bytearray()
    store.read_back(NAME, pieces.extend)
    assert bytes(pieces) == data
    if cached_pages(root / NAME):
        pytest.skip("this file system is its own cache")


def cached_pages(path: Path) -> int:
    """Return how many pages of the file at *path* are in the page cache (mincore(2))."""
    library = ctypes.CDLL(None, use_errno=True)
    size = path.stat().st_size
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), size, mmap.MAP_PRIVATE) as mapped:
        held = (ctypes.c_char * size).from_buffer(mapped)
        pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
        assert library.mincore(ctypes.byref(held), ctypes.c_size_t(size), pages) == 0
        del held
    return sum(page & 1 for page in pages)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 4097])
@pytest.mark.parametrize("direct", [True, False])
def test_read_back_without_direct_input(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, size: int, *, direct: bool
) -> None:
    """Where direct input is refused, at opening or at the first read, the object is read all the same."""
    store.put(NAME, BytesPayload(data := os.urandom(size)))
    if not direct:
        monkeypatch.setattr(os, "preadv", Failing(os.preadv, errno.EINVAL, 1))
    pieces: list[bytes] = []
    store.read_back(NAME, pieces.append)
    assert b"".join(pieces) == data


def test_read_back_finds_a_file_that_ends_early(store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that gives less than its size is damage."""
    store.put(NAME, BytesPayload(bytes(3 << 20)))
    monkeypatch.setattr(store, "_open_direct", lambda _name: None)
    (root / NAME).chmod(0o600)
    with pytest.raises(StoreDamaged):
        store.read_back(NAME, lambda _piece: os.truncate(root / NAME, 1 << 20))


def test_room_is_the_file_systems(store: LocalStore, root: Path) -> None:
    """Total and free bytes are those that the system tells for the folder."""
    told, known = store.space(), os.statvfs(root)
    assert told.total == known.f_blocks * known.f_frsize
    assert told.free is not None
    assert 0 < told.free <= told.total


def test_many_threads_one_store(store: LocalStore, root: Path) -> None:
    """Threads that put, read, list and delete at once do not get into each other's way."""
    wrong: list[object] = []

    def work(number: int) -> None:
        try:
            for turn in range(10):
                name = f"data/{turn:02x}/{number}-{turn}"
                store.put(name, BytesPayload(name.encode() * 100))
                if store.get(name) != name.encode() * 100:
                    wrong.append(name)
                if name not in {entry.name for entry in store.entries(f"data/{turn:02x}/")}:
                    wrong.append(name)
                if turn % 2:
                    store.delete(name)
        except StoreError as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(files(root)) == 20
