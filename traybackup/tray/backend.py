"""Our own backend of pystray: the icon on the message bus, for Linux, without GTK and without X.

It does what pystray's own backends do, and besides: a tooltip of two lines, left click, a menu that is changed while it
is open, and a panel that comes late or again.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from dbus_fast.errors import DBusError

from traybackup.tray.dbusmenu import Entry, Menu
from traybackup.tray.pictures import Pixmap, pixmaps
from traybackup.tray.sni import Connection, Face, Item

_VARIABLE = "PYSTRAY_BACKEND"


def _pystray() -> Any:
    """Return pystray without the backend that it would choose: that brings GTK, or fails where there is no X."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "dummy"
    try:
        import pystray  # type: ignore[import-untyped]  # noqa: PLC0415 - it looks at the variable
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
    return pystray


pystray: Any = _pystray()


class Icon(pystray.Icon):  # type: ignore[misc]  # pystray has no types
    """The icon. All methods may be called from any thread but `run`, which belongs to the main one.

    Args:
        hosted: Called with whether there is a panel that shows it, at first and whenever that changes.
    """

    HAS_NOTIFICATION = False

    def __init__(self, *arguments: Any, hosted: Callable[[bool], object] = bool, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._menu_object = Menu()
        self._item = Item(self.name, self._clicked)
        self._connection = Connection(self._item, self._menu_object, hosted)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._picture: tuple[Pixmap, ...] = ()

    # -- pystray's

    def _run(self) -> None:
        asyncio.run(self._live())

    def _run_detached(self) -> None:
        raise NotImplementedError

    async def _live(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._picture = pixmaps(self.icon) if self.icon else ()
        self._icon_valid = True
        self._item.show(self._face())
        try:
            await self._connection.open()
            self._mark_ready()
            waits = [asyncio.ensure_future(self._ended.wait()), asyncio.ensure_future(self._connection.gone())]
            _, left = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for one in left:
                one.cancel()
        finally:
            self._loop = None
            self._connection.close()

    def _stop(self) -> None:
        self._later(self._end)

    def _end(self) -> None:
        if self._ended is not None:
            self._ended.set()

    def _show(self) -> None:
        self._update_title()

    def _hide(self) -> None:
        """Do nothing: it goes with the connection."""

    def _update_icon(self) -> None:
        self._picture = pixmaps(self.icon) if self.icon else ()
        self._icon_valid = True
        self._update_title()

    def _update_title(self) -> None:
        self._later(self._item.show, self._face())

    def _update_menu(self) -> None:
        entries = tuple(_entries(self, self.menu)) if self.menu is not None else ()
        self._later(self._menu_object.show, entries)

    def _notify(self, message: str, title: str | None = None) -> None:
        raise NotImplementedError

    def _remove_notification(self) -> None:
        raise NotImplementedError

    # -- ours

    def _face(self) -> Face:
        title, _, detail = self.title.partition("\n")
        return Face(title, detail, self._picture)

    def _later(self, call: Callable[..., object], *arguments: object) -> None:
        """Call something in the thread of the bus; without one, it is too early or too late for it."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(call, *arguments)

    def _clicked(self) -> None:
        if self.menu is not None:
            self.menu(self)


def _entries(icon: Icon, menu: Any) -> Iterator[Entry]:
    """Yield the lines of a pystray menu."""
    for number, item in enumerate(menu):
        key = str(getattr(item, "key", number))
        if item is pystray.Menu.SEPARATOR:
            yield Entry(f"separator {number}")
        else:
            yield Entry(
                key=key,
                text=item.text,
                enabled=item.enabled,
                default=item.default,
                checked=item.checked,
                clicked=_clicker(icon, item),
                entries=tuple(_entries(icon, item.submenu)) if item.submenu else (),
            )


def _clicker(icon: Icon, item: Any) -> Callable[[], object]:
    return lambda: item(icon)


BUS_TROUBLE = (OSError, ValueError, DBusError)
"""What `Icon.run` raises where there is no message bus."""
