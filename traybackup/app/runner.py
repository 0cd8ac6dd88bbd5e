"""The runner: one run of a job, in its own process, from the lock on its destination to the last event.

Everything that happens is told as events (`traybackup.app.events`). Saving comes first; once the snapshot is safe,
nothing that happens while tidying makes it a failure.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from traybackup.api.errors import (
    Cancelled,
    ConfigError,
    NoRepository,
    PlaceMissing,
    RepositoryDamaged,
    RunBusy,
    TraybackupError,
)
from traybackup.api.progress import Cancel
from traybackup.api.source import Selection
from traybackup.app import backup, check, config, crashlog, forget, forms, joblist
from traybackup.app.backup import Backup, BackupRequest
from traybackup.app.check import CheckRequest
from traybackup.app.context import Context
from traybackup.app.events import VERSION, Event, Tell, TellingProgress
from traybackup.app.filelock import FileLock
from traybackup.app.forget import ForgetRequest, Policy
from traybackup.app.jobs import Job
from traybackup.app.listing import Filter
from traybackup.app.opening import Access, NewRepository
from traybackup.app.prune import PruneLimits
from traybackup.app.runs import SAVED, Outcome, Problem
from traybackup.app.texts import Texts
from traybackup.app.tidying import Tidying

_MOST_ITEMS = 200
_PARTIAL = 3


@dataclass(slots=True)
class _Under:
    """A run under way."""

    context: Context
    job: Job
    tell: Tell
    cancel: Cancel
    progress: TellingProgress
    done: Backup | None = None
    problem: Problem | None = None
    began: float = field(default_factory=time.monotonic)


def run(context: Context, name: str, tidying: Tidying, *, tell: Tell, cancel: Cancel) -> int:
    """Run the job of that name and return the exit code; every other outcome is told, not raised.

    Raises:
        JobUnknown, ConfigError: There is nothing to run.
    """
    try:
        job = _job(context, name)
    except ConfigError as error:
        tell(_end(Outcome.FAILED, error.exit_code, Problem.of(error)))
        raise
    run = _Under(context, job, tell, cancel, TellingProgress(tell))
    tell(
        {
            "message_type": "run_started",
            "version": VERSION,
            "job": name,
            "destination": job.destination,
            "pid": os.getpid(),
            "time": context.clock().isoformat(),
        }
    )
    outcome, exit_code = _outcome(run, tidying)
    problem = run.problem
    if outcome not in SAVED and problem is None:
        problem = Problem("cancelled")
    snapshot = run.done.snapshot.id if run.done else None
    tell(_end(outcome, exit_code, problem, snapshot, time.monotonic() - run.began))
    return exit_code


def _job(context: Context, name: str) -> Job:
    known = config.load_or_earlier(context.paths)
    if known.problem is not None and name not in known.config.jobs:
        raise known.problem
    return joblist.get(known.config, name)


def _outcome(run: _Under, tidying: Tidying) -> tuple[Outcome, int]:
    """Do it all; return how it ended."""
    try:
        with _alone(run), run.progress.telling():
            _save_and_tidy(run, tidying)
    except Cancelled as error:
        if run.done is None:
            return Outcome.CANCELLED, error.exit_code
    except TraybackupError as error:
        run.problem = Problem.of(error)
        if run.done is None:
            not_begun = isinstance(error, RunBusy | PlaceMissing)
            return (Outcome.SKIPPED if not_begun else Outcome.FAILED), error.exit_code
    except Exception as error:  # noqa: BLE001 - the end of every exception: told, and written to the log
        log = crashlog.record(run.context.paths, error, run.context.clock())
        run.problem = Problem("unexpected", {"kind": type(error).__name__, "log": str(log or "")})
        if run.done is None:
            return Outcome.FAILED, 1
    if run.done is not None and run.done.outcome is Outcome.PARTIAL:
        return Outcome.PARTIAL, _PARTIAL
    return Outcome.SUCCESS, 0


@contextmanager
def _alone(run: _Under) -> Iterator[None]:
    """Hold the destination, so that no other run on this computer works at it.

    Raises:
        RunBusy: Another one does.
    """
    lock = FileLock(run.context.paths.state / "locks" / f"to-{run.job.destination}.lock")
    try:
        free = lock.acquire()
    except OSError:  # no lock can be had here, full disk or the like: the repository's own locks remain
        free = True
    if not free:
        raise RunBusy(job=run.job.name, destination=run.job.destination)
    try:
        yield
    finally:
        lock.release()


def _save_and_tidy(run: _Under, tidying: Tidying) -> None:
    access = Access(run.job.destination)
    if tidying.make_room:
        _make_room(run, access)
    done = backup.back_up(
        run.context,
        _request(run.job, access),
        progress=run.progress,
        cancel=run.cancel,
        made=lambda new: _made(run, new),
        estimate=True,
    )
    status = run.progress.status()
    if status is not None:
        run.tell(status)
    _tell_items(run, done)
    run.tell(forms.backup_summary(done))
    run.done = done
    if run.job.keep:
        _forget(run, access, paths=done.snapshot.paths, prune=tidying.prune)
    if tidying.check:
        _check(run, access, tidying.check)


def _made(run: _Under, new: NewRepository) -> None:
    run.tell(forms.made(new))


def _request(job: Job, access: Access) -> BackupRequest:
    selection = Selection(
        exclude=job.exclude,
        exclude_larger_than=job.larger_than,
        exclude_caches=job.exclude_caches,
        one_file_system=job.one_file_system,
    )
    return BackupRequest(access, tuple(map(os.fsencode, job.sources)), selection)


def _make_room(run: _Under, access: Access) -> None:
    """Free room first. If that fails, the backup fails on its own account."""
    try:
        _forget(run, access, paths=tuple(map(os.path.abspath, run.job.sources)), prune=True)
    except (NoRepository, PlaceMissing):
        return
    except TraybackupError as error:
        run.problem = Problem.of(error)


def _forget(run: _Under, access: Access, *, paths: tuple[str, ...], prune: bool) -> None:
    """Remove what the job's rules do not keep, of this computer and these paths alone."""
    request = ForgetRequest(
        access,
        policy=Policy(**asdict(run.job.keep)),
        which=Filter(hosts=(run.context.host,), paths=paths),
        prune=PruneLimits() if prune else None,
    )
    done = forget.forget(run.context, request, progress=run.progress, cancel=run.cancel)
    freed = done.pruned.figures.freed_size if done.pruned else 0
    run.tell({"message_type": "tidied", "removed": len(done.removed), "pruned": prune, "freed": freed})


def _check(run: _Under, access: Access, percent: float) -> None:
    done = check.check(run.context, CheckRequest(access, percent), progress=run.progress, cancel=run.cancel)
    found = done.result
    run.tell(
        {"message_type": "checked", "sound": found.sound, "percent": percent, "bytes_read": found.bytes_read},
    )
    if not found.sound:
        first = found.problems[0]
        run.problem = Problem.of(RepositoryDamaged(kind=first.kind, id=first.id, why=first.why))


def _tell_items(run: _Under, done: Backup) -> None:
    texts = Texts()
    for item in done.unreadable[:_MOST_ITEMS]:
        run.tell(forms.item_error(item.path, item.reason, "archival"))
    for found in done.findings[:_MOST_ITEMS]:
        run.tell(
            forms.item_error(found.path, texts.finding(found.code, found.detail), "finding") | {"code": found.code}
        )


def _end(
    outcome: Outcome, exit_code: int, problem: Problem | None, snapshot: str | None = None, seconds: float = 0
) -> Event:
    return {
        "message_type": "run_ended",
        "outcome": outcome.value,
        "code": problem.code if problem else None,
        "params": dict(problem.params) if problem else {},
        "retry": problem.retry.value if problem else None,
        "exit_code": exit_code,
        "snapshot_id": snapshot,
        "seconds": round(seconds, 3),
    }
