"""The full circle on a real desktop with a real stick: plugged in, saved, ejected, busy, ejected by the mouse, out."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image

if sys.platform != "linux":
    pytest.skip("UDisks2 and D-Bus are Linux's", allow_module_level=True)

from tests.desktop.lab import notifications, panel
from tests.desktop.lab.desk import Desk, desk, until_it_rests
from tests.desktop.lab.notifications import Dunst
from tests.desktop.lab.room import Room
from tests.desktop.lab.sticks import Stick
from tests.session import wait_until

MakeStick = Callable[..., Stick]

_FROM_DESK = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "LANGUAGE")
EJECT_LINE = (80, 121)


@pytest.fixture
def shop(tmp_path: Path, room: Room, program: Callable[[str], str]) -> Iterator[tuple[Desk, Dunst]]:
    """Return a desktop with a panel and notifications, which the room's programs are on, too."""
    for name in ("Xvfb", "xdotool", "scrot", "xfce4-panel", "dunst"):
        program(name)
    with ExitStack() as stack:
        made = stack.enter_context(desk(tmp_path / "desk"))
        room.variables |= {name: made.environment[name] for name in _FROM_DESK}
        room.variables |= {"TRAYBACKUP_HOME": str(tmp_path / "program"), "TRAYBACKUP_PASSWORD": "of the shop"}
        stack.enter_context(panel.xfce(made.environment))
        yield made, stack.enter_context(notifications.dunst(made.environment, tmp_path))
    for name in _FROM_DESK:
        room.variables.pop(name)


def set_up(room: Room, red: Stick, folder: Path) -> None:
    """Make a stick a backup drive, to which a till is saved once a day when it is plugged in."""
    till = folder / "till"
    till.mkdir()
    (till / "sales.txt").write_text("one sale\n")
    red.plug()
    room.program("drives", "adopt", "RED", "--name", "RED", "--colour", "red", "--no-test")
    room.program("jobs", "add", "till", till, "--to", "sticks", "--plugged-in", "daily")
    red.pull()


def click_eject(here: Desk) -> None:
    """Open the menu by the right button, and click the line with the left."""
    wait_until(lambda: here.icon.labels()[2:4] == ["Back up now", "Eject drive “RED”"])
    here.mouse.move(600, 400)
    here.mouse.move(14, 14)
    here.mouse.click(14, 14, 3)

    def is_open() -> bool:
        with Image.open(here.shot("circle-menu")) as opened:
            return opened.convert("RGB").getpixel((220, 150)) != (0, 0, 0)

    wait_until(is_open)
    until_it_rests(lambda: here.shot("circle-menu").read_bytes())
    here.mouse.click(*EJECT_LINE)


def test_the_full_circle(shop: tuple[Desk, Dunst], room: Room, stick: MakeStick, tmp_path: Path) -> None:
    """Each step is told by the icon and by a notification, and nothing is said that is not so."""
    here, toasts = shop
    red = stick("RED")
    set_up(room, red, tmp_path)
    with room.running(sys.executable, "-m", "traybackup", "tray", stderr=subprocess.DEVNULL):
        here.shown("Attention – there is no backup yet")
        red.plug()
        here.shown("Finished – you can unplug “RED”", 40)
        wait_until(lambda: "Backup finished – unplug the drive now" in toasts.titles())
        assert toasts.titles()[0] == "Backup to “RED” has started"
        assert red.mounted_at() == ""
        wait_until(lambda: not [label for label in here.icon.labels() if "Eject" in label])
        here.shot("circle-unplug")
        red.pull()
        here.shown("Protected – USB today ")
        wait_until(lambda: toasts.on_the_screen() == 0)

        red.plug()  # once more on the same day: nothing to save, so it stays until somebody wants it out
        wait_until(lambda: "Eject drive “RED”" in here.icon.labels())
        wait_until(lambda: red.mounted_at() != "")
        with room.running("tail", "-f", f"{red.mounted_at()}/TrayBackup/drive.json", stdout=subprocess.DEVNULL):
            click_eject(here)
            wait_until(lambda: "The drive is still in use" in toasts.titles(), 40)
            assert "tail" in toasts.shown()[-1][2]
        click_eject(here)
        here.shown("Finished – you can unplug “RED”", 40)
        wait_until(lambda: toasts.titles()[-1] == "You can unplug “RED”")
        assert red.mounted_at() == ""
        red.pull()
        here.shown("Protected – USB today ")
        assert room.program("status", check=False).stdout.startswith("Protected")
