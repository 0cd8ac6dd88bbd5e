"""The menu as pystray has it, from the lines of the model."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from traybackup.app.orders import Order
from traybackup.tray.model import Line

Carry = Callable[[Order], object]
"""Takes an order; must return at once."""

Escape = Callable[[str], str]


def menu_of(pystray: Any, lines: Iterable[Line], carry: Carry, escape: Escape = str) -> Any:
    """Return a pystray menu.

    Args:
        pystray: The module, with whichever backend.
        carry: Called with what a click asks for, in the thread of the icon.
        escape: Makes letters harmless that mean something in menus here.
    """
    return pystray.Menu(*_items(pystray, lines, carry, escape))


def _items(pystray: Any, lines: Iterable[Line], carry: Carry, escape: Escape) -> Iterator[Any]:
    for line in lines:
        if not line.text:
            yield pystray.Menu.SEPARATOR
            continue
        action = menu_of(pystray, line.lines, carry, escape) if line.lines else _action(line.order, carry)
        item = pystray.MenuItem(escape(line.text), action, default=line.default)
        item.key = line.key
        yield item


def _action(order: Order | None, carry: Carry) -> Callable[[Any, Any], object]:
    def clicked(_icon: Any, _item: Any) -> object:
        return carry(order) if order is not None else None

    return clicked
