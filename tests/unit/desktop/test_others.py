"""Drives on Windows and macOS understood from what those systems say, polling, and who holds a folder."""

import plistlib
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.session import wait_until
from traybackup.api.errors import DriveBusy, DriveError, DriveGone
from traybackup.desktop.drives.macos import MacDrives
from traybackup.desktop.drives.model import Drive, Released, Volume
from traybackup.desktop.drives.polling import PolledDrives, Polling, drives_of
from traybackup.desktop.drives.windows_facts import FIXED, REMOVABLE, Device, Letter, device_of, holder_of, letters
from traybackup.desktop.drives.windows_facts import drives_of as windows_drives
from traybackup.desktop.holders import holders


def descriptor(bus: int, *, removable: bool, vendor: str = "Kingston", product: str = "DataTraveler 3.0") -> bytes:
    """Return what IOCTL_STORAGE_QUERY_PROPERTY fills in, with the texts behind it."""
    texts = f"{vendor}\0{product}\0 0019E06B\0".encode()
    first = 36
    second = first + len(vendor) + 1
    third = second + len(product) + 1
    head = struct.pack("<IIBBBBIIIII", 36, first + len(texts), 0, 0, removable, 0, first, second, 0, third, bus)
    return head + struct.pack("<I", 0) + texts


def test_a_devices_description() -> None:
    """Bus, removability and names are read; what is cut off is left out and nothing breaks."""
    whole = descriptor(7, removable=True)
    assert device_of(whole) == Device(True, "usb", "Kingston DataTraveler 3.0", "0019E06B")
    for size in range(len(whole)):
        assert device_of(whole[:size]).bus in ("", "usb")
    assert device_of(b"\xff" * 64) == Device(True, "", "", "")


def test_letters_of_a_mask() -> None:
    """Bit 0 is A."""
    assert letters(0x200000C) == ("C", "D", "Z")
    assert letters(0) == ()


def test_windows_drives() -> None:
    """A stick, a USB disk that calls itself fixed, the system's disk with two letters; network drives are left out."""
    usb, sata = Device(False, "usb", "WD Elements"), Device(False, "sata", "Samsung")
    found = windows_drives(
        [
            Letter("C", FIXED, sata, 0, "Windows", 1, "NTFS", 500),
            Letter("D", FIXED, sata, 0, "Data", 2, "NTFS", 500),
            Letter("E", REMOVABLE, Device(True, "usb", "Kingston"), 1, "KASSE", 0x1A2B3C4D, "FAT32", 62),
            Letter("F", FIXED, usb, 2, "DISK", 3, "exFAT", 2000, read_only=True),
            Letter("G", REMOVABLE, Device(True, "usb", "Reader"), 3),
            Letter("N", 4, Device(), None, "NET", 4, "NTFS", 1),
        ],
        "C",
    )
    assert [(one.device, one.external, one.system, one.medium) for one in found] == [
        ("C:", False, True, True),
        ("E:", True, False, True),
        ("F:", True, False, True),
        ("G:", True, False, False),
    ]
    (stick,) = found[1].volumes
    assert (stick.mounts, stick.serial, stick.filesystem) == (("E:\\",), "1A2B-3C4D", "fat32")
    assert [one.read_only for one in found[2].volumes] == [True]
    assert len(found[0].volumes) == 2


def test_the_event_that_names_the_holder() -> None:
    """The program is told without its folder; an event without one tells nothing."""
    event = "<Event><Data Name='ProcessName'>\\Device\\HarddiskVolume3\\Windows\\explorer.exe</Data></Event>"
    assert holder_of(event) == "explorer.exe"
    assert holder_of("<Event/>") == ""


LISTING = {
    "AllDisks": ["disk0", "disk0s2", "disk1", "disk1s1", "disk4", "disk4s1"],
    "AllDisksAndPartitions": [
        {"DeviceIdentifier": "disk0", "Partitions": [{"DeviceIdentifier": "disk0s2"}]},
        {
            "DeviceIdentifier": "disk1",
            "APFSPhysicalStores": [{"DeviceIdentifier": "disk0s2"}],
            "APFSVolumes": [{"DeviceIdentifier": "disk1s1"}],
        },
        {"DeviceIdentifier": "disk4", "Partitions": [{"DeviceIdentifier": "disk4s1"}]},
    ],
}
INFOS: dict[str, dict[str, Any]] = {
    "disk0": {"MediaName": "APPLE SSD", "Internal": True, "BusProtocol": "Apple Fabric", "TotalSize": 500},
    "disk0s2": {"DeviceIdentifier": "disk0s2", "Content": "Apple_APFS"},
    "disk1": {"MediaName": "AppleAPFSMedia", "Internal": True},
    "disk1s1": {
        "DeviceIdentifier": "disk1s1",
        "FilesystemType": "apfs",
        "MountPoint": "/",
        "VolumeName": "Macintosh HD",
    },
    "disk4": {
        "MediaName": "DataTraveler",
        "Internal": False,
        "BusProtocol": "USB",
        "Ejectable": True,
        "RemovableMediaOrExternalDevice": True,
        "TotalSize": 62,
    },
    "disk4s1": {
        "DeviceIdentifier": "disk4s1",
        "DeviceNode": "/dev/disk4s1",
        "FilesystemType": "exfat",
        "MountPoint": "/Volumes/KASSE",
        "VolumeName": "KASSE",
        "VolumeUUID": "D3F1",
        "TotalSize": 61,
        "WritableVolume": True,
    },
}


class FakeDiskutil:
    """diskutil with recorded property lists."""

    def __init__(self, *, eject: tuple[int, bytes] = (0, b"Disk disk4 ejected\n")) -> None:
        self.eject, self.gone = eject, False

    def __call__(self, words: Sequence[str]) -> tuple[int, bytes]:
        if words[0] == "eject":
            self.gone = self.eject[0] == 0
            return self.eject
        if words[0] == "mount":
            return 1, b"Volume on disk9 failed to mount"
        shown = [
            one for one in LISTING["AllDisksAndPartitions"] if not (self.gone and one["DeviceIdentifier"] == "disk4")
        ]  # type: ignore[index]  # plists are untyped
        listing = LISTING | {"AllDisksAndPartitions": shown}
        return 0, plistlib.dumps(listing if words[0] == "list" else INFOS[words[-1]])


def test_mac_drives() -> None:
    """The stick is external; what is above the computer's own disk is that disk."""
    own, stick = MacDrives(FakeDiskutil()).list()
    assert (own.system, own.external, own.mounts) == (True, False, ("/",))
    assert (stick.name, stick.bus, stick.external, stick.can_eject) == ("DataTraveler", "usb", True, True)
    (volume,) = stick.volumes
    assert (volume.label, volume.mounts, volume.read_only) == ("KASSE", ("/Volumes/KASSE",), False)


def test_mac_eject() -> None:
    """It is ejected as a whole, and gone; one that is in use names who holds it; nonsense is an error."""
    here = MacDrives(FakeDiskutil())
    stick = here.list()[1]
    assert here.mount(stick.volumes[0]) == "/Volumes/KASSE"
    assert here.release(stick) is Released.EJECTED
    words = b"disk4 was dissented by PID 311 (/Applications/Till.app/Contents/MacOS/Till)"
    with pytest.raises(DriveBusy) as told:
        MacDrives(FakeDiskutil(eject=(1, words))).release(stick)
    assert told.value.programs == "Till"
    with pytest.raises(DriveError):
        MacDrives(FakeDiskutil(eject=(1, b"no"))).release(stick)
    with pytest.raises(DriveError):
        MacDrives(lambda _: (1, b"not a plist")).list()
    with pytest.raises(DriveError):
        MacDrives(FakeDiskutil()).mount(Volume("disk9", "/dev/disk9"))


def sysfs(folder: Path) -> Path:
    """Make a /sys with a stick behind USB that has one partition."""
    block = folder / "devices" / "usb1" / "block" / "sdb"
    (block / "sdb1").mkdir(parents=True)
    (block / "sdb1" / "partition").write_text("1\n")
    (block / "device").mkdir()
    (block / "device" / "vendor").write_text("Kingston\n")
    (block / "device" / "model").write_text("DataTraveler \n")
    (block / "removable").write_text("0\n")
    (block / "size").write_text("2048\n")
    for name, target in (("block", {"sdb": block}), ("class/block", {"sdb": block, "sdb1": block / "sdb1"})):
        (folder / name).mkdir(parents=True)
        for link, where in target.items():
            (folder / name / link).symlink_to(where)
    return folder


def test_polled_drives(tmp_path: Path) -> None:
    """Partitions are joined to their disk, and its bus is seen; the root's disk is the system's."""
    mounted = [
        ("/dev/sdb1", "/media/anna/KASSE", "vfat", "rw,nosuid"),
        ("/dev/sdb1", "/mnt/x", "vfat", "rw"),
        ("/dev/sda1", "/", "ext4", "rw"),
        ("/dev/sdz1", "/run/media/anna/LATE", "vfat", "ro"),
    ]
    own, stick, late = drives_of(mounted, sysfs(tmp_path))
    assert (own.system, own.external) == (True, False)
    assert (stick.id, stick.name, stick.bus, stick.size) == ("sdb", "Kingston DataTraveler", "usb", 1 << 20)
    assert (stick.external, stick.mounts) == (True, ("/media/anna/KASSE", "/mnt/x"))
    assert (late.external, late.volumes[0].read_only) == (True, True)


def test_polling_tells_of_changes_alone() -> None:
    """What is the same is not told again, a failed look is made up for, and after closing nothing is told."""
    seen: list[tuple[Drive, ...]] = []
    looks = threading.Semaphore(0)
    states: list[Any] = [(), (), DriveError(), (Drive("a"),), (Drive("a"),), ()]

    def look() -> tuple[Drive, ...]:
        looks.release()
        found = states.pop(0) if len(states) > 1 else states[0]
        if isinstance(found, DriveError):
            raise found
        result: tuple[Drive, ...] = found
        return result

    with Polling(look, seen.append, 0.001):
        for _ in range(8):
            assert looks.acquire(timeout=10)
        wait_until(lambda: len(seen) == 3)
    assert seen == [(), (Drive("a"),), ()]


def test_polled_drives_that_are_gone() -> None:
    """A volume that is not mounted any more cannot be mounted here."""
    here = PolledDrives(list)
    assert here.list() == ()
    with pytest.raises(DriveGone):
        here.mount(Volume("/dev/sdb1", "/dev/sdb1"))


def test_who_holds_a_folder(tmp_path: Path) -> None:
    """A program with its working folder there, or an open file, is named; this process comes last; others are not."""
    inner = tmp_path / "drive" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "drive-2").mkdir()
    with subprocess.Popen(["sleep", "60"], cwd=inner) as process:
        try:
            with (inner / "file").open("w"):
                wait_until(lambda: "sleep" in holders([str(tmp_path / "drive")]))
                names = holders([str(tmp_path / "drive")])
                assert names[0] == "sleep"
                assert len(names) == 2
        finally:
            process.kill()
    assert holders([str(tmp_path / "drive-2")]) == ()
    assert holders([]) == ()


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX system's tools")
