"""What UDisks2 says: a stick, a USB disk with a locked part, the computer's own disk, an optical drive."""

from typing import Any

ROOT = "/org/freedesktop/UDisks2"
_PREFIX = "org.freedesktop.UDisks2"


def _drive(**found: Any) -> dict[str, Any]:
    kinds = {bool: "b", int: "t", str: "s", list: "as"}
    return {f"{_PREFIX}.Drive": {name: (kinds[type(value)], value) for name, value in found.items()}}


def _block(drive: str, device: str, *mounts: str, files: bool = True, **found: Any) -> dict[str, Any]:
    block: dict[str, Any] = {
        "Device": ("ay", f"{device}\0".encode()),
        "PreferredDevice": ("ay", f"{device}\0".encode()),
        "Drive": ("o", drive),
        "Size": ("t", found.pop("size", 0)),
        "IdLabel": ("s", found.pop("label", "")),
        "IdType": ("s", found.pop("kind", "")),
        "IdUUID": ("s", found.pop("serial", "")),
        "ReadOnly": ("b", found.pop("read_only", False)),
        "HintSystem": ("b", found.pop("system", False)),
        "HintIgnore": ("b", False),
        "CryptoBackingDevice": ("o", found.pop("backing", "/")),
    }
    assert not found
    faces: dict[str, Any] = {f"{_PREFIX}.Block": block}
    if files:
        faces[f"{_PREFIX}.Filesystem"] = {"MountPoints": ("aay", [f"{one}\0".encode() for one in mounts])}
    return faces


STICK = f"{ROOT}/drives/Kingston_DataTraveler_1"
DISK = f"{ROOT}/drives/WD_Elements_2"
OWN = f"{ROOT}/drives/Samsung_SSD_3"
OPTICAL = f"{ROOT}/drives/HL_DVD_4"


def stick(*mounts: str, **more: Any) -> dict[str, Any]:
    """Return a stick with one partition, which all three flags call removable."""
    drive = {
        "Vendor": "Kingston",
        "Model": "DataTraveler",
        "ConnectionBus": "usb",
        "Removable": True,
        "MediaRemovable": True,
        "MediaAvailable": True,
        "Ejectable": True,
        "CanPowerOff": True,
        "Optical": False,
        "Size": 62_000_000_000,
        "TimeMediaDetected": 1_772_000_000_000_000,
        "MediaCompatibility": ["thumb"],
    }
    return {
        STICK: _drive(**(drive | more)),
        f"{ROOT}/block_devices/sdb": _block(STICK, "/dev/sdb", size=62_000_000_000, files=False),
        f"{ROOT}/block_devices/sdb1": _block(
            STICK, "/dev/sdb1", *mounts, size=61_999_000_000, label="KASSE", kind="vfat", serial="1A2B-3C4D"
        ),
    }


def usb_disk() -> dict[str, Any]:
    """Return a USB disk: neither ejectable nor with a removable medium; two partitions, one of them unlocked."""
    return {
        DISK: _drive(
            Vendor="WD",
            Model="Elements",
            ConnectionBus="usb",
            Removable=True,
            MediaRemovable=False,
            MediaAvailable=True,
            Ejectable=False,
            CanPowerOff=True,
            Size=2_000_000_000_000,
        ),
        f"{ROOT}/block_devices/sdc": _block(DISK, "/dev/sdc", size=2_000_000_000_000, files=False),
        f"{ROOT}/block_devices/sdc1": _block(DISK, "/dev/sdc1", "/media/a", "/mnt/b", size=1000, kind="ext4"),
        f"{ROOT}/block_devices/sdc2": _block(DISK, "/dev/sdc2", size=5000, kind="crypto_LUKS", files=False),
        f"{ROOT}/block_devices/dm_2d0": _block(
            "/", "/dev/dm-0", "/media/safe", size=4000, kind="ext4", backing=f"{ROOT}/block_devices/sdc2"
        ),
    }


def own_disk() -> dict[str, Any]:
    """Return the disk that the computer runs from, and an optical drive."""
    return {
        OWN: _drive(Model="Samsung SSD", ConnectionBus="", Removable=False, MediaAvailable=True, Size=500_000_000_000),
        f"{ROOT}/block_devices/sda1": _block(OWN, "/dev/sda1", "/", size=400, kind="ext4", system=True),
        f"{ROOT}/block_devices/sda2": _block(OWN, "/dev/sda2", "/srv", size=100, kind="ext4", system=True),
        OPTICAL: _drive(Model="DVD", Removable=True, Ejectable=True, MediaCompatibility=["optical_cd"]),
        f"{ROOT}/block_devices/sr0": _block(OPTICAL, "/dev/sr0", files=False),
        f"{ROOT}/Manager": {f"{_PREFIX}.Manager": {"Version": ("s", "2.9.4")}},
    }
