"""Drives on macOS, by diskutil and its property lists. *drives_of* is pure.

Source: diskutil(8). An APFS container is a disk of its own above the one that is plugged in; the whole disk is ejected.
Not yet run on a Mac.
"""

import plistlib
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.parsers.expat import ExpatError

from traybackup.api.errors import DriveBusy, DriveError, DriveGone, DriveStillThere
from traybackup.desktop.drives.model import Changed, Drive, Drives, Released, Volume, Watch, external
from traybackup.desktop.drives.polling import Polling, wait_until
from traybackup.desktop.holders import holders

EVERY = 3.0
_WITHIN = 300
_GONE_WITHIN = 10.0
_BUSES = {"USB": "usb", "FireWire": "ieee1394", "Thunderbolt": "thunderbolt", "Secure Digital": "sdio"}
_DISSENTED = re.compile(r"dissented by PID \d+ \(([^)]*)\)")

Info = Mapping[str, Any]
Ask = Callable[[Sequence[str]], tuple[int, bytes]]


def ask(words: Sequence[str]) -> tuple[int, bytes]:
    """Run diskutil; return its exit code and what it says."""
    done = subprocess.run(  # noqa: S603 - the system's own
        ["/usr/sbin/diskutil", *words], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_WITHIN
    )
    return done.returncode, done.stdout


def drives_of(listing: Info, infos: Mapping[str, Info]) -> tuple[Drive, ...]:
    """Return the drives.

    Args:
        listing: Of ``diskutil list -plist``.
        infos: Of ``diskutil info -plist``, by the name of the disk or partition.
    """
    physical: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    for one in listing.get("AllDisksAndPartitions", ()):
        whole = str(one.get("DeviceIdentifier", ""))
        stores = [str(store.get("DeviceIdentifier", "")) for store in one.get("APFSPhysicalStores", ())]
        physical[whole] = re.sub(r"s\d+$", "", stores[0]) if stores else whole
        inner = [*one.get("Partitions", ()), *one.get("APFSVolumes", ())] or [one]
        parts.setdefault(physical[whole], []).extend(str(part.get("DeviceIdentifier", "")) for part in inner)
    return tuple(_drive(whole, infos[whole], parts[whole], infos) for whole in parts if whole in infos)


def _drive(whole: str, info: Info, parts: Sequence[str], infos: Mapping[str, Info]) -> Drive:
    bus = _BUSES.get(str(info.get("BusProtocol", "")), "")
    removable = bool(info.get("RemovableMediaOrExternalDevice") or info.get("RemovableMedia"))
    found = [_volume(infos[one]) for one in parts if one in infos and infos[one].get("FilesystemType")]
    volumes = tuple(one for one in found if one.filesystem not in ("", "msdos-efi") and one.label != "EFI")
    system = any(mount == "/" or mount.startswith("/System/") for one in volumes for mount in one.mounts)
    return Drive(
        id=whole,
        name=str(info.get("MediaName", "")),
        device=f"/dev/{whole}",
        bus=bus,
        size=int(info.get("TotalSize", info.get("Size", 0))),
        external=external(removable=removable, bus=bus) and not info.get("Internal", False) and not system,
        system=system,
        can_eject=bool(info.get("Ejectable")),
        volumes=volumes,
    )


def _volume(info: Info) -> Volume:
    mount = str(info.get("MountPoint") or "")
    return Volume(
        id=str(info.get("DeviceIdentifier", "")),
        device=str(info.get("DeviceNode", "")),
        mounts=(mount,) if mount else (),
        label=str(info.get("VolumeName") or ""),
        filesystem=str(info.get("FilesystemType", "")),
        serial=str(info.get("VolumeUUID") or ""),
        size=int(info.get("TotalSize", info.get("Size", 0))),
        read_only=not info.get("WritableVolume", info.get("Writable", True)),
    )


class MacDrives(Drives):
    """The drives that diskutil knows."""

    def __init__(self, ask_it: Ask = ask) -> None:
        self._ask = ask_it

    def list(self) -> tuple[Drive, ...]:
        listing = self._plist(["list", "-plist"])
        return drives_of(listing, {name: self._plist(["info", "-plist", name]) for name in listing.get("AllDisks", ())})

    def _plist(self, words: Sequence[str]) -> Info:
        code, said = self._ask(words)
        try:
            found = plistlib.loads(said)
        except (plistlib.InvalidFileException, ExpatError, ValueError) as error:
            raise DriveError(reason=said.decode(errors="replace").strip() or str(code)) from error
        return found if isinstance(found, dict) else {}

    def watch(self, changed: Changed) -> Watch:
        return Polling(self.list, changed, EVERY)

    def mount(self, volume: Volume) -> str:
        code, said = self._ask(["mount", volume.id])
        for drive in self.list():
            for one in drive.volumes:
                if one.id == volume.id and one.mounts:
                    return one.mounts[0]
        if code == 0:
            raise DriveGone(drive=volume.label or volume.device)
        raise DriveError(drive=volume.label or volume.device, reason=said.decode(errors="replace").strip())

    def release(self, drive: Drive) -> Released:
        name = next((one.label for one in drive.volumes if one.label), drive.name)
        code, said = self._ask(["eject", drive.id])
        words = said.decode(errors="replace").strip()
        if code:
            dissented = _DISSENTED.search(words)
            if dissented or "in use" in words or "busy" in words:
                who = (dissented[1].rpartition("/")[2],) if dissented else holders(drive.mounts)
                raise DriveBusy(drive=name, programs=", ".join(who))
            raise DriveError(drive=name, reason=words)
        if not wait_until(lambda: all(one.id != drive.id for one in self.list()), _GONE_WITHIN):
            raise DriveStillThere(drive=name)
        return Released.EJECTED
