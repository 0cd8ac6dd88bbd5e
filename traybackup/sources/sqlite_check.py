"""Checking the copy of a database, never the owner's own file.

Small databases get SQLite's full check, which also compares every index with its table. That takes about ten times as
long as copying (13 s against 1.6 s for a gigabyte), so large ones get the quick check here, which finds torn, lost and
foreign pages (1.4 s), and the full one when a restore is tried.

Source: https://sqlite.org/pragma.html#pragma_integrity_check.
"""

import re
import sqlite3
from contextlib import closing, suppress
from urllib.parse import quote_from_bytes

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""What SQLite answers when a file is not sound."""

FULL_CHECK = 32 << 20
"""Databases up to this many bytes get the full check."""

_FAULTS_TOLD = 3
_STAND_INS = 50
_MISSING_COLLATION = re.compile(r"no such collation sequence: (.+)", re.DOTALL)
_MISSING_FUNCTION = re.compile(r"(?:unknown|no such) function: (.+?)(?:\(\))?", re.DOTALL)


def _is_fault(error: sqlite3.Error) -> bool:
    """Say whether *error* is about the database, not about memory, the disk or an extension that is missing here."""
    code = error.sqlite_errorcode & 0xFF
    return code in DAMAGED or (code == sqlite3.SQLITE_ERROR and not str(error).startswith(("no such", "unknown")))


class NotChecked(Exception):
    """The check cannot be done; the argument is SQLite's own word."""


class Check:
    """One check, which another thread may interrupt."""

    def __init__(self, path: bytes) -> None:
        """Prepare to check the copy at *path*, which nobody else has open.

        Raises:
            NotChecked: SQLite cannot open it: no file handle is left, say.
        """
        # Immutable, because a database in WAL mode would otherwise make files beside it.
        uri = f"file://{quote_from_bytes(path)}?mode=ro&immutable=1".encode("ascii")
        try:
            self._copy = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise NotChecked(str(error)) from error

    def run(self, *, full: bool) -> list[str]:
        """Return what is wrong with the database, in SQLite's own words; nothing if it is sound.

        A till may have its own collations and functions. They are unknown here, so stand-ins take their place, and the
        check is a quick one then: only the full one would ask for their answers.

        Raises:
            NotChecked: SQLite cannot check it.
        """
        with closing(self._copy) as copied:
            for _ in range(_STAND_INS):
                kind = "integrity_check" if full else "quick_check"
                try:
                    rows = copied.execute(f"PRAGMA {kind}({_FAULTS_TOLD})").fetchall()
                except sqlite3.DatabaseError as error:
                    if self._stand_in(str(error)):
                        full = False
                    elif _is_fault(error):
                        return [str(error)]
                    else:
                        raise NotChecked(str(error)) from error
                else:
                    return [str(row[0]) for row in rows if row[0] != "ok"]
        raise NotChecked

    def interrupt(self) -> None:
        """Stop it soon; it is not checked then."""
        with suppress(sqlite3.ProgrammingError):  # it has ended and is closed
            self._copy.interrupt()

    def _stand_in(self, complaint: str) -> bool:
        """Supply what SQLite says is missing; return whether it was something that can be supplied."""
        if found := _MISSING_COLLATION.fullmatch(complaint):
            self._copy.create_collation(found[1], lambda a, b: (a > b) - (a < b))
        elif found := _MISSING_FUNCTION.fullmatch(complaint):
            self._copy.create_function(found[1], -1, lambda *_: None, deterministic=True)
        else:
            return False
        return True
