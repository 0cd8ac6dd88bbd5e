"""Backup drives with real sticks: adopted in one step, in turn, refused for a reason, and found wherever they are."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("UDisks2 is Linux's", allow_module_level=True)

from tests.desktop.lab.room import Room
from tests.desktop.lab.sticks import Stick

MakeStick = Callable[..., Stick]

PASSWORD = {"TRAYBACKUP_PASSWORD": "of both"}

pytestmark = pytest.mark.usefixtures("home")


def said(room: Room, *words: object) -> Any:
    return json.loads(room.program(*words, "--json").stdout.splitlines()[-1])


def refused(room: Room, *words: object) -> str:
    done = room.program(*words, "--json", check=False)
    assert done.returncode == 1, done.stdout
    error: str = json.loads(done.stderr)["message"]
    return error


def inside(room: Room, folder: str) -> Path:
    return room.root / folder.lstrip("/")


@pytest.fixture
def till(tmp_path: Path) -> Path:
    folder = tmp_path / "till"
    folder.mkdir()
    (folder / "sales.txt").write_text("one\n")
    return folder


@pytest.mark.parametrize("kind", ["ext4", "ntfs"])
def test_a_new_stick_is_adopted_in_one_step(room: Room, stick: MakeStick, kind: str, tmp_path: Path) -> None:
    """It is mounted, tried out, tagged and a destination; what was on it is there, and nothing of the test is left."""
    red = stick("STICK", kind=kind)
    red.plug()
    done = said(room, "drives", "adopt", "STICK", "--name", "Red", "--colour", "red")
    assert (done["name"], done["colour"], done["destination"], done["known"]) == ("Red", "red", "sticks", False)
    assert done["tested"]["samples"] > 0
    folder = inside(room, red.mounted_at())
    assert sorted(one.name for one in (folder / "TrayBackup").iterdir()) == ["drive.json"]
    tag = json.loads((folder / "TrayBackup" / "drive.json").read_text())
    assert (tag["id"], tag["name"], tag["colour"]) == (done["id"], "Red", "red")
    (found,) = said(room, "drives")
    assert (found["name"], found["destinations"], found["id"]) == ("Red", ["sticks"], done["id"])
    assert done["id"] in (tmp_path / "traybackup" / "config" / "config.toml").read_text()


def test_two_sticks_take_turns(room: Room, stick: MakeStick, till: Path) -> None:
    """Whichever is plugged in gets the backup, by the same destination; without any, it is missing."""
    ids = []
    for name in ("RED", "BLUE"):
        one = stick(name)
        one.plug()
        done = said(room, "drives", "adopt", name, "--no-test")
        ids.append(done["id"])
        saved = said_all(room, "backup", till, "--to", "sticks", **PASSWORD)
        assert saved[-1]["message_type"] == "summary"
        assert (inside(room, one.mounted_at()) / "TrayBackup" / "repository" / "config").exists()
        room.program("eject", "sticks")
        one.pull()
    assert done["in_turn_with"] == 1
    assert len(set(ids)) == 2
    missing = room.program("snapshots", "--from", "sticks", "--json", check=False, **PASSWORD)
    assert missing.returncode == 10


def said_all(room: Room, *words: object, **more: str) -> list[Any]:
    return [json.loads(line) for line in room.program(*words, "--json", **more).stdout.splitlines()]


def test_one_that_was_adopted_before_keeps_its_id(room: Room, stick: MakeStick, tmp_path: Path) -> None:
    """On another computer it is the same drive; a new name is written on it."""
    red = stick("RED")
    red.plug()
    first = said(room, "drives", "adopt", "RED", "--name", "Red", "--no-test")
    room.variables["TRAYBACKUP_HOME"] = str(tmp_path / "another")
    second = said(room, "drives", "adopt", "Red", "--name", "Rot", "--to", "elsewhere", "--no-test")
    assert (second["id"], second["known"], second["name"]) == (first["id"], True, "Rot")
    assert second["destination"] == "elsewhere"


def test_what_cannot_be_a_backup_drive_is_refused_with_the_reason(room: Room, stick: MakeStick, tmp_path: Path) -> None:
    """Blank, protected, too small, full, or the very one that should be saved: each is told, and left as it is."""
    blank = stick("BLANK", kind="")
    blank.plug()
    assert "no file system" in refused(room, "drives", "adopt", Path(blank.device).name)
    blank.pull()
    red = stick("RED")
    red.plug(read_only=True)
    assert "Nothing can be written" in refused(room, "drives", "adopt", "RED")
    red.pull()
    tiny = stick("TINY", size=64 << 20)
    tiny.plug()
    assert "too small" in refused(room, "drives", "adopt", "TINY")
    tiny.pull()
    red.plug()
    said(room, "drives", "adopt", "RED", "--no-test")
    source = Path(red.mounted_at()) / "till"
    inside(room, str(source)).mkdir()
    room.program("jobs", "add", "job", source, "--to", "sticks")
    assert "should be saved" in refused(room, "drives", "adopt", "RED")
    assert not (tmp_path / "traybackup" / "state" / "locks").exists() or not list(tmp_path.glob("**/.test-*"))


def test_a_full_stick_is_refused(room: Room, stick: MakeStick) -> None:
    """It is told before anything is written."""
    red = stick("RED")
    red.plug()
    room.run("udisksctl", "mount", "--block-device", red.device)
    room.run("fallocate", "--length", "480M", f"{red.mounted_at()}/films")
    assert "not enough room" in refused(room, "drives", "adopt", "RED")
    assert sorted(one.name for one in inside(room, red.mounted_at()).iterdir()) == ["films", "lost+found"]


def test_no_run_begins_while_a_stick_is_ejected_under_a_run(room: Room, stick: MakeStick, home: Path) -> None:
    """While a run holds the destination it is not ejected, and it is told why."""
    red = stick("RED")
    red.plug()
    said(room, "drives", "adopt", "RED", "--no-test")
    lock = home / "state" / "locks" / "to-sticks.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with room.running("flock", lock, "sleep", "60"):
        room.run("sh", "-c", f"until ! flock --nonblock {lock} true; do sleep 0.05; done")
        done = room.program("eject", "RED", "--json", check=False)
        assert (done.returncode, json.loads(done.stderr)["error"]) == (11, "run-busy")
        assert red.mounted_at()
