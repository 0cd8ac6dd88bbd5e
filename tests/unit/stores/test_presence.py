"""Whether it is still the same drive."""

import json
import os
from pathlib import Path

import pytest

from traybackup.api.errors import PlaceGone, PlaceMissing, PlaceSwapped
from traybackup.stores import presence
from traybackup.stores.presence import Marker, Presence, marker_id


@pytest.fixture
def marker(tmp_path: Path) -> Marker:
    file = tmp_path / "drive.json"
    file.write_text(json.dumps({"id": "red", "name": "RED"}))
    return Marker(file, "red")


def opened(root: Path, marker: Marker | None = None) -> Presence:
    return Presence(str(root), root.stat().st_dev, marker)


def test_same_drive_passes(tmp_path: Path, marker: Marker) -> None:
    """As long as nothing changes the check says nothing."""
    for watched in (opened(tmp_path), opened(tmp_path, marker)):
        watched.check()
        watched.check()


def test_marker_is_checked_at_the_start(tmp_path: Path, marker: Marker) -> None:
    """A place without its marker is missing, one with another's marker is another drive."""
    with pytest.raises(PlaceSwapped):
        opened(tmp_path, Marker(marker.file, "blue"))
    marker.file.unlink()
    with pytest.raises(PlaceMissing):
        opened(tmp_path, marker)


def test_marker_is_checked_on_the_way(tmp_path: Path, marker: Marker) -> None:
    """A marker that vanishes means the drive is gone; one that changes, that it was swapped."""
    watched = opened(tmp_path, marker)
    marker.file.write_text(json.dumps({"id": "blue"}))
    with pytest.raises(PlaceSwapped):
        watched.check()
    marker.file.unlink()
    with pytest.raises(PlaceGone):
        watched.check()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"id": 7}', '{"name": "x"}', "[" * 60_000, "\xff"])
def test_broken_marker_is_no_marker(tmp_path: Path, text: str) -> None:
    """A marker file with anything but an object with a text as id is read as none."""
    file = tmp_path / "drive.json"
    file.write_bytes(text.encode("latin-1"))
    assert marker_id(file) is None
    assert marker_id(tmp_path / "none") is None


def test_vanished_folder_is_gone(tmp_path: Path) -> None:
    """When the path leads nowhere, the drive is gone."""
    root = tmp_path / "stick"
    root.mkdir()
    watched = opened(root)
    root.rmdir()
    with pytest.raises(PlaceGone):
        watched.check()


def test_other_device_in_a_bare_folder_is_gone(tmp_path: Path) -> None:
    """When the path leads to another device that is mounted nowhere near, the mount folder is bare: gone."""
    watched = Presence(str(tmp_path), tmp_path.stat().st_dev + 1, None)
    with pytest.raises(PlaceGone):
        watched.check()


def test_other_device_that_is_mounted_is_a_swap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another device is mounted where the first was, it was swapped."""
    watched = Presence(str(tmp_path), tmp_path.stat().st_dev + 1, None)
    monkeypatch.setattr(os.path, "ismount", lambda path: path == str(tmp_path))
    with pytest.raises(PlaceSwapped):
        watched.check()


def test_unplugged_block_device_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the kernel no longer knows the block device the drive is gone, though every cache still answers."""
    block = tmp_path / "block"
    block.mkdir()
    monkeypatch.setattr(presence, "_block_device", lambda _device: str(block))
    watched = opened(tmp_path)
    watched.check()
    block.rmdir()
    with pytest.raises(PlaceGone):
        watched.check()


def test_network_folders_have_no_block_device() -> None:
    """A device number without a major is no block device, so its absence means nothing."""
    assert presence._block_device(os.makedev(0, 40)) is None
    assert presence._block_device(os.makedev(8, 17)) == "/sys/dev/block/8:17"
