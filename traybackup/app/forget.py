"""Forget: remove snapshots, by rules or by name. The room they took is freed by `traybackup.app.prune`."""

from dataclasses import dataclass, field

from traybackup.api.progress import Cancel
from traybackup.app.context import Context
from traybackup.app.listing import Filter
from traybackup.app.locking import locked
from traybackup.app.opening import Access, opened
from traybackup.app.zone import SystemZone
from traybackup.engine import snapshots
from traybackup.engine.codec import FileKind
from traybackup.engine.locks import Lock
from traybackup.engine.repository import Repository
from traybackup.engine.retention import Decision, GroupBy, Policy, Span, decide
from traybackup.engine.snapshots import Snapshot

__all__ = ["ForgetRequest", "Forgotten", "GroupBy", "Policy", "Span", "forget"]


@dataclass(frozen=True, slots=True)
class ForgetRequest:
    """Which snapshots to remove.

    Attributes:
        wanted: Ids; if there are any, they alone go and no rule is asked.
        policy: What to keep of each group.
        which: The rules are about these only.
        dry_run: Decide, and remove nothing.
    """

    access: Access
    wanted: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    which: Filter = field(default_factory=Filter)
    group_by: frozenset[GroupBy] = frozenset({GroupBy.HOST, GroupBy.PATHS})
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was (or would be) removed.

    Attributes:
        decision: By the rules; None if ids were given.
    """

    removed: tuple[Snapshot, ...]
    decision: Decision | None
    dry_run: bool


def forget(context: Context, request: ForgetRequest, *, cancel: Cancel) -> Forgotten:
    """Remove snapshots.

    Raises:
        ClockDoubtful: The clock of this computer cannot be right; nothing was removed.
        NoSuchSnapshot, AmbiguousSnapshot: An id; nothing was removed.
    """
    with opened(context, request.access) as target:
        repo = target.repository
        if request.dry_run:
            return _decided(context, repo, request)
        with locked(context, repo, exclusive=True, cancel=cancel) as lock:
            return forget_locked(context, repo, request, lock, cancel)


def forget_locked(context: Context, repo: Repository, request: ForgetRequest, lock: Lock, cancel: Cancel) -> Forgotten:
    """Remove snapshots from a repository that is locked already."""
    decided = _decided(context, repo, request)
    for snapshot in decided.removed:
        cancel.check()
        lock.check()
        repo.remove(FileKind.SNAPSHOT, snapshot.id)
    return decided


def _decided(context: Context, repo: Repository, request: ForgetRequest) -> Forgotten:
    if request.wanted:
        named = {one.id: one for one in (snapshots.find(repo, wanted) for wanted in request.wanted)}
        return Forgotten(tuple(named.values()), None, request.dry_run)
    found = [one for one in snapshots.load_all(repo, damaged=[]) if request.which.fits(one)]
    decision = decide(found, request.policy, now=context.clock(), zone=SystemZone(), group_by=request.group_by)
    return Forgotten(tuple(decision.forget), decision, request.dry_run)
