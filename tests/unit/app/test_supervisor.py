"""The supervisor: whatever becomes of a run's process, the history tells the truth, and nothing is left behind."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from traybackup.api.errors import RunBusy
from traybackup.app import supervisor as supervisors
from traybackup.app.config import RunLimits
from traybackup.app.events import Event
from traybackup.app.history import History
from traybackup.app.jobs import Job
from traybackup.app.paths import Paths
from traybackup.app.runs import Outcome, Run, Trigger
from traybackup.app.supervisor import Supervisor, Watcher, usual_memory
from traybackup.app.tidying import Tidying

JOB = Job("stick", ("/till",), "red")
OTHER = Job("other", ("/till",), "blue")

BEGIN = """
import json, os, signal, subprocess, sys, time
def tell(kind, **more):
    print(json.dumps({"message_type": kind, **more}), flush=True)
def saved(outcome="success"):
    tell("summary", outcome=outcome, snapshot_id="ab" * 32, backup_start="2026-03-02T18:30:00.123456789Z")
def end(outcome="success", **more):
    tell("run_ended", outcome=outcome, exit_code=0, **more)
tell("run_started", version=1, pid=os.getpid())
"""


class Seen(Watcher):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.done: list[Run] = []
        self.moved = threading.Condition()

    def event(self, run: Run, event: Event) -> None:  # noqa: ARG002 - of one run
        with self.moved:
            self.events.append(event)
            self.moved.notify_all()

    def ended(self, run: Run) -> None:
        with self.moved:
            self.done.append(run)
            self.moved.notify_all()

    def wait_for(self, kind: str) -> Event:
        """Wait until such an event came, and return it."""
        with self.moved:
            assert self.moved.wait_for(lambda: any(one["message_type"] == kind for one in self.events), 20)
            return next(one for one in self.events if one["message_type"] == kind)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    found = History(Paths(tmp_path / "config", tmp_path / "state", tmp_path / "cache"), lambda: datetime.now(UTC))
    yield found
    found.close()


@pytest.fixture
def supervise(history: History, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Supervisor]]:
    monkeypatch.setattr(supervisors, "_TICK", 0.02)
    made: list[Supervisor] = []

    def make(script: str, **limits: float) -> Supervisor:
        command = (sys.executable, "-c", BEGIN + script)
        one = Supervisor(
            history,
            command=command,
            limits=lambda: RunLimits(**limits),  # type: ignore[arg-type]  # a test's shorthand
            watcher=seen,
            stop_within=0.5,
        )
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def ended(one: Supervisor, job: Job = JOB) -> Run:
    """Run a job to its end."""
    done = one.wait(one.start(job, Trigger.NOW).id, 20)
    assert done is not None
    return done


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_good_run_is_a_success(supervise: Callable[..., Supervisor], history: History, seen: Seen) -> None:
    """The snapshot is known at once, the end is in the history, and the watcher was told everything."""
    one = supervise("saved(); end(seconds=1.5)")
    done = ended(one)
    assert (done.outcome, done.problem, done.snapshot, done.figures.seconds) == (Outcome.SUCCESS, None, "ab" * 32, 1.5)
    assert history.verified()["stick", "red"].time == datetime(2026, 3, 2, 18, 30, 0, 123456, tzinfo=UTC)
    assert history.runs() == (done,)
    assert one.running() == ()
    assert [event["message_type"] for event in seen.events] == ["run_started", "summary", "run_ended"]
    with seen.moved:
        assert seen.moved.wait_for(lambda: seen.done == [done], 10)


def test_words_and_notes_of_tidying(supervise: Callable[..., Supervisor], history: History) -> None:
    """What is to be done besides is handed over as options; when it was done is remembered, and what a check found."""
    script = (
        "saved(); tell('argv', words=sys.argv); tell('tidied', pruned=True); tell('checked', sound=False);"
        "end(code='repository-damaged', retry='never')"
    )
    one = supervise(script)
    run = one.start(JOB, Trigger.NOW, tidying=Tidying(prune=True, make_room=True, check=2.5))
    done = one.wait(run.id, 20)
    assert done is not None
    assert done.ended is not None
    for name in ("pruned red", "checked red", "damaged red"):
        assert history.recall(name) == done.ended.isoformat()
    ended(supervise("saved(); tell('checked', sound=True); end()"))
    assert history.recall("damaged red") is None


@pytest.mark.parametrize(
    ("script", "outcome", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", Outcome.INTERRUPTED, "run-interrupted"),
        ("saved(); os.kill(os.getpid(), signal.SIGKILL)", Outcome.SUCCESS, "run-interrupted"),
        ("saved('partial'); os.kill(os.getpid(), signal.SIGSEGV)", Outcome.PARTIAL, "run-interrupted"),
        ("os._exit(0)", Outcome.INTERRUPTED, "run-interrupted"),
        ("raise SystemError", Outcome.INTERRUPTED, "run-interrupted"),
        ("end('failed', code='store-full', retry='after-owner-acts')", Outcome.FAILED, "store-full"),
        ("end('skipped', code='place-missing')", Outcome.SKIPPED, "place-missing"),
        ("print('junk' * 1000000); print('[1]'); saved(); end()", Outcome.SUCCESS, None),
        ("sys.stdout.buffer.write(b'\\xff\\x00' * 999); print(); saved(); end()", Outcome.SUCCESS, None),
    ],
)
def test_every_ending_is_told(
    supervise: Callable[..., Supervisor], script: str, outcome: Outcome, code: str | None
) -> None:
    """Killed, crashed, silently gone, failed, or chatty: the history says what it was."""
    done = ended(supervise(script))
    assert (done.outcome, done.problem.code if done.problem else None) == (outcome, code)


def test_a_program_that_cannot_be_started_is_a_failure(history: History) -> None:
    """And not nothing."""
    done = ended(Supervisor(history, command=("/no/such/program",)))
    assert done.outcome is Outcome.FAILED


def test_stop_is_asked_for_first(supervise: Callable[..., Supervisor], seen: Seen) -> None:
    """A run that listens ends in good order, and is called stopped."""
    one = supervise("tell('ready'); assert sys.stdin.readline() == 'stop\\n'; end('cancelled', code='cancelled')")
    run = one.start(JOB, Trigger.NOW)
    seen.wait_for("ready")
    assert one.stop("red")
    done = one.wait(run.id, 20)
    assert done is not None
    assert done.outcome is Outcome.CANCELLED
    assert not one.stop()


DEAF = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
tell("ready", child=child.pid)
time.sleep(600)
"""


def test_who_does_not_stop_is_ended_with_all_he_started(supervise: Callable[..., Supervisor], seen: Seen) -> None:
    """Deaf plugin or not: after the time of grace it is gone, and so are its children."""
    one = supervise(DEAF)
    run = one.start(JOB, Trigger.NOW)
    pids = [int(str(seen.wait_for("ready")["child"])), int(str(seen.events[0]["pid"]))]
    began = time.monotonic()
    one.stop()
    done = one.wait(run.id, 20)
    assert time.monotonic() - began < 5
    assert done is not None
    assert done.outcome is Outcome.CANCELLED
    assert not [pid for pid in pids if is_alive(pid)]


def test_a_hanging_run_is_ended(supervise: Callable[..., Supervisor], seen: Seen) -> None:
    """Without a sign of life for too long, it has failed, and is tried again."""
    one = supervise("tell('ready'); time.sleep(600)", hang_after=0.3)
    done = ended(one)
    assert done.outcome is Outcome.FAILED
    assert done.problem is not None
    assert done.problem.code == "run-hung"
    assert not is_alive(int(str(seen.events[0]["pid"])))


def test_a_run_that_says_how_long_it_waits_may(supervise: Callable[..., Supervisor]) -> None:
    """A service that asks to wait for an hour is no hanging plugin."""
    one = supervise("tell('waiting', seconds=5); time.sleep(0.8); saved(); end()", hang_after=0.3)
    assert ended(one).outcome is Outcome.SUCCESS


def test_a_run_that_takes_too_much_memory_is_ended(supervise: Callable[..., Supervisor]) -> None:
    """What it has started counts, too."""
    grow = "x = bytearray(150 << 20); import time; time.sleep(600)"
    one = supervise(f"tell('r'); subprocess.run([sys.executable, '-c', {grow!r}])", memory=100 << 20)
    done = ended(one)
    assert done.outcome is Outcome.FAILED
    assert done.problem is not None
    assert done.problem.code == "run-too-large"
    assert int(str(done.problem.params["size"])) > 100 << 20


def test_one_run_at_a_destination(supervise: Callable[..., Supervisor], seen: Seen) -> None:
    """A second one is refused, one to another destination is not."""
    one = supervise("tell('ready'); sys.stdin.readline(); end('cancelled', code='cancelled')")
    one.start(JOB, Trigger.NOW)
    seen.wait_for("ready")
    with pytest.raises(RunBusy):
        one.start(JOB, Trigger.NOW)
    one.start(OTHER, Trigger.NOW)
    assert {run.destination for run, _ in one.running()} == {"red", "blue"}


def test_closing_interrupts_what_runs(supervise: Callable[..., Supervisor], history: History, seen: Seen) -> None:
    """When the computer is switched off the run is not “stopped by somebody”: it will be made up for."""
    one = supervise("tell('ready'); sys.stdin.readline(); end('cancelled', code='cancelled')")
    one.start(JOB, Trigger.TIME, slot="2026-03-02T19:00")
    seen.wait_for("ready")
    one.close()
    (done,) = history.runs()
    assert done.outcome is Outcome.INTERRUPTED
    assert done.slot == "2026-03-02T19:00"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_killed_process_is_noticed_at_once(supervise: Callable[..., Supervisor], seen: Seen) -> None:
    """The number of the signal is in the history."""
    one = supervise("tell('ready'); time.sleep(600)")
    run = one.start(JOB, Trigger.NOW)
    seen.wait_for("ready")
    os.kill(int(str(seen.events[0]["pid"])), signal.SIGKILL)
    done = one.wait(run.id, 20)
    assert done is not None
    assert done.problem is not None
    assert done.problem.params["number"] == signal.SIGKILL


def test_memory_has_a_bound_that_nobody_must_choose() -> None:
    """Half of what there is, and neither a mockery nor more than any till needs."""
    assert 512 << 20 <= usual_memory() <= 2 << 30
