"""Restore: bring back a snapshot, or parts of it, into a folder."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from traybackup.api.errors import NotInSnapshot, RepositoryDamaged, RestoreError
from traybackup.api.progress import Cancel, Progress
from traybackup.app.context import Context
from traybackup.app.listing import Filter
from traybackup.app.locking import locked_for_reading
from traybackup.app.opening import Access, opened
from traybackup.app.remote import Use
from traybackup.engine.batch import Restored
from traybackup.engine.placing import Overwrite
from traybackup.engine.repository import Repository
from traybackup.engine.restorer import problem, restore
from traybackup.engine.snapshots import Snapshot, doubtful
from traybackup.engine.walk import find

__all__ = ["Overwrite", "Restoration", "RestoreRequest", "bring_back"]


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What to bring back, and where to.

    Attributes:
        wanted: A snapshot's id, the beginning of one, or ``latest``; ``latest:/folder`` means what is in that folder.
        which: Which snapshots ``latest`` is about.
        into: A folder, made if it is not there.
        only: Paths in the snapshot; nothing else is brought back.
    """

    access: Access
    wanted: str
    into: Path
    only: tuple[str, ...] = ()
    overwrite: Overwrite = Overwrite.NEVER
    which: Filter = field(default_factory=Filter)


@dataclass(frozen=True, slots=True)
class Restoration:
    """A restore that came to its end.

    Attributes:
        problem: What it has to complain about; None: everything is back, and equal to what was saved.
        damaged: Index files that cannot be read; and snapshots, if one of them may be the latest that was wanted.
    """

    snapshot: Snapshot
    restored: Restored
    problem: RestoreError | None
    damaged: tuple[RepositoryDamaged, ...]
    seconds: float


def bring_back(context: Context, request: RestoreRequest, *, progress: Progress, cancel: Cancel) -> Restoration:
    """Bring files back. What is damaged in the repository costs only the files that need it.

    Raises:
        TargetUnusable: The folder cannot take it.
        NoSuchSnapshot, NotInSnapshot, StoreError
        Cancelled: Somebody asked to stop; what is complete stays.
    """
    began = time.monotonic()
    wanted, _, folder = request.wanted.partition(":")
    damaged: list[RepositoryDamaged] = []
    with (
        opened(context, request.access, use=Use.READ, cancel=cancel, progress=progress) as target,
        locked_for_reading(context, target.repository, cancel=cancel),
    ):
        repo = target.repository
        doubts: list[RepositoryDamaged] = []
        snapshot = request.which.find(repo, wanted, doubts)
        progress.phase("index")
        repo.load_index(cancel=cancel, damaged=damaged)
        restored = restore(
            repo,
            _tree(repo, snapshot, folder) if folder else snapshot,
            request.into,
            only=request.only,
            overwrite=request.overwrite,
            progress=progress,
            cancel=cancel,
        )
    trouble = problem(restored) or (doubtful(snapshot, doubts) if doubts else None)
    return Restoration(snapshot, restored, trouble, (*doubts, *damaged), time.monotonic() - began)


def _tree(repo: Repository, snapshot: Snapshot, folder: str) -> bytes:
    """Return the tree of a folder in the snapshot.

    Raises:
        NotInSnapshot: There is none.
    """
    subtree = find(repo, snapshot.tree, folder).subtree
    if subtree is None:
        raise NotInSnapshot(path=folder)
    return subtree
