"""Databases: while a till is writing, after it crashed, and when it refuses, what is saved opens and is complete."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import Cancelled
from traybackup.api.progress import Cancel
from traybackup.api.source import Finding, Item, Selection
from traybackup.sources import sqlite_copy
from traybackup.sources.files import settle
from traybackup.sources.folder import FolderSource

Opener = Callable[..., FolderSource]
Lister = Callable[[FolderSource], dict[bytes, Item]]
Tills = Callable[..., Any]
Saver = Callable[[FolderSource, Item], Any]
SIBLINGS = (b"till.db-journal", b"till.db-shm", b"till.db-wal")
ROLLBACK = ["delete", "truncate", "persist"]


def fingerprint(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and modification time of every file; what SQLite's shared memory holds is its own business."""
    return {
        path.name: (b"" if path.name.endswith("-shm") else path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.iterdir()
        if not path.name.endswith("-shm")
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def damage(path: Path, at: int, data: bytes) -> bytes:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)
    return path.read_bytes()


# -- while the till is in use ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal_mode", ["wal", *ROLLBACK, "memory"])
def test_busy_till(
    shop: Path, tmp_path: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str
) -> None:
    """While another process writes without pause, every copy is sound and holds all that was committed before it."""
    writer = till(journal_mode, "busy")
    for _ in range(3):
        source = source_of(shop)
        item = below(source)[b"till.db"]
        committed = writer.receipts
        saved = save(source, item)
        assert saved.count(tmp_path) >= committed
        assert saved.findings == source.findings == []
        assert saved.block_size == 16384
        assert writer.writes_on()


@pytest.mark.parametrize("journal_mode", ["wal", "persist"])
def test_siblings_are_left_out(
    shop: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str
) -> None:
    """What lies beside a database is not saved, because the copy holds it, also if the database was not read anew."""
    till(journal_mode, "idle")
    (shop / "other-wal").write_bytes(b"no database of that name"), (shop / "note").write_bytes(b"x" * 200)
    (shop / "note-journal").write_bytes(b"beside what is no database")
    for copied in (False, True):
        source = source_of(shop)
        items = below(source)
        if copied:
            save(source, items[b"till.db"])
        left_out = [name for name, item in items.items() if not source.wanted(item)]
        assert sorted(left_out) == sorted(name for name in SIBLINGS if name in items)
        assert left_out


def test_till_is_never_refused(shop: Path, till: Tills, source_of: Opener, below: Lister, save: Saver) -> None:
    """A till in WAL mode that never waits for a lock is never refused because of a copy."""
    writer = till("wal", "impatient")
    for _ in range(5):
        source = source_of(shop)
        save(source, below(source)[b"till.db"])
        assert writer.writes_on()
    assert writer.refused == 0


@pytest.mark.parametrize("journal_mode", ["wal", *ROLLBACK])
def test_nothing_is_left_behind(
    shop: Path, work: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str
) -> None:
    """A database that nobody has open stays as it is, without new files beside it, and no copy of it remains."""
    till(journal_mode, "idle").stop()
    before = fingerprint(shop), names(shop)
    source = source_of(shop)
    save(source, below(source)[b"till.db"])
    assert (fingerprint(shop), names(shop)) == before
    source.close()
    assert names(work) == []


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_till_alone(
    shop: Path, tmp_path: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str
) -> None:
    """A till that keeps its database to itself is copied in a quiet moment if it has a WAL, and saved raw if not."""
    till(journal_mode, "idle-alone")
    before = fingerprint(shop), names(shop)
    source = source_of(shop, deadline=0.2)
    saved = save(source, below(source)[b"till.db"])
    assert (fingerprint(shop), names(shop)) == before
    assert [finding.code for finding in saved.findings] == ([] if journal_mode == "wal" else ["sqlite-saved-raw"])
    assert saved.count(tmp_path) == 100


# -- after a crash ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["crash", "torn"])
@pytest.mark.parametrize("index", [True, False], ids=["with -shm", "without -shm"])
def test_wal_left_by_a_crash(
    shop: Path, tmp_path: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, what: str, *, index: bool
) -> None:
    """What only the WAL of a crashed till holds is in the copy, and the till's files stay as they are."""
    till("wal", what).stop()
    if not index:
        (shop / "till.db-shm").unlink()
    before = fingerprint(shop), names(shop)
    source = source_of(shop)
    items = below(source)
    saved = save(source, items[b"till.db"])
    assert saved.count(tmp_path) == 100
    assert saved.findings == []
    assert not source.wanted(items[b"till.db-wal"])
    assert (fingerprint(shop), names(shop)) == before


@pytest.mark.parametrize("journal_mode", ROLLBACK)
def test_hot_journal(
    shop: Path, tmp_path: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str
) -> None:
    """What a crashed till did not commit is rolled back in the copy, never in its own files, and next time again."""
    till(journal_mode, "torn").stop()
    before = fingerprint(shop), names(shop)
    source = source_of(shop)
    items = below(source)
    saved = save(source, items[b"till.db"])
    assert saved.count(tmp_path) == 100
    assert saved.findings == []
    assert saved.metadata.changed == 0
    assert not source.wanted(items[b"till.db-journal"])
    assert (fingerprint(shop), names(shop)) == before


# -- when it refuses -------------------------------------------------------------------------------------------------


def test_locked_beyond_the_deadline(
    shop: Path, tmp_path: Path, till: Tills, source_of: Opener, below: Lister, save: Saver
) -> None:
    """A database that stays locked is saved as it is after the deadline, with its journal, and the run says so."""
    till("persist", "locked")
    source = source_of(shop, deadline=0.3)
    items = below(source)
    began = time.monotonic()
    saved = save(source, items[b"till.db"])
    assert 0.3 <= time.monotonic() - began < 20
    assert saved.findings == [Finding("sqlite-saved-raw", items[b"till.db"].path, "database is locked")]
    assert saved.data == (shop / "till.db").read_bytes()
    assert saved.count(tmp_path) == 100
    assert source.wanted(items[b"till.db-journal"])
    assert saved.metadata.changed == 0


def test_raw_files_belong_together(shop: Path, till: Tills, source_of: Opener, below: Lister, save: Saver) -> None:
    """Database and WAL that must be saved raw are put aside in one go, so that later receipts are in neither."""
    till("wal", "idle").stop()
    till("wal", "crash").stop()
    spoilt, wal = damage(shop / "till.db", 4096 * 6, bytes(4096)), (shop / "till.db-wal").read_bytes()
    source = source_of(shop)
    items = below(source)
    saved = save(source, items[b"till.db"])
    assert [finding.code for finding in saved.findings] == ["sqlite-damaged"]
    assert saved.data == spoilt
    (shop / "till.db-wal").write_bytes(b"later receipts")
    assert source.wanted(items[b"till.db-wal"])
    beside = save(source, items[b"till.db-wal"])
    assert beside.data == wal
    assert beside.metadata.changed == 0


def test_lock_is_released_in_time(shop: Path, till: Tills, source_of: Opener, below: Lister) -> None:
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


def test_other_files_meanwhile(shop: Path, till: Tills, source_of: Opener, below: Lister) -> None:
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
def test_stopped(shop: Path, work: Path, till: Tills, walk: Lister, how: str) -> None:
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


def test_lock_that_is_worth_nothing(shop: Path, tmp_path: Path, till: Tills, monkeypatch: pytest.MonkeyPatch) -> None:
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
