"""What is told by itself, when and how often: the rules of silence, over days, by a clock that is passed in."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.app import newsfrom
from traybackup.app.language import LANGUAGES, Language
from traybackup.app.notices import (
    MOST,
    QUIET_START,
    STANDING,
    WHILE_SELLING,
    WINDOW,
    Kind,
    Memory,
    Notice,
    Situation,
    decide,
    may_tell,
    windows,
)
from traybackup.app.status import DestinationStatus, Reason, State, Status
from traybackup.app.stickloop import Note
from traybackup.app.view import Place, View
from traybackup.app.wording.notices import NOTICES

NOW = datetime(2026, 10, 14, 10, 0, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")
VALUES = {
    **dict.fromkeys(("drive", "dest"), "KINGSTON 64GB rot"),
    "time": "19:02",
    "program": "LibreOffice Calc",
    "when": "Sat 11 Oct 19:02",
    "reason": "The sign-in is no longer valid",
    **dict.fromkeys(("date", "last", "d2"), "11 Oct 2026"),
    "n": "12",
    "q": "3",
    "count": "48,212",
}


def at(hours: float, **more: object) -> Situation:
    return Situation(NOW + timedelta(hours=hours), VIENNA, **more)  # type: ignore[arg-type]  # its own fields


def days_told(notice: Notice, days: int) -> list[int]:
    """Return the days on which a notice that lasts is told, if one looks every hour."""
    memory: Memory = {}
    told = []
    for hour in range(24 * days):
        found = decide([notice], [], memory, at(hour))
        memory = found.memory
        told += [hour // 24] if found.tell else []
    return told


@pytest.mark.parametrize("kind", sorted(STANDING, key=lambda kind: kind.value))
def test_how_often_lasting_trouble_is_told(kind: Kind) -> None:
    """Once a day and three times; what is grave every day until it is solved; little room once."""
    told = len(days_told(Notice(kind), 6))
    everyday = (Kind.FAILED, Kind.DAMAGED, Kind.DRILL_FAILED, Kind.QUARTER)
    assert told == (7 if kind in everyday else 1 if kind is Kind.SPACE else 3)  # six days touch seven in Vienna


def test_another_cause_is_told_at_once() -> None:
    """A failure for another reason is news, on the same day, too."""
    first = decide([Notice(Kind.FAILED, "red", "full")], [], {}, at(0))
    second = decide([Notice(Kind.FAILED, "red", "sign-in")], [], first.memory, at(1))
    assert [notice.cause for notice in (*first.tell, *second.tell)] == ["full", "sign-in"]


def test_what_is_solved_is_withdrawn_and_may_come_again() -> None:
    """It is withdrawn once; coming back on the same day it is not told again, on another day it begins anew."""
    notice = Notice(Kind.PLUG_REQUEST, "red")
    memory = decide([notice], [], {}, at(0)).memory
    solved = decide([], [], memory, at(1))
    assert solved.withdraw == ("plug_request red",)
    assert decide([], [], solved.memory, at(2)).withdraw == ()
    back = decide([notice], [], solved.memory, at(3))
    assert back.tell == ()
    assert decide([], [], back.memory, at(4)).withdraw == ("plug_request red",)
    again = decide([notice], [], decide([], [], solved.memory, at(30)).memory, at(30))
    assert again.tell == (notice,)
    assert again.memory[notice.id].times == 1


def test_nothing_in_the_first_minutes() -> None:
    """After logging on only “unplugged too early” is told; the rest waits for its time, and is told then."""
    for kind in Kind:
        assert may_tell(kind, at(0, up=QUIET_START - 1)) == (kind is Kind.UNPLUGGED_EARLY)
    done = Notice(Kind.DONE_UNPLUG, "red", since=NOW)
    early = decide([Notice(Kind.FAILED, "red")], [done], {}, at(0, up=10))
    assert (early.tell, early.kept, early.memory) == ((), (done,), {})
    later = decide([Notice(Kind.FAILED, "red")], early.kept, early.memory, at(0.1, up=QUIET_START))
    assert {notice.kind for notice in later.tell} == {Kind.FAILED, Kind.DONE_UNPLUG}


def test_who_sells_is_not_disturbed() -> None:
    """While the till is in use, only what is about the drive in his hand is told."""
    for kind in Kind:
        assert may_tell(kind, at(0, selling=True)) == (kind in WHILE_SELLING)
    assert {Kind.UNPLUGGED_EARLY, Kind.DONE_UNPLUG} == WHILE_SELLING


def test_events_that_waited_too_long_are_history() -> None:
    """Nobody is told in the evening what could not be told in the morning."""
    start = Notice(Kind.START_ON_PLUG, "red", since=NOW)
    assert decide([], [start], {}, at(0.5, selling=True)).kept == (start,)
    assert decide([], [start], {}, at(1.5, selling=True)).kept == ()


@pytest.mark.parametrize("kind", sorted(STANDING, key=lambda kind: kind.value))
def test_what_helps_nothing_opens_a_window(kind: Kind) -> None:
    """After three days of telling, the start opens the overview: for no backup, a failed drill, no emergency sheet."""
    notice, memory = Notice(kind), dict(decide([Notice(kind)], [], {}, at(0)).memory)
    assert windows([notice], memory) == ()
    for day in range(1, MOST):
        memory = dict(decide([notice], [], memory, at(24 * day)).memory)
    assert windows([notice], memory) == ((notice,) if kind in WINDOW else ())
    assert windows([], memory) == ()


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.1, 60)), max_size=40))
def test_never_twice_a_day(steps: list[tuple[bool, bool, float]]) -> None:
    """However trouble comes and goes, and whoever sells meanwhile, the same is told once a day at most."""
    memory: Memory = {}
    hours, told = 0.0, []
    notice = Notice(Kind.OVERDUE)
    for there, selling, pause in steps:
        hours += pause
        here = at(hours, selling=selling)
        found = decide([notice] if there else [], [], memory, here)
        memory = found.memory
        told += [here.now.astimezone(VIENNA).date()] if found.tell else []
    assert len(told) == len(set(told))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", Kind)
def test_every_text_fits(kind: Kind, language: str) -> None:
    """Title and body are there in every language, and short enough for Windows, with names as long as they are."""
    title, body = newsfrom.words(Notice(kind, values=VALUES), Language(language))
    assert 0 < len(title) <= 63
    assert 0 < len(body) <= 200
    assert "{" not in title + body
    assert kind.value in NOTICES


def view(*reasons: Reason, state: State = State.ATTENTION, verified: datetime | None = NOW) -> View:
    status = Status(state, (DestinationStatus("red", state, reasons, verified),), (), verified)
    return View(status, NOW, places={"red": Place("red", "RED", drive=True)})


def test_what_lasts_comes_from_the_status() -> None:
    """A late destination is told as overdue only if no other has a fresh backup; reasons become notices."""
    late = Reason("stale", {"count": 3})
    found = newsfrom.standing(view(late, Reason("space")), Language())
    assert [notice.kind for notice in found] == [Kind.OVERDUE, Kind.SPACE]
    assert found[0].values["n"] == "3"
    both = Status(
        State.ATTENTION,
        (DestinationStatus("red", State.ATTENTION, (late,), NOW), DestinationStatus("cloud", State.OK, (), NOW)),
        (),
        NOW,
    )
    assert newsfrom.standing(View(both, NOW), Language()) == ()


def test_what_works_again_is_told_once() -> None:
    """The first verified backup after a failure is news; success without a failure before is none."""
    failed = view(Reason("failed"), verified=NOW - timedelta(days=1))
    well = view(state=State.OK)
    assert [notice.kind for notice in newsfrom.recovered(failed, well)] == [Kind.RECOVERED]
    assert newsfrom.recovered(well, well) == ()
    assert newsfrom.recovered(failed, view(state=State.OK, verified=NOW - timedelta(days=1))) == ()


@pytest.mark.parametrize("note", Note)
def test_every_note_of_a_drive_has_its_notice(note: Note) -> None:
    """What a loop notes is told, but for two quiet ones; a drive in use can be ejected from the notification."""
    found = newsfrom.from_drive(note, "/drive", "RED", view(), Language())
    assert (found is None) == (note in (Note.OUT, Note.WITHDRAW))
    if found is not None:
        title, body = newsfrom.words(found, Language())
        assert "RED" in title + body
        assert [newsfrom.label(order, Language()) for order in found.buttons] in ([], ["Eject now", "Later"])


def test_a_first_failure_speaks_of_no_backup() -> None:
    """Where there is no good backup, none is dated."""
    notice = newsfrom.standing(view(Reason("failed"), verified=None), Language())[0]
    assert "There is no good backup yet" in newsfrom.words(notice, Language())[1]
