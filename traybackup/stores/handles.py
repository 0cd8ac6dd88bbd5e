"""Operations relative to a held directory, so that nothing ever lands in an empty mount folder.

*Root* is a directory that is kept open: every name below it is resolved from the handle, not from its path. Windows has
no such handles; there the same calls take joined paths, and `traybackup.stores.presence` alone stands guard.
Source of the flushing rules: fsync(2), fcntl(2) of macOS (``F_FULLFSYNC``), rename(2) and renameat2(2).
"""

import contextlib
import ctypes
import errno
import os
import shutil
import stat
import sys
import threading
from collections.abc import Iterator
from functools import cache

from traybackup.api.errors import StoreFailed
from traybackup.api.store import Space

_HAS_HANDLES = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_COMMON = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_DIRECTORY", 0)
_RENAME_NOREPLACE = 1
_NO_SUCH_CALL = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})


class Root:
    """The directory at *path*, held open until it is closed and the last user has let go.

    Raises:
        OSError: It cannot be opened, or is no directory.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = os.open(path, _DIRECTORY) if _HAS_HANDLES else None
        info = os.stat(path) if self._fd is None else os.fstat(self._fd)
        if not stat.S_ISDIR(info.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        self.device = info.st_dev
        self._users = 1
        self._closed = False
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep the handle open inside the block, even if another thread closes: its number must not be reused.

        Raises:
            StoreFailed: It is closed already.
        """
        with self._lock:
            if self._closed:
                raise StoreFailed(place=self.path, reason="closed")
            self._users += 1
        try:
            yield
        finally:
            self._leave()

    def close(self) -> None:
        """Let go; closing twice is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last and self._fd is not None:
            os.close(self._fd)

    def _at(self, name: str) -> str:
        return name or "." if self._fd is not None else os.path.join(self.path, name)

    def open(self, name: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
        """Open the file *name*, never through a link."""
        return os.open(self._at(name), flags | _COMMON, mode, dir_fd=self._fd)

    def stat(self, name: str) -> os.stat_result:
        """Return what is under *name*, not what it links to."""
        return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)

    def make_folder(self, name: str, mode: int) -> bool:
        """Make the folder *name* below an existing one; return False if it is there already."""
        try:
            os.mkdir(self._at(name), mode, dir_fd=self._fd)
        except FileExistsError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove the file *name*."""
        os.unlink(self._at(name), dir_fd=self._fd)

    def scan(self, folder: str) -> list[tuple[str, os.stat_result]]:
        """Return names and facts of all that is in *folder*, with no handle left open."""
        found = []
        fd = None if self._fd is None else os.open(self._at(folder), _DIRECTORY | _COMMON, dir_fd=self._fd)
        try:
            with os.scandir(self._at(folder) if fd is None else fd) as listing:
                for entry in listing:
                    with contextlib.suppress(FileNotFoundError):  # removed by somebody else meanwhile
                        found.append((entry.name, entry.stat(follow_symlinks=False)))
        finally:
            if fd is not None:
                os.close(fd)
        return found

    def rename(self, old: str, new: str, *, replace: bool) -> None:
        """Give the file *old* the name *new* in one step.

        Raises:
            FileExistsError: *new* is taken and *replace* is false.
        """
        if replace:
            os.replace(self._at(old), self._at(new), src_dir_fd=self._fd, dst_dir_fd=self._fd)
        elif self._fd is None:
            os.rename(self._at(old), self._at(new))  # Windows refuses if the name is taken
        elif not self._rename_new(old, new):
            self._rename_checked(old, new)

    def _rename_new(self, old: str, new: str) -> bool:
        """Rename unless *new* is taken, in one system call; return False where there is no such call."""
        if not hasattr(_libc(), "renameat2"):
            return False
        at = -1 if self._fd is None else self._fd
        if _libc().renameat2(at, os.fsencode(old), at, os.fsencode(new), _RENAME_NOREPLACE) == 0:
            return True
        number = ctypes.get_errno()
        if number in _NO_SUCH_CALL:
            return False
        raise OSError(number, os.strerror(number), new)

    def _rename_checked(self, old: str, new: str) -> None:
        """Rename unless *new* is taken, as far as two calls can; other threads of ours are kept out."""
        with self._lock:
            try:
                self.stat(new)
            except FileNotFoundError:
                os.replace(self._at(old), self._at(new), src_dir_fd=self._fd, dst_dir_fd=self._fd)
                return
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)

    def sync_file(self, name: str) -> None:
        """Flush the file *name* to the medium."""
        fd = self.open(name, os.O_RDONLY if self._fd is not None else os.O_RDWR)
        try:
            sync(fd)
        finally:
            os.close(fd)

    def sync_folder(self, name: str) -> None:
        """Flush the names in the folder *name* to the medium."""
        if self._fd is None:
            return  # Windows writes directory entries through and cannot flush them
        fd = os.open(self._at(name), _DIRECTORY, dir_fd=self._fd)
        try:
            sync(fd)
        except OSError as error:
            if error.errno not in _NO_SUCH_CALL:  # some network file systems cannot flush a folder
                raise
        finally:
            os.close(fd)

    def space(self) -> Space:
        """Return the room on the medium."""
        if self._fd is None:
            usage = shutil.disk_usage(self.path)
            return Space(total=usage.total, free=usage.free)
        found = os.fstatvfs(self._fd)
        return Space(total=found.f_blocks * found.f_frsize, free=found.f_bavail * found.f_frsize)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def sync(fd: int) -> None:
    """Flush an open file or folder to the medium itself, not only to its cache."""
    if sys.platform == "darwin":
        import fcntl  # noqa: PLC0415 - not there on Windows

        with contextlib.suppress(OSError):  # not on every file system
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
            return
    os.fsync(fd)
