"""Notifications: how something is shown in the corner of the screen. *Toast* is one; *Notifier* shows it.

There are several ways, which are tried one after another (*Chain*); where none works, the icon and its menu say the
same. What a click asks for is told by the key of the button; a click on the toast itself has an empty key.
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

_WITHIN = 5.0
"""Seconds in which a notification daemon has to answer."""


@dataclass(frozen=True, slots=True)
class Toast:
    """Something to show.

    Attributes:
        id: A new one of the same id replaces the old one.
        buttons: Their keys and what they say.
        lasting: It stays until somebody has seen it.
    """

    id: str
    title: str
    body: str
    buttons: tuple[tuple[str, str], ...] = ()
    lasting: bool = False


Clicked = Callable[[str, str], object]
"""Told of the toast's id and of the button's key."""


class Notifier(ABC):
    """A way to show notifications. No method raises; each returns within some seconds."""

    @abstractmethod
    def show(self, toast: Toast) -> bool:
        """Show a toast in the place of the one with the same id; say whether that worked."""

    @abstractmethod
    def withdraw(self, toast: str) -> None:
        """Take a toast away, if it is still there."""

    def close(self) -> None:
        """End; toasts stay."""


class Desktop(Notifier):
    """The desktop's own notifications, with buttons. Nothing of it is loaded before the first one.

    Args:
        clicked: Called in a thread of its own; must return at once.
    """

    def __init__(self, name: str, icon: Path, clicked: Clicked) -> None:
        self._name, self._icon, self._clicked = name, icon, clicked
        self._loop: asyncio.AbstractEventLoop | None = None
        self._notifier: Any = None
        self._shown: dict[str, str] = {}
        self._lock = threading.Lock()

    def show(self, toast: Toast) -> bool:
        try:
            return bool(self._do(self._show(toast)))
        except Exception:  # noqa: BLE001 - no bus, no daemon, or one that fails: then there is another way
            return False

    def withdraw(self, toast: str) -> None:
        if self._loop is not None:
            with suppress(Exception):  # it is gone already, or the daemon is
                self._do(self._clear(toast))

    def close(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _do(self, work: Any) -> object:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="notifications", daemon=True).start()
        done: Future[object] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(_WITHIN)

    async def _show(self, toast: Toast) -> bool:
        import desktop_notifier  # noqa: PLC0415 - not before it is needed

        if self._notifier is None:
            icon = desktop_notifier.Icon(path=self._icon)
            self._notifier = desktop_notifier.DesktopNotifier(self._name, icon)
        try:
            await self._notifier.get_capabilities()  # the only call that says so when there is no daemon
        except Exception:
            self._notifier = None  # a daemon that comes later needs a new connection
            raise
        await self._clear(toast.id)
        urgency = desktop_notifier.Urgency
        self._shown[toast.id] = await self._notifier.send(
            toast.title,
            toast.body,
            urgency=urgency.Critical if toast.lasting else urgency.Normal,
            buttons=[
                desktop_notifier.Button(title=text, on_pressed=partial(self._clicked, toast.id, key))
                for key, text in toast.buttons
            ],
            on_clicked=partial(self._clicked, toast.id, ""),
        )
        return True

    async def _clear(self, toast: str) -> None:
        shown = self._shown.pop(toast, None)
        if shown is not None and self._notifier is not None:
            with suppress(Exception):  # somebody has closed it
                await self._notifier.clear(shown)


class Plain(Notifier):
    """A way without buttons, such as the icon's own.

    Args:
        show: Shows a body with a title; may raise whatever it likes.
    """

    def __init__(self, show: Callable[[str, str], object]) -> None:
        self._show = show

    def show(self, toast: Toast) -> bool:
        try:
            self._show(toast.body, toast.title)
        except Exception:  # noqa: BLE001 - it is another's, and only a way among others
            return False
        return True

    def withdraw(self, toast: str) -> None:
        """Do nothing: it goes by itself."""


class Chain(Notifier):
    """Several ways; the first that works is taken."""

    def __init__(self, ways: Sequence[Notifier]) -> None:
        self._ways = tuple(ways)

    def show(self, toast: Toast) -> bool:
        return any(way.show(toast) for way in self._ways)

    def withdraw(self, toast: str) -> None:
        for way in self._ways:
            way.withdraw(toast)

    def close(self) -> None:
        for way in self._ways:
            way.close()
