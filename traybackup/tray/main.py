"""The tray program: an icon that shows how everything is doing, as long as there is a panel; and its work without one.

The main thread belongs to the icon. The *painter*, a thread, looks anew when something changed and once a minute, and
not more often than once a second; what it draws it hands over to the icon.
"""

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, ModuleType
from typing import Any

from traybackup.app.attendant import Attendant
from traybackup.app.language import Language
from traybackup.app.orders import Order, Verb
from traybackup.app.view import View
from traybackup.tray import hosts, menu, model, pictures
from traybackup.tray.model import Shown
from traybackup.tray.pictures import Theme

LOOK_EVERY = 60.0
LEAST = 1.0
"""Seconds between two pictures."""

HOSTED_WITHIN = 10.0
"""Seconds in which a panel may come before its lack is told; it may still come later."""

Open = Callable[[str], object]
"""Opens the overview, at one of its parts."""


class Tray:
    """The tray of this desktop.

    Args:
        language: Asked anew for each picture: the owner may choose another.
        opens: Opens the overview; called in a thread of its own.
        unhosted: Called once if there is no panel that shows icons.
        hosts: Makes icons.
        begins, ends: Called when everything is there, and before anything is gone.
    """

    def __init__(
        self,
        attendant: Attendant,
        *,
        language: Callable[[], Language],
        opens: Open,
        unhosted: Callable[[], object],
        hosts: ModuleType = hosts,
        begins: Callable[[], object] = bool,
        ends: Callable[[], object] = bool,
        theme: Theme = Theme.DARK,
    ) -> None:
        self._attendant, self._language, self._opens, self._unhosted = attendant, language, opens, unhosted
        self._begins, self._ends, self._theme = begins, ends, theme
        self._dirty, self._end, self._hosted = threading.Event(), threading.Event(), threading.Event()
        self._hosts = hosts
        self._icon: Any = None
        self._pystray: Any = None
        self._shown: Shown | None = None

    def run(self) -> None:
        """Work until somebody ends it; call it from the main thread."""
        self._attendant.changed = self._dirty.set
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        threads = [threading.Thread(target=one, daemon=True) for one in (self._paint, self._wait_for_a_panel)]
        self._open_icon()
        self._draw(self._look())
        for thread in threads:
            thread.start()
        self._attendant.start()
        self._begins()
        self._live()
        self._dirty.set()
        self._ends()
        self._attendant.close()

    def end(self) -> None:
        """End it, from any thread."""
        self._end.set()
        icon = self._icon
        if icon is not None:
            icon.stop()

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=self.end, name="end", daemon=True).start()

    # -- the icon

    def _open_icon(self) -> None:
        with suppress(Exception):  # whatever a desktop lacks: then there is no icon
            self._pystray, self._icon = self._hosts.icon(self._is_hosted, self.end)

    def _live(self) -> None:
        """Be an icon until the end; be nothing to be seen if that fails."""
        while not self._end.is_set():
            icon = self._icon
            if icon is not None:
                with suppress(Exception):  # the desktop has gone, or there is none
                    icon.run()
                if self._end.is_set():
                    return
                if icon is not self._icon:
                    continue
            self._end.wait(LOOK_EVERY / 6)

    def _is_hosted(self, hosted: bool) -> None:  # noqa: FBT001 - what happened
        if hosted:
            self._hosted.set()

    def _wait_for_a_panel(self) -> None:
        if self._hosted.wait(HOSTED_WITHIN) or self._end.is_set() or self._takes_another_icon():
            return
        self._unhosted()

    def _takes_another_icon(self) -> bool:
        """Try pystray's own icon, which old panels show, too; say whether there is one here."""
        old = self._icon
        try:
            self._pystray, self._icon = self._hosts.indicator(self._is_hosted)
            self._shown = None
            self._draw(self._look())
        except Exception:  # noqa: BLE001 - its libraries are not there, or they fail
            self._icon = old
            return False
        if old is not None:
            old.stop()
        return True

    # -- the painter

    def _paint(self) -> None:
        while not self._end.is_set():
            self._dirty.wait(LOOK_EVERY)
            self._dirty.clear()
            if self._end.is_set():
                return
            with suppress(Exception):  # the next look makes up for it
                self._draw(self._look())
            self._end.wait(LEAST)

    def _look(self) -> View:
        return self._attendant.view()

    def _draw(self, view: View) -> None:
        new, old = model.shown(view, self._language()), self._shown
        self._shown = new
        icon = self._icon
        if icon is None:
            return
        if old is None or new.state is not old.state:
            icon.icon = pictures.image(new.state, self._theme)
        if old is None or new.tooltip != old.tooltip:
            icon.title = new.tooltip
        if old is None or new.menu != old.menu:
            escape = getattr(icon, "escape", str)
            icon.menu = menu.menu_of(self._pystray, new.menu, self.carry, escape)

    # -- orders; called in the thread of the icon, so each returns at once

    def notify(self, body: str, title: str) -> None:
        """Show a notification by the icon's own means.

        Raises:
            Exception: It has none.
        """
        if self._icon is None:
            raise NotImplementedError
        self._icon.notify(body, title)

    def carry(self, order: Order) -> None:
        if order.verb is Verb.OPEN:
            threading.Thread(target=self._opens, args=(order.what,), name="open", daemon=True).start()
        elif order.verb is Verb.QUIT:
            threading.Thread(target=self.end, name="end", daemon=True).start()
        else:
            self._attendant.carry(order)
