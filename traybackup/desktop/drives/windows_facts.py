"""What Windows says about volumes, understood. Pure: bytes and numbers come in, `Drive`s come out.

Source: Microsoft's documentation of STORAGE_DEVICE_DESCRIPTOR, STORAGE_BUS_TYPE, GetDriveType, PNP_VETO_TYPE and of
event 225 of Kernel-PnP. A USB hard disk calls itself fixed; its bus tells what it is.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from traybackup.desktop.drives.model import Drive, Volume, external

REMOVABLE, FIXED = 2, 3
"""Of GetDriveType: the two kinds that are looked at; network drives may block, and are none of ours."""

BUSES = {4: "ieee1394", 7: "usb", 11: "sata", 12: "sdio", 13: "mmc", 17: "nvme", 3: "ata", 8: "raid", 10: "sas"}

VETOES = {
    1: "legacy-device",
    2: "pending-close",
    3: "program",
    4: "service",
    5: "open-file",
    6: "device",
    7: "driver",
    8: "illegal-request",
    9: "power",
    10: "non-disableable",
    11: "legacy-driver",
    12: "no-right",
    13: "gone",
}
"""Why Windows does not eject, by number."""

_HEAD = struct.Struct("<IIBBBBIIIII")
_APPLICATION = re.compile(r"<Data Name=['\"]ProcessName['\"]>([^<]*)</Data>")


@dataclass(frozen=True, slots=True)
class Device:
    """What a disk says about itself."""

    removable: bool = False
    bus: str = ""
    name: str = ""
    serial: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A volume with a letter, as Windows tells it.

    Attributes:
        kind: Of GetDriveType.
        disk: The number of the disk it is on; None: nobody says.
        filesystem: Empty: nothing is in it, or nothing that Windows knows.
    """

    letter: str
    kind: int
    device: Device = Device()
    disk: int | None = None
    label: str = ""
    serial: int = 0
    filesystem: str = ""
    size: int = 0
    read_only: bool = False


def letters(mask: int) -> tuple[str, ...]:
    """Return the letters in a mask of GetLogicalDrives or of a broadcast."""
    return tuple(chr(ord("A") + number) for number in range(26) if mask >> number & 1)


def device_of(data: bytes) -> Device:
    """Understand a STORAGE_DEVICE_DESCRIPTOR; what is cut off is left out."""
    if len(data) < _HEAD.size:
        return Device()
    fields = _HEAD.unpack_from(data)
    removable, vendor, product, serial, bus = fields[4], fields[6], fields[7], fields[9], fields[10]
    name = " ".join(f"{_text(data, vendor)} {_text(data, product)}".split())
    return Device(bool(removable), BUSES.get(bus, ""), name, _text(data, serial).strip())


def _text(data: bytes, offset: int) -> str:
    if not 0 < offset < len(data):
        return ""
    return data[offset:].partition(b"\0")[0].decode("ascii", "replace")


def drives_of(found: Iterable[Letter], system: str) -> tuple[Drive, ...]:
    """Return the drives; letters on one disk are one drive.

    Args:
        system: The letter of the system's own volume.
    """
    disks: dict[str, list[Letter]] = {}
    for one in found:
        if one.kind in (REMOVABLE, FIXED):
            disks.setdefault(f"disk{one.disk}" if one.disk is not None else one.letter, []).append(one)
    return tuple(_drive(key, parts, system) for key, parts in sorted(disks.items()))


def _drive(key: str, parts: list[Letter], system: str) -> Drive:
    first = parts[0].device
    removable = any(one.kind == REMOVABLE or one.device.removable for one in parts)
    is_system = any(one.letter == system for one in parts)
    volumes = tuple(_volume(one) for one in parts if one.filesystem)
    return Drive(
        id=key,
        name=first.name,
        device=f"{parts[0].letter}:",
        bus=first.bus,
        size=sum(one.size for one in parts),
        external=external(removable=removable, bus=first.bus) and not is_system,
        system=is_system,
        medium=bool(volumes) or any(one.size for one in parts),
        can_eject=True,
        volumes=volumes,
    )


def _volume(one: Letter) -> Volume:
    serial = f"{one.serial >> 16:04X}-{one.serial & 0xFFFF:04X}" if one.serial else ""
    return Volume(
        id=one.letter,
        device=f"{one.letter}:",
        mounts=(f"{one.letter}:\\",),
        label=one.label,
        filesystem=one.filesystem.lower(),
        serial=serial,
        size=one.size,
        read_only=one.read_only,
    )


def holder_of(event: str) -> str:
    """Return the program that an event 225 of Kernel-PnP names, without its folder; empty: none."""
    found = _APPLICATION.search(event)
    return found[1].rpartition("\\")[2] if found else ""
