"""``jobs``, ``run``, ``history`` and ``status`` as somebody types them, or a program reads them."""

from pathlib import Path
from typing import Any

import pytest

from traybackup.app.jobs import Job, Schedule
from traybackup.app.runs import Outcome, Problem, Run, Trigger
from traybackup.app.runtexts import RunTexts
from traybackup.app.status import Notice, Reason, State
from traybackup.app.wording.states import LATE, OUTCOMES, STATES, TRIGGERS, WHY_NOT

pytestmark = pytest.mark.usefixtures("red")


@pytest.fixture
def red(shell: Any, tmp_path: Path) -> Path:
    """Return the folder of a destination called red."""
    (tmp_path / "red").mkdir()
    assert shell("destinations", "add", "red", tmp_path / "red").code == 0
    return tmp_path / "red"


def add(shell: Any, *more: object) -> Any:
    return shell("jobs", "add", "stick", shell.source, "--to", "red", *more)


def test_a_job_is_added_listed_changed_and_removed(shell: Any) -> None:
    """Every wish is heard, and what is not named stays as it was."""
    wishes = (
        "--at 19:00 --at 7 --on monday --at-start --plugged-in always --after-program pos.exe -e *.tmp"
        " --exclude-larger-than 2GB --exclude-caches -x --keep daily=3 --keep last=1 --check 5 --check-every 3"
        " --stale-after 4"
    )
    added = add(shell, "--json", *wishes.split())
    expected = {
        "sources": [str(shell.source)],
        "destination": "red",
        "schedule": {
            "at": ["07:00", "19:00"],
            "days": ["monday"],
            "at_start": True,
            "plugged_in": "always",
            "after_program": ["pos.exe"],
        },
        "exclude": ["*.tmp"],
        "exclude_larger_than": 2_000_000_000,
        "exclude_caches": True,
        "one_file_system": True,
        "keep": {"last": 1, "daily": 3},
        "check": {"percent": 5, "days": 3},
        "stale_after": 4,
        "limit_days": 4,
    }
    found = added.record("job_added")
    assert {key: found[key] for key in expected} == expected
    changed = shell(
        "jobs", "change", "stick", "--json", "--at", "20:15", "--not-at-start", "--keep", "all", "--disable"
    )
    found = changed.record("job_changed")
    assert found["schedule"] == {"at": ["20:15"], "plugged_in": "always", "after_program": ["pos.exe"]}
    assert (found["keep"], found["enabled"], found["exclude"]) == ({}, False, ["*.tmp"])
    listed = shell("jobs", "list")
    assert "stick" in listed.out
    assert "switched off" in listed.out
    assert "keep" not in shell("jobs", "change", "stick", "--json", "--keep", "standard").record("job_changed")
    shell("jobs", "change", "stick", "--enable")
    (one,) = shell("jobs", "list", "--json").records[0]
    assert len(one["upcoming"]) == 5
    assert shell("jobs", "remove", "stick").code == 0
    assert "no jobs yet" in shell("jobs", "list").out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("add stick /x --to blue", 1, "blue"),
        ("add stick /x --to red --at 25:00", 2, "25:00"),
        ("add stick /x --to red --on funday", 2, "funday"),
        ("add stick /x --to red --keep often=3", 2, "often=3"),
        ("add stick /x --to red --check 101", 2, "101"),
        ("add stick --to red", 2, "PATH"),
        ("add my.stick! /x --to red", 1, "my.stick!"),
        ("change nope --at 19:00", 1, "nope"),
        ("remove nope", 1, "nope"),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(shell: Any, words: str, code: int, said: str) -> None:
    """One clear line, the documented exit code, and no job."""
    found = shell("jobs", *words.split())
    assert (found.code, said in found.err) == (code, True)
    assert shell("jobs", "list", "--json").records == [[]]


def test_a_destination_in_use_stays(shell: Any) -> None:
    """Whoever removes it is told which job saves to it."""
    add(shell)
    found = shell("destinations", "remove", "red")
    assert (found.code, "stick" in found.err) == (1, True)
    (told,) = shell("destinations", "remove", "red", "--json").errors
    assert told["error"] == "destination-in-use"


def test_a_slip_is_told_with_its_line(shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever edits by hand finds it at once."""
    monkeypatch.setenv("TRAYBACKUP_HOME", str(tmp_path / "other"))
    file = tmp_path / "other" / "config" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('version = 1\n\n[jobs.stick.schedule]\nhour = 19\n[jobs.stick]\nsources = "x"\n')
    found = shell("jobs", "list")
    assert found.code == 1
    assert "line 6" in found.err
    assert "jobs.stick.sources.1" in found.err


def test_events_are_told_in_this_process(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream begins with its version and ends with how it went."""
    monkeypatch.setattr("traybackup.app.priority.lower", lambda: None)
    add(shell)
    found = shell("run", "stick", "--events", "--prune", "--make-room", "--check", "100")
    assert found.code == 0
    kinds = [one["message_type"] for one in found.records if one["message_type"] not in ("phase", "status")]
    assert kinds == ["run_started", "initialized", "summary", "tidied", "checked", "run_ended"]
    assert found.records[0]["version"] == 1
    assert (found.records[-1]["outcome"], found.records[-1]["code"]) == ("success", None)
    again = shell("run", "stick", "--events", "--make-room")
    assert [one["message_type"] for one in again.records].count("tidied") == 2


def test_events_tell_failures_too(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing source, a job that nobody knows, and what should never happen."""
    monkeypatch.setattr("traybackup.app.priority.lower", lambda: None)
    shell("jobs", "add", "gone", shell.source / "nothing", "--to", "red")
    failed = shell("run", "gone", "--events")
    assert (failed.code, failed.records[-1]["outcome"], failed.records[-1]["code"]) == (1, "failed", "source-missing")
    unknown = shell("run", "nope", "--events")
    assert (unknown.code, unknown.records[-1]["code"]) == (1, "job-unknown")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("traybackup.app.backup.back_up", broken)
    odd = shell("run", "gone", "--events")
    assert (odd.code, odd.records[-1]["outcome"], odd.records[-1]["code"]) == (1, "failed", "unexpected")


def test_without_jobs_there_is_nothing_to_tell(shell: Any) -> None:
    """Nothing is set up, nothing has run, and a number that no run has is wrong usage."""
    status = shell("status")
    assert (status.code, "Nothing is set up yet." in status.out) == (0, True)
    assert shell("status", "--json").records[0]["state"] == "setup"
    assert "Nothing has been run yet." in shell("history").out
    assert shell("history", "--json").records == [[]]
    assert shell("history", "5").code == 2
    assert shell("run", "nope").code == 1


def test_a_run_is_told_to_people(shell: Any) -> None:
    """How much was saved, where it stands in the history, and that all is well."""
    add(shell)
    done = shell("run", "stick")
    assert (done.code, "2 files" in done.out) == (0, True)
    assert "complete" in shell("history").out
    assert "by hand" in shell("history", "1").out
    status = shell("status")
    assert (status.code, "Protected." in status.out, "red" in status.out) == (0, True, True)
    assert shell("status", "--look").code == 0
    assert shell("status", "--from", "red").code == 0


def test_every_word_has_its_phrase() -> None:
    """States, reasons, outcomes and triggers can all be told, and a schedule reads as one would say it."""
    texts = RunTexts()
    assert {state.value for state in State} == set(STATES)
    assert {one.value for one in Outcome} | {"running"} == set(OUTCOMES)
    assert {one.value for one in Trigger} == set(TRIGGERS)
    assert {one.value for one in Notice} <= set(WHY_NOT)
    assert [texts.reason(Reason(word, {"count": count})) for word in LATE for count in (1, 2)] == [
        "no backup for 1 day",
        "no backup for 2 days",
    ] * 2
    assert texts.schedule(Job("a", ("/x",), "red", Schedule())) == "by hand"
    problem = Problem("run-skipped", {"job": "stick", "why": "off", "missed": 1})
    assert "off" in texts.problem(problem)
    from datetime import UTC, datetime  # noqa: PLC0415 - for this line

    now = Run(1, "a", "red", Trigger.NOW, "", "", datetime(2026, 1, 1, tzinfo=UTC))
    assert texts.outcome(now) == "running"
