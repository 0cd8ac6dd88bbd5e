"""Is it still the same drive? *Marker* is a drive's name tag, *Presence* the question asked before and during writes.

A mount folder stays when its drive is pulled out, and a write into it then lands on the computer's own disk; a plain
write to a pulled drive even succeeds. So the device behind the path is compared with the one at the start, the block
device must still be known to the kernel, and the marker file must still hold the same id.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from traybackup.api.errors import AccessDenied, PlaceGone, PlaceMissing, PlaceSwapped
from traybackup.stores.oserrors import DENIED

_LARGEST_MARKER = 64 << 10


@dataclass(frozen=True, slots=True)
class Marker:
    """A drive's name tag: a small JSON *file* whose field ``id`` must be *id*."""

    file: Path
    id: str


def marker_id(file: Path) -> str | None:
    """Return the id in the marker *file*; None if there is no sound one."""
    try:
        with file.open("rb") as stream:
            found = json.loads(stream.read(_LARGEST_MARKER))
    except (OSError, ValueError, RecursionError):
        return None
    value = found.get("id") if isinstance(found, dict) else None
    return value if isinstance(value, str) else None


class Presence:
    """What was found at *root* when it was opened, to be compared with what is there now.

    Raises:
        PlaceMissing: The marker is not there.
        PlaceSwapped: The marker is another drive's.
    """

    def __init__(self, root: str, device: int, marker: Marker | None) -> None:
        self._root = root
        self._device = device
        self._marker = marker
        self._mount = _mount_point(root, device)
        block = _block_device(device)
        self._block = block if block and os.path.exists(block) else None
        if marker is not None:
            found = marker_id(marker.file)
            if found is None:
                raise PlaceMissing(place=root)
            if found != marker.id:
                raise PlaceSwapped(place=root)

    def check(self) -> None:
        """Look whether the drive is there and the same; a few microseconds.

        Raises:
            PlaceGone: It is not there any more.
            PlaceSwapped: Another one is.
            AccessDenied: We may not look any more.
        """
        try:
            device = os.stat(self._root).st_dev
        except OSError as error:
            if error.errno in DENIED:
                raise AccessDenied(place=self._root) from error
            raise PlaceGone(place=self._root) from error
        if self._block is not None and not os.path.exists(self._block):
            raise PlaceGone(place=self._root)
        if device != self._device:
            raise PlaceSwapped(place=self._root) if os.path.ismount(self._mount) else PlaceGone(place=self._root)
        if self._marker is not None:
            found = marker_id(self._marker.file)
            if found is None:
                raise PlaceGone(place=self._root)
            if found != self._marker.id:
                raise PlaceSwapped(place=self._root)


def _mount_point(root: str, device: int) -> str:
    """Return the uppermost folder above *root* that is on the same device."""
    folder = os.path.realpath(root)
    while (above := os.path.dirname(folder)) != folder:
        try:
            if os.stat(above).st_dev != device:
                break
        except OSError:
            break
        folder = above
    return folder


def _block_device(device: int) -> str | None:
    """Return where Linux shows the block device while it is plugged in; None for other systems and network folders."""
    if not hasattr(os, "major") or os.major(device) == 0:
        return None
    return f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
