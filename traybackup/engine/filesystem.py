"""File system: what a restore does to the target, relative to open directories and never through a link.

*Folder* is an open directory. Names are single components, so nothing can climb out; every name is opened or created
without following a link, so a directory that somebody swaps for a link in the middle of a restore leads nowhere. What a
file system does not take (an owner, an attribute) is named and counted, and never ends a restore.

Source: openat(2), renameat2(2), utimensat(2), path_resolution(7).
"""

import contextlib
import ctypes
import errno
import os
import stat
import sys
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from traybackup.api.source import Kind, Metadata

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # told apart where it is used

TEMPORARY = b".traybackup-restore-"
"""How every name begins that a restore uses before a file is complete."""

_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)
_DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
_PATH: int = getattr(os, "O_PATH", 0)

_OPEN_FOLDER = os.O_RDONLY | _DIRECTORY | _NOFOLLOW | _CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC | _BINARY
_WRITE = os.O_WRONLY | _NOFOLLOW | _CLOEXEC | _BINARY
_READ = os.O_RDONLY | _NOFOLLOW | _CLOEXEC | _BINARY | getattr(os, "O_NONBLOCK", 0)
_NOREPLACE = 1
_FAT_MAGIC = 0x4D44
_LARGEST_ON_FAT = (4 << 30) - 1
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM, errno.EMLINK})

_FORMATS = {
    Kind.FILE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.BLOCK_DEVICE: stat.S_IFBLK,
    Kind.CHARACTER_DEVICE: stat.S_IFCHR,
    Kind.FIFO: stat.S_IFIFO,
    Kind.SOCKET: stat.S_IFSOCK,
}


class Identity(NamedTuple):
    """As whom we write: the administrator may give files away, others only to groups of theirs."""

    administrator: bool
    uid: int
    groups: frozenset[int]

    @classmethod
    def current(cls) -> "Identity":
        """Return who this process is."""
        if not hasattr(os, "geteuid"):
            return cls(administrator=False, uid=0, groups=frozenset({0}))
        uid = os.geteuid()
        return cls(uid == 0, uid, frozenset({os.getegid(), *os.getgroups()}))


class Folder:
    """An open directory; closed by its owner. All names are single components."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def at(cls, path: bytes) -> "Folder":
        """Open the directory at *path*; only here links are followed, because the owner named the path."""
        return cls(os.open(path, os.O_RDONLY | _DIRECTORY | _CLOEXEC))

    def close(self) -> None:
        """Let go of it; closing twice is fine."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def claim(self) -> bool:
        """Keep it for us as long as it is open; false if another restore is at work in it."""
        if fcntl is None:
            return True
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system without locks
        return True

    def enter(self, name: bytes) -> "Folder":
        """Open a directory in this one.

        Raises:
            OSError: It is none, or a link to one.
        """
        return Folder(os.open(name, _OPEN_FOLDER, dir_fd=self.fd))

    def make(self, name: bytes) -> bool:
        """Make a directory that only its owner can use; say whether it was not there."""
        try:
            os.mkdir(name, 0o700, dir_fd=self.fd)
        except FileExistsError:
            return False
        return True

    def names(self) -> list[bytes]:
        """Return the names of what is in it."""
        return [os.fsencode(name) for name in os.listdir(self.fd)]

    def look(self, name: bytes) -> os.stat_result | None:
        """Return what is known about an entry, a link itself; None if there is none."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def create(self, name: bytes, mode: int = 0o600) -> int:
        """Make a file and return it opened for writing; it must not be there."""
        return os.open(name, _CREATE, mode, dir_fd=self.fd)

    def read(self, name: bytes) -> int:
        """Return an existing file opened for reading; a FIFO in its place blocks nothing."""
        return os.open(name, _READ, dir_fd=self.fd)

    def write(self, name: bytes) -> int:
        """Return an existing file opened for writing."""
        return os.open(name, _WRITE, dir_fd=self.fd)

    def link_target(self, name: bytes) -> bytes:
        """Return what a symlink holds."""
        return os.readlink(name, dir_fd=self.fd)

    def remove(self, name: bytes) -> None:
        """Remove an entry that is no directory; fine if there is none."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.fd)

    def make_special(self, name: bytes, metadata: Metadata) -> None:
        """Make a symlink, FIFO or device."""
        if metadata.kind is Kind.SYMLINK:
            os.symlink(metadata.link_target, name, dir_fd=self.fd)
        else:
            os.mknod(name, _FORMATS[metadata.kind] | 0o600, metadata.device, dir_fd=self.fd)

    def link(self, name: bytes, other: "Folder", source: bytes) -> None:
        """Give the file *source* in *other* a second name here; a link in its place is not followed."""
        os.link(source, name, src_dir_fd=other.fd, dst_dir_fd=self.fd, follow_symlinks=False)

    def rename_over(self, old: bytes, new: bytes) -> None:
        """Rename; what had the name *new* is replaced in the same instant."""
        os.rename(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def rename_new(self, old: bytes, new: bytes) -> None:
        """Rename, never over something.

        Raises:
            FileExistsError: There is something called *new*.
        """
        call = _renameat2()
        if call is not None:
            number = call(self.fd, old, self.fd, new)
            if not number:
                return
            if number not in _UNSUPPORTED:
                raise OSError(number, os.strerror(number), new)
        try:
            self.link(new, self, old)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            if self.look(new) is not None:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new) from None
            self.rename_over(old, new)
        else:
            self.remove(old)

    def set_aside(self, name: bytes, other: bytes) -> None:
        """Give what is called *name* the name *other*, which must be free; a file keeps both until it is replaced."""
        try:
            self.link(other, self, name)
        except FileExistsError:
            raise
        except OSError:
            self.rename_new(name, other)


@cache
def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@cache
def _renameat2() -> Callable[[int, bytes, int, bytes], int] | None:
    """Return a function that renames without replacing and returns an error number; None where there is none."""
    call = getattr(_libc(), "renameat2", None)
    if call is None:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def rename(old_folder: int, old: bytes, new_folder: int, new: bytes) -> int:
        return ctypes.get_errno() if call(old_folder, old, new_folder, new, _NOREPLACE) else 0

    return rename


def flush(folder: Folder) -> None:
    """Wait until everything written to the folder's file system is on the medium.

    Raises:
        OSError: Something was lost on the way.
    """
    call = getattr(_libc(), "syncfs", None)
    if call is not None:
        if call(folder.fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    elif hasattr(os, "sync"):
        os.sync()


def largest_file(folder: Folder) -> int | None:
    """Return the size of the largest file that the folder's file system can hold; None: no limit to speak of.

    Source: Microsoft's FAT specification; statfs(2).
    """
    call = getattr(_libc(), "fstatfs", None)
    if call is None:
        return None
    answer = (ctypes.c_long * 64)()
    return _LARGEST_ON_FAT if call(folder.fd, answer) == 0 and answer[0] == _FAT_MAGIC else None


def is_kind(found: os.stat_result, kind: Kind) -> bool:
    """Say whether what is there is of that kind."""
    return stat.S_IFMT(found.st_mode) == _FORMATS[kind]


class Abilities(NamedTuple):
    """What names the target's file system takes.

    Attributes:
        any_bytes: Names that are no UTF-8.
        any_characters: Colons, trailing dots and whatever else FAT and Windows refuse.
        case: ``a`` and ``A`` are two names.
    """

    any_bytes: bool = True
    any_characters: bool = True
    case: bool = True

    @classmethod
    def of(cls, folder: Folder) -> "Abilities":
        """Try them out in *folder*, which is left as it was."""
        mark = TEMPORARY + b"probe-" + os.urandom(4).hex().encode()
        return cls(
            any_bytes=_takes(folder, mark + b"\xff", mark + b"\xff"),
            any_characters=_takes(folder, mark + b":?.", mark + b":?."),
            case=not _takes(folder, mark + b"a", mark + b"A"),
        )


def _takes(folder: Folder, name: bytes, look_for: bytes) -> bool:
    """Say whether a file called *name* can be made and is then found as *look_for*."""
    try:
        os.close(folder.create(name))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT, errno.EILSEQ):
            return False
        raise
    try:
        return folder.look(look_for) is not None
    finally:
        folder.remove(name)
