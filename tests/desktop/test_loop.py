"""The closed loop with real sticks and UDisks2: plugged in, saved, verified, ejected, out; and what goes wrong."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("UDisks2 is Linux's", allow_module_level=True)

from tests.desktop.lab.room import Room
from tests.desktop.lab.sticks import Stick
from tests.session import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
MakeStick = Callable[..., Stick]


class Program:
    """The program in the room, and what it has told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.told: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._seen = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.told.append(json.loads(line))
                self._news.notify_all()

    def wait(self, what: str, seconds: float = 30.0) -> dict[str, Any]:
        """Return the next that is told of this kind; what comes before it is skipped."""
        until = time.monotonic() + seconds
        with self._news:
            while True:
                for number in range(self._seen, len(self.told)):
                    if self.told[number]["what"] == what:
                        self._seen = number + 1
                        return self.told[number]
                left = until - time.monotonic()
                assert left > 0, (what, self.told)
                self._news.wait(left)

    def ask(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def skip(self) -> None:
        """Leave all that was told so far behind."""
        with self._news:
            self._seen = len(self.told)

    def since(self) -> list[str]:
        """Return what was told, in order."""
        with self._news:
            return [one["what"] for one in self.told]


@pytest.fixture
def till(tmp_path: Path) -> Path:
    folder = tmp_path / "till"
    folder.mkdir()
    (folder / "sales.txt").write_text("one\n")
    return folder


@pytest.fixture
def red(room: Room, stick: MakeStick, home: Path, till: Path) -> Stick:
    """Return a backup drive that is not plugged in, with a job that runs whenever it is."""
    assert home
    room.variables |= {"TRAYBACKUP_PASSWORD": "of the lab", "PYTHONPATH": str(ROOT)}
    made = stick("RED")
    made.plug()
    room.program("drives", "adopt", "RED", "--name", "Red", "--no-test")
    room.program("jobs", "add", "till", till, "--to", "sticks", "--plugged-in", "always")
    room.program("eject", "Red")
    made.pull()
    return made


@pytest.fixture
def there(room: Room, red: Stick) -> Iterator[Program]:
    """Return the program, running."""
    assert red
    words = (sys.executable, "-m", "tests.desktop.lab.loops")
    with room.running(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        made = Program(process)
        assert made.wait("ready")["engine"] is False
        yield made
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


def is_writing(stick: Stick) -> bool:
    """Say whether a run has begun to put data on a stick."""
    folder = stick.room.root / stick.mounted_at().lstrip("/") / "TrayBackup" / "repository" / "data"
    return any(folder.glob("*/*"))


def test_the_whole_circle_twice(room: Room, red: Stick, there: Program, till: Path) -> None:
    """It starts by itself, ends verified and ejected, and its leaving is noticed; the next time all of it again."""
    for number in (1, 2):
        (till / f"day-{number}.txt").write_text("sold")
        red.plug()
        assert there.wait("start_on_plug")["drive"] == "Red"
        assert there.wait("ended")["outcome"] == "success"
        assert there.wait("done_unplug")["drive"] == "Red"
        assert red.mounted_at() == ""
        there.ask("status")
        assert there.wait("status")["state"] == "unplug"
        red.pull()
        there.wait("out", seconds=5)
    assert "unplugged_early" not in there.since()
    runs = json.loads(room.program("history", "--json").stdout)
    assert [one["outcome"] for one in runs] == ["success", "success"]
    assert len({one["snapshot_id"] for one in runs}) == 2


def test_pulled_out_during_a_run(red: Stick, there: Program, till: Path) -> None:
    """It is told within five seconds, and plugged in again the run is made up for and ends well."""
    with (till / "pictures.bin").open("wb") as stream:
        for _ in range(300):
            stream.write(os.urandom(1 << 20))
    red.plug()
    there.wait("begun")
    wait_until(lambda: is_writing(red))
    began = time.monotonic()
    red.pull()
    there.wait("unplugged_early")
    assert time.monotonic() - began < 5
    wait_until(lambda: "ended" in there.since())
    assert [one["outcome"] for one in there.told if one["what"] == "ended"] in (["failed"], ["cancelled"])
    there.skip()
    red.plug()
    assert there.wait("ended", seconds=120)["outcome"] == "success"
    there.wait("done_unplug")


def test_in_use_then_ejected(room: Room, red: Stick, there: Program) -> None:
    """The backup is done, the program that holds the drive is named, and once it has let go “Eject” works."""
    keep = "until cd /media/root/RED/TrayBackup 2>/dev/null; do sleep 0.02; done; exec sleep 120"
    with room.running("sh", "-c", keep):
        red.plug()
        told = there.wait("done_busy")
        assert (told["error"], "sleep" in told["programs"]) == ("drive-busy", True)
        assert red.mounted_at()
    there.ask("eject Red")
    there.wait("done_unplug")
    assert red.mounted_at() == ""


def test_stop_and_eject(red: Stick, there: Program, till: Path) -> None:
    """A run that is under way is stopped first; the drive may be unplugged, and nobody says that the backup is done."""
    with (till / "pictures.bin").open("wb") as stream:
        for _ in range(300):
            stream.write(os.urandom(1 << 20))
    red.plug()
    there.wait("begun")
    wait_until(lambda: is_writing(red))
    there.ask("eject Red")
    assert there.wait("ended")["outcome"] == "cancelled"
    there.wait("may_unplug")
    assert red.mounted_at() == ""
    assert "done_unplug" not in there.since()


def test_ejected_after_a_failed_run(red: Stick, there: Program, till: Path) -> None:
    """A source that is gone makes the run fail, and the drive is ejected all the same."""
    (till / "sales.txt").unlink()
    till.rmdir()
    red.plug()
    assert there.wait("ended")["outcome"] == "failed"
    there.wait("may_unplug")
    assert red.mounted_at() == ""
