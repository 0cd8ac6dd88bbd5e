"""The story: a till is saved, read by restic, destroyed, and brought back; and the other way round."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from traybackup.app.recovery import normal_form

SELLER = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("PRAGMA journal_mode = WAL")
number = 0
while True:
    number += 1
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO a VALUES (?)", (number,))
    database.execute("INSERT INTO b VALUES (?)", (number,))
    database.execute("COMMIT")
    print(number, flush=True)
    time.sleep(0.002)
"""


def test_saved_destroyed_and_brought_back(
    program_here: Any, real_restic: Any, till: Path, tmp_path: Path, facts_of: Any
) -> None:
    """What comes back is equal in content, names, rights and times, by us and by restic."""
    place, before = tmp_path / "place", facts_of(till)
    done = program_here("backup", till, "--to", place, "--json")
    assert done.code == 0, done.err
    snapshot = done.record("summary")["snapshot_id"]
    checked = real_restic(place, "check", "--read-data")
    assert checked.code == 0, checked.err
    shutil.rmtree(till)
    assert program_here("restore", "latest", "--from", place, "--into", tmp_path / "ours").code == 0
    assert real_restic(place, "restore", snapshot, "--target", tmp_path / "theirs").code == 0
    for target in ("ours", "theirs"):
        assert facts_of(tmp_path / target / till.relative_to("/")) == before


def test_restic_and_we_list_the_same(program_here: Any, real_restic: Any, till: Path, tmp_path: Path) -> None:
    """Snapshots and nodes have the same fields with the same values in our JSON and in restic's."""
    place = tmp_path / "place"
    program_here("backup", till, "--to", place, "--tag", "a,b")
    (ours,) = program_here("snapshots", "--from", place, "--json").records
    theirs = json.loads(real_restic(place, "snapshots", "--json").out)
    for mine, other in zip(ours, theirs, strict=True):
        assert {name: mine[name] for name in other if name != "time"} == {
            name: value for name, value in other.items() if name != "time"
        }
    mine = {node["path"]: node for node in program_here("ls", "latest", "--from", place, "--json").records[1:]}
    other = {node["path"]: node for node in real_restic(place, "ls", "latest", "--json").records[1:]}
    assert mine.keys() == other.keys()
    for path, node in other.items():
        assert {name: mine[path][name] for name in node} == node


def test_what_restic_made_is_ours_to_use(
    program_here: Any, real_restic: Any, till: Path, tmp_path: Path, facts_of: Any
) -> None:
    """A repository made by restic is added to, checked, thinned out and restored by us, and still restic's."""
    place, before = tmp_path / "place", facts_of(till)
    assert real_restic(place, "init").code == 0
    assert real_restic(place, "backup", till).code == 0
    done = program_here("backup", till, "--to", place, "--json")
    assert done.code == 0, done.err
    assert done.record("summary")["files_unmodified"] == done.record("summary")["total_files_processed"]
    (listed,) = program_here("snapshots", "--from", place, "--json").records
    assert len(listed) == 2
    assert program_here("check", "--from", place, "--read-data").code == 0
    assert program_here("restore", listed[0]["id"], "--from", place, "--into", tmp_path / "out").code == 0
    assert facts_of(tmp_path / "out" / till.relative_to("/")) == before
    assert program_here("forget", "--from", place, "--keep-last", "1", "--prune", "--max-unused", "0").code == 0
    checked = real_restic(place, "check", "--read-data")
    assert checked.code == 0, checked.err


def test_the_recovery_code_is_restics_password(program_here: Any, real_restic: Any, till: Path, tmp_path: Path) -> None:
    """What is printed opens the place with plain restic, exactly as it is printed."""
    place = tmp_path / "place"
    nobody = program_here.without("TRAYBACKUP_PASSWORD")
    code = nobody("backup", till, "--to", place, "--json").record("initialized")["recovery_code"]
    assert normal_form(code) == code
    assert real_restic(place, "snapshots", password=code).code == 0
    assert nobody.given(TRAYBACKUP_PASSWORD=code.lower().replace("-", ""))("snapshots", "--from", place).code == 0


def test_keys_work_across_programs(program_here: Any, real_restic: Any, till: Path, tmp_path: Path) -> None:
    """A key added by us opens for restic, one added by restic opens for us, a removed one for nobody."""
    place = tmp_path / "place"
    program_here("backup", till, "--to", place)
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    ours = program_here("key", "add", "--from", place, "--new-password-file", tmp_path / "one", "--json")
    assert real_restic(place, "key", "add", "--new-password-file", tmp_path / "two").code == 0
    assert real_restic(place, "snapshots", password="one").code == 0  # noqa: S106 - of this test
    assert program_here("snapshots", "--from", place, "--password-file", tmp_path / "two").code == 0
    assert program_here("key", "remove", ours.record("key_added")["id"], "--from", place).code == 0
    assert real_restic(place, "snapshots", password="one").code != 0  # noqa: S106 - of this test


def test_a_database_is_saved_at_one_moment_while_it_is_written(program_here: Any, till: Path, tmp_path: Path) -> None:
    """Two tables written in one transaction are equal in every restored copy, however busy the till was."""
    place, database = tmp_path / "place", till / "data" / "till.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript("CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER);")
    with subprocess.Popen([sys.executable, "-c", SELLER, str(database)], stdout=subprocess.PIPE, text=True) as seller:
        assert seller.stdout is not None
        seller.stdout.readline()
        try:
            for _ in range(4):
                assert program_here("backup", till, "--to", place).code == 0
        finally:
            seller.kill()
    (listed,) = program_here("snapshots", "--from", place, "--json").records
    counts = []
    for number, one in enumerate(listed):
        out = tmp_path / f"out-{number}"
        assert program_here("restore", f"{one['id']}:{till}/data", "--from", place, "--into", out).code == 0
        with closing(sqlite3.connect(out / "till.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = [connection.execute(f"SELECT count(*), max(n) FROM {table}").fetchone() for table in "ab"]  # noqa: S608 - our own names
        assert rows[0] == rows[1]
        counts.append(rows[0][0])
    assert counts == sorted(counts)
    assert counts[0] > 0


def test_the_demo_runs_as_shown_and_restic_agrees(program_here: Any, real_restic: Any, tmp_path: Path) -> None:
    """The demonstration's own folder is a place that restic opens with the code that lies beside it."""
    done = program_here("demo", "--in", tmp_path, "--json")
    assert done.code == 0, done.err
    summary = done.record("summary")
    assert summary["equal"] is True
    code = Path(summary["password_file"]).read_text().strip()
    assert real_restic(Path(summary["place"]), "check", "--read-data", password=code).code == 0
    assert not (tmp_path / "home" / "traybackup" / "state").exists()


@pytest.mark.parametrize("by_file", [True, False])
def test_a_password_shows_nowhere(by_file: bool, program_here: Any, till: Path, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    """Neither output, nor a log, nor a file of the place or of ours holds the password in clear."""
    canary = "canary-4711-password"
    place = tmp_path / "place"
    secret = tmp_path / "secret"
    program, more = program_here.given(TRAYBACKUP_DEBUG="1"), []
    if by_file:
        secret.write_text(canary)
        program, more = program.without("TRAYBACKUP_PASSWORD"), ["--password-file", secret]
    else:
        program = program.given(TRAYBACKUP_PASSWORD=canary)
    said = [
        program("backup", till, "--to", place, "-vv", *more),
        program("key", "list", "--from", place, "--json", *more),
        program("restore", "latest", "--from", place, "--into", till / "settings.ini", *more),
    ]
    assert [one.code for one in said] == [0, 0, 1]
    assert not any(canary in one.out + one.err for one in said)
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != secret:
            assert canary.encode() not in path.read_bytes(), path


def test_our_own_files_are_private(program_here: Any, till: Path, tmp_path: Path) -> None:
    """Whatever the umask, nobody else can read what we keep or what we store."""
    place = tmp_path / "place"
    before = os.umask(0)
    try:
        assert program_here("backup", till, "--to", place).code == 0
    finally:
        os.umask(before)
    for folder in (place, tmp_path / "home" / "traybackup"):
        for path in [folder, *folder.rglob("*")]:
            assert path.lstat().st_mode & 0o077 == 0, path
