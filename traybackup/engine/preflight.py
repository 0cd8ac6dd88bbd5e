"""Preflight: whether a folder can take what is to be restored, before anything is written."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from traybackup.api.errors import NotInSnapshot, RepositoryDamaged, TargetUnusable
from traybackup.api.source import Kind
from traybackup.engine.codec import BlobKind
from traybackup.engine.filesystem import Folder, largest_file
from traybackup.engine.repository import Repository
from traybackup.engine.tree import Node
from traybackup.engine.walk import Measure, TreeReader, find, split_path, walk

_MOST_ITEMS = 1 << 30
"""More than any file system in a shop holds: only trees made to do harm unfold to that."""

_HOLE = 512
"""A blob that compresses that well is zeros, which are not written."""


@contextmanager
def opened(place: str) -> Iterator[Folder]:
    """Open the target, made if it is not there, and keep other restores out of it.

    Raises:
        TargetUnusable: It is no folder, cannot be made or opened, or another restore is at work in it.
    """
    path = os.fsencode(place)
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        folder = Folder.at(path)
    except (FileExistsError, NotADirectoryError) as error:
        raise TargetUnusable(path=place, why="not-a-folder") from error
    except PermissionError as error:
        raise TargetUnusable(path=place, why="no-permission") from error
    except OSError as error:
        raise TargetUnusable(path=place, why=error.strerror or "failed") from error
    try:
        if not folder.claim():
            raise TargetUnusable(path=place, why="busy")
        yield folder
    finally:
        folder.close()


def check(
    repo: Repository,
    reader: TreeReader,
    root: bytes,
    only: Sequence[str],
    expected: Measure,
    folder: Folder,
    place: str,
) -> None:
    """Make sure that the target can be written, holds files that large, and has the room.

    Raises:
        TargetUnusable: It does not.
    """
    effective = os.access in os.supports_effective_ids
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=folder.fd, effective_ids=effective):
        read_only = bool(os.fstatvfs(folder.fd).f_flag & os.ST_RDONLY)
        raise TargetUnusable(path=place, why="read-only" if read_only else "no-permission")
    largest = largest_file(folder)
    if largest is not None and expected.largest > largest:
        raise TargetUnusable(path=place, why="file-too-large", needed=expected.largest)
    room = os.fstatvfs(folder.fd)
    items = expected.entries + expected.directories
    if items > _MOST_ITEMS or (room.f_files and items > room.f_favail):
        raise TargetUnusable(path=place, why="too-many-files")
    free = room.f_bavail * room.f_frsize
    if expected.size > free:
        needed = _really_needed(repo, reader, root, only, place)
        if needed > free:
            raise TargetUnusable(path=place, why="full", needed=needed)


def _really_needed(repo: Repository, reader: TreeReader, root: bytes, only: Sequence[str], place: str) -> int:
    """Return the bytes to be written: without holes, second names of a file, and what is there already."""
    needed = 0
    seen: set[tuple[int, int]] = set()
    for start in only or ("/",):
        try:
            top = find(repo, root, start, reader)
        except NotInSnapshot:
            continue  # it is reported elsewhere
        above = b"".join(b"/" + name for name in split_path(start))
        below = [(above, top)] if top.subtree is None else walk(reader, top.subtree, above)
        for path, node in below:
            if isinstance(node, RepositoryDamaged) or node.metadata.kind is not Kind.FILE:
                continue
            metadata = node.metadata
            if metadata.links > 1:
                key = (metadata.device_id, metadata.inode)
                if key in seen:
                    continue
                seen.add(key)
            if not _is_there(os.fsencode(place) + path, metadata.size):
                needed += _written(repo, node)
    return needed


def _is_there(path: bytes, size: int) -> bool:
    try:
        return os.lstat(path).st_size == size
    except OSError:
        return False


def _written(repo: Repository, node: Node) -> int:
    size = 0
    for blob_id in node.content or []:
        location = repo.index.locate(BlobKind.DATA, blob_id)
        if location is not None:
            _, _, length, plain_length = location
            size += 0 if plain_length > _HOLE * length else plain_length or length
    return size
