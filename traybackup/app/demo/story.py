"""The story: save a till that is being sold into, check the backup, destroy the till, bring it back, compare.

It uses the same use cases as every other backup. Only the recovery code lies in a file next to the place, so that the
demonstration can be played with afterwards; it is never put into the keyring.
"""

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from traybackup.api.progress import Cancel, Progress
from traybackup.app import recovery
from traybackup.app.backup import Backup, BackupRequest, back_up
from traybackup.app.check import CheckRequest, check
from traybackup.app.context import Context
from traybackup.app.demo import till
from traybackup.app.demo.steps import Comparison, Step, Story
from traybackup.app.opening import Access
from traybackup.app.paths import open_private
from traybackup.app.restore import RestoreRequest, bring_back
from traybackup.app.vault import NoVault

CODE_FILE = "recovery-code.txt"

_Rows = dict[str, list[tuple[object, ...]]]
"""The rows of each table."""


@dataclass(frozen=True, slots=True)
class _Original:
    """The till as it was at the end of the day: its files, and every row of its database."""

    files: dict[str, bytes]
    rows: _Rows


def tell(context: Context, *, parent: Path | None, clean: bool, step: Callable[[Step], None], cancel: Cancel) -> Story:
    """Play the story in a new folder.

    Args:
        parent: Where the new folder is made; None: where temporary files are.
        clean: Remove the folder in the end.
        step: Told each step as soon as it is done.
    """
    context = replace(context, vault=NoVault("off"), environment={})
    folder = Path(tempfile.mkdtemp(prefix="traybackup-demo-", dir=parent))
    shop, place, restored, code_file = (folder / name for name in ("Till", "Backups", "Restored", CODE_FILE))
    place.mkdir()
    _write_code(code_file)
    access = Access(str(place), code_file)
    till.make(shop, _shop_time(context) - timedelta(days=4))
    step(Step("till-made", {"folder": str(shop), "receipts": till.count_receipts(shop / till.DATABASE)}))
    backup, at_least = _save(context, access, shop, step, cancel)
    cancel.check()
    sound = _check(context, access, step, cancel)
    original = _read(shop)
    _destroy(shop)
    step(Step("destroyed", {"folder": str(shop)}))
    bring_back(
        context,
        RestoreRequest(access, f"{backup.snapshot.id}:{shop}", restored),
        progress=Progress(),
        cancel=cancel,
    )
    step(Step("restored", {"folder": str(restored)}))
    comparison = _compare(restored, original, at_least)
    if not sound:
        comparison = replace(comparison, differences=(*comparison.differences, place.name))
    step(Step("different" if comparison.differences else "compared", _figures(comparison)))
    if clean:
        shutil.rmtree(folder)
    return Story(folder, shop, place, restored, code_file, backup, comparison, removed=clean)


def _check(context: Context, access: Access, step: Callable[[Step], None], cancel: Cancel) -> bool:
    done = check(context, CheckRequest(access, read_data=100), progress=Progress(), cancel=cancel)
    step(Step("checked" if done.result.sound else "unsound", {"bytes": done.result.bytes_read}))
    return done.result.sound


def _write_code(file: Path) -> None:
    with os.fdopen(open_private(file), "w", encoding="ascii") as stream:
        stream.write(recovery.generate() + "\n")


def _save(
    context: Context, access: Access, shop: Path, step: Callable[[Step], None], cancel: Cancel
) -> tuple[Backup, int]:
    """Save the till twice while it sells; return the second backup and how many receipts it must hold at least."""
    request = BackupRequest(access, (os.fsencode(shop),), tags=("demo",))

    def save() -> Backup:
        return back_up(context, request, progress=Progress(), cancel=cancel, made=lambda _: None)

    with till.selling(shop / till.DATABASE, _shop_time(context)):
        first = save()
        step(Step("saved", _saved(first)))
        before = till.count_receipts(shop / till.DATABASE)
        second = save()
        step(Step("saved-again", _saved(second)))
    return second, before


def _shop_time(context: Context) -> datetime:
    return context.clock().astimezone().replace(microsecond=0, tzinfo=None)


def _saved(backup: Backup) -> dict[str, str | int]:
    counts = backup.counts
    return {
        "files": counts.total_files_processed,
        "size": counts.total_bytes_processed,
        "added": counts.data_added_packed,
        "snapshot": backup.snapshot.id,
    }


def _figures(comparison: Comparison) -> dict[str, str | int]:
    return {
        "receipts": comparison.receipts,
        "sold_since": comparison.sold_since,
        "rows": comparison.rows,
        "files": comparison.files,
        "differences": "; ".join(comparison.differences),
    }


def _read(shop: Path) -> _Original:
    """Read the whole till once nobody sells any more."""
    return _Original(_files(shop), _rows(shop / till.DATABASE))


def _files(shop: Path) -> dict[str, bytes]:
    """Return every file but the database and what SQLite keeps beside it."""
    return {
        path.relative_to(shop).as_posix(): path.read_bytes()
        for path in sorted(shop.rglob("*"))
        if path.is_file() and path.parent.name != "data"
    }


def _rows(database: Path) -> _Rows:
    with closing(sqlite3.connect(database)) as connection:
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in till.TABLES}  # noqa: S608 - our own names


def _destroy(shop: Path) -> None:
    """Do what a bad day does: half the pictures are gone, the rest and the database are garbled, the export deleted."""
    rng = random.Random(2)  # noqa: S311 - damage, not secrets
    for number, path in enumerate(sorted(shop.rglob("*.png"))):
        if number % 2:
            path.unlink()
        else:
            path.write_bytes(rng.randbytes(path.stat().st_size))
    database = shop / till.DATABASE
    database.write_bytes(rng.randbytes(4096) + database.read_bytes()[4096:-4096])
    for leftover in (f"{database}-wal", f"{database}-shm"):
        Path(leftover).unlink(missing_ok=True)
    shutil.rmtree(shop / "fiscal")


def _compare(restored: Path, original: _Original, at_least: int) -> Comparison:
    """Compare byte by byte and row by row: whatever was sold until the moment of the backup has to be there."""
    files = _files(restored)
    differences = [
        name for name in sorted(files.keys() | original.files.keys()) if files.get(name) != original.files.get(name)
    ]
    try:
        rows = _rows(restored / till.DATABASE)
        differences += _faults(restored / till.DATABASE, rows, original.rows)
    except sqlite3.DatabaseError as error:
        rows = {table: [] for table in till.TABLES}
        differences.append(f"{till.DATABASE}: {error}")
    receipts = len(rows["receipts"])
    if receipts < at_least:
        differences.append(f"{till.DATABASE}: {receipts} < {at_least}")
    return Comparison(
        receipts=receipts,
        sold_since=len(original.rows["receipts"]) - receipts,
        rows=sum(map(len, rows.values())),
        files=len(files),
        differences=tuple(differences),
    )


def _faults(database: Path, rows: _Rows, later: _Rows) -> list[str]:
    """Return what is wrong with the restored database: unsound, not the beginning of what it grew to, torn sales."""
    with closing(sqlite3.connect(database)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
    found = [] if verdict == "ok" else [verdict]
    found += [table for table in till.TABLES if not _is_beginning(rows[table], later[table])]
    found += _unbalanced(rows)
    return [f"{till.DATABASE}: {fault}" for fault in found]


def _is_beginning(rows: list[tuple[object, ...]], later: list[tuple[object, ...]]) -> bool:
    return rows == later[: len(rows)]


def _unbalanced(rows: _Rows) -> list[str]:
    """Return the receipts that are not the sum of their lines: torn out of a sale under way."""
    sums: dict[object, int] = {}
    for _, receipt, _, _, amount in rows["lines"]:
        sums[receipt] = sums.get(receipt, 0) + int(str(amount))
    return [str(number) for number, _, _, total in rows["receipts"] if sums.get(number) != total]
