"""Snapshots: the source at one moment.

A *Snapshot* names a tree and says when, where and of what it was made. Its file is the last one a run writes: what it
names is complete.

Source: restic's doc/design.rst, "Snapshots and Trees", and the fields that restic 0.17 and later write.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from traybackup.api.errors import AmbiguousSnapshot, LatestDoubtful, NoSuchSnapshot, RepositoryDamaged
from traybackup.engine.codec import FileKind, format_datetime, is_id, parse_datetime
from traybackup.engine.repository import Repository

_LONE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot file says.

    Attributes:
        id: 64 hex digits; empty while it is not saved.
        time: Aware.
        tree: The root tree's id.
        parent: The snapshot that unchanged files were taken from.
        original: The snapshot this one was rewritten from.
        summary: Counts of the run, under restic's names.
    """

    time: datetime
    tree: bytes
    paths: tuple[str, ...]
    hostname: str = ""
    username: str = ""
    uid: int = 0
    gid: int = 0
    tags: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    parent: str = ""
    original: str = ""
    program_version: str = ""
    summary: dict[str, object] | None = None
    id: str = ""


class _Json(msgspec.Struct, omit_defaults=True):
    time: str
    tree: str
    paths: list[str] | None
    hostname: str = ""
    username: str = ""
    uid: int = 0
    gid: int = 0
    excludes: list[str] | None = None
    tags: list[str] | None = None
    parent: str | None = None
    original: str | None = None
    program_version: str = ""
    summary: dict[str, object] | None = None


def encode(snapshot: Snapshot) -> bytes:
    """Return the JSON of a snapshot file."""
    return msgspec.json.encode(
        _Json(
            time=format_datetime(snapshot.time),
            tree=snapshot.tree.hex(),
            paths=[_text(path) for path in snapshot.paths],
            hostname=_text(snapshot.hostname),
            username=_text(snapshot.username),
            uid=snapshot.uid,
            gid=snapshot.gid,
            excludes=[_text(pattern) for pattern in snapshot.excludes] or None,
            tags=[_text(tag) for tag in snapshot.tags] or None,
            parent=snapshot.parent or None,
            original=snapshot.original or None,
            program_version=snapshot.program_version,
            summary=snapshot.summary,
        )
    )


def _text(text: str) -> str:
    """Return *text* as JSON can hold it: bytes of a name that are no UTF-8 become U+FFFD, as in Go."""
    return _LONE.sub("\ufffd", text)


def decode(data: bytes, file_id: str) -> Snapshot:
    """Read a snapshot file.

    Raises:
        RepositoryDamaged: It is none.
    """
    try:
        parsed = msgspec.json.decode(data, type=_Json)
        return Snapshot(
            time=parse_datetime(parsed.time),
            tree=bytes.fromhex(_id(parsed.tree)),
            paths=tuple(parsed.paths or ()),
            hostname=parsed.hostname,
            username=parsed.username,
            uid=parsed.uid,
            gid=parsed.gid,
            tags=tuple(parsed.tags or ()),
            excludes=tuple(parsed.excludes or ()),
            parent=_id(parsed.parent) if parsed.parent else "",
            original=_id(parsed.original) if parsed.original else "",
            program_version=parsed.program_version,
            summary=parsed.summary,
            id=file_id,
        )
    except (ValueError, RecursionError) as error:
        raise RepositoryDamaged(kind="snapshot", id=file_id, why="bad-snapshot") from error


def _id(text: str) -> str:
    if not is_id(text):
        raise ValueError(text)
    return text


def save(repo: Repository, snapshot: Snapshot) -> Snapshot:
    """Write the snapshot file and return the snapshot with its id."""
    return replace(snapshot, id=repo.save(FileKind.SNAPSHOT, encode(snapshot)))


def load(repo: Repository, snapshot_id: str) -> Snapshot:
    """Read one snapshot."""
    return decode(repo.load(FileKind.SNAPSHOT, snapshot_id), snapshot_id)


def load_all(repo: Repository, damaged: list[RepositoryDamaged] | None = None) -> list[Snapshot]:
    """Return all snapshots, oldest first.

    Args:
        damaged: Collects what is wrong with those that cannot be read; without it the first one raises.
    """
    found: list[Snapshot] = []
    for entry in repo.ids(FileKind.SNAPSHOT):
        data = repo.load_or_note(FileKind.SNAPSHOT, entry.id, damaged)
        if data is None:
            continue
        try:
            found.append(decode(data, entry.id))
        except RepositoryDamaged as error:
            if damaged is None:
                raise
            damaged.append(error)
    return sorted(found, key=lambda snapshot: (snapshot.time, snapshot.id))


def matches(
    snapshot: Snapshot, *, hosts: Sequence[str] = (), tags: Sequence[Sequence[str]] = (), paths: Sequence[str] = ()
) -> bool:
    """Say whether the snapshot is of one of *hosts*, has all tags of one of the *tags* lists, and has all *paths*."""
    return (
        (not hosts or snapshot.hostname in hosts)
        and (not tags or any(set(wanted) - {""} <= set(snapshot.tags) for wanted in tags))
        and {_text(path) for path in paths} <= {_text(path) for path in snapshot.paths}
    )


def find(
    repo: Repository,
    wanted: str,
    *,
    hosts: Sequence[str] = (),
    tags: Sequence[Sequence[str]] = (),
    paths: Sequence[str] = (),
    damaged: list[RepositoryDamaged] | None = None,
) -> Snapshot:
    """Return the snapshot that *wanted* names: an id, the beginning of one, or ``latest``.

    Args:
        damaged: Collects those that cannot be read and may be later than ``latest``.

    Raises:
        NoSuchSnapshot: None matches.
        RepositoryDamaged: The one that is meant cannot be read.
        LatestDoubtful: One cannot be read and may be the latest, and *damaged* was not given.
        AmbiguousSnapshot: Several ids begin so.
    """
    if wanted == "latest":
        unreadable: list[RepositoryDamaged] = []
        newest = latest(load_all(repo, unreadable), hosts=hosts, tags=tags, paths=paths)
        if newest is None:
            raise unreadable[0] if unreadable else NoSuchSnapshot(wanted=wanted)
        if unreadable and damaged is None:
            raise doubtful(newest, unreadable)
        if damaged is not None:
            damaged += unreadable
        return newest
    candidates = [entry.id for entry in repo.ids(FileKind.SNAPSHOT) if wanted and entry.id.startswith(wanted)]
    if not candidates:
        raise NoSuchSnapshot(wanted=wanted)
    if len(candidates) > 1:
        raise AmbiguousSnapshot(wanted=wanted, count=len(candidates))
    return load(repo, candidates[0])


def doubtful(newest: Snapshot, unreadable: Sequence[RepositoryDamaged]) -> LatestDoubtful:
    """Return what is to be said of the newest snapshot that can be read when there are others."""
    return LatestDoubtful(damaged=", ".join(error.id[:8] for error in unreadable), latest=newest.id[:8])


def latest(
    snapshots: Iterable[Snapshot],
    *,
    hosts: Sequence[str] = (),
    tags: Sequence[Sequence[str]] = (),
    paths: Sequence[str] = (),
) -> Snapshot | None:
    """Return the newest of those that match, None if there is none."""
    fitting = [s for s in snapshots if matches(s, hosts=hosts, tags=tags, paths=paths)]
    return max(fitting, key=lambda s: (s.time, s.id), default=None)
