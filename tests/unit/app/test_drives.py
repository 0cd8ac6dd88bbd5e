"""Drives as their owner knows them: found by any of their names, refused for a reason, there or not, light to ask."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from traybackup.api.errors import DriveUnknown, DriveUnsuitable, PlaceMissing
from traybackup.app import adopting, config, places, presence, tags
from traybackup.app.adopting import Wishes
from traybackup.app.config import Config, Destination
from traybackup.app.drives import Found, check_suitable, choose, is_ours, look, present, unsuitable
from traybackup.app.paths import Paths
from traybackup.app.tags import Tag
from traybackup.desktop.drives.model import Changed, Drive, Drives, Released, Volume, Watch

GIB = 1 << 30


def drive(mount: Path | str = "", *, label: str = "KASSE", **more: object) -> Drive:
    """Return a stick with one volume."""
    mounts = (str(mount),) if mount else ()
    volume = Volume("v1", "/dev/sdb1", mounts, label, "vfat", "1A2B-3C4D", 60 * GIB)
    plain = Drive("/drives/Kingston_1", "Kingston", "/dev/sdb", "usb", 62 * GIB, "17", external=True, volumes=(volume,))
    return replace(plain, **more)  # type: ignore[arg-type]  # a test's shorthand


def tagged(mount: Path, name: str = "Red") -> Tag:
    tag = Tag(tags.new_id(), name, "red", "till-1")
    adopting.write_tag(str(mount), tag)
    return tag


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    folder = tmp_path / "KASSE"
    folder.mkdir()
    return folder


def of(*ids: str) -> Config:
    return Config({"sticks": Destination("sticks", "drive", {"drives": " ".join(ids)})})


def test_a_tag_is_read_as_it_was_written(mount: Path) -> None:
    """Id, name, colour and shop; nothing but the file is left."""
    tag = tagged(mount)
    assert tags.read(str(mount)) == tag
    assert [one.name for one in (mount / "TrayBackup").iterdir()] == ["drive.json"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", None),
        (b"[]", None),
        (b'{"id": ""}', None),
        (b'{"id": 5}', None),
        (b'{"id": "a", "name": 5, "colour": "pink", "shop": null}', Tag("a")),
        (b'{"id": "a", "name": " R\\n e d ' + b"x" * 99 + b'"}', Tag("a", "R e d " + "x" * 34)),
        (b"[" * 100_000, None),
        (b"\xff\xfe", None),
    ],
)
def test_odd_tags_do_no_harm(mount: Path, content: bytes, found: Tag | None) -> None:
    """What makes no sense is left out; without an id it is no tag."""
    tags.file_of(str(mount)).parent.mkdir()
    tags.file_of(str(mount)).write_bytes(content)
    assert tags.read(str(mount)) == found


def test_a_drive_with_a_tag_is_what_the_configuration_says(mount: Path) -> None:
    """It has the name on its tag, its destination, room, and an occasion that goes with being plugged in."""
    tag = tagged(mount)
    (found,) = look([drive(mount)], of(tag.id))
    assert (found.name, found.colour, found.destinations, found.mount) == ("Red", "red", ("sticks",), str(mount))
    assert found.total is not None
    assert found.occasion == f"{tag.id[:8]} 17"
    assert look([drive(mount, plugged="18")], of(tag.id))[0].occasion != found.occasion
    assert look([drive(mount)], of("another"))[0].destinations == ()


def test_a_folder_on_a_stick_makes_it_the_destinations_drive(mount: Path) -> None:
    """Such a destination has an occasion, too."""
    known = Config({"red": Destination("red", "folder", {"path": str(mount / "backups")})})
    found = look([drive(mount)], known)
    assert found[0].destinations == ("red",)
    assert present(found, {"red": "", "cloud": ""}) == {"red": found[0].occasion, "cloud": ""}


@pytest.mark.parametrize(
    "word", ["red", "RED", "KASSE", "/dev/sdb1", "sdb1", "/dev/sdb", "Kingston", "sticks", "Kingston_1"]
)
def test_it_is_found_by_each_of_its_names(mount: Path, word: str) -> None:
    """Whatever its owner reads somewhere will do."""
    tag = tagged(mount)
    other = drive(label="OTHER", id="/drives/other", name="Other", device="/dev/sdc")
    other = replace(other, volumes=(replace(other.volumes[0], id="v2", device="/dev/sdc1"),))
    found = look([drive(mount), other], of(tag.id))
    assert choose(found, word).drive.id == "/drives/Kingston_1"
    assert choose(found, f"{mount}/").tag == tag


def test_what_is_not_clear_is_not_chosen() -> None:
    """None of that name, or two of them."""
    found = look([drive(), drive(id="/drives/2")], Config())
    for word, count in (("KASSE", 2), ("", 0), ("green", 0)):
        with pytest.raises(DriveUnknown) as told:
            choose(found, word)
        assert told.value.count == count


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"system": True}, "system"),
        ({"external": False}, "built-in"),
        ({"medium": False, "volumes": ()}, "no-medium"),
        ({"volumes": ()}, "no-filesystem"),
        ({"volumes": (Volume("v", "/dev/sdb1", size=GIB, read_only=True),)}, "read-only"),
        ({"volumes": (Volume("v", "/dev/sdb1", size=1 << 20),)}, "too-small"),
    ],
)
def test_why_a_drive_is_refused(change: dict[str, object], why: str) -> None:
    """Each reason has its word; the gravest is told."""
    one = drive(**change)
    (found,) = look([one], Config())
    assert unsuitable(found, [one]) == why
    if why:
        with pytest.raises(DriveUnsuitable) as told:
            check_suitable(found, [one])
        assert (told.value.why, told.value.needed is not None) == (why, why == "too-small")
    else:
        check_suitable(found, [one])


def test_the_drive_of_the_source_is_refused(mount: Path) -> None:
    """Also if the source is reached through a link; a source elsewhere is no reason."""
    one = drive(mount)
    (found,) = look([one], Config())
    (mount / "till").mkdir()
    (mount.parent / "link").symlink_to(mount / "till")
    assert unsuitable(found, [one], [str(mount.parent / "link")]) == "source"
    assert unsuitable(found, [one], [str(mount.parent)]) == ""


def test_a_full_drive_is_refused_unless_it_is_one_of_ours(mount: Path) -> None:
    """What fills an old backup drive is backups."""
    found = Found(drive(mount), drive(mount).volumes[0], total=60 * GIB, free=1 << 20)
    assert unsuitable(found, [found.drive]) == "full"
    assert unsuitable(replace(found, tag=Tag("a")), [found.drive]) == ""


def test_which_drives_are_shown() -> None:
    """Those that can be unplugged, and those with a tag, wherever they are built in."""
    inner = Found(drive(external=False))
    assert [is_ours(one) for one in (Found(drive()), inner, replace(inner, tag=Tag("a")))] == [True, False, True]
    assert not is_ours(Found(drive(system=True)))


def test_a_destination_is_whichever_of_its_drives_is_there(mount: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its repository is on it, guarded by its tag; without any it is missing, and the scheduler waits for it."""
    tag = tagged(mount)
    known = of("first", tag.id)
    monkeypatch.setattr(tags, "all_mounts", lambda: [str(mount.parent), str(mount)])
    place = places.parse("sticks", known)
    assert isinstance(place, places.FolderPlace)
    assert place.folder == mount / "TrayBackup" / "repository"
    assert place.marker is not None
    assert (place.marker.id, place.kind, place.identity) == (tag.id, "drive", f"drive {tag.id}")
    assert presence.there(known) == {"sticks": ""}
    monkeypatch.setattr(tags, "all_mounts", list)
    with pytest.raises(PlaceMissing):
        places.parse("sticks", known)
    assert presence.there(known) == {}


class OneStick(Drives):
    """A computer with one stick."""

    def __init__(self, one: Drive, folder: Path) -> None:
        self.one, self._folder = one, folder

    def list(self) -> tuple[Drive, ...]:
        return (self.one,)

    def watch(self, changed: Changed) -> Watch:
        raise NotImplementedError

    def mount(self, volume: Volume) -> str:
        self.one = replace(self.one, volumes=(replace(volume, mounts=(str(self._folder),)),))
        return str(self._folder)

    def release(self, drive: Drive) -> Released:
        raise NotImplementedError


def test_adopting_writes_tag_and_configuration(mount: Path, tmp_path: Path) -> None:
    """The drive is mounted first; the destination gets its id, once, beside the ones that were there."""
    where = Paths(tmp_path / "c", tmp_path / "s", tmp_path / "k")
    here = OneStick(drive(), mount)
    first = adopting.adopt(here, "KASSE", where, Wishes(" Red  one ", "red", "till-1", seconds=0))
    assert (first.destination, first.others, first.known, first.found.mount) == ("sticks", 0, False, str(mount))
    assert json.loads(tags.file_of(str(mount)).read_text())["name"] == "Red one"
    again = adopting.adopt(here, "Red one", where, Wishes(shop="till-2", seconds=0))
    assert (again.tag, again.known, again.others) == (first.tag, True, 0)
    tags.file_of(str(mount)).unlink()
    second = adopting.adopt(here, "KASSE", where, Wishes(seconds=0))
    assert second.others == 1
    assert config.load(where).destinations["sticks"].drives == (first.tag.id, second.tag.id)


def test_a_refused_drive_is_left_as_it_is(mount: Path, tmp_path: Path) -> None:
    """Neither is anything written to it, nor to the configuration."""
    where = Paths(tmp_path / "c", tmp_path / "s", tmp_path / "k")
    with pytest.raises(DriveUnsuitable):
        adopting.adopt(OneStick(drive(mount, system=True), mount), "KASSE", where, Wishes())
    assert list(mount.iterdir()) == []
    assert not (tmp_path / "c").exists()


def test_who_shows_drives_needs_neither_engine_nor_clouds() -> None:
    """A process that is always there may import drives, the dock and ejecting: they bring no engine, store or SDK."""
    script = (
        "import sys; from traybackup.app import dock, drives, ejecting, stickloop, driveforms;"
        "print([n for n in sys.modules if n.startswith(('traybackup.engine', 'traybackup.stores', 'dropbox',"
        " 'pydrive2', 'googleapiclient', 'cryptography', 'requests', 'keyring'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
