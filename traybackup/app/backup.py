"""Backup: one run, from the source to a verified snapshot.

The order is fixed: look at the source, open or make the repository, lock it, store what is new (each pack read back
from the medium), write the index, and last of all the snapshot. A fault of the place ends the run before its snapshot;
an item of the source that cannot be read is recorded, and the run is partial.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from traybackup import __version__
from traybackup.api.errors import (
    RepositoryDamaged,
    SourceEmpty,
    SourceUnreadable,
    SourceUnusable,
)
from traybackup.api.progress import Cancel, Progress
from traybackup.api.source import Finding, Selection, Unreadable
from traybackup.app.context import Context
from traybackup.app.estimate import estimating
from traybackup.app.locking import locked
from traybackup.app.opening import Access, NewRepository, Opened, find_place, opened_or_made
from traybackup.app.places import FolderPlace
from traybackup.app.runs import Outcome
from traybackup.app.workfolder import work_folder
from traybackup.engine import snapshots
from traybackup.engine.archiver import Archived, Counts, archive, emptied
from traybackup.engine.codec import format_datetime
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.sources.folder import FolderSource
from traybackup.stores.counting import Counts as Asked

__all__ = ["Backup", "BackupRequest", "Outcome", "back_up"]


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """What to save, where, and how.

    Attributes:
        host: The computer's name in the snapshot; empty: its own.
        parent: The snapshot whose unchanged files are taken over; empty: the newest of the same host and paths.
        force: Read every file, and save a source even if it is empty now.
        time: The snapshot's time; None: now.
    """

    access: Access
    paths: tuple[bytes, ...]
    selection: Selection = field(default_factory=Selection)
    tags: tuple[str, ...] = ()
    host: str = ""
    parent: str = ""
    force: bool = False
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """A run that wrote a snapshot.

    Attributes:
        made: The news if the repository was made for it.
        unreadable: What is not in the snapshot although it was asked for.
        findings: What is in it, and noticed.
        damaged: Index files of earlier runs that cannot be read; what they list was stored again where needed.
        seconds: How long it took.
        asked: What was asked of a place that is not on this computer.
    """

    outcome: Outcome
    snapshot: Snapshot
    counts: Counts
    made: NewRepository | None
    unreadable: tuple[Unreadable, ...]
    findings: tuple[Finding, ...]
    damaged: tuple[RepositoryDamaged, ...]
    started: datetime
    ended: datetime
    seconds: float
    asked: Asked = field(default_factory=Asked)


@dataclass(slots=True)
class _Run:
    """A run under way."""

    context: Context
    request: BackupRequest
    progress: Progress
    cancel: Cancel
    started: datetime
    began: float = field(default_factory=time.monotonic)
    damaged: list[RepositoryDamaged] = field(default_factory=list)


def back_up(
    context: Context,
    request: BackupRequest,
    *,
    progress: Progress,
    cancel: Cancel,
    made: Callable[[NewRepository], None],
    estimate: bool = False,
) -> Backup:
    """Save the paths as one snapshot.

    Args:
        estimate: Count what lies ahead, too, because somebody looks at the progress.
        made: Told at once when a repository was made, before anything can go wrong: it carries the recovery code.

    Raises:
        SourceError: What should be saved is missing, empty, or cannot be read at all; no snapshot is written.
        StoreError, RepositoryError: The place failed; no snapshot is written.
        Cancelled: Somebody asked to stop.
    """
    run = _Run(context, request, progress, cancel, started=request.time or context.clock())
    place = find_place(context, request.access.place)
    avoid = [place.folder] if isinstance(place, FolderPlace) else []
    with (
        work_folder(context.paths, context.environment) as folder,
        _source(request, folder, avoid) as source,
        opened_or_made(context, request.access, cancel=cancel, progress=progress) as target,
    ):
        if target.made:
            made(target.made)
        with locked(context, target.repository, exclusive=False, cancel=cancel) as lock:
            with estimating(source, progress) if estimate else nullcontext():
                parent, archived = _store(run, target.repository, source, folder)
            progress.phase("snapshot")
            cancel.check()
            lock.check()
            ended = context.clock()
            snapshot = snapshots.save(target.repository, _snapshot(run, source.paths, archived, parent, ended))
    return _result(run, snapshot, archived, target, ended)


def _result(run: _Run, snapshot: Snapshot, archived: Archived, target: Opened, ended: datetime) -> Backup:
    report = archived.report
    return Backup(
        outcome=Outcome.PARTIAL if report.unreadable else Outcome.SUCCESS,
        snapshot=snapshot,
        counts=archived.counts,
        made=target.made,
        unreadable=tuple(report.unreadable),
        findings=tuple(report.findings),
        damaged=tuple(run.damaged),
        started=run.started,
        ended=ended,
        seconds=time.monotonic() - run.began,
        asked=target.asked,
    )


@contextmanager
def _source(request: BackupRequest, folder: Path, avoid: Sequence[os.PathLike[str]]) -> Iterator[FolderSource]:
    """Open the source; where nothing of it can be read there is no snapshot."""
    try:
        with FolderSource(request.paths, request.selection, work_dir=folder, avoid=avoid) as source:
            yield source
    except SourceUnreadable as error:
        raise SourceUnusable(path=error.path, reason=error.reason) from error


def _store(run: _Run, repo: Repository, source: FolderSource, folder: Path) -> tuple[Snapshot | None, Archived]:
    """Store what is new and return the parent with what was archived."""
    run.progress.phase("index")
    repo.load_index(cancel=run.cancel, damaged=run.damaged, check_packs=True)
    parent = _parent(run, repo, source.paths)
    run.progress.phase("save")
    archived = archive(
        repo,
        source,
        parent=parent.tree if parent else None,
        progress=run.progress,
        cancel=run.cancel,
        read_all=run.request.force,
        folder=folder,
    )
    _refuse_nothing(run, repo, source.paths, archived, parent)
    return parent, archived


def _parent(run: _Run, repo: Repository, paths: Sequence[str]) -> Snapshot | None:
    """Return the snapshot to compare with: the one asked for, else the newest of this host with these paths."""
    if run.request.parent:
        return snapshots.find(repo, run.request.parent)
    known = [one for one in snapshots.load_all(repo, damaged=run.damaged) if one.time <= run.started]
    return snapshots.latest(known, hosts=[_host(run)], paths=paths)


def _refuse_nothing(
    run: _Run, repo: Repository, paths: Sequence[str], archived: Archived, parent: Snapshot | None
) -> None:
    """Raise where a snapshot of nothing would push out good ones.

    Raises:
        SourceUnusable: Not one of the paths could be read.
        SourceEmpty: A path held something at the last backup and holds nothing now.
    """
    unreadable = {os.fsdecode(item.path): item.reason for item in archived.report.unreadable}
    if all(path in unreadable for path in paths):
        raise SourceUnusable(path=paths[0], reason=unreadable[paths[0]])
    if parent is not None and not run.request.force:
        try:
            empty = emptied(repo, paths, parent.tree, archived.tree)
        except RepositoryDamaged:
            return  # the old tree is lost, so there is nothing to compare with
        if empty:
            raise SourceEmpty(path=empty[0])


def _host(run: _Run) -> str:
    return run.request.host or run.context.host or socket.gethostname()


def _snapshot(
    run: _Run, paths: Sequence[str], archived: Archived, parent: Snapshot | None, ended: datetime
) -> Snapshot:
    counts = archived.counts
    summary: dict[str, object] = {
        "backup_start": format_datetime(run.started),
        "backup_end": format_datetime(ended),
    } | {name: getattr(counts, name) for name in Counts.__slots__}
    posix = os.name == "posix"
    return Snapshot(
        time=run.started.astimezone(),  # with the shop's own offset, for who reads it elsewhere
        tree=archived.tree,
        paths=tuple(paths),
        hostname=_host(run),
        username=run.context.user,
        uid=os.getuid() if posix else 0,
        gid=os.getgid() if posix else 0,
        tags=run.request.tags,
        excludes=run.request.selection.exclude,
        parent=parent.id if parent else "",
        program_version=f"traybackup {__version__}",
        summary=summary,
    )
