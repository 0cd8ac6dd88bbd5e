"""The file ``state.sqlite``: a database that may be deleted, and that never stands in the way.

A file that is no database any more is put aside as ``state.broken.sqlite``. Where nothing can be read or written, the
database goes on in memory and says so (`trouble`): backups must not end because this computer's own disk is full.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from traybackup.api.errors import StateUnusable
from traybackup.app.paths import private_folder

T = TypeVar("T")

_VERSION = 1
_BUSY = 10.0
_SCHEMA = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, destination TEXT NOT NULL, trigger TEXT NOT NULL,
    slot TEXT NOT NULL, plug TEXT NOT NULL, started REAL NOT NULL, ended REAL, outcome TEXT, code TEXT, params TEXT,
    retry TEXT, snapshot TEXT NOT NULL DEFAULT '', figures TEXT, token TEXT NOT NULL DEFAULT '',
    disowned INTEGER NOT NULL DEFAULT 0);
CREATE INDEX runs_by_job ON runs (job, id);
CREATE TABLE details (run INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE, content TEXT NOT NULL);
CREATE TABLE verified (
    job TEXT NOT NULL, destination TEXT NOT NULL, snapshot TEXT NOT NULL, time REAL NOT NULL, complete INTEGER NOT NULL,
    PRIMARY KEY (job, destination));
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class StateFile:
    """The database in the file, or in memory. Safe to be used by several threads, and by several processes at once.

    Attributes:
        trouble: Why it is in memory only; None: it is in the file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.trouble: StateUnusable | None = None
        self._lock = threading.RLock()
        self._identity: tuple[int, int] | None = None
        self._open()

    def _open(self) -> None:
        try:
            self._db = _open(self.file)
        except (sqlite3.Error, OSError) as error:
            self._db = _in_memory()
            self.trouble = self._unusable(error)
        self._identity = _identity(self.file)

    def _look(self) -> None:
        """Open the file anew if somebody has deleted it meanwhile: what is noted from now on must be found again."""
        if self.trouble is None and _identity(self.file) != self._identity:
            self._db.close()
            self._open()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return what a query finds."""
        with self._lock:
            self._look()
            try:
                return self._db.execute(query, values).fetchall()
            except sqlite3.Error as error:
                self._leave(error)
                return self._db.execute(query, values).fetchall()

    def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Let *change* work in a transaction, and return what it returns; it is called again if the file fails."""
        with self._lock:
            self._look()
            try:
                return self._in_transaction(change)
            except sqlite3.Error as error:
                self._leave(error)
                return self._in_transaction(change)

    def _in_transaction(self, change: Callable[[sqlite3.Connection], T]) -> T:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            result = change(self._db)
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        return result

    def _leave(self, error: sqlite3.Error) -> None:
        """Go on in memory, with what can still be read."""
        if self.trouble is not None:  # it is there already: the fault is ours
            raise error
        memory = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        try:
            self._db.backup(memory)
            _prepare(memory)
        except sqlite3.Error:
            memory.close()
            memory = _in_memory()
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._db = memory
        self.trouble = self._unusable(error)

    def _unusable(self, error: Exception) -> StateUnusable:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        return StateUnusable(file=str(self.file), reason=reason)


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name; None: there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _in_memory() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    _prepare(db)
    return db


def _open(file: Path) -> sqlite3.Connection:
    """Open the file; put it aside first if it is no database any more."""
    private_folder(file.parent)
    try:
        return _connect(file)
    except sqlite3.OperationalError:  # cannot be opened or written, or is busy: that does not pass by putting it aside
        raise
    except sqlite3.DatabaseError:
        file.replace(file.with_name("state.broken.sqlite"))
        for left in ("state.sqlite-wal", "state.sqlite-shm"):
            file.with_name(left).unlink(missing_ok=True)
        return _connect(file)


def _connect(file: Path) -> sqlite3.Connection:
    file.touch(mode=0o600)
    db = sqlite3.connect(file, timeout=_BUSY, check_same_thread=False, isolation_level=None)
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError  # noqa: TRY301 - as if SQLite had said so
        _check_version(db)
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # that a run has begun must survive a power cut
        db.execute("PRAGMA journal_size_limit = 1048576")
        _prepare(db)
    except BaseException:
        db.close()
        raise
    return db


def _check_version(db: sqlite3.Connection) -> int:
    """Return which version the tables are of; 0: there are none.

    Raises:
        sqlite3.OperationalError: They are of a newer program; nothing was changed.
    """
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version > _VERSION:
        raise sqlite3.OperationalError(f"version {version}")  # noqa: TRY003, EM102 - shown as the database's word
    return version


def _prepare(db: sqlite3.Connection) -> None:
    """Make the tables where there are none."""
    db.execute("PRAGMA foreign_keys = ON")
    if _check_version(db):
        return
    db.execute("BEGIN IMMEDIATE")
    if not _check_version(db):  # nobody else was faster
        for statement in _SCHEMA.split(";")[:-1]:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute("COMMIT")
