"""Presence: which destinations are there, as far as folders and the tags of drives can tell. It opens no store."""

import os
from pathlib import Path

from traybackup.app import tags
from traybackup.app.config import DRIVE, FOLDER, PATH, Config

_MOUNT_FOLDERS = ("/media", "/mnt", "/run/media", "/Volumes")


def there(known: Config) -> dict[str, str]:
    """Return the destinations that are there: folders that can be seen, and all that nobody can see from here.

    Each has the occasion on which it came, which is empty: who watches drives knows better.
    """
    found = {}
    for name, destination in known.destinations.items():
        if destination.provider == DRIVE:
            here = tags.find(destination.drives) is not None
        else:
            here = destination.provider != FOLDER or is_there(destination.settings.get(PATH, ""))
        if here:
            found[name] = ""
    return found


def is_there(path: str) -> bool:
    """Say whether a folder is there, or may be made in the one above it."""
    folder = Path(path).expanduser()
    try:
        if folder.exists():
            return folder.is_dir()
        return folder.parent.is_dir() and not is_for_drives(folder.parent)
    except OSError:
        return False


def is_for_drives(folder: Path) -> bool:
    """Say whether the system mounts drives in *folder*: ``/media``, ``/media/anna``, ``/mnt``, ``/Volumes``."""
    real = Path(os.path.realpath(folder))
    return any(str(step) in _MOUNT_FOLDERS for step in (real, real.parent)) and not os.path.ismount(real)


def is_below_drives(path: str) -> bool:
    """Say whether a path lies where the system mounts drives, plugged in or not."""
    return any(path.startswith(f"{folder}/") for folder in _MOUNT_FOLDERS)
