"""Tidying: what a run does besides saving, decided from the job and from when it was done last.

Old snapshots are removed after every run, by the job's rules. Their room is freed seldom: freeing is the one thing that
takes anything away. A part of the data is read back every few days. After a destination was full, the room is freed
first.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from traybackup.app.jobs import Job
from traybackup.app.runs import Past

PRUNE_EVERY = timedelta(days=7)
_SLACK = timedelta(hours=6)
"""A daily run does not come at the same second each day."""


@dataclass(frozen=True, slots=True)
class Tidying:
    """What to do besides saving.

    Attributes:
        prune: Free the room of what was removed.
        make_room: Do so before the backup.
        check: How many of 100 packs to read back; 0: none.
    """

    prune: bool = False
    make_room: bool = False
    check: float = 0


def decide(job: Job, past: Past, pruned: datetime | None, checked: datetime | None, now: datetime) -> Tidying:
    """Return what is to be done with this run.

    Args:
        pruned, checked: When that was done last at the destination; None: never, as far as is known.
    """
    last = next((run for run in past.runs if run.outcome is not None), None)
    full = last is not None and last.problem is not None and last.problem.code == "store-full"
    prune = bool(job.keep) and _is_time(pruned, PRUNE_EVERY, now)
    check = job.checking.percent and _is_time(checked, timedelta(days=job.checking.days), now)
    return Tidying(prune, bool(job.keep) and full, job.checking.percent if check else 0)


def _is_time(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or last > now or now - last >= every - _SLACK
