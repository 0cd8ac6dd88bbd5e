"""Places: what somebody writes after ``--to`` and ``--from``, and the opened Store behind it.

A *Place* is one of: a folder, which then is the repository; a drive that was made a backup drive, known by its
``TrayBackup/drive.json``, with the repository in ``TrayBackup/repository``; ``provider:location``, opened by a plugin;
or the name of a configured destination, which is one of these. A name comes before a folder that is called so.
"""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from traybackup.api.errors import AccessDenied, PlaceMissing, PlaceUnusable, StoreFailed
from traybackup.api.store import Store
from traybackup.app import tags
from traybackup.app.config import DRIVE, FOLDER, NAME, PATH, Config, Destination, Settings
from traybackup.app.presence import is_for_drives
from traybackup.app.tags import DRIVE_FOLDER
from traybackup.stores.local import LocalStore
from traybackup.stores.presence import Marker, marker_id

_PROVIDER = re.compile(r"([A-Za-z][A-Za-z0-9+_-]+):")


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder or drive as named, found but not opened.

    Attributes:
        text: As it was written.
        folder: The repository's folder, absolute.
        marker: The drive's name tag if it is a backup drive.
    """

    text: str
    folder: Path
    marker: Marker | None = None

    @property
    def kind(self) -> str:
        """What it is called."""
        return "drive" if self.marker else "folder"

    @property
    def identity(self) -> str:
        """What tells it from all other places, however it was written; a drive is mounted here and there."""
        return f"drive {self.marker.id}" if self.marker else str(self.folder)


@dataclass(frozen=True, slots=True)
class ProviderPlace:
    """A place that a plugin opens.

    Attributes:
        text: As it was written.
        provider: The provider's id.
        location: What stands behind the colon; empty: as the settings say.
        settings: From the configuration: the destination's own, and under them those for all places of the provider.
        own: The destination's own alone.
        destination: The destination's name; empty: it has none.
    """

    text: str
    provider: str
    location: str = ""
    settings: Settings = field(default_factory=dict)
    own: Settings = field(default_factory=dict)
    destination: str = ""

    @property
    def kind(self) -> str:
        """What it is called."""
        return self.provider

    @property
    def identity(self) -> str:
        """What tells it from all other places, however it was written."""
        return json.dumps([self.provider, self.location, sorted(self.settings.items())])


Place = FolderPlace | ProviderPlace

_NOTHING = Config()


def parse(text: str, config: Config = _NOTHING) -> Place:
    """Understand what somebody wrote as a place; nothing is opened or made, and no plugin is loaded.

    Raises:
        PlaceUnusable: Empty, or not a folder.
        PlaceMissing: None of the destination's drives is mounted.
    """
    if not text or "\0" in text:
        raise PlaceUnusable(place=text, why="empty")
    destination = config.destinations.get(text) if NAME.fullmatch(text) else None
    if destination is not None:
        shared = config.providers.get(destination.provider, {})
        if destination.provider == FOLDER:
            return _folder(text, destination.settings.get(PATH, ""))
        if destination.provider == DRIVE:
            return _drive(text, destination)
        merged = {**shared, **destination.settings}
        return ProviderPlace(text, destination.provider, "", merged, destination.settings, text)
    provider = _PROVIDER.match(text)
    if provider and not os.path.lexists(text):
        return ProviderPlace(text, provider[1], text[provider.end() :], config.providers.get(provider[1], {}))
    return _folder(text, text)


def _drive(text: str, destination: Destination) -> FolderPlace:
    """Return the first of a destination's drives that is mounted."""
    found = tags.find(destination.drives)
    if found is None:
        raise PlaceMissing(place=text)
    mount, tag = found
    folder = Path(mount) / DRIVE_FOLDER
    return FolderPlace(text, folder / "repository", Marker(folder / tags.TAG_FILE, tag.id))


def _folder(text: str, path: str) -> FolderPlace:
    if not path:
        raise PlaceUnusable(place=text, why="empty")
    folder = Path(os.path.abspath(os.path.expanduser(path)))  # pathlib would follow links
    try:
        if folder.exists() and not folder.is_dir():
            raise PlaceUnusable(place=text, why="not-a-folder")
    except OSError as error:  # a parent may not be looked into, or the name is too long
        raise _refused(text, error) from error
    tag = folder / DRIVE_FOLDER / tags.TAG_FILE
    identity = marker_id(tag)
    if identity is not None:
        return FolderPlace(text, folder / DRIVE_FOLDER / "repository", Marker(tag, identity))
    return FolderPlace(text, folder)


def open_folder(place: FolderPlace) -> Store:
    """Open the place.

    Raises:
        PlaceMissing: It is not there.
        PlaceSwapped: It is another drive.
        AccessDenied: It may not be used.
    """
    return LocalStore(place.folder, marker=place.marker)


def make_folder(place: FolderPlace) -> bool:
    """Make the folder of a place that is about to get its first backup; return whether it had to be made.

    Only the last step is made, and never where drives are mounted: there a missing folder is a missing drive.

    Raises:
        PlaceMissing: The folder above is not there either, or a drive should be there.
        AccessDenied: It may not be made.
    """
    if place.folder.exists():
        return False
    above = place.folder.parent
    if not above.is_dir() or (place.marker is None and is_for_drives(above)):
        raise PlaceMissing(place=place.text)
    try:
        place.folder.mkdir(mode=0o700)
    except OSError as error:
        raise _refused(place.text, error) from error
    return True


def _refused(text: str, error: OSError) -> AccessDenied | StoreFailed:
    if isinstance(error, PermissionError):
        return AccessDenied(place=text)
    return StoreFailed(place=text, reason=error.strerror or type(error).__name__)
