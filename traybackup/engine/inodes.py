"""Inodes: what a restored item gets besides its content: owner, attributes, mode and times.

What a file system or a user cannot set is named and counted, and never ends a restore; a medium that fails does.

Source: chown(2), setxattr(2), utimensat(2), inode(7).
"""

import errno
import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from traybackup.api.source import Kind, Metadata
from traybackup.engine.filesystem import Folder, Identity, is_kind

_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
_PATH: int = getattr(os, "O_PATH", 0)

_CHOWN: Callable[..., None] | None = getattr(os, "chown", None)
_SETXATTR: Callable[..., None] | None = getattr(os, "setxattr", None)
_FAILING = frozenset({errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.ESTALE})
_SPECIAL_BITS = 0o6000


class Inode(NamedTuple):
    """What a file has already."""

    uid: int
    gid: int
    mode: int
    number: int

    @classmethod
    def of(cls, fd: int) -> "Inode":
        """Look at an open file."""
        there = os.fstat(fd)
        return cls(there.st_uid, there.st_gid, stat.S_IMODE(there.st_mode), there.st_ino)


def set_metadata(fd: int, metadata: Metadata, us: Identity, has: Inode | None = None) -> list[str]:
    """Give an open file or directory its owner, attributes, mode and times, and return what could not be set.

    Args:
        has: What it is known to have; that is not set again.

    Raises:
        OSError: The medium fails.
    """
    unset: list[str] = []
    mode = metadata.mode
    if has is None or has.uid != metadata.uid or has.gid != metadata.gid:
        _set_owner(fd, None, metadata, us, unset)
        if unset:
            mode &= ~_SPECIAL_BITS  # as somebody else's program it would act with the wrong rights
    if metadata.xattrs:
        _set_attributes(fd, metadata, unset, follow=True)
    if has is None or has.mode != mode or metadata.xattrs:
        try:
            os.chmod(fd, mode)
        except OSError as error:
            _note(error, "mode", unset)
    try:
        os.utime(fd, ns=(metadata.accessed, metadata.modified))
    except (OSError, OverflowError) as error:
        _note(error, "times", unset)
    return unset


def _note(error: Exception, what: str, unset: list[str]) -> None:
    """Note what this file system or this user cannot set; a medium that fails is another matter, and is raised."""
    if isinstance(error, OSError) and error.errno in _FAILING:
        raise error
    if what not in unset:
        unset.append(what)


def _set_owner(file: int | bytes, folder: int | None, metadata: Metadata, us: Identity, unset: list[str]) -> None:
    """Set owner and group; somebody who is no administrator sets the group where it is one of theirs."""
    uid, gid = (metadata.uid, metadata.gid) if us.administrator else (-1, metadata.gid)
    try:
        if _CHOWN is None:
            return  # owners are another matter there
        if us.administrator or gid in us.groups:
            if folder is None:
                _CHOWN(file, uid, gid)
            else:
                _CHOWN(file, uid, gid, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        _note(error, "owner", unset)
        return
    if not us.administrator and (metadata.uid != us.uid or metadata.gid not in us.groups):
        unset.append("owner")


def _set_attributes(file: int | bytes, metadata: Metadata, unset: list[str], *, follow: bool) -> None:
    for name, value in metadata.xattrs:
        try:
            if _SETXATTR is None:
                raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))  # noqa: TRY301 - as a file system without them
            if follow:
                _SETXATTR(file, name, value)
            else:
                _SETXATTR(file, name, value, follow_symlinks=False)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            _note(error, "attributes", unset)


def set_special_metadata(folder: Folder, name: bytes, metadata: Metadata, us: Identity) -> list[str]:
    """Do the same as `set_metadata` for a symlink, FIFO or device, which must not be opened."""
    unset: list[str] = []
    _set_owner(name, folder.fd, metadata, us, unset)
    if metadata.xattrs:
        # no call takes a directory's handle here; the last component is not followed
        _set_attributes(b"/proc/self/fd/%d/%s" % (folder.fd, name), metadata, unset, follow=False)
    if metadata.kind is not Kind.SYMLINK:
        try:
            _chmod_unopened(folder, name, metadata)
        except OSError as error:
            _note(error, "mode", unset)
    try:
        os.utime(name, ns=(metadata.accessed, metadata.modified), dir_fd=folder.fd, follow_symlinks=False)
    except (OSError, OverflowError) as error:
        _note(error, "times", unset)
    return unset


def _chmod_unopened(folder: Folder, name: bytes, metadata: Metadata) -> None:
    """Set the mode of a FIFO or device without opening it and without following a link put in its place."""
    if not _PATH:
        os.chmod(name, metadata.mode, dir_fd=folder.fd, follow_symlinks=False)
        return
    handle = os.open(name, _PATH | _NOFOLLOW | _CLOEXEC, dir_fd=folder.fd)
    try:
        if not is_kind(os.fstat(handle), metadata.kind):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        os.chmod(b"/proc/self/fd/%d" % handle, metadata.mode)
    finally:
        os.close(handle)
