"""Copying one SQLite database that is in use, without ever writing to the owner's files.

A *Moment* is what the file system says about a database and the files beside it; it decides the way:

* **live**: another program may have it open. A read-only connection holds one read transaction, in which SQLite's
  backup API copies every page. In WAL mode nobody waits; in the other modes writers wait until the copy is done.
* **still**: a WAL database that nobody has open. A connection would create ``-wal`` and ``-shm`` and leave them behind,
  so it is opened as immutable, and the copy counts only if the file has not been touched meanwhile.
* **aside**: something must be recovered (a WAL without its index, or a hot journal after a crash), or SQLite cannot
  open the file where it is. Database, WAL and journal are copied as they are, the copy counts only if none of them has
  been touched meanwhile, and SQLite recovers the copy.

No other part of this program may open or close the file during the live way: POSIX drops all of a process's locks on a
file as soon as the process closes any handle to it (https://sqlite.org/howtocorrupt.html, 2.2).

Sources: https://sqlite.org/wal.html, https://sqlite.org/lockingv3.html, https://sqlite.org/backup.html.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from traybackup.api.errors import Cancelled
from traybackup.sources.files import READ, SQLITE_MAGIC, settle
from traybackup.sources.sqlite_check import DAMAGED

SIBLINGS = (b"-journal", b"-shm", b"-wal")

HEADER = 100
"""Bytes of a database's header."""

_STEP = 64 << 20
_PATIENCE = 0.5  # seconds that SQLite itself tries again, in steps of milliseconds
_PAUSE = 0.1
_LOCKED = "database is locked"
_SMALLEST_PAGE, _LARGEST_PAGE = 512, 65536
_WAL_VERSION = 2
_FAST = ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE")  # the copy is thrown away after a crash
_IN_USE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_OUT_OF_REACH = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})

Stop = Callable[[], bool]


class Refused(Exception):
    """It is in use in a way that allows no consistent copy now; later may do. The argument is SQLite's own word."""


class Failed(Exception):
    """There will be no consistent copy.

    Attributes:
        reason: SQLite's or the system's own word.
        damaged: The database itself is not sound.
    """

    def __init__(self, reason: str, *, damaged: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.damaged = damaged


@dataclass(frozen=True, slots=True)
class Moment:
    """What the file system says about a database and the files beside it.

    Attributes:
        wal, journal: None if there is no such file, or nothing in it.
        shared: There are both ``-wal`` and ``-shm``, so that a connection has no need to make them.
    """

    database: os.stat_result
    wal: os.stat_result | None
    journal: os.stat_result | None
    shared: bool

    @classmethod
    def of(cls, path: bytes) -> "Moment":
        """Look at the database at *path*."""
        wal, journal = _content_beside(path + b"-wal"), _content_beside(path + b"-journal")
        shared = os.path.lexists(path + b"-wal") and os.path.lexists(path + b"-shm")
        return cls(os.lstat(path), wal, journal, shared)

    def settle(self) -> None:
        """Wait until every later write to any of the files would show."""
        for status in (self.database, self.wal, self.journal):
            if status is not None:
                settle(status)

    def beside(self) -> tuple[tuple[bytes, os.stat_result | None], ...]:
        """Return the files that belong to the database's content, by what their names end in."""
        return ((b"-wal", self.wal), (b"-journal", self.journal))

    def is_still(self, now: "Moment") -> bool:
        """Say whether none of the files has been written to."""
        pairs = ((self.database, now.database), (self.wal, now.wal), (self.journal, now.journal))
        return all(_same(before, after) for before, after in pairs)


def _content_beside(path: bytes) -> os.stat_result | None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return status if status.st_size and stat.S_ISREG(status.st_mode) else None


def _same(before: os.stat_result | None, after: os.stat_result | None) -> bool:
    if before is None or after is None:
        return before is after
    return (before.st_ino, before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_ino,
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def is_database(head: bytes) -> bool:
    """Say whether a file that starts with *head* (100 bytes) is an SQLite database.

    Source: https://sqlite.org/fileformat2.html, 1.3.
    """
    return len(head) >= HEADER and head.startswith(SQLITE_MAGIC) and page_size(head) > 0


def page_size(head: bytes) -> int:
    """Return the page size that a database's header names; 0 if it is none."""
    size = int.from_bytes(head[16:18], "big")
    size = _LARGEST_PAGE if size == 1 else size
    return size if _SMALLEST_PAGE <= size <= _LARGEST_PAGE and size & (size - 1) == 0 else 0


def read_head(path: bytes, folder: int | None = None) -> bytes:
    """Return the first 100 bytes of the regular file at *path*, relative to the open *folder* if there is one."""
    handle = os.open(path, READ, dir_fd=folder)
    try:
        return os.pread(handle, HEADER, 0)
    finally:
        os.close(handle)


def copy(path: bytes, target: bytes, *, deadline: float, stop: Stop) -> tuple[Moment, bool]:
    """Copy the database at *path* to *target*, which must not exist.

    Args:
        deadline: Seconds to go on trying after the first refusal.

    Returns:
        A moment such that every change which is not in the copy shows in the times of a later one; and whether even
        that is doubtful, because a hot journal was recovered whose removal would commit what it holds.

    Raises:
        Failed: There is no copy, and nothing at *target*.
        Cancelled: *stop* said so.
    """
    give_up_at: float | None = None
    while True:
        try:
            return _attempt(path, target, stop)
        except Refused as refusal:
            _remove(target)
            give_up_at = give_up_at or time.monotonic() + deadline
            if time.monotonic() >= give_up_at:
                raise Failed(str(refusal)) from refusal
        except OSError as error:
            _remove(target)
            raise Failed(os.strerror(error.errno or 0)) from error
        except BaseException:
            _remove(target)
            raise
        if stop():
            raise Cancelled
        time.sleep(_PAUSE)


def copy_raw(path: bytes, target: bytes, stop: Stop) -> list[bytes]:
    """Copy the database at *path* as it is, then its WAL and journal; return the suffixes of those that there are.

    Raises:
        OSError: As the system says; nothing is left then.
    """
    try:
        _copy_file(path, target, stop)
        moment = Moment.of(path)
        beside = [suffix for suffix, status in moment.beside() if status is not None]
        for suffix in beside:
            _copy_file(path + suffix, target + suffix, stop)
    except BaseException:
        _remove(target)
        raise
    return beside


def _attempt(path: bytes, target: bytes, stop: Stop) -> tuple[Moment, bool]:
    moment = Moment.of(path)
    moment.settle()
    closed = not moment.shared and _WAL_VERSION in read_head(path)[18:20]
    if closed and moment.wal is None and moment.journal is None:
        _copy_still(path, target, moment, stop)
        return moment, False
    if moment.shared or (moment.wal is None and not closed):
        try:
            if not moment.shared:
                _warm(path, stop)
            _copy_live(path, target, stop, locked=not moment.shared)
        except _OutOfReach:
            _remove(target)
            moment = Moment.of(path)  # root's SQLite sets the owner of a WAL or journal, so their change times are new
            moment.settle()
        else:
            return moment, False
    _copy_aside(path, target, moment, stop)
    return moment, moment.journal is not None


class _OutOfReach(Exception):
    """SQLite cannot open it read-only where it is."""


def _warm(path: bytes, stop: Stop) -> None:
    """Read the file once, so that copying it, during which the till may not write, need not wait for the disk."""
    handle = os.open(path, READ)
    try:
        while os.read(handle, 1 << 20):
            if stop():
                raise Cancelled
    finally:
        os.close(handle)


def _copy_live(path: bytes, target: bytes, stop: Stop, *, locked: bool) -> None:
    try:
        _back_up(_uri(path, "mode=ro"), target, stop, locked=path if locked else None)
    except sqlite3.Error as error:
        if _primary(error) in _OUT_OF_REACH:
            raise _OutOfReach from error
        raise _meaning(error) from error


def _copy_still(path: bytes, target: bytes, moment: Moment, stop: Stop) -> None:
    try:
        _back_up(_uri(path, "mode=ro&immutable=1"), target, stop)
    except sqlite3.Error as error:
        _expect_still(path, moment)  # what looks like damage may be a write in the middle
        raise _meaning(error) from error
    _expect_still(path, moment)


def _copy_aside(path: bytes, target: bytes, moment: Moment, stop: Stop) -> None:
    _copy_file(path, target, stop)
    for suffix, status in moment.beside():
        if status is not None:
            _copy_file(path + suffix, target + suffix, stop)
    _expect_still(path, moment)
    try:
        with closing(_connect(_uri(target, "mode=rw"))) as copied:
            copied.execute("PRAGMA synchronous=OFF")
            copied.execute("PRAGMA schema_version").fetchall()  # the first read recovers
            copied.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.Error as error:
        raise _meaning(error) from error


def _expect_still(path: bytes, moment: Moment) -> None:
    if not moment.is_still(Moment.of(path)):
        raise Refused(_LOCKED)


def _back_up(uri: bytes, target: bytes, stop: Stop, *, locked: bytes | None = None) -> None:
    """Copy all pages through SQLite's backup API, from one read transaction: so it never has to start again.

    Args:
        locked: The file that nobody can write to as long as we read; if somebody did, the lock was worth nothing, as it
            may be on a network drive.
    """

    def after_step(status: int, _remaining: int, _total: int) -> None:
        if stop():
            raise Cancelled
        if status & 0xFF in _IN_USE:
            raise Refused(_LOCKED)

    with closing(_connect(uri)) as source, closing(_connect(_uri(target, "mode=rwc"))) as copied:
        source.execute("BEGIN")
        source.execute("PRAGMA schema_version").fetchall()  # the transaction begins with the first read
        before = os.lstat(locked) if locked else None
        for setting in _FAST:
            copied.execute(f"PRAGMA {setting}")
        (size,) = source.execute("PRAGMA page_size").fetchone()
        source.backup(copied, pages=_STEP // size, progress=after_step)
        if locked and not _same(before, os.lstat(locked)):
            raise Refused(_LOCKED)


def _connect(uri: bytes) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)


def _uri(path: bytes, query: str) -> bytes:
    """Name a file so that SQLite takes every byte as it is; names need not be UTF-8."""
    return f"file://{quote_from_bytes(path)}?{query}".encode("ascii")


def _primary(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _meaning(error: sqlite3.Error) -> Exception:
    if _primary(error) in _IN_USE:
        return Refused(str(error))
    return Failed(str(error), damaged=_primary(error) in DAMAGED)


def _copy_file(path: bytes, target: bytes, stop: Stop) -> None:
    source = os.open(path, READ)
    try:
        copied = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            while piece := os.read(source, 1 << 20):
                while piece:
                    piece = piece[os.write(copied, piece) :]
                if stop():
                    raise Cancelled
        finally:
            os.close(copied)
    finally:
        os.close(source)


def _remove(target: bytes) -> None:
    for suffix in (b"", *SIBLINGS):
        with suppress(FileNotFoundError):
            os.unlink(target + suffix)
