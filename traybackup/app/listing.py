"""Listing: the snapshots of a place, what is in one of them, and the content of one file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from traybackup.api.errors import NotAFile, RepositoryDamaged
from traybackup.api.source import Kind
from traybackup.app.context import Context
from traybackup.app.opening import Access, opened
from traybackup.engine import snapshots
from traybackup.engine.codec import BlobKind
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.engine.tree import Node
from traybackup.engine.walk import TreeReader, any_copy, find, walk


@dataclass(frozen=True, slots=True)
class Filter:
    """Which snapshots are meant; empty: all.

    Attributes:
        tags: Lists of tags; a snapshot fits one of them if it has all its tags.
    """

    hosts: tuple[str, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    paths: tuple[str, ...] = ()

    def fits(self, snapshot: Snapshot) -> bool:
        """Say whether the snapshot is meant."""
        return snapshots.matches(snapshot, hosts=self.hosts, tags=self.tags, paths=self.paths)

    def find(self, repo: Repository, wanted: str, damaged: list[RepositoryDamaged] | None = None) -> Snapshot:
        """Return the snapshot *wanted*, as `traybackup.engine.snapshots.find` does, among those that fit."""
        return snapshots.find(repo, wanted, hosts=self.hosts, tags=self.tags, paths=self.paths, damaged=damaged)


@dataclass(frozen=True, slots=True)
class SnapshotList:
    """The snapshots that were asked for, oldest first, and what is wrong with those that cannot be read."""

    snapshots: tuple[Snapshot, ...]
    damaged: tuple[RepositoryDamaged, ...]


def list_snapshots(context: Context, access: Access, wanted: Filter, latest: int = 0) -> SnapshotList:
    """Return the snapshots of a place.

    Args:
        latest: Only so many of the newest for each host and paths; 0: all.
    """
    with opened(context, access) as target:
        damaged: list[RepositoryDamaged] = []
        found = [one for one in snapshots.load_all(target.repository, damaged) if wanted.fits(one)]
    if latest:
        found = _newest(found, latest)
    return SnapshotList(tuple(found), tuple(damaged))


def _newest(found: list[Snapshot], count: int) -> list[Snapshot]:
    taken: dict[tuple[str, tuple[str, ...]], int] = {}
    kept = []
    for snapshot in reversed(found):
        group = snapshot.hostname, snapshot.paths
        taken[group] = taken.get(group, 0) + 1
        if taken[group] <= count:
            kept.append(snapshot)
    return kept[::-1]


@dataclass(frozen=True, slots=True)
class Contents:
    """A snapshot and what it holds, read as it is asked for: path and node, or what is wrong there."""

    snapshot: Snapshot
    items: Iterator[tuple[bytes, Node | RepositoryDamaged]]


@contextmanager
def contents(
    context: Context, access: Access, wanted: str, path: str = "", *, which: Filter, recursive: bool = True
) -> Iterator[Contents]:
    """Yield what a snapshot holds at *path*: everything below it, or (not *recursive*) only the next level.

    Raises:
        NoSuchSnapshot, NotInSnapshot
    """
    with opened(context, access) as target:
        repo = target.repository
        snapshot = which.find(repo, wanted)
        repo.load_index(damaged=[])
        reader = TreeReader(repo)
        node = find(repo, snapshot.tree, path, reader)
        yield Contents(snapshot, _items(reader, node, _plain(path), recursive=recursive))


def _plain(path: str) -> bytes:
    names = [name for name in path.encode(errors="surrogateescape").split(b"/") if name not in (b"", b".")]
    return b"".join(b"/" + name for name in names)


def _items(
    reader: TreeReader, node: Node, path: bytes, *, recursive: bool
) -> Iterator[tuple[bytes, Node | RepositoryDamaged]]:
    if path:
        yield path, node
    if node.subtree is None:
        return
    if recursive:
        yield from walk(reader, node.subtree, path)
        return
    faults: list[str] = []
    try:
        for child in reader.nodes(node.subtree, faults):
            yield path + b"/" + child.name, child
    except RepositoryDamaged as error:
        yield path or b"/", error
    for why in faults:
        yield path or b"/", RepositoryDamaged(kind="tree", id=node.subtree.hex(), why=why)


@contextmanager
def file_content(
    context: Context, access: Access, wanted: str, path: str, *, which: Filter
) -> Iterator[Iterator[bytes]]:
    """Yield the content of one file of a snapshot, piece by piece, each checked.

    Raises:
        NoSuchSnapshot, NotInSnapshot
        NotAFile: It is a folder or the like.
        RepositoryDamaged: A piece is lost.
    """
    with opened(context, access) as target:
        repo = target.repository
        snapshot = which.find(repo, wanted)
        repo.load_index(damaged=[])
        node = find(repo, snapshot.tree, path)
        if node.metadata.kind is not Kind.FILE:
            raise NotAFile(path=path)
        yield (any_copy(repo, BlobKind.DATA, blob_id) for blob_id in node.content or ())
