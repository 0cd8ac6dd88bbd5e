"""What we write is restic's: the real program checks, lists, restores, thins out and copies it."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.restic,
    pytest.mark.skipif(sys.platform == "win32", reason="restoring on Windows has tests of its own"),
]

Facts = Callable[[Path], dict[bytes, dict[str, object]]]


@pytest.fixture(scope="module")
def made(ours: Any, awkward: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of ours with the awkward folder in it, to be copied."""
    place = tmp_path_factory.mktemp("ours")
    ours("backup", awkward, "--to", place, "--host", "till")
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """Such a repository for one test."""
    return Path(shutil.copytree(made, tmp_path / "place"))


def test_restic_finds_no_fault(theirs: Any, place: Path) -> None:
    """Every byte, tree, index and snapshot passes restic's own check."""
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")


def test_restic_restores_everything(theirs: Any, place: Path, awkward: Path, tmp_path: Path, facts: Facts) -> None:
    """Content, names, modes, owners, times, links, attributes and devices are the same after restic's restore."""
    theirs("-r", place, "restore", "latest", "--target", tmp_path / "back")
    assert facts(tmp_path / "back" / str(awkward).lstrip("/")) == facts(awkward)


def test_we_restore_everything(ours: Any, place: Path, awkward: Path, tmp_path: Path, facts: Facts) -> None:
    """… and after ours; holes are holes again."""
    ours("restore", "latest", "--from", place, "--into", tmp_path / "back")
    back = tmp_path / "back" / str(awkward).lstrip("/")
    assert facts(back) == facts(awkward)
    assert (back / "content" / "sparse").stat().st_blocks * 512 < 1 << 20
    assert (back / "content" / "zeros").stat().st_blocks * 512 < 1 << 20


def test_restic_lists_the_same(theirs: Any, ours: Any, place: Path) -> None:
    """Snapshots and every node have the same fields in restic's words and in ours."""
    [snapshot] = json.loads(theirs("-r", place, "snapshots", "--json"))
    [own] = json.loads(ours("snapshots", "--from", place, "--json"))
    assert datetime.fromisoformat(own["time"]) == datetime.fromisoformat(snapshot.pop("time"))
    assert {key: own[key] for key in snapshot} == snapshot
    listed = theirs.lines("-r", place, "ls", "latest")[1:]
    same = {node["path"]: node for node in ours.lines("ls", "latest", "--from", place) if "path" in node}
    assert len(listed) > 250
    for node in listed:
        assert {key: same[node["path"]].get(key) for key in node} == node


def test_restic_dumps_a_file_byte_by_byte(theirs: Any, place: Path, awkward: Path, tmp_path: Path) -> None:
    """A single file comes out of restic as it went in, whatever its name."""
    theirs("-r", place, "restore", "latest", "--target", tmp_path / "one", "--include", awkward / "content" / "shifted")
    assert (tmp_path / "one" / str(awkward).lstrip("/") / "content" / "shifted").read_bytes() == (
        awkward / "content" / "shifted"
    ).read_bytes()
    said = theirs("-r", place, "dump", "latest", awkward / "deep" / Path(*map(str, range(200))) / "at the bottom")
    assert said == "found"


def test_restic_takes_our_snapshot_as_its_parent(theirs: Any, place: Path, awkward: Path) -> None:
    """Size, times and inode are what restic looks at: it finds not one file changed and adds no data."""
    summary = theirs.lines("-r", place, "backup", awkward, "--host", "till")[-1]
    assert (summary["files_new"], summary["files_changed"]) == (0, 0)
    assert summary["files_unmodified"] > 50
    assert summary["data_blobs"] == 0


def test_restic_forgets_and_prunes(theirs: Any, ours: Any, changing: Path, tmp_path: Path, facts: Facts) -> None:
    """After restic has removed our first snapshot and repacked, the second one is whole for both."""
    place = tmp_path / "place"
    place.mkdir()
    ours("backup", changing, "--to", place, "--host", "till")
    (changing / "content" / "large").unlink()
    (changing / "names" / "CON").write_bytes(b"changed")
    ours("backup", changing, "--to", place, "--host", "till")
    theirs("-r", place, "forget", "--keep-last", "1", "--prune")
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")
    ours("check", "--from", place, "--read-data")
    assert len(json.loads(ours("snapshots", "--from", place, "--json"))) == 1
    ours("restore", "latest", "--from", place, "--into", tmp_path / "back")
    assert facts(tmp_path / "back" / str(changing).lstrip("/")) == facts(changing)


def test_keys_open_for_both(theirs: Any, ours: Any, place: Path, tmp_path: Path) -> None:
    """A password that one program adds opens the repository for the other, until it is removed."""
    other_password = {"TRAYBACKUP_PASSWORD": "restic's own"}
    (tmp_path / "new").write_text("restic's own")
    theirs("-r", place, "key", "add", "--new-password-file", tmp_path / "new")
    assert json.loads(ours("snapshots", "--from", place, "--json", **other_password))
    keys = json.loads(theirs("-r", place, "key", "list", "--json"))
    assert len(keys) == 2
    [other] = [key["id"] for key in keys if not key["current"]]
    theirs("-r", place, "key", "remove", other)
    ours("snapshots", "--from", place, code=12, **other_password)
    assert "no errors were found" in theirs("-r", place, "check")


def test_restic_copies_it(theirs: Any, place: Path, awkward: Path, tmp_path: Path, facts: Facts, password: str) -> None:
    """Copied into a repository that restic made, our snapshot is the same."""
    copy = tmp_path / "copy"
    known = {"RESTIC_FROM_PASSWORD": password}
    theirs("-r", copy, "init", "--from-repo", place, "--copy-chunker-params", **known)
    theirs("-r", copy, "copy", "--from-repo", place, **known)
    assert "no errors were found" in theirs("-r", copy, "check", "--read-data")
    theirs("-r", copy, "restore", "latest", "--target", tmp_path / "back")
    assert facts(tmp_path / "back" / str(awkward).lstrip("/")) == facts(awkward)


def test_an_interrupted_run_is_no_fault(theirs: Any, ours: Any, tmp_path: Path, changing: Path) -> None:
    """Packs and index files without a snapshot are nothing restic complains about, and its prune removes them."""
    place = tmp_path / "place"
    place.mkdir()
    ours("backup", changing, "--to", place, "--host", "till")
    (changing / "more").write_bytes(os.urandom(1 << 20))
    ours("backup", changing, "--to", place, "--host", "till")
    [_, newest] = json.loads(theirs("-r", place, "snapshots", "--json"))
    (place / "snapshots" / newest["id"]).chmod(0o600)
    (place / "snapshots" / newest["id"]).unlink()
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")
    theirs("-r", place, "prune", "--max-unused", "0")
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")


# Large in one way or another -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1 << 30, pytest.param(10 << 30, marks=pytest.mark.campaign)])
def test_a_huge_sparse_file(theirs: Any, ours: Any, tmp_path: Path, size: int) -> None:
    """A gigabyte of nothing with a word at its end takes no room, neither there nor after the restore."""
    source, place = tmp_path / "source", tmp_path / "place"
    source.mkdir()
    place.mkdir()
    with (source / "sparse").open("wb") as stream:
        stream.seek(size - 4)
        stream.write(b"end.")
    ours("backup", source, "--to", place)
    assert sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) < 1 << 20
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")
    assert theirs.lines("-r", place, "stats", "--mode", "restore-size")[0]["total_size"] == size
    ours("restore", "latest", "--from", place, "--into", tmp_path / "back")
    back = tmp_path / "back" / str(source).lstrip("/") / "sparse"
    assert (back.stat().st_size, back.stat().st_blocks * 512 < 1 << 20) == (size, True)
    with back.open("rb") as stream:
        stream.seek(size - 8)
        assert stream.read() == b"\0\0\0\0end."


def test_ten_thousand_files_in_one_directory(theirs: Any, ours: Any, tmp_path: Path) -> None:
    """One tree of ten thousand nodes goes both ways."""
    source, place = tmp_path / "source", tmp_path / "place"
    source.mkdir()
    place.mkdir()
    for number in range(10_000):
        (source / f"{number:05d}").write_bytes(b"%d" % number)
    ours("backup", source, "--to", place)
    assert "no errors were found" in theirs("-r", place, "check", "--read-data")
    for number, restore in enumerate((theirs_restore(theirs, place), ours_restore(ours, place))):
        restore(tmp_path / str(number))
        back = tmp_path / str(number) / str(source).lstrip("/")
        assert {path.name: path.read_bytes() for path in back.iterdir()} == {
            f"{number:05d}": b"%d" % number for number in range(10_000)
        }


def theirs_restore(theirs: Any, place: Path) -> Callable[[Path], object]:
    return lambda target: theirs("-r", place, "restore", "latest", "--target", target)


def ours_restore(ours: Any, place: Path) -> Callable[[Path], object]:
    return lambda target: ours("restore", "latest", "--from", place, "--into", target)
