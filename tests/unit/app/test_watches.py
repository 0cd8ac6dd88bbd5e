"""Small watchers: the clock, the till program, what to tidy, and the tether to the parent."""

import os
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from traybackup.api.errors import Retry
from traybackup.api.progress import Cancel
from traybackup.app import tether, tidying
from traybackup.app.clockwatch import ClockWatch, Jump
from traybackup.app.events import TellingProgress, parse
from traybackup.app.jobs import Checking, Job, Keep
from traybackup.app.programwatch import ProgramWatch, running_programs
from traybackup.app.runs import Outcome, Past, Problem, Run, Trigger

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)
JOB = Job("stick", ("/till",), "red", checking=Checking(2, 7))


class Clocks:
    """A wall clock and a steady one."""

    def __init__(self) -> None:
        self.wall, self.steady = NOW, 1000.0

    def both(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds


def test_sleep_and_settings_of_the_clock_are_noticed() -> None:
    """Time that passes is none; sleep makes it start anew; a small correction is nobody's business."""
    clocks = Clocks()
    watch = ClockWatch(lambda: clocks.wall, lambda: clocks.steady)
    clocks.both(30)
    assert (watch.look(), watch.up, watch.woken) == (None, 30, NOW)
    clocks.wall += timedelta(seconds=60)
    assert watch.look() is None
    clocks.wall += timedelta(hours=9)
    assert (watch.look(), watch.up, watch.woken) == (Jump.AHEAD, 0, clocks.wall)
    clocks.both(5)
    clocks.wall -= timedelta(days=3)
    assert (watch.look(), watch.up) == (Jump.BACK, 5)
    assert watch.woken == clocks.wall
    assert watch.look() is None


def test_a_program_that_closes_is_noticed() -> None:
    """Once it is gone for half a minute; a restart is none, and one that never ran has not closed."""
    runs: set[str] = {"pos.exe"}
    watch = ProgramWatch(lambda: frozenset(runs))

    def look(seconds: float) -> dict[str, datetime]:
        watch.look(("POS.exe", "other"), NOW + timedelta(seconds=seconds))
        return dict(watch.closed)

    assert look(0) == {}
    runs.clear()
    assert look(10) == {}
    runs.add("pos.exe")
    assert look(20) == {}
    runs.clear()
    assert look(40) == {}
    assert look(69) == {}
    assert look(70) == {"pos.exe": NOW + timedelta(seconds=40)}
    assert look(500) == {"pos.exe": NOW + timedelta(seconds=40)}
    runs.add("pos.exe")
    assert look(600) == {}
    runs.clear()
    assert look(610) == {}
    assert look(-5000) == {}
    assert look(700) == {}


def test_nobody_looks_at_programs_that_nobody_asked_for() -> None:
    """Without a wish the list of processes is not even read; with one, this very process is in it."""

    def fail() -> frozenset[str]:
        raise AssertionError

    ProgramWatch(fail).look((), NOW)
    assert any("python" in name or "pytest" in name for name in running_programs())


def past(code: str = "") -> Past:
    problem = Problem(code, {}, Retry.AFTER_OWNER_ACTS) if code else None
    return Past((Run(1, "stick", "red", Trigger.NOW, "", "", NOW, NOW, Outcome.FAILED, problem),))


@pytest.mark.parametrize(
    ("pruned", "checked", "expected"),
    [
        (None, None, tidying.Tidying(prune=True, check=2)),
        (0, 0, tidying.Tidying()),
        (6.5, 6.5, tidying.Tidying()),
        (6.8, 6.5, tidying.Tidying(prune=True)),
        (6.5, 6.8, tidying.Tidying(check=2)),
        (-1, -1, tidying.Tidying(prune=True, check=2)),
    ],
)
def test_tidying_is_done_once_a_week(pruned: float | None, checked: float | None, expected: tidying.Tidying) -> None:
    """Counted in days since it was done last; a date that lies ahead is no date."""
    before = [None if days is None else NOW - timedelta(days=days) for days in (pruned, checked)]
    assert tidying.decide(JOB, Past(), before[0], before[1], NOW) == expected


def test_room_is_made_first_where_it_was_missing() -> None:
    """After a full destination; never where the owner wants to keep everything, nor is anything checked at 0 %."""
    assert tidying.decide(JOB, past("store-full"), NOW, NOW, NOW) == tidying.Tidying(make_room=True)
    assert tidying.decide(JOB, past("offline"), NOW, NOW, NOW) == tidying.Tidying()
    everything = Job("stick", ("/till",), "red", keep=Keep(), checking=Checking(0, 7))
    assert tidying.decide(everything, past("store-full"), None, None, NOW) == tidying.Tidying()


@pytest.mark.parametrize(("words", "asked"), [([b"st", b"op\n"], True), ([b"hello\n"], False), ([], False)])
def test_the_tether_hears_and_notices(monkeypatch: pytest.MonkeyPatch, words: list[bytes], asked: bool) -> None:  # noqa: FBT001 - a case
    """The word stop is obeyed, the end of the parent is noticed, and a run that does not end then is ended."""
    monkeypatch.setattr(tether, "PATIENCE", 0.01)
    inner, outer = os.pipe()
    left: list[int] = []
    cancel = Cancel()
    thread = tether.hold(cancel, descriptor=inner, leave=left.append)
    assert thread is not None
    for word in words:
        os.write(outer, word)
    if asked:
        assert cancel.wait(10)
        assert not left
    else:
        assert not cancel.is_set()
    os.close(outer)
    thread.join(10)
    assert cancel.is_set()
    assert left == [130]
    os.close(inner)


def test_without_a_pipe_there_is_no_tether() -> None:
    """Who starts it by hand, with no input, does not stop it."""
    with open(os.devnull) as nothing:
        assert tether.hold(Cancel(), descriptor=nothing.fileno()) is None
    assert tether.hold(Cancel(), descriptor=999) is None


def test_status_is_told_only_when_something_moved() -> None:
    """Silence is how one sees that a run hangs."""
    told: list[dict[str, Any]] = []
    progress = TellingProgress(told.append)
    assert progress.status() is None or told == []
    progress.expect(4, 100)
    progress.item(b"/x", "new", 25)
    progress.advance(25)
    progress.stored(5)
    progress.sent(6)
    progress.trouble(b"/y", "EACCES")
    first = progress.status()
    assert first is not None
    assert (first["percent_done"], first["files_done"], first["total_files"], first["error_count"]) == (0, 1, 4, 1)
    assert progress.status() is None
    progress.phase("counted")
    progress.phase("save")
    progress.advance(25)
    second = progress.status()
    assert second is not None
    assert second["percent_done"] == 0.5
    assert "seconds_remaining" in second
    assert told == [{"message_type": "phase", "phase": "save"}]


def test_status_comes_while_the_block_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread tells it now and then, and ends with the block."""
    monkeypatch.setattr("traybackup.app.events.EVERY", 0.01)
    came = threading.Event()
    progress = TellingProgress(lambda _event: came.set())
    with progress.telling():
        progress.advance(1)
        assert came.wait(10)
    assert "status" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("line", [b"", b"x", b"[1]", b"{}", b'{"message_type": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_event_is_skipped(line: bytes) -> None:
    """A stray line in the stream does no harm."""
    assert parse(line) is None
    assert parse(b'{"message_type":"phase"}\n') == {"message_type": "phase"}
