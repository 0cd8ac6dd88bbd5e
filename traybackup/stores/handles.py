"""Operations relative to a held directory, so that nothing ever lands in an empty mount folder.

*Root* is a directory that is kept open: every name below it is resolved from the handle, not from its path, and no link
is followed on the way. Windows has no such handles; there the same calls take joined paths, and
`traybackup.stores.presence` alone stands guard.
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
_PASSING = _DIRECTORY | _COMMON | getattr(os, "O_PATH", 0)
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

    @contextlib.contextmanager
    def _inside(self, name: str) -> Iterator[tuple[str, int | None]]:
        """Yield what to call *name* and from which handle: its folder's, reached without following any link."""
        if self._fd is None:
            yield os.path.join(self.path, name), None
            return
        *folders, last = name.split("/")
        fd = self._fd
        try:
            for folder in folders:
                inner = os.open(folder, _PASSING, dir_fd=fd)
                if fd != self._fd:
                    os.close(fd)
                fd = inner
            yield last or ".", fd
        finally:
            if fd != self._fd:
                os.close(fd)

    def open(self, name: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
        """Open the file *name*."""
        with self._inside(name) as (last, fd):
            return os.open(last, flags | _COMMON, mode, dir_fd=fd)

    def stat(self, name: str) -> os.stat_result:
        """Return what is under *name*, not what it links to."""
        with self._inside(name) as (last, fd):
            return os.stat(last, dir_fd=fd, follow_symlinks=False)

    def make_folder(self, name: str, mode: int) -> bool:
        """Make the folder *name* below an existing one; return False if it is there already."""
        with self._inside(name) as (last, fd):
            try:
                os.mkdir(last, mode, dir_fd=fd)
            except FileExistsError:
                return False
        return True

    def remove(self, name: str) -> None:
        """Remove the file *name*."""
        with self._inside(name) as (last, fd):
            os.unlink(last, dir_fd=fd)

    @contextlib.contextmanager
    def kept(self, name: str) -> Iterator[None]:
        """Keep the content of the file *name* until the block ends, while its name goes or gets other content.

        FAT frees a file's clusters as soon as nobody has it open. If that reached the medium before the folder did, the
        old name would hold scraps after a power cut. On Windows an open file could be neither removed nor replaced.
        """
        fd = None
        if name and self._fd is not None:
            with contextlib.suppress(OSError):
                fd = self.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            yield
        finally:
            if fd is not None:
                os.close(fd)

    def scan(self, folder: str) -> list[tuple[str, os.stat_result]]:
        """Return names and facts of all that is in *folder*, with no handle left open."""
        found = []
        with self._folder(folder) as listed, os.scandir(listed) as listing:
            for entry in listing:
                with contextlib.suppress(FileNotFoundError):  # removed by somebody else meanwhile
                    found.append((entry.name, entry.stat(follow_symlinks=False)))
        return found

    @contextlib.contextmanager
    def _folder(self, name: str) -> Iterator[int | str]:
        """Open the folder *name*; on Windows yield its path."""
        with self._inside(name) as (last, above):
            if above is None:
                yield last
                return
            fd = os.open(last, _DIRECTORY | _COMMON, dir_fd=above)
        try:
            yield fd
        finally:
            os.close(fd)

    def rename(self, old: str, new: str, *, replace: bool) -> None:
        """Give the file *old* the name *new*, in the same folder and in one step.

        Raises:
            FileExistsError: *new* is taken and *replace* is false.
        """
        target = new.rpartition("/")[2]
        with self._inside(old) as (source, fd):
            if fd is None:
                target = os.path.join(os.path.dirname(source), target)
            if replace:
                os.replace(source, target, src_dir_fd=fd, dst_dir_fd=fd)
            elif sys.platform == "win32":
                os.rename(source, target)  # refused there if the name is taken
            elif not _rename_new(source, target, fd):
                self._rename_checked(source, target, fd)

    def _rename_checked(self, source: str, target: str, fd: int | None) -> None:
        """Rename unless *target* is taken, as far as two calls can; other threads of ours are kept out."""
        with self._lock:
            try:
                os.stat(target, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                os.replace(source, target, src_dir_fd=fd, dst_dir_fd=fd)
                return
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)

    def sync_file(self, name: str) -> None:
        """Flush the file *name* to the medium."""
        fd = self.open(name, os.O_RDONLY if self._fd is not None else os.O_RDWR)
        try:
            sync(fd)
        finally:
            os.close(fd)

    def sync_folder(self, name: str) -> None:
        """Flush the names in the folder *name* to the medium."""
        with self._folder(name) as folder:
            if isinstance(folder, str):
                return  # Windows writes directory entries through and cannot flush them
            try:
                sync(folder)
            except OSError as error:
                if error.errno not in _NO_SUCH_CALL:  # some network file systems cannot flush a folder
                    raise

    def space(self) -> Space:
        """Return the room on the medium."""
        if self._fd is None:
            usage = shutil.disk_usage(self.path)
            return Space(total=usage.total, free=usage.free)
        found = os.fstatvfs(self._fd)
        return Space(total=found.f_blocks * found.f_frsize, free=found.f_bavail * found.f_frsize)


def _rename_new(source: str, target: str, fd: int | None) -> bool:
    """Rename unless *target* is taken, in one system call; return False where there is no such call."""
    if not hasattr(_libc(), "renameat2"):
        return False
    at = -1 if fd is None else fd  # no matter for absolute paths
    if _libc().renameat2(at, os.fsencode(source), at, os.fsencode(target), _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_SUCH_CALL:
        return False
    raise OSError(number, os.strerror(number), target)


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
