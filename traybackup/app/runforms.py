"""Forms of jobs, runs and the status, as programs read them. Times are ISO 8601 in UTC."""

from datetime import datetime

from traybackup.app.jobs import Job, table_of
from traybackup.app.runs import Run
from traybackup.app.runtexts import RunTexts
from traybackup.app.status import Reason, Status

Form = dict[str, object]


def job(one: Job, upcoming: tuple[datetime, ...] = ()) -> Form:
    """Return a job as the configuration has it, with when it will be due."""
    return {
        "name": one.name,
        **table_of(one),
        "enabled": one.enabled,
        "limit_days": one.limit,
        "upcoming": [_time(time) for time in upcoming],
    }


def run(one: Run, texts: RunTexts) -> Form:
    """Return a run."""
    problem = one.problem
    return {
        "id": one.id,
        "job": one.job,
        "destination": one.destination,
        "trigger": one.trigger.value,
        "slot": one.slot,
        "started": _time(one.started),
        "ended": _time(one.ended),
        "outcome": one.outcome.value if one.outcome else None,
        "snapshot_id": one.snapshot or None,
        "files": one.figures.files,
        "bytes": one.figures.bytes,
        "bytes_added": one.figures.added,
        "unreadable": one.figures.unreadable,
        "seconds": one.figures.seconds,
        "code": problem.code if problem else None,
        "params": dict(problem.params) if problem else {},
        "message": texts.problem(problem) if problem else None,
    }


def status(one: Status, texts: RunTexts) -> Form:
    """Return how everything is doing."""
    return {
        "message_type": "overview",
        "state": one.state.value,
        "verified": _time(one.verified),
        "reasons": [_reason(reason, texts) for reason in one.reasons],
        "destinations": [
            {
                "name": destination.destination,
                "state": destination.state.value,
                "verified": _time(destination.verified),
                "age_seconds": int(destination.age.total_seconds()) if destination.age is not None else None,
                "reasons": [_reason(reason, texts) for reason in destination.reasons],
            }
            for destination in one.destinations
        ],
    }


def _reason(one: Reason, texts: RunTexts) -> Form:
    form: Form = {"reason": one.word, "params": dict(one.params)}
    if one.problem is not None:
        form |= {"code": one.problem.code, "message": texts.problem(one.problem)}
    return form


def _time(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None
