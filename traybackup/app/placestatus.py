"""The status of a place: how it is doing, from what is in it and not from what was done to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.store import Space
from traybackup.app.context import Context
from traybackup.app.opening import Access, opened
from traybackup.engine import lockfiles, snapshots
from traybackup.engine.codec import FileKind
from traybackup.engine.lockfiles import LockFile
from traybackup.engine.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """How a place is doing.

    Attributes:
        kind: ``folder``, ``drive``, or the id of a provider.
        size: Bytes that the backups take.
        newest: The newest snapshot; None: there is none.
        age: Since the newest snapshot.
        hosts: The newest snapshot of each computer.
        locks: Who is at work there, or died at it.
        damaged: Snapshots that cannot be read.
    """

    place: str
    kind: str
    id: str
    version: int
    size: int
    space: Space
    snapshots: int
    newest: Snapshot | None
    age: timedelta | None
    hosts: dict[str, datetime]
    keys: int
    locks: tuple[LockFile, ...]
    damaged: tuple[RepositoryDamaged, ...]


def status(context: Context, access: Access) -> PlaceStatus:
    """Look at a place; nothing is changed."""
    damaged: list[RepositoryDamaged] = []
    with opened(context, access) as target:
        repo = target.repository
        found = snapshots.load_all(repo, damaged)
        newest = snapshots.latest(found)
        return PlaceStatus(
            place=target.place.text,
            kind=target.place.kind,
            id=repo.id,
            version=repo.version,
            size=sum(entry.size for entry in target.store.entries()),
            space=target.store.space(),
            snapshots=len(found),
            newest=newest,
            age=context.clock() - newest.time if newest else None,
            hosts={one.hostname: one.time for one in found},
            keys=len(repo.ids(FileKind.KEY)),
            locks=tuple(lockfiles.read_all(repo)),
            damaged=tuple(damaged),
        )
