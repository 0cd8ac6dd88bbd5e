"""Tags: a backup drive's name tag, ``TrayBackup/drive.json``, which says who it is wherever it is plugged in.

::

    {"version": 1, "id": "…", "name": "Red", "colour": "red", "shop": "Till 1"}

No secret is in it. The id is what counts; a stick that was formatted has none and is a new one. Letters, mount folders
and serial numbers are no identity: they change, or are copied.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from traybackup.app.wording.drives import COLOURS

DRIVE_FOLDER = "TrayBackup"
TAG_FILE = "drive.json"
VERSION = 1
LONGEST_NAME = 40

_LARGEST = 64 << 10


@dataclass(frozen=True, slots=True)
class Tag:
    """What a backup drive says about itself.

    Attributes:
        colour: One of `COLOURS`, or empty.
        shop: Whose it is.
    """

    id: str
    name: str = ""
    colour: str = ""
    shop: str = ""


def file_of(mount: str) -> Path:
    """Return where the tag of the volume mounted at *mount* is, or would be."""
    return Path(mount) / DRIVE_FOLDER / TAG_FILE


def read(mount: str) -> Tag | None:
    """Return the tag of the volume mounted at *mount*; None: it is no backup drive. What is odd in it is left out."""
    try:
        with file_of(mount).open("rb") as stream:
            found = json.loads(stream.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("id"), str) or not found["id"]:
        return None
    colour = found.get("colour")
    return Tag(
        id=found["id"],
        name=_short(found.get("name")),
        colour=colour if isinstance(colour, str) and colour in COLOURS else "",
        shop=_short(found.get("shop")),
    )


def new_id() -> str:
    """Return an id that no other drive has."""
    return secrets.token_hex(16)


def find(ids: Iterable[str], mounts: Iterable[str] | None = None) -> tuple[str, Tag] | None:
    """Return where the first of the drives *ids* is mounted, with its tag; None: none of them is.

    Args:
        mounts: Where to look; None: at everything that is mounted of devices.
    """
    known: dict[str, tuple[str, Tag]] = {}
    for mount in all_mounts() if mounts is None else mounts:
        tag = read(mount)
        if tag is not None:
            known.setdefault(tag.id, (mount, tag))
    return next((known[one] for one in ids if one in known), None)


def all_mounts() -> list[str]:
    """Return where devices are mounted."""
    import psutil  # noqa: PLC0415 - only where drives are looked for

    try:
        return [one.mountpoint for one in psutil.disk_partitions(all=False)]
    except OSError:
        return []


def _short(value: object) -> str:
    """Return a name that a menu can show: on one line, and not too long."""
    return " ".join(value.split())[:LONGEST_NAME] if isinstance(value, str) else ""
