"""The resident and its scheduler: what is due starts, what cannot is held and noted, and the status says so."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from traybackup.api.errors import JobUnknown
from traybackup.app import config, joblist, scheduler
from traybackup.app.config import Loaded
from traybackup.app.due import Due, Hold, Moment
from traybackup.app.history import History
from traybackup.app.jobs import Job, Plugged, Schedule
from traybackup.app.presence import is_there, there
from traybackup.app.programwatch import ProgramWatch
from traybackup.app.resident import Resident, build
from traybackup.app.runs import Outcome, Run, Trigger, Verified
from traybackup.app.scheduler import LOOK_EVERY, Scheduler
from traybackup.app.status import Notice, State
from traybackup.app.supervisor import Watcher

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)  # half past seven at the shop
EVENING = Job("stick", ("/till",), "red", Schedule((time(19),)))
RUN = """
import json, sys, pathlib
def tell(kind, **more):
    print(json.dumps({"message_type": kind, **more}), flush=True)
here = pathlib.Path(sys.argv[0])
if not here.with_name("fail").exists():
    tell("summary", outcome="success", snapshot_id="ab", backup_start=here.with_name("now").read_text())
    tell("run_ended", outcome="success")
else:
    tell("run_ended", outcome="failed", code="offline", retry="later")
"""


@dataclass
class Shop(Watcher):
    """A resident, a scheduler, and clocks that a test sets."""

    folder: Path
    resident: Resident = field(init=False)
    scheduler: Scheduler = field(init=False)
    wall: datetime = NOW
    steady: float = 0.0
    here: dict[str, str] | None = None
    programs: set[str] = field(default_factory=set)
    told: list[tuple[Loaded, Moment, tuple[Due, ...]]] = field(default_factory=list)
    done: list[Run] = field(default_factory=list)
    moved: threading.Condition = field(default_factory=threading.Condition)

    def open(self) -> "Shop":
        script = self.folder / "run.py"
        script.write_text(RUN)
        self.resident = build(
            {"TRAYBACKUP_HOME": str(self.folder / "home")},
            clock=lambda: self.wall,
            watcher=self,
            command=(sys.executable, str(script)),
        )
        self.scheduler = Scheduler(
            self.resident,
            wall=lambda: self.wall,
            steady=lambda: self.steady,
            present=lambda known: there(known) if self.here is None else self.here,
            programs=ProgramWatch(lambda: frozenset(self.programs)),
            told=lambda loaded, moment, due: self.told.append((loaded, moment, due)),
        )
        return self

    def ended(self, run: Run) -> None:
        with self.moved:
            self.done.append(run)
            self.moved.notify_all()

    def passes(self, **span: float) -> None:
        self.wall += timedelta(**span)
        self.steady += timedelta(**span).total_seconds()

    def look(self, runs: int = 0) -> list[Hold | None]:
        """Look once, wait until so many runs have ended, and return what held what was due."""
        (self.folder / "now").write_text(self.wall.isoformat())
        before = len(self.done)
        found = self.scheduler.look()
        with self.moved:
            assert self.moved.wait_for(lambda: len(self.done) == before + runs, 20)
        assert not self.resident.running()
        return [one.hold for one in found]

    def history(self) -> list[tuple[Outcome | None, str, str]]:
        """Return outcome, slot, and why, newest first."""
        return [
            (run.outcome, run.slot, str(run.problem.params.get("why", run.problem.code)) if run.problem else "")
            for run in self.resident.history.runs()
        ]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path).open()
    (tmp_path / "red").mkdir()

    def add(document: dict[str, object]) -> None:
        settings = {"path": str(tmp_path / "red")}
        document["destinations"] = {"red": {"provider": "folder", "settings": settings}}

    config.change(made.resident.paths, add)
    yield made
    made.scheduler.close()
    made.resident.close()


def test_what_is_due_starts_once(shop: Shop) -> None:
    """After the start's quiet minutes, at its time, each day; and the status is green in between."""
    joblist.add(shop.resident.paths, EVENING)
    assert shop.look() == [Hold.SETTLING]
    assert shop.resident.status().state is State.ATTENTION
    shop.passes(minutes=3)
    assert shop.look(runs=1) == [None]
    assert shop.look() == []
    assert shop.resident.status().state is State.OK
    shop.passes(hours=23)
    assert shop.look() == []
    shop.passes(minutes=30)
    assert shop.look(runs=1) == [None]
    assert shop.history() == [
        (Outcome.SUCCESS, "2026-03-03T19:00", ""),
        (Outcome.SUCCESS, "2026-03-02T19:00", ""),
    ]


def test_what_was_slept_through_is_made_up_once_and_noted(shop: Shop) -> None:
    """After days of sleep, one run, and a line that says how many were left out and why."""
    joblist.add(shop.resident.paths, EVENING)
    shop.passes(minutes=5)
    shop.look(runs=1)
    shop.wall += timedelta(days=4)
    assert shop.look() == [Hold.SETTLING]
    assert shop.scheduler.moment().woken == shop.wall
    shop.passes(minutes=3)
    assert shop.look(runs=1) == [None]
    assert shop.look() == []
    assert shop.history()[:2] == [
        (Outcome.SUCCESS, "2026-03-06T19:00", ""),
        (Outcome.SKIPPED, "2026-03-05T19:00", "off"),
    ]
    left_out = shop.resident.history.runs()[1].problem
    assert left_out is not None
    assert left_out.params["missed"] == 3


def test_a_drive_that_is_away_is_waited_for_and_noted(shop: Shop) -> None:
    """No failure: the status waits, the line in the history has its reason, and plugging in starts the run."""
    joblist.add(shop.resident.paths, replace(EVENING, schedule=Schedule((time(19),), plugged=Plugged.DAILY)))
    shop.passes(minutes=5)
    shop.look(runs=1)
    shop.here = {}
    shop.passes(days=1)
    assert shop.look() == [Hold.NOT_THERE]
    assert shop.resident.status(moment=shop.scheduler.moment()).state is State.WAITING
    shop.passes(days=1)
    assert shop.look() == [Hold.NOT_THERE]
    shop.here = {"red": "plug 1"}
    assert shop.look(runs=1) == [None]
    assert shop.history()[:2] == [
        (Outcome.SUCCESS, "plugged 2026-03-04", ""),
        (Outcome.SKIPPED, "2026-03-03T19:00", "not-there"),
    ]
    assert shop.look() == []


def test_a_failure_that_passes_is_tried_again(shop: Shop) -> None:
    """Later, and without alarm while the last backup is fresh; at once, when the owner did something."""
    joblist.add(shop.resident.paths, EVENING)
    shop.passes(minutes=5)
    shop.look(runs=1)
    shop.passes(days=1)
    (shop.folder / "fail").touch()
    shop.look(runs=1)
    assert shop.resident.status().state is State.OK
    shop.passes(minutes=1)
    assert shop.look() == [Hold.LATER]
    shop.scheduler.nudge(acted=True)
    (shop.folder / "fail").unlink()
    assert shop.look(runs=1) == [None]


def test_a_pause_holds_everything_and_ends(shop: Shop) -> None:
    """Nothing starts by itself until then; a clock that is set ends it rather than make it last for ever."""
    joblist.add(shop.resident.paths, EVENING)
    shop.passes(minutes=5)
    shop.look(runs=1)
    shop.resident.pause(shop.wall + timedelta(days=3))
    assert shop.resident.status().state is State.PAUSED
    shop.passes(days=1)
    assert shop.look() == [Hold.PAUSED]
    shop.resident.resume()
    assert shop.look(runs=1) == [None]
    shop.resident.pause(shop.wall + timedelta(days=300))
    paused = shop.resident.paused()
    assert paused is not None
    assert paused[1] - paused[0] == timedelta(days=7)
    shop.wall -= timedelta(hours=1)
    assert shop.resident.paused() is None
    shop.wall += timedelta(days=8)
    assert shop.resident.paused() is None


def test_a_till_program_that_closes_starts_its_job(shop: Shop) -> None:
    """Half a minute after it is gone."""
    joblist.add(shop.resident.paths, replace(EVENING, schedule=Schedule(programs=("pos.exe",))))
    shop.programs.add("pos.exe")
    assert shop.look() == []
    shop.programs.clear()
    shop.passes(seconds=30)
    assert shop.look() == []
    shop.passes(seconds=30)
    assert shop.look(runs=1) == [None]
    assert shop.look() == []


def test_jumps_of_the_clock_do_no_harm(shop: Shop) -> None:
    """Ahead by years: one run. Back again: none that is not needed, and the next day's slot is run."""
    joblist.add(shop.resident.paths, EVENING)
    shop.passes(minutes=5)
    shop.look(runs=1)
    shop.wall += timedelta(days=4000)
    shop.look()
    shop.passes(minutes=4)
    assert shop.look(runs=1) == [None]
    assert shop.look() == []
    shop.wall = NOW + timedelta(hours=1)
    shop.look()
    shop.passes(minutes=4)
    assert shop.look() == []
    shop.passes(days=1)
    assert shop.look(runs=1) == [None]
    assert shop.resident.history.runs()[0].slot == "2026-03-03T19:00"


def test_a_slip_in_the_file_does_not_stop_backups(shop: Shop) -> None:
    """The earlier version is used, and the status says that something is wrong."""
    joblist.add(shop.resident.paths, EVENING)
    joblist.change(shop.resident.paths, replace(EVENING, stale_after=3))
    shop.passes(minutes=5)
    config.file_of(shop.resident.paths).write_text("version = ")
    assert shop.look(runs=1) == [None]
    found = shop.resident.status()
    assert (found.state, found.reasons[0].word) == (State.ATTENTION, "config")


def test_runs_of_processes_that_are_gone_are_settled_at_a_look(shop: Shop) -> None:
    """Nobody has to start the program anew for the history to tell the truth."""
    joblist.add(shop.resident.paths, EVENING)
    other = History(shop.resident.paths, lambda: shop.wall)
    other.begin("stick", "red", Trigger.NOW)
    assert shop.look() == []
    assert shop.resident.status().state is State.RUNNING
    other.close()
    assert shop.look() == [Hold.SETTLING]
    assert shop.resident.history.runs()[0].outcome is Outcome.INTERRUPTED


def test_the_thread_looks_by_itself_and_when_nudged(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on after a look that failed, and ends when it is closed."""
    looks: list[int] = []
    came = threading.Semaphore(0)

    def look() -> tuple[Due, ...]:
        looks.append(1)
        came.release()
        raise ValueError(looks)

    monkeypatch.setattr(shop.scheduler, "look", look)
    shop.scheduler.start()
    assert came.acquire(timeout=20)
    shop.scheduler.nudge()
    assert came.acquire(timeout=20)
    shop.scheduler.close()
    assert "ValueError" in shop.resident.paths.log.read_text()


def test_the_timetable_never_waits_longer_than_half_a_minute(shop: Shop) -> None:
    """So that a clock that is set cannot put it to sleep; and it knows the times of the jobs."""
    assert shop.scheduler.pause() == LOOK_EVERY
    job = replace(EVENING, schedule=Schedule((time(19), time(7, 5)), frozenset({0, 6})))
    joblist.add(shop.resident.paths, job)
    shop.look()
    planned = {(str(one.start_day), str(one.at_time)) for one in shop.scheduler._timetable.jobs if one.start_day}
    assert planned == {(day, at) for day in ("monday", "sunday") for at in ("19:00:00", "07:05:00")}
    assert 0.5 <= shop.scheduler.pause() <= LOOK_EVERY
    assert scheduler._nothing() is None  # type: ignore[func-returns-value]  # that is the point


def test_what_others_know_reaches_the_status(shop: Shop) -> None:
    """Notices, a drive that may be unplugged, damage that a check found, and what a place itself says."""
    joblist.add(shop.resident.paths, EVENING)
    here = shop.resident
    here.note_verified("stick", "red", Verified("ab", NOW))
    assert here.status().state is State.OK
    assert here.status(unplug=frozenset({"red"})).state is State.UNPLUG
    notices = {"red": frozenset({Notice.SIGN_IN})}
    assert here.status(notices=notices).state is State.ATTENTION
    here.history.remember("damaged red", NOW.isoformat())
    assert here.status().state is State.ERROR
    here.change_job(replace(EVENING, enabled=False))
    assert here.status().state is State.SETUP
    assert here.upcoming(EVENING, here.moment(here.load().config), 1)
    here.remove_job("stick")
    with pytest.raises(JobUnknown):
        here.job("stick")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: folder.mkdir(), True),
        (lambda _folder: None, True),
        (lambda folder: folder.touch(), False),
    ],
)
def test_a_folder_is_there_if_it_can_be_used(
    tmp_path: Path,
    make: Callable[[Path], object],
    expected: bool,  # noqa: FBT001 - a case
) -> None:
    """It exists, or can be made; where drives are mounted a missing folder is a missing drive."""
    folder = tmp_path / "place"
    make(folder)
    assert is_there(str(folder)) is expected
    assert not is_there(str(folder / "deep" / "er"))
    assert not is_there("/media/nobody/STICK")


def test_the_resident_brings_no_engine() -> None:
    """What is always there is small: no engine, no stores, no clouds, no cryptography, nothing that only runs need."""
    heavy = ("engine", "sources", "stores", "testing", "cli")
    others = "cryptography zstandard keyring msgspec rich tomlkit psutil pathspec click babel requests dropbox pydrive2"
    code = (
        "import sys, traybackup.app.resident, traybackup.app.scheduler, traybackup.app.runforms;"
        "print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(eval(done.stdout))  # noqa: S307 - our own list
    assert not loaded & ({f"traybackup.{name}" for name in heavy} | set(others.split()))
    assert "traybackup.app.status" in loaded
