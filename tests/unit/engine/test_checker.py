"""The checker: sound repositories are sound, every kind of damage is found, and told in files and dates."""

import hashlib
import random
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from traybackup.api.errors import Cancelled, NotFound, PlaceGone, StoreFailed
from traybackup.api.progress import Cancel, Progress
from traybackup.api.store import BytesPayload, Entry
from traybackup.engine import damage as damage_module
from traybackup.engine import reach, scrub, snapshots
from traybackup.engine.checker import CheckResult, Problem, check
from traybackup.engine.codec import BlobKind, FileKind, object_name
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.damage import MOST_PATHS
from traybackup.engine.index import encode_index
from traybackup.engine.pack import PackedBlob
from traybackup.engine.repository import Repository
from traybackup.engine.scrub import choose
from traybackup.engine.snapshots import Snapshot
from traybackup.engine.walk import find
from traybackup.stores.local import LocalStore
from traybackup.testing import MemoryStore
from traybackup.testing.faulty import Fault, FaultyStore

NOW = datetime(2026, 3, 10, 19, 30, tzinfo=UTC)
MONDAY, TUESDAY = NOW - timedelta(days=2), NOW - timedelta(days=1)
SaveByHand = Callable[..., Snapshot]


def text(number: int, size: int = 4000) -> bytes:
    return random.Random(number).randbytes(size)


@pytest.fixture
def till(repo: Repository, save_by_hand: SaveByHand) -> Repository:
    """Two days of a till: on the second, the database has one new block and there is one receipt more."""
    blocks = [text(number) for number in range(4)]
    monday = {b"till.db": blocks, b"receipts": {b"1.txt": text(11), b"2.txt": text(12)}, b"empty": b""}
    save_by_hand(repo, {b"srv": monday}, MONDAY)
    tuesday = monday | {b"till.db": [*blocks[:3], text(5)]}
    tuesday[b"receipts"] = {b"1.txt": text(11), b"2.txt": text(12), b"3.txt": text(13)}
    save_by_hand(repo, {b"srv": tuesday}, TUESDAY)
    return Repository.open(repo.store, PASSWORD)


PASSWORD = "Sesam, öffne dich"  # noqa: S105 - of repositories that live for one test


def objects(repo: Repository) -> dict[str, bytes]:
    assert isinstance(repo.store, MemoryStore)
    return repo.store.place.objects


def pack_of(repo: Repository, kind: BlobKind, plain: bytes) -> tuple[str, PackedBlob]:
    """Return the object that holds a blob, and where in it."""
    repo.load_index()
    blob_id = hashlib.sha256(plain).digest()
    location = repo.index.locate(kind, blob_id)
    assert location is not None
    name = object_name(FileKind.PACK, repo.index.pack_id(location[0]).hex())
    return name, PackedBlob(kind, blob_id, *location[1:])


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def told(problem: Problem) -> dict[str, list[datetime]]:
    return {damage.path.decode(): [one.time for one in damage.snapshots] for damage in problem.damage}


def whole(repo: Repository, read_data: float = 100) -> CheckResult:
    return check(repo, now=NOW, read_data=read_data)


# Sound repositories


@pytest.mark.parametrize("read_data", [0, 100])
def test_a_sound_repository_is_sound(till: Repository, read_data: float) -> None:
    """Nothing is found where nothing is wrong, and the figures are right."""
    result = whole(till, read_data)
    assert result.sound
    assert result == CheckResult(
        snapshots=2,
        keys=1,
        indexes=2,
        trees=6,
        blobs=14,
        used=14,
        packs=4,
        packs_size=sum(len(data) for name, data in objects(till).items() if name.startswith("data/")),
        packs_read=4 if read_data else 0,
        bytes_read=result.packs_size if read_data else 0,
    )
    assert result.unused == 0
    assert result.damaged_paths == set()


def test_an_empty_repository_is_sound(repo: Repository) -> None:
    """A repository without a snapshot has nothing that could be wrong."""
    assert whole(repo).sound


def test_what_nobody_needs_is_counted(till: Repository) -> None:
    """Blobs without a snapshot are unused, packs without an index unindexed, further copies duplicates: no damage."""
    till.remove(FileKind.SNAPSHOT, snapshots.load_all(till)[1].id)
    till.load_index()
    name, blob = pack_of(till, BlobKind.DATA, text(0))
    with till.writing() as saver:
        saver.copy(blob, objects(till)[name][blob.offset : blob.offset + blob.length])
    till.store.put("data/ab/" + "ab" * 32, BytesPayload(b"left over"))
    result = whole(till)
    assert result.sound
    assert (result.unused, result.duplicates) == (5, 1)
    assert (result.unindexed, result.unindexed_size) == (1, 9)


def test_restics_own_repository_is_sound(golden_store: MemoryStore, golden: dict[str, str]) -> None:
    """A repository that restic made has nothing wrong with it."""
    repo = Repository.open(golden_store, golden["password"])
    result = whole(repo)
    assert result.problems == []
    assert result.snapshots > 0
    assert result.packs_read == result.packs


# Damage


def test_a_flipped_bit_in_a_data_pack_names_file_and_dates(till: Repository) -> None:
    """The damaged block costs the database of those days whose version has it, and nothing else."""
    name, blob = pack_of(till, BlobKind.DATA, text(3))
    objects(till)[name] = flip(objects(till)[name], blob.offset + 100)
    result = whole(till)
    (problem,) = result.problems
    assert (problem.kind, problem.id, problem.why, problem.blobs) == ("pack", name[-64:], "wrong-hash", 1)
    assert told(problem) == {"/srv/till.db": [MONDAY]}
    assert result.damaged_paths == {b"/srv/till.db"}
    assert whole(till, read_data=0).sound


def test_damage_is_not_looked_for_where_nothing_is_read(till: Repository) -> None:
    """Without reading data a flipped bit is not noticed; that is what --read-data is for."""
    name, blob = pack_of(till, BlobKind.DATA, text(3))
    objects(till)[name] = flip(objects(till)[name], blob.offset + 100)
    assert whole(till, read_data=0).sound


def test_a_missing_pack_names_all_it_held(till: Repository) -> None:
    """Every file with a block in the missing pack is named with every date."""
    name, _ = pack_of(till, BlobKind.DATA, text(3))
    del objects(till)[name]
    (problem,) = whole(till, read_data=0).problems
    assert (problem.kind, problem.why, problem.blobs) == ("pack", "missing", 6)
    assert told(problem) == {
        "/srv/till.db": [MONDAY, TUESDAY],
        "/srv/receipts/1.txt": [MONDAY, TUESDAY],
        "/srv/receipts/2.txt": [MONDAY, TUESDAY],
    }


def test_a_cut_pack_keeps_what_is_left_of_it(till: Repository) -> None:
    """Of a pack whose end is missing only the blobs beyond the cut are lost."""
    name, blob = pack_of(till, BlobKind.DATA, text(3))
    objects(till)[name] = objects(till)[name][: blob.offset + blob.length - 1]
    (problem,) = whole(till, read_data=0).problems
    assert (problem.kind, problem.why) == ("pack", "wrong-size")
    assert "/srv/till.db" in told(problem)
    later = [one for one in (text(11), text(12)) if pack_of(till, BlobKind.DATA, one)[1].offset > blob.offset]
    assert problem.blobs == 1 + len(later)


def test_an_over_long_pack_is_wrong_but_costs_nothing(till: Repository) -> None:
    """Junk behind a pack hides its header, but every blob is where the index says."""
    name, _ = pack_of(till, BlobKind.DATA, text(3))
    objects(till)[name] += b"junk"
    (problem,) = whole(till, read_data=0).problems
    assert (problem.kind, problem.why, problem.damage) == ("pack", "wrong-size", ())


@pytest.mark.parametrize("read_data", [0, 100])
def test_a_damaged_tree_costs_its_directory(till: Repository, read_data: float) -> None:
    """A tree that cannot be opened loses everything in its directory, for the days on which it looked like that."""
    repo = Repository.open(till.store, PASSWORD)
    repo.load_index()
    trees = {}
    for snapshot in snapshots.load_all(repo):
        node = find(repo, snapshot.tree, "/srv/receipts")
        assert node.subtree is not None
        trees[snapshot.time] = node.subtree
    location = repo.index.locate(BlobKind.TREE, trees[TUESDAY])
    assert location is not None
    name = object_name(FileKind.PACK, repo.index.pack_id(location[0]).hex())
    objects(till)[name] = flip(objects(till)[name], location[1] + 20)
    (problem,) = whole(till, read_data).problems
    assert (problem.kind, problem.id) == ("pack", name[-64:])
    assert told(problem) == {"/srv/receipts/": [TUESDAY]}


def test_a_missing_root_costs_the_whole_snapshot(till: Repository) -> None:
    """A snapshot without its tree is lost as a whole; the other one is not."""
    snapshots.save(till, Snapshot(NOW, bytes(32), ("/till",)))
    (problem,) = whole(till).problems
    assert (problem.kind, problem.id, problem.why) == ("tree", "00" * 32, "not-indexed")
    assert told(problem) == {"/": [NOW]}


def test_a_damaged_snapshot_is_named(till: Repository) -> None:
    """A snapshot file that cannot be read is one problem, and what the others need is sound."""
    snapshot_id = till.ids(FileKind.SNAPSHOT)[0].id
    name = object_name(FileKind.SNAPSHOT, snapshot_id)
    objects(till)[name] = flip(objects(till)[name], 30)
    assert whole(till).problems == [Problem("snapshot", snapshot_id, "wrong-hash")]


def test_a_damaged_index_hides_what_only_it_knew(till: Repository) -> None:
    """Besides the index file itself, every file with a block that no other index file knows is named."""
    index_id = max(till.ids(FileKind.INDEX), key=lambda entry: entry.size).id
    objects(till)[object_name(FileKind.INDEX, index_id)] = b"x"
    index, *hidden = whole(till).problems
    assert index == Problem("index", index_id, "wrong-hash")
    assert {problem.why for problem in hidden} == {"not-indexed"}
    assert {problem.kind for problem in hidden} == {"data", "tree"}
    assert "/srv/till.db" in told(next(problem for problem in hidden if problem.kind == "data"))


def test_a_missing_index_counts_its_packs_as_unindexed(till: Repository) -> None:
    """Without its index file a pack is nobody's, and its blobs are unknown."""
    till.remove(FileKind.INDEX, max(till.ids(FileKind.INDEX), key=lambda entry: entry.size).id)
    result = whole(till)
    assert result.unindexed == 2
    assert not result.sound


def test_damaged_keys_locks_and_config_are_named(till: Repository) -> None:
    """A key file that nobody can use, a lock that nobody can read and a spoiled config are problems of their own."""
    objects(till)["keys/" + "ab" * 32] = b"{}"
    objects(till)["locks/" + "cd" * 32] = b""
    objects(till)["config"] = flip(objects(till)["config"], 40)
    assert {(one.kind, one.id) for one in whole(till).problems} == {
        ("config", ""),
        ("key", "ab" * 32),
        ("lock", "cd" * 32),
    }
    del objects(till)["config"]
    assert ("config", "missing") in {(one.kind, one.why) for one in whole(till).problems}
    objects(till)["config"] = till.key.seal(b'{"id":"other"}')
    assert ("config", "bad-config") in {(one.kind, one.why) for one in whole(till).problems}


def test_a_sound_copy_elsewhere_means_nothing_is_lost(till: Repository) -> None:
    """The bad pack is named, but a file whose block has a sound copy in another pack is not."""
    name, blob = pack_of(till, BlobKind.DATA, text(3))
    with till.writing() as saver:
        saver.copy(blob, objects(till)[name][blob.offset : blob.offset + blob.length])
    objects(till)[name] = flip(objects(till)[name], blob.offset + 100)
    (problem,) = whole(till).problems
    assert (problem.kind, problem.damage) == ("pack", ())


def test_damage_that_nobody_needs_costs_nothing(till: Repository) -> None:
    """A bad block of a snapshot that was forgotten is named without a file."""
    name, blob = pack_of(till, BlobKind.DATA, text(3))
    objects(till)[name] = flip(objects(till)[name], blob.offset + 100)
    till.remove(FileKind.SNAPSHOT, snapshots.load_all(till)[0].id)
    (problem,) = whole(till).problems
    assert (problem.kind, problem.blobs, problem.damage) == ("pack", 0, ())


def test_an_index_that_lies_is_found(till: Repository) -> None:
    """Where index and header disagree, the pack is named, and what cannot be had by the index is lost."""
    name, blob = pack_of(till, BlobKind.DATA, text(3))
    by_pack: dict[int, list[PackedBlob]] = {}
    for kind, blob_id, number, *place in till.index.entries():
        found = PackedBlob(kind, blob_id, *place)
        by_pack.setdefault(number, []).append(found._replace(offset=1) if blob_id == blob.id else found)
    for entry in till.ids(FileKind.INDEX):
        till.remove(FileKind.INDEX, entry.id)
    till.save(FileKind.INDEX, encode_index([(till.index.pack_id(number), blobs) for number, blobs in by_pack.items()]))
    (problem,) = whole(till).problems
    assert (problem.kind, problem.id, problem.why) == ("pack", name[-64:], "index-differs")
    assert told(problem) == {"/srv/till.db": [MONDAY]}


def test_a_pack_whose_writer_was_broken_is_found(till: Repository) -> None:
    """A blob that opens but is not what its id says is damage though the pack's own hash fits."""
    with till.writing() as saver:
        wrong = PackedBlob(BlobKind.DATA, bytes(32), 0, 0, 0)
        sealed = till.key.seal(b"something else")
        saver.copy(wrong._replace(length=len(sealed)), sealed)
        root = saver.save(
            BlobKind.TREE,
            b'{"nodes":[{"name":"f","type":"file","mtime":"2026-01-01T00:00:00Z","content":["%s"]}]}' % (b"00" * 32),
        )
    snapshots.save(till, Snapshot(NOW, root, ("/f",)))
    (problem,) = whole(till).problems
    assert (problem.kind, problem.why) == ("pack", "damaged")
    assert told(problem) == {"/f": [NOW]}


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        (b"{", "bad-json"),
        (b"[" * 5_000, "bad-json"),
        (b'{"nodes":[{"name":"a","type":"file","mtime":"2026-01-01T00:00:00Z","content":["00"]}]}', "bad-json"),
        (b'{"nodes":[{"name":"a/b","type":"dir","mtime":"2026-01-01T00:00:00Z","subtree":null}]}', "no-subtree"),
        (b'{"nodes":[{"name":"..","type":"file","mtime":"2026-01-01T00:00:00Z","content":[]}]}', "bad-name"),
        (b'{"nodes":[{"type":1}]}', "bad-json"),
    ],
)
def test_hostile_trees_are_damage(till: Repository, tree: bytes, why: str) -> None:
    """A tree that is none, or holds what may not be restored, is named with its directory; nothing raises."""
    with till.writing() as saver:
        root = saver.save(BlobKind.TREE, tree)
    snapshots.save(till, Snapshot(NOW, root, ("/x",)))
    (problem,) = whole(till).problems
    assert (problem.kind, problem.id, problem.why) == ("tree", root.hex(), why)
    assert told(problem) == {"/": [NOW]}


def test_a_listing_that_lags_is_no_damage(till: Repository) -> None:
    """A pack that a cloud does not list yet but has is not missing."""
    hidden, _ = pack_of(till, BlobKind.DATA, text(3))

    class Lagging(FaultyStore):
        def entries(self, prefix: str = "") -> Iterator[Entry]:
            return (entry for entry in super().entries(prefix) if entry.name != hidden)

    result = whole(Repository.open(Lagging(till.store), PASSWORD))
    assert result.sound
    assert result.packs_read == 4


def test_one_wrong_read_is_unsteady_not_damage(till: Repository) -> None:
    """A pack that is read wrongly once and rightly the second time is told apart: the medium, a cable, the memory."""
    hidden, _ = pack_of(till, BlobKind.DATA, text(3))
    wrong = [True]

    class Unsteady(FaultyStore):
        def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
            if name == hidden and wrong:
                wrong.clear()
                consume(flip(self.inner.get(name), 99))
            else:
                self.inner.read_back(name, consume)

    result = whole(Repository.open(Unsteady(till.store), PASSWORD))
    assert result.sound
    assert result.unsteady == [hidden[-64:]]


def test_bad_sectors_cost_only_what_lies_on_them(till: Repository) -> None:
    """Where the medium refuses a part of a pack, the blobs on other parts are still had."""
    hidden, blob = pack_of(till, BlobKind.DATA, text(3))

    class BadSector(FaultyStore):
        def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
            if name == hidden:
                raise StoreFailed(name=name, reason="EIO")
            self.inner.read_back(name, consume)

        def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
            if name == hidden and length is not None and offset <= blob.offset + 10 < offset + length:
                raise StoreFailed(name=name, reason="EIO")
            return self.inner.get(name, offset, length)

    (problem,) = whole(Repository.open(BadSector(till.store), PASSWORD)).problems
    assert (problem.kind, problem.why, problem.blobs) == ("pack", "unreadable", 1)
    assert told(problem) == {"/srv/till.db": [MONDAY]}


@pytest.mark.parametrize("folder", ["config", "keys", "snapshots", "index", "locks", "data"])
def test_any_object_may_be_unreadable(till: Repository, folder: str) -> None:
    """An object on bad sectors is one problem, whatever it is."""
    objects(till)["locks/" + "cd" * 32] = b""

    class Refusing(FaultyStore):
        broken = False

        def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
            if self.broken and name.startswith(folder):
                raise StoreFailed(name=name, reason="EIO")
            return self.inner.get(name, offset, length)

        def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
            consume(self.get(name))

    store = Refusing(till.store)
    repo = Repository.open(store, PASSWORD)
    store.broken = True
    words = {"keys": "key", "snapshots": "snapshot", "locks": "lock", "data": "pack"}
    problems = {(one.kind, one.why) for one in whole(repo).problems}
    assert (words.get(folder, folder), "unreadable") in problems


def test_a_place_that_goes_away_ends_the_check(till: Repository) -> None:
    """A drive that is pulled out during a check is no damage of the repository."""
    store = FaultyStore(till.store)
    repo = Repository.open(store, PASSWORD)
    store.faults.append(Fault("read_back", 2, error=PlaceGone()))
    with pytest.raises(PlaceGone):
        whole(repo)


def test_a_check_can_be_stopped(till: Repository) -> None:
    """Somebody who asks to stop is heard during the reading."""
    cancel = Cancel()

    class Stop(Progress):
        def advance(self, size: int) -> None:  # noqa: ARG002 - as announced
            cancel.set()

    with pytest.raises(Cancelled):
        check(till, now=NOW, read_data=100, progress=Stop(), cancel=cancel)


def test_progress_knows_the_way(till: Repository) -> None:
    """What lies ahead is announced, and what was read adds up to it."""
    expected, done, phases = [0], [0], []

    class Count(Progress):
        def expect(self, files: int, size: int) -> None:  # noqa: ARG002 - as announced
            expected[0] += size

        def advance(self, size: int) -> None:
            done[0] += size

        def phase(self, name: str) -> None:
            phases.append(name)

    result = check(till, now=NOW, read_data=100, progress=Count())
    assert expected == done == [result.bytes_read]
    assert phases == ["check-structure", "check-data"]


def test_a_tree_that_unfolds_without_end_is_told_in_bounded_time(till: Repository) -> None:
    """A tree that names another a hundred times, and so on, ten levels deep, is looked into once a level."""
    with till.writing() as saver:
        lost = saver.save(BlobKind.DATA, text(99))
        node = '{"name":"%03d","type":"%s","mtime":"2026-01-01T00:00:00Z",%s}'
        content = f'"content":["{lost.hex()}"]'
        tree = saver.save(BlobKind.TREE, f'{{"nodes":[{node % (0, "file", content)}]}}'.encode())
        for _ in range(10):
            subtree = f'"content":null,"subtree":"{tree.hex()}"'
            nodes = ",".join(node % (number, "dir", subtree) for number in range(100))
            tree = saver.save(BlobKind.TREE, f'{{"nodes":[{nodes}]}}'.encode())
    snapshots.save(till, Snapshot(NOW, tree, ("/x",)))
    name, _ = pack_of(till, BlobKind.DATA, text(99))
    del objects(till)[name]
    (problem,) = whole(till).problems
    assert problem.more
    assert len(problem.damage) == MOST_PATHS
    assert problem.blobs == 1


@pytest.mark.parametrize("limit", [2, 3])
def test_paths_beyond_the_limit_are_not_named_but_told(
    till: Repository, save_by_hand: SaveByHand, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Where a fault touches more paths than are named, in one snapshot or in several, it says so."""
    name, _ = pack_of(till, BlobKind.DATA, text(3))
    save_by_hand(till, {b"elsewhere": {b"1.txt": text(11)}}, NOW)
    monkeypatch.setattr(damage_module, "MOST_PATHS", limit)
    del objects(till)[name]
    (problem,) = whole(till).problems
    assert problem.more
    assert len(problem.damage) == limit


@pytest.mark.parametrize(("left", "why"), [(None, "missing"), (b"short", "wrong-size")])
def test_a_pack_that_changes_while_it_is_checked(till: Repository, left: bytes | None, why: str) -> None:
    """A pack that vanishes, or shrinks, between the listing and the reading is missing, or wrong."""
    hidden, _ = pack_of(till, BlobKind.DATA, text(3))

    class Changing(FaultyStore):
        def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
            consume(self.get(name))

        def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
            if name == hidden and (left is None or length is not None):
                raise NotFound(name=name)
            return left if name == hidden and left else self.inner.get(name, offset, length)

    (problem,) = whole(Repository.open(Changing(till.store), PASSWORD)).problems
    assert (problem.kind, problem.why, problem.blobs) == ("pack", why, 6)


def test_a_tree_is_had_from_its_sound_copy(till: Repository) -> None:
    """A damaged tree of which another pack holds a sound copy loses nothing."""
    till.load_index()
    root = snapshots.load_all(till)[0].tree
    location = till.index.locate(BlobKind.TREE, root)
    assert location is not None
    number, offset, length, plain_length = location
    name = object_name(FileKind.PACK, till.index.pack_id(number).hex())
    blob = PackedBlob(BlobKind.TREE, root, offset, length, plain_length)
    known = set(objects(till))
    with till.writing() as saver:
        saver.copy(blob, objects(till)[name][offset : offset + length])
    (second,) = (one for one in set(objects(till)) - known if one.startswith("data/"))
    for spoiled, at in ((name, offset), (second, 0)):
        before = objects(till)[spoiled]
        objects(till)[spoiled] = flip(before, at + 20)
        (problem,) = whole(till).problems
        assert (problem.kind, problem.id, problem.damage) == ("pack", spoiled[-64:], ())
        objects(till)[spoiled] = before


def test_what_is_familiar_is_forgotten_in_time(till: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of blobs marked a moment ago is bounded, and the figures are the same."""
    before = whole(till)
    monkeypatch.setattr(reach, "_FAMILIAR", 1)
    assert whole(till) == before


def test_large_packs_go_through_in_pieces(till: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack above the limit is checked piece by piece with the same verdict, sound or not."""
    monkeypatch.setattr(scrub, "_WHOLE", 1000)
    monkeypatch.setattr(reach, "_WHOLE_PACK", 100)

    class Pieces(FaultyStore):
        def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
            data = self.inner.get(name)
            for at in range(0, len(data), 777):
                consume(data[at : at + 777])

    repo = Repository.open(Pieces(till.store), PASSWORD)
    assert whole(repo).sound
    name, blob = pack_of(till, BlobKind.DATA, text(3))
    before = objects(till)[name]
    for at, why, damage in (
        (blob.offset + 100, "wrong-hash", {"/srv/till.db": [MONDAY]}),
        (len(before) - 30, "bad-header", {}),
        (len(before) - 1, "bad-header", {}),
    ):
        objects(till)[name] = flip(before, at)
        (problem,) = whole(repo).problems
        assert (problem.kind, problem.why) == ("pack", why)
        assert told(problem) == damage


# Every byte


def every_change(data: bytes, step: int) -> Iterator[bytes]:
    """Yield the object with one bit flipped at every *step*-th byte, cut at telling places, and with junk behind it."""
    for at in range(0, len(data), step):
        yield flip(data, at)
    for length in {0, 1, 31, 32, 33, len(data) // 2, len(data) - 1}:
        if length < len(data):
            yield data[:length]
    yield data + b"\0"


def changes_are_found(repo: Repository, step: int) -> int:
    kept = dict(objects(repo))
    tried = 0
    for name, data in kept.items():
        for changed in every_change(data, step):
            objects(repo)[name] = changed
            result = whole(repo)
            assert not result.sound, name
            tried += 1
        objects(repo)[name] = data
        del objects(repo)[name]
        found = whole(repo)
        # what is gone without a trace nobody can miss: a snapshot, a lock, a second key
        assert not found.sound or name.split("/")[0] in ("snapshots", "locks", "keys"), name
        objects(repo)[name] = data
    return tried


def test_every_change_is_found(till: Repository) -> None:
    """A bit flipped anywhere, a cut, junk at the end, an object gone: all found, nothing raises."""
    till.save(FileKind.LOCK, b'{"time":"2026-03-10T19:30:00Z"}')
    assert changes_are_found(till, step=1009) > 100


@pytest.mark.campaign
def test_every_changed_byte_is_found(till: Repository) -> None:
    """The same for every seventh byte of every object."""
    till.save(FileKind.LOCK, b'{"time":"2026-03-10T19:30:00Z"}')
    assert changes_are_found(till, step=7) > 5000


# Whose turn it is


@pytest.mark.parametrize("percent", [1, 2.5, 10, 33, 50])
@pytest.mark.parametrize("stride", [1, 7, 30])
def test_in_turn_everything_is_read(percent: float, stride: int) -> None:
    """Read a few percent every day, week or month: before long every pack has had its turn, each time about as many."""
    packs = [random.Random(number).randbytes(32).hex() for number in range(2000)]
    left = set(packs)
    turns = 0
    while left:
        is_due = choose(packs, percent, 20_000 + turns * stride)
        due = {pack for pack in packs if is_due(pack)}
        assert 0.5 * percent - 0.5 <= len(due) / 20 <= 1.5 * percent + 0.5
        left -= due
        turns += 1
    assert turns <= 6 * 100 / percent


def test_of_few_packs_one_is_read() -> None:
    """A small part of few packs is at least one of them; nothing is nothing; all are all."""
    packs = ["00" * 32, "80" + "00" * 31]
    assert {sum(map(choose(packs, 0.1, turn), packs)) for turn in range(20)} == {1}
    assert {sum(map(choose(packs, 0, turn), packs)) for turn in range(20)} == {0}
    assert {sum(map(choose(packs, 100, turn), packs)) for turn in range(20)} == {2}


def test_a_part_is_read_when_asked_for(till: Repository) -> None:
    """The day of the check chooses; an explicit turn goes before it."""
    by_day = {check(till, now=NOW + timedelta(days=day), read_data=25).bytes_read for day in range(8)}
    assert len(by_day) > 1
    assert len({check(till, now=NOW + timedelta(days=day), read_data=25, turn=3).bytes_read for day in range(8)}) == 1


# The real restic


@pytest.mark.restic
def test_restic_and_we_agree(restic: str, tmp_path: Path, save_by_hand: SaveByHand) -> None:
    """On sound and on damaged repositories the verdicts of restic's check and ours are the same."""
    folder = tmp_path / "repository"
    folder.mkdir()
    environment = {"RESTIC_PASSWORD": "x", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    command = [restic, "-r", str(folder), "--no-cache", "--no-lock", "check", "--read-data"]

    def verdict() -> bool:
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0

    with LocalStore(folder) as store:
        repo = Repository.create(store, "x", now=NOW, cost=KdfParameters(n=2, r=1))
        save_by_hand(repo, {b"a": text(1), b"d": {b"b": text(2), b"c": text(3)}}, MONDAY)
        assert verdict()
        assert whole(repo).sound
        for entry in repo.ids(FileKind.PACK) + repo.ids(FileKind.INDEX):
            kind = FileKind.PACK if entry in repo.ids(FileKind.PACK) else FileKind.INDEX
            path = folder / object_name(kind, entry.id)
            before = path.read_bytes()
            path.chmod(0o600)
            # a cut object restic asks for again and again for a quarter of an hour, so there are no cuts here
            path.write_bytes(flip(before, 50))
            assert not verdict()
            assert not whole(repo).sound
            path.write_bytes(before)
        assert verdict()
        assert whole(repo).sound
