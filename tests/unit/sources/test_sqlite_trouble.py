"""Databases that are damaged, in an awkward place, or for whose copy there is no room: never lost, and never silent."""

import errno
import os
import resource
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import SourceUnreadable
from traybackup.api.source import Finding, Item
from traybackup.sources.folder import FolderSource
from traybackup.sources.scratch import Scratch

Opener = Callable[..., FolderSource]
Lister = Callable[[FolderSource], dict[bytes, Item]]
Tills = Callable[..., Any]
Saver = Callable[[FolderSource, Item], Any]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


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


# -- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_damaged(shop: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str) -> None:
    """A damaged database is saved as it is, and the run says that the database itself is damaged."""
    till(journal_mode, "idle").stop()
    spoilt = damage(shop / "till.db", 4096 * 6, os.urandom(4096))
    source = source_of(shop)
    saved = save(source, below(source)[b"till.db"])
    assert [finding.code for finding in saved.findings] == ["sqlite-damaged"]
    assert saved.findings[0].detail
    assert saved.data == spoilt


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
@pytest.mark.parametrize("length", [150, 4096, 4096 * 5 + 77])
def test_cut_off(
    shop: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str, length: int
) -> None:
    """A database that ends too early is saved as it is, and said to be damaged."""
    till(journal_mode, "idle").stop()
    os.truncate(shop / "till.db", length)
    source = source_of(shop)
    saved = save(source, below(source)[b"till.db"])
    assert [finding.code for finding in saved.findings] == ["sqlite-damaged"]
    assert saved.data == (shop / "till.db").read_bytes()


def test_header_only(shop: Path, source_of: Opener, below: Lister, save: Saver) -> None:
    """A file that begins like a database and goes on like none is saved byte for byte, and told."""
    data = b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20" + os.urandom(20_000)
    (shop / "till.db").write_bytes(data)
    source = source_of(shop)
    saved = save(source, below(source)[b"till.db"])
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


def test_no_room(shop: Path, source_of: Opener, below: Lister, save: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for a copy, database and WAL are saved where they are, and the run says why."""
    with closing(sqlite3.connect(shop / "till.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE receipt(id INTEGER PRIMARY KEY)")
        monkeypatch.setattr(Scratch, "room", lambda _: 16 << 20)
        source = source_of(shop)
        items = below(source)
        saved = save(source, items[b"till.db"])
        assert saved.data == (shop / "till.db").read_bytes()
        assert source.wanted(items[b"till.db-wal"])
        assert not source.wanted(items[b"till.db-shm"])
        with source.open(items[b"till.db-wal"]) as content:
            assert content.read(1 << 20) == (shop / "till.db-wal").read_bytes()
    no_room = os.strerror(errno.ENOSPC)
    assert saved.findings == [Finding("sqlite-saved-raw", items[b"till.db"].path, no_room)]
    assert saved.metadata.changed == 0


def test_disk_fills_up(shop: Path, work: Path, till: Tills, source_of: Opener, below: Lister, save: Saver) -> None:
    """If the copy cannot be written to its end, the database is saved where it is, and no half copy remains."""
    till("delete", "idle").stop()
    source = source_of(shop)
    item = below(source)[b"till.db"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # no file may grow beyond
    try:
        saved = save(source, item)
        assert [list(folder.iterdir()) for folder in work.iterdir()] == [[]]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [finding.code for finding in saved.findings] == ["sqlite-saved-raw"]
    assert saved.data == (shop / "till.db").read_bytes()


def test_no_work_folder(shop: Path, work: Path, source_of: Opener, below: Lister, save: Saver) -> None:
    """If copies cannot be made at all, the database is saved where it is, and the run says why."""
    make(shop / "till.db")
    work.write_bytes(b"a file where a folder should be")
    source = source_of(shop)
    saved = save(source, below(source)[b"till.db"])
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
    till: Tills,
    source_of: Opener,
    below: Lister,
    save: Saver,
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
        saved = save(source, items[b"till.db"])
        source.close()
    assert saved.findings == []
    assert saved.count(tmp_path) >= committed
    assert writer.writes_on()


@as_root
@pytest.mark.parametrize("shut", ["till.db", "till.db-wal"])
def test_no_right(
    shop: Path,
    tmp_path: Path,
    till: Tills,
    source_of: Opener,
    below: Lister,
    save: Saver,
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
            saved = save(source, items[b"till.db"])
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
    till: Tills,
    source_of: Opener,
    below: Lister,
    save: Saver,
    journal_mode: str,
    name: str,
) -> None:
    """A database is copied whatever its name, in use or not."""
    writer = till(journal_mode, "idle", name)
    for step in (lambda: None, writer.stop):
        step()
        source = source_of(shop)
        saved = save(source, below(source)[os.fsencode(name)])
        assert saved.count(tmp_path) == 100
        assert saved.findings == []


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_long_path(
    shop: Path, tmp_path: Path, till: Tills, source_of: Opener, below: Lister, save: Saver, journal_mode: str
) -> None:
    """A database at a path that is too long for SQLite itself is copied in a quiet moment."""
    till(journal_mode, "crash").stop()
    deep = shop.joinpath(*["d" * 200] * 4)
    deep.mkdir(parents=True)
    for path in shop.glob("till.db*"):
        path.rename(deep / path.name)
    source = source_of(shop)
    saved = save(source, below(source)[os.fsencode(deep.relative_to(shop) / "till.db")])
    assert saved.count(tmp_path) == 100
    assert saved.findings == []
