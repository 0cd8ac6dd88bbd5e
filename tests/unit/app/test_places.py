"""Places: what somebody may write after --to and --from."""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from traybackup.api.errors import PlaceMissing, PlaceSwapped, PlaceUnusable, ProviderUnknown, StoreError
from traybackup.app import presence
from traybackup.app.config import Config, Destination
from traybackup.app.context import Context
from traybackup.app.opening import Access, opened
from traybackup.app.places import ProviderPlace, make_folder, open_folder, parse
from traybackup.app.vault import NoVault

posix = pytest.mark.skipif(sys.platform == "win32", reason="paths and rights are POSIX")


def drive(folder: Path, identity: str = "d-1") -> Path:
    """Make *folder* a backup drive."""
    (folder / "TrayBackup").mkdir(parents=True)
    (folder / "TrayBackup" / "drive.json").write_text(json.dumps({"id": identity, "name": "RED"}))
    return folder


def test_a_folder_is_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain folder is the restic repository itself, absolute, whether it is there or not."""
    monkeypatch.chdir(tmp_path)
    assert parse("place").folder == tmp_path / "place"
    assert parse("place").marker is None
    assert parse(str(tmp_path)).folder == tmp_path
    assert parse("place").text == "place"


def test_the_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``~`` is understood even where no shell expands it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert parse("~/place").folder == tmp_path / "place"


def test_a_backup_drive_keeps_its_repository_in_a_folder_of_its_own(tmp_path: Path) -> None:
    """With TrayBackup/drive.json the repository is in TrayBackup/repository, and tied to the drive's id."""
    found = parse(str(drive(tmp_path / "RED")))
    assert found.folder == tmp_path / "RED" / "TrayBackup" / "repository"
    assert found.marker is not None
    assert found.marker.id == "d-1"


def test_a_broken_name_tag_makes_no_backup_drive(tmp_path: Path) -> None:
    """A tag that is no JSON, or has no id, is none."""
    (drive(tmp_path / "RED") / "TrayBackup" / "drive.json").write_text("{")
    assert parse(str(tmp_path / "RED")).marker is None


@pytest.mark.parametrize(
    ("text", "provider", "location"),
    [
        ("gdrive:TrayBackup", "gdrive", "TrayBackup"),
        ("sftp:user@host:/x", "sftp", "user@host:/x"),
        ("my-cloud:", "my-cloud", ""),
    ],
)
def test_a_provider_and_a_location(text: str, provider: str, location: str) -> None:
    """provider:location is understood without loading anything; only the first colon counts."""
    found = parse(text)
    assert isinstance(found, ProviderPlace)
    assert (found.text, found.provider, found.location, found.destination) == (text, provider, location, "")
    assert found.kind == provider


def test_a_provider_that_is_not_installed_is_named(make_context: Callable[..., Context]) -> None:
    """Opening such a place tells which provider is missing, and for which place."""
    context = make_context(lambda: datetime.now(UTC), NoVault("off"))
    with pytest.raises(ProviderUnknown) as caught, opened(context, Access("gdrive:TrayBackup")):
        pass
    assert (caught.value.provider, caught.value.place) == ("gdrive", "gdrive:TrayBackup")


CONFIGURED = Config(
    {
        "cloud": Destination("cloud", "gdrive", {"folder": "Till"}),
        "red": Destination("red", "folder", {"path": "/media/anna/RED"}),
        "bad": Destination("bad", "folder"),
    },
    {"gdrive": {"client_id": "mine", "folder": "Other"}},
)


def test_a_destinations_name_is_a_place() -> None:
    """Its own settings come before those for all places of the provider, which also hold for places without a name."""
    cloud = parse("cloud", CONFIGURED)
    assert isinstance(cloud, ProviderPlace)
    assert cloud.settings == {"client_id": "mine", "folder": "Till"}
    assert (cloud.own, cloud.destination) == ({"folder": "Till"}, "cloud")
    plain = parse("gdrive:Till", CONFIGURED)
    assert isinstance(plain, ProviderPlace)
    assert (plain.settings, plain.own) == ({"client_id": "mine", "folder": "Other"}, {})
    red = parse("red", CONFIGURED)
    assert (red.text, red.folder) == ("red", Path("/media/anna/RED"))
    with pytest.raises(PlaceUnusable):
        parse("bad", CONFIGURED)


def test_a_name_comes_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is called like a destination is meant only when it is written as a path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cloud").mkdir()
    assert isinstance(parse("cloud", CONFIGURED), ProviderPlace)
    assert parse("./cloud", CONFIGURED).folder == tmp_path / "cloud"
    assert parse("cloud").folder == tmp_path / "cloud"


@posix
def test_what_only_looks_like_a_provider_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slash before the colon, a folder of that name, or a single letter (a Windows drive) is no provider."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd:name").mkdir()
    for text in ("./gdrive:x", "/srv/a:b", "odd:name", "E:"):
        assert parse(text).folder == Path(os.path.abspath(text))


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_nothing_is_no_place(text: str) -> None:
    """An empty place is refused, never taken for the current folder."""
    with pytest.raises(PlaceUnusable):
        parse(text)


def test_a_file_is_no_place(tmp_path: Path) -> None:
    """A file cannot hold backups."""
    (tmp_path / "file").write_text("")
    with pytest.raises(PlaceUnusable) as caught:
        parse(str(tmp_path / "file"))
    assert caught.value.why == "not-a-folder"


@posix
def test_a_name_too_long_is_told(tmp_path: Path) -> None:
    """What the system refuses to look at is an error of the place, not a traceback."""
    with pytest.raises(StoreError):
        open_folder(parse(str(tmp_path / ("x" * 300))))


def test_only_the_last_folder_is_made(tmp_path: Path) -> None:
    """A missing folder is made if the one above is there; else its drive may not be plugged in."""
    assert make_folder(parse(str(tmp_path / "new")))
    assert (tmp_path / "new").is_dir()
    assert not make_folder(parse(str(tmp_path / "new")))
    with pytest.raises(PlaceMissing):
        make_folder(parse(str(tmp_path / "a" / "b")))
    assert not (tmp_path / "a").exists()


@posix
def test_where_drives_are_mounted_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing folder in /media, /media/anna or /mnt is a missing drive; one on a mounted drive is made."""
    media = tmp_path / "media"
    (media / "anna" / "STICK").mkdir(parents=True)
    monkeypatch.setattr(presence, "_MOUNT_FOLDERS", (str(media),))
    for missing in (media / "USB", media / "anna" / "USB"):
        with pytest.raises(PlaceMissing):
            make_folder(parse(str(missing)))
        assert not missing.exists()
    assert make_folder(parse(str(media / "anna" / "STICK" / "backups")))
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(media / "anna"))
    assert make_folder(parse(str(media / "anna" / "backups")))


def test_the_folder_of_a_backup_drive_is_made(tmp_path: Path) -> None:
    """The repository's folder on an adopted drive is made with the first backup."""
    assert make_folder(parse(str(drive(tmp_path / "RED"))))


def test_another_drive_at_the_same_path_is_refused(tmp_path: Path) -> None:
    """The drive's id is compared again when the place is opened."""
    place = parse(str(drive(tmp_path / "RED")))
    make_folder(place)
    open_folder(place).close()
    (tmp_path / "RED" / "TrayBackup" / "drive.json").write_text('{"id": "d-2"}')
    with pytest.raises(PlaceSwapped):
        open_folder(place)
