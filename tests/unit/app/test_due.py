"""Due: each slot once, whatever the clock does; and who waits for what."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.app.timeline import ZONES, Timeline, held, labels
from traybackup.api.errors import Retry
from traybackup.app import opendays
from traybackup.app.due import BACK_OFF, Hold, due, moment_of, upcoming
from traybackup.app.jobs import EVERY_DAY, Job, Plugged, Schedule
from traybackup.app.runs import Outcome, Past, Problem, Trigger, Verified

VIENNA, MADRID, MEXICO, LORD_HOWE = ZONES
EVENING = Job("stick", ("/till",), "red", Schedule((time(19),)))
NIGHT = replace(EVENING, schedule=Schedule((time(2, 15), time(19))))
OFFLINE = Problem("offline", {}, Retry.LATER)
FULL = Problem("store-full", {}, Retry.AFTER_OWNER_ACTS)


def when(**schedule: object) -> Job:
    return replace(EVENING, schedule=Schedule(**schedule))  # type: ignore[arg-type]  # a test's shorthand


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_each_slot_runs_exactly_once_over_ten_years(zone: object) -> None:
    """In every zone, through every change of the clock, with ticks before, at and after each slot."""
    line = Timeline(NIGHT, zone=zone, known=4)  # type: ignore[arg-type]  # it is one
    line.run()
    random, begin = Random(str(zone)), line.clock.astimezone(zone)  # type: ignore[arg-type]  # same
    end = begin + timedelta(days=3653)
    for name in labels(NIGHT, begin.replace(tzinfo=None), end.replace(tzinfo=None)):
        slot = moment_of(datetime.fromisoformat(name), zone)  # type: ignore[arg-type]  # same
        line.now = slot - timedelta(seconds=1)
        assert line.tick() is None, name
        line.now = slot
        found = line.tick()
        assert found is not None
        assert (found.slot, found.hold, found.missed) == (name, None, 0)
        for _ in range(2):  # one tick of them in the hour that comes twice
            line.now += timedelta(minutes=random.randint(1, 75))
            assert line.tick() is None, name
    assert set(line.ran.values()) == {1}


@pytest.mark.campaign
@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_each_slot_runs_exactly_once_at_every_five_minutes(zone: object) -> None:
    """The same, asked every five minutes of ten years, as the program does."""
    line = Timeline(NIGHT, zone=zone, known=4)  # type: ignore[arg-type]  # it is one
    line.run()
    begin = line.clock.astimezone(zone).replace(tzinfo=None)  # type: ignore[arg-type]  # same
    for _ in range(3652 * 24 * 12):
        line.tick()
        line.pass_by(minutes=5)
    end = line.clock.astimezone(zone).replace(tzinfo=None)  # type: ignore[arg-type]  # same
    expected = labels(NIGHT, begin, end)
    assert set(line.ran.values()) == {1}
    assert set(expected) <= set(line.ran)


@pytest.mark.parametrize(
    ("zone", "wall", "really"),
    [
        (VIENNA, "2026-03-29T02:30", "2026-03-29T01:00:00+00:00"),
        (VIENNA, "2026-03-29T03:00", "2026-03-29T01:00:00+00:00"),
        (VIENNA, "2026-10-25T02:30", "2026-10-25T00:30:00+00:00"),
        (LORD_HOWE, "2026-10-04T02:15", "2026-10-03T15:30:00+00:00"),
        (LORD_HOWE, "2026-04-05T01:45", "2026-04-04T14:45:00+00:00"),
    ],
)
def test_a_time_that_is_missing_or_double_has_one_moment(zone: object, wall: str, really: str) -> None:
    """What the clock skips is due when it goes on; what it shows twice, the first time; half hours too."""
    assert moment_of(datetime.fromisoformat(wall), zone) == datetime.fromisoformat(really)  # type: ignore[arg-type]  # a zone


events = st.lists(
    st.one_of(
        st.tuples(st.just("sleep"), st.integers(1, 60 * 24 * 20)),
        st.tuples(st.just("awake"), st.integers(1, 60 * 30)),
        st.tuples(st.just("travel"), st.integers(0, 3)),
    ),
    max_size=40,
)


@given(events)
def test_no_journey_and_no_sleep_runs_a_slot_twice_or_leaves_it_out(found: list[tuple[str, int]]) -> None:
    """Wherever the computer is carried and however long it sleeps: no slot twice, and never behind after a tick."""
    line = Timeline(NIGHT)
    line.run(Trigger.TIME, "2025-12-31T19:00")
    for what, number in found:
        if what == "travel":
            line.zone = ZONES[number]
        elif what == "sleep":
            line.pass_by(minutes=number)
        else:
            for _ in range(0, number, 20):
                line.pass_by(minutes=20)
                line.tick()
        ran = line.count
        line.tick()
        assert line.count <= ran + 1
        assert line.tick() is None
    assert set(line.ran.values()) == {1}


jumps = st.lists(st.tuples(st.integers(-20 * 366, 20 * 366), st.integers(0, 24)), max_size=12)


@given(jumps)
def test_a_wrong_clock_costs_a_run_at_most_and_never_one_that_is_needed(found: list[tuple[int, int]]) -> None:
    """However the clock jumps, each jump starts one run at most; once it is right again, every slot runs once."""
    line = Timeline(NIGHT)
    line.run(Trigger.TIME, "2025-12-31T19:00")
    for days, hours in found:
        line.wrong = timedelta(days=days, hours=hours)
        before = line.count
        for _ in range(3):
            line.tick()
            line.pass_by(seconds=30)
        assert line.count <= before + 1
    line.wrong = timedelta()
    line.tick()
    line.ran.clear()
    begin = line.clock.astimezone(line.zone).replace(tzinfo=None)
    for _ in range(24 * 4 * 5):
        line.pass_by(minutes=15)
        line.tick()
    end = line.clock.astimezone(line.zone).replace(tzinfo=None)
    assert line.ran == dict.fromkeys(labels(NIGHT, begin, end), 1)


def test_missed_slots_are_made_up_by_one_run() -> None:
    """After a week off the newest slot is due once, and says how many nobody ran."""
    line = Timeline(EVENING).at("2026-05-01T20:00")
    line.run(Trigger.TIME, "2026-05-01T19:00")
    found = line.at("2026-05-08T09:00").tick()
    assert found is not None
    assert (found.slot, found.missed, found.last_missed) == ("2026-05-07T19:00", 5, "2026-05-06T19:00")
    assert line.tick() is None


def test_what_was_noted_as_left_out_is_not_counted_again() -> None:
    """A line that says so covers nothing, but is not written twice."""
    line = Timeline(EVENING).at("2026-05-01T20:00")
    line.run(Trigger.TIME, "2026-05-01T19:00")
    line.at("2026-05-04T09:00").run(Trigger.TIME, "2026-05-02T19:00", Outcome.SKIPPED)
    found = line.ask()
    assert found is not None
    assert (found.slot, found.missed) == ("2026-05-03T19:00", 0)


def test_the_first_run_of_a_job_is_due_at_once() -> None:
    """A job that never ran does not wait for the evening; if its snapshots are known, it does."""
    line = Timeline(EVENING).at("2026-05-01T10:00")
    found = line.ask()
    assert found is not None
    assert (found.hold, found.missed) == (None, 0)
    verified = Verified("ab", line.clock - timedelta(hours=14))
    assert due(EVENING, Past((), verified), line.moment()) is None
    older = Verified("ab", line.clock - timedelta(hours=16))
    assert due(EVENING, Past((), older), line.moment()) is not None


def test_a_run_after_the_slot_covers_it_whoever_started_it() -> None:
    """Whoever clicked at eight in the evening needs no run at seven made up; one before seven counts for nothing."""
    line = Timeline(EVENING).at("2026-05-01T20:00")
    line.run()
    assert line.ask() is None
    line.at("2026-05-02T18:59").run()
    assert line.at("2026-05-02T19:00").ask() is not None


def test_weekdays_and_closed_days_have_no_slots() -> None:
    """On days that were not chosen, and on closed ones, nothing is due and nothing is missed."""
    line = Timeline(when(at=(time(19),), days=frozenset({0, 4}))).at("2026-05-01T20:00")  # a Friday
    line.run()
    assert line.at("2026-05-03T23:00").ask() is None
    monday = line.at("2026-05-04T19:00").ask()
    assert monday is not None
    assert monday.missed == 0
    line.open_days = opendays.parse(["2026-05-04"])
    assert line.ask() is None


def test_a_drive_that_is_away_is_waited_for() -> None:
    """That is no failure: the run is due, held, and starts as soon as the drive comes."""
    line = Timeline(EVENING, plug=None).at("2026-05-01T20:00")
    assert held(line.tick()) is Hold.NOT_THERE
    line.pass_by(hours=2)
    assert held(line.tick()) is Hold.NOT_THERE
    line.plug = "1"
    assert held(line.tick()) is None
    assert line.tick() is None


def test_after_the_start_it_is_quiet_for_some_minutes() -> None:
    """Times of the day and the day's first start wait; a drive that is plugged in does not."""
    line = Timeline(when(at=(time(19),), at_start=True), up=10).at("2026-05-01T20:00")
    assert held(line.ask()) is Hold.SETTLING
    assert held(replace_schedule(line, at_start=True).ask(woken=line.clock)) is Hold.SETTLING
    line.plug = "1"
    assert held(replace_schedule(line, plugged=Plugged.DAILY, at=(time(19),)).ask()) is None
    line.up = 180
    assert held(replace_schedule(line, at=(time(19),)).ask()) is None


def replace_schedule(line: Timeline, **schedule: object) -> Timeline:
    line.job = when(**schedule)
    return line


def test_the_first_start_of_a_day_runs_once() -> None:
    """However often the program starts; on a computer that always runs, once in 24 hours; not on closed days."""
    line = Timeline(when(at_start=True)).at("2026-05-01T08:00")
    woken = line.clock
    assert held(line.tick(woken=woken)) is None
    for hour in (9, 23):
        line.at(f"2026-05-01T{hour:02}:30")
        assert line.tick(woken=line.clock) is None
    assert line.at("2026-05-02T00:10").tick(woken=woken) is None
    assert held(line.at("2026-05-02T08:00").tick(woken=woken)) is None
    assert held(line.at("2026-05-03T07:00").tick(woken=line.clock)) is None
    line.open_days = opendays.parse(["monday"])
    assert line.at("2026-05-04T07:00").tick(woken=line.clock) is None
    assert line.at("2026-05-05T07:00").tick() is None


def test_a_drive_that_is_plugged_in_starts_a_run() -> None:
    """Once a day, or every time, as the owner wants; for a place that is always there, never."""
    daily, always = Timeline(when(plugged=Plugged.DAILY)), Timeline(when(plugged=Plugged.ALWAYS))
    for line, expected in ((daily, [1, 1, 1, 2]), (always, [1, 1, 2, 3])):
        counts = []
        for day, plug in [("01T10:00", "a"), ("01T10:05", "a"), ("01T18:00", "b"), ("02T09:00", "c")]:
            line.plug = plug
            line.at(f"2026-05-{day}").tick()
            counts.append(line.count)
        assert counts == expected
        line.plug = ""
        assert line.at("2026-05-03T09:00").tick() is None
        line.plug = None
        assert line.tick() is None


def test_a_drive_that_was_pulled_out_continues_when_it_comes_again() -> None:
    """The failure is the owner's to mend; plugging in mends it."""
    gone = Problem("place-gone", {}, Retry.AFTER_OWNER_ACTS)
    line = Timeline(when(plugged=Plugged.DAILY), plug="a").at("2026-05-01T10:00")
    line.tick(Outcome.FAILED, gone)
    line.pass_by(minutes=30)
    assert held(line.ask()) is Hold.OWNER
    line.plug = "b"
    assert held(line.tick()) is None
    line.pass_by(minutes=30)
    assert line.tick() is None


def test_a_till_program_that_closes_starts_a_run() -> None:
    """Once for each closing; one that was long ago, or of another program, is nobody's business."""
    line = Timeline(when(programs=("POS.exe", "till"))).at("2026-05-01T18:00")
    assert line.tick() is None
    closed = {"pos.exe": line.clock}
    line.pass_by(minutes=1)
    assert line.tick(closed={"other.exe": line.clock}) is None
    assert held(line.tick(closed=closed)) is None
    assert line.tick(closed=closed) is None
    line.pass_by(hours=1)
    assert held(line.tick(closed={"pos.exe": line.clock - timedelta(hours=2), "till": line.clock})) is None
    line.pass_by(hours=25)
    assert line.tick(closed={"till": line.clock - timedelta(hours=24)}) is None


def test_failures_that_pass_are_tried_again_later_each_time() -> None:
    """After five minutes, fifteen, an hour, and every three hours; the next slot starts anew."""
    line = Timeline(EVENING).at("2026-05-01T19:00")
    waits = []
    for _ in range(6):
        line.tick(Outcome.FAILED, OFFLINE)
        began = line.clock
        found = line.ask()
        assert found is not None
        assert found.hold is Hold.LATER
        assert found.retry_at is not None
        line.now = found.retry_at - timedelta(seconds=1)
        assert held(line.ask()) is Hold.LATER
        line.now = found.retry_at
        assert held(line.ask()) is None
        waits.append(line.clock - began)
    assert tuple(waits) == (*BACK_OFF, BACK_OFF[-1], BACK_OFF[-1])
    line.at("2026-05-02T19:00")
    assert held(line.tick(Outcome.INTERRUPTED, OFFLINE)) is None
    assert held(line.ask()) is Hold.LATER
    line.pass_by(minutes=5)
    assert held(line.tick()) is None
    assert line.tick() is None


@pytest.mark.parametrize("retry", [Retry.NEVER, Retry.AFTER_OWNER_ACTS])
def test_failures_that_only_the_owner_can_mend_wait_for_him(retry: Retry) -> None:
    """No hammering on a full drive: he does something, or the next slot comes."""
    line = Timeline(EVENING).at("2026-05-01T19:00")
    line.tick(Outcome.FAILED, replace(FULL, retry=retry))
    line.pass_by(hours=5)
    assert held(line.ask()) is Hold.OWNER
    assert held(line.ask(acted=line.clock)) is None
    assert held(line.ask(acted=line.clock - timedelta(hours=6))) is Hold.OWNER
    assert held(line.at("2026-05-02T19:00").ask()) is None


def test_a_clock_that_was_set_back_does_not_put_off_the_next_attempt() -> None:
    """A failure that ended later than now is not waited for."""
    line = Timeline(EVENING).at("2026-05-01T19:30")
    line.tick(Outcome.FAILED, OFFLINE)
    line.pass_by(minutes=-4)
    assert held(line.ask()) is None


@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.PARTIAL, Outcome.CANCELLED, None])
def test_what_is_saved_running_or_stopped_by_somebody_is_not_due(outcome: Outcome | None) -> None:
    """Whoever stops a run does not get it back a minute later."""
    line = Timeline(EVENING).at("2026-05-01T19:00")
    line.tick(outcome)
    line.pass_by(hours=3)
    assert line.ask() is None


def test_a_pause_and_a_rival_hold_everything() -> None:
    """Nothing starts by itself while it is paused, or while another run is at work for the same destination."""
    line = Timeline(EVENING).at("2026-05-01T19:00")
    assert held(line.ask(paused=True)) is Hold.PAUSED
    assert held(line.ask(running=frozenset({"red"}))) is Hold.BUSY
    assert held(line.ask(running=frozenset({"blue"}))) is None
    line.job = replace(EVENING, enabled=False)
    assert line.ask() is None


def test_what_can_start_comes_before_what_cannot() -> None:
    """If the evening's run failed and waits, a drive that is plugged in starts one all the same."""
    line = Timeline(when(at=(time(19),), plugged=Plugged.ALWAYS), plug="a").at("2026-05-01T19:00")
    line.run(Trigger.PLUGGED, "plugged a", plug="a")
    line.at("2026-05-02T19:00").tick(Outcome.FAILED, OFFLINE)
    line.pass_by(minutes=1)
    assert held(line.ask()) is Hold.LATER
    line.plug = "b"
    found = line.ask()
    assert found is not None
    assert (found.trigger, found.hold) == (Trigger.PLUGGED, None)


def test_the_next_times_are_told_as_they_will_be() -> None:
    """With what is made up, without closed days, through the change of the clock."""
    line = Timeline(NIGHT, open_days=opendays.parse(["2026-03-28"])).at("2026-03-27T20:00")
    line.run()
    moments = upcoming(NIGHT, line.past(), line.moment(), 4)
    walls = [f"{one.astimezone(VIENNA):%d %H:%M}" for one in moments]
    assert walls == ["29 03:00", "29 19:00", "30 02:15", "30 19:00"]
    line.up = 0
    late = upcoming(NIGHT, Past(), line.moment(), 2)
    assert late[0] == line.clock + timedelta(minutes=3)
    assert upcoming(when(at_start=True), Past(), line.moment()) == ()
    assert upcoming(replace(NIGHT, enabled=False), Past(), line.moment()) == ()


@given(st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001 - of a wall
def test_every_time_of_a_wall_has_its_moment(wall: datetime, zone: object) -> None:
    """At that moment the wall shows it, or what comes after a gap; a second before, it does not yet."""
    wall = wall.replace(microsecond=0)
    found = moment_of(wall, zone)  # type: ignore[arg-type]  # a zone

    def shown(moment: datetime) -> datetime:
        return moment.astimezone(zone).replace(tzinfo=None, fold=0)  # type: ignore[arg-type]  # same

    assert wall <= shown(found) <= wall + timedelta(hours=1)
    assert shown(found - timedelta(seconds=1)) < wall


PAIRS: list[tuple[str, Callable[[Timeline], object]]] = [
    ("no slot at all", replace_schedule),
    ("never open", lambda line: setattr(line, "open_days", opendays.OpenDays(EVERY_DAY))),
    ("closed for years", lambda line: setattr(line, "open_days", opendays.OpenDays(spans=((date.min, date.max),)))),
]


@pytest.mark.parametrize("change", [change for _, change in PAIRS], ids=[name for name, _ in PAIRS])
def test_without_slots_nothing_is_due(change: Callable[[Timeline], object]) -> None:
    """And the search for one ends."""
    line = Timeline(EVENING, now=datetime(2026, 5, 1, tzinfo=UTC))
    change(line)
    assert line.ask() is None
    assert upcoming(line.job, Past(), line.moment()) == ()
