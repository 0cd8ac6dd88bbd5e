"""The icon on the message bus: org.kde.StatusNotifierItem, which panels of today show, without GTK and without X.

A *watcher* is what panels register with; it comes and goes with them, and each time it comes it is told of the icon
anew. Without one there is no icon, and nothing else is lost.
Source: https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem; what panels do with it was seen.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusBool, DBusInt32, DBusObjectPath, DBusSignature, DBusStr
from dbus_fast.constants import PropertyAccess
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

from traybackup.tray.dbusmenu import PATH as MENU_PATH
from traybackup.tray.dbusmenu import Menu
from traybackup.tray.pictures import Pixmap

PATH = "/StatusNotifierItem"
WATCHER = "org.kde.StatusNotifierWatcher"
_WATCHER_PATH = "/StatusNotifierWatcher"
_BUS = "org.freedesktop.DBus"

Pixmaps = Annotated[list[list[Any]], DBusSignature("a(iiay)")]
ToolTip = Annotated[list[Any], DBusSignature("(sa(iiay)ss)")]


@dataclass(frozen=True, slots=True)
class Face:
    """What the icon shows: a picture, and two lines when the mouse rests on it."""

    title: str = ""
    detail: str = ""
    picture: tuple[Pixmap, ...] = ()


class Item(ServiceInterface):
    """The icon as an object on the bus.

    Args:
        clicked: Called for a click that is not for the menu; must return at once.
    """

    def __init__(self, name: str, clicked: Callable[[], object]) -> None:
        super().__init__("org.kde.StatusNotifierItem")
        self._id, self._clicked = name, clicked
        self._face = Face()

    def show(self, face: Face) -> None:
        """Show this, and tell panels what is new."""
        before, self._face = self._face, face
        if face.picture != before.picture:
            self.new_icon()
        if (face.title, face.detail) != (before.title, before.detail):
            self.new_title()
            self.new_tool_tip()

    def _pixmaps(self) -> list[list[Any]]:
        return [list(one) for one in self._face.picture]

    # -- what panels ask

    @dbus_property(PropertyAccess.READ, "Category")
    def category(self) -> DBusStr:
        return "ApplicationStatus"

    @dbus_property(PropertyAccess.READ, "Id")
    def id(self) -> DBusStr:
        return self._id

    @dbus_property(PropertyAccess.READ, "Title")
    def title(self) -> DBusStr:
        return self._face.title

    @dbus_property(PropertyAccess.READ, "Status")
    def status(self) -> DBusStr:
        return "Active"

    @dbus_property(PropertyAccess.READ, "WindowId")
    def window_id(self) -> DBusInt32:
        return 0

    @dbus_property(PropertyAccess.READ, "IconThemePath")
    def icon_theme_path(self) -> DBusStr:
        return ""

    @dbus_property(PropertyAccess.READ, "IconName")
    def icon_name(self) -> DBusStr:
        return ""

    @dbus_property(PropertyAccess.READ, "IconPixmap")
    def icon_pixmap(self) -> Pixmaps:
        return self._pixmaps()

    @dbus_property(PropertyAccess.READ, "OverlayIconName")
    def overlay_icon_name(self) -> DBusStr:
        return ""

    @dbus_property(PropertyAccess.READ, "OverlayIconPixmap")
    def overlay_icon_pixmap(self) -> Pixmaps:
        return []

    @dbus_property(PropertyAccess.READ, "AttentionIconName")
    def attention_icon_name(self) -> DBusStr:
        return ""

    @dbus_property(PropertyAccess.READ, "AttentionIconPixmap")
    def attention_icon_pixmap(self) -> Pixmaps:
        return []

    @dbus_property(PropertyAccess.READ, "AttentionMovieName")
    def attention_movie_name(self) -> DBusStr:
        return ""

    @dbus_property(PropertyAccess.READ, "ToolTip")
    def tool_tip(self) -> ToolTip:
        return ["", [], self._face.title, self._face.detail]

    @dbus_property(PropertyAccess.READ, "ItemIsMenu")
    def item_is_menu(self) -> DBusBool:
        return False

    @dbus_property(PropertyAccess.READ, "Menu")
    def menu(self) -> DBusObjectPath:
        return MENU_PATH

    @dbus_method("Activate")
    def activate(self, x: DBusInt32, y: DBusInt32) -> None:  # noqa: ARG002 - where does not matter
        self._clicked()

    @dbus_method("SecondaryActivate")
    def secondary_activate(self, x: DBusInt32, y: DBusInt32) -> None:  # noqa: ARG002 - same
        self._clicked()

    @dbus_method("ContextMenu")
    def context_menu(self, x: DBusInt32, y: DBusInt32) -> None:
        """Do nothing: who shows the menu has read it."""

    @dbus_method("Scroll")
    def scroll(self, delta: DBusInt32, orientation: DBusStr) -> None:
        """Do nothing."""

    @dbus_method("ProvideXdgActivationToken")
    def provide_xdg_activation_token(self, token: DBusStr) -> None:
        """Do nothing: a browser has its own."""

    # -- what panels are told

    @dbus_signal("NewTitle")
    def new_title(self) -> None:
        """Tell that the title is another."""

    @dbus_signal("NewIcon")
    def new_icon(self) -> None:
        """Tell that the picture is another."""

    @dbus_signal("NewToolTip")
    def new_tool_tip(self) -> None:
        """Tell that the tooltip is another."""


class Connection:
    """The icon and its menu, from its way onto the bus until it is gone.

    Args:
        hosted: Called with whether there is a panel that shows the icon, at first and whenever that changes.
    """

    def __init__(self, item: Item, menu: Menu, hosted: Callable[[bool], object]) -> None:
        self._item, self._menu, self._hosted = item, menu, hosted
        self._bus: MessageBus | None = None
        self._name = f"org.kde.StatusNotifierItem-{os.getpid()}-1"
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Go onto the bus, and to the panel if there is one.

        Raises:
            OSError, ValueError, dbus_fast.errors.DBusError: There is no bus.
        """
        bus = self._bus = await MessageBus().connect()
        bus.export(PATH, self._item)
        bus.export(MENU_PATH, self._menu)
        await bus.request_name(self._name)
        bus.add_message_handler(self._heard)
        rule = f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{WATCHER}'"
        await self._call(_BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", [rule])
        await self._register()

    async def gone(self) -> None:
        """Return when the bus is gone."""
        if self._bus is not None:
            with suppress(OSError, EOFError):
                await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]  # the library lacks it

    def close(self) -> None:
        """Leave the bus; the icon goes with that."""
        if self._bus is not None:
            self._bus.disconnect()

    async def _register(self) -> None:
        reply = await self._call(WATCHER, _WATCHER_PATH, WATCHER, "RegisterStatusNotifierItem", "s", [self._name])
        self._hosted(reply)

    async def _call(
        self, to: str, path: str, interface: str, member: str, signature: str, body: Sequence[object]
    ) -> bool:
        """Call somebody; return whether he did it."""
        assert self._bus is not None  # noqa: S101 - only called between open and close
        message = Message(
            destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        reply = await self._bus.call(message)
        return reply.message_type is MessageType.METHOD_RETURN

    def _heard(self, message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL or message.member != "NameOwnerChanged":
            return
        name, _, owner = message.body
        if name != WATCHER:
            return
        if owner:
            task = asyncio.get_running_loop().create_task(self._register())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._hosted(False)
