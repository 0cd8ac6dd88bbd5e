"""Due: which runs should start now, which wait and for what. A pure function of the configuration, the past and now.

A *slot* is what a run is due for, named by the wall clock of the shop: ``2026-05-01T19:00`` for a time of the day,
``start 2026-05-01`` for the day's first start, ``plugged …`` and ``closed …`` for occasions. Because a slot has a name
and not just a moment, it is run once, whatever summer time, journeys and clocks do meanwhile:

* the newest slot that has begun is due unless a run *covers* it: one that was for it or later, or began after it;
* of several missed slots only the newest is due: the run makes up for all of them, the others are *missed*;
* a time that does not exist (02:30 in spring) is due when the gap ends; one that comes twice, the first time;
* what a run that lies ahead of the clock says does not count (`traybackup.app.history.History.past`).

A run covers a slot if it left a snapshot, is still under way, or was stopped by somebody. After a failure that may pass
it is tried again, later each time; after one that only the owner can mend, when he did something or the drive was
plugged in again; in any case at the next slot.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import Enum

from traybackup.api.errors import Retry
from traybackup.app.jobs import Job, Plugged, Schedule
from traybackup.app.opendays import ALWAYS, OpenDays
from traybackup.app.runs import SAVED, Outcome, Past, Run, Trigger

BACK_OFF = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3))
"""How long to wait after the first failure, the second, and so on; the last one again and again."""

_DAY = timedelta(days=1)
_ZONES = timedelta(hours=26)
"""How much the wall clock can differ from one place to another."""

_FAR = 400
_MOST_MISSED = 1000
_FAILED = frozenset({Outcome.FAILED, Outcome.INTERRUPTED, Outcome.SKIPPED})
_COVERING = SAVED | {Outcome.CANCELLED, None}


class Hold(Enum):
    """Why a run that is due does not start now."""

    BUSY = "busy"
    PAUSED = "paused"
    SETTLING = "settling"
    NOT_THERE = "not-there"
    LATER = "later"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known at the moment of the decision.

    Attributes:
        zone: The shop's.
        up: Seconds since the program started or the computer woke, by a clock that nobody sets.
        delay: So many of them nothing starts that is not asked for by plugging in or closing something.
        woken: When that was, by the wall; None: it does not matter.
        present: The destinations that are there, each with the occasion on which it came; empty for what always is.
        running: The destinations at which a run is under way.
        closed: When programs were last seen closing, by the lower-case name of the executable.
        acted: When the owner last did something that may have mended a failure.
    """

    now: datetime
    zone: tzinfo = UTC
    open_days: OpenDays = ALWAYS
    up: float = 3600.0
    delay: float = 180.0
    woken: datetime | None = None
    present: Mapping[str, str] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
    closed: Mapping[str, datetime] = field(default_factory=dict)
    paused: bool = False
    acted: datetime | None = None

    @property
    def wall(self) -> datetime:
        """The time on the shop's wall, without a zone."""
        return _wall(self.now, self.zone)


@dataclass(frozen=True, slots=True)
class Due:
    """A run that is due.

    Attributes:
        hold: Why it does not start now; None: it should.
        retry_at: When it is tried again, for `Hold.LATER`.
        missed: How many slots before this one nobody ran, nor noted.
        last_missed: The newest of them.
    """

    job: Job
    trigger: Trigger
    slot: str
    plug: str = ""
    hold: Hold | None = None
    retry_at: datetime | None = None
    missed: int = 0
    last_missed: str = ""


def due(job: Job, past: Past, moment: Moment) -> Due | None:
    """Return the run of a job that is due, one that can start before one that is held; None: nothing is."""
    if not job.enabled:
        return None
    found = [_held(one, past, moment) for one in _candidates(job, past, moment)]
    free = [one for one in found if one.hold is None]
    return next(iter(free or found), None)


def _candidates(job: Job, past: Past, moment: Moment) -> Iterator[Due]:
    """Yield what the triggers of a job say, the most urgent first."""
    covering = [run for run in past.runs if run.outcome in _COVERING]
    plug = moment.present.get(job.destination, "")
    today = moment.wall.date()
    when = job.schedule
    daily = when.at_start or when.plugged is Plugged.DAILY
    run_today = daily and any(_wall(run.started, moment.zone).date() == today for run in covering)
    if when.plugged is Plugged.ALWAYS and plug and all(run.plug != plug for run in covering):
        yield Due(job, Trigger.PLUGGED, f"plugged {plug}", plug)
    if when.plugged is Plugged.DAILY and plug and not run_today:
        yield Due(job, Trigger.PLUGGED, f"plugged {today}", plug)
    closed = max((moment.closed[name.lower()] for name in when.programs if name.lower() in moment.closed), default=None)
    if closed is not None and moment.now - closed < _DAY and all(run.started < closed for run in covering):
        yield Due(job, Trigger.PROGRAM, f"closed {closed.isoformat(timespec='seconds')}", plug)
    timed = _timed(job, past, covering, moment, plug)
    if timed is not None:
        yield timed
    if when.at_start and not run_today and today in moment.open_days and _starts_today(covering, moment):
        yield Due(job, Trigger.START, f"start {today}", plug)


def _timed(job: Job, past: Past, covering: list[Run], moment: Moment, plug: str) -> Due | None:
    wall = moment.wall
    slots = _slots_back(job.schedule, moment.open_days, wall)
    latest = next(slots, None)
    if latest is None:
        return None
    covered = _newest_covered(past, covering, moment)
    if covered is not None and covered >= latest:
        return None
    noted = [_slot_time(run.slot) for run in past.runs if run.outcome is Outcome.SKIPPED]
    known = [time for time in (covered, *noted) if time is not None]
    missed: list[datetime] = []
    if known:
        for slot in slots:
            if slot <= max(known) or len(missed) == _MOST_MISSED:
                break
            missed.append(slot)
    return Due(
        job,
        Trigger.TIME,
        slot_name(latest),
        plug,
        missed=len(missed),
        last_missed=slot_name(missed[0]) if missed else "",
    )


def _newest_covered(past: Past, covering: list[Run], moment: Moment) -> datetime | None:
    """Return up to which time on the wall everything is done."""
    found = [_wall(run.started, moment.zone) for run in covering]
    found += [time for run in covering if (time := _slot_time(run.slot)) is not None]
    if past.verified is not None:
        found.append(_wall(past.verified.time, moment.zone))
    return max((time for time in found if time <= moment.wall + _ZONES), default=None)


def _starts_today(covering: list[Run], moment: Moment) -> bool:
    """Say whether the program started, or the computer woke, today; one that always runs starts once in 24 hours."""
    if moment.woken is None:
        return False
    if _wall(moment.woken, moment.zone).date() == moment.wall.date():
        return True
    return all(moment.now - run.started >= _DAY for run in covering)


def _held(one: Due, past: Past, moment: Moment) -> Due:
    hold, retry_at = _hold(one, past, moment)
    return Due(one.job, one.trigger, one.slot, one.plug, hold, retry_at, one.missed, one.last_missed)


def _hold(one: Due, past: Past, moment: Moment) -> tuple[Hold | None, datetime | None]:
    """Return what keeps a run from starting now, and until when if that is known."""
    hold = None
    if one.job.destination in moment.running:
        hold = Hold.BUSY
    elif moment.paused:
        hold = Hold.PAUSED
    elif one.trigger in (Trigger.TIME, Trigger.START) and moment.up < moment.delay:
        hold = Hold.SETTLING
    elif one.job.destination not in moment.present:
        hold = Hold.NOT_THERE
    attempts = [run for run in past.runs if run.slot == one.slot and run.outcome in _FAILED]
    if hold is not None or not attempts:
        return hold, None
    return _retry(attempts, one.plug, moment)


def _retry(attempts: list[Run], plug: str, moment: Moment) -> tuple[Hold | None, datetime | None]:
    """Return whether to wait before trying again what failed, newest attempt first."""
    last = attempts[0]
    ended = last.ended or last.started
    if ended > moment.now or last.plug != plug or (moment.acted is not None and moment.acted > ended):
        return None, None  # the clock was set back, the drive came again, or somebody did something
    if last.problem is not None and last.problem.retry is not Retry.LATER:
        return Hold.OWNER, None
    retry_at = ended + BACK_OFF[min(len(attempts), len(BACK_OFF)) - 1]
    return (Hold.LATER, retry_at) if retry_at > moment.now else (None, None)


def slot_name(time: datetime) -> str:
    """Return the name of the slot at a time of the wall."""
    return time.isoformat(timespec="minutes")


def _slot_time(name: str) -> datetime | None:
    """Return the time of the wall of a slot of that kind; None: it is of another kind."""
    if len(name) != len("2026-05-01T19:00") or name[10] != "T":
        return None
    try:
        return datetime.fromisoformat(name)
    except ValueError:
        return None


def _slots_back(schedule: Schedule, days: OpenDays, wall: datetime) -> Iterator[datetime]:
    """Yield the slots that have begun, newest first."""
    day = wall.date()
    for _ in range(_FAR if schedule.at else 0):
        yield from (slot for slot in reversed(_slots_of(schedule, days, day)) if slot <= wall)
        day -= _DAY


def _slots_of(schedule: Schedule, days: OpenDays, day: date) -> list[datetime]:
    if day.weekday() not in schedule.days or day not in days:
        return []
    return [datetime.combine(day, time) for time in schedule.at]


def upcoming(job: Job, past: Past, moment: Moment, count: int = 5) -> tuple[datetime, ...]:
    """Return when a job will be due next by its times of the day, what is made up included."""
    if not job.enabled or not job.schedule.at:
        return ()
    found = []
    covering = [run for run in past.runs if run.outcome in _COVERING]
    if _timed(job, past, covering, moment, "") is not None:
        found.append(moment.now + timedelta(seconds=max(0.0, moment.delay - moment.up)))
    day = moment.wall.date()
    for _ in range(_FAR):
        for slot in _slots_of(job.schedule, moment.open_days, day):
            if len(found) < count and slot > moment.wall:
                found.append(moment_of(slot, moment.zone))
        day += _DAY
    return tuple(found)


def moment_of(wall: datetime, zone: tzinfo) -> datetime:
    """Return when the wall clock first shows *wall* or, if it never does, when it first shows something later."""
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(late, zone) == wall:
        return late
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        early, late = (middle, late) if _wall(middle, zone) < wall else (early, middle)
    return late.replace(microsecond=0) if late.microsecond else late


def _wall(time: datetime, zone: tzinfo) -> datetime:
    return time.astimezone(zone).replace(tzinfo=None, fold=0)
