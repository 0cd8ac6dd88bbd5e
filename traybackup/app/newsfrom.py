"""What there is to tell: from how everything is doing, and from what happens to drives and runs. Pure."""

from collections.abc import Iterator

from traybackup.app.daytimes import clock, when
from traybackup.app.language import Language
from traybackup.app.notices import Kind, Notice
from traybackup.app.orders import Order, Verb
from traybackup.app.status import DestinationStatus, Reason
from traybackup.app.stickloop import Note
from traybackup.app.texts import Texts
from traybackup.app.view import View
from traybackup.app.wording.notices import NOTICES

_OPEN = Order(Verb.OPEN, "problems")
_LATE = ("stale", "overdue")
_BY_REASON = {
    "not-there": Kind.PLUG_REQUEST,
    "failed": Kind.FAILED,
    "interrupted": Kind.FAILED,
    "sign-in": Kind.SIGN_IN,
    "space": Kind.SPACE,
    "damaged": Kind.DAMAGED,
    "drill": Kind.DRILL_FAILED,
    "sheet": Kind.KEY_SHEET,
    "key": Kind.FAILED,
}
_BY_NOTE = {
    Note.STARTED: Kind.START_ON_PLUG,
    Note.DONE: Kind.DONE_UNPLUG,
    Note.MAY_UNPLUG: Kind.MAY_UNPLUG,
    Note.IN_USE: Kind.DONE_BUSY,
    Note.NOT_EJECTED: Kind.NOT_EJECTED,
    Note.BLOCKED: Kind.BLOCKED,
    Note.REMINDER: Kind.UNPLUG_REMINDER,
    Note.TOO_EARLY: Kind.UNPLUGGED_EARLY,
}
ABOUT_DRIVES = frozenset(_BY_NOTE.values())
"""What is withdrawn when something newer is told of the drive."""

AFTER_DRIVES = frozenset({Kind.UNPLUGGED_EARLY})
"""What stays when the drive is gone: it is about that."""

_WITH_EJECT = frozenset({Kind.DONE_BUSY, Kind.NOT_EJECTED, Kind.UNPLUG_REMINDER})


def standing(view: View, language: Language) -> tuple[Notice, ...]:
    """Return all that lasts and should be told; whether and when is for `traybackup.app.notices` to decide."""
    found = {notice.id: notice for notice in _standing(view, language)}
    return tuple(found.values())


def _standing(view: View, language: Language) -> Iterator[Notice]:
    late = [one for one in view.status.destinations if any(reason.word in _LATE for reason in one.reasons)]
    if late and len(late) == len(view.status.destinations):
        yield _overdue(view, language, late)
    for one in view.status.destinations:
        for reason in one.reasons:
            kind = _BY_REASON.get(reason.word)
            if kind is not None:
                yield _of_destination(view, language, one, reason, kind)


def _overdue(view: View, language: Language, late: list[DestinationStatus]) -> Notice:
    days = [int(reason.params.get("count") or 0) for one in late for reason in one.reasons if reason.word in _LATE]
    drive = next((one for one in late if view.place(one.destination).drive), late[0])
    last = view.status.verified or view.now
    return Notice(
        Kind.OVERDUE,
        values={
            "n": language.number(min(days)),
            "when": when(language, last, view.now, view.zone),
            "drive": view.place(drive.destination).label,
        },
        buttons=(_OPEN, Order(Verb.BACK_UP_ALL)),
    )


def _of_destination(view: View, language: Language, one: DestinationStatus, reason: Reason, kind: Kind) -> Notice:
    label = view.place(one.destination).label
    problem = reason.problem
    title = Texts(language).message(problem.code, problem.params).title if problem else language.gettext("It failed")
    last = "" if one.verified is None else when(language, one.verified, view.now, view.zone)
    values = {"dest": label, "drive": label, "reason": title.rstrip("."), "when": last}
    cause = problem.code if problem is not None and kind is Kind.FAILED else ""
    return Notice(kind, one.destination, cause, values, (_OPEN,))


def from_drive(note: Note, drive: str, label: str, view: View, language: Language, programs: str = "") -> Notice | None:
    """Return what to tell of a drive; None: nothing.

    Args:
        drive: Its id.
        programs: Who uses it.
    """
    kind = _BY_NOTE.get(note)
    if kind is None:
        return None
    values = {
        "drive": label,
        "time": clock(view.now, view.zone),
        "program": programs or language.gettext("another program"),
    }
    buttons = (Order(Verb.EJECT, drive), Order(Verb.LATER)) if kind in _WITH_EJECT else ()
    return Notice(kind, drive, "", values, buttons, view.now)


def recovered(before: View, now: View) -> tuple[Notice, ...]:
    """Return what works again, by what failed *before* and has a newer verified snapshot *now*."""
    failed = {
        one.destination: one.verified
        for one in before.status.destinations
        if any(_BY_REASON.get(reason.word) is Kind.FAILED for reason in one.reasons)
    }
    found = []
    for one in now.status.destinations:
        still = any(_BY_REASON.get(reason.word) is Kind.FAILED for reason in one.reasons)
        if one.destination not in failed or still or one.verified is None or one.verified == failed[one.destination]:
            continue
        values = {"dest": now.place(one.destination).label, "time": clock(one.verified, now.zone)}
        found.append(Notice(Kind.RECOVERED, one.destination, "", values, (), now.now))
    return tuple(found)


def words(notice: Notice, language: Language) -> tuple[str, str]:
    """Return the title and the body."""
    name = notice.kind.value
    toast = NOTICES.get(f"{name}_first", NOTICES[name]) if notice.values.get("when") == "" else NOTICES[name]
    return tuple(language.gettext(text).format_map(notice.values) for text in toast)  # type: ignore[return-value]  # two


def label(order: Order, language: Language) -> str:
    """Return what a button says."""
    return {
        Verb.OPEN: language.gettext("Open"),
        Verb.EJECT: language.gettext("Eject now"),
        Verb.LATER: language.gettext("Later"),
        Verb.BACK_UP_ALL: language.gettext("Back up now"),
    }[order.verb]
