"""Forget: remove snapshots, by rules or by name. The room they took is freed by `traybackup.app.prune`."""

from dataclasses import dataclass, field, replace

from traybackup.api.progress import Cancel, Progress
from traybackup.app.context import Context
from traybackup.app.listing import Filter
from traybackup.app.locking import locked
from traybackup.app.opening import Access, opened
from traybackup.app.prune import Pruned, PruneLimits, prune_locked
from traybackup.app.remote import Use
from traybackup.app.zone import SystemZone
from traybackup.engine import pruner, snapshots
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
        prune: Free the room as well, within these limits; None: not now.
        dry_run: Decide, and remove nothing.
    """

    access: Access
    wanted: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    which: Filter = field(default_factory=Filter)
    group_by: frozenset[GroupBy] = frozenset({GroupBy.HOST, GroupBy.PATHS})
    prune: PruneLimits | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was (or would be) removed.

    Attributes:
        decision: By the rules; None if ids were given.
        pruned: What was freed; None: that was not asked for.
    """

    removed: tuple[Snapshot, ...]
    decision: Decision | None
    dry_run: bool
    pruned: Pruned | None = None


def forget(context: Context, request: ForgetRequest, *, progress: Progress, cancel: Cancel) -> Forgotten:
    """Remove snapshots, and free their room if that was asked for.

    Raises:
        ClockDoubtful: The clock of this computer cannot be right; nothing was removed.
        NoSuchSnapshot, AmbiguousSnapshot: An id; nothing was removed.
        PruneRefused: The snapshots are removed, their room is not freed.
    """
    with opened(context, request.access, use=Use.CHANGE, cancel=cancel, progress=progress) as target:
        repo = target.repository
        if request.dry_run:
            return _decided(context, repo, request)
        with locked(context, repo, exclusive=True, cancel=cancel) as lock:
            done = _decided(context, repo, request)
            pruner.forget(repo, [one.id for one in done.removed], lock, cancel=cancel)
            if request.prune is None:
                return done
            pruned = prune_locked(context, repo, request.prune, lock, progress=progress, cancel=cancel)
            return replace(done, pruned=pruned)


def _decided(context: Context, repo: Repository, request: ForgetRequest) -> Forgotten:
    if request.wanted:
        named = {one.id: one for one in (snapshots.find(repo, wanted) for wanted in request.wanted)}
        return Forgotten(tuple(named.values()), None, request.dry_run)
    found = [one for one in snapshots.load_all(repo, damaged=[]) if request.which.fits(one)]
    decision = decide(found, request.policy, now=context.clock(), zone=SystemZone(), group_by=request.group_by)
    return Forgotten(tuple(decision.forget), decision, request.dry_run)
