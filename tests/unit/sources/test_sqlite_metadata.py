"""Databases: blocks, times that tell what is new, and what the check finds."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from traybackup.api.source import Item, Metadata
from traybackup.sources import sqlite_check
from traybackup.sources.files import settle
from traybackup.sources.folder import FolderSource

Opener = Callable[..., FolderSource]
Lister = Callable[[FolderSource], dict[bytes, Item]]
Tills = Callable[..., Any]
Saver = Callable[[FolderSource, Item], Any]
ROLLBACK = ["delete", "truncate", "persist"]


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


# -- blocks and metadata ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [512, 1024, 4096, 16384, 32768, 65536])
def test_page_sizes(shop: Path, source_of: Opener, below: Lister, save: Saver, page_size: int) -> None:
    """Whatever the page size, the copy has it, and blocks are whole pages."""
    make(shop / "till.db", page_size=page_size)
    source = source_of(shop)
    saved = save(source, below(source)[b"till.db"])
    assert saved.block_size == max(16384, page_size)
    assert len(saved.data) % page_size == 0
    assert saved.findings == []


def same(listed: Metadata, stored: Metadata) -> bool:
    """Say what the archiver would: there is no need to read the file again."""
    pairs = ((m.modified, m.changed, m.size, m.inode) for m in (listed, stored))
    return next(pairs) == next(pairs)


@pytest.mark.parametrize("journal_mode", ["wal", *ROLLBACK])
def test_unchanged(shop: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str) -> None:
    """What is stored is what the next listing says as long as nothing is written, and never after one more receipt."""
    writer = till(journal_mode, "idle")
    for _ in range(2):
        source = source_of(shop)
        item = below(source)[b"till.db"]
        saved = save(source, item)
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
    shop: Path, tmp_path: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str
) -> None:
    """What a till writes while it is copied, or the moment after, shows in the times next time."""
    writer = till(journal_mode, "busy")
    for _ in range(5):
        source = source_of(shop)
        saved = save(source, below(source)[b"till.db"])
        assert writer.writes_on(saved.count(tmp_path))
        assert not same(below(source_of(shop))[b"till.db"].metadata, saved.metadata)


# -- the check -------------------------------------------------------------------------------------------------------


def test_quick_check_of_large_databases(
    shop: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database too large for the full check gets the quick one, which finds lost pages too."""
    till("delete", "idle").stop()
    monkeypatch.setattr("traybackup.sources.sqlite.FULL_CHECK", 1000)
    source = source_of(shop)
    item = below(source)[b"till.db"]
    assert save(source, item).findings == []
    damage(shop / "till.db", 4096 * 5, bytes(4096))
    assert [finding.code for finding in save(source, item).findings] == ["sqlite-damaged"]


def test_unknown_parts(shop: Path, source_of: Opener, below: Lister, save: Saver) -> None:
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
    assert save(source, below(source)[b"till.db"]).findings == []


def test_cannot_be_checked(
    shop: Path, source_of: Opener, below: Lister, save: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that SQLite cannot check is saved, and the run says that it is not checked."""
    monkeypatch.setattr(sqlite_check, "_STAND_INS", 0)
    make(shop / "till.db")
    source = source_of(shop)
    assert [finding.code for finding in save(source, below(source)[b"till.db"]).findings] == ["sqlite-not-checked"]


@pytest.mark.parametrize("full_check", [1000, 1 << 30])
def test_a_check_that_cannot_begin_is_told(
    shop: Path,
    till: Tills,
    source_of: Opener,
    below: Lister,
    save: Saver,
    monkeypatch: pytest.MonkeyPatch,
    full_check: int,
) -> None:
    """A copy that SQLite cannot open to check it, large or small, is saved, and never taken for a checked one."""
    unable = "unable to open database file"

    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError(unable)

    till("delete", "idle").stop()
    monkeypatch.setattr("traybackup.sources.sqlite.FULL_CHECK", full_check)
    source = source_of(shop)
    item = below(source)[b"till.db"]
    # of this module only: the copy itself is made with the real one
    monkeypatch.setattr(sqlite_check, "sqlite3", SimpleNamespace(connect=refuse, Error=sqlite3.Error))
    saved = save(source, item)
    assert [(finding.code, finding.detail) for finding in saved.findings] == [("sqlite-not-checked", unable)]
    assert saved.data.startswith(b"SQLite format 3\0")
