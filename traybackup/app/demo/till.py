"""The sample till: a database in WAL mode that is being sold into, pictures, a fiscal export, settings.

Sales are made by another process, as in a real shop: SQLite's locks belong to a process, so a thread here would not
show what happens when a backup and a till meet.
"""

import multiprocessing
import random
import signal
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from traybackup.app.demo.fiscal import FiscalReceipt, write_export

REGISTER = "DEMO-1"
DATABASE = Path("data") / "till.db"
TABLES = ("articles", "customers", "receipts", "lines")
_RECEIPTS = 600
_PICTURES = 24
_PAUSE = 0.02
_SCHEMA = """
CREATE TABLE articles (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price INTEGER NOT NULL, rate TEXT NOT NULL);
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, notes TEXT NOT NULL);
CREATE TABLE receipts (id INTEGER PRIMARY KEY, sold TEXT NOT NULL, customer INTEGER, total INTEGER NOT NULL);
CREATE TABLE lines (id INTEGER PRIMARY KEY, receipt INTEGER NOT NULL REFERENCES receipts, article INTEGER NOT NULL,
    quantity INTEGER NOT NULL, amount INTEGER NOT NULL);
CREATE INDEX lines_by_receipt ON lines (receipt);
"""
_GOODS = ("Espresso", "Melange", "Apple strudel", "Goulash", "Mineral water", "Beer", "Postcard", "Umbrella")
_NAMES = ("Huber", "García", "Nagy", "Novák", "Öztürk", "Smith", "Rossi", "Łukasik")


def make(folder: Path, opened: datetime) -> None:
    """Make the till in *folder*: a shop that opened at *opened* and has sold a few hundred times since."""
    rng = random.Random(0)  # noqa: S311 - sample data, not secrets
    for part in ("data", "pictures", "fiscal"):
        (folder / part).mkdir(parents=True)
    (folder / "settings.ini").write_text(
        "[shop]\nname = Café Zur Kasse\nregister = DEMO-1\n\n[printer]\nport = USB001\n", encoding="utf-8"
    )
    for number in range(1, _PICTURES + 1):
        (folder / "pictures" / f"article-{number:03}.png").write_bytes(picture(rng))
    with closing(_connect(folder / DATABASE)) as database:
        database.executescript(_SCHEMA)
        _stock(database, rng)
        for number in range(_RECEIPTS):
            _sell(database, rng, opened + timedelta(minutes=7 * number))
        write_export(folder / "fiscal", REGISTER, _fiscal_receipts(database))


@contextmanager
def selling(database: Path, since: datetime) -> Iterator[None]:
    """Sell into *database* from another process until the block ends, from the time *since* on.

    Raises:
        TimeoutError: The first sale did not come.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_sell_until, args=(str(database), since, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(30):
            raise TimeoutError
        ours.recv()
        yield
    finally:
        ours.close()
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def count_receipts(database: Path) -> int:
    """Return how many receipts *database* holds."""
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM receipts").fetchone()[0])


def _sell_until(database: str, since: datetime, line: Connection) -> None:
    """Sell until the other end of *line* is closed, be it that its process died.

    The connection stays open, as a till's does, so that the WAL file is in use.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of the terminal; ours is told
    rng = random.Random(1)  # noqa: S311 - sample data, not secrets
    with closing(_connect(Path(database))) as connection:
        _sell(connection, rng, since)
        line.send("sold")
        while not line.poll(_PAUSE):
            since += timedelta(seconds=40)
            _sell(connection, rng, since)


def _connect(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _stock(database: sqlite3.Connection, rng: random.Random) -> None:
    articles = [
        (number, f"{rng.choice(_GOODS)} no. {number}", rng.randrange(90, 4900, 10), rng.choice(("normal", "reduced")))
        for number in range(1, 301)
    ]
    customers = [
        (number, f"{rng.choice(_NAMES)} {number}", f"prefers {rng.choice(_GOODS)} " * 12) for number in range(1, 401)
    ]
    database.executemany("INSERT INTO articles VALUES (?, ?, ?, ?)", articles)
    database.executemany("INSERT INTO customers VALUES (?, ?, ?)", customers)


def _sell(database: sqlite3.Connection, rng: random.Random, sold: datetime) -> None:
    """Make one receipt with its lines, in one transaction."""
    database.execute("BEGIN IMMEDIATE")
    lines = []
    for article in rng.sample(range(1, 301), rng.randint(1, 6)):
        quantity = rng.randint(1, 3)
        (price,) = database.execute("SELECT price FROM articles WHERE id = ?", (article,)).fetchone()
        lines.append((article, quantity, price * quantity))
    receipt = database.execute(
        "INSERT INTO receipts (sold, customer, total) VALUES (?, ?, ?)",
        (sold.strftime("%Y-%m-%dT%H:%M:%S"), rng.choice((None, rng.randint(1, 400))), sum(line[2] for line in lines)),
    ).lastrowid
    database.executemany(
        "INSERT INTO lines (receipt, article, quantity, amount) VALUES (?, ?, ?, ?)",
        [(receipt, *line) for line in lines],
    )
    database.execute("COMMIT")


def _fiscal_receipts(database: sqlite3.Connection) -> list[FiscalReceipt]:
    rows = database.execute(
        "SELECT r.id, r.sold, sum(iif(a.rate = 'normal', l.amount, 0)), sum(iif(a.rate = 'reduced', l.amount, 0))"
        " FROM receipts r JOIN lines l ON l.receipt = r.id JOIN articles a ON a.id = l.article GROUP BY r.id ORDER BY 1"
    )
    return [FiscalReceipt(str(number), sold, normal, reduced) for number, sold, normal, reduced in rows]


def picture(rng: random.Random, size: int = 96) -> bytes:
    """Return a small PNG of coloured noise on a gradient, which compresses as badly as a photograph."""
    red, green = rng.randrange(256), rng.randrange(256)
    rows = b"".join(
        b"\0"
        + bytes(channel for x in range(size) for channel in ((red + x) & 255, (green + y) & 255, rng.randrange(256)))
        for y in range(size)
    )
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
