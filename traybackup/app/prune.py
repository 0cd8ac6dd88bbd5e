"""Prune: free the room of what no snapshot needs."""

from dataclasses import dataclass, field

from traybackup.api.progress import Cancel, Progress
from traybackup.app.context import Context
from traybackup.app.locking import locked
from traybackup.app.opening import Access, opened
from traybackup.app.remote import Use
from traybackup.app.workfolder import work_folder
from traybackup.engine import pruneplan, pruner
from traybackup.engine.locks import Lock
from traybackup.engine.pruneplan import PruneFigures, PruneLimits
from traybackup.engine.repository import Repository

__all__ = ["PruneFigures", "PruneLimits", "PruneRequest", "Pruned", "prune", "prune_locked"]


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """What to free, and how thoroughly."""

    access: Access
    limits: PruneLimits = field(default_factory=PruneLimits)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was (or would be) freed."""

    figures: PruneFigures
    dry_run: bool


def prune(context: Context, request: PruneRequest, *, progress: Progress, cancel: Cancel) -> Pruned:
    """Free the room of what no snapshot needs.

    Raises:
        PruneRefused: Something does not add up; nothing needed was deleted.
        RepositoryLocked: Somebody is at work.
    """
    with opened(context, request.access, use=Use.CHANGE, cancel=cancel, progress=progress) as target:
        if request.dry_run:
            planned = pruneplan.plan(target.repository, request.limits, progress=progress, cancel=cancel)
            return Pruned(planned.figures, dry_run=True)
        with locked(context, target.repository, exclusive=True, cancel=cancel) as lock:
            return prune_locked(context, target.repository, request.limits, lock, progress=progress, cancel=cancel)


def prune_locked(
    context: Context, repo: Repository, limits: PruneLimits, lock: Lock, *, progress: Progress, cancel: Cancel
) -> Pruned:
    """Free room in a repository that is locked already."""
    planned = pruneplan.plan(repo, limits, progress=progress, cancel=cancel)
    with work_folder(context.paths, context.environment) as folder:
        pruner.apply(repo, planned, lock, folder=folder, progress=progress, cancel=cancel)
    return Pruned(planned.figures, dry_run=False)
