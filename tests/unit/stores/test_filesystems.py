"""What is known about file systems."""

import os
from pathlib import Path

import pytest

from traybackup.stores import filesystems

MOUNTS = (
    "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
    "30 22 8:17 / /media/till/RED\\040STICK rw,nosuid shared:7 - vfat /dev/sdb1 rw,fmask=0022\n"
    "31 22 0:40 / /mnt/nas rw - cifs //nas/till rw\n"
)


def test_kind_is_read_from_the_kernels_list(tmp_path: Path) -> None:
    """The file system's type is found by device number; a device that is not listed has none."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert filesystems.kind_of(os.makedev(254, 0), mounts) == "ext4"
    assert filesystems.kind_of(os.makedev(8, 17), mounts) == "vfat"
    assert filesystems.kind_of(os.makedev(0, 40), mounts) == "cifs"
    assert filesystems.kind_of(os.makedev(8, 1), mounts) == ""
    assert filesystems.kind_of(os.makedev(8, 17), tmp_path / "none") == ""


def test_only_fat_limits_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on FAT has less than 4 GiB; elsewhere there is no limit worth knowing."""
    monkeypatch.setattr(filesystems, "kind_of", lambda _device: "vfat")
    assert filesystems.largest_file(1) == 4294967295
    for kind in ("exfat", "ext4", "ntfs3", ""):
        monkeypatch.setattr(filesystems, "kind_of", lambda _device, kind=kind: kind)
        assert filesystems.largest_file(1) is None


def test_what_a_network_shows_may_be_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only file systems that one computer has to itself show at once what others made; an unknown one is none."""
    for kind, at_once in {
        "ext4": True,
        "vfat": True,
        "exfat": True,
        "ntfs3": True,
        "cifs": False,
        "nfs4": False,
    }.items():
        monkeypatch.setattr(filesystems, "kind_of", lambda _device, kind=kind: kind)
        assert filesystems.is_consistent(1) is at_once
    monkeypatch.setattr(filesystems, "kind_of", lambda _device: "")
    assert not filesystems.is_consistent(1)
