"""The pruner: frees what nobody needs, refuses on any doubt, and may be cut off anywhere."""

import hashlib
import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from traybackup.api.errors import Cancelled, LockLost, Offline, PruneRefused, StoreFailed
from traybackup.api.progress import Cancel, Progress
from traybackup.api.source import Kind, Metadata
from traybackup.api.store import BytesPayload, Capabilities
from traybackup.engine import pruner, snapshots
from traybackup.engine.checker import check
from traybackup.engine.codec import BlobKind, FileKind, object_name
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.index import decode_index, encode_index
from traybackup.engine.pack import PackedBlob, PackWriter
from traybackup.engine.pruneplan import PruneLimits, plan
from traybackup.engine.pruner import apply, forget
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.engine.tree import encode_node, encode_tree
from traybackup.engine.walk import TreeReader, walk
from traybackup.stores.local import LocalStore
from traybackup.testing import MemoryStore
from traybackup.testing.faulty import Do, Fault, FaultyStore

NOW = datetime(2026, 3, 10, 19, 30, tzinfo=UTC)
PASSWORD = "Sesam, öffne dich"  # noqa: S105 - of repositories that live for one test
SaveByHand = Callable[..., Snapshot]
THOROUGH = PruneLimits(max_unused=0)


class Held:
    """A lock that is held until the *lost*-th look at it."""

    def __init__(self, *, exclusive: bool = True, lost: int | None = None) -> None:
        self.exclusive = exclusive
        self.looks = 0
        self._lost = lost

    def check(self) -> None:
        self.looks += 1
        if self._lost is not None and self.looks >= self._lost:
            raise LockLost


def text(number: int, size: int = 3000) -> bytes:
    return random.Random(number).randbytes(size)


def again(repo: Repository) -> Repository:
    """Open it as another run would."""
    return Repository.open(repo.store, PASSWORD)


def objects(repo: Repository) -> dict[str, bytes]:
    store = repo.store
    while isinstance(store, FaultyStore):
        store = store.inner
    assert isinstance(store, MemoryStore)
    return store.place.objects


def content(repo: Repository) -> dict[tuple[datetime, bytes], bytes]:
    """Return every file of every snapshot."""
    repo = again(repo)
    repo.load_index()
    found = {}
    for snapshot in snapshots.load_all(repo):
        for path, node in walk(TreeReader(repo), snapshot.tree):
            assert not isinstance(node, Exception), path
            if node.content is not None:
                found[snapshot.time, path] = b"".join(repo.blob(BlobKind.DATA, blob) for blob in node.content)
    return found


def is_sound(repo: Repository) -> bool:
    return check(again(repo), now=NOW, read_data=100).sound


def prune(repo: Repository, limits: PruneLimits = THOROUGH) -> None:
    repo = again(repo)
    apply(repo, plan(repo, limits), Held())


@pytest.fixture
def days(repo: Repository, save_by_hand: SaveByHand) -> Repository:
    """Five days of a till whose database changes by two blocks a day; the first three snapshots were forgotten."""
    blocks = [text(number) for number in range(8)]
    for day in range(5):
        blocks[day], blocks[7] = text(100 + day), text(300 + day, 4000)
        receipts = {b"%d.txt" % number: text(200 + number, 500) for number in range(day + 1)}
        tree = {b"till.db": list(blocks), b"receipts": receipts}
        snapshot = save_by_hand(again_loaded(repo), tree, NOW - timedelta(days=5 - day))
        if day < 3:
            repo.remove(FileKind.SNAPSHOT, snapshot.id)
    return again(repo)


def again_loaded(repo: Repository) -> Repository:
    repo = again(repo)
    repo.load_index()
    return repo


# What a prune does


def test_a_thorough_prune_leaves_what_is_needed_and_nothing_else(days: Repository) -> None:
    """Every file of every snapshot is as before; no blob, no pack, no index file is there that nobody needs."""
    before = content(days)
    assert check(again(days), now=NOW).unused > 0
    prune(days)
    result = check(again(days), now=NOW, read_data=100)
    assert result.sound
    assert (result.unused, result.duplicates, result.unindexed) == (0, 0, 0)
    assert content(days) == before


def test_a_plan_changes_nothing(days: Repository) -> None:
    """Planning only looks."""
    before = dict(objects(days))
    plan(days, THOROUGH)
    assert objects(days) == before


def test_figures_say_what_will_be(days: Repository) -> None:
    """The figures of the plan are those of the repository afterwards."""
    before = check(again(days), now=NOW)
    repo = again(days)
    figures = plan(repo, THOROUGH).figures
    assert (figures.used, figures.unused, figures.duplicates) == (before.used, before.unused, 0)
    assert figures.kept_packs + figures.repacked_packs + figures.deleted_packs == before.packs
    assert figures.left_unused_size == 0
    apply(repo, plan(repo, THOROUGH), Held())
    after = check(again(days), now=NOW)
    freed = before.packs_size - after.packs_size
    assert figures.freed_size <= freed < figures.freed_size + 41 * 1000
    assert again(days).index is not repo.index
    assert len(repo.index) == 0


def test_snapshots_can_be_taken_as_removed(days: Repository) -> None:
    """A plan without some snapshots says what forgetting them would free, and cannot be applied."""
    newest = snapshots.load_all(days)[-1].id
    thought = plan(days, THOROUGH, without=frozenset({newest}))
    assert thought.figures.unused > plan(days, THOROUGH).figures.unused
    before = dict(objects(days))
    with pytest.raises(PruneRefused, match="changed"):
        apply(days, thought, Held())
    assert objects(days) == before


def test_what_may_stay_stays(days: Repository) -> None:
    """With any number of unused bytes allowed no data pack is repacked; packs that nobody needs go all the same."""
    days.store.capabilities = Capabilities(best_object=25)  # so that none of them is small
    tolerant = plan(days, PruneLimits(max_unused=100))
    assert tolerant.repack == {}
    assert tolerant.delete
    assert tolerant.figures.left_unused_size > 0
    assert plan(days, PruneLimits(max_unused_bytes=1 << 40)).repack.keys() == tolerant.repack.keys()
    assert plan(days, PruneLimits(max_unused_bytes=0)).repack.keys() == plan(days, THOROUGH).repack.keys()


def test_repacking_can_be_limited(days: Repository) -> None:
    """No more bytes are repacked than allowed; with none, only the index is written."""
    assert plan(days, replace(THOROUGH, max_repack_bytes=0)).repack == {}
    sizes = {entry.id: entry.size for entry in days.ids(FileKind.PACK)}
    some = plan(days, replace(THOROUGH, max_repack_bytes=10_000))
    assert 0 < sum(sizes[pack.hex()] for pack in some.repack) <= 10_000
    before = content(days)
    while (left := plan(days, replace(THOROUGH, max_repack_bytes=40_000))).repack:
        apply(days, left, Held())
        assert content(days) == before


def test_small_packs_are_joined(days: Repository) -> None:
    """With repack_small, packs far below the usual size become one of each kind."""
    before = content(days)
    prune(days, replace(THOROUGH, repack_small=True))
    assert len(days.ids(FileKind.PACK)) == 2
    assert content(days) == before


def test_many_very_small_packs_are_joined_unasked(repo: Repository, save_by_hand: SaveByHand) -> None:
    """After some days of tiny changes their packs are joined, and so are their index files."""
    for day in range(12):
        save_by_hand(again_loaded(repo), {b"f": text(day, 300)}, NOW + timedelta(days=day))
    before = content(repo)
    assert (len(repo.ids(FileKind.PACK)), len(repo.ids(FileKind.INDEX))) == (24, 12)
    prune(repo, PruneLimits())
    assert (len(repo.ids(FileKind.PACK)), len(repo.ids(FileKind.INDEX))) == (2, 1)
    assert content(repo) == before
    assert is_sound(repo)


def test_index_files_are_not_grown_beyond_bounds(days: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of old index files goes into several new ones if it is much."""
    monkeypatch.setattr(pruner, "_INDEX_BLOBS", 2)
    before = content(days)
    prune(days, replace(THOROUGH, max_repack_bytes=0))
    assert len(days.ids(FileKind.INDEX)) > 4
    assert content(days) == before


def test_a_second_prune_has_nothing_to_do(days: Repository) -> None:
    """Pruned once, the next plan is empty, and applying it deletes nothing."""
    prune(days)
    left = plan(days, THOROUGH)
    assert (left.repack, left.delete, left.absent, left.unindexed) == ({}, (), (), ())
    before = dict(objects(days))
    apply(days, left, Held())
    assert objects(days) == before


def test_unindexed_packs_go(days: Repository) -> None:
    """What a run left that was cut short goes, as nobody else can be at work."""
    days.store.put("data/ab/" + "ab" * 32, BytesPayload(b"left over"))
    repo = again(days)
    todo = plan(repo)
    assert todo.unindexed == (bytes.fromhex("ab" * 32),)
    assert (todo.figures.unindexed, todo.figures.unindexed_size) == (1, 9)
    apply(repo, todo, Held())
    assert "data/ab/" + "ab" * 32 not in objects(days)


def test_packs_with_both_kinds_are_parted(repo: Repository, tmp_path: Path) -> None:
    """A pack with data and trees, as very old programs wrote, becomes two."""
    with repo.writing() as saver:
        tree = saver.save(BlobKind.TREE, b'{"nodes":[]}\n')
    (pack,) = repo.ids(FileKind.PACK)
    writer = PackWriter(repo.key, BlobKind.TREE, tmp_path, level=1)
    data = b"some data"
    writer.add_copy(PackedBlob(BlobKind.TREE, tree, 0, pack.size, 0), b"")
    repo.remove(FileKind.PACK, pack.id)
    writer.discard()
    plain = b'{"nodes":[]}\n'
    writer.add(writer.seal(plain, hashlib.sha256(plain).digest()))
    writer.blobs.append(PackedBlob(BlobKind.DATA, hashlib.sha256(data).digest(), writer.size, len(data) + 32, 0))
    writer.add_sealed(repo.key.seal(data))
    made = writer.finish()
    repo.store.put(object_name(FileKind.PACK, made.id.hex()), made.payload)
    for entry in repo.ids(FileKind.INDEX):
        repo.remove(FileKind.INDEX, entry.id)
    repo.save(FileKind.INDEX, encode_index([(made.id, made.blobs)]))
    with again_loaded(repo).writing() as saver:
        file = encode_node(b"f", Metadata(Kind.FILE), [hashlib.sha256(data).digest()])
        root = saver.save(BlobKind.TREE, encode_tree([encode_node(b"d", Metadata(Kind.DIRECTORY), None, tree), file]))
    snapshots.save(repo, Snapshot(NOW, root, ("/",)))
    assert is_sound(repo)
    prune(repo, PruneLimits())
    assert is_sound(repo)
    assert content(repo) == {(NOW, b"/f"): data}
    assert object_name(FileKind.PACK, made.id.hex()) not in objects(repo)


# Copies


def spoil(repo: Repository, name: str, offset: int) -> None:
    """Flip a bit in the blob that starts at *offset*."""
    data = bytearray(objects(repo)[name])
    data[offset + 20] ^= 1
    objects(repo)[name] = bytes(data)


def copied(repo: Repository) -> tuple[str, str, PackedBlob]:
    """Store a used blob once more; return both packs and the blob in the first."""
    repo.load_index()
    needed = text(100 + 4)
    blob_id = hashlib.sha256(needed).digest()
    location = repo.index.locate(BlobKind.DATA, blob_id)
    assert location is not None
    first = object_name(FileKind.PACK, repo.index.pack_id(location[0]).hex())
    blob = PackedBlob(BlobKind.DATA, blob_id, *location[1:])
    known = set(objects(repo))
    with repo.writing() as saver:
        saver.copy(blob, objects(repo)[first][blob.offset : blob.offset + blob.length])
    (second,) = (name for name in set(objects(repo)) - known if name.startswith("data/"))
    return first, second, blob


def test_of_several_copies_one_stays(days: Repository) -> None:
    """A further copy of a blob goes, and the file that needs it stays whole."""
    prune(days)
    before = content(days)
    copied(days)
    assert plan(days, THOROUGH).figures.duplicates == 1
    prune(days)
    assert check(again(days), now=NOW).duplicates == 0
    assert content(days) == before


@pytest.mark.parametrize("which", [0, 1])
def test_the_sound_copy_is_the_one_that_stays(days: Repository, which: int) -> None:
    """Of a blob with a damaged and a sound copy the sound one stays, whichever pack looks better."""
    prune(days)
    before = content(days)
    first, second, blob = copied(days)
    spoil(days, *((first, blob.offset) if which == 0 else (second, 0)))
    assert not is_sound(days)
    prune(days)
    assert is_sound(days)
    assert content(days) == before


def test_without_a_sound_copy_nothing_goes(days: Repository) -> None:
    """Where every copy is damaged the prune refuses."""
    first, second, blob = copied(days)
    spoil(days, first, blob.offset)
    spoil(days, second, 0)
    assert refused(days) == ("damaged-blob", blob.id.hex())


def test_a_copy_on_bad_sectors_is_not_the_one_that_stays(days: Repository) -> None:
    """Where the better-looking copy cannot be read, the other one stays."""
    prune(days)
    before = content(days)
    first, second, _ = copied(days)

    class BadSector(FaultyStore):
        def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
            if name == first and length is not None:
                raise StoreFailed(name=name, reason="EIO")
            return self.inner.get(name, offset, length)

    todo = plan(Repository.open(BadSector(days.store), PASSWORD), replace(THOROUGH, max_repack_bytes=0))
    assert todo.figures.duplicates == 1
    assert bytes.fromhex(second[-64:]) not in todo.delete
    assert content(days) == before


# Doubts


def refused(repo: Repository) -> tuple[str, str]:
    """Prune, see it refused with nothing changed, and return what it says."""
    before = dict(objects(repo))
    fresh = again(repo)
    with pytest.raises(PruneRefused) as caught:
        apply(fresh, plan(fresh, THOROUGH), Held())
    changed = {name for name, data in before.items() if objects(repo).get(name) != data}
    assert changed == set()
    return caught.value.why, caught.value.what


def test_a_needed_pack_that_is_missing(days: Repository) -> None:
    """Refused: a pack that snapshots need is not there."""
    days.load_index()
    needed = again_loaded(days).index.pack_id(plan_place(days)).hex()
    days.remove(FileKind.PACK, needed)
    assert refused(days) == ("missing-pack", needed)


def plan_place(repo: Repository) -> int:
    location = again_loaded(repo).index.locate(BlobKind.DATA, hashlib.sha256(text(100 + 4)).digest())
    assert location is not None
    return location[0]


def test_a_needed_pack_of_the_wrong_size(days: Repository) -> None:
    """Refused: a pack that snapshots need is shorter or longer than the index says."""
    needed = object_name(FileKind.PACK, again_loaded(days).index.pack_id(plan_place(days)).hex())
    objects(days)[needed] += b"x"
    assert refused(days) == ("wrong-size", needed[-64:])


def test_packs_that_nobody_needs_may_be_broken(days: Repository) -> None:
    """A pack without a needed blob goes, whatever its size; if it is gone already, it leaves the index."""
    before = content(days)
    todo = plan(days, THOROUGH)
    short, gone = (object_name(FileKind.PACK, pack.hex()) for pack in (todo.delete[0], todo.delete[-1]))
    assert short != gone
    objects(days)[short] = b""
    del objects(days)[gone]
    todo = plan(days, THOROUGH)
    assert [pack.hex() for pack in todo.absent] == [gone[-64:]]
    prune(days)
    assert is_sound(days)
    assert content(days) == before


def test_a_needed_blob_that_no_index_knows(days: Repository) -> None:
    """Refused: an index file is missing and with it what it knew."""
    for entry in days.ids(FileKind.INDEX)[:1]:
        days.remove(FileKind.INDEX, entry.id)
    why, what = refused(days)
    assert why in ("not-indexed-data", "not-indexed-tree")
    assert len(what) == 64


@pytest.mark.parametrize("kind", [FileKind.INDEX, FileKind.SNAPSHOT])
def test_a_file_that_cannot_be_read(days: Repository, kind: FileKind) -> None:
    """Refused: nobody knows what a damaged index or snapshot file says."""
    entry = days.ids(kind)[0]
    objects(days)[object_name(kind, entry.id)] = b"x" * entry.size
    assert refused(days) == (f"damaged-{kind.word}", entry.id)


def test_an_index_file_spoiled_since_the_plan(days: Repository) -> None:
    """Refused: an index file was whole when the plan was made and is not when it is to be rewritten."""
    todo = plan(days, THOROUGH)
    entry = days.ids(FileKind.INDEX)[0]
    objects(days)[object_name(FileKind.INDEX, entry.id)] = b"x" * entry.size
    packs = days.ids(FileKind.PACK)
    with pytest.raises(PruneRefused, match="damaged-index"):
        apply(days, todo, Held())
    assert {entry.id for entry in packs} <= {entry.id for entry in days.ids(FileKind.PACK)}


def test_a_tree_that_cannot_be_read(days: Repository) -> None:
    """Refused: nobody knows what a damaged tree names."""
    days.load_index()
    root = snapshots.load_all(days)[0].tree
    location = days.index.locate(BlobKind.TREE, root)
    assert location is not None
    name = object_name(FileKind.PACK, days.index.pack_id(location[0]).hex())
    spoil(days, name, location[1])
    assert refused(days) == ("damaged-tree", root.hex())


def test_a_tree_that_makes_no_sense(days: Repository) -> None:
    """Refused: a tree that is none may stand for anything."""
    with days.writing() as saver:
        root = saver.save(BlobKind.TREE, b'{"nodes":[{"content":["00"]}]}')
    snapshots.save(days, Snapshot(NOW, root, ("/",)))
    assert refused(days) == ("bad-json-tree", root.hex())


def test_damage_in_what_is_to_be_repacked(days: Repository) -> None:
    """Refused: a block that would have to move does not open; it and its pack stay as they are."""
    todo = plan(days, THOROUGH)
    pack = next(pack for pack in todo.repack if todo.copies(pack)[0].kind is BlobKind.DATA)
    blob = todo.copies(pack)[0]
    spoil(days, object_name(FileKind.PACK, pack.hex()), blob.offset)
    assert refused(days) == ("damaged-data", blob.id.hex())


def test_a_pack_that_cannot_be_read(days: Repository) -> None:
    """Refused: a pack to be repacked lies on bad sectors."""
    todo = plan(days, THOROUGH)
    pack = next(pack for pack in todo.repack if todo.copies(pack)[0].kind is BlobKind.DATA)

    class BadSector(FaultyStore):
        def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
            if name.endswith(pack.hex()):
                raise StoreFailed(name=name, reason="EIO")
            return self.inner.get(name, offset, length)

    assert refused(Repository.open(BadSector(days.store), PASSWORD)) == ("unreadable-pack", pack.hex())


def test_without_any_snapshot_everything_would_go(days: Repository) -> None:
    """Refused unless it is meant: a place that lists no snapshot may just be slow to list."""
    for entry in days.ids(FileKind.SNAPSHOT):
        days.remove(FileKind.SNAPSHOT, entry.id)
    assert refused(days) == ("no-snapshots", "")
    prune(days, PruneLimits(allow_empty=True))
    assert days.ids(FileKind.PACK) == days.ids(FileKind.INDEX) == []


def test_a_new_repository_can_be_pruned(repo: Repository) -> None:
    """With nothing in it there is nothing to doubt."""
    prune(repo)
    assert is_sound(repo)


@pytest.mark.parametrize("kind", [FileKind.INDEX, FileKind.SNAPSHOT])
def test_a_repository_that_changed_since_the_plan(days: Repository, kind: FileKind) -> None:
    """Refused: somebody who knows no locks has added something."""
    todo = plan(days, THOROUGH)
    if kind is FileKind.INDEX:
        days.save(kind, b'{"packs":[]}')
    else:
        snapshots.save(days, replace(snapshots.load_all(days)[0], hostname="other"))
    before = dict(objects(days))
    with pytest.raises(PruneRefused, match="changed"):
        apply(days, todo, Held())
    assert objects(days) == before


def test_a_snapshot_that_comes_during_the_prune(days: Repository, save_by_hand: SaveByHand) -> None:
    """Refused at the last moment: a snapshot appeared while packs were being repacked; all of it is there."""
    todo = plan(days, THOROUGH)

    class Late(Progress):
        def phase(self, name: str) -> None:
            if name == "prune-index":
                save_by_hand(again_loaded(days), {b"late": [text(number) for number in range(8)]}, NOW)

    with pytest.raises(PruneRefused, match="changed"):
        apply(days, todo, Held(), progress=Late())
    assert is_sound(days)
    assert content(days)[NOW, b"/late"]


# Locks, and stopping


def test_a_shared_lock_is_not_enough(days: Repository) -> None:
    """Nothing is removed under a lock that others share."""
    before = dict(objects(days))
    with pytest.raises(LockLost):
        apply(days, plan(days, THOROUGH), Held(exclusive=False))
    with pytest.raises(LockLost):
        forget(days, [snapshots.load_all(days)[0].id], Held(exclusive=False))
    assert objects(days) == before


def test_forgetting_removes_snapshots_and_nothing_else(days: Repository) -> None:
    """After forgetting, the snapshot is gone, the packs are not."""
    first, second = (snapshot.id for snapshot in snapshots.load_all(days))
    packs = days.ids(FileKind.PACK)
    forget(days, [first], Held())
    assert [entry.id for entry in days.ids(FileKind.SNAPSHOT)] == [second]
    assert days.ids(FileKind.PACK) == packs


def test_a_lost_lock_ends_forgetting(days: Repository) -> None:
    """The lock is made sure of before each snapshot."""
    ids = [snapshot.id for snapshot in snapshots.load_all(days)]
    with pytest.raises(LockLost):
        forget(days, ids, Held(lost=2))
    assert [entry.id for entry in days.ids(FileKind.SNAPSHOT)] == ids[1:]
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled):
        forget(days, ids, Held(), cancel=cancel)


def test_a_lost_lock_ends_a_prune_wherever_it_is(days: Repository) -> None:
    """Whenever the lock gets lost, nothing more is removed, and the repository is sound."""
    before = content(days)
    start = dict(objects(days))
    counting = Held()
    apply(again(days), plan(again(days), THOROUGH), counting)
    for lost in range(1, counting.looks + 1):
        objects(days).clear()
        objects(days).update(start)
        store = FaultyStore(days.store)
        repo = Repository.open(store, PASSWORD)
        todo = plan(repo, THOROUGH)
        held = Held(lost=lost)
        with pytest.raises(LockLost):
            apply(repo, todo, held)
        deleted = sum(method == "delete" for method, _ in store.calls)
        assert deleted <= lost - 1
        assert content(days) == before
        assert is_sound(days)


class StopAt(Progress):
    """Asks to stop as soon as a phase begins."""

    def __init__(self, wanted: str) -> None:
        self.cancel = Cancel()
        self._wanted = wanted

    def phase(self, name: str) -> None:
        if name == self._wanted:
            self.cancel.set()


def test_a_prune_can_be_stopped(days: Repository) -> None:
    """Somebody who asks to stop is heard in every phase, and what is left is sound and goes on the next time."""
    before = content(days)
    start = dict(objects(days))
    for phase in ("prune-repack", "prune-index", "prune-delete"):
        objects(days).clear()
        objects(days).update(start)
        stop = StopAt(phase)
        repo = again(days)
        todo = plan(repo, THOROUGH)
        with pytest.raises(Cancelled):
            apply(repo, todo, Held(), progress=stop, cancel=stop.cancel)
        assert is_sound(days)
        prune(days)
        assert content(days) == before
    with pytest.raises(Cancelled):
        plan(days, cancel=stop.cancel)


# The order, and being cut off


def test_packs_then_index_then_old_index_then_old_packs(days: Repository) -> None:
    """What is written comes before what is removed, and what names something goes before it."""
    store = FaultyStore(days.store)
    repo = Repository.open(store, PASSWORD)
    todo = plan(repo, THOROUGH)
    store.calls.clear()
    apply(repo, todo, Held())
    order = [
        (method, name.split("/")[0])
        for method, name in store.calls
        if method in ("put", "delete") and not name.startswith("locks")
    ]
    steps = list(dict.fromkeys(order))
    assert steps == [("put", "data"), ("put", "index"), ("delete", "index"), ("delete", "data")]
    assert order == sorted(order, key=steps.index)


def cut_offs(repo: Repository, do: Do, step: int, judge: Callable[[], None]) -> int:
    """Cut a prune off at every *step*-th change it makes; judge, and prune again to the end."""
    before, start = content(repo), dict(objects(repo))
    counting = FaultyStore(repo.store)
    pruned = Repository.open(counting, PASSWORD)
    todo = plan(pruned, THOROUGH)
    counting.calls.clear()
    apply(pruned, todo, Held())
    changes = [number for number, (method, _) in enumerate(counting.calls, 1) if method in ("put", "delete")]
    for number in range(1, len(changes) + 1, step):
        objects(repo).clear()
        objects(repo).update(start)
        store = Cutting(repo.store, number, do)
        cut = Repository.open(store, PASSWORD)
        todo = plan(cut, THOROUGH)
        with pytest.raises(Offline):
            apply(cut, todo, Held())
        judge()
        assert content(repo) == before
        assert is_sound(repo)
        prune(repo)
        assert content(repo) == before
        result = check(again(repo), now=NOW)
        assert (result.unused, result.duplicates, result.unindexed) == (0, 0, 0)
    return len(changes)


class Cutting(FaultyStore):
    """Dies at the *number*-th change: it is done or not, and nothing after it is."""

    def __init__(self, inner: MemoryStore, number: int, do: Do) -> None:
        super().__init__(inner)
        self._left, self._do = number, do

    def _next(self, method: str, name: str) -> Fault | None:
        if method in ("put", "delete"):
            self._left -= 1
            if self._left < 0 or (self._left == 0 and self._do is Do.ERROR):
                raise Offline
            if self._left == 0:
                return Fault(method, 1, Do.LOST)
        elif self._left <= 0:
            raise Offline
        return super()._next(method, name)


@pytest.mark.parametrize("do", [Do.ERROR, Do.LOST])
def test_a_prune_may_be_cut_off_anywhere(days: Repository, do: Do) -> None:
    """Cut off before or after any change, everything is there, and the next prune brings it to the same end."""
    assert cut_offs(days, do, 1, lambda: None) >= 8


@pytest.mark.restic
def test_restic_is_content_with_what_a_cut_leaves(restic: str, days: Repository, tmp_path: Path) -> None:
    """Wherever a prune was cut off, restic's check finds nothing wrong."""

    def judge() -> None:
        folder = tmp_path / f"repository-{len(list(tmp_path.iterdir()))}"
        for name, data in objects(days).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        run_restic(restic, folder, "check", "--read-data", "--no-lock")

    assert cut_offs(days, Do.ERROR, 2, judge) >= 8


# The real restic


def run_restic(program: str, folder: Path, *arguments: str) -> str:
    environment = {"RESTIC_PASSWORD": PASSWORD, "PATH": "/usr/bin:/bin", "HOME": str(folder.parent)}
    command = [program, "-r", str(folder), "--no-cache", *arguments]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.restic
@pytest.mark.parametrize("who", ["restic", "we"])
def test_restic_and_we_prune_each_others_repositories(restic: str, tmp_path: Path, who: str) -> None:
    """What either pruned, both find sound; and both leave about the same number of bytes."""
    folder, source = tmp_path / "repository", tmp_path / "source"
    source.mkdir()
    folder.mkdir()
    with LocalStore(folder) as store:
        repo = Repository.create(store, PASSWORD, now=NOW, cost=KdfParameters(n=2, r=1))
        for day in range(4):
            for number in range(6):
                (source / f"{number}.bin").write_bytes(text(10 * day + number if number == day else number, 300_000))
            run_restic(restic, folder, "backup", str(source))
        run_restic(restic, folder, "forget", "--keep-last", "2")
        if who == "restic":
            run_restic(restic, folder, "prune", "--max-unused", "0")
        else:
            fresh = again(repo)
            apply(fresh, plan(fresh, THOROUGH), Held(), folder=tmp_path)
        run_restic(restic, folder, "check", "--read-data")
        result = check(again(repo), now=NOW, read_data=100)
        assert result.sound
        assert (result.unused, result.unindexed, result.snapshots) == (0, 0, 2)
        assert 8 * 300_000 < result.packs_size < 8 * 300_000 + 20_000
        run_restic(restic, folder, "restore", "latest", "--target", str(tmp_path / "restored"))
        back = tmp_path / "restored" / str(source)[1:]
        assert all((back / path.name).read_bytes() == path.read_bytes() for path in source.iterdir())


# Figures and sizes


def test_limits_are_restics() -> None:
    """Five percent of the whole are a nineteenth of the rest."""
    assert PruneLimits().tolerated(95) == pytest.approx(5)
    assert PruneLimits(max_unused_bytes=7).tolerated(95) == 7
    assert PruneLimits(max_unused=100).tolerated(95) == float("inf")


def test_what_repacking_gains_most_is_repacked_first(days: Repository) -> None:
    """Of full-sized packs only as many are repacked as the limit on unused bytes demands, the emptiest first."""
    days.store.capabilities = Capabilities(best_object=25)  # so that none of them is small
    everything = plan(days, THOROUGH)
    data = [pack for pack in everything.repack if everything.copies(pack)[0].kind is BlobKind.DATA]
    limit = plan(days, PruneLimits(max_unused=100)).figures.left_unused_size - 5000
    some = plan(days, PruneLimits(max_unused_bytes=limit))
    assert 0 < len([pack for pack in some.repack if pack in data]) < len(data)
    assert some.figures.left_unused_size <= limit


def test_a_million_blobs_need_little_memory(peak_memory: Callable[[str], int]) -> None:
    """Beside the index itself, planning takes a few bytes for each blob of a large repository."""
    rose = peak_memory(
        """
        import os
        from datetime import UTC, datetime
        from traybackup.engine.codec import BlobKind
        from traybackup.engine.crypto import MasterKey
        from traybackup.engine.index import Index
        from traybackup.engine.pack import PackedBlob
        from traybackup.engine.pruneplan import PruneLimits, _Planner
        from traybackup.api.progress import Cancel
        from traybackup.engine.repository import Repository, _Config
        from traybackup.testing import MemoryStore

        repo = Repository(MemoryStore(), "", MasterKey.generate(), _Config(2, "ab" * 32, ""))
        size = 32 + 4 + 100 * 37 + 100 * 50
        for pack in range(2000):
            blobs = [PackedBlob(BlobKind.DATA, os.urandom(32), at * 50, 50, 0) for at in range(100)]
            repo.index.add_pack(os.urandom(32), blobs)
        planner = _Planner(repo, PruneLimits(), Cancel())
        planner._present = {pack: size for pack in repo.index.packs()}
        planner._kept = bytearray(os.urandom(1)[0] & 1 for _ in range(200_000))
        repo.index.rank(BlobKind.DATA, bytes(32))
        start()
        planner._add_up()
        repack, delete, absent = planner._judge_packs()
        planner._copies(repack)
        """
    )
    # 49 bytes for each blob that moves: here half of them
    assert rose < 200_000 * 60


def test_every_index_file_is_one_that_restic_can_read(days: Repository) -> None:
    """The rewritten index files hold each pack once."""
    prune(days)
    listed = [
        pack
        for entry in days.ids(FileKind.INDEX)
        for pack, _ in decode_index(days.load(FileKind.INDEX, entry.id), entry.id)
    ]
    assert sorted(pack.hex() for pack in listed) == [entry.id for entry in days.ids(FileKind.PACK)]
