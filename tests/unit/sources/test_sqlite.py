"""Databases: while a till is writing, after it crashed, and when it refuses, what is saved opens and is complete."""

import errno
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path

import pytest

from traybackup.api.errors import Cancelled, SourceUnreadable
from traybackup.api.progress import Cancel
from traybackup.api.source import Finding, Item, Metadata, Selection
from traybackup.sources import sqlite_check, sqlite_copy
from traybackup.sources.files import settle
from traybackup.sources.folder import FolderSource
from traybackup.sources.scratch import Scratch

Opener = Callable[..., FolderSource]
Lister = Callable[[FolderSource], dict[bytes, Item]]
SIBLINGS = (b"till.db-journal", b"till.db-shm", b"till.db-wal")
ROLLBACK = ["delete", "truncate", "persist"]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


class Till:
    """A till in another process, with 100 receipts written and whatever more it was told to do."""

    def __init__(self, database: Path, journal_mode: str, what: str) -> None:
        self.database = database
        script = Path(__file__).with_name("till.py")
        command = [sys.executable, script, database, journal_mode, what]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._told: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._is_ready = threading.Event()
        self._reader.start()
        self._is_ready.wait()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._told.append(line.strip())
            if self._told[-1] == "ready":
                self._is_ready.set()
        self._is_ready.set()  # it has crashed, as told

    @property
    def receipts(self) -> int:
        """How many are committed by now, for certain."""
        return sum(line.isdecimal() for line in tuple(self._told))

    @property
    def refused(self) -> int:
        """How often it could not write."""
        return self._told.count("refused")

    def writes_on(self, beyond: int = 0) -> bool:
        """Wait until one more receipt is committed, and more than *beyond*."""
        before = max(self.receipts, beyond)
        give_up_at = time.monotonic() + 60
        while self.receipts <= before and time.monotonic() < give_up_at:
            time.sleep(0.001)
        return self.receipts > before

    def stop(self) -> None:
        with suppress(BrokenPipeError):
            (self._process.stdin or sys.stdin).close()
        self._process.wait()
        self._reader.join()
        (self._process.stdout or sys.stdout).close()


@pytest.fixture
def till(shop: Path) -> Iterator[Callable[[str, str], Till]]:
    """Return a function that starts a till."""
    started: list[Till] = []

    def start(journal_mode: str, what: str, name: str | bytes = "till.db") -> Till:
        started.append(Till(Path(os.fsdecode(os.path.join(os.fsencode(shop), os.fsencode(name)))), journal_mode, what))
        return started[-1]

    yield start
    for one in started:
        one.stop()


class Saved:
    """A file as a source hands it over."""

    def __init__(self, source: FolderSource, item: Item) -> None:
        assert source.read_small(item, 1 << 30) is None
        with source.open(item) as content:
            self.data = b"".join(iter(lambda: content.read(1 << 20), b""))
            self.metadata: Metadata = content.metadata() or item.metadata
            self.findings = list(content.check())
            self.block_size = content.block_size
        assert self.metadata.size == len(self.data)

    def count(self, folder: Path) -> int:
        """Check the database through and through; return how many receipts it holds, each with its three lines."""
        path = folder / "restored.db"
        path.write_bytes(self.data)
        with closing(sqlite3.connect(path)) as restored:
            assert restored.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert restored.execute("PRAGMA foreign_key_check").fetchall() == []
            (receipts,) = restored.execute("SELECT count(*) FROM receipt").fetchone()
            (lines,) = restored.execute("SELECT count(*) FROM line").fetchone()
        assert lines == 3 * receipts
        path.unlink()
        return int(receipts)


def fingerprint(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and modification time of every file; what SQLite's shared memory holds is its own business."""
    return {
        path.name: (b"" if path.name.endswith("-shm") else path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.iterdir()
        if not path.name.endswith("-shm")
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make(path: Path, *statements: str, page_size: int = 4096) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={page_size}")
        for statement in statements or ("CREATE TABLE receipt(id INTEGER PRIMARY KEY)",):
            connection.execute(statement)
    return path


def damage(path: Path, at: int, data: bytes) -> bytes:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)
    return path.read_bytes()


# -- while the till is in use ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal_mode", ["wal", *ROLLBACK, "memory"])
def test_busy_till(
    shop: Path, tmp_path: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str
) -> None:
    """While another process writes without pause, every copy is sound and holds all that was committed before it."""
    writer = till(journal_mode, "busy")
    for _ in range(3):
        source = source_of(shop)
        item = below(source)[b"till.db"]
        committed = writer.receipts
        saved = Saved(source, item)
        assert saved.count(tmp_path) >= committed
        assert saved.findings == source.findings == []
        assert saved.block_size == 16384
        assert writer.writes_on()


@pytest.mark.parametrize("journal_mode", ["wal", "persist"])
def test_siblings_are_left_out(
    shop: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str
) -> None:
    """What lies beside a database is not saved, because the copy holds it, also if the database was not read anew."""
    till(journal_mode, "idle")
    (shop / "other-wal").write_bytes(b"no database of that name"), (shop / "note").write_bytes(b"x" * 200)
    (shop / "note-journal").write_bytes(b"beside what is no database")
    for copied in (False, True):
        source = source_of(shop)
        items = below(source)
        if copied:
            Saved(source, items[b"till.db"])
        left_out = [name for name, item in items.items() if not source.wanted(item)]
        assert sorted(left_out) == sorted(name for name in SIBLINGS if name in items)
        assert left_out


def test_till_is_never_refused(shop: Path, till: Callable[..., Till], source_of: Opener, below: Lister) -> None:
    """A till in WAL mode that never waits for a lock is never refused because of a copy."""
    writer = till("wal", "impatient")
    for _ in range(5):
        source = source_of(shop)
        Saved(source, below(source)[b"till.db"])
        assert writer.writes_on()
    assert writer.refused == 0


@pytest.mark.parametrize("journal_mode", ["wal", *ROLLBACK])
def test_nothing_is_left_behind(
    shop: Path, work: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str
) -> None:
    """A database that nobody has open stays as it is, without new files beside it, and no copy of it remains."""
    till(journal_mode, "idle").stop()
    before = fingerprint(shop), names(shop)
    source = source_of(shop)
    Saved(source, below(source)[b"till.db"])
    assert (fingerprint(shop), names(shop)) == before
    source.close()
    assert names(work) == []


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_till_alone(
    shop: Path, tmp_path: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str
) -> None:
    """A till that keeps its database to itself is copied in a quiet moment if it has a WAL, and saved raw if not."""
    till(journal_mode, "idle-alone")
    before = fingerprint(shop), names(shop)
    source = source_of(shop, deadline=0.2)
    saved = Saved(source, below(source)[b"till.db"])
    assert (fingerprint(shop), names(shop)) == before
    assert [finding.code for finding in saved.findings] == ([] if journal_mode == "wal" else ["sqlite-saved-raw"])
    assert saved.count(tmp_path) == 100


# -- after a crash ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["crash", "torn"])
@pytest.mark.parametrize("index", [True, False], ids=["with -shm", "without -shm"])
def test_wal_left_by_a_crash(
    shop: Path, tmp_path: Path, till: Callable[..., Till], source_of: Opener, below: Lister, what: str, *, index: bool
) -> None:
    """What only the WAL of a crashed till holds is in the copy, and the till's files stay as they are."""
    till("wal", what).stop()
    if not index:
        (shop / "till.db-shm").unlink()
    before = fingerprint(shop), names(shop)
    source = source_of(shop)
    items = below(source)
    saved = Saved(source, items[b"till.db"])
    assert saved.count(tmp_path) == 100
    assert saved.findings == []
    assert not source.wanted(items[b"till.db-wal"])
    assert (fingerprint(shop), names(shop)) == before


@pytest.mark.parametrize("journal_mode", ROLLBACK)
def test_hot_journal(
    shop: Path, tmp_path: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str
) -> None:
    """What a crashed till did not commit is rolled back in the copy, never in its own files, and next time again."""
    till(journal_mode, "torn").stop()
    before = fingerprint(shop), names(shop)
    source = source_of(shop)
    items = below(source)
    saved = Saved(source, items[b"till.db"])
    assert saved.count(tmp_path) == 100
    assert saved.findings == []
    assert saved.metadata.changed == 0
    assert not source.wanted(items[b"till.db-journal"])
    assert (fingerprint(shop), names(shop)) == before


# -- when it refuses -------------------------------------------------------------------------------------------------


def test_locked_beyond_the_deadline(
    shop: Path, tmp_path: Path, till: Callable[..., Till], source_of: Opener, below: Lister
) -> None:
    """A database that stays locked is saved as it is after the deadline, with its journal, and the run says so."""
    till("persist", "locked")
    source = source_of(shop, deadline=0.3)
    items = below(source)
    began = time.monotonic()
    saved = Saved(source, items[b"till.db"])
    assert 0.3 <= time.monotonic() - began < 20
    assert saved.findings == [Finding("sqlite-saved-raw", items[b"till.db"].path, "database is locked")]
    assert saved.data == (shop / "till.db").read_bytes()
    assert saved.count(tmp_path) == 100
    assert source.wanted(items[b"till.db-journal"])
    assert saved.metadata.changed == 0


def test_raw_files_belong_together(shop: Path, till: Callable[..., Till], source_of: Opener, below: Lister) -> None:
    """Database and WAL that must be saved raw are put aside in one go, so that later receipts are in neither."""
    till("wal", "idle").stop()
    till("wal", "crash").stop()
    spoilt, wal = damage(shop / "till.db", 4096 * 6, bytes(4096)), (shop / "till.db-wal").read_bytes()
    source = source_of(shop)
    items = below(source)
    saved = Saved(source, items[b"till.db"])
    assert [finding.code for finding in saved.findings] == ["sqlite-damaged"]
    assert saved.data == spoilt
    (shop / "till.db-wal").write_bytes(b"later receipts")
    assert source.wanted(items[b"till.db-wal"])
    beside = Saved(source, items[b"till.db-wal"])
    assert beside.data == wal
    assert beside.metadata.changed == 0


def test_lock_is_released_in_time(shop: Path, till: Callable[..., Till], source_of: Opener, below: Lister) -> None:
    """A database that is locked for a while is copied as soon as it is free."""
    writer = till("delete", "locked")
    source = source_of(shop, deadline=60)
    content = source.open(below(source)[b"till.db"])
    assert not content.ready()
    writer.stop()
    with content:
        assert content.read(16) == b"SQLite format 3\0"
        assert content.ready()
        assert content.check() == []


def test_other_files_meanwhile(shop: Path, till: Callable[..., Till], source_of: Opener, below: Lister) -> None:
    """Waiting for a database keeps nobody from reading other files, except for the same one under another name."""
    writer = till("delete", "locked")
    (shop / "note").write_bytes(b"hello")
    os.link(shop / "till.db", shop / "link.db")
    settle((shop / "link.db").stat())
    source = source_of(shop, deadline=60)
    items = below(source)
    with source.open(items[b"till.db"]) as content:
        assert source.read_small(items[b"note"], 100) == b"hello"
        assert source.read_small(items[b"link.db"], 1 << 30) is None  # opening and closing it would drop our locks
        opened = threading.Event()
        second = threading.Thread(target=lambda: (source.open(items[b"link.db"]).close(), opened.set()))
        second.start()
        assert not opened.wait(0.2)
        writer.stop()
        content.read(1)
        assert opened.wait(60)
        second.join()


@pytest.mark.parametrize("how", ["cancel", "close", "close the source"])
def test_stopped(shop: Path, work: Path, till: Callable[..., Till], walk: Lister, how: str) -> None:
    """Waiting for a database ends within two seconds when somebody asks to stop, and leaves nothing behind."""
    till("delete", "locked")
    cancel = Cancel()
    source = FolderSource([shop], Selection(), work_dir=work, cancel=cancel, deadline=600)
    content = source.open(walk(source)[os.fsencode(shop / "till.db")])
    began = time.monotonic()
    {"cancel": cancel.set, "close": content.close, "close the source": source.close}[how]()
    with pytest.raises(Cancelled):
        content.read(1)
    source.close()
    assert time.monotonic() - began < 2
    assert names(work) == []


def test_lock_that_is_worth_nothing(
    shop: Path, tmp_path: Path, till: Callable[..., Till], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a till can write in the middle of a copy because the lock was lost, the copy is thrown away and made anew."""
    writer = till("delete", "busy")
    monkeypatch.setattr(sqlite_copy, "_STEP", 4096 * 5)
    monkeypatch.setattr(sqlite_copy, "_warm", lambda *_: None)
    events: list[str] = []

    def lose_the_lock() -> bool:
        events.append("step")
        if len(events) == 1:
            with (shop / "till.db").open("rb"):
                pass  # closing any handle drops this process's locks
            assert writer.writes_on()
        return False

    def remove(target: bytes) -> None:
        events.append("thrown away")
        remove_it(target)

    target = tmp_path / "copy.db"
    remove_it = sqlite_copy._remove
    monkeypatch.setattr(sqlite_copy, "_remove", remove)
    sqlite_copy.copy(os.fsencode(shop / "till.db"), os.fsencode(target), deadline=60, stop=lose_the_lock)
    assert "thrown away" in events
    with closing(sqlite3.connect(target)) as copied:
        assert copied.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (missing,) = copied.execute(
            "SELECT 3 * (SELECT count(*) FROM receipt) - (SELECT count(*) FROM line)"
        ).fetchone()
    assert missing == 0


# -- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_damaged(shop: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str) -> None:
    """A damaged database is saved as it is, and the run says that the database itself is damaged."""
    till(journal_mode, "idle").stop()
    spoilt = damage(shop / "till.db", 4096 * 6, os.urandom(4096))
    source = source_of(shop)
    saved = Saved(source, below(source)[b"till.db"])
    assert [finding.code for finding in saved.findings] == ["sqlite-damaged"]
    assert saved.findings[0].detail
    assert saved.data == spoilt


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
@pytest.mark.parametrize("length", [150, 4096, 4096 * 5 + 77])
def test_cut_off(
    shop: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str, length: int
) -> None:
    """A database that ends too early is saved as it is, and said to be damaged."""
    till(journal_mode, "idle").stop()
    os.truncate(shop / "till.db", length)
    source = source_of(shop)
    saved = Saved(source, below(source)[b"till.db"])
    assert [finding.code for finding in saved.findings] == ["sqlite-damaged"]
    assert saved.data == (shop / "till.db").read_bytes()


def test_header_only(shop: Path, source_of: Opener, below: Lister) -> None:
    """A file that begins like a database and goes on like none is saved byte for byte, and told."""
    data = b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20" + os.urandom(20_000)
    (shop / "till.db").write_bytes(data)
    source = source_of(shop)
    saved = Saved(source, below(source)[b"till.db"])
    assert saved.data == data
    assert [finding.code for finding in saved.findings] == ["sqlite-damaged"]


@pytest.mark.parametrize(
    "data",
    [
        os.urandom(8192),
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\x03\xe8" + bytes(200),
        b"SQLite format 2\0" * 99,
    ],
    ids=["encrypted", "too short", "page size 1000", "older"],
)
def test_no_database(shop: Path, source_of: Opener, below: Lister, data: bytes) -> None:
    """What is no SQLite 3 database, such as an encrypted one, is a file like any other; so is what lies beside it."""
    (shop / "till.db").write_bytes(data), (shop / "till.db-wal").write_bytes(b"beside")
    source = source_of(shop)
    items = below(source)
    with source.open(items[b"till.db"]) as content:
        assert content.read(1 << 20) == data
        assert content.block_size is None
        assert content.check() == ()
    assert source.wanted(items[b"till.db-wal"])
    assert source.findings == []


# -- the copy's own troubles -----------------------------------------------------------------------------------------


def test_no_room(shop: Path, source_of: Opener, below: Lister, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for a copy, database and WAL are saved where they are, and the run says why."""
    with closing(sqlite3.connect(shop / "till.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE receipt(id INTEGER PRIMARY KEY)")
        monkeypatch.setattr(Scratch, "room", lambda _: 16 << 20)
        source = source_of(shop)
        items = below(source)
        saved = Saved(source, items[b"till.db"])
        assert saved.data == (shop / "till.db").read_bytes()
        assert source.wanted(items[b"till.db-wal"])
        assert not source.wanted(items[b"till.db-shm"])
        with source.open(items[b"till.db-wal"]) as content:
            assert content.read(1 << 20) == (shop / "till.db-wal").read_bytes()
    no_room = os.strerror(errno.ENOSPC)
    assert saved.findings == [Finding("sqlite-saved-raw", items[b"till.db"].path, no_room)]
    assert saved.metadata.changed == 0


def test_disk_fills_up(shop: Path, work: Path, till: Callable[..., Till], source_of: Opener, below: Lister) -> None:
    """If the copy cannot be written to its end, the database is saved where it is, and no half copy remains."""
    till("delete", "idle").stop()
    source = source_of(shop)
    item = below(source)[b"till.db"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # no file may grow beyond
    try:
        saved = Saved(source, item)
        assert [list(folder.iterdir()) for folder in work.iterdir()] == [[]]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [finding.code for finding in saved.findings] == ["sqlite-saved-raw"]
    assert saved.data == (shop / "till.db").read_bytes()


def test_no_work_folder(shop: Path, work: Path, source_of: Opener, below: Lister) -> None:
    """If copies cannot be made at all, the database is saved where it is, and the run says why."""
    make(shop / "till.db")
    work.write_bytes(b"a file where a folder should be")
    source = source_of(shop)
    saved = Saved(source, below(source)[b"till.db"])
    assert saved.data == (shop / "till.db").read_bytes()
    assert [(finding.code, finding.detail) for finding in saved.findings] == [
        ("sqlite-saved-raw", os.strerror(errno.EEXIST))
    ]


def test_vanished(shop: Path, source_of: Opener, below: Lister) -> None:
    """A database that is gone before it is opened is gone; one that goes while it waits to be copied is unreadable."""
    make(shop / "till.db")
    source = source_of(shop)
    item = below(source)[b"till.db"]
    with closing(sqlite3.connect(shop / "till.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        content = source.open(item)
        (shop / "till.db").unlink()
        with content, pytest.raises(SourceUnreadable) as caught:
            content.read(1)
    assert caught.value.params == {"path": str(shop / "till.db"), "reason": os.strerror(errno.ENOENT)}
    with pytest.raises(FileNotFoundError):
        source.open(item)


# -- rights and names ------------------------------------------------------------------------------------------------


@as_root
def test_rights(
    shop: Path,
    tmp_path: Path,
    till: Callable[..., Till],
    source_of: Opener,
    below: Lister,
    somebody_else: Callable[[], AbstractContextManager[None]],
) -> None:
    """Who may only read, files and folder, still gets a copy of a database in use, and changes nothing."""
    writer = till("wal", "busy")
    for path in shop.iterdir():
        path.chmod(0o644)
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o11)
    with somebody_else():
        source = source_of(shop)
        items = below(source)
        committed = writer.receipts
        saved = Saved(source, items[b"till.db"])
        source.close()
    assert saved.findings == []
    assert saved.count(tmp_path) >= committed
    assert writer.writes_on()


@as_root
@pytest.mark.parametrize("shut", ["till.db", "till.db-wal"])
def test_no_right(
    shop: Path,
    tmp_path: Path,
    till: Callable[..., Till],
    source_of: Opener,
    below: Lister,
    somebody_else: Callable[[], AbstractContextManager[None]],
    shut: str,
) -> None:
    """A database that may not be read is unreadable; if only its WAL may not, the rest is saved and the run says so."""
    till("wal", "idle")
    (shop / shut).chmod(0)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o11)
    tmp_path.chmod(0o777)
    with somebody_else():
        source = source_of(shop)
        items = below(source)
        if shut == "till.db":
            with pytest.raises(SourceUnreadable):
                source.open(items[b"till.db"])
        else:
            saved = Saved(source, items[b"till.db"])
            assert [finding.code for finding in saved.findings] == ["sqlite-saved-raw"]
        assert source.wanted(items[b"till.db-wal"])
        source.close()


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
@pytest.mark.parametrize(
    "name", ["a?mode=rwc#x&%41 %00.db", "new\nline.db", "caf\udce9\udcff.db", "'\";--.db", "-x.db"]
)
def test_any_name(
    shop: Path,
    tmp_path: Path,
    till: Callable[..., Till],
    source_of: Opener,
    below: Lister,
    journal_mode: str,
    name: str,
) -> None:
    """A database is copied whatever its name, in use or not."""
    writer = till(journal_mode, "idle", name)
    for step in (lambda: None, writer.stop):
        step()
        source = source_of(shop)
        saved = Saved(source, below(source)[os.fsencode(name)])
        assert saved.count(tmp_path) == 100
        assert saved.findings == []


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_long_path(
    shop: Path, tmp_path: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str
) -> None:
    """A database at a path that is too long for SQLite itself is copied in a quiet moment."""
    till(journal_mode, "crash").stop()
    deep = shop.joinpath(*["d" * 200] * 4)
    deep.mkdir(parents=True)
    for path in shop.glob("till.db*"):
        path.rename(deep / path.name)
    source = source_of(shop)
    saved = Saved(source, below(source)[os.fsencode(deep.relative_to(shop) / "till.db")])
    assert saved.count(tmp_path) == 100
    assert saved.findings == []


# -- blocks and metadata ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [512, 1024, 4096, 16384, 32768, 65536])
def test_page_sizes(shop: Path, source_of: Opener, below: Lister, page_size: int) -> None:
    """Whatever the page size, the copy has it, and blocks are whole pages."""
    make(shop / "till.db", page_size=page_size)
    source = source_of(shop)
    saved = Saved(source, below(source)[b"till.db"])
    assert saved.block_size == max(16384, page_size)
    assert len(saved.data) % page_size == 0
    assert saved.findings == []


def same(listed: Metadata, stored: Metadata) -> bool:
    """Say what the archiver would: there is no need to read the file again."""
    pairs = ((m.modified, m.changed, m.size, m.inode) for m in (listed, stored))
    return next(pairs) == next(pairs)


@pytest.mark.parametrize("journal_mode", ["wal", *ROLLBACK])
def test_unchanged(shop: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str) -> None:
    """What is stored is what the next listing says as long as nothing is written, and never after one more receipt."""
    writer = till(journal_mode, "idle")
    for _ in range(2):
        source = source_of(shop)
        item = below(source)[b"till.db"]
        saved = Saved(source, item)
        assert same(item.metadata, saved.metadata)
        assert saved.metadata.mode == item.metadata.mode
        for _ in range(2):
            assert same(below(source_of(shop))[b"till.db"].metadata, saved.metadata)
        with closing(sqlite3.connect(shop / "till.db", isolation_level=None)) as connection:
            connection.execute("UPDATE receipt SET at = at || '!' WHERE id = 7")
            assert not same(below(source_of(shop))[b"till.db"].metadata, saved.metadata)
    writer.stop()
    assert not same(below(source_of(shop))[b"till.db"].metadata, saved.metadata)


def test_change_in_an_excluded_wal(shop: Path, source_of: Opener, below: Lister) -> None:
    """What is written only to the WAL shows in the database's times, also if a pattern leaves the WAL out."""
    with closing(sqlite3.connect(shop / "till.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE receipt(id INTEGER PRIMARY KEY)")
        before = below(source_of(shop, exclude=("*-wal",)))[b"till.db"].metadata
        settle((shop / "till.db-wal").stat())
        connection.execute("INSERT INTO receipt DEFAULT VALUES")
        assert below(source_of(shop, exclude=("*-wal",)))[b"till.db"].metadata.modified > before.modified


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_write_during_the_copy(
    shop: Path, tmp_path: Path, till: Callable[..., Till], source_of: Opener, below: Lister, journal_mode: str
) -> None:
    """What a till writes while it is copied, or the moment after, shows in the times next time."""
    writer = till(journal_mode, "busy")
    for _ in range(5):
        source = source_of(shop)
        saved = Saved(source, below(source)[b"till.db"])
        assert writer.writes_on(saved.count(tmp_path))
        assert not same(below(source_of(shop))[b"till.db"].metadata, saved.metadata)


# -- the check -------------------------------------------------------------------------------------------------------


def test_quick_check_of_large_databases(
    shop: Path, till: Callable[..., Till], source_of: Opener, below: Lister, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database too large for the full check gets the quick one, which finds lost pages too."""
    till("delete", "idle").stop()
    monkeypatch.setattr("traybackup.sources.sqlite.FULL_CHECK", 1000)
    source = source_of(shop)
    item = below(source)[b"till.db"]
    assert Saved(source, item).findings == []
    damage(shop / "till.db", 4096 * 5, bytes(4096))
    assert [finding.code for finding in Saved(source, item).findings] == ["sqlite-damaged"]


def test_unknown_parts(shop: Path, source_of: Opener, below: Lister) -> None:
    """A database with the till's own collations and functions is sound, although nobody else knows them."""
    with closing(sqlite3.connect(shop / "till.db", isolation_level=None)) as connection:
        connection.create_collation("deutsch", lambda a, b: (a > b) - (a < b))
        connection.create_function("cents", 1, lambda value: int(value) * 100, deterministic=True)
        connection.execute("CREATE TABLE article(name TEXT COLLATE deutsch PRIMARY KEY, price CHECK(cents(price) > 0))")
        connection.execute("CREATE INDEX by_price ON article(cents(price))")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO article VALUES(?, ?)", [(f"Ä{number}", number + 1) for number in range(500)]
        )
        connection.execute("COMMIT")
    source = source_of(shop)
    assert Saved(source, below(source)[b"till.db"]).findings == []


def test_cannot_be_checked(shop: Path, source_of: Opener, below: Lister, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that SQLite cannot check is saved, and the run says that it is not checked."""
    monkeypatch.setattr(sqlite_check, "_STAND_INS", 0)
    make(shop / "till.db")
    source = source_of(shop)
    assert [finding.code for finding in Saved(source, below(source)[b"till.db"]).findings] == ["sqlite-not-checked"]
