"""Notifications on a real desktop: told once, with buttons, withdrawn when solved; and what happens without daemons."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.desktop.lab import notifications, panel
from tests.desktop.lab.desk import Desk, desk, until_it_rests
from tests.session import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="D-Bus is Linux's")


@pytest.fixture
def shop(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Desk]:
    """Return a desktop whose program opens pages by noting their addresses."""
    for name in ("dbus-daemon", "Xvfb", "xdotool", "scrot", "xfce4-panel", "dunst"):
        program(name)
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\n')
    browser.chmod(0o700)
    with desk(tmp_path, BROWSER=str(browser)) as found:
        yield found


def lose_the_till(shop: Desk) -> None:
    """Back up once, then take away what is saved, and back up again."""
    shop.icon.choose("Back up now")
    shop.shown("Protected")
    (shop.folder / "till").rename(shop.folder / "moved")
    shop.icon.choose("Back up now")
    wait_until(lambda: [run["outcome"] for run in shop.history()] == ["failed", "success"])


def test_a_failure_is_told_once_and_taken_back(shop: Desk) -> None:
    """A failure that somebody has to mend is told once, under our own name; when it is mended, that is told instead."""
    shop.job()
    with panel.xfce(shop.environment), notifications.dunst(shop.environment, shop.folder) as toasts:
        shop.tray()
        shop.shown("Attention")
        lose_the_till(shop)
        wait_until(lambda: toasts.titles() == ["Backup to “stick” failed"])
        name, _, body, urgency = toasts.shown()[0]
        assert (name, urgency) == ("traybackup", "CRITICAL")
        assert "The last good backup is from today " in body
        shop.shot("toast-dunst")
        shutil.move(shop.folder / "moved", shop.folder / "till")
        shop.icon.choose("Back up now")
        shop.shown("Protected")
        wait_until(lambda: toasts.titles() == ["Backup to “stick” failed", "Backups are working again"])
        wait_until(lambda: toasts.on_the_screen() == 1)


def test_a_click_opens_the_overview(shop: Desk) -> None:
    """Who clicks the notification sees what to do, in his browser, from a file that only he can read."""
    shop.job()
    with panel.xfce(shop.environment), notifications.dunst(shop.environment, shop.folder) as toasts:
        shop.tray()
        shop.shown("Attention")
        lose_the_till(shop)
        wait_until(lambda: len(toasts.titles()) == 1)
        toasts.click()
        opened = shop.folder / "opened"
        wait_until(opened.exists)
        address = opened.read_text().strip()
        assert address.startswith("file://")
        assert address.endswith("#problems")
        page = Path(address.removeprefix("file://").partition("#")[0])
        assert page.stat().st_mode & 0o77 == 0
        assert "What to do" in page.read_text()


def test_a_button_on_the_screen(shop: Desk) -> None:
    """Xfce's daemon shows the button, and the mouse can press it."""
    shop.job()
    with panel.xfce(shop.environment), notifications.xfce(shop.environment):
        shop.tray()
        shop.shown("Attention")
        before = shop.shot("before").read_bytes()
        lose_the_till(shop)
        wait_until(lambda: shop.shot("toast-xfce").read_bytes() != before)
        until_it_rests(lambda: shop.shot("toast-xfce").read_bytes())
        with Image.open(shop.shot("toast-xfce")) as screen:
            window = screen.convert("L").point(lambda value: 255 * (value > 200)).crop((400, 40, 1024, 700)).getbbox()
        assert window is not None
        shop.mouse.click(400 + window[2] - 57, 40 + window[3] - 31)
        wait_until((shop.folder / "opened").exists)


def test_without_a_daemon_the_icon_says_it(shop: Desk) -> None:
    """Nobody shows notifications: the program goes on, and its menu names the problem."""
    shop.job()
    with panel.xfce(shop.environment):
        process = shop.tray()
        shop.shown("Attention")
        lose_the_till(shop)
        wait_until(lambda: any(line.startswith("⚠ stick: ") for line in shop.icon.labels()))
        assert process.poll() is None


def test_a_second_start_shows_the_overview_and_ends(shop: Desk) -> None:
    """Only one is there; another one opens the overview and says so. The desktop starts it from now on."""
    shop.job()
    with panel.xfce(shop.environment):
        first = shop.tray()
        shop.shown("Attention")
        said = shop.call("tray")
        assert said == "traybackup is running already; here is how everything is doing.\n"
        wait_until((shop.folder / "opened").exists)
        assert first.poll() is None
        entry = shop.folder / "home" / ".config" / "autostart" / "traybackup.desktop"
        assert "--at-login" in entry.read_text()
        shop.call("tray", "--no-start-at-login")
        assert not entry.exists()
        shop.call("tray", "--start-at-login")
        assert entry.exists()
