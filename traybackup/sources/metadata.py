"""What the file system says about an item, as `Metadata`: stat, names of owners, link targets, extended attributes.

Source: restic's internal/restic/node.go for what belongs to which kind.
"""

import errno
import os
import stat

from traybackup.api.source import Finding, Kind, Metadata

try:
    import grp
    import pwd
except ImportError:  # Windows has neither
    _USERS = _GROUPS = None
else:
    _USERS, _GROUPS = pwd.getpwuid, grp.getgrgid

_NO_XATTRS = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_HAS_XATTRS = hasattr(os, "listxattr")
_TYPE = 0o170000
_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFBLK: Kind.BLOCK_DEVICE,
    stat.S_IFCHR: Kind.CHARACTER_DEVICE,
    stat.S_IFIFO: Kind.FIFO,
    stat.S_IFSOCK: Kind.SOCKET,
}


class _Users(dict[int, str]):
    """Login names, looked up once each; empty if the number has none."""

    def __missing__(self, uid: int) -> str:
        try:
            name = _USERS(uid).pw_name if _USERS else ""
        except KeyError:
            name = ""
        self[uid] = name
        return name


class _Groups(dict[int, str]):
    """Group names, looked up once each; empty if the number has none."""

    def __missing__(self, gid: int) -> str:
        try:
            name = _GROUPS(gid).gr_name if _GROUPS else ""
        except KeyError:
            name = ""
        self[gid] = name
        return name


class Describer:
    """Turns what stat says into `Metadata`. One for each source; safe from several threads."""

    def __init__(self, findings: list[Finding]) -> None:
        """Make one that tells of attributes it may not read in *findings*, once for each file system."""
        self._findings = findings
        self._users = _Users()
        self._groups = _Groups()
        self._without_xattrs: set[int] = set()
        self._told: set[int] = set()

    def describe(self, status: os.stat_result) -> Metadata:
        """Return the metadata that are in *status*: all but link target and extended attributes."""
        # Unpacking is a third faster than attributes, and this runs for every item.
        mode, inode, device, links, uid, gid, size, _, _, _ = status
        kind = _KINDS[mode & _TYPE]
        found = Metadata(
            kind,
            mode & 0o7777,
            status.st_mtime_ns,
            # for the time of access too, as restic does: the real one changes by looking, and every tree with it
            status.st_mtime_ns,
            status.st_ctime_ns,
            uid,
            gid,
            self._users[uid],
            self._groups[gid],
            inode,
            device,
            size if kind is Kind.FILE else 0,
            links,
        )
        if kind is Kind.BLOCK_DEVICE or kind is Kind.CHARACTER_DEVICE:
            found.device = status.st_rdev
        return found

    def add_xattrs(self, path: bytes, reachable: bytes, found: Metadata) -> None:
        """Add the extended attributes to *found*.

        Args:
            path: Where the item is, for messages.
            reachable: A name by which the system can reach it; no longer than the system allows.
        """
        if not _HAS_XATTRS or found.device_id in self._without_xattrs:
            return
        try:
            if names := os.listxattr(reachable, follow_symlinks=False):
                names.sort()
                found.xattrs = tuple((name, os.getxattr(reachable, name, follow_symlinks=False)) for name in names)
        except OSError as error:
            if error.errno in _NO_XATTRS:
                self._without_xattrs.add(found.device_id)
            elif error.errno not in (errno.ENOENT, errno.ENODATA) and found.device_id not in self._told:
                self._told.add(found.device_id)
                self._findings.append(Finding("xattrs-unreadable", path, os.strerror(error.errno or 0)))
