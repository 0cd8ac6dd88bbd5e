"""What a file system cannot do. Source: Microsoft's FAT specification (a file's size has 32 bits), proc(5)."""

import os
from pathlib import Path

_FAT = frozenset({"vfat", "msdos", "umsdos", "fat", "fat32", "fat16"})
_LARGEST_ON_FAT = (4 << 30) - 1
_OURS_ALONE = _FAT | {
    "bcachefs",
    "btrfs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "ntfs",
    "ntfs3",
    "tmpfs",
    "xfs",
    "zfs",
}
"""File systems that one computer has to itself; a network's may show a listing it remembers."""


def largest_file(device: int) -> int | None:
    """Return the size of the largest file on the file system of *device* (``st_dev``); None: no limit to speak of."""
    return _LARGEST_ON_FAT if kind_of(device) in _FAT else None


def is_consistent(device: int) -> bool:
    """Say whether everybody who lists a folder on *device* sees what was made there before, at once."""
    return kind_of(device) in _OURS_ALONE


def kind_of(device: int, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the type of the file system on *device* as Linux names it; empty if unknown."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        major, _, minor = before.split()[2].partition(":")
        if os.makedev(int(major), int(minor)) == device:
            return after.split()[0]
    return ""
