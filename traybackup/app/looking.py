"""Looking: what destinations themselves say about their newest snapshots, where the history does not know."""

import os
from dataclasses import dataclass

from traybackup.api.errors import RepositoryDamaged, TraybackupError
from traybackup.app.config import Config
from traybackup.app.context import Context
from traybackup.app.jobs import Job
from traybackup.app.opening import Access, opened
from traybackup.app.runs import Problem, Verified
from traybackup.engine import snapshots
from traybackup.engine.snapshots import Snapshot

_OURS = "traybackup "


@dataclass(frozen=True, slots=True)
class Looked:
    """What a destination says about a job.

    Attributes:
        newest: Its newest snapshot that counts as verified; None: there is none.
        problem: Why nobody knows; None: it was seen.
    """

    job: str
    destination: str
    newest: Verified | None = None
    problem: Problem | None = None


def look(context: Context, found: Config) -> tuple[Looked, ...]:
    """Return what each destination says about its jobs; what cannot be reached is told so."""
    result = []
    for destination in dict.fromkeys(job.destination for job in found.jobs.values()):
        jobs = [job for job in found.jobs.values() if job.destination == destination]
        try:
            with opened(context, Access(destination)) as target:
                damaged: list[RepositoryDamaged] = []
                known = snapshots.load_all(target.repository, damaged)
        except TraybackupError as error:
            result += [Looked(job.name, destination, problem=Problem.of(error)) for job in jobs]
            continue
        result += [Looked(job.name, destination, newest(known, job, context.host)) for job in jobs]
    return tuple(result)


def newest(known: list[Snapshot], job: Job, host: str) -> Verified | None:
    """Return the newest snapshot of a job.

    Only what this program wrote counts: it writes a snapshot after it has read back all that belongs to it.
    """
    paths = {os.path.abspath(source) for source in job.sources}
    fitting = [
        one
        for one in known
        if one.hostname == host and set(one.paths) == paths and one.program_version.startswith(_OURS)
    ]
    if not fitting:
        return None
    last = max(fitting, key=lambda one: one.time)
    return Verified(last.id, last.time)
