"""Drives where nobody tells of them: what is mounted is looked at every two seconds.

It sees only what somebody else has mounted, and ejects by unmounting. Source: psutil, sysfs's ``removable``, umount(8).
"""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from traybackup.api.errors import DriveBusy, DriveError, DriveGone
from traybackup.desktop.drives.model import Changed, Drive, Drives, Released, Volume, Watch, external
from traybackup.desktop.holders import holders

EVERY = 2.0
"""Seconds; a look costs a fifth of a millisecond."""

Mounted = tuple[str, str, str, str]
"""Device, folder, file system, options."""

_DRIVE_FOLDERS = ("/media", "/run/media", "/mnt", "/Volumes")
_SYSTEM_MOUNTS = frozenset({"/", "/boot", "/boot/efi", "/efi", "/home", "/usr", "/var"})
_UNMOUNT_WITHIN = 300


def mounted() -> tuple[Mounted, ...]:
    """Return what is mounted of devices."""
    import psutil  # noqa: PLC0415 - only where it is needed

    return tuple((one.device, one.mountpoint, one.fstype, one.opts) for one in psutil.disk_partitions(all=False))


def drives_of(found: Iterable[Mounted], sysfs: Path = Path("/sys")) -> tuple[Drive, ...]:
    """Return the drives that *found* are on; partitions of one disk are one drive."""
    volumes: dict[str, dict[str, Volume]] = {}
    for device, folder, kind, options in found:
        disk = _disk_of(device, sysfs)
        known = volumes.setdefault(disk, {}).get(device)
        mounts = (*known.mounts, folder) if known else (folder,)
        read_only = "ro" in options.split(",")
        volumes[disk][device] = Volume(device, device, mounts, Path(folder).name, kind, read_only=read_only)
    return tuple(_drive(disk, tuple(found.values()), sysfs) for disk, found in sorted(volumes.items()))


def _drive(disk: str, volumes: tuple[Volume, ...], sysfs: Path) -> Drive:
    block = sysfs / "block" / disk
    bus = "usb" if "/usb" in os.path.realpath(block) else ""
    mounts = {mount for one in volumes for mount in one.mounts}
    system = bool(mounts & _SYSTEM_MOUNTS)
    removable = _read(block / "removable") == "1"
    known = block.exists()
    below = any(mount.startswith(tuple(f"{folder}/" for folder in _DRIVE_FOLDERS)) for mount in mounts)
    name = " ".join(f"{_read(block / 'device' / 'vendor')} {_read(block / 'device' / 'model')}".split())
    return Drive(
        id=disk,
        name=name or disk,
        device=f"/dev/{disk}",
        bus=bus,
        size=512 * int(_read(block / "size") or 0),
        external=not system and (external(removable=removable, bus=bus) if known else below),
        system=system,
        volumes=volumes,
    )


def _disk_of(device: str, sysfs: Path) -> str:
    """Return the name of the disk that a partition is on."""
    name = os.path.basename(os.path.realpath(device))
    entry = sysfs / "class" / "block" / name
    if (entry / "partition").exists():
        return os.path.basename(os.path.dirname(os.path.realpath(entry)))
    return name


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


class PolledDrives(Drives):
    """The drives of which something is mounted.

    Args:
        look: Returns what is mounted.
    """

    def __init__(self, look: Callable[[], Iterable[Mounted]] = mounted, every: float = EVERY) -> None:
        self._look, self._every = look, every

    def list(self) -> tuple[Drive, ...]:
        try:
            return drives_of(self._look())
        except OSError as error:
            raise DriveError(reason=error.strerror or type(error).__name__) from error

    def watch(self, changed: Changed) -> Watch:
        return Polling(self.list, changed, self._every)

    def mount(self, volume: Volume) -> str:
        for drive in self.list():
            for one in drive.volumes:
                if one.id == volume.id:
                    return one.mounts[0]
        raise DriveGone(drive=volume.label or volume.device)

    def release(self, drive: Drive) -> Released:
        name = drive.volumes[0].label if drive.volumes else drive.name
        for mount in sorted(drive.mounts, key=len, reverse=True):
            done = subprocess.run(  # noqa: S603 - a system program, with a path of the system's
                ["umount", "--", mount],  # noqa: S607 - found as the system says
                check=False,
                capture_output=True,
                timeout=_UNMOUNT_WITHIN,
                env={**os.environ, "LC_ALL": "C"},
            )
            if done.returncode:
                words = done.stderr.decode(errors="replace").strip()
                if "busy" in words:
                    raise DriveBusy(drive=name, programs=", ".join(holders([mount])))
                raise DriveError(drive=name, reason=words)
        if any(one.id == drive.id for one in self.list()):
            raise DriveBusy(drive=name, programs=", ".join(holders(drive.mounts)))
        return Released.UNMOUNTED


class Polling(Watch):
    """Looks every *every* seconds in a thread of its own, and tells when what it sees is something else."""

    def __init__(self, look: Callable[[], tuple[Drive, ...]], changed: Changed, every: float) -> None:
        self._look, self._changed, self._every = look, changed, every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drives", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        told: tuple[Drive, ...] | None = None
        while not self._end.is_set():
            with suppress(DriveError):
                found = self._look()
                if found != told and not self._end.is_set():
                    told = found
                    self._changed(found)
            self._end.wait(self._every)


def wait_until(holds: Callable[[], bool], seconds: float, *, every: float = 0.5) -> bool:
    """Wait until something *holds*; say whether it did in time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(every)
    return True
