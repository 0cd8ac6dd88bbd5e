"""Adopting: a drive becomes a backup drive in one step.

It is looked at (`traybackup.app.drives.check_suitable`), mounted if it is not, tried out (`traybackup.app.probing`),
gets its tag, and is added to a destination: a new one, or one whose drives take turns. A drive that has a tag keeps its
id, so that what another computer has saved on it is found; nothing else on it is touched.
"""

import json
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from traybackup.api.errors import ConfigInvalid, DestinationExists, DriveUnknown
from traybackup.api.progress import Cancel
from traybackup.app import config, drives, probing, tags
from traybackup.app.config import DRIVE, DRIVES, Config
from traybackup.app.drives import Drives, Found
from traybackup.app.paths import Paths
from traybackup.app.probing import Probed
from traybackup.app.tags import Tag
from traybackup.stores.handles import sync

USUAL = "sticks"
"""What the destination is called if nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the owner wants.

    Attributes:
        name: What he calls the drive; empty: as it is called.
        destination: The destination that it is to be, alone or in turn with others; empty: the only one that is drives,
            or a new one.
        needed: Bytes that the backups need.
        seconds: How long trying it out may take; 0: it is not tried out.
    """

    name: str = ""
    colour: str = ""
    shop: str = ""
    destination: str = ""
    needed: int = drives.SMALLEST
    seconds: float = probing.SECONDS


@dataclass(frozen=True, slots=True)
class Adopted:
    """A drive that is a backup drive now.

    Attributes:
        known: It was one before.
        others: How many other drives take turns with it.
        probed: None: it was not tried out.
    """

    found: Found
    tag: Tag
    destination: str
    known: bool
    others: int
    probed: Probed | None


def adopt(here: Drives, wanted: str, paths: Paths, wishes: Wishes, *, cancel: Cancel | None = None) -> Adopted:
    """Make the drive that is called *wanted* a backup drive.

    Raises:
        DriveUnknown, DriveUnsuitable, DriveFake, DriveRefused, DriveGone, DriveError
        DestinationExists: The destination is not made of drives.
        ConfigError
        Cancelled: Nothing was changed.
    """
    known = config.load(paths)
    destination = _destination(known, wishes.destination, paths)
    every = here.list()
    found = drives.choose(drives.look(every, known), wanted)
    jobs = [job for job in known.jobs.values() if job.destination == destination]
    sources = [path for job in jobs for path in job.sources]
    drives.check_suitable(found, every, sources, needed=wishes.needed)
    if not found.mount and found.volume is not None:
        here.mount(found.volume)
        found = _again(here, known, found)
        drives.check_suitable(found, every, sources, needed=wishes.needed)
    tag = _tag(found, wishes)
    probed = None
    if wishes.seconds and found.free is not None:
        probed = probing.probe(Path(found.mount), tag.name, free=found.free, seconds=wishes.seconds, cancel=cancel)
    write_tag(found.mount, tag)
    others = _add(paths, destination, tag.id)
    return Adopted(_again(here, config.load(paths), found), tag, destination, found.tag is not None, others, probed)


def form(done: Adopted) -> dict[str, object]:
    """Return a drive that was made a backup drive, as a JSON object."""
    return {
        "message_type": "drive_adopted",
        "id": done.tag.id,
        "name": done.tag.name,
        "colour": done.tag.colour or None,
        "destination": done.destination,
        "in_turn_with": done.others,
        "known": done.known,
        "tested": asdict(done.probed) if done.probed else None,
    }


def _again(here: Drives, known: Config, found: Found) -> Found:
    """Look at a drive once more.

    Raises:
        DriveUnknown: It is gone.
    """
    for one in drives.look(here.list(), known):
        if one.drive.id == found.drive.id:
            return one
    raise DriveUnknown(drive=found.name)


def _tag(found: Found, wishes: Wishes) -> Tag:
    old = found.tag or Tag(tags.new_id(), found.name)
    name = " ".join(wishes.name.split())[: tags.LONGEST_NAME]
    return Tag(old.id, name or old.name or found.name, wishes.colour or old.colour, old.shop or wishes.shop)


def _destination(known: Config, wanted: str, paths: Paths) -> str:
    """Return the name of the destination that the drive is to be."""
    ours = [name for name, one in known.destinations.items() if one.provider == DRIVE]
    name = wanted or (ours[0] if len(ours) == 1 else USUAL)
    if name in known.destinations and name not in ours:
        raise DestinationExists(name=name)
    if not config.NAME.fullmatch(name):
        file = str(config.file_of(paths))
        raise ConfigInvalid(file=file, path=f"destinations.{name}", allowed=config.NAME.pattern)
    return name


def _add(paths: Paths, destination: str, drive: str) -> int:
    """Let *drive* be one of a destination's drives; return how many others there are."""

    def edit(document: dict[str, Any]) -> None:
        known = document.setdefault("destinations", {})
        if destination not in known:
            known[destination] = {"provider": DRIVE, "settings": {DRIVES: drive}}
            return
        settings = known[destination].setdefault("settings", {})
        ids = str(settings.get(DRIVES, "")).split()
        if drive not in ids:
            settings[DRIVES] = " ".join([*ids, drive])

    return len(config.change(paths, edit).destinations[destination].drives) - 1


def write_tag(mount: str, tag: Tag) -> None:
    """Put *tag* on the volume mounted at *mount*, so that it survives being pulled out at once.

    Raises:
        DriveUnsuitable: It cannot be written to.
        DriveError: Writing failed.
    """
    file = tags.file_of(mount)
    fields = {"version": tags.VERSION, "id": tag.id, "name": tag.name, "colour": tag.colour, "shop": tag.shop}
    temporary = file.with_name(f".{tags.TAG_FILE}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(exist_ok=True)
        with temporary.open("xb") as stream:
            stream.write(json.dumps(fields, ensure_ascii=False, indent=1).encode() + b"\n")
            stream.flush()
            sync(stream.fileno())
        temporary.replace(file)
        with file.open("r+b") as stream:  # vfat writes size and first cluster of a renamed file only now
            sync(stream.fileno())
        probing.flush_folders(file.parent, Path(mount))
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise probing.unsuitable(tag.name or mount, error) from error
