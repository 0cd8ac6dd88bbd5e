"""Opening what was listed: never through a link, never anything but the same directory or a regular file.

*Handles* are file descriptors. Whatever is opened is compared with the device and inode that were listed, so that
nobody can lead the reader elsewhere by exchanging a directory for a link in the meantime; only when they differ, as
after a program has replaced a file by a new version, the path is walked again part by part, refusing links.

A file is *settled* when its change time is older than the clock's tick: from then on every further write gives it
another time, and the next run will notice. Where it is not, reading waits for those few milliseconds.
"""

import errno
import os
import stat
import time
from collections.abc import Sequence

from traybackup.api.errors import SourceUnreadable
from traybackup.api.source import Content, Finding, Item, Metadata
from traybackup.sources.metadata import Describer

SMALL = 1 << 20
"""Files up to this many bytes are read in one go, and again if they changed meanwhile."""

PATH_LIMIT = 4000
"""Longer paths are reached in steps; the system's own limit is 4,096 bytes."""

SQLITE_MAGIC = b"SQLite format 3\0"

READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO put in the file's place must not stop the run
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
"""How a file is opened; those that a system lacks are left out."""

_TICK = 10_000_000  # ns; file times move in steps of 1 to 10 ms, depending on how the kernel was built
_ATTEMPTS = 3
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_STEP = _DIRECTORY | getattr(os, "O_PATH", 0)
_NO_ATIME = getattr(os, "O_NOATIME", 0)


def unreadable(path: bytes, error: OSError) -> SourceUnreadable:
    """Return *error* as what it means for the item at *path*."""
    return SourceUnreadable(path=os.fsdecode(path), reason=os.strerror(error.errno or 0))


def same_content(before: os.stat_result, after: os.stat_result) -> bool:
    """Say whether a file's content is the same at two moments, as far as its times and size tell.

    A new change time alone is no change of content if it is explained by a link, an owner or a mode that changed.
    """
    if before.st_mtime_ns != after.st_mtime_ns or before.st_size != after.st_size:
        return False
    explained = before.st_nlink, before.st_mode, before.st_uid, before.st_gid
    return before.st_ctime_ns == after.st_ctime_ns or explained != (
        after.st_nlink,
        after.st_mode,
        after.st_uid,
        after.st_gid,
    )


def settle(status: os.stat_result) -> None:
    """Wait until a write would give the file another time than the one in *status*."""
    age = time.time_ns() - status.st_ctime_ns
    if 0 <= age < _TICK:
        time.sleep((_TICK - age) / 1e9)


class Handles:
    """Opens items of a tree by what was listed about them."""

    def __init__(self, tops: Sequence[bytes]) -> None:
        """Make one for items that are *tops*, or lie below them."""
        self._tops = sorted(tops, key=len, reverse=True)
        self._uid = os.geteuid() if hasattr(os, "geteuid") else 0

    def directory(self, item: Item) -> int:
        """Open a directory.

        Raises:
            OSError: As the system says; NotADirectoryError if there is something else now.
        """
        return self._open(item, _DIRECTORY | os.O_RDONLY)[0]

    def regular(self, item: Item) -> tuple[int, os.stat_result]:
        """Open a regular file and return what it is now; by the time this returns, that is settled.

        Raises:
            FileNotFoundError: It vanished.
            SourceUnreadable: It cannot be opened, or something else is in its place.
        """
        try:
            handle, status = self._open(item, READ)
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), item.path) from None
        except OSError as error:
            raise unreadable(item.path, error) from error
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            raise SourceUnreadable(path=os.fsdecode(item.path), reason="replaced")
        settle(status)
        return handle, status

    def small(self, item: Item, limit: int) -> bytes | None:
        """Return the content of a small, settled file that is exactly as listed; None if anything else is the case."""
        listed = item.metadata
        size = listed.size
        if size > limit or 0 <= time.time_ns() - listed.changed < _TICK:
            return None
        try:
            handle = self._open_path(item.path, READ, listed.uid)
            try:
                data = os.pread(handle, size + 1, 0)  # no plain read: what stands in a pipe stays there
                status = os.fstat(handle)
            finally:
                os.close(handle)
        except OSError:
            return None
        if (
            len(data) != size
            or status.st_ino != listed.inode
            or status.st_dev != listed.device_id
            or status.st_ctime_ns != listed.changed
            or status.st_mtime_ns != listed.modified
            or data.startswith(SQLITE_MAGIC)
        ):
            return None
        return data

    def _open(self, item: Item, flags: int) -> tuple[int, os.stat_result]:
        listed = item.metadata
        try:
            handle = self._open_path(item.path, flags, listed.uid)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
        else:
            status = os.fstat(handle)
            if status.st_ino == listed.inode and status.st_dev == listed.device_id:
                return handle, status
            os.close(handle)
        handle = self._walk(item.path, flags)
        return handle, os.fstat(handle)

    def _open_path(self, path: bytes, flags: int, owner: int) -> int:
        if self._uid in (0, owner):  # only the owner may read without leaving an access time
            try:
                return os.open(path, flags | _NO_ATIME)
            except PermissionError:
                pass
        return os.open(path, flags)

    def _walk(self, path: bytes, flags: int) -> int:
        """Open *path* part by part below the path that the owner named; none of the parts may be a link."""
        top = next(top for top in self._tops if path == top or path.startswith(top.rstrip(b"/") + b"/"))
        parts = path[len(os.path.dirname(top)) :].strip(b"/").split(b"/")
        handle = os.open(os.path.dirname(top), (_STEP & ~getattr(os, "O_NOFOLLOW", 0)) | os.O_RDONLY)
        try:
            for part in parts[:-1]:
                deeper = os.open(part, _STEP, dir_fd=handle)
                os.close(handle)
                handle = deeper
            return os.open(parts[-1] or b".", flags, dir_fd=handle)
        finally:
            os.close(handle)


class PlainFiles:
    """Reads plain files. One for each source; safe from several threads."""

    def __init__(self, handles: Handles, describer: Describer, findings: list[Finding]) -> None:
        self._handles = handles
        self._describer = describer
        self._findings = findings

    def open(self, item: Item, handle: int, before: os.stat_result) -> Content:
        """Return the content of the file that was opened as *handle*, which from now on belongs to it."""
        if before.st_size > SMALL:
            return _Streamed(self, item, handle, before)
        return self._read_whole(item, handle, before)

    def _read_whole(self, item: Item, handle: int, before: os.stat_result) -> Content:
        """Read a small file, up to three times, until it did not change meanwhile."""
        for attempt in range(1, _ATTEMPTS + 1):
            if attempt > 1:
                handle, before = self._handles.regular(item)
            try:
                data = _read(handle, SMALL)
                whole = same_content(before, os.fstat(handle))
            except OSError as error:
                raise unreadable(item.path, error) from error
            finally:
                os.close(handle)
            if whole:
                break
        return _Whole(data, self.as_read(item, before, len(data), changed=not whole))

    def as_read(self, item: Item, before: os.stat_result, size: int, *, changed: bool) -> Metadata | None:
        """Return the metadata that belong to *size* bytes read of a file that was *before*; None: those listed.

        The times are those before reading: if the file changed since, the next run sees others and reads it again.
        """
        if changed:
            self._findings.append(Finding("changed-while-read", item.path))
        found = self._describer.describe(before)
        found.size = size
        listed = item.metadata
        if (found.device_id, found.inode) == (listed.device_id, listed.inode):
            found.xattrs = listed.xattrs
        else:
            self._describer.add_xattrs(item.path, item.path, found)
        found.accessed = listed.accessed
        return None if found == listed else found


def _read(handle: int, limit: int) -> bytes:
    """Read to the end, wherever that is (a file of /proc has no size), but no more than *limit* bytes."""
    pieces = [os.read(handle, limit)]
    left = limit - len(pieces[0])
    while pieces[-1] and left:
        pieces.append(os.read(handle, left))
        left -= len(pieces[-1])
    return b"".join(pieces)


class _Whole(Content):
    """A small file, read already."""

    def __init__(self, data: bytes, metadata: Metadata | None) -> None:
        self._data = data
        self._at = 0
        self._metadata = metadata

    def read(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def metadata(self) -> Metadata | None:
        return self._metadata

    def close(self) -> None:
        self._data = b""


class _Streamed(Content):
    """A large file, read piece by piece up to the size that it had when it was opened, so that a growing one ends."""

    def __init__(self, files: PlainFiles, item: Item, handle: int, before: os.stat_result) -> None:
        self._files = files
        self._item = item
        self._handle = handle
        self._before = before
        self._count = 0

    def read(self, size: int) -> bytes:
        left = self._before.st_size - self._count
        try:
            piece = os.read(self._handle, min(size, left))
        except OSError as error:
            raise unreadable(self._item.path, error) from error
        self._count += len(piece)
        return piece

    def metadata(self) -> Metadata | None:
        try:
            after = os.fstat(self._handle)
        except OSError as error:
            raise unreadable(self._item.path, error) from error
        changed = self._count != self._before.st_size or not same_content(self._before, after)
        return self._files.as_read(self._item, self._before, self._count, changed=changed)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = -1
