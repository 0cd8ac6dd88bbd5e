"""Troubles: everything that can be wrong from outside is one clear line, the documented exit code, and no change."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.store import BytesPayload
from traybackup.engine.repository import Repository
from traybackup.stores.local import LocalStore

posix = pytest.mark.skipif(sys.platform == "win32", reason="rights and mounts are POSIX")


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below *folder*, but those of the program's own home."""
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "home" not in path.relative_to(folder).parts
    }


def refused(said: Any, code: int, *expected: str) -> None:
    """Check that this was one line with the next step."""
    assert said.code == code, said.err
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert "Traceback" not in said.err
    for words in expected:
        assert words in said.err


@pytest.fixture
def place(saved_once: Path, tmp_path: Path) -> Path:
    """Return a place with one backup of a till, a copy."""
    shutil.copytree(saved_once / "place", tmp_path / "place")
    return tmp_path / "place"


COMMANDS: list[Callable[[Path, Path], list[object]]] = [
    lambda place, till: ["backup", till, "--to", place],
    lambda place, _: ["snapshots", "--from", place],
    lambda place, _: ["ls", "latest", "--from", place],
    lambda place, till: ["restore", "latest", "--from", place, "--into", till.parent / "out"],
    lambda place, _: ["check", "--from", place],
    lambda place, _: ["forget", "--keep-last", "1", "--from", place],
    lambda place, _: ["prune", "--from", place],
    lambda place, _: ["unlock", "--from", place],
    lambda place, _: ["key", "list", "--from", place],
    lambda place, _: ["status", "--from", place],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one(Path("p"), Path("t"))[0])
def test_a_wrong_password(command: Any, program_here: Any, place: Path, till: Path, tmp_path: Path) -> None:
    """Exit code 12 from every command that opens a place."""
    before = files(tmp_path)
    wrong = program_here.given(TRAYBACKUP_PASSWORD="wrong")  # noqa: S106 - it is
    refused(wrong(*command(place, till)), 12, "Try again")
    assert files(tmp_path) == before


@pytest.mark.parametrize("command", COMMANDS[1:], ids=lambda one: one(Path("p"), Path("t"))[0])
def test_no_backups_there(command: Any, program_here: Any, till: Path, tmp_path: Path) -> None:
    """Exit code 10 from every command that needs backups, for an empty folder and a missing one."""
    (tmp_path / "empty").mkdir()
    before = files(tmp_path)
    refused(program_here(*command(tmp_path / "empty", till)), 10, "There are no backups", "Check the path")
    refused(program_here(*command(tmp_path / "missing", till)), 10, "is not there")
    assert files(tmp_path) == before
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one(Path("p"), Path("t"))[0])
def test_made_by_a_newer_program(command: Any, program_here: Any, place: Path, till: Path, tmp_path: Path) -> None:
    """A format of tomorrow is refused, never guessed at."""
    with LocalStore(place) as store:
        repository = Repository.open(store, program_here.environment["TRAYBACKUP_PASSWORD"])
        config = json.loads(repository.key.open(store.get("config"))) | {"version": 3}
        store.put("config", BytesPayload(repository.key.seal(json.dumps(config).encode())), overwrite=True)
    before = files(tmp_path)
    refused(program_here(*command(place, till)), 1, "format 3", "newest traybackup")
    assert files(tmp_path) == before


@pytest.mark.parametrize("harm", ["flip", "truncate", "empty", "lost"])
def test_a_damaged_config(harm: str, program_here: Any, place: Path, till: Path, tmp_path: Path) -> None:
    """A broken or missing config is damage, never a reason to begin anew over somebody's data."""
    config = place / "config"
    data = config.read_bytes()
    config.chmod(0o600)
    if harm == "lost":
        config.unlink()
    else:
        config.write_bytes({"flip": bytes([data[0] ^ 1]) + data[1:], "truncate": data[:40], "empty": b""}[harm])
    before = files(tmp_path)
    said = program_here("backup", till, "--to", place)
    refused(said, 1, "config", "missing" if harm == "lost" else "damaged")
    assert program_here("snapshots", "--from", place).code == (10 if harm == "lost" else 1)
    assert files(tmp_path) == before


@pytest.mark.parametrize("harm", [b"", b"{", b"\xff" * 500])
def test_a_damaged_key_file(harm: bytes, program_here: Any, place: Path, tmp_path: Path) -> None:
    """The only key is broken: told as damage; a second, sound one still opens."""
    (tmp_path / "second").write_text("second")
    assert program_here("key", "add", "--from", place, "--new-password-file", tmp_path / "second").code == 0
    (first,) = [
        key["id"] for key in program_here("key", "list", "--from", place, "--json").records[0] if key["current"]
    ]
    file = place / "keys" / first
    file.chmod(0o600)
    file.write_bytes(harm)
    assert program_here("snapshots", "--from", place).code == 12
    assert program_here("snapshots", "--from", place, "--password-file", tmp_path / "second").code == 0


@posix
def test_an_unreadable_file_is_partial(as_anybody: Any, till: Path, tmp_path: Path) -> None:
    """Exit code 3, the file named with the reason, the rest saved; in JSON on the error output."""
    (till / "settings.ini").chmod(0)
    said = as_anybody("backup", till, "--to", tmp_path / "place")
    assert said.code == 3, said.err
    assert f"{till}/settings.ini: Permission denied" in said.err
    assert "is incomplete: 1 item could not be read" in said.out
    said = as_anybody("backup", till, "--to", tmp_path / "place", "--json")
    assert said.code == 3
    (error,) = [json.loads(line) for line in said.err.splitlines()]
    assert error["item"] == f"{till}/settings.ini"
    assert error["during"] == "archival"
    assert said.record("summary")["unreadable"] == 1
    (till / "settings.ini").chmod(0o600)


@posix
def test_an_unreadable_source_is_a_failure(as_anybody: Any, till: Path, tmp_path: Path) -> None:
    """Nothing of it can be read: exit code 1 and no snapshot."""
    till.chmod(0)
    said = as_anybody("backup", till, "--to", tmp_path / "place", "--quiet")
    till.chmod(0o700)
    refused(said, 1, f"Nothing of {till} can be read")
    assert list((tmp_path / "place" / "snapshots").glob("*")) == []


@posix
def test_no_permission_at_the_place(as_anybody: Any, till: Path, tmp_path: Path) -> None:
    """A place that may not be read, or not be written, is told; nothing is made."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    refused(as_anybody("backup", till, "--to", closed), 1, "no permission")
    refused(as_anybody("snapshots", "--from", closed), 1, "no permission")
    closed.chmod(0o500)
    refused(as_anybody("backup", till, "--to", closed / "new"), 1, "no permission")
    refused(as_anybody("backup", till, "--to", closed), 1, "no permission")
    assert list(closed.iterdir()) == []


@posix
def test_no_permission_to_restore_there(as_anybody: Any, till: Path, tmp_path: Path) -> None:
    """A folder that may not be written is refused before anything is read."""
    assert as_anybody("backup", till, "--to", tmp_path / "place").code == 0
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    said = as_anybody("restore", "latest", "--from", tmp_path / "place", "--into", closed)
    refused(said, 1, "You may not write", "Choose another folder")


@posix
def test_a_place_that_cannot_be_written_can_be_read(as_anybody: Any, till: Path, tmp_path: Path) -> None:
    """A write-protected medium is good enough for list, check and restore, without a lock."""
    place = tmp_path / "place"
    assert as_anybody("backup", till, "--to", place).code == 0
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        for words in (["snapshots"], ["ls", "latest"], ["check", "--read-data"], ["status"]):
            assert as_anybody(*words, "--from", place).code == 0
        assert as_anybody("restore", "latest", "--from", place, "--into", tmp_path / "out").code == 0
        refused(as_anybody("backup", till, "--to", place), 1)
        refused(as_anybody("forget", "--keep-last", "1", "--from", place), 1)
    finally:
        for folder in folders:
            folder.chmod(0o700)


def small_disk(folder: Path, size: str) -> bool:
    """Mount a disk of *size* at *folder*; say whether that is possible here."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a small disk."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk-{size}"
        if not small_disk(folder, size):
            pytest.skip("mounting a small disk needs root")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@posix
def test_a_full_place(program_here: Any, till: Path, tmp_path: Path, disk: Callable[[str], Path]) -> None:
    """The run fails with how much is missing, earlier backups stay whole, and with room it just works."""
    place = disk("6m") / "place"
    assert program_here("backup", till, "--to", place).code == 0
    (till / "more.bin").write_bytes(os.urandom(9_000_000))
    said = program_here("backup", till, "--to", place)
    refused(said, 1, "more room", "earlier ones are safe", "traybackup forget --prune")
    assert len(program_here("snapshots", "--from", place, "--json").records[0]) == 1
    assert program_here("check", "--read-data", "--from", place).code == 0
    (till / "more.bin").write_bytes(os.urandom(100_000))
    assert program_here("backup", till, "--to", place).code == 0
    assert program_here("restore", "latest", "--from", place, "--into", tmp_path / "out").code == 0


@posix
def test_a_full_disk_of_this_computer(
    program_here: Any, till: Path, tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    """No room for temporary files is told as this computer's fault, not the place's."""
    (till / "more.bin").write_bytes(os.urandom(9_000_000))
    small = disk("1m")
    said = program_here.given(TMPDIR=str(small))("backup", till, "--to", tmp_path / "place", "--quiet")
    refused(said, 1, str(small), "TMPDIR")
    assert list(small.iterdir()) == []
    assert program_here("backup", till, "--to", tmp_path / "place").code == 0


@posix
def test_no_room_to_restore(program_here: Any, place: Path, disk: Callable[[str], Path]) -> None:
    """The room is looked at before anything is written."""
    small = disk("1m")
    said = program_here("restore", "latest", "--from", place, "--into", small)
    refused(said, 1, "not enough room", "3.00 MB")
    assert list(small.iterdir()) == []


def test_a_place_inside_the_source(program_here: Any, till: Path, facts_of: Any, tmp_path: Path) -> None:
    """A place in the folder that is saved leaves itself out, and says so."""
    place = till / "place"
    before = facts_of(till)
    said = program_here("backup", till, "--to", place)
    assert said.code == 0, said.err
    assert "left out, because the backups themselves are kept there" in said.err
    assert program_here("backup", till, "--to", place).code == 0
    assert program_here("restore", f"latest:{till}", "--from", place, "--into", tmp_path / "out").code == 0
    assert facts_of(tmp_path / "out") == before


def test_a_source_inside_the_place(program_here: Any, place: Path) -> None:
    """The backups are never saved into themselves."""
    for path in (place, place / "data", place / "keys"):
        refused(program_here("backup", path, "--to", place), 1, "belongs to the backups", "another place")


def test_an_emptied_source(program_here: Any, till: Path, tmp_path: Path) -> None:
    """What was full last time and is empty now makes no snapshot until it is said to be meant."""
    place = tmp_path / "place"
    assert program_here("backup", till, "--to", place).code == 0
    for path in sorted(till.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    refused(program_here("backup", till, "--to", place), 1, "is empty now", "--force")
    assert program_here("backup", till, "--to", place, "--force").code == 0


def test_somebody_else_is_at_work(program_here: Any, till: Path, place: Path) -> None:
    """Exit code 11 while restic, or another traybackup, holds the place for itself; afterwards it just works."""
    code = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from traybackup.engine.identity import this_process
from traybackup.engine.locks import locked
from traybackup.engine.repository import Repository
from traybackup.stores.local import LocalStore
with LocalStore(Path(sys.argv[1])) as store:
    repo = Repository.open(store, sys.argv[2])
    with locked(repo, exclusive=True, identity=this_process(), now=lambda: datetime.now(UTC)):
        print("locked", flush=True)
        sys.stdin.read()
"""
    words = [sys.executable, "-c", code, str(place), program_here.environment["TRAYBACKUP_PASSWORD"]]
    before = files(till)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        said = program_here("backup", till, "--to", place)
        refused(said, 11, f"process {other.pid}", "traybackup unlock")
        assert program_here("snapshots", "--from", place).code == 0
        other.communicate("")
    assert files(till) == before
    assert program_here("backup", till, "--to", place).code == 0


def test_a_snapshot_that_needs_what_is_lost(program_here: Any, saved_once: Path, place: Path, tmp_path: Path) -> None:
    """With a pack gone, the rest comes back, the lost files are listed, check names them, and prune keeps away."""
    till = saved_once / "till"
    packs = sorted((path for path in place.glob("data/*/*")), key=lambda path: path.stat().st_size)
    packs[-1].unlink()
    said = program_here("restore", f"latest:{till}", "--from", place, "--into", tmp_path / "out")
    assert said.code == 3
    assert "damaged in the backups" in said.err
    assert (tmp_path / "out" / "link").is_symlink()
    checked = program_here("check", "--from", place)
    assert checked.code == 1
    assert "is missing." in checked.err
    assert "cannot be restored:" in checked.err
    assert program_here("prune", "--from", place).code == 1
