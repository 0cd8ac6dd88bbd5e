"""What restic writes is ours: repositories of both versions are checked, listed, restored, added to and pruned."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.restic,
    pytest.mark.skipif(sys.platform == "win32", reason="restoring on Windows has tests of its own"),
]

Facts = Callable[[Path], dict[bytes, dict[str, object]]]


@pytest.fixture(scope="module", params=[1, 2])
def made(theirs: Any, awkward: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A repository that restic made of the awkward folder, to be copied."""
    place = tmp_path_factory.mktemp("theirs") / "place"
    theirs("-r", place, "init", "--repository-version", request.param)
    theirs("-r", place, "backup", awkward, "--host", "till", "--tag", "first")
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """Such a repository for one test."""
    return Path(shutil.copytree(made, tmp_path / "place"))


def test_we_find_no_fault(ours: Any, place: Path) -> None:
    """Our check accepts what restic wrote, to the last byte."""
    ours("check", "--from", place, "--read-data")


def test_we_restore_everything(ours: Any, place: Path, awkward: Path, tmp_path: Path, facts: Facts) -> None:
    """All comes back; only a link's target that is no UTF-8 restic 0.14 cannot keep, and there is none here."""
    ours("restore", "latest", "--from", place, "--into", tmp_path / "back")
    assert facts(tmp_path / "back" / str(awkward).lstrip("/")) == facts(awkward)


def test_we_list_the_same(theirs: Any, ours: Any, place: Path) -> None:
    """Every node of restic's listing is in ours, with the same values."""
    listed = theirs.lines("-r", place, "ls", "latest")[1:]
    same = {node["path"]: node for node in ours.lines("ls", "latest", "--from", place) if "path" in node}
    for node in listed:
        assert {key: same[node["path"]].get(key) for key in node} == node
    snapshots = json.loads(ours("snapshots", "--from", place, "--json"))
    assert [snapshot["tags"] for snapshot in snapshots] == [["first"]]


def test_we_add_to_it(theirs: Any, ours: Any, place: Path, awkward: Path, tmp_path: Path, facts: Facts) -> None:
    """With restic's snapshot as parent no file is read again, and restic finds no fault in what we add."""
    summary = ours.lines("backup", awkward, "--to", place, "--host", "till")[-1]
    assert (summary["files_new"], summary["files_changed"], summary["data_blobs"]) == (0, 0, 0)
    (tmp_path / "added").write_bytes(b"by us" * 100_000)
    ours("backup", awkward, tmp_path / "added", "--to", place, "--host", "till")
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")
    theirs("-r", place, "restore", "latest", "--target", tmp_path / "back")
    assert facts(tmp_path / "back" / str(awkward).lstrip("/")) == facts(awkward)


def test_we_forget_and_prune(theirs: Any, ours: Any, place: Path, awkward: Path, tmp_path: Path, facts: Facts) -> None:
    """After we removed a snapshot and freed its room, restic finds no fault and restores the other one."""
    (tmp_path / "gone soon").write_bytes(b"only in one snapshot" * 50_000)
    gone = theirs.lines("-r", place, "backup", awkward, tmp_path / "gone soon", "--host", "till")[-1]
    ours("forget", gone["snapshot_id"], "--from", place, "--prune", "--max-unused", "0")
    assert len(json.loads(theirs("-r", place, "snapshots", "--json"))) == 1
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")
    theirs("-r", place, "restore", "latest", "--target", tmp_path / "back")
    assert facts(tmp_path / "back" / str(awkward).lstrip("/")) == facts(awkward)
    again = theirs.lines("-r", place, "backup", tmp_path / "gone soon")[-1]
    assert again["data_blobs"] == gone["data_blobs"], "its room was not freed"


def test_we_work_by_turns(theirs: Any, ours: Any, place: Path, changing: Path, tmp_path: Path, facts: Facts) -> None:
    """Runs and prunes of both programs after one another leave a repository that both call sound."""
    for number in range(2):
        (changing / f"ours {number}").write_bytes(b"%d" % number * 70_000)
        ours("backup", changing, "--to", place, "--host", "till")
        theirs("-r", place, "forget", "--keep-last", "2", "--prune")
        (changing / f"theirs {number}").write_bytes(b"%d!" % number * 70_000)
        theirs("-r", place, "backup", changing, "--host", "till")
        ours("forget", "--from", place, "--keep-last", "2", "--prune")
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")
    ours("check", "--from", place, "--read-data")
    newest = json.loads(theirs("-r", place, "snapshots", "--json"))[-1]["id"]
    ours("restore", newest, "--from", place, "--into", tmp_path / "by us")
    theirs("-r", place, "restore", newest, "--target", tmp_path / "by them")
    below = str(changing).lstrip("/")
    assert facts(tmp_path / "by us" / below) == facts(tmp_path / "by them" / below) == facts(changing)


# Repositories that restic made once and that stay as they are ---------------------------------------------------------


GOLDEN = Path(__file__).parent / "data"


@pytest.mark.parametrize("version", [1, 2])
def test_golden_repositories_are_read(ours: Any, tmp_path: Path, version: int) -> None:
    """Every node of a repository from the archive has the values that restic told when it was made."""
    known = json.loads((GOLDEN / "expected.json").read_text())
    shutil.unpack_archive(GOLDEN / f"restic-0.14-v{version}.tar.xz", tmp_path, filter="data")
    place = tmp_path / f"v{version}"
    ours("check", "--from", place, "--read-data")
    listed = {node["path"]: node for node in ours.lines("ls", "latest", "--from", place) if "path" in node}
    expected = known[f"v{version}"]
    for node in expected["nodes"]:
        assert {key: listed[node["path"]].get(key) for key in node} == node
    ours("restore", "latest", "--from", place, "--into", tmp_path / "back")
    root = tmp_path / "back" / "golden"
    for path, text in expected["texts"].items():
        assert (root / path).read_text(errors="surrogateescape") == text
    assert (root / "hard link").samefile(root / "text")


@pytest.mark.parametrize("version", [1, 2])
def test_golden_repositories_are_added_to(theirs: Any, ours: Any, tmp_path: Path, version: int) -> None:
    """A run into a repository from the archive keeps its version, and today's restic finds no fault."""
    shutil.unpack_archive(GOLDEN / f"restic-0.14-v{version}.tar.xz", tmp_path, filter="data")
    place = tmp_path / f"v{version}"
    (tmp_path / "new").write_bytes(b"new" * 10_000)
    ours("backup", tmp_path / "new", "--to", place)
    assert json.loads(theirs("-r", place, "cat", "config"))["version"] == version
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")
    assert len(json.loads(theirs("-r", place, "snapshots", "--json"))) == 3
