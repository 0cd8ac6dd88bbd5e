"""The teller: a thread that tells the owner what he should know, and takes away what is solved.

It looks anew twice a minute and whenever something happened. What is to be told, and whether it is the time for it, is
for `traybackup.app.notices` to say; what was told is kept in the history's file, so that a new start does not tell it
again.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from traybackup.app import newsfrom
from traybackup.app.history import History
from traybackup.app.language import Language
from traybackup.app.notices import GRAVE, QUIET_START, Decision, Notice, Situation, Told, decide, windows
from traybackup.app.orders import Order, Verb
from traybackup.app.view import View
from traybackup.desktop.notify import Chain, Clicked, Desktop, Notifier, Plain, Toast

LOOK_EVERY = 30.0
NAME = "traybackup"
PICTURE = Path(__file__).parents[1] / "pictures" / "traybackup-128.png"
_MEMORY = "told"
_LONGEST_TITLE, _LONGEST_BODY = 63, 255


def notifier(clicked: Clicked, plain: Callable[[str, str], object]) -> Notifier:
    """Return all the ways to show notifications here.

    Args:
        plain: Shows a body and a title without buttons, if it can.
    """
    return Chain((Desktop(NAME, PICTURE, clicked), Plain(plain)))


class Teller:
    """Tells what there is to tell.

    Args:
        look: Returns how everything is doing.
        situation: Returns what it is like here and now.
        language: Asked anew each time.
        carry: Takes the order that a click stands for.
        opened: Makes the way to show things; gets what is to be called for a click.
        failed: Is told of faults of our own.
        passed_on: Is told of everything that is told, for those who are not at this computer.
    """

    def __init__(
        self,
        history: History,
        *,
        look: Callable[[], View],
        situation: Callable[[View], Situation],
        language: Callable[[], Language],
        carry: Callable[[Order], object],
        opened: Callable[[Clicked], Notifier],
        failed: Callable[[Exception], object] = lambda _: None,
        passed_on: Callable[[Notice, str, str], object] = lambda *_: None,
    ) -> None:
        self._history, self._look, self._situation, self._language = history, look, situation, language
        self._carry, self._failed, self._passed_on = carry, failed, passed_on
        self._notifier = opened(self._clicked)
        self._events: deque[Notice] = deque()
        self._gone: deque[str] = deque()
        self._shown: dict[str, Notice] = {}
        self._before: View | None = None
        self._windows_looked_for = False
        self._wake, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; what is on the screen stays there."""
        self._end.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._notifier.close()

    def nudge(self) -> None:
        """Look now."""
        self._wake.set()

    def happened(self, notice: Notice) -> None:
        """Take in an event; returns at once."""
        self._events.append(notice)
        self._wake.set()

    def left(self, about: str) -> None:
        """Take away what was told about a drive, which is gone; returns at once."""
        self._gone.append(about)
        self._wake.set()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the next look makes up for it; what happened is in the log
                self._failed(error)
            self._wake.wait(LOOK_EVERY)
            self._wake.clear()

    def look(self) -> Decision:
        """Tell what there is to tell now."""
        view, language = self._look(), self._language()
        if self._before is not None:
            self._events.extend(newsfrom.recovered(self._before, view))
        self._before = view
        self._withdraw_gone()
        events = [self._events.popleft() for _ in range(len(self._events))]
        standing = newsfrom.standing(view, language)
        memory, here = self._memory(), self._situation(view)
        decision = decide(standing, events, memory, here)
        self._events.extendleft(reversed(decision.kept))
        if decision.memory != memory:
            self._history.remember(_MEMORY, {one: _plain(told) for one, told in decision.memory.items()})
        for one in decision.withdraw:
            self._take_away(one)
        for notice in decision.tell:
            self._tell(notice, language)
        if not self._windows_looked_for and here.up >= QUIET_START:
            self._windows_looked_for = True
            if windows(standing, memory):
                self._carry(Order(Verb.OPEN, "problems"))
        return decision

    def _tell(self, notice: Notice, language: Language) -> None:
        title, body = (
            text if len(text) <= most else f"{text[: most - 1]}…"
            for text, most in zip(newsfrom.words(notice, language), (_LONGEST_TITLE, _LONGEST_BODY), strict=True)
        )
        buttons = tuple((str(n), newsfrom.label(order, language)) for n, order in enumerate(notice.buttons))
        for one in [one for one, shown in self._shown.items() if _outdated(shown, notice)]:
            self._take_away(one)
        self._shown[notice.id] = notice
        self._notifier.show(Toast(notice.id, title, body, buttons, notice.kind in GRAVE))
        self._passed_on(notice, title, body)

    def _withdraw_gone(self) -> None:
        while self._gone:
            about = self._gone.popleft()
            ours = newsfrom.ABOUT_DRIVES - newsfrom.AFTER_DRIVES
            for one, notice in list(self._shown.items()):
                if notice.about == about and notice.kind in ours:
                    self._take_away(one)
            kept = [notice for notice in self._events if notice.about != about or notice.kind not in ours]
            self._events.clear()
            self._events.extend(kept)

    def _take_away(self, one: str) -> None:
        self._shown.pop(one, None)
        self._notifier.withdraw(one)

    def _clicked(self, one: str, key: str) -> None:
        notice = self._shown.get(one)
        if notice is None:
            return
        if key.isdigit() and int(key) < len(notice.buttons):
            self._carry(notice.buttons[int(key)])
        elif not key:
            self._carry(Order(Verb.OPEN, "problems"))

    def _memory(self) -> Mapping[str, Told]:
        found = self._history.recall(_MEMORY)
        if not isinstance(found, dict):
            return {}
        return {str(one): _told(fields) for one, fields in found.items()}


def _outdated(shown: Notice, by: Notice) -> bool:
    """Say whether what is shown of a drive holds no more, because something newer is told of it."""
    drives = newsfrom.ABOUT_DRIVES
    return shown.about == by.about and shown.kind in drives and by.kind in drives and shown.kind is not by.kind


def _plain(told: Told) -> list[object]:
    return [told.times, told.last.isoformat(), told.cause, told.solved]


def _told(fields: list[object]) -> Told:
    times, last, cause, solved = fields
    return replace(Told(int(str(times)), datetime.fromisoformat(str(last))), cause=str(cause), solved=bool(solved))
