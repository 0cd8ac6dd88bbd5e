"""The archiver: a source becomes a tree, unchanged files are taken over, and whatever fails ends in the truth."""

import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traybackup.api.errors import (
    Cancelled,
    Offline,
    PlaceGone,
    RepositoryDamaged,
    SourceMissing,
    SourceUnreadable,
    StoreError,
    StoreFull,
)
from traybackup.api.progress import Cancel, Progress
from traybackup.api.source import Finding, Kind, Unreadable
from traybackup.api.store import Capabilities, Payload
from traybackup.engine import archiver as archiver_module
from traybackup.engine import saver as saver_module
from traybackup.engine import snapshots
from traybackup.engine.archiver import Archived, archive, emptied
from traybackup.engine.codec import BlobKind, FileKind
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.repository import Repository
from traybackup.engine.tree import Node, decode_tree
from traybackup.sources.folder import FolderSource
from traybackup.stores.local import LocalStore
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("no_thread_left")]

DATA, TREE = BlobKind
NOW = datetime(2026, 3, 1, 19, 30, tzinfo=UTC)
CHEAP = KdfParameters(n=2, r=1, p=1)


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def again(repo: Repository) -> Repository:
    """Look at the repository as a program does that starts now."""
    fresh = Repository.__new__(Repository)
    fresh.__dict__.update(repo.__dict__)
    if isinstance(fresh.store, FaultyStore):
        fresh.store = fresh.store.inner
    fresh.load_index()
    return fresh


def nodes(repo: Repository, tree: bytes) -> dict[bytes, Node]:
    return {node.name: node for node in decode_tree(repo.blob(TREE, tree), tree)}


def read(repo: Repository, tree: bytes) -> dict[bytes, object]:
    """Return a tree as a `ScriptedSource` has it: a dict of dicts and contents."""
    found: dict[bytes, object] = {}
    for name, node in nodes(repo, tree).items():
        if node.subtree is not None:
            found[name] = read(repo, node.subtree)
        elif node.content is not None:
            found[name] = b"".join(repo.blob(DATA, blob_id) for blob_id in node.content)
            assert node.metadata.size == len(found[name])
        else:
            found[name] = node.metadata.kind
    return found


def counted(archived: Archived, *names: str) -> tuple[int, ...]:
    return tuple(getattr(archived.counts, name) for name in names)


FILES = ("files_new", "files_changed", "files_unmodified")
DIRECTORIES = ("dirs_new", "dirs_changed", "dirs_unmodified")
ADDED = ("data_blobs", "tree_blobs", "data_added", "data_added_packed")


# What is saved comes back


def test_what_is_saved_comes_back(repo: Repository, scripted: object) -> None:
    """Every kind of file, at every depth, empty directories too."""
    tree = {
        b"till": {
            b"empty": b"",
            b"tiny": b"t",
            b"small": noise(60_000),
            b"larger": noise(100_000, 2),
            b"large": noise(9 << 20, 3),
            b"database": scripted.File(noise(3 << 20, 4), block_size=16384),
            b"nothing": {},
            b"deeper": {b"a": {b"b": {b"c": b"deep"}}},
            b"caf\xe9\n": b"odd name",
            b"pipe": scripted.File(kind=Kind.FIFO),
        },
    }
    archived = archive(repo, scripted.Source(tree))
    plain = {**tree[b"till"], b"database": noise(3 << 20, 4), b"pipe": Kind.FIFO}
    assert read(again(repo), archived.tree) == {b"till": plain}
    assert counted(archived, *FILES) == (8, 0, 0)
    assert counted(archived, *DIRECTORIES) == (5, 0, 0)
    assert archived.counts.total_files_processed == 8
    assert archived.counts.total_bytes_processed == 60_000 + 100_000 + (9 << 20) + (3 << 20) + 1 + 4 + 8


def test_large_small_and_cut_files_have_the_blobs_of_their_kind(repo: Repository, scripted: object) -> None:
    """Small files are one blob, databases blocks on their grid, others what the chunker says."""
    tree = {
        b"small": noise(64 << 10),
        b"database": scripted.File(noise(1 << 20, 2), block_size=4096),
        b"large": noise(9 << 20, 3),
    }
    archived = archive(repo, scripted.Source(tree))
    found = nodes(repo, archived.tree)
    assert len(found[b"small"].content) == 1
    assert len(found[b"database"].content) == 256
    assert 3 <= len(found[b"large"].content) <= 18


TREES = st.recursive(
    st.dictionaries(st.binary(min_size=1, max_size=3).filter(lambda name: not set(name) & {0, 47} and name.strip(b".")),
                    st.binary(max_size=50), max_size=4),
    lambda inner: st.dictionaries(st.sampled_from([b"a", b"b", b"c\xff"]), inner | st.binary(max_size=9), max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(first=TREES, second=TREES, small=st.booleans())
def test_any_tree_comes_back_after_any_other(scripted: object, first: object, second: object, *, small: bool) -> None:
    """With the first as its parent the second is saved as what it is, and as it would be without."""
    repo = Repository.create(MemoryStore(), "x", now=NOW, cost=CHEAP)
    before = archive(repo, scripted.Source(first, small=small))
    after = archive(repo, scripted.Source(_times(second, scripted), small=small), parent=before.tree)
    assert read(again(repo), before.tree) == first
    assert read(again(repo), after.tree) == second
    assert archive(repo, scripted.Source(_times(second, scripted)), read_all=True).tree == after.tree


def _times(tree: dict[bytes, object], scripted: object) -> dict[bytes, object]:
    """Give every file a time that follows from its content, as a file system would on a change."""
    return {
        name: _times(value, scripted) if isinstance(value, dict) else scripted.File(value, 2 + hash(value) % 10**15)
        for name, value in tree.items()
    }


def test_the_order_of_completion_does_not_matter(repo: Repository, scripted: object) -> None:
    """Small files overtake large ones, directories end in any order, and the trees are those of the source."""
    tree = {
        bytes([65 + number]): {b"big": noise(2 << 20, number), b"small": b"%d" % number, b"x": {b"y": b"z"}}
        for number in range(8)
    }
    source = scripted.Source(tree)
    archived = archive(repo, source)
    assert read(again(repo), archived.tree) == tree
    names = [node.name for node in decode_tree(repo.blob(TREE, archived.tree))]
    assert names == sorted(names)


# The parent


@pytest.fixture
def till(scripted: object) -> Callable[[], object]:
    """Return a function that makes the source of a small till anew."""

    def make(**changes: object) -> object:
        files = {b"a": b"one", b"b": noise(100_000), b"c": noise(3 << 20, 2), b"sub": {b"d": b"four"}, **changes}
        return scripted.Source({b"till": {key if isinstance(key, bytes) else key.encode(): value
                                          for key, value in files.items()}})  # fmt: skip

    return make


def test_unchanged_files_are_not_read(repo: Repository, till: Callable[..., object]) -> None:
    """With the parent's tree nothing is opened, nothing is stored, and the tree is the same."""
    first = archive(repo, till())
    source = till()
    second = archive(repo, source, parent=first.tree)
    assert second.tree == first.tree
    assert source.opened == []
    assert counted(second, *FILES) == (0, 0, 4)
    assert counted(second, *DIRECTORIES) == (0, 0, 2)
    assert counted(second, *ADDED) == (0, 0, 0, 0)
    assert second.counts.total_bytes_processed == first.counts.total_bytes_processed
    assert second.counts.total_files_processed == 4


def test_without_parent_everything_is_read_and_nothing_stored_twice(
    repo: Repository, till: Callable[..., object]
) -> None:
    """Deduplication needs no parent."""
    first = archive(repo, till())
    source = till()
    second = archive(repo, source)
    assert second.tree == first.tree
    assert len(source.opened) == 4
    assert counted(second, *FILES) == (4, 0, 0)
    assert counted(second, *ADDED) == (0, 0, 0, 0)


def test_everything_is_read_on_request(repo: Repository, till: Callable[..., object]) -> None:
    """Then what changed without its times telling is found."""
    first = archive(repo, till())
    sly = till(a=b"ONE")
    assert archive(repo, sly, parent=first.tree).tree == first.tree
    second = archive(repo, sly, parent=first.tree, read_all=True)
    assert read(repo, second.tree)[b"till"][b"a"] == b"ONE"
    assert counted(second, *FILES) == (0, 4, 0)


def test_only_what_changed_is_read(repo: Repository, till: Callable[..., object], scripted: object) -> None:
    """A new, a changed and a vanished file; the rest is taken over."""
    first = archive(repo, till())
    source = till(a=scripted.File(b"ONE!", 5), e=b"new")
    del source.tree[b"till"][b"b"]
    second = archive(repo, source, parent=first.tree)
    assert source.opened == [b"/till/a", b"/till/e"]
    assert counted(second, *FILES) == (1, 1, 2)
    assert counted(second, *DIRECTORIES) == (0, 1, 1)
    found = read(again(repo), second.tree)[b"till"]
    assert (found[b"a"], found[b"e"], b"b" in found) == (b"ONE!", b"new", False)


@pytest.mark.parametrize("name", ["modified", "changed", "inode", "size"])
def test_any_sign_of_change_leads_to_reading(repo: Repository, scripted: object, name: str) -> None:
    """Time of the content, time of the inode, inode and size all have to be the same."""
    first = archive(repo, scripted.Source({b"f": b"content"}))

    class Different(scripted.Source):
        def children(self, directory: object) -> object:
            (item,) = super().children(directory)
            setattr(item.metadata, name, getattr(item.metadata, name) + 1)
            return [item]

    source = Different({b"f": b"content"}, small=False)
    second = archive(repo, source, parent=first.tree)
    assert source.opened == [b"/f"]
    assert counted(second, *FILES) == (0, 1, 0)
    assert nodes(repo, second.tree)[b"f"].metadata.size == 7


def test_a_changed_access_time_alone_is_no_change(repo: Repository, scripted: object) -> None:
    """Whoever looks at a file does not make it a new one."""
    first = archive(repo, scripted.Source({b"f": b"content"}))

    class Looked(scripted.Source):
        def children(self, directory: object) -> object:
            (item,) = super().children(directory)
            item.metadata.accessed += 1
            return [item]

    source = Looked({b"f": b"content"})
    assert counted(archive(repo, source, parent=first.tree), *FILES) == (0, 0, 1)
    assert source.opened == []


def test_a_file_that_became_a_directory_is_new(repo: Repository, scripted: object) -> None:
    """And the other way round."""
    first = archive(repo, scripted.Source({b"x": b"file", b"y": {b"z": b"in"}}))
    second = archive(repo, scripted.Source({b"x": {b"z": b"in"}, b"y": b"file"}), parent=first.tree)
    assert read(again(repo), second.tree) == {b"x": {b"z": b"in"}, b"y": b"file"}
    assert counted(second, *FILES) == (2, 0, 0)
    assert counted(second, *DIRECTORIES) == (1, 0, 0)


def pack_of(repo: Repository, kind: BlobKind, blob_id: bytes) -> str:
    location = repo.index.locate(kind, blob_id)
    assert location is not None
    return repo.index.pack_id(location[0]).hex()


def test_a_lost_blob_comes_back_from_the_source(repo: Repository, till: Callable[..., object]) -> None:
    """A file whose blob no index names any more is read again though it is unchanged."""
    first = archive(repo, till())
    for entry in repo.ids(FileKind.INDEX):
        repo.remove(FileKind.INDEX, entry.id)
    repo.load_index()
    source = till()
    second = archive(repo, source, parent=first.tree)
    assert second.tree == first.tree
    assert len(source.opened) == 4
    assert read(again(repo), second.tree) == read(repo, first.tree)


@pytest.mark.parametrize("kind", BlobKind)
@pytest.mark.parametrize("length", [None, 0, 40])
def test_what_lay_in_a_lost_pack_is_stored_again(
    repo: Repository, till: Callable[..., object], kind: BlobKind, length: int | None
) -> None:
    """A pack that is gone, empty or cut is found by the listing; the next run has all of its content again."""
    first = archive(repo, till())
    whole = read(repo, first.tree)
    blob_id = first.tree if kind is TREE else nodes(repo, nodes(repo, first.tree)[b"till"].subtree)[b"b"].content[0]
    lost = pack_of(repo, kind, blob_id)
    objects = repo.store.place.objects
    name = f"data/{lost[:2]}/{lost}"
    content = objects.pop(name)
    if length is not None:
        objects[name] = content[:length]
    damaged: list[RepositoryDamaged] = []
    repo.load_index(damaged=damaged, check_packs=True)
    assert [(error.kind, error.id) for error in damaged] == [("pack", lost)]
    second = archive(repo, till(), parent=first.tree)
    assert second.tree == first.tree
    repo.load_index(damaged=damaged, check_packs=True)
    assert read(repo, second.tree) == whole


def test_a_spoiled_tree_is_stored_again(repo: Repository, till: Callable[..., object]) -> None:
    """Where the old tree does not open any more, the files are read, and the tree is written anew."""
    first = archive(repo, till())
    whole = read(repo, first.tree)
    spoiled = pack_of(repo, TREE, first.tree)
    name = f"data/{spoiled[:2]}/{spoiled}"
    repo.store.place.objects[name] = bytes(len(repo.store.get(name)))
    source = till()
    second = archive(repo, source, parent=first.tree)
    assert len(source.opened) == 4
    assert second.tree == first.tree
    assert read(again(repo), second.tree) == whole


def test_a_parent_that_is_not_there_is_no_obstacle(repo: Repository, till: Callable[..., object]) -> None:
    """Everything is read."""
    archived = archive(repo, till(), parent=bytes(32))
    assert counted(archived, *FILES) == (4, 0, 0)
    assert counted(archived, *DIRECTORIES) == (2, 0, 0)


# What cannot be read


def test_an_unreadable_file_is_recorded_and_the_rest_is_saved(repo: Repository, scripted: object) -> None:
    """Locked, or broken in the middle: named with the system's word, left out of the tree."""
    told: list[tuple[bytes, str]] = []

    class Listening(Progress):
        def trouble(self, path: bytes, reason: str) -> None:
            told.append((path, reason))

    tree = {
        b"d": {
            b"broken": scripted.File(noise(5 << 20), breaks_at=2 << 20),
            b"database": scripted.File(noise(1 << 20), block_size=4096, breaks_at=0),
            b"good": b"good",
            b"locked": scripted.File(b"secret", locked=True),
        }
    }
    archived = archive(repo, scripted.Source(tree), progress=Listening())
    wanted = {
        (b"/d/broken", "Input/output error"),
        (b"/d/database", "Input/output error"),
        (b"/d/locked", "Permission denied"),
    }
    assert {(one.path, one.reason) for one in archived.report.unreadable} == wanted
    assert set(told) == wanted
    assert read(again(repo), archived.tree) == {b"d": {b"good": b"good"}}
    assert counted(archived, *FILES) == (1, 0, 0)
    assert archived.counts.total_files_processed == 1


def test_a_directory_that_cannot_be_listed_is_recorded_and_left_out(repo: Repository, scripted: object) -> None:
    """It must not look empty: that would say its files were deleted."""
    tree = {b"a": {b"x": b"1"}, b"b": scripted.Unlistable(), b"c": {b"b": scripted.Unlistable(), b"y": b"2"}}
    archived = archive(repo, scripted.Source(tree))
    assert archived.report.unreadable == [
        Unreadable(b"/b", "Permission denied"),
        Unreadable(b"/c/b", "Permission denied"),
    ]
    assert read(again(repo), archived.tree) == {b"a": {b"x": b"1"}, b"c": {b"y": b"2"}}
    assert counted(archived, *DIRECTORIES) == (2, 0, 0)


def test_a_source_whose_top_cannot_be_listed_is_an_error(repo: Repository, scripted: object) -> None:
    """There is nothing to make a snapshot of."""

    class Closed(scripted.Source):
        def children(self, _: object) -> object:
            raise SourceUnreadable(path="/", reason="Permission denied")

    with pytest.raises(SourceUnreadable):
        archive(repo, Closed({}))
    assert repo.ids(FileKind.PACK) == []


def test_a_file_that_vanished_is_no_fault(repo: Repository, scripted: object) -> None:
    """Gone between listing and opening: not in the tree, not in the report."""
    archived = archive(repo, scripted.Source({b"gone": scripted.File(b"x", gone=True), b"there": b"y"}))
    assert read(repo, archived.tree) == {b"there": b"y"}
    assert archived.report.unreadable == []
    assert counted(archived, *FILES) == (1, 0, 0)


def test_an_unreadable_file_that_was_saved_before_is_not_taken_for_deleted_silently(
    repo: Repository, scripted: object
) -> None:
    """It is named in the report; the old snapshot has it still."""
    first = archive(repo, scripted.Source({b"f": b"old"}))
    second = archive(repo, scripted.Source({b"f": scripted.File(b"new", 5, locked=True)}), parent=first.tree)
    assert [one.path for one in second.report.unreadable] == [b"/f"]
    assert read(repo, second.tree) == {}
    assert read(repo, first.tree) == {b"f": b"old"}


def test_what_is_not_wanted_at_the_last_moment_is_left_out(repo: Repository, scripted: object) -> None:
    """A database's log is no part of the snapshot once the copy of the database succeeded."""
    source = scripted.Source({b"db": b"data", b"db-wal": b"log"}, excluded=frozenset([b"/db-wal"]))
    archived = archive(repo, source)
    assert read(repo, archived.tree) == {b"db": b"data"}
    assert source.opened == [b"/db"]


def test_findings_of_files_and_of_the_source_are_reported(repo: Repository, scripted: object) -> None:
    """What checking a file found, and what the source noticed on the way."""
    own, noticed = Finding("sqlite-damaged", b"/db"), Finding("left-out-own-data", b"/stick")
    source = scripted.Source({b"db": scripted.File(b"x" * 70_000, findings=[own])}, findings=[noticed])
    assert archive(repo, source).report.findings == [own, noticed]


def test_the_metadata_are_those_of_what_was_read(repo: Repository, scripted: object) -> None:
    """A file that grew since it was listed has the size and time of the bytes in the repository."""
    archived = archive(repo, scripted.Source({b"f": scripted.File(b"x" * 80_000, grown=77)}))
    found = nodes(repo, archived.tree)[b"f"].metadata
    assert (found.modified, found.size) == (77, 80_000)


# Destinations that fail


@pytest.fixture
def _small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saver_module, "_SMALLEST_PACK", 64 << 10)


def broken(repo: Repository, *faults: Fault) -> FaultyStore:
    repo.store = FaultyStore(repo.store, faults)
    repo.store.capabilities = Capabilities(parallel=2, best_object=64 << 10)
    return repo.store


@pytest.mark.usefixtures("_small_packs")
@pytest.mark.parametrize("error", [StoreFull(needed=5), PlaceGone(), Offline()], ids=lambda error: error.code)
@pytest.mark.parametrize("call", [1, 2, 5, 12])
def test_an_error_of_the_destination_ends_the_run_as_it_is(
    repo: Repository, till: Callable[..., object], call: int, error: StoreError
) -> None:
    """At the first or at a later pack: the same object is raised, files are closed, and no index speaks of the run."""
    broken(repo, Fault("put", call, error=error, lasting=True))
    source = till(more={bytes([65 + n]): noise(70_000, n) for n in range(20)})
    with pytest.raises(type(error)) as caught:
        archive(repo, source)
    assert caught.value is error
    assert source.open_now == 0
    assert repo.ids(FileKind.INDEX) == []


@pytest.mark.usefixtures("_small_packs")
def test_an_error_of_the_destination_is_never_one_of_the_source(repo: Repository, till: Callable[..., object]) -> None:
    """No file is reported unreadable because the stick was full."""
    told: list[bytes] = []

    class Listening(Progress):
        def trouble(self, path: bytes, reason: str) -> None:
            told.append(path + reason.encode())

    broken(repo, Fault("put", 3, error=StoreFull(), lasting=True))
    with pytest.raises(StoreFull):
        archive(repo, till(), progress=Listening())
    assert told == []


@pytest.mark.usefixtures("_small_packs")
def test_the_run_after_a_failed_one_just_works(repo: Repository, till: Callable[..., object]) -> None:
    """Whatever the failed one left behind is no obstacle."""
    place = repo.store
    broken(repo, Fault("put", 4, Do.CUT, StoreFull(), lasting=True))
    with pytest.raises(StoreFull):
        archive(repo, till())
    repo.store = place
    fresh = again(repo)
    archived = archive(fresh, till())
    assert read(again(fresh), archived.tree)[b"till"][b"sub"] == {b"d": b"four"}


def test_a_fault_of_a_worker_does_not_hang(
    repo: Repository, till: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake in our own code ends the run with what it is."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(saver_module.BlobSaver, "save_many", fail)
    source = till()
    with pytest.raises(ZeroDivisionError):
        archive(repo, source)
    assert source.open_now == 0


def test_a_fault_of_the_source_ends_the_run_with_what_it_is(repo: Repository, scripted: object) -> None:
    """A path that is missing, or a mistake in a plugin: nothing is indexed, nothing hangs."""
    for error in (SourceMissing(path="/till"), KeyError("a plugin's mistake")):

        def fail(path: bytes, error: Exception = error) -> None:
            if path == b"/b":
                raise error

        with pytest.raises(type(error)):
            archive(repo, scripted.Source({b"a": noise(100_000), b"b": {}}, on_list=fail))
        assert repo.ids(FileKind.INDEX) == []


# Stopping


def stopped(repo: Repository, source: object, cancel: Cancel) -> float:
    """Archive until stopped; return the seconds from the request to the end."""
    ended: list[float] = []

    def run() -> None:
        with pytest.raises(Cancelled):
            archive(repo, source, cancel=cancel)
        ended.append(time.monotonic())

    running = threading.Thread(target=run)
    running.start()
    assert cancel.wait(60)
    asked = time.monotonic()
    running.join(60)
    assert not running.is_alive()
    return ended[0] - asked


def test_a_run_stops_within_two_seconds_in_a_large_file(repo: Repository, scripted: object) -> None:
    """In the middle of a file that would take much longer."""
    cancel = Cancel()
    source = scripted.Source(
        {b"large": scripted.File(bytes(300 << 20), on_read=lambda at: at > 16 << 20 and cancel.set())}
    )
    assert stopped(repo, source, cancel) < 2
    assert source.open_now == 0


def test_a_run_stops_within_two_seconds_among_many_files(repo: Repository, scripted: object) -> None:
    """In one directory of 100,000 files."""
    cancel = Cancel()

    class Counting(scripted.Source):
        def read_small(self, item: object, limit: int) -> bytes | None:
            if len(self.opened) == 2000:
                cancel.set()
            return super().read_small(item, limit)

    source = Counting({b"d": {b"%06d" % number: b"%d" % number for number in range(100_000)}})
    assert stopped(repo, source, cancel) < 2
    assert len(source.opened) < 60_000


def test_a_run_stops_among_unchanged_files(repo: Repository, scripted: object) -> None:
    """Where nothing is read, a request is heard, too."""
    tree = {b"d": {b"%06d" % number: b"x" for number in range(3000)}}
    first = archive(repo, scripted.Source(tree))
    cancel = Cancel()

    class Counting(scripted.Source):
        seen = 0

        def wanted(self, item: object) -> bool:
            self.seen += 1
            if self.seen == 100:
                cancel.set()
            return super().wanted(item)

    source = Counting(tree)
    with pytest.raises(Cancelled):
        archive(repo, source, parent=first.tree, cancel=cancel)
    assert source.seen < 3000


@pytest.mark.usefixtures("_small_packs")
def test_what_was_stored_before_stopping_counts_in_the_next_run(repo: Repository, scripted: object) -> None:
    """The next run goes on there."""
    cancel = Cancel()
    tree = {b"%03d" % number: noise(70_000, number) for number in range(60)}
    broken(repo)

    class Slow(scripted.Source):
        def open(self, item: object) -> object:
            if item.name == b"050":
                while not repo.index.packs():
                    time.sleep(0.01)
                cancel.set()
            return super().open(item)

    with pytest.raises(Cancelled):
        archive(repo, Slow(tree), cancel=cancel)
    stored = sum(1 for kind, *_ in again(repo).index.entries() if kind is DATA)
    assert stored > 0
    archived = archive(again(repo), scripted.Source(tree))
    assert archived.counts.data_blobs == 60 - stored


def test_an_interrupt_ends_the_run(repo: Repository, scripted: object) -> None:
    """Ctrl-C in the walking thread leaves no thread and no open file."""

    def interrupt(at: int) -> None:
        if at > 4 << 20:
            raise KeyboardInterrupt

    source = scripted.Source({b"large": scripted.File(noise(20 << 20), on_read=interrupt)})
    with pytest.raises(KeyboardInterrupt):
        archive(repo, source)
    assert source.open_now == 0


# Size


def test_a_thousand_directories_deep(repo: Repository, scripted: object) -> None:
    """Depth costs no recursion, here and in the trees."""
    tree: dict[bytes, object] = {b"bottom": b"here"}
    for _ in range(1000):
        tree = {b"d": tree}

    class Deep(scripted.Source):
        """Looks along the way instead of from the top each time."""

        def _at(self, path: bytes) -> object:
            found: object = self.tree
            for _ in range(path.count(b"/d")):
                found = found[b"d"]
            return found[b"bottom"] if path.endswith(b"/bottom") else found

    archived = archive(repo, Deep(tree))
    assert counted(archived, *DIRECTORIES) == (1000, 0, 0)
    at = archived.tree
    for _ in range(1000):
        at = nodes(repo, at)[b"d"].subtree
    assert read(repo, at) == {b"bottom": b"here"}
    second = archive(repo, Deep(tree), parent=archived.tree)
    assert second.tree == archived.tree
    assert counted(second, *DIRECTORIES) == (0, 0, 1000)


def test_ten_thousand_small_files(repo: Repository, scripted: object) -> None:
    """In a hundred directories: counted, saved, and unchanged the second time."""
    tree = {
        b"%02d" % outer: {b"%02d" % inner: b"%d-%d" % (outer, inner) for inner in range(100)} for outer in range(100)
    }
    archived = archive(repo, scripted.Source(tree))
    assert counted(archived, *FILES) == (10_000, 0, 0)
    assert counted(archived, "data_blobs", "tree_blobs") == (10_000, 101)
    fresh = again(repo)
    assert read(fresh, archived.tree) == tree
    second = archive(fresh, scripted.Source(tree), parent=archived.tree)
    assert counted(second, *FILES) == (0, 0, 10_000)
    assert second.tree == archived.tree


def test_what_is_on_the_way_is_bounded(repo: Repository, scripted: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the destination, only so many files are read ahead."""
    monkeypatch.setattr(archiver_module, "_MOST_ON_THE_WAY", 100)
    monkeypatch.setattr(saver_module, "_SMALLEST_PACK", 64 << 10)
    gate, waiting = threading.Event(), threading.Event()

    class Slow(FaultyStore):
        def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> object:
            waiting.set()
            gate.wait(60)
            return super().put(name, payload, overwrite=overwrite)

    repo.store = Slow(repo.store)
    repo.store.capabilities = Capabilities(parallel=1, best_object=64 << 10)
    source = scripted.Source({b"%05d" % number: noise(20_000, number) for number in range(2000)})
    running = threading.Thread(target=archive, args=(repo, source))
    running.start()
    assert waiting.wait(60)
    settled = -1
    while settled != len(source.opened):
        settled = len(source.opened)
        running.join(1.2)
    assert running.is_alive()
    assert settled < 800
    gate.set()
    running.join(60)
    assert len(source.opened) == 2000


# Progress


def test_progress_tells_every_file_and_every_byte_once(
    repo: Repository, till: Callable[..., object], scripted: object
) -> None:
    """New, changed and unchanged ones; the bytes add up to the size of the source."""

    class Listening(Progress):
        def __init__(self) -> None:
            self.items: list[tuple[bytes, str, int]] = []
            self.bytes = 0

        def item(self, path: bytes, state: str, size: int) -> None:
            self.items.append((path, state, size))

        def advance(self, size: int) -> None:
            self.bytes += size

    listening = Listening()
    first = archive(repo, till(), progress=listening)
    assert listening.bytes == first.counts.total_bytes_processed == sum(size for *_, size in listening.items)
    assert {state for _, state, _ in listening.items} == {"new"}
    listening = Listening()
    archive(repo, till(a=scripted.File(b"two", 5), e=b"new"), parent=first.tree, progress=listening)
    assert sorted(listening.items) == [
        (b"/till/a", "changed", 3),
        (b"/till/b", "unchanged", 100_000),
        (b"/till/c", "unchanged", 3 << 20),
        (b"/till/e", "new", 3),
        (b"/till/sub/d", "unchanged", 4),
    ]
    assert listening.bytes == 3 + 100_000 + (3 << 20) + 3 + 4


# A source that is suddenly empty


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({b"x": b"1"}, {}, ["/till"]),
        ({b"x": b"1"}, {b"y": b"2"}, []),
        ({}, {}, []),
        ({}, {b"x": b"1"}, []),
        ({b"d": {}}, {}, ["/till"]),
        ({b"d": {b"x": b"1"}}, {b"d": {}}, []),
        (b"a file", {}, []),
        ({b"x": b"1"}, b"a file", []),
        (None, {}, []),
        ({b"x": b"1"}, None, []),
    ],
)
def test_what_was_full_and_is_empty_now_is_noticed(
    repo: Repository, scripted: object, before: object, after: object, wanted: list[str]
) -> None:
    """Only a directory that had entries and has none; a missing one is another matter."""
    trees = [
        archive(repo, scripted.Source({b"other": b"", **({} if found is None else {b"till": found})})).tree
        for found in (before, after)
    ]
    assert emptied(repo, ["/till"], *trees) == wanted


def test_each_path_is_looked_at_by_itself(repo: Repository, scripted: object) -> None:
    """At any depth, with names that are no UTF-8, and the top as well."""
    odd = b"caf\xe9"
    full = archive(repo, scripted.Source({b"a": {b"b": {b"x": b"1"}}, odd: {b"y": b"2"}, b"c": {b"z": b"3"}})).tree
    empty = archive(repo, scripted.Source({b"a": {b"b": {}}, odd: {}, b"c": {b"z": b"3"}})).tree
    paths = ["/a/b", "/" + odd.decode(errors="surrogateescape"), "/c", "/nowhere"]
    assert emptied(repo, paths, full, empty) == paths[:2]
    nothing = archive(repo, scripted.Source({})).tree
    assert emptied(repo, ["/"], full, nothing) == ["/"]


def test_a_lost_old_tree_is_told_as_damage(repo: Repository, scripted: object) -> None:
    """The caller decides what it means that nobody can compare."""
    tree = archive(repo, scripted.Source({b"a": b""})).tree
    with pytest.raises(RepositoryDamaged):
        emptied(repo, ["/a"], bytes(32), tree)


# Real folders, and the real restic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small till on disk, older than the clock's tick."""
    top = tmp_path / "till"
    (top / "a" / "b" / "empty").mkdir(parents=True)
    (top / "receipts.txt").write_bytes(b"receipt\n" * 20_000)
    (top / "a" / "twice.txt").write_bytes(b"receipt\n" * 20_000)
    (top / "a" / "empty.txt").write_bytes(b"")
    for number in range(30):
        (top / "a" / "b" / f"{number}.jpg").write_bytes(noise(7000, number))
    (top / "link").symlink_to("receipts.txt")
    old = time.time() - 1000
    for path in [*top.rglob("*"), top]:
        os.utime(path, (old, old), follow_symlinks=False)
    time.sleep(0.02)  # the change times cannot be set
    return top


def save_folder(repo: Repository, folder: Path, parent: bytes | None = None) -> Archived:
    with FolderSource([folder], work_dir=folder.parent) as source:
        archived = archive(repo, source, parent=parent)
        snapshots.save(
            repo,
            snapshots.Snapshot(time=datetime.now(UTC), tree=archived.tree, paths=tuple(source.paths), hostname="h"),
        )
    return archived


def run(restic: str, place: Path, *arguments: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [restic, "--no-cache", "--json", "-r", str(place), *arguments],
        env={"RESTIC_PASSWORD": "x", "PATH": "/usr/bin:/bin", "HOME": str(place), "TMPDIR": str(place.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.restic
def test_counts_are_those_of_restics_summary(restic: str, folder: Path, tmp_path: Path) -> None:
    """First run, second run, and a run after changes: file for file and directory for directory what restic counts."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for place in (ours, theirs):
        place.mkdir()
    repo = Repository.create(LocalStore(ours), "x", now=NOW, cost=KdfParameters(n=1 << 10))
    run(restic, theirs, "init")
    parent = None
    for step in range(3):
        if step == 2:
            (folder / "a" / "b" / "0.jpg").write_bytes(noise(8000, 99))
            (folder / "new.txt").write_bytes(b"new")
            (folder / "a" / "b" / "1.jpg").unlink()
        said = run(restic, theirs, "backup", str(folder))[-1]
        archived = save_folder(repo, folder, parent)
        parent = archived.tree
        names = (*FILES, *DIRECTORIES, "data_blobs", "total_files_processed", "total_bytes_processed")
        counts = {name: getattr(archived.counts, name) for name in names}
        # what lies above the folder changes by itself: our own work is done there
        for name in ("dirs_changed", "dirs_unmodified"):
            if step:
                counts[name] = said[name] = 0
        assert counts == {name: said[name] for name in names}
        if step == 0:
            assert archived.counts.tree_blobs == said["tree_blobs"]


@pytest.mark.restic
def test_restic_restores_what_we_saved(restic: str, folder: Path, tmp_path: Path) -> None:
    """Its check is content, and every file comes back as it was."""
    place = tmp_path / "place"
    place.mkdir()
    (folder / "large.bin").write_bytes(noise(6 << 20))
    repo = Repository.create(LocalStore(place), "x", now=NOW, cost=KdfParameters(n=1 << 10))
    first = save_folder(repo, folder)
    save_folder(repo, folder, first.tree)
    run(restic, place, "check", "--read-data")
    run(restic, place, "restore", "latest", "--target", str(tmp_path / "out"))
    restored = tmp_path / "out" / str(folder).lstrip("/")
    for path in folder.rglob("*"):
        found = restored / path.relative_to(folder)
        assert found.lstat().st_mtime_ns == path.lstat().st_mtime_ns
        if path.is_symlink():
            assert found.readlink() == path.readlink()
        elif path.is_file():
            assert found.read_bytes() == path.read_bytes()
        else:
            assert found.is_dir()


@pytest.mark.restic
def test_a_snapshot_by_restic_is_a_good_parent(restic: str, folder: Path, tmp_path: Path) -> None:
    """Who comes from restic need not read everything again."""
    place = tmp_path / "place"
    place.mkdir()
    run(restic, place, "init")
    run(restic, place, "backup", str(folder))
    repo = Repository.open(LocalStore(place), "x")
    repo.load_index()
    (theirs,) = snapshots.load_all(repo)
    archived = save_folder(repo, folder, theirs.tree)
    assert counted(archived, *FILES) == (0, 0, 33)
    assert archived.counts.data_blobs == 0
    run(restic, place, "check", "--read-data")
