"""The history: what was run, what came of it, and the newest snapshots that are known.

It may be deleted at any time: that loses lines of history and no backup. Its size is bounded: `MOST_RUNS` runs, and
details for the newest `MOST_DETAILS` of them.
"""

import contextlib
import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from traybackup.api.errors import Retry, RunInterrupted, StateUnusable
from traybackup.app.filelock import FileLock
from traybackup.app.paths import Paths
from traybackup.app.runs import Figures, Outcome, Past, Problem, Run, Trigger, Verdict, Verified
from traybackup.app.statefile import StateFile

MOST_RUNS = 10_000
MOST_DETAILS = 500
LARGEST_DETAILS = 32_768
"""Letters of JSON."""

_PAST = 300
_AHEAD = timedelta(minutes=5)
_SELECT = (
    "SELECT id, job, destination, trigger, slot, plug, started, ended, outcome, code, params, retry, snapshot, figures,"
    " token FROM runs "
)

Clock = Callable[[], datetime]


class History:
    """What was run. Safe to be used by several threads, and by several processes at once."""

    def __init__(self, paths: Paths, clock: Clock) -> None:
        self._clock = clock
        self._locks = paths.state / "runs"
        self._file = StateFile(paths.state / "state.sqlite")
        self._held: dict[int, FileLock] = {}

    @property
    def trouble(self) -> StateUnusable | None:
        """Why nothing of this will be known at the next start; None: it will."""
        return self._file.trouble

    def close(self) -> None:
        """Close the file; the runs that this process answers for are on their own."""
        self._file.close()
        while self._held:
            self._held.popitem()[1].release()

    # -- runs

    def begin(self, job: str, destination: str, trigger: Trigger, slot: str = "", plug: str = "") -> Run:
        """Note that a run begins. Until it is finished, this process answers for it."""
        token = secrets.token_hex(8)
        lock = FileLock(self._token_file(token))
        with contextlib.suppress(OSError):  # then nobody can tell that it lives: it will be called interrupted
            lock.acquire()
        now = self._clock()
        values = (job, destination, trigger.value, slot, plug, now.timestamp(), token)

        def insert(db: sqlite3.Connection) -> int:
            names = "job, destination, trigger, slot, plug, started, token"
            return db.execute(f"INSERT INTO runs ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", values).lastrowid or 0  # noqa: S608 - names

        run = Run(self._file.write(insert), job, destination, trigger, slot, plug, now)
        self._held[run.id] = lock
        return run

    def saved(self, run: Run, snapshot: Verified) -> None:
        """Note at once that the run's snapshot is written and verified, whatever becomes of the run."""
        self._file.write(
            lambda db: db.execute("UPDATE runs SET snapshot = ? WHERE id = ?", (snapshot.snapshot, run.id))
        )
        self.note_verified(run.job, run.destination, snapshot)

    def finish(self, run: Run, verdict: Verdict) -> Run:
        """Note how a run ended."""
        ended = self._clock()

        def update(db: sqlite3.Connection) -> None:
            db.execute(  # there already, unless somebody has deleted the file meanwhile
                "INSERT OR IGNORE INTO runs (id, job, destination, trigger, slot, plug, started, snapshot)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(run.id, run.job, run.destination, run.trigger.value, run.slot, run.plug),
                    *(run.started.timestamp(), run.snapshot),
                ),
            )
            db.execute(
                "UPDATE runs SET ended = ?, outcome = ?, code = ?, params = ?, retry = ?, figures = ? WHERE id = ?",
                (
                    *(ended.timestamp(), verdict.outcome.value, *_problem_values(verdict.problem)),
                    *(json.dumps(asdict(verdict.figures)), run.id),
                ),
            )
            if verdict.details:
                db.execute("INSERT OR REPLACE INTO details VALUES (?, ?)", (run.id, _bounded(verdict.details)))
            _trim(db)

        self._file.write(update)
        lock = self._held.pop(run.id, None)
        if lock is not None:
            lock.release(remove=True)
        return self.get(run.id) or replace(run, ended=ended, outcome=verdict.outcome, problem=verdict.problem)

    def skip(self, job: str, destination: str, trigger: Trigger, slot: str, problem: Problem) -> bool:
        """Note that a run did not take place, unless that is noted already; return whether it is new."""
        now, skipped = self._clock().timestamp(), Outcome.SKIPPED.value

        def insert(db: sqlite3.Connection) -> bool:
            query = "SELECT 1 FROM runs WHERE job = ? AND slot = ? AND outcome = ? AND code = ?"
            if db.execute(query, (job, slot, skipped, problem.code)).fetchone():
                return False
            db.execute(
                "INSERT INTO runs (job, destination, trigger, slot, plug, started, ended, outcome, code, params, retry)"
                " VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?)",
                (job, destination, trigger.value, slot, now, now, skipped, *_problem_values(problem)),
            )
            _trim(db)
            return True

        return self._file.write(insert)

    def settle(self) -> tuple[Run, ...]:
        """Note of every run whose process is gone that it was interrupted; return them.

        A run whose snapshot was safe before that did what it was for: it stays a success, with the interruption noted.
        """
        found = []
        for row in self._file.rows(f"{_SELECT} WHERE outcome IS NULL"):
            run, token = _run(row), str(row[14])
            if run.id in self._held or FileLock(self._token_file(token)).held_elsewhere():
                continue
            outcome = Outcome.INTERRUPTED
            if run.snapshot:
                known = self.verified().get((run.job, run.destination))
                whole = known is None or known.snapshot != run.snapshot or known.complete
                outcome = Outcome.SUCCESS if whole else Outcome.PARTIAL
            problem = Problem.of(RunInterrupted(job=run.job))
            found.append(self.finish(run, Verdict(outcome, problem)))
            with contextlib.suppress(OSError):
                self._token_file(token).unlink(missing_ok=True)
        return tuple(found)

    def under_way(self) -> tuple[Run, ...]:
        """Return the runs that have not ended."""
        return tuple(map(_run, self._file.rows(f"{_SELECT} WHERE outcome IS NULL ORDER BY id")))

    def get(self, number: int) -> Run | None:
        """Return a run."""
        rows = self._file.rows(f"{_SELECT} WHERE id = ?", (number,))
        return _run(rows[0]) if rows else None

    def details(self, number: int) -> dict[str, object]:
        """Return what more is known of a run: what could not be read, what was noticed."""
        rows = self._file.rows("SELECT content FROM details WHERE run = ?", (number,))
        found: dict[str, object] = json.loads(str(rows[0][0])) if rows else {}
        return found

    def runs(self, limit: int = 50, *, job: str = "", before: int | None = None) -> tuple[Run, ...]:
        """Return runs, newest first.

        Args:
            job: Only of this one.
            before: Only those with a smaller id: the next page.
        """
        query = f"{_SELECT} WHERE (? = '' OR job = ?) AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?"
        return tuple(map(_run, self._file.rows(query, (job, job, before, before, limit))))

    # -- what decisions need

    def past(self, job: str, destination: str) -> Past:
        """Return what decides when a job is due next: what the clock does not contradict."""
        latest = self._clock() + _AHEAD
        query = (
            f"{_SELECT} WHERE job = ? AND destination = ? AND NOT disowned AND started <= ? ORDER BY id DESC LIMIT ?"
        )
        rows = self._file.rows(query, (job, destination, latest.timestamp(), _PAST))
        verified = self.verified().get((job, destination))
        if verified is not None and verified.time > latest:
            verified = None
        return Past(tuple(map(_run, rows)), verified)

    def disown_future(self) -> int:
        """Let runs that lie ahead decide nothing any more, even when their time comes: the clock was wrong then."""
        latest = (self._clock() + _AHEAD).timestamp()
        ahead = "started > ? AND NOT disowned"
        if not self._file.rows(f"SELECT 1 FROM runs WHERE {ahead} LIMIT 1", (latest,)):  # noqa: S608 - ours
            return 0
        change = f"UPDATE runs SET disowned = 1 WHERE {ahead}"  # noqa: S608 - ours
        return self._file.write(lambda db: db.execute(change, (latest,)).rowcount)

    def verified(self) -> dict[tuple[str, str], Verified]:
        """Return the newest known snapshot by job and destination."""
        rows = self._file.rows("SELECT job, destination, snapshot, time, complete FROM verified")
        return {(str(row[0]), str(row[1])): Verified(str(row[2]), _time(row[3]), bool(row[4])) for row in rows}

    def note_verified(self, job: str, destination: str, snapshot: Verified | None) -> None:
        """Note which snapshot of a job is its newest; None: there is none."""

        def replace_it(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM verified WHERE job = ? AND destination = ?", (job, destination))
            if snapshot is not None:
                values = (job, destination, snapshot.snapshot, snapshot.time.timestamp(), int(snapshot.complete))
                db.execute("INSERT INTO verified VALUES (?, ?, ?, ?, ?)", values)

        self._file.write(replace_it)

    def remember(self, name: str, value: object) -> None:
        """Keep a small fact, such as until when backups are paused; None: forget it."""
        if value is None:
            self._file.write(lambda db: db.execute("DELETE FROM facts WHERE name = ?", (name,)))
        else:
            text = json.dumps(value)
            self._file.write(lambda db: db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, text)))

    def recall(self, name: str) -> object:
        """Return a fact; None: it is not known."""
        rows = self._file.rows("SELECT value FROM facts WHERE name = ?", (name,))
        return json.loads(str(rows[0][0])) if rows else None

    def _token_file(self, token: str) -> Path:
        return self._locks / f"{token}.lock"


def _trim(db: sqlite3.Connection) -> None:
    """Remove what is too much, but of no job the last line that tells of a backup."""
    newest = db.execute("SELECT max(id) FROM runs").fetchone()[0] or 0
    db.execute("DELETE FROM details WHERE run <= ?", (newest - MOST_DETAILS,))
    gone = db.execute(
        "DELETE FROM runs WHERE id <= ? AND outcome IS NOT NULL AND id NOT IN"
        " (SELECT max(id) FROM runs WHERE snapshot != '' GROUP BY job, destination)",
        (newest - MOST_RUNS,),
    ).rowcount
    if gone:
        db.execute("PRAGMA incremental_vacuum").fetchall()  # a step frees a page


def _bounded(details: Mapping[str, object]) -> str:
    """Return details as JSON of a bounded length: lists are cut to half until it fits."""
    found = dict(details)
    while len(text := json.dumps(found)) > LARGEST_DETAILS:
        lists = {key: value[: len(value) // 2] for key, value in found.items() if isinstance(value, list) and value}
        if not lists:
            return "{}"
        found |= lists | {"cut": True}
    return text


def _problem_values(problem: Problem | None) -> tuple[str | None, str | None, str | None]:
    if problem is None:
        return None, None, None
    return problem.code, json.dumps(dict(problem.params)), problem.retry.value


def _time(seconds: object) -> datetime:
    return datetime.fromtimestamp(float(str(seconds)), UTC)


def _run(row: tuple[object, ...]) -> Run:
    (
        number,
        job,
        destination,
        trigger,
        slot,
        plug,
        started,
        ended,
        outcome,
        code,
        params,
        retry,
        snapshot,
        figures,
        _,
    ) = row
    return Run(
        id=int(str(number)),
        job=str(job),
        destination=str(destination),
        trigger=Trigger(trigger),
        slot=str(slot),
        plug=str(plug),
        started=_time(started),
        ended=None if ended is None else _time(ended),
        outcome=None if outcome is None else Outcome(outcome),
        problem=None if code is None else Problem(str(code), json.loads(str(params)), Retry(retry)),
        snapshot=str(snapshot),
        figures=Figures() if figures is None else Figures(**json.loads(str(figures))),
    )
