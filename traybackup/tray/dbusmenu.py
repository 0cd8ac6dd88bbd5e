"""The menu on the message bus, as panels read it: com.canonical.dbusmenu, version 3.

An *Entry* is a line with a number of its own. A line keeps its number as long as it has the same key, so that a panel
can change a menu that is open: what changed in a line is told alone, and only lines that came or went are a new layout.
Source: libdbusmenu's ``dbus-menu.xml``; what panels do with it was seen in xfce4-panel and lxqt-panel.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from dbus_fast import Variant
from dbus_fast.annotations import DBusBool, DBusInt32, DBusSignature, DBusStr, DBusUInt32, DBusVariant
from dbus_fast.constants import ErrorType, PropertyAccess
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property, dbus_signal

PATH = "/StatusNotifierItem/Menu"
ROOT = 0

Layout = Annotated[list[Any], DBusSignature("(ia{sv}av)")]
Properties = dict[str, Variant]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu; without a text, a separator.

    Attributes:
        key: Tells it from its neighbours, however its text changes.
        clicked: Called when it is chosen; must return at once.
        entries: Of its submenu.
    """

    key: str
    text: str = ""
    enabled: bool = True
    default: bool = False
    checked: bool | None = None
    clicked: Callable[[], object] | None = None
    entries: tuple["Entry", ...] = ()

    def properties(self) -> Properties:
        """Return what a panel has to know; what goes without saying is left out."""
        if not self.text:
            return {"type": Variant("s", "separator")}
        found = {"label": Variant("s", self.text.replace("_", "__"))}
        if not self.enabled:
            found["enabled"] = Variant("b", False)
        if self.entries:
            found["children-display"] = Variant("s", "submenu")
        if self.checked is not None:
            found["toggle-type"] = Variant("s", "checkmark")
            found["toggle-state"] = Variant("i", int(self.checked))
        return found


@dataclass(slots=True)
class _Tree:
    """The lines by their numbers."""

    entries: dict[int, Entry] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=lambda: {ROOT: []})


class Menu(ServiceInterface):
    """The menu as an object on the bus."""

    def __init__(self) -> None:
        super().__init__("com.canonical.dbusmenu")
        self._numbers: dict[tuple[str, ...], int] = {}
        self._tree = _Tree()
        self._revision = 1

    def show(self, entries: Sequence[Entry]) -> None:
        """Show these lines, and tell panels what is new."""
        before, self._tree = self._tree, _Tree()
        self._grow(ROOT, (), entries)
        now = self._tree
        if now.children != before.children:
            self._revision += 1
            self.layout_updated()
        updated: list[list[Any]] = []
        removed: list[list[Any]] = []
        for number in now.entries.keys() & before.entries.keys():
            new, old = now.entries[number].properties(), before.entries[number].properties()
            changed = {name: value for name, value in new.items() if old.get(name) != value}
            if changed:
                updated.append([number, changed])
            if old.keys() - new.keys():
                removed.append([number, sorted(old.keys() - new.keys())])
        if updated or removed:
            self._changes = [updated, removed]
            self.items_properties_updated()

    def _grow(self, above: int, path: tuple[str, ...], entries: Sequence[Entry]) -> None:
        self._tree.children[above] = numbers = []
        for entry in entries:
            key = (*path, entry.key)
            number = self._numbers.setdefault(key, len(self._numbers) + 1)
            numbers.append(number)
            self._tree.entries[number] = entry
            if entry.entries:
                self._grow(number, key, entry.entries)

    def _entry(self, number: int) -> Entry:
        """Return a line; the root is one without anything."""
        if number == ROOT:
            return Entry("", "-", entries=(Entry("-"),))
        if number not in self._tree.entries:
            raise DBusError(ErrorType.INVALID_ARGS, f"no line {number}")
        return self._tree.entries[number]

    def _properties(self, number: int, wanted: Sequence[str]) -> Properties:
        entry = self._entry(number)
        found = {"children-display": Variant("s", "submenu")} if number == ROOT else entry.properties()
        return {name: value for name, value in found.items() if not wanted or name in wanted}

    def _layout(self, number: int, depth: int, wanted: Sequence[str]) -> list[Any]:
        below = self._tree.children.get(number, []) if depth else []
        lines = [Variant("(ia{sv}av)", self._layout(one, depth - 1, wanted)) for one in below]
        return [number, self._properties(number, wanted), lines]

    # -- what panels ask

    @dbus_property(PropertyAccess.READ, "Version")
    def version(self) -> DBusUInt32:
        return 3

    @dbus_property(PropertyAccess.READ, "TextDirection")
    def text_direction(self) -> DBusStr:
        return "ltr"

    @dbus_property(PropertyAccess.READ, "Status")
    def status(self) -> DBusStr:
        return "normal"

    @dbus_property(PropertyAccess.READ, "IconThemePath")
    def icon_theme_path(self) -> Annotated[list[str], DBusSignature("as")]:
        return []

    @dbus_method("GetLayout")
    def get_layout(
        self, parent: DBusInt32, depth: DBusInt32, names: Annotated[list[str], DBusSignature("as")]
    ) -> Annotated[list[Any], DBusSignature("u(ia{sv}av)")]:
        self._entry(parent)
        return [self._revision, self._layout(parent, depth, names)]

    @dbus_method("GetGroupProperties")
    def get_group_properties(
        self,
        numbers: Annotated[list[int], DBusSignature("ai")],
        names: Annotated[list[str], DBusSignature("as")],
    ) -> Annotated[list[Any], DBusSignature("a(ia{sv})")]:
        known = [number for number in numbers or self._tree.entries if number in self._tree.entries or number == ROOT]
        return [[number, self._properties(number, names)] for number in known]

    @dbus_method("GetProperty")
    def get_property(self, number: DBusInt32, name: DBusStr) -> DBusVariant:
        found = self._properties(number, [name])
        if name not in found:
            raise DBusError(ErrorType.INVALID_ARGS, f"no {name}")
        return found[name]

    @dbus_method("Event")
    def event(self, number: DBusInt32, kind: DBusStr, data: DBusVariant, time: DBusUInt32) -> None:  # noqa: ARG002
        if kind == "clicked":
            self._click(self._entry(number))

    @dbus_method("EventGroup")
    def event_group(
        self, events: Annotated[list[Any], DBusSignature("a(isvu)")]
    ) -> Annotated[list[int], DBusSignature("ai")]:
        unknown = [number for number, *_ in events if number != ROOT and number not in self._tree.entries]
        for number, kind, *_ in events:
            if kind == "clicked" and number not in unknown:
                self._click(self._entry(number))
        return unknown

    @dbus_method("AboutToShow")
    def about_to_show(self, number: DBusInt32) -> DBusBool:
        self._entry(number)
        return False

    @dbus_method("AboutToShowGroup")
    def about_to_show_group(
        self, numbers: Annotated[list[int], DBusSignature("ai")]
    ) -> Annotated[list[Any], DBusSignature("aiai")]:
        return [[], [number for number in numbers if number != ROOT and number not in self._tree.entries]]

    def _click(self, entry: Entry) -> None:
        if entry.clicked is not None and entry.enabled:
            entry.clicked()

    # -- what panels are told

    _changes: list[Any]

    @dbus_signal("LayoutUpdated")
    def layout_updated(self) -> Annotated[list[Any], DBusSignature("ui")]:
        return [self._revision, ROOT]

    @dbus_signal("ItemsPropertiesUpdated")
    def items_properties_updated(self) -> Annotated[list[Any], DBusSignature("a(ia{sv})a(ias)")]:
        return self._changes


def walk(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield every line, those of submenus after their own."""
    for entry in entries:
        yield entry
        yield from walk(entry.entries)
