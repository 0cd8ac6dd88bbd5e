"""The model: which picture, which tooltip and which menu belong to a view. Pure, in every language.

The menu has `MOST_LINES` lines at most. What does not apply is not there. Times are absolute, because an open menu is
not drawn anew. Nothing in it acts on its own but the five orders *back up*, *stop*, *eject*, *pause* and *quit*.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from traybackup.app.daytimes import clock, morning, when
from traybackup.app.language import Language
from traybackup.app.orders import HOUR, MORNING, Order, Verb
from traybackup.app.runtexts import RunTexts
from traybackup.app.status import Reason, State
from traybackup.app.view import Attached, Place, View

MOST_LINES = 13
LONGEST_TITLE = 127
"""Letters that Windows can show."""

MOST_PROBLEMS = 2
_MOST_PLACES = 3
_URGENT = (State.ERROR, State.ATTENTION)
_QUIET = frozenset({"running", "unplug", "not-there", "paused", "setup"})
"""Reasons that are no problem: the state tells them."""

_LATE = ("stale", "overdue")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the menu, a separator if it has no text.

    Attributes:
        key: Tells it from the others, however its text changes.
    """

    key: str
    text: str = ""
    order: Order | None = None
    default: bool = False
    lines: "tuple[Line, ...]" = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the tray shows."""

    state: State
    title: str
    detail: str
    menu: tuple[Line, ...]

    @property
    def tooltip(self) -> str:
        """Both lines, as far as there is room for them."""
        both = f"{self.title}\n{self.detail}" if self.detail else self.title
        return both if len(both) <= LONGEST_TITLE else shortened(self.title)


def shortened(text: str, longest: int = LONGEST_TITLE) -> str:
    """Return as much of *text* as there is room for."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def shown(view: View, language: Language) -> Shown:
    """Return what the tray shows of a view."""
    return _Drawing(view, language).shown()


class _Drawing:
    """One view in one language."""

    def __init__(self, view: View, language: Language) -> None:
        self._view, self._language = view, language
        self.gettext = language.gettext
        self._texts = RunTexts(language)

    def shown(self) -> Shown:
        title = self._title()
        return Shown(self._view.status.state, title, self._detail(), self._menu(title))

    # -- the tooltip

    def _title(self) -> str:
        titles = {
            State.RUNNING: self._running,
            State.UNPLUG: self._unplug,
            State.ERROR: self._error,
            State.ATTENTION: self._attention,
            State.WAITING: self._waiting,
            State.PAUSED: self._paused,
            State.SETUP: lambda: self.gettext("Not set up yet – click to start"),
            State.OK: self._protected,
        }
        return titles[self._view.status.state]()

    def _running(self) -> str:
        if not self._view.going:
            return self.gettext("A backup is running.").rstrip(".")
        going = self._view.going[0]
        label = going.place.label
        if going.share is None:
            if going.place.drive:
                return self.gettext("Backing up to “{drive}” – do not unplug", drive=label)
            return self.gettext("Backing up to {place}", place=label)
        percent = self._language.percent(going.share)
        if going.place.drive:
            return self.gettext("Backing up to “{drive}” – {percent}, do not unplug", drive=label, percent=percent)
        return self.gettext("Backing up to {place} – {percent}", place=label, percent=percent)

    def _unplug(self) -> str:
        return self.gettext("Finished – you can unplug “{drive}”", drive=self._first(State.UNPLUG).label)

    def _error(self) -> str:
        last = self._last()
        if last:
            return self.gettext("Backup failed – last good one {when}", when=last)
        return self.gettext("Backup failed – there is no good one yet")

    def _attention(self) -> str:
        reason = next((reason for _, reason in self._problems()), None)
        last = self._last()
        if reason is None or (reason.word in _LATE and last):
            return self.gettext("Attention – no backup since {when}", when=last)
        return self.gettext("Attention – {why}", why=self._texts.reason(reason))

    def _waiting(self) -> str:
        label, last = self._first(State.WAITING).label, self._last()
        if last:
            return self.gettext("Waiting for “{drive}” – last backup {when}", drive=label, when=last)
        return self.gettext("Waiting for “{drive}” – there is no backup yet", drive=label)

    def _paused(self) -> str:
        until, last = self._until(), self._last()
        if last:
            return self.gettext("Paused until {time} – last backup {when}", time=until, when=last)
        return self.gettext("Paused until {time}", time=until)

    def _protected(self) -> str:
        known = [(self._view.place(one.destination), one.verified) for one in self._view.status.destinations]
        drives, usb = sum(place.drive for place, _ in known), self.gettext("USB")
        parts = [
            f"{usb if place.drive and drives == 1 else place.label} {self._when(verified)}"
            for place, verified in known[:_MOST_PLACES]
            if verified is not None
        ]
        if not parts or len(known) > _MOST_PLACES:
            return self._protected_since()
        return self.gettext("Protected – {places}", places=", ".join(parts))

    def _protected_since(self) -> str:
        last = self._last()
        return self.gettext("Protected – last backup {when}", when=last) if last else self._texts.state(State.OK)

    def _detail(self) -> str:
        if self._view.status.state in _URGENT:
            return self._detail_of_trouble()
        if self._view.next_due is not None and self._view.status.state is State.OK:
            return self.gettext("Next backup {when}", when=self._when(self._view.next_due))
        return ""

    def _detail_of_trouble(self) -> str:
        """Return what the title does not say: where, and when all was well."""
        found = next(self._problems(), None)
        if found is None:
            return ""
        name, reason = found
        verified = next((one.verified for one in self._view.status.destinations if one.destination == name), None)
        if verified is None or reason.word in _LATE or self._view.status.state is State.ERROR:
            return self._problem(name, reason)
        return self.gettext(
            "{place}: last backup {when}", place=self._view.place(name).label, when=self._when(verified)
        )

    # -- the menu

    def _menu(self, title: str) -> tuple[Line, ...]:
        problems, switch_off = MOST_PROBLEMS, True
        while True:
            lines = tuple(self._lines(title, problems=problems, switch_off=switch_off))
            if sum(bool(line.text) for line in lines) <= MOST_LINES:
                return lines
            if switch_off:
                switch_off = False
            elif problems:
                problems -= 1
            else:
                return lines

    def _lines(self, title: str, *, problems: int, switch_off: bool) -> Iterator[Line]:
        gettext = self.gettext
        yield Line("open", gettext("Open backup overview"), Order(Verb.OPEN), default=True)
        yield Line("status", self._status_line(title), Order(Verb.OPEN))
        yield from self._problem_lines(problems)
        yield Line("-1")
        yield from self._run_lines(switch_off=switch_off)
        yield from self._drive_lines()
        yield Line("-2")
        yield Line("restore", gettext("Restore…"), Order(Verb.OPEN, "restore"))
        yield Line("history", gettext("History…"), Order(Verb.OPEN, "history"))
        yield Line("-3")
        yield from self._pause_lines()
        yield Line("settings", gettext("Settings…"), Order(Verb.OPEN, "settings"))
        yield Line("help", gettext("Emergency sheet and help…"), Order(Verb.OPEN, "help"))
        yield Line("quit", gettext("Quit until next start"), Order(Verb.QUIT))

    def _status_line(self, title: str) -> str:
        if self._view.status.state is State.OK:
            return self._protected_since()
        reason = next((reason for _, reason in self._problems()), None)
        if self._view.status.state is State.ATTENTION and self._last() and reason and reason.word not in _LATE:
            return self.gettext("Attention – last backup {when}", when=self._last())
        return title

    def _problem_lines(self, most: int) -> Iterator[Line]:
        found = list(self._problems())
        for name, reason in found[:most]:
            text = self.gettext("⚠ {problem}…", problem=self._problem(name, reason))
            yield Line(f"problem {name} {reason.word}", text, Order(Verb.OPEN, "problems"))
        more = len(found) - most
        if more > 0:
            text = self._language.ngettext("{count} more problem…", "{count} more problems…", more)
            yield Line("problems", text, Order(Verb.OPEN, "problems"))

    def _run_lines(self, *, switch_off: bool) -> Iterator[Line]:
        view = self._view
        if view.going:
            yield Line("stop", self.gettext("Stop this backup"), Order(Verb.STOP))
            return
        if not view.targets:
            return
        text = self.gettext("Back up now")
        if len(view.targets) == 1:
            yield Line("now", text, Order(Verb.BACK_UP, view.targets[0].job))
        else:
            each = tuple(
                Line(f"now {one.job}", self._named(one.place, one.job), Order(Verb.BACK_UP, one.job))
                for one in view.targets
            )
            everything = Line("now all", self.gettext("Everything"), Order(Verb.BACK_UP_ALL))
            yield Line("now", text, lines=(everything, *each))
        if switch_off and view.can_switch_off:
            yield Line("off", self.gettext("Back up and switch off"), Order(Verb.SWITCH_OFF))

    def _named(self, place: Place, job: str) -> str:
        same = [one for one in self._view.targets if one.place == place]
        label = self.gettext("USB “{drive}”", drive=place.label) if place.drive else place.label
        return label if len(same) == 1 else f"{label} – {job}"

    def _drive_lines(self) -> Iterator[Line]:
        lines = [
            Line(f"eject {one.id}", self._eject_text(one), Order(Verb.EJECT, one.id)) for one in self._view.attached
        ]
        if len(lines) <= MOST_PROBLEMS:
            yield from lines
        else:
            yield Line("eject", self.gettext("Eject drive"), lines=tuple(lines))

    def _eject_text(self, one: Attached) -> str:
        if one.running:
            return self.gettext("Stop and eject “{drive}”", drive=one.label)
        return self.gettext("Eject drive “{drive}”", drive=one.label)

    def _pause_lines(self) -> Iterator[Line]:
        view = self._view
        if view.paused_until is not None:
            text = self.gettext("Resume backups (paused until {time})", time=self._until())
            yield Line("resume", text, Order(Verb.RESUME))
            return
        if not view.targets:
            return
        until = self.gettext("Until {when}", when=self._when(morning(view.now, view.zone)))
        yield Line(
            "pause",
            self.gettext("Pause backups"),
            lines=(
                Line("pause hour", self.gettext("1 hour"), Order(Verb.PAUSE, HOUR)),
                Line("pause morning", until, Order(Verb.PAUSE, MORNING)),
            ),
        )

    # -- words

    def _problems(self) -> Iterator[tuple[str, Reason]]:
        """Yield what somebody should look at, the worst first, with the destination or nothing."""
        status = self._view.status
        for one in sorted(status.destinations, key=lambda one: one.state is not State.ERROR):
            yield from ((one.destination, reason) for reason in one.reasons if reason.word not in _QUIET)
        yield from (("", reason) for reason in status.reasons if reason.word not in _QUIET)

    def _problem(self, name: str, reason: Reason) -> str:
        if reason.word == "sign-in":
            return self.gettext("Sign in to {place} again", place=self._view.place(name).label)
        why = self._texts.reason(reason)
        return f"{self._view.place(name).label}: {why}" if name else why[:1].upper() + why[1:]

    def _first(self, state: State) -> Place:
        found = next((one for one in self._view.status.destinations if one.state is state), None)
        return self._view.place(found.destination if found else "")

    def _last(self) -> str:
        last = self._view.status.verified
        return "" if last is None else self._when(last)

    def _when(self, moment: datetime) -> str:
        return when(self._language, moment, self._view.now, self._view.zone)

    def _until(self) -> str:
        until, view = self._view.paused_until or self._view.now, self._view
        here = until.astimezone(view.zone)
        return clock(until, view.zone) if here.date() == view.now.astimezone(view.zone).date() else self._when(until)
