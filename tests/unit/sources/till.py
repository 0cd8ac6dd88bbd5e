"""A till in another process. It writes receipts, each with three lines in one transaction: 100, and then as told.

    till.py DATABASE JOURNAL_MODE busy        more without pause, until it is told to stop
    till.py DATABASE JOURNAL_MODE impatient   the same, but it never waits for a lock; each refusal is a line "refused"
    till.py DATABASE JOURNAL_MODE alone       the same in SQLite's exclusive locking mode
    till.py DATABASE JOURNAL_MODE idle-alone  nothing more, in SQLite's exclusive locking mode
    till.py DATABASE JOURNAL_MODE idle        nothing more, but the database stays open
    till.py DATABASE JOURNAL_MODE locked      nothing more, but the database is locked
    till.py DATABASE JOURNAL_MODE crash       it is gone as in a power cut, with no time to tidy up
    till.py DATABASE JOURNAL_MODE torn        it is gone in the middle of a large transaction that is partly on the disk

It writes the number of each receipt that is committed to standard output, a line each, then "ready" when the 100 are
there and it is as it should be. It stops when standard input ends.
"""

import os
import signal
import sqlite3
import sys
import threading

SCHEMA = """
CREATE TABLE IF NOT EXISTS receipt(id INTEGER PRIMARY KEY, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS line(id INTEGER PRIMARY KEY, receipt INTEGER NOT NULL REFERENCES receipt, text TEXT);
CREATE INDEX IF NOT EXISTS line_of_receipt ON line(receipt);
"""
LINE = "Melange, groß " * 12


def write_receipt(connection: sqlite3.Connection) -> int:
    connection.execute("BEGIN IMMEDIATE")
    number = connection.execute("INSERT INTO receipt(at) VALUES('2026-03-01')").lastrowid or 0
    connection.executemany("INSERT INTO line(receipt, text) VALUES(?, ?)", [(number, LINE)] * 3)
    connection.execute("COMMIT")
    return number


def prepare(connection: sqlite3.Connection, what: str) -> None:
    if what in ("torn", "crash"):
        if what == "torn":
            connection.execute("PRAGMA cache_size=5")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE line SET text = text || 'never committed'")
            connection.execute("INSERT INTO line(receipt, text) SELECT receipt, text FROM line")
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "locked":
        connection.execute("BEGIN EXCLUSIVE")
    if what == "impatient":
        connection.execute("PRAGMA busy_timeout=0")


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(path: str, journal_mode: str, what: str) -> None:
    told_to_stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), told_to_stop.set()), daemon=True).start()
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    if what.endswith("alone"):
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute(f"PRAGMA journal_mode={journal_mode}")
    connection.execute("PRAGMA synchronous=OFF")
    connection.executescript(SCHEMA)
    for _ in range(100):
        say(write_receipt(connection))
    prepare(connection, what)
    say("ready")
    while not told_to_stop.is_set():
        if what in ("busy", "impatient", "alone"):
            try:
                say(write_receipt(connection))
            except sqlite3.OperationalError:
                say("refused")
        else:
            told_to_stop.wait()
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
