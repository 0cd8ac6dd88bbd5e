"""A shop's life in simulated time: a clock, zones to travel through, sleep, and runs that happen when they are due.

*Timeline* keeps a past as `traybackup.app.history` does, and asks `traybackup.app.due` at every tick.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from traybackup.app.due import Due, Hold, Moment, due
from traybackup.app.jobs import Job
from traybackup.app.opendays import ALWAYS, OpenDays
from traybackup.app.runs import Figures, Outcome, Past, Problem, Run, Trigger, Verified

ZONES = [ZoneInfo(name) for name in ("Europe/Vienna", "Europe/Madrid", "America/Mexico_City", "Australia/Lord_Howe")]
AHEAD = timedelta(minutes=5)


@dataclass
class Timeline:
    """What happens to one job.

    Attributes:
        ran: How often each slot was run for.
        wrong: How far the clock is off.
    """

    job: Job
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    zone: tzinfo = ZONES[0]
    open_days: OpenDays = ALWAYS
    plug: str | None = ""
    up: float = 3600
    wrong: timedelta = timedelta()
    runs: list[Run] = field(default_factory=list)
    disowned: set[int] = field(default_factory=set)
    ran: Counter[str] = field(default_factory=Counter)
    count: int = 0
    known: int = 30
    """How many of the newest runs are looked at."""

    @property
    def clock(self) -> datetime:
        return self.now + self.wrong

    def past(self, verified: Verified | None = None) -> Past:
        newest, latest = self.runs[-self.known :], self.clock + AHEAD
        fine = [one for one in newest if one.id not in self.disowned and one.started <= latest]
        return Past(tuple(reversed(fine)), verified)

    def moment(self, **more: object) -> Moment:
        present = {} if self.plug is None else {self.job.destination: self.plug}
        made = Moment(self.clock, self.zone, self.open_days, up=self.up, present=present)
        return replace(made, **more)  # type: ignore[arg-type]  # a test's shorthand

    def ask(self, **more: object) -> Due | None:
        latest = self.clock + AHEAD
        self.disowned |= {one.id for one in self.runs[-self.known :] if one.started > latest}
        return due(self.job, self.past(), self.moment(**more))

    def tick(
        self, outcome: Outcome | None = Outcome.SUCCESS, problem: Problem | None = None, **more: object
    ) -> Due | None:
        """Ask what is due, and run it if it may start."""
        found = self.ask(**more)
        if found is not None and found.hold is None:
            self.run(found.trigger, found.slot, outcome, problem, found.plug)
        return found

    def run(
        self,
        trigger: Trigger = Trigger.NOW,
        slot: str = "",
        outcome: Outcome | None = Outcome.SUCCESS,
        problem: Problem | None = None,
        plug: str = "",
    ) -> Run:
        self.count += 1
        ended = None if outcome is None else self.clock
        done = Run(
            self.count,
            self.job.name,
            self.job.destination,
            trigger,
            slot,
            plug,
            self.clock,
            ended,
            outcome,
            problem,
            figures=Figures(),
        )
        self.runs.append(done)
        self.ran[slot] += 1
        return done

    def pass_by(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)
        self.up += timedelta(**span).total_seconds()

    def at(self, text: str) -> "Timeline":
        """Go to this time of the wall, and return this."""
        self.now = datetime.fromisoformat(text).replace(tzinfo=self.zone).astimezone(UTC)
        return self


def held(found: Due | None) -> Hold | None:
    """Return why a run that is due does not start."""
    assert found is not None
    return found.hold


def labels(job: Job, begin: datetime, end: datetime) -> Sequence[str]:
    """Return the names of all slots between two times of the wall, worked out in the plainest way."""
    found, day = [], begin.date()
    while day <= end.date():
        if day.weekday() in job.schedule.days:
            found += [datetime.combine(day, time) for time in job.schedule.at]
        day += timedelta(days=1)
    return [one.isoformat(timespec="minutes") for one in found if begin < one <= end]
