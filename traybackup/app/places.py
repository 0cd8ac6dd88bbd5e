"""Places: what somebody writes after ``--to`` and ``--from``, and the opened Store behind it.

A *Place* is one of: a folder, which then is the repository; a drive that was made a backup drive, known by its
``TrayBackup/drive.json``, with the repository in ``TrayBackup/repository``; ``provider:location``, opened by a plugin.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from traybackup.api.errors import AccessDenied, PlaceMissing, PlaceUnusable, ProviderUnknown, StoreFailed
from traybackup.api.store import Store
from traybackup.stores.local import LocalStore
from traybackup.stores.presence import Marker, marker_id

DRIVE_FOLDER = "TrayBackup"
_PROVIDER = re.compile(r"([A-Za-z][A-Za-z0-9+_-]+):")
_MOUNT_FOLDERS = ("/media", "/mnt", "/run/media", "/Volumes")


@dataclass(frozen=True, slots=True)
class Place:
    """A place as named, found but not opened.

    Attributes:
        text: As it was written.
        folder: The repository's folder, absolute.
        marker: The drive's name tag if it is a backup drive.
    """

    text: str
    folder: Path
    marker: Marker | None = None


def parse(text: str) -> Place:
    """Understand what somebody wrote as a place; nothing is opened or made.

    Raises:
        ProviderUnknown: ``provider:location`` for a provider that is not installed.
        PlaceUnusable: Empty, or not a folder.
    """
    if not text or "\0" in text:
        raise PlaceUnusable(place=text, why="empty")
    provider = _PROVIDER.match(text)
    if provider and not os.path.lexists(text):
        raise ProviderUnknown(place=text, provider=provider[1])
    folder = Path(os.path.abspath(os.path.expanduser(text)))  # pathlib would follow links
    try:
        if folder.exists() and not folder.is_dir():
            raise PlaceUnusable(place=text, why="not-a-folder")
    except OSError as error:  # a parent may not be looked into, or the name is too long
        raise _refused(text, error) from error
    tag = folder / DRIVE_FOLDER / "drive.json"
    identity = marker_id(tag)
    if identity is not None:
        return Place(text, folder / DRIVE_FOLDER / "repository", Marker(tag, identity))
    return Place(text, folder)


def open_store(place: Place) -> Store:
    """Open the place.

    Raises:
        PlaceMissing: It is not there.
        PlaceSwapped: It is another drive.
        AccessDenied: It may not be used.
    """
    return LocalStore(place.folder, marker=place.marker)


def make_folder(place: Place) -> bool:
    """Make the folder of a place that is about to get its first backup; return whether it had to be made.

    Only the last step is made, and never where drives are mounted: there a missing folder is a missing drive.

    Raises:
        PlaceMissing: The folder above is not there either, or a drive should be there.
        AccessDenied: It may not be made.
    """
    if place.folder.exists():
        return False
    above = place.folder.parent
    if not above.is_dir() or (place.marker is None and _is_for_drives(above)):
        raise PlaceMissing(place=place.text)
    try:
        place.folder.mkdir(mode=0o700)
    except OSError as error:
        raise _refused(place.text, error) from error
    return True


def _is_for_drives(folder: Path) -> bool:
    """Say whether the system mounts drives in *folder*: ``/media``, ``/media/anna``, ``/mnt``, ``/Volumes``."""
    real = Path(os.path.realpath(folder))
    return any(str(step) in _MOUNT_FOLDERS for step in (real, real.parent)) and not os.path.ismount(real)


def _refused(text: str, error: OSError) -> AccessDenied | StoreFailed:
    if isinstance(error, PermissionError):
        return AccessDenied(place=text)
    return StoreFailed(place=text, reason=error.strerror or type(error).__name__)
