"""The history: it tells the truth, may be deleted, stays small, and stands in nobody's way."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from traybackup.api.errors import Retry
from traybackup.app import history as histories
from traybackup.app.filelock import FileLock
from traybackup.app.history import History
from traybackup.app.paths import Paths
from traybackup.app.runs import Figures, Outcome, Problem, Run, Trigger, Verdict, Verified

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)
DONE = Verdict(Outcome.SUCCESS, None, Figures(3, 1000, 10, 0, 1.5), {"notes": ["a"]})


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "config", tmp_path / "state", tmp_path / "cache")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(paths: Paths, clock: Clock) -> Iterator[History]:
    found = History(paths, clock)
    yield found
    found.close()


def begin(history: History, job: str = "stick") -> Run:
    return history.begin(job, "red", Trigger.TIME, "2026-03-02T19:00", "plug-1")


def test_a_run_is_told_as_it_was(history: History, paths: Paths, clock: Clock) -> None:
    """What was begun and how it ended is found again by the next process, with its details."""
    run = begin(history)
    assert history.under_way() == (run,)
    clock.now += timedelta(minutes=2)
    history.saved(run, Verified("ab" * 32, NOW))
    done = history.finish(run, DONE)
    assert (done.outcome, done.ended, done.snapshot) == (Outcome.SUCCESS, NOW + timedelta(minutes=2), "ab" * 32)
    assert done.figures == DONE.figures
    history.close()
    again = History(paths, clock)
    assert again.runs() == (done,)
    assert again.details(done.id) == {"notes": ["a"]}
    assert again.verified() == {("stick", "red"): Verified("ab" * 32, NOW)}
    assert again.get(99) is None
    assert not again.under_way()
    again.close()


def test_problems_keep_their_parameters(history: History) -> None:
    """Texts are made when somebody reads, in his language: code and parameters are kept."""
    problem = Problem("store-full", {"place": "RED", "needed": 5}, Retry.AFTER_OWNER_ACTS)
    assert history.finish(begin(history), Verdict(Outcome.FAILED, problem)).problem == problem


def test_runs_come_in_pages(history: History) -> None:
    """The newest first, of one job or of all, page by page."""
    for number in range(7):
        history.finish(begin(history, "ab"[number % 2]), DONE)
    first = history.runs(3)
    assert [run.id for run in first] == [7, 6, 5]
    assert [run.id for run in history.runs(3, before=first[-1].id)] == [4, 3, 2]
    assert [run.id for run in history.runs(job="a")] == [7, 5, 3, 1]


def test_a_skipped_run_is_noted_once(history: History) -> None:
    """However often it is noticed that a run did not take place, there is one line for it."""
    off = Problem("run-skipped", {"job": "stick", "why": "off", "missed": 3})
    assert history.skip("stick", "red", Trigger.TIME, "2026-03-01T19:00", off)
    assert not history.skip("stick", "red", Trigger.TIME, "2026-03-01T19:00", off)
    (found,) = history.runs()
    assert (found.outcome, found.problem, found.ended) == (Outcome.SKIPPED, off, NOW)


CHILD = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from traybackup.app.history import History
from traybackup.app.paths import Paths
from traybackup.app.runs import Trigger, Verified
home = Path(sys.argv[1])
history = History(Paths(home / "config", home / "state", home / "cache"), lambda: datetime.now(UTC))
run = history.begin("stick", "red", Trigger.NOW)
if "saved" in sys.argv:
    history.saved(run, Verified("ab", datetime.now(UTC), "partial" not in sys.argv))
print("begun", flush=True)
sys.stdin.read()
os._exit(0)
"""


def started(home: Path, *words: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(home), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    return child


@pytest.mark.parametrize(
    ("words", "outcome"),
    [((), Outcome.INTERRUPTED), (("saved",), Outcome.SUCCESS), (("saved", "partial"), Outcome.PARTIAL)],
)
def test_a_run_whose_process_was_killed_is_called_so(tmp_path: Path, words: tuple[str, ...], outcome: Outcome) -> None:
    """While it lives nobody touches its line; after kill -9 the next one tells the truth, also of a safe snapshot."""
    paths = Paths(tmp_path / "config", tmp_path / "state", tmp_path / "cache")
    child = started(tmp_path, *words)
    history = History(paths, lambda: datetime.now(UTC))
    assert history.settle() == ()
    assert history.runs()[0].outcome is None
    child.kill()
    child.communicate()
    (found,) = history.settle()
    assert found.outcome is outcome
    assert found.problem is not None
    assert found.problem.code == "run-interrupted"
    assert history.settle() == ()
    assert not list((paths.state / "runs").iterdir())
    history.close()


def test_ones_own_runs_are_not_settled(history: History) -> None:
    """Whoever runs something does not call it interrupted meanwhile."""
    begin(history)
    assert history.settle() == ()


def test_it_may_be_deleted(paths: Paths, history: History, clock: Clock) -> None:
    """Without the file, or with junk in its place, there is an empty history, and the junk is put aside."""
    history.finish(begin(history), DONE)
    history.close()
    for file in paths.state.glob("state.sqlite*"):
        file.unlink()
    again = History(paths, clock)
    assert again.runs() == ()
    again.close()
    for junk in (b"no database at all" * 100, b"SQLite format 3\0" + os.urandom(5000)):
        (paths.state / "state.sqlite").write_bytes(junk)
        again = History(paths, clock)
        assert (again.runs(), again.trouble) == ((), None)
        again.finish(begin(again), DONE)
        again.close()
        assert (paths.state / "state.broken.sqlite").read_bytes() == junk


def test_it_may_be_deleted_while_it_is_open(paths: Paths, history: History, clock: Clock) -> None:
    """What comes after that is found by the next process, the end of a run that had begun before included."""
    history.finish(begin(history), DONE)
    second = begin(history)
    (paths.state / "state.sqlite").unlink()
    assert history.runs() == ()
    done = history.finish(second, DONE)
    again = History(paths, clock)
    assert again.runs() == (done,)
    again.close()
    assert history.trouble is None


def test_what_a_newer_program_wrote_is_left_alone(paths: Paths, history: History, clock: Clock) -> None:
    """Its file is not written to; the history is kept in memory, and says so."""
    history.close()
    with sqlite3.connect(paths.state / "state.sqlite") as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    before = (paths.state / "state.sqlite").read_bytes()
    again = History(paths, clock)
    assert again.trouble is not None
    assert "version 2" in again.trouble.reason
    again.finish(begin(again), DONE)
    assert len(again.runs()) == 1
    again.close()
    assert (paths.state / "state.sqlite").read_bytes() == before


def test_a_folder_that_cannot_be_written_does_not_stop_backups(tmp_path: Path, clock: Clock) -> None:
    """Then it is all in memory, and the trouble is told."""
    (tmp_path / "file").write_text("x")
    found = History(Paths(tmp_path, tmp_path / "file" / "state", tmp_path), clock)
    found.finish(begin(found), DONE)
    assert len(found.runs()) == 1
    assert found.trouble is not None
    found.close()


def test_a_disk_that_gets_full_does_not_stop_backups(history: History) -> None:
    """What was known goes on in memory when the file can no longer grow."""
    first = history.finish(begin(history), DONE)
    history._file._db.execute("PRAGMA max_page_count = 1")
    big = Verdict(Outcome.FAILED, None, Figures(), {"notes": ["x" * 20000]})
    second = history.finish(begin(history), big)
    assert [run.id for run in history.runs()] == [second.id, first.id]
    assert history.trouble is not None
    assert "full" in history.trouble.reason


def test_its_size_is_bounded(history: History, paths: Paths) -> None:
    """After any number of runs the newest ten thousand stay, and of each job the last line of a backup."""
    values = [("stick", f"2026-{n:06}", "x" * 40) for n in range(histories.MOST_RUNS + 2500)]
    insert = (
        "INSERT INTO runs (job, destination, trigger, slot, plug, started, outcome, snapshot) "
        "VALUES (?, 'red', 'time', ?, ?, 0, 'failed', '')"
    )
    other = history.finish(begin(history, "old"), DONE)
    history.saved(other, Verified("ab", NOW))
    for _ in range(2):
        history._file.write(lambda db: db.executemany(insert, values))
        big = Verdict(Outcome.PARTIAL, None, Figures(), {"unreadable": ["y" * 100] * 5000})
        last = history.finish(begin(history), big)
    assert len(history.runs(100_000)) <= histories.MOST_RUNS + 1
    assert history.get(other.id) is not None
    assert len(history.details(last.id)["unreadable"]) > 100  # type: ignore[arg-type]  # a list
    assert history.details(last.id)["cut"] is True
    history.close()
    assert sum(file.stat().st_size for file in paths.state.glob("state.sqlite*")) < 5_000_000


def test_runs_from_a_wrong_clock_decide_nothing(history: History, clock: Clock) -> None:
    """What was run while the clock was ahead does not count, not even when that time really comes."""
    real = history.finish(begin(history), DONE)
    clock.now += timedelta(days=400)
    history.saved(history.finish(begin(history), DONE), Verified("ab", clock.now))
    clock.now = NOW + timedelta(hours=1)
    assert history.past("stick", "red").runs == (real,)
    assert history.past("stick", "red").verified is None
    assert history.disown_future() == 1
    assert history.disown_future() == 0
    clock.now += timedelta(days=500)
    assert history.past("stick", "red").runs == (real,)
    assert len(history.runs()) == 2


def test_facts_are_remembered_and_forgotten(history: History) -> None:
    """Small things, such as a pause, survive a restart; None forgets them."""
    history.remember("pause", ["2026-01-01", 3])
    assert history.recall("pause") == ["2026-01-01", 3]
    history.remember("pause", None)
    assert history.recall("pause") is None
    history.note_verified("stick", "red", Verified("ab", NOW, complete=False))
    assert not history.verified()["stick", "red"].complete
    history.note_verified("stick", "red", None)
    assert not history.verified()


def test_threads_and_processes_write_at_once(paths: Paths, clock: Clock) -> None:
    """Nobody gets in anybody's way, and no line is lost."""
    both = [History(paths, clock) for _ in range(2)]

    def work(one: History) -> None:
        for _ in range(20):
            one.finish(begin(one), DONE)

    threads = [threading.Thread(target=work, args=(one,)) for one in both for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(both[0].runs(1000)) == 80
    assert both[0].trouble is both[1].trouble is None
    for one in both:
        one.close()


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_it_is_private(history: History, paths: Paths) -> None:
    """Nobody else reads what was saved and when."""
    begin(history)
    assert stat.S_IMODE((paths.state / "state.sqlite").stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.state.stat().st_mode) == 0o700


def test_a_lock_is_had_by_one(tmp_path: Path) -> None:
    """Taking it twice fails, looking at it leaves no trace, and it can be had again afterwards."""
    file = tmp_path / "locks" / "x.lock"
    one, two = FileLock(file), FileLock(file)
    assert not two.held_elsewhere()
    assert not file.exists()
    assert one.acquire()
    assert not two.acquire()
    assert two.held_elsewhere()
    one.release()
    one.release()
    assert not two.held_elsewhere()
    assert two.acquire()
    two.release(remove=True)
    assert not file.exists()
