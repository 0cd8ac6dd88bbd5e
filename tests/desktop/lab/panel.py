"""Panels that show icons, and what they read of one: its lines, its menu, its pictures.

*Seen* is an icon as a panel sees it over the message bus.
Source: https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem; com.canonical.dbusmenu.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, MessageType, Properties, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from tests.session import wait_until

WATCHER = "org.kde.StatusNotifierWatcher"
_MENU = "com.canonical.dbusmenu"
_ITEM = "org.kde.StatusNotifierItem"

_XFCONFD = "/usr/lib/x86_64-linux-gnu/xfce4/xfconf/xfconfd"

_XFCE = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="{dark}"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="28"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
      <property name="icon-size" type="int" value="22"/>
    </property>
  </property>
</channel>
"""


@contextlib.contextmanager
def xfce(environment: Mapping[str, str], *, dark: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """Run the panel of Xfce with nothing on it but the place for icons."""
    config = Path(environment["XDG_CONFIG_HOME"]) / "xfce4" / "xfconf" / "xfce-perchannel-xml"
    config.mkdir(parents=True, exist_ok=True)
    (config / "xfce4-panel.xml").write_text(_XFCE.format(dark=str(dark).lower()))
    command = ["xfce4-panel", "--disable-wm-check", "--sm-client-disable"]
    with settings(environment), _running(command, environment) as panel:
        yield panel


@contextlib.contextmanager
def settings(environment: Mapping[str, str]) -> Iterator[None]:
    """Run what keeps the settings of Xfce's programs."""
    address, name = environment["DBUS_SESSION_BUS_ADDRESS"], "org.xfce.Xfconf"
    if is_owned(address, name):
        yield
        return
    with subprocess.Popen([_XFCONFD], env=dict(environment), stderr=subprocess.DEVNULL) as daemon:
        try:
            wait_until(lambda: is_owned(address, name))
            yield
        finally:
            daemon.kill()


@contextlib.contextmanager
def lxqt(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the panel of LXQt with nothing on it but the place for icons."""
    config = Path(environment["XDG_CONFIG_HOME"]) / "lxqt"
    config.mkdir(parents=True, exist_ok=True)
    (config / "panel.conf").write_text(
        "[General]\npanels=panel1\n[panel1]\nplugins=statusnotifier\nposition=Top\npanelSize=28\niconSize=22\n"
        "[statusnotifier]\ntype=statusnotifier\n"
    )
    with _running(["lxqt-panel"], environment) as panel:
        yield panel


@contextlib.contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    address = environment["DBUS_SESSION_BUS_ADDRESS"]
    with subprocess.Popen(
        command,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # it starts a process for each of its parts
    ) as panel:
        try:
            wait_until(lambda: is_owned(address, WATCHER))
            yield panel
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(panel.pid, signal.SIGKILL)
    wait_until(lambda: not is_owned(address, WATCHER))


def is_owned(address: str, name: str) -> bool:
    """Say whether somebody has that name on the bus."""
    with contextlib.closing(open_dbus_connection(address)) as bus:
        return bool(bus.send_and_get_reply(message_bus.NameHasOwner(name), timeout=5).body[0])


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a menu."""

    number: int
    label: str
    properties: Mapping[str, Any]
    rows: tuple["Row", ...] = ()


class Seen:
    """The icon of this program, as panels see it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment["DBUS_SESSION_BUS_ADDRESS"]

    def services(self) -> list[str]:
        """Return the names of all icons that a panel knows."""
        watcher = DBusAddress("/StatusNotifierWatcher", WATCHER, WATCHER)
        with self._bus() as bus:
            return list(_answer(bus, Properties(watcher).get("RegisteredStatusNotifierItems"))[0][1])

    def there(self) -> bool:
        """Say whether a panel knows it."""
        return bool(self._own())

    def tooltip(self) -> tuple[str, str]:
        """Return the two lines."""
        found = self._get("ToolTip")
        return found[2], found[3]

    def sizes(self) -> list[int]:
        """Return the widths of its pictures."""
        return [width for width, _, _ in self._get("IconPixmap")]

    def picture(self, size: int) -> bytes:
        """Return the picture of a width."""
        return bytes(next(data for width, _, data in self._get("IconPixmap") if width == size))

    def menu(self) -> tuple[Row, ...]:
        """Return the lines of the menu."""
        menu = DBusAddress(self._get("Menu"), self._service(), _MENU)
        with self._bus() as bus:
            _, root = _answer(bus, new_method_call(menu, "GetLayout", "iias", (0, -1, [])))
        return _row(root).rows

    def labels(self) -> list[str]:
        """Return what the menu says, without separators; the lines of submenus after a ▸."""
        return list(_labels(self.menu()))

    def choose(self, label: str) -> None:
        """Choose the line that says *label*."""
        row = next(row for row in _all(self.menu()) if row.label == label)
        menu = DBusAddress(self._get("Menu"), self._service(), _MENU)
        with self._bus() as bus:
            _answer(bus, new_method_call(menu, "Event", "isvu", (row.number, "clicked", ("i", 0), 0)))

    def activate(self) -> None:
        """Click it with the left button."""
        item = DBusAddress("/StatusNotifierItem", self._service(), _ITEM)
        with self._bus() as bus:
            _answer(bus, new_method_call(item, "Activate", "ii", (0, 0)))

    def _own(self) -> list[str]:
        return [one for one in self.services() if _ITEM in one or one.startswith(":")]

    def _service(self) -> str:
        return self._own()[0].partition("/")[0]

    def _get(self, name: str) -> Any:
        with self._bus() as bus:
            item = DBusAddress("/StatusNotifierItem", self._service(), _ITEM)
            return _answer(bus, Properties(item).get(name))[0][1]

    @contextlib.contextmanager
    def _bus(self) -> Iterator[DBusConnection]:
        with contextlib.closing(open_dbus_connection(self._address)) as bus:
            yield bus


def _answer(bus: DBusConnection, call: Any) -> Any:
    reply = bus.send_and_get_reply(call, timeout=10)
    assert reply.header.message_type is MessageType.method_return, reply.body
    return reply.body


def _row(found: Any) -> Row:
    number, properties, below = found
    plain = {name: value for name, (_, value) in properties.items()}
    return Row(number, plain.get("label", ""), plain, tuple(_row(one) for _, one in below))


def _all(rows: tuple[Row, ...]) -> Iterator[Row]:
    for row in rows:
        yield row
        yield from _all(row.rows)


def _labels(rows: tuple[Row, ...], mark: str = "") -> Iterator[str]:
    for row in rows:
        if row.label:
            yield mark + row.label
        yield from _labels(row.rows, "▸ ")
