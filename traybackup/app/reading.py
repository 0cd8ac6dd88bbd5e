"""Reading the configuration: tables of which every field is looked at, and an error that names the field and its line.

A *path* is the field's name with dots between its steps, as in ``jobs.stick.schedule.at.2``; items of a list are
counted from 1.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import NoReturn, TypeVar

from traybackup.api.errors import ConfigInvalid

Table = Mapping[str, object]
T = TypeVar("T")

_LONGEST_SEARCH = 5000


class Reader:
    """Reads tables, and names what is wrong in them.

    Args:
        file: Its name, for errors.
        text: Its content, to find lines in.
    """

    def __init__(self, file: str, text: str = "") -> None:
        self._file = file
        self._text = text

    def refuse(self, path: str, allowed: str) -> NoReturn:
        """Raise that the field at *path* cannot be right."""
        raise ConfigInvalid(file=self._file, path=path, allowed=allowed, line=line_of(self._text, path))

    def known(self, path: str, table: Table, allowed: Iterable[str]) -> None:
        """Refuse a field that nobody knows: it is mistyped."""
        for key in table:
            if key not in allowed:
                self.refuse(f"{path}.{key}".lstrip("."), ", ".join(allowed))

    def table(self, path: str, value: object) -> Table:
        """Return a table."""
        if not isinstance(value, dict):
            self.refuse(path, f"[{path}]")
        return value

    def tables(self, path: str, above: Table, names: re.Pattern[str]) -> list[tuple[str, Table]]:
        """Return the tables in the table *path*, by names that fit."""
        found = []
        for name, value in self.table(path, above.get(path, {})).items():
            if not names.fullmatch(name):
                self.refuse(f"{path}.{name}", names.pattern)
            found.append((name, self.table(f"{path}.{name}", value)))
        return found

    def text(self, path: str, value: object, allowed: str = '"…"') -> str:
        """Return a text that is not empty."""
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            self.refuse(path, allowed)
        return value

    def texts(self, path: str, value: object, allowed: str = '["…"]') -> tuple[str, ...]:
        """Return a list of texts; a single text is a list of one."""
        if isinstance(value, str):
            return (self.text(path, value, allowed),)
        if not isinstance(value, list):
            self.refuse(path, allowed)
        return tuple(self.text(f"{path}.{number}", item, allowed) for number, item in enumerate(value, 1))

    def flag(self, path: str, value: object) -> bool:
        """Return yes or no."""
        if not isinstance(value, bool):
            self.refuse(path, "true, false")
        return value

    def number(self, path: str, value: object, least: float, most: float, *, whole: bool = True) -> float:
        """Return a number between *least* and *most*, both included."""
        kinds = (int,) if whole else (int, float)
        if type(value) not in kinds or not least <= value <= most:  # type: ignore[operator]  # it is a number then
            self.refuse(path, f"{least:g} … {most:g}")
        return value  # type: ignore[return-value]  # same

    def choice(self, path: str, value: object, choices: Mapping[str, T]) -> T:
        """Return what one of the words stands for."""
        if not isinstance(value, str) or value not in choices:
            self.refuse(path, ", ".join(choices))
        return choices[value]

    def moment(self, path: str, value: object) -> time:
        """Return a time of the day, written ``"19:00"``, or as TOML's own time."""
        if isinstance(value, time) and value.second == value.microsecond == 0:
            return value
        found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
        if found is None:
            self.refuse(path, '"19:00"')
        return time(int(found[1]), int(found[2]))


def day_text(value: object) -> object:
    """Return TOML's own date as text; anything else as it is."""
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def line_of(text: str, path: str) -> int:
    """Return the line at which the statement begins that sets the field at *path*, or the last table above it; 0: none.

    Every beginning of the file that is whole is read anew, until the field is in it: that knows all the ways in which
    TOML can say the same.
    """
    lines = text.splitlines(keepends=True)
    if len(lines) > _LONGEST_SEARCH:
        return 0
    while path:
        begin = 1
        for number in range(1, len(lines) + 1):
            try:
                found = tomllib.loads("".join(lines[:number]))
            except (ValueError, RecursionError):
                continue
            if _holds(found, path):
                return begin
            begin = number + 1
        path = path.rpartition(".")[0]
    return 0


def _holds(value: object, path: str) -> bool:
    """Say whether there is a field at *path*; names may have dots in them."""
    if not path:
        return True
    if isinstance(value, list):
        step, _, rest = path.partition(".")
        return step.isdecimal() and 0 < int(step) <= len(value) and _holds(value[int(step) - 1], rest)
    if not isinstance(value, dict):
        return False
    return any(
        path == key or (path.startswith(f"{key}.") and _holds(inner, path[len(key) + 1 :]))
        for key, inner in value.items()
    )
