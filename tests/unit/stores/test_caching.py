"""What never changes is asked for once, and never believed without a look."""

import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from traybackup.api.errors import NotFound, StoreDamaged
from traybackup.api.store import BytesPayload, Capabilities, Entry, Payload
from traybackup.stores.caching import CachingStore
from traybackup.stores.counting import CountingStore
from traybackup.testing import MemoryPlace, MemoryStore


class Cloud(MemoryStore):
    """A place that computes hashes of what it has."""

    capabilities = Capabilities(checksum="sha256")

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        super().put(name, payload, overwrite=overwrite)
        return self.stat(name)

    def stat(self, name: str) -> Entry:
        return Entry(name, len(self._object(name)), f"sha256:{hashlib.sha256(self._object(name)).hexdigest()}")


@pytest.fixture
def place() -> MemoryPlace:
    return MemoryPlace()


@pytest.fixture
def counted(place: MemoryPlace) -> CountingStore:
    return CountingStore(Cloud(place))


@pytest.fixture
def open_cache(counted: CountingStore, tmp_path: Path) -> Callable[..., CachingStore]:
    return lambda **more: CachingStore(counted, tmp_path / "cache", **more)


def named(folder: str, data: bytes) -> str:
    return f"{folder}/{hashlib.sha256(data).hexdigest()}"


def add(place: MemoryPlace, folder: str, data: bytes) -> str:
    """Put an object there as another client would."""
    name = named(folder, data)
    place.objects[name] = data
    return name


@pytest.mark.parametrize("folder", ["keys", "index", "snapshots"])
def test_small_files_are_fetched_once(
    place: MemoryPlace, counted: CountingStore, open_cache: Callable[..., CachingStore], folder: str
) -> None:
    """By this run or an earlier one; what was put here need not be fetched at all."""
    theirs, ours = add(place, folder, b"theirs"), named(folder, b"ours")
    cache = open_cache()
    cache.put(ours, BytesPayload(b"ours"))
    for again in (cache, cache, open_cache(), open_cache()):
        assert (again.get(theirs), again.get(ours), again.get(ours, 1, 2)) == (b"theirs", b"ours", b"ur")
        assert again.get(ours, 4, 0) == b""
        with pytest.raises(StoreDamaged):
            again.get(ours, 1, 4)
    assert counted.counts.calls == {"put": 1, "get": 1}


def test_a_copy_that_was_altered_is_fetched_again(
    place: MemoryPlace, counted: CountingStore, open_cache: Callable[..., CachingStore], tmp_path: Path
) -> None:
    """A bit that flips on this computer's disk costs a call, and nothing else."""
    name = add(place, "index", b"index file")
    open_cache().get(name)
    (tmp_path / "cache" / name).write_bytes(b"index fole")
    assert open_cache().get(name) == b"index file"
    assert open_cache().get(name) == b"index file"
    assert counted.counts.calls["get"] == 2


def test_what_is_not_what_its_name_says_is_not_kept(
    place: MemoryPlace, counted: CountingStore, open_cache: Callable[..., CachingStore]
) -> None:
    """Damage at the place is seen by everybody who asks, every time."""
    name = add(place, "snapshots", b"right")
    place.objects[name] = b"wrong"
    for _ in range(2):
        assert open_cache().get(name) == b"wrong"
    place.objects[name] = b"right"
    assert open_cache().get(name) == b"right"
    assert counted.counts.calls["get"] == 3


def test_listings_come_from_the_place(
    place: MemoryPlace, open_cache: Callable[..., CachingStore], tmp_path: Path
) -> None:
    """What somebody else added or removed is seen at once, and what is gone is dropped here, too."""
    one, two = add(place, "index", b"one"), add(place, "index", b"two")
    cache = open_cache()
    assert {entry.name for entry in cache.entries("index/")} == {one, two}
    cache.get(one), cache.get(two)
    del place.objects[one]
    assert [entry.name for entry in cache.entries("index/")] == [two]
    assert [path.name for path in (tmp_path / "cache" / "index").iterdir()] == [two.partition("/")[2]]
    with pytest.raises(NotFound):
        cache.get(one)


def test_own_deletions_are_deletions(place: MemoryPlace, open_cache: Callable[..., CachingStore]) -> None:
    """What was removed through the cache is gone for it."""
    cache = open_cache()
    for folder in ("index", "keys", "locks"):
        name = named(folder, b"x")
        cache.put(name, BytesPayload(b"x"))
        assert cache.get(name) == b"x"
        cache.delete(name)
        with pytest.raises(NotFound):
            cache.get(name)
    assert place.objects == {}


def test_packs_are_fetched_whole_by_a_backup_only(
    place: MemoryPlace, counted: CountingStore, open_cache: Callable[..., CachingStore]
) -> None:
    """Many small ranges of one pack cost one call in a backup; a restore asks for what it needs and keeps nothing."""
    data = os.urandom(300_000)
    name = add(place, "data/3f", data)
    looking = open_cache()
    for number in range(3):
        assert looking.get(name, number * 100, 50) == data[number * 100 :][:50]
    assert counted.counts.calls["get"] == 3
    backing_up = open_cache(backup=True)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda number: backing_up.get(name, number * 100, 50), range(500)))
    assert parts == [data[number * 100 :][:50] for number in range(500)]
    with pytest.raises(StoreDamaged):
        backing_up.get(name, 299_999, 2)
    assert counted.counts.calls["get"] == 4
    assert open_cache().get(name, 7, 7) == data[7:14]
    assert counted.counts.calls["get"] == 4


def test_small_packs_that_were_written_here_stay(
    counted: CountingStore, open_cache: Callable[..., CachingStore]
) -> None:
    """The next run finds its folders without a call; large packs are not kept twice."""
    cache = open_cache()
    small, large = os.urandom(10_000), os.urandom(5 << 20)
    cache.put(named("data/aa", small), BytesPayload(small), overwrite=True)
    cache.put(named("data/aa", large), BytesPayload(large), overwrite=True)
    again = open_cache(backup=True)
    assert again.get(named("data/aa", small), 5, 5) == small[5:10]
    assert counted.counts.calls == {"put": 2}
    again.get(named("data/aa", large), 5, 5)
    assert counted.counts.calls["get"] == 1


def test_packs_leave_when_there_is_no_room_or_no_use(open_cache: Callable[..., CachingStore], tmp_path: Path) -> None:
    """The longest unused go first, and what was not used for three months goes anyway."""
    cache = open_cache(room=25_000)
    names = []
    for number in range(4):
        data = os.urandom(10_000)
        names.append(named("data/aa", data))
        cache.put(names[-1], BytesPayload(data))
        used = time.time() - 1000 + number
        os.utime(tmp_path / "cache" / names[-1], (used, used))
    cache.close()
    left = {f"data/aa/{path.name}" for path in (tmp_path / "cache" / "data" / "aa").iterdir()}
    assert left == set(names[2:])
    long_ago = time.time() - 100 * 86_400
    os.utime(tmp_path / "cache" / names[2], (long_ago, long_ago))
    open_cache().close()
    assert [path.name for path in (tmp_path / "cache" / "data" / "aa").iterdir()] == [names[3].rpartition("/")[2]]


def test_config_counts_only_if_the_service_confirms_it(
    place: MemoryPlace, counted: CountingStore, open_cache: Callable[..., CachingStore]
) -> None:
    """Looking whether there is one tells its hash; a new repository at the same place is never taken for the old."""
    place.objects["config"] = b"old"
    first = open_cache()
    first.stat("config")
    assert first.get("config") == b"old"
    counted.counts.calls.clear()
    second = open_cache()
    second.stat("config")
    second.stat("config")
    assert second.get("config") == b"old"
    assert counted.counts.calls == {"stat": 1}
    place.objects["config"] = b"new"
    third = open_cache()
    third.stat("config")
    assert third.get("config") == b"new"


def test_config_is_read_where_no_hash_tells(place: MemoryPlace, tmp_path: Path) -> None:
    """A place without hashes of its own is asked for config every time."""
    place.objects["config"] = b"old"
    counted = CountingStore(MemoryStore(place))
    for _ in range(2):
        CachingStore(counted, tmp_path / "cache").get("config")
    assert counted.counts.calls == {"get": 2}


def test_that_there_is_no_config_is_never_remembered(
    place: MemoryPlace, open_cache: Callable[..., CachingStore]
) -> None:
    """Two computers may make a repository at one moment; each looks again and again."""
    cache = open_cache()
    with pytest.raises(NotFound):
        cache.stat("config")
    place.objects["config"] = b"theirs"
    assert cache.stat("config").size == 6


def test_keys_are_listed_once_while_opening(
    place: MemoryPlace, counted: CountingStore, open_cache: Callable[..., CachingStore]
) -> None:
    """Two listings of keys within a moment are one call; after a moment, or a change here, it is asked again."""
    now = [0.0]
    cache = open_cache(elapsed=lambda: now[0])
    add(place, "keys", b"one")
    assert len(list(cache.entries("keys/"))) == len(list(cache.entries("keys/"))) == 1
    assert counted.counts.calls["entries"] == 1
    added = named("keys", b"two")
    cache.put(added, BytesPayload(b"two"))
    assert len(list(cache.entries("keys/"))) == 2
    cache.delete(added)
    assert len(list(cache.entries("keys/"))) == 1
    add(place, "keys", b"three")
    now[0] = 11
    assert len(list(cache.entries("keys/"))) == 2


def test_one_listing_under_the_lock_answers_a_backup(
    place: MemoryPlace, counted: CountingStore, open_cache: Callable[..., CachingStore]
) -> None:
    """Looking for rivals lists everything, which then answers for index, packs and snapshots, once each."""
    cache = open_cache(backup=True)
    names = {prefix: add(place, prefix, prefix.encode()) for prefix in ("index", "data/aa", "snapshots", "locks")}
    assert [entry.name for entry in cache.entries("locks/")] == [names["locks"]]
    cache.put(named("locks", b"ours"), BytesPayload(b"ours"))
    assert len(list(cache.entries("locks/"))) == 2
    assert counted.counts.calls["entries"] == 2
    for prefix in ("index", "data", "snapshots"):
        assert [entry.name for entry in cache.entries(f"{prefix}/")] == [names.get(prefix, names["data/aa"])]
    assert counted.counts.calls["entries"] == 2
    later = add(place, "index", b"later")
    assert later in {entry.name for entry in cache.entries("index/")}
    assert counted.counts.calls["entries"] == 3


def test_own_locks_need_not_be_read(counted: CountingStore, open_cache: Callable[..., CachingStore]) -> None:
    """Looking for rivals lists the locks, ours among them; its content is known. Others' are read every time."""
    cache = open_cache()
    ours = named("locks", b"ours")
    cache.put(ours, BytesPayload(b"ours"))
    assert cache.get(ours) == b"ours"
    theirs = add(counted.inner.place, "locks", b"theirs")  # type: ignore[attr-defined]  # it is a MemoryStore
    cache.get(theirs), cache.get(theirs)
    assert counted.counts.calls == {"put": 1, "get": 2}


def test_reading_back_goes_to_the_place(counted: CountingStore, open_cache: Callable[..., CachingStore]) -> None:
    """A copy proves nothing about what arrived."""
    cache = open_cache()
    name = named("index", b"x")
    cache.put(name, BytesPayload(b"x"))
    cache.read_back(name, len)
    assert counted.counts.calls["read_back"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_copies_are_private(open_cache: Callable[..., CachingStore], tmp_path: Path) -> None:
    """Nobody else reads them, sealed as they are."""
    cache = open_cache()
    name = named("index", b"x")
    cache.put(name, BytesPayload(b"x"))
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "cache" / name).stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_costs_only_time(
    place: MemoryPlace, counted: CountingStore, tmp_path: Path
) -> None:
    """Without room or rights for copies everything works as without a cache."""
    (tmp_path / "file").write_text("in the way")
    cache = CachingStore(counted, tmp_path / "file" / "cache", backup=True)
    ours, theirs = named("index", b"ours"), add(place, "data/aa", b"theirs")
    cache.put(ours, BytesPayload(b"ours"))
    place.objects["config"] = b"c"
    assert (cache.get(ours), cache.get(theirs, 1, 2), cache.get("config")) == (b"ours", b"he", b"c")
    assert len(list(cache.entries("index/"))) == 1
    cache.delete(ours)
    cache.close()


def test_discarding_takes_the_copies_along(open_cache: Callable[..., CachingStore], tmp_path: Path) -> None:
    """Of a place that is given up nothing stays here."""
    cache = open_cache()
    cache.put(named("index", b"x"), BytesPayload(b"x"))
    cache.discard()
    assert not (tmp_path / "cache").exists()
