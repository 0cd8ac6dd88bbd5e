"""Snapshots: what restic writes is understood, what is written restic understands, and nothing hostile gets through."""

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api.errors import AmbiguousSnapshot, LatestDoubtful, NoSuchSnapshot, NotFound, RepositoryDamaged
from traybackup.api.store import BytesPayload
from traybackup.engine import snapshots
from traybackup.engine.codec import FileKind
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot, decode, encode
from traybackup.stores.local import LocalStore
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore

NOW = datetime(2026, 3, 1, 19, 30, tzinfo=UTC)
TREE = bytes(range(32))
ID = "a" * 64

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
TUPLES = st.lists(TEXTS, max_size=3).map(tuple)
HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
SNAPSHOTS = st.builds(
    Snapshot,
    time=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda time: time.replace(tzinfo=UTC)),  # noqa: DTZ001
    tree=st.binary(min_size=32, max_size=32),
    paths=TUPLES,
    hostname=TEXTS,
    username=TEXTS,
    uid=st.integers(0, (1 << 32) - 1),
    gid=st.integers(0, (1 << 32) - 1),
    tags=TUPLES,
    excludes=TUPLES,
    parent=st.just("") | HEX,
    original=st.just("") | HEX,
    program_version=TEXTS,
    summary=st.none() | st.dictionaries(TEXTS, st.integers(0, 1 << 62) | TEXTS, max_size=3),
    id=HEX,
)


def snapshot(hours: float = 0, **changes: object) -> Snapshot:
    return Snapshot(**{"time": NOW + timedelta(hours=hours), "tree": TREE, "paths": ("/till",), **changes})


def run(restic: str, place: Path, *arguments: str) -> str:
    return subprocess.run(
        [restic, "--no-cache", "--no-lock", "-r", str(place), *arguments],
        env={"RESTIC_PASSWORD": "x", "PATH": "/usr/bin:/bin", "HOME": str(place)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


# The file


@given(SNAPSHOTS)
def test_a_snapshot_comes_back(one: Snapshot) -> None:
    """Every field survives being written and read."""
    assert decode(encode(one), one.id) == one


def test_fields_are_those_of_restic() -> None:
    """Empty ones are left out, as restic does, but for the three that every snapshot has."""
    assert json.loads(encode(snapshot())) == {
        "time": "2026-03-01T19:30:00.000000Z",
        "tree": TREE.hex(),
        "paths": ["/till"],
    }
    whole = snapshot(
        hostname="till", username="owner", uid=1000, gid=100, tags=("day",), excludes=("*.tmp",), parent=ID,
        original="b" * 64, program_version="traybackup 1", summary={"files_new": 3},
    )  # fmt: skip
    assert list(json.loads(encode(whole))) == [
        "time", "tree", "paths", "hostname", "username", "uid", "gid", "excludes", "tags", "parent", "original",
        "program_version", "summary",
    ]  # fmt: skip


def test_the_shops_time_of_day_is_kept_in_the_file() -> None:
    """Restic shows a snapshot's time as the computer that made it saw it."""
    local = datetime(2026, 7, 1, 19, 30, tzinfo=timezone(timedelta(hours=2)))
    data = encode(snapshot(time=local))
    assert b'"time":"2026-07-01T19:30:00.000000+02:00"' in data
    assert decode(data, ID).time == local


@pytest.mark.parametrize("name", ["paths", "hostname", "username", "tags", "excludes"])
def test_bytes_that_are_no_text_cannot_keep_a_snapshot_from_being_written(name: str) -> None:
    """A folder whose name is no UTF-8 is saved like any other; in the snapshot it is shown as Go shows it."""
    odd = b"/till/caf\xe9".decode(errors="surrogateescape")
    value = odd if name in ("hostname", "username") else (odd, "plain")
    found = getattr(decode(encode(snapshot(**{name: value})), ID), name)
    assert found == ("/till/caf\ufffd" if isinstance(value, str) else ("/till/caf\ufffd", "plain"))


def test_half_characters_of_windows_are_no_obstacle_either() -> None:
    """NTFS takes lone surrogates of any kind in names."""
    assert decode(encode(snapshot(paths=("C:/\ud83d/x",))), ID).paths == ("C:/\ufffd/x",)


def test_a_path_that_is_no_text_finds_its_snapshots_again(repo: Repository) -> None:
    """The next run of the same folder compares with the last one, whatever its name."""
    odd = b"/till/caf\xe9".decode(errors="surrogateescape")
    saved = snapshots.save(repo, snapshot(paths=(odd,)))
    found = snapshots.latest(snapshots.load_all(repo), paths=[odd])
    assert found is not None
    assert found.id == saved.id
    assert snapshots.latest([snapshot(paths=(odd,))], paths=[odd]) is not None


GOOD = {"time": "2026-03-01T19:30:00Z", "tree": "a" * 64, "paths": ["/till"]}


def test_null_is_what_go_writes_for_nothing() -> None:
    """Lists that are null are empty."""
    text = json.dumps(GOOD | {"paths": None, "tags": None, "excludes": None, "parent": None, "summary": None})
    assert decode(text.encode(), ID) == Snapshot(time=NOW, tree=b"\xaa" * 32, paths=(), id=ID)


def test_fields_of_newer_versions_are_ignored() -> None:
    """What we do not know does not keep a snapshot from being restored."""
    assert decode(json.dumps(GOOD | {"new": {"a": [1]}}).encode(), ID).paths == ("/till",)


BAD: list[dict[str, object]] = [
    {"tree": ""},
    {"tree": None},
    {"tree": "../" + "a" * 61},
    {"tree": "A" * 64},
    {"tree": "a" * 63},
    {"tree": 5},
    {"time": ""},
    {"time": "yesterday"},
    {"time": "2026-02-30T00:00:00Z"},
    {"time": 1234567890},
    {"time": None},
    {"paths": "till"},
    {"paths": [5]},
    {"paths": [None]},
    {"parent": "../../x"},
    {"parent": 7},
    {"original": "zz"},
    {"tags": [["a"]]},
    {"uid": "root"},
    {"uid": 1.5},
    {"hostname": ["a"]},
    {"summary": []},
]


@pytest.mark.parametrize("change", BAD, ids=str)
def test_hostile_snapshots_are_damage(change: dict[str, object]) -> None:
    """Ids and times are looked at before anybody uses them."""
    with pytest.raises(RepositoryDamaged) as caught:
        decode(json.dumps(GOOD | change).encode(), ID)
    assert (caught.value.kind, caught.value.id, caught.value.why) == ("snapshot", ID, "bad-snapshot")


@pytest.mark.parametrize("name", ["time", "tree"])
def test_a_snapshot_without_time_or_tree_is_none(name: str) -> None:
    """Everything else may be missing."""
    with pytest.raises(RepositoryDamaged):
        decode(json.dumps({key: value for key, value in GOOD.items() if key != name}).encode(), ID)


@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,timrepahs0', max_size=60).map(str.encode))
def test_no_bytes_make_reading_fail_in_another_way(data: bytes) -> None:
    """Any bytes are damage, for none of these are a snapshot; deep nesting, too."""
    for text in (data, b'{"summary":' + b"[" * 50_000 + data):
        with pytest.raises(RepositoryDamaged):
            decode(text, ID)


# In a repository


def test_saving_gives_the_snapshot_its_id(repo: Repository) -> None:
    """The id is that of the file, which is there and says the same."""
    saved = snapshots.save(repo, snapshot(tags=("a",)))
    assert [entry.id for entry in repo.ids(FileKind.SNAPSHOT)] == [saved.id]
    assert snapshots.load(repo, saved.id) == saved


def test_all_snapshots_come_oldest_first(repo: Repository) -> None:
    """By time, and by id where the time is the same."""
    saved = [snapshots.save(repo, snapshot(hours, tags=(str(hours),))) for hours in (3, 1, 2, 1.5)]
    twin = snapshots.save(repo, snapshot(3, tags=("twin",)))
    wanted = sorted([*saved, twin], key=lambda one: (one.time, one.id))
    assert snapshots.load_all(repo) == wanted


def test_one_damaged_snapshot_hides_no_other(repo: Repository) -> None:
    """It is collected where the caller wants that, and raised where not."""
    saved = [snapshots.save(repo, snapshot(hours)) for hours in range(3)]
    name = f"snapshots/{saved[1].id}"
    store = repo.store
    assert isinstance(store, MemoryStore)
    store.place.objects[name] = store.place.objects[name][:-1]
    with pytest.raises(RepositoryDamaged) as caught:
        snapshots.load_all(repo)
    assert caught.value.id == saved[1].id
    damaged: list[RepositoryDamaged] = []
    assert snapshots.load_all(repo, damaged) == [saved[0], saved[2]]
    assert [error.id for error in damaged] == [saved[1].id]
    assert snapshots.find(repo, "latest", damaged=[]) == saved[2]


# Finding


def test_finding_by_id_or_its_beginning(repo: Repository) -> None:
    """As many digits as make it unique are enough."""
    saved = [snapshots.save(repo, snapshot(hours)) for hours in range(4)]
    for one in saved:
        assert snapshots.find(repo, one.id) == one
        length = next(n for n in range(1, 65) if sum(other.id.startswith(one.id[:n]) for other in saved) == 1)
        assert snapshots.find(repo, one.id[:length]) == one


@pytest.mark.parametrize("wanted", ["", "latest", "zz", "0" * 65, "../config", "LATEST"])
def test_what_is_not_there_is_told(repo: Repository, wanted: str) -> None:
    """In an empty repository nothing matches anything."""
    with pytest.raises(NoSuchSnapshot) as caught:
        snapshots.find(repo, wanted)
    assert caught.value.wanted == wanted


def test_nothing_stands_for_no_snapshot(repo: Repository) -> None:
    """An empty text is no beginning of the only one."""
    snapshots.save(repo, snapshot())
    with pytest.raises(NoSuchSnapshot):
        snapshots.find(repo, "")


def test_an_ambiguous_beginning_is_told_with_the_number(repo: Repository) -> None:
    """Nobody guesses which one was meant."""
    store = repo.store
    assert isinstance(store, MemoryStore)
    for digit in "123":
        store.place.objects[f"snapshots/{('ab' + digit).ljust(64, '0')}"] = b""
    with pytest.raises(AmbiguousSnapshot) as caught:
        snapshots.find(repo, "ab")
    assert (caught.value.wanted, caught.value.count) == ("ab", 3)


def test_what_vanished_between_listing_and_reading_is_not_found(repo: Repository) -> None:
    """Asked for by id, its absence is told."""
    saved = snapshots.save(repo, snapshot())
    repo.store = FaultyStore(repo.store, [Fault("get", 1, Do.LIE)])
    with pytest.raises(NotFound):
        snapshots.find(repo, saved.id)


HERE = snapshot(hostname="till", tags=("a", "b"), paths=("/x", "/y"))


@pytest.mark.parametrize(
    ("hosts", "tags", "paths", "wanted"),
    [
        ((), (), (), True),
        (("till",), (), (), True),
        (("other", "till"), (), (), True),
        (("other",), (), (), False),
        (("Till",), (), (), False),
        ((), (("a",),), (), True),
        ((), (("a", "b"),), (), True),
        ((), (("a", "c"),), (), False),
        ((), (("c",), ("b",)), (), True),
        ((), (("c",),), (), False),
        ((), (("",),), (), True),
        ((), (), ("/x",), True),
        ((), (), ("/y", "/x"), True),
        ((), (), ("/x", "/z"), False),
        (("till",), (("a",),), ("/z",), False),
    ],
)
def test_what_matches(
    hosts: Sequence[str], tags: Sequence[Sequence[str]], paths: Sequence[str], *, wanted: bool
) -> None:
    """One of the hosts, all tags of one of the lists, all paths: as in restic."""
    assert snapshots.matches(HERE, hosts=hosts, tags=tags, paths=paths) is wanted


def test_the_latest_is_the_newest_that_matches(repo: Repository) -> None:
    """Other hosts, tags and paths do not count; among twins the id decides."""
    newest = snapshots.save(repo, snapshot(9, hostname="other"))
    wanted = snapshots.save(repo, snapshot(5, hostname="till", tags=("a",)))
    snapshots.save(repo, snapshot(4, hostname="till", tags=("a",)))
    assert snapshots.find(repo, "latest") == newest
    assert snapshots.find(repo, "latest", hosts=["till"]) == wanted
    assert snapshots.find(repo, "latest", tags=[["a"]], paths=["/till"]) == wanted
    with pytest.raises(NoSuchSnapshot):
        snapshots.find(repo, "latest", paths=["/elsewhere"])
    twins = [snapshot(id=letter * 64) for letter in "acb"]
    assert snapshots.latest(twins) == twins[1]
    assert snapshots.latest([]) is None


# With the real restic


def test_the_snapshot_that_restic_made_is_read(golden: dict[str, object], golden_store: MemoryStore) -> None:
    """Every field is what restic itself says it is."""
    repo = Repository.open(golden_store, str(golden["password"]))
    (found,) = snapshots.load_all(repo)
    (said,) = golden["snapshots"]  # type: ignore[misc]
    assert (found.id, found.tree.hex()) == (said["id"], said["tree"])
    assert (found.hostname, found.username) == (said["hostname"], said["username"])
    assert (list(found.paths), list(found.tags)) == (said["paths"], said["tags"])
    assert found.time.isoformat()[:26] == said["time"][:26]


@pytest.mark.restic
def test_what_we_write_is_read_by_restic(restic: str, tmp_path: Path) -> None:
    """`restic snapshots` shows every field as it was given, and its filters see them."""
    repo = Repository.create(LocalStore(tmp_path), "x", now=NOW, cost=KdfParameters(n=1 << 10))
    whole = snapshot(
        hostname="Käsekasse <&>", username="öwner", uid=1000, gid=100, tags=("täglich", "a b"),
        paths=("/till", "/x\ty"), excludes=("*.tmp",), program_version="traybackup 1",
    )  # fmt: skip
    first = snapshots.save(repo, whole)
    second = snapshots.save(repo, snapshot(1, parent=first.id, hostname="b"))
    shown = {one["id"]: one for one in json.loads(run(restic, tmp_path, "snapshots", "--json"))}
    assert set(shown) == {first.id, second.id}
    found = shown[first.id]
    assert found["tree"] == TREE.hex()
    assert (found["hostname"], found["username"]) == (whole.hostname, whole.username)
    assert (found["uid"], found["gid"]) == (1000, 100)
    assert (found["tags"], found["paths"], found["excludes"]) == (["täglich", "a b"], ["/till", "/x\ty"], ["*.tmp"])
    assert found["time"].startswith("2026-03-01T19:30:00")
    assert shown[second.id]["parent"] == first.id
    only = json.loads(run(restic, tmp_path, "snapshots", "--json", "--tag", "täglich,a b"))
    assert [one["id"] for one in only] == [first.id]


def test_the_latest_is_not_silently_an_older_one(repo: Repository) -> None:
    """A snapshot that cannot be read may be the latest: it is told, and who cannot be told gets no other instead."""
    older = snapshots.save(repo, snapshot(4))
    newer = snapshots.save(repo, snapshot(5))
    name = f"snapshots/{newer.id}"
    repo.store.put(name, BytesPayload(repo.store.get(name)[:-1]), overwrite=True)
    with pytest.raises(LatestDoubtful) as caught:
        snapshots.find(repo, "latest")
    assert (caught.value.damaged, caught.value.latest) == (newer.id[:8], older.id[:8])
    damaged: list[RepositoryDamaged] = []
    assert snapshots.find(repo, "latest", damaged=damaged) == older
    assert [error.id for error in damaged] == [newer.id]
    assert snapshots.find(repo, older.id[:8]) == older

    repo.remove(FileKind.SNAPSHOT, older.id)
    with pytest.raises(RepositoryDamaged):
        snapshots.find(repo, "latest")
