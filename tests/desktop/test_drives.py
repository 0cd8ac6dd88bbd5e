"""Drives by the real UDisks2 with sticks that are plugged in and out: listed, watched, ejected, busy, blank."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.session import wait_until

if sys.platform != "linux":
    pytest.skip("UDisks2 is Linux's", allow_module_level=True)

from tests.desktop.lab.room import Room
from tests.desktop.lab.sticks import Stick

MakeStick = Callable[..., Stick]

pytestmark = pytest.mark.usefixtures("home")


def listed(room: Room) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(room.program("drives", "--json").stdout)
    return found


def mount(stick: Stick) -> Path:
    stick.room.run("udisksctl", "mount", "--block-device", stick.device)
    return Path(stick.mounted_at())


def test_a_stick_is_listed_while_it_is_plugged_in(room: Room, stick: MakeStick) -> None:
    """It appears with its label and size when it is plugged in, and is gone when it is pulled out."""
    assert listed(room) == []
    red = stick("RED")
    red.plug()
    (found,) = listed(room)
    assert (found["name"], found["filesystem"], found["external"]) == ("RED", "ext4", True)
    assert found["mount"] is None
    assert found["unsuitable"] is None
    red.pull()
    assert listed(room) == []


def test_a_stick_is_ejected(room: Room, stick: MakeStick) -> None:
    """After “eject” nothing of it is mounted, its medium is gone for the system, and what was written is on it."""
    red = stick("RED")
    red.plug()
    folder = mount(red)
    (room.root / str(folder).lstrip("/") / "till.txt").write_text("sold")
    said = json.loads(room.program("eject", "red", "--json").stdout)
    assert (said["message_type"], said["drive"], said["how"]) == ("drive_ejected", "RED", "ejected")
    assert red.mounted_at() == ""
    (found,) = listed(room)
    assert found["unsuitable"] == "no-medium"
    red.pull()
    red.plug()
    assert (room.root / str(mount(red)).lstrip("/") / "till.txt").read_text() == "sold"


def test_a_stick_in_use_is_not_ejected_and_it_is_said_by_whom(room: Room, stick: MakeStick) -> None:
    """An open folder keeps it: the program is named, the stick stays mounted; when it is closed, ejecting works."""
    red = stick("RED")
    red.plug()
    folder = mount(red)
    with room.running("sh", "-c", f"cd {folder} && exec sleep 60"):
        wait_until(lambda: "sleep" in room.run("fuser", "-v", "-m", folder, check=False).stderr)
        refused = room.program("eject", "RED", "--json", check=False)
        assert refused.returncode == 1
        said = json.loads(refused.stderr)
        assert said["error"] == "drive-busy"
        assert "sleep" in said["message"]
        assert red.mounted_at() == str(folder)
    room.program("eject", "RED")
    assert red.mounted_at() == ""


def test_a_stick_mounted_twice_is_ejected(room: Room, stick: MakeStick) -> None:
    """Every place where it is mounted is unmounted first."""
    red = stick("RED")
    red.plug()
    folder = mount(red)
    room.run("mkdir", "-p", "/media/again")
    room.run("mount", red.device, "/media/again")
    assert red.mounted_at()
    assert room.run("ls", folder).returncode == 0
    room.program("eject", "RED")
    assert red.mounted_at() == ""


def test_one_that_is_not_there_is_told(room: Room, stick: MakeStick) -> None:
    """An unknown name is an error with a next step; of two sticks of one name neither is ejected."""
    unknown = room.program("eject", "GREEN", "--json", check=False)
    assert json.loads(unknown.stderr)["error"] == "drive-unknown"
    for number in (1, 2):
        stick("RED", file=f"red-{number}").plug()
    both = room.program("eject", "RED", "--json", check=False)
    assert "2 drives" in json.loads(both.stderr)["message"]
    assert [one["unsuitable"] for one in listed(room)] == [None, None]


def test_a_blank_stick_and_a_protected_one_are_refused(room: Room, stick: MakeStick) -> None:
    """The list says why they cannot be backup drives."""
    stick("BLANK", kind="").plug()
    (blank,) = listed(room)
    assert blank["unsuitable"] == "no-filesystem"
    red = stick("RED")
    red.plug(read_only=True)
    assert "read-only" in [one["unsuitable"] for one in listed(room)]


def test_the_list_is_live(room: Room, stick: MakeStick) -> None:
    """“drives --watch” tells of plugging in and of pulling out within a second and a half."""
    red = stick("RED")
    words = (sys.executable, "-m", "traybackup", "drives", "--watch", "--json")
    with room.running(*words, stdout=subprocess.PIPE) as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline()) == []
        began = time.monotonic()
        red.plug()
        names = [one["name"] for one in json.loads(watching.stdout.readline())]
        while names != ["RED"]:  # it may be seen before it is known what is on it
            names = [one["name"] for one in json.loads(watching.stdout.readline())]
        assert time.monotonic() - began < 1.5
        began = time.monotonic()
        red.pull()
        while json.loads(watching.stdout.readline()):
            pass
        assert time.monotonic() - began < 1.5
