"""Drives as their owner knows them: which are plugged in, which of them are backup drives, and for what.

*Found* is one that is plugged in. A drive is a backup drive because of the tag on it (`traybackup.app.tags`) and
nothing else. What is here looks and names; `traybackup.app.adopting` makes backup drives, and
`traybackup.app.ejecting` lets go of them.
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from traybackup.api.errors import DriveUnknown, DriveUnsuitable
from traybackup.app import tags
from traybackup.app.config import DRIVE, FOLDER, PATH, Config
from traybackup.app.tags import Tag
from traybackup.desktop.drives.choice import open_drives
from traybackup.desktop.drives.model import Drive, Drives, Released, Volume, Watch, drive_of

__all__ = ["Drive", "Drives", "Found", "Released", "Volume", "Watch", "open_drives"]

SMALLEST = 256 << 20
"""Bytes that a backup drive holds at least."""


@dataclass(frozen=True, slots=True)
class Found:
    """A drive that is plugged in.

    Attributes:
        volume: The one with the tag, else the largest; None: there is no file system on it.
        tag: None: it is no backup drive.
        destinations: Those that it is, or that have their folder on it.
        occasion: Tells this time of being plugged in from every other.
        total, free: Bytes; None: it is not mounted.
    """

    drive: Drive
    volume: Volume | None = None
    tag: Tag | None = None
    destinations: tuple[str, ...] = ()
    occasion: str = ""
    total: int | None = None
    free: int | None = None

    @property
    def mount(self) -> str:
        """The folder through which it is reached; empty: it is not mounted."""
        return self.volume.mounts[0] if self.volume and self.volume.mounts else ""

    @property
    def name(self) -> str:
        """What its owner calls it."""
        own = self.tag.name if self.tag else ""
        label = self.volume.label if self.volume else ""
        return own or label or self.drive.name or self.device

    @property
    def device(self) -> str:
        """What the system calls it: ``F:``, ``/dev/sdb1``."""
        return self.volume.device if self.volume else self.drive.device or self.drive.id.rpartition("/")[2]

    @property
    def colour(self) -> str:
        """Its colour's keyword, or nothing."""
        return self.tag.colour if self.tag else ""


def look(drives: Iterable[Drive], known: Config) -> tuple[Found, ...]:
    """Return what is known of drives; the tags are read from those that are mounted."""
    every = tuple(drives)
    return tuple(_found(one, every, known) for one in every)


def _found(drive: Drive, every: Sequence[Drive], known: Config) -> Found:
    volume, tag = _chosen(drive)
    mount = volume.mounts[0] if volume and volume.mounts else ""
    total, free = _room(mount)
    return Found(
        drive=drive,
        volume=volume,
        tag=tag,
        destinations=tuple(_destinations(drive, tag, every, known)),
        occasion=f"{tag.id[:8] if tag else drive.id} {drive.plugged}".strip(),
        total=total,
        free=free,
    )


def _chosen(drive: Drive) -> tuple[Volume | None, Tag | None]:
    """Return the volume that is meant when one speaks of the drive, and its tag."""
    for volume in drive.volumes:
        for mount in volume.mounts:
            tag = tags.read(mount)
            if tag is not None:
                return volume, tag
    return max(drive.volumes, key=lambda one: one.size, default=None), None


def _destinations(drive: Drive, tag: Tag | None, every: Sequence[Drive], known: Config) -> Iterable[str]:
    for name, one in known.destinations.items():
        if one.provider == DRIVE and tag is not None and tag.id in one.drives:
            yield name
        if one.provider == FOLDER and drive.external and drive.mounts:
            path = os.path.realpath(os.path.expanduser(one.settings.get(PATH, "")))
            if drive_of(path, every) is drive:
                yield name


def _room(mount: str) -> tuple[int | None, int | None]:
    if not mount:
        return None, None
    try:
        found = shutil.disk_usage(mount)
    except OSError:
        return None, None
    return found.total, found.free


def is_ours(found: Found) -> bool:
    """Say whether a drive is one that its owner should see here: it can be unplugged, or it has a tag."""
    return (found.drive.external and not found.drive.system) or found.tag is not None


def choose(found: Iterable[Found], wanted: str) -> Found:
    """Return the drive that is called *wanted*: by its name, label, device, folder, destination or id.

    Raises:
        DriveUnknown: None is, or several are.
    """
    candidates = [one for one in found if any(_same(wanted, name) for name in _names(one))]
    if len(candidates) != 1:
        raise DriveUnknown(drive=wanted, count=len(candidates))
    return candidates[0]


def _names(found: Found) -> Iterable[str]:
    drive = found.drive
    yield from (
        found.name,
        drive.name,
        drive.id,
        drive.id.rpartition("/")[2],
        drive.device,
        os.path.basename(drive.device),
    )
    yield from found.destinations
    if found.tag is not None:
        yield found.tag.id
    for volume in found.drive.volumes:
        yield from (volume.label, volume.device, os.path.basename(volume.device), *volume.mounts)


def _same(wanted: str, name: str) -> bool:
    def plain(text: str) -> str:
        return text.rstrip("/\\").casefold() or text

    return bool(name) and plain(wanted) == plain(name)


def check_suitable(
    found: Found, every: Iterable[Drive], sources: Iterable[str] = (), *, needed: int = SMALLEST
) -> None:
    """Check that a drive can be made a backup drive.

    Args:
        every: All drives, to see which the sources are on.
        sources: Paths that should be saved to it.
        needed: Bytes that the backups need.

    Raises:
        DriveUnsuitable: It cannot, and why.
    """
    why = unsuitable(found, tuple(every), tuple(sources), needed)
    if why:
        raise DriveUnsuitable(drive=found.name, why=why, needed=needed if why == "too-small" else None)


def unsuitable(found: Found, every: Sequence[Drive], sources: Sequence[str] = (), needed: int = SMALLEST) -> str:
    """Return why a drive cannot be made a backup drive, as a keyword of `DriveUnsuitable`; empty: it can."""
    drive, volume = found.drive, found.volume
    on_it = (drive_of(os.path.realpath(path), every) for path in sources)
    reasons = {
        "system": drive.system,
        "source": any(one is not None and one.id == drive.id for one in on_it),
        "built-in": not drive.external,
        "no-medium": not drive.medium,
        "no-filesystem": volume is None,
        "read-only": volume is not None and volume.read_only,
        "too-small": 0 < (found.total or (volume.size if volume else 0)) < needed,
        "full": found.tag is None and found.free is not None and found.free < needed,
    }
    return next((why for why, holds in reasons.items() if holds), "")


def present(found: Iterable[Found], plain: Mapping[str, str]) -> dict[str, str]:
    """Return the destinations that are there, each with its occasion.

    Args:
        plain: What is there as far as folders can tell, as `traybackup.app.presence.there` has it.
    """
    known = {name: one.occasion for one in found if one.mount for name in one.destinations}
    return {name: known.get(name, occasion) for name, occasion in {**plain, **known}.items()}
