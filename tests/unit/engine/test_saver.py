"""The saver: each blob once, packs before index, and no lie of a place or failure of a thread goes unnoticed."""

import hashlib
import os
import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from traybackup.api.errors import (
    Cancelled,
    Offline,
    RepositoryDamaged,
    StoreDamaged,
    StoreError,
    StoreFull,
    TraybackupError,
)
from traybackup.api.progress import Progress
from traybackup.api.store import Capabilities, Entry, Payload
from traybackup.engine import saver as saver_module
from traybackup.engine.chunking import MAX_CHUNK
from traybackup.engine.codec import BlobKind, FileKind
from traybackup.engine.crypto import KdfParameters, MasterKey
from traybackup.engine.index import Index, decode_index
from traybackup.engine.pack import open_blobs, read_header
from traybackup.engine.repository import Repository
from traybackup.engine.saver import BlobSaver
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("no_thread_left")]

DATA, TREE = BlobKind


def noise(seed: int, size: int = 1000) -> bytes:
    return random.Random(seed).randbytes(size)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


class Watched(FaultyStore):
    """A place that looks at every index file put into it: all that it names must be there already, and sound.

    Attributes:
        indexed: Ids of the blobs that the index files name, in the order of writing.
    """

    def __init__(self, repo: Repository, *faults: Fault) -> None:
        super().__init__(repo.store, faults)
        self.repo = repo
        self.indexed: list[bytes] = []
        self.capabilities = Capabilities(parallel=3, best_object=8192)

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        entry = super().put(name, payload, overwrite=overwrite)
        if name.startswith("index/"):
            self.look_at(name.removeprefix("index/"))
        return entry

    def look_at(self, index_id: str) -> None:
        reader = Repository.__new__(Repository)
        reader.store, reader.key = self.inner, self.repo.key
        for pack_id, blobs in decode_index(reader.load(FileKind.INDEX, index_id), index_id):
            data = reader.read_pack(pack_id)
            assert hashlib.sha256(data).digest() == pack_id
            assert read_header(reader.key, data) == blobs
            assert not any(isinstance(plain, RepositoryDamaged) for _, plain in open_blobs(reader.key, data, 0, blobs))
            self.indexed += [blob.id for blob in blobs]

    @property
    def put_names(self) -> list[str]:
        return [name.partition("/")[0] for method, name in self.calls if method == "put"]


@pytest.fixture(autouse=True)
def _small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make packs so small that some hundred blobs fill many."""
    monkeypatch.setattr(saver_module, "_SMALLEST_PACK", 4096)


@pytest.fixture
def watch(repo: Repository) -> Callable[..., Watched]:
    """Return a function that puts a watched place with faults under the repository."""

    def make(*faults: Fault) -> Watched:
        repo.store = Watched(repo, *faults)
        return repo.store

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where packs grow; at the end nothing may be left in it, and no file may be open that was not before."""
    place = tmp_path / "packs"
    place.mkdir()
    before = open_files()
    yield place
    assert list(place.iterdir()) == []
    assert open_files() == before


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def fresh(repo: Repository) -> Repository:
    """Look at the repository as a program does that starts now."""
    store = repo.store.inner if isinstance(repo.store, FaultyStore) else repo.store
    again = Repository.__new__(Repository)
    again.__dict__.update(repo.__dict__)
    again.store = store
    again.load_index()
    return again


# What is saved


def test_what_is_saved_can_be_read_by_the_next_program(
    repo: Repository, watch: Callable[..., Watched], folder: Path
) -> None:
    """After a clean exit every blob is indexed, in its place, and opens."""
    store = watch()
    plains = [noise(number, number * 37 % 5000) for number in range(200)]
    with repo.writing(folder=folder) as saver:
        ids = [saver.save(DATA, plain) for plain in plains]
        trees = saver.save_many(TREE, [b'{"nodes":[]}\n', b'{"nodes":[1]}\n'])
    assert ids == [sha(plain) for plain in plains]
    assert sorted(store.indexed) == sorted({*ids, *trees})
    again = fresh(repo)
    assert [again.blob(DATA, blob_id) for blob_id in ids] == plains
    assert again.blob(TREE, trees[0]) == b'{"nodes":[]}\n'


def test_packs_come_first_and_the_index_last(repo: Repository, watch: Callable[..., Watched], folder: Path) -> None:
    """Whoever stops anywhere leaves no index that names a missing pack."""
    store = watch()
    with repo.writing(folder=folder) as saver:
        saver.save_many(DATA, [noise(number) for number in range(60)])
    names = store.put_names
    assert names.count("index") == 1
    assert names[-1] == "index"
    assert set(names[:-1]) == {"data"}


def test_data_and_trees_never_share_a_pack(repo: Repository, folder: Path) -> None:
    """Restic wants them apart, and so does whoever reads only trees."""
    with repo.writing(folder=folder) as saver:
        for number in range(100):
            saver.save(BlobKind(number % 2), noise(number))
    for entry in repo.ids(FileKind.PACK):
        assert len({blob.kind for blob in read_header(repo.key, repo.read_pack(bytes.fromhex(entry.id)))}) == 1


def test_a_blob_of_either_kind_is_stored_once(repo: Repository, watch: Callable[..., Watched], folder: Path) -> None:
    """Within a call, between calls and between runs; as data and as a tree it is two."""
    store = watch()
    for run in range(2):
        with repo.writing(folder=folder) as saver:
            saver.save_many(DATA, [b"same", b"same"])
            saver.save(DATA, b"same")
            saver.save(TREE, b"same")
        assert saver.new_blobs == ({DATA: 1, TREE: 1} if run == 0 else {DATA: 0, TREE: 0})
    assert store.indexed == [sha(b"same")] * 2
    assert store.put_names == ["data", "data", "index"]


def test_nothing_new_writes_nothing(repo: Repository, watch: Callable[..., Watched], folder: Path) -> None:
    """A run without new blobs leaves no pack and no index."""
    store = watch()
    with repo.writing(folder=folder):
        pass
    assert store.calls == []


def test_counts_are_those_of_the_new_blobs(repo: Repository, folder: Path) -> None:
    """Plain and packed bytes by kind; what is known already does not count."""
    text = b"text " * 1000
    with repo.writing(folder=folder) as saver:
        saver.save_many(DATA, [noise(1), text, text])
        saver.save(TREE, text)
        saver.save(DATA, noise(1))
    assert saver.new_blobs == {DATA: 2, TREE: 1}
    assert saver.added == {DATA: 1000 + len(text), TREE: len(text)}
    lengths = {kind: sum(entry[4] for entry in repo.index.entries() if entry[0] is kind) for kind in BlobKind}
    assert saver.added_packed == lengths
    assert lengths[TREE] < 100
    assert 1032 < lengths[DATA] < 1200


def test_progress_hears_of_every_byte_that_arrived(repo: Repository, folder: Path) -> None:
    """The sum of what was told is what lies in the packs."""
    told: list[int | str] = []

    class Listening(Progress):
        def stored(self, size: int) -> None:
            told.append(size)

        def phase(self, name: str) -> None:
            told.append(name)

    with repo.writing(folder=folder, progress=Listening()) as saver:
        saver.save_many(DATA, [noise(number) for number in range(50)])
    assert told[-1] == "index"
    assert sum(size for size in told if isinstance(size, int)) == sum(entry.size for entry in repo.ids(FileKind.PACK))


@pytest.mark.parametrize("level", [0, None, 9])
def test_the_level_decides_about_compression(repo: Repository, folder: Path, level: int | None) -> None:
    """Level 0 stores data as it is, any other makes text small."""
    with repo.writing(folder=folder, level=level) as saver:
        saver.save(DATA, b"text " * 1000)
    (entry,) = repo.index.entries()
    assert (entry[5] == 0) == (level == 0)
    assert (entry[4] == 5032) == (level == 0)


def test_version_1_knows_no_compression(folder: Path) -> None:
    """In a repository of the old version everything is stored as it is, whatever level is asked for."""
    repo = Repository.create(
        MemoryStore(), "x", now=datetime(2026, 1, 1, tzinfo=UTC), version=1, cost=KdfParameters(n=2, r=1)
    )
    with repo.writing(folder=folder, level=9) as saver:
        for kind in BlobKind:
            saver.save(kind, b"text " * 1000)
    assert [(entry[4], entry[5]) for entry in repo.index.entries()] == [(5032, 0)] * 2


def test_packs_have_the_size_the_place_likes(repo: Repository, watch: Callable[..., Watched], folder: Path) -> None:
    """A pack ends with the blob that fills it; only the last may be small."""
    watch()
    with repo.writing(folder=folder) as saver:
        for number in range(100):
            saver.save(DATA, noise(number))
    sizes = sorted(entry.size for entry in repo.ids(FileKind.PACK))
    assert all(8192 <= size < 8192 + 1032 + 500 for size in sizes[1:])


@pytest.mark.parametrize(
    ("best", "largest", "wanted"),
    [
        (1, None, 4 << 20),
        (16 << 20, None, 16 << 20),
        (1 << 40, None, 128 << 20),
        (64 << 20, 20 << 20, 7_481_670),
        (64 << 20, 1 << 20, 1),
        (16 << 20, (1 << 32) - 1, 16 << 20),
    ],
)
def test_the_size_of_packs_stays_within_reason(
    repo: Repository, monkeypatch: pytest.MonkeyPatch, best: int, largest: int | None, wanted: int
) -> None:
    """Whatever a place says it likes, packs are closed at 4 to 128 MiB, or at the largest object it takes."""
    monkeypatch.setattr(saver_module, "_SMALLEST_PACK", 4 << 20)
    store = FaultyStore(repo.store)
    store.capabilities = Capabilities(best_object=best, largest_object=largest)
    repo.store = store
    with repo.writing() as saver:
        assert saver._order.pack_size == wanted


@pytest.mark.parametrize("size", [8, 40, 5000, MAX_CHUNK])
def test_no_pack_is_larger_than_the_place_takes(repo: Repository, size: int) -> None:
    """Its last blob and its header are counted, however large the one or the other is."""
    largest = MAX_CHUNK + (1 << 20)
    store = FaultyStore(repo.store)
    store.capabilities = Capabilities(best_object=1 << 30, largest_object=largest)
    repo.store = store
    chance = random.Random(1)
    with repo.writing(level=0) as saver:
        for _ in range(min(3 * largest // size, 80_000)):
            saver.save(BlobKind.DATA, chance.randbytes(size))
    sizes = [entry.size for entry in repo.ids(FileKind.PACK)]
    assert max(sizes) <= largest
    assert len(sizes) > 1


def test_a_blob_can_be_moved_into_a_new_pack(repo: Repository, folder: Path) -> None:
    """Repacking stores a blob again that is known already, many of them in many packs."""
    plains = [noise(number) for number in range(30)]
    with repo.writing(folder=folder) as saver:
        saver.save_many(DATA, plains)
    old = list(repo.index.entries())
    packs = {number: pack for pack, number in repo.index.packs().items()}
    with repo.writing(folder=folder) as saver:
        for kind, blob_id, number, offset, length, plain_length in old:
            sealed = repo.read_pack(packs[number], offset, length)
            saver.copy(saver_module.PackedBlob(kind, blob_id, offset, length, plain_length), sealed)
    assert len(list(repo.index.entries())) == 60
    for entry in repo.ids(FileKind.PACK):
        if bytes.fromhex(entry.id) in packs.values():
            repo.remove(FileKind.PACK, entry.id)
    fresh_index = fresh(repo).index
    assert len(list(fresh_index.entries())) == 60
    moved = [entry for entry in fresh_index.entries() if fresh_index.pack_id(entry[2]) not in packs.values()]
    assert {entry[1] for entry in moved} == {sha(plain) for plain in plains}


# Threads


def test_the_same_blobs_from_many_threads_are_stored_once(
    repo: Repository, watch: Callable[..., Watched], folder: Path
) -> None:
    """Eight threads save the same 300 blobs in different orders while packs are uploaded all the time."""
    store = watch()
    plains = [noise(number, 500) for number in range(300)]
    start = threading.Barrier(8)
    raised: list[BaseException] = []

    with repo.writing(folder=folder) as saver:

        def work(seed: int) -> None:
            mine = plains[:]
            random.Random(seed).shuffle(mine)
            start.wait(20)
            try:
                for at in range(0, 300, 3):
                    assert saver.save_many(DATA, mine[at : at + 3]) == [sha(one) for one in mine[at : at + 3]]
            except BaseException as error:  # noqa: BLE001 - handed to the test
                raised.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert raised == []
    assert sorted(store.indexed) == sorted(sha(plain) for plain in plains)
    assert saver.new_blobs[DATA] == 300
    assert saver.added[DATA] == 300 * 500


def test_every_thread_has_a_nonce_of_its_own_for_every_blob(
    repo: Repository, watch: Callable[..., Watched], folder: Path
) -> None:
    """Across all packs, headers and blobs, from several threads and runs, no nonce turns up twice."""
    watch()
    for run in range(3):
        with repo.writing(folder=folder) as saver:
            threads = [
                threading.Thread(
                    target=saver.save_many, args=(DATA, [noise(run * 1000 + t * 100 + n) for n in range(50)])
                )
                for t in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    nonces = []
    for entry in repo.ids(FileKind.PACK):
        data = repo.read_pack(bytes.fromhex(entry.id))
        blobs = read_header(repo.key, data)
        nonces += [data[blob.offset : blob.offset + 16] for blob in blobs]
        end = sum(blob.length for blob in blobs)
        nonces.append(data[end : end + 16])
    assert len(nonces) > 600
    assert len(set(nonces)) == len(nonces)


# The index in between


@pytest.mark.parametrize(("limit", "value"), [("_INDEX_AFTER_PACKS", 3), ("_INDEX_EVERY", 20)])
def test_an_index_is_written_every_so_often(
    repo: Repository,
    watch: Callable[..., Watched],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
) -> None:
    """After so many packs or blobs; together the index files name each blob once."""
    monkeypatch.setattr(saver_module, limit, value)
    store = watch()
    plains = [noise(number) for number in range(100)]
    with repo.writing(folder=folder) as saver:
        saver.save_many(DATA, plains)
    assert store.put_names.count("index") >= 3
    assert sorted(store.indexed) == sorted(sha(plain) for plain in plains)


@pytest.mark.parametrize("reason", [Cancelled(), KeyboardInterrupt()])
def test_who_is_stopped_indexes_what_is_stored(
    repo: Repository, watch: Callable[..., Watched], folder: Path, reason: BaseException
) -> None:
    """The next run need not store again what had arrived before somebody asked to stop."""
    store = watch()
    with pytest.raises(type(reason)) as caught, repo.writing(folder=folder) as saver:  # noqa: PT012
        saver.save_many(DATA, [noise(number) for number in range(60)])
        raise reason
    assert caught.value is reason
    assert store.put_names[-1] == "index"
    assert store.indexed
    again = fresh(repo)
    for blob_id in store.indexed:
        assert sha(again.blob(DATA, blob_id)) == blob_id
    with again.writing(folder=folder) as saver:
        saver.save_many(DATA, [noise(number) for number in range(60)])
    assert saver.new_blobs[DATA] == 60 - len(store.indexed)


def test_who_is_stopped_before_anything_arrived_writes_nothing(
    repo: Repository, watch: Callable[..., Watched], folder: Path
) -> None:
    """No pack, no index."""
    store = watch()
    with pytest.raises(Cancelled), repo.writing(folder=folder) as saver:  # noqa: PT012
        saver.save(DATA, b"little")
        raise Cancelled
    assert store.put_names == []


@pytest.mark.parametrize("reason", [StoreFull(), ValueError("a fault of the program"), MemoryError()])
def test_after_any_other_error_no_index_is_written(
    repo: Repository, watch: Callable[..., Watched], folder: Path, reason: BaseException
) -> None:
    """What arrived stays unnamed, and the error is the one that was raised."""
    store = watch()
    with pytest.raises(type(reason)) as caught, repo.writing(folder=folder) as saver:  # noqa: PT012
        saver.save_many(DATA, [noise(number) for number in range(60)])
        raise reason
    assert caught.value is reason
    assert "index" not in store.put_names


# Places that fail or lie


def save_all(repo: Repository, folder: Path) -> BlobSaver:
    with repo.writing(folder=folder) as saver:
        for number in range(60):
            saver.save(DATA, noise(number))
        saver.save(TREE, b'{"nodes":[]}\n')
    return saver


PUTS = 8 + 1 + 1  # packs of data, one of trees, the index


def test_this_is_how_many_puts_a_run_has(repo: Repository, watch: Callable[..., Watched], folder: Path) -> None:
    """The tests below fail each of them in turn."""
    store = watch()
    save_all(repo, folder)
    assert len(store.put_names) == PUTS


@pytest.mark.parametrize("do", [Do.FLIP, Do.LIE])
@pytest.mark.parametrize("call", range(1, PUTS + 1))
def test_one_bad_write_is_noticed_and_made_good(
    repo: Repository, watch: Callable[..., Watched], folder: Path, call: int, do: Do
) -> None:
    """A bit flipped or a write dropped once is written again, and everything can be read."""
    store = watch(Fault("put", call, do))
    if call == PUTS:
        store.look_at = lambda _: None  # the index itself is the damaged one, at first
    save_all(repo, folder)
    assert len(store.put_names) == PUTS + 1
    again = fresh(repo)
    assert all(again.blob(DATA, sha(noise(number))) == noise(number) for number in range(60))


@pytest.mark.parametrize("do", [Do.FLIP, Do.LIE])
@pytest.mark.parametrize("call", [1, 4, PUTS - 1, PUTS])
def test_a_medium_that_stays_bad_ends_the_run(
    repo: Repository, watch: Callable[..., Watched], folder: Path, call: int, do: Do
) -> None:
    """A stick that lies is found out before anything names what is on it."""
    store = watch(Fault("put", call, do, lasting=True))
    store.look_at = lambda _: None
    with pytest.raises(StoreDamaged):
        save_all(repo, folder)
    if call < PUTS:
        assert "index" not in store.put_names


@pytest.mark.parametrize("do", [Do.ERROR, Do.CUT, Do.LOST])
@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("call", range(1, PUTS + 1))
def test_an_error_of_the_place_reaches_the_caller_as_it_is(
    repo: Repository, watch: Callable[..., Watched], folder: Path, call: int, do: Do, *, lasting: bool
) -> None:
    """At whatever put it happens, once or from then on: nothing hangs, nothing is named that is not there."""
    error: StoreError = StoreFull(needed=1)
    store = watch(Fault("put", call, do, error, lasting=lasting))
    with pytest.raises(StoreFull) as caught:
        save_all(repo, folder)
    assert caught.value is error
    store.faults.clear()
    again = fresh(repo)
    for kind, blob_id, *_ in again.index.entries():
        again.blob(kind, blob_id)
    save_all(again, folder)  # and the next run just works
    assert all(fresh(again).blob(DATA, sha(noise(number))) == noise(number) for number in range(60))


def test_an_error_while_the_caller_waits_for_room_reaches_it(
    repo: Repository, watch: Callable[..., Watched], folder: Path
) -> None:
    """With slow uploads the caller is held back by the queue; when they fail it is let go with their error."""
    store = watch()
    gate, error = threading.Event(), Offline()
    first = threading.Event()

    def slow_put(*_: object, **__: object) -> Entry:
        first.set()
        gate.wait(30)
        raise error

    store.inner.put = slow_put
    raised: list[BaseException] = []

    def run() -> None:
        try:
            save_all(repo, folder)
        except TraybackupError as failure:
            raised.append(failure)

    running = threading.Thread(target=run)
    running.start()
    assert first.wait(20)
    running.join(0.2)
    assert running.is_alive()
    assert sum(1 for _ in folder.rglob("pack-*")) <= 3 + 3 + 1  # in work, in the queue, in hand: no more
    gate.set()
    running.join(20)
    assert raised == [error]


def test_an_interrupt_while_the_last_packs_are_stored_indexes_the_others(
    repo: Repository, watch: Callable[..., Watched], folder: Path
) -> None:
    """Ctrl-C at the very end is as good as any other: nothing is left open, what arrived is indexed."""
    store = watch()

    class Interrupting(Progress):
        def phase(self, name: str) -> None:
            assert name == "index"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), repo.writing(folder=folder, progress=Interrupting()) as saver:
        saver.save_many(DATA, [noise(number) for number in range(20)])
    assert sorted(store.indexed) == sorted(sha(noise(number)) for number in range(20))


def test_a_full_temporary_folder_ends_the_run_and_leaves_nothing(
    repo: Repository, watch: Callable[..., Watched], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a pack cannot be finished, the others that are still open are given up, too."""
    store = watch()
    real, calls = os.write, []

    def write(fd: int, data: bytes) -> int:
        calls.append(fd)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        return real(fd, data)

    monkeypatch.setattr("traybackup.engine.pack.os.write", write)
    together = threading.Barrier(5)

    def save(number: int) -> None:
        saver.save(DATA, noise(number, 2000))
        together.wait(20)

    with pytest.raises(OSError, match="No space left"), repo.writing(folder=folder) as saver:  # noqa: PT012
        threads = [threading.Thread(target=save, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert "index" not in store.put_names


def test_the_saver_alone_needs_only_a_place_and_a_key(tmp_path: Path) -> None:
    """It can be used without a repository, and knows nothing but what it was given."""
    indexes: list[bytes] = []
    store, key, index = MemoryStore(), MasterKey.generate(), Index()
    saver = BlobSaver(
        store=store,
        key=key,
        index=index,
        save_index=lambda data: indexes.append(data) or "",
        folder=tmp_path,
        level=None,
        progress=Progress(),
    )
    blob_id = saver.save(DATA, b"content")
    assert not index.has(DATA, blob_id)  # not before it arrived
    saver.finish()
    assert index.has(DATA, blob_id)
    ((pack_id, (blob,)),) = decode_index(indexes[0], "")
    data = store.get(f"data/{pack_id.hex()[:2]}/{pack_id.hex()}")
    assert [plain for _, plain in open_blobs(key, data, 0, [blob])] == [b"content"]


def test_what_looks_new_and_is_not_is_stored_once(repo: Repository, folder: Path) -> None:
    """A first run expects everything to be new; what turns up again all the same, in one batch or later, is not."""
    with repo.writing(folder=folder) as saver:
        first = saver.save_many(DATA, [b"a", b"b", b"a"])
        again = saver.save_many(DATA, [b"b", b"c"])
        later = saver.save_many(DATA, [b"d", b"c", b"d"])
    assert first[0] == first[2]
    assert again[0] == first[1]
    assert later[1] == again[1]
    assert saver.new_blobs[DATA] == 4
    found = [entry[1] for entry in fresh(repo).index.entries()]
    assert sorted(found) == sorted({*first, *again, *later})
