"""Jobs with the installed program: real processes, killed at several moments, and the history tells the truth."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

LARGE = 90_000_000
PATIENCE = 20.0


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that takes a second or two to save."""
    folder = tmp_path_factory.mktemp("large")
    for number in range(3):
        (folder / f"{number}.bin").write_bytes(os.urandom(LARGE // 3))
    return folder


@pytest.fixture
def shop(program_here: Any, tmp_path: Path, large: Path) -> Any:
    """Return the program with a job that saves the large folder."""
    (tmp_path / "red").mkdir()
    assert program_here("destinations", "add", "red", tmp_path / "red").code == 0
    assert program_here("jobs", "add", "stick", large, "--to", "red", "--at", "19:00").code == 0
    return program_here


@contextmanager
def running(shop: Any, *words: object) -> Iterator[tuple[subprocess.Popen[str], Iterator[dict[str, Any]]]]:
    """Start a run and yield its process with the events as they come."""
    process = shop.start("run", "stick", "--json", *words)
    try:
        yield process, (json.loads(line) for line in process.stdout)
    finally:
        process.kill()
        process.communicate()


def until(events: Iterator[dict[str, Any]], kind: str, **more: object) -> dict[str, Any]:
    """Read events up to the first of that kind, and return it."""
    return next(
        one
        for one in events
        if one["message_type"] == kind and all(one.get(key) == value for key, value in more.items())
    )


def history(shop: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop("history", "--json").records[0]
    return found


def gone(pid: int, seconds: float = PATIENCE) -> bool:
    """Wait until a process is gone; say whether it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_job_from_its_beginning_to_green(shop: Any, real_restic: Any, tmp_path: Path) -> None:
    """Nothing is green before the first run; after it, everything is, and the place is a plain repository."""
    before = shop("status", "--json")
    assert (before.code, before.records[0]["state"]) == (1, "attention")
    done = shop("run", "stick")
    assert done.code == 0
    assert "3 files" in done.out
    after = shop("status", "--json")
    assert (after.code, after.records[0]["state"]) == (0, "ok")
    (run,) = history(shop)
    assert (run["outcome"], run["trigger"], run["files"], run["code"]) == ("success", "now", 3, None)
    (snapshot,) = json.loads(real_restic(tmp_path / "red", "snapshots", "--json").out)
    assert snapshot["id"] == run["snapshot_id"]


def test_deleted_notes_are_made_anew_from_the_place(shop: Any, tmp_path: Path) -> None:
    """Without its state file the program loses lines of history, and not the knowledge of what is saved."""
    assert shop("run", "stick").code == 0
    verified = shop("status", "--json").records[0]["verified"]
    shutil.rmtree(tmp_path / "home" / "traybackup" / "state")
    again = shop("status", "--json")
    assert (again.code, again.records[0]["state"], again.records[0]["verified"]) == (0, "ok", verified)
    assert history(shop) == []


@pytest.mark.parametrize(
    ("kind", "more"), [("run_started", {}), ("phase", {"phase": "save"}), ("status", {}), ("summary", {})]
)
def test_a_killed_run_is_called_interrupted(shop: Any, kind: str, more: dict[str, str]) -> None:
    """Kill -9 at several moments: the history says so at once, a snapshot that was safe counts, the next run works."""
    with running(shop) as (process, events):
        first = until(events, "run_started")
        last = first if kind == "run_started" else until(events, kind, **more)
        os.kill(first["pid"], signal.SIGKILL)
        rest = [last, *events]
        process.wait(PATIENCE)
    safe = any(one["message_type"] == "summary" for one in rest)
    outcome = "success" if safe else "interrupted"
    assert safe or kind != "summary"
    assert (rest[-1]["outcome"], rest[-1]["code"]) == (outcome, "run-interrupted")
    assert history(shop)[0]["outcome"] == outcome
    assert shop("run", "stick").code == 0


def test_the_run_ends_when_its_parent_is_killed(shop: Any) -> None:
    """As when the tray is killed, or the session ends: nothing goes on unseen, and the next start tells the truth."""
    with running(shop) as (process, events):
        pid = until(events, "run_started")["pid"]
        until(events, "phase", phase="save")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        assert gone(pid)
    (run,) = history(shop)
    assert (run["outcome"], run["code"]) == ("interrupted", "run-interrupted")
    assert shop("run", "stick").code == 0


def test_everything_killed_at_once_is_told_at_the_next_start(shop: Any) -> None:
    """As after a power cut: nobody was left to write anything down."""
    with running(shop) as (process, events):
        pid = until(events, "run_started")["pid"]
        until(events, "phase", phase="save")
        for one in (process.pid, pid):
            os.kill(one, signal.SIGKILL)
        process.wait(PATIENCE)
    assert history(shop)[0]["outcome"] == "interrupted"
    assert shop("run", "stick").code == 0


def test_ctrl_c_stops_within_two_seconds(shop: Any) -> None:
    """The run ends in good order, is called stopped, and leaves no process."""
    with running(shop) as (process, events):
        pid = until(events, "run_started")["pid"]
        until(events, "phase", phase="save")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert time.monotonic() - began < 6  # two, on a machine that has nothing else to do
        assert gone(pid)
    assert history(shop)[0]["outcome"] == "cancelled"


def test_two_runs_to_one_destination_do_not_meet(shop: Any) -> None:
    """The second does not begin, says why, and is noted as left out."""
    with running(shop) as (_, events):
        pid = until(events, "run_started")["pid"]
        until(events, "phase", phase="save")
        os.kill(pid, signal.SIGSTOP)  # however fast this computer is
        second = shop("run", "stick")
        os.kill(pid, signal.SIGCONT)
        assert second.code == 11
        assert "red" in second.err
        assert until(events, "run")["outcome"] == "success"
    assert {run["outcome"] for run in history(shop)} == {"success", "skipped"}


def test_a_drive_that_is_away_is_no_failure(shop: Any, tmp_path: Path) -> None:
    """The run is left out with its reason, and the exit code says that nothing is there."""
    shutil.rmtree(tmp_path / "red")
    assert shop("jobs", "change", "stick", "--to", "red", "--disable").code == 0
    (tmp_path / "home" / "traybackup" / "config" / "config.toml").write_text(
        (tmp_path / "home" / "traybackup" / "config" / "config.toml").read_text().replace("/red", "/away/red")
    )
    done = shop("run", "stick")
    assert done.code == 10
    (run,) = history(shop)
    assert (run["outcome"], run["code"]) == ("skipped", "place-missing")


@pytest.mark.skipif(sys.platform != "linux", reason="niceness is read as Linux has it")
def test_a_run_comes_after_everybody_else(shop: Any) -> None:
    """Its priority is low, for the processor and for the disk."""
    with running(shop) as (_, events):
        pid = until(events, "run_started")["pid"]
        until(events, "phase", phase="save")
        process = psutil.Process(pid)
        assert process.nice() >= 10
        assert process.ionice().value == 7


def test_old_backups_go_as_the_job_says(shop: Any, real_restic: Any, tmp_path: Path) -> None:
    """With one day to keep, the second run of a day removes the first; a week later the room is freed, too."""
    assert shop("jobs", "change", "stick", "--keep", "daily=1", "--check", "100").code == 0
    first = shop("run", "stick", "--json")
    assert first.record("checked")["sound"] is True
    second = shop("run", "stick", "--json")
    assert second.code == 0
    assert len(json.loads(real_restic(tmp_path / "red", "snapshots", "--json").out)) <= 2
    assert first.record("tidied")["pruned"] is True
    assert second.record("tidied")["pruned"] is False
    details = shop("history", "2", "--json").records[0]["details"]
    assert details["tidied"] == {"removed": second.record("tidied")["removed"], "pruned": False, "freed": 0}


def test_what_cannot_be_read_is_partial(program_here: Any, as_anybody: Any, till: Path, tmp_path: Path) -> None:
    """Exit code 3, named in the history, and never green."""
    (tmp_path / "red").mkdir()
    (till / "settings.ini").chmod(0)
    program_here("destinations", "add", "red", tmp_path / "red")
    program_here("jobs", "add", "stick", till, "--to", "red")
    assert as_anybody("run", "stick").code == 3
    found = program_here("history", "1")
    assert "settings.ini" in found.out
    status = program_here("status", "--json")
    assert (status.code, status.records[0]["destinations"][0]["reasons"][0]["reason"]) == (1, "partial")
