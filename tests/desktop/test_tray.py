"""The icon on a real panel: its picture, its lines, its menu, and what clicks do; panels that come late and again."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.desktop.lab import panel
from tests.desktop.lab.desk import Desk, cpu_of, desk, end, memory_of, until_it_rests
from tests.session import wait_until
from traybackup.app.status import State
from traybackup.tray.pictures import SIZES, Theme, image, pixmaps

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="D-Bus is Linux's")

MIB = 1 << 20


@pytest.fixture
def shop(tmp_path: Path, program: Callable[[str], str]) -> Iterator[Desk]:
    """Return a desktop without a panel."""
    for name in ("dbus-daemon", "Xvfb", "xdotool", "scrot", "xfce4-panel"):
        program(name)
    with desk(tmp_path) as found:
        yield found


def picture_of(state: State) -> bytes:
    return next(data for width, _, data in pixmaps(image(state, Theme.DARK)) if width == SIZES[2])


def shows(shop: Desk, state: State) -> bool:
    return shop.icon.picture(SIZES[2]) == picture_of(state)


def coloured(file: Path) -> int:
    """Return how many pixels of the panel's corner have a colour."""
    with Image.open(file) as opened:
        _, saturation, _ = opened.convert("HSV").crop((0, 0, 40, 28)).split()
    return sum(saturation.histogram()[100:])


def test_a_backup_by_a_click(shop: Desk) -> None:
    """The icon warns that there is no backup; a click makes one; then the icon says that all is well."""
    shop.job()
    with panel.xfce(shop.environment):
        process = shop.tray()
        shop.shown("Attention – there is no backup yet")
        assert shows(shop, State.ATTENTION)
        assert shop.icon.sizes() == list(SIZES)
        wait_until(lambda: coloured(shop.shot("attention")) > 50)
        shop.icon.choose("Back up now")
        assert shop.shown("Protected").startswith("Protected – stick today ")
        assert shows(shop, State.OK)
        assert [run["outcome"] for run in shop.history()] == ["success"]
        assert shop.icon.labels()[:3] == [
            "Open backup overview",
            shop.icon.tooltip()[0].replace("stick", "last backup"),
            "Back up now",
        ]
        assert end(process)[0] == 0
        wait_until(lambda: not shop.icon.there())


def test_a_backup_by_the_mouse(shop: Desk) -> None:
    """Somebody opens the menu with the right button and clicks the line, on the screen."""
    shop.job()
    with panel.xfce(shop.environment):
        shop.tray()
        shop.shown("Attention")
        wait_until(lambda: coloured(shop.shot("before")) > 50)
        open_menu(shop)
        shop.mouse.click(60, 120)
        shop.shown("Protected")
        shop.mouse.move(600, 400)
        shop.mouse.move(14, 14)
        until_it_rests(lambda: shop.shot("tooltip").read_bytes())
        assert [run["trigger"] for run in shop.history()] == ["now"]


def open_menu(shop: Desk) -> None:
    """Open the menu by the right button, and wait until it stands still."""
    before = shop.shot("closed").read_bytes()
    shop.mouse.move(600, 400)
    shop.mouse.move(14, 14)
    shop.mouse.click(14, 14, 3)

    def is_open() -> bool:
        with Image.open(shop.shot("menu")) as opened:
            return opened.convert("RGB").getpixel((220, 150)) != (0, 0, 0)

    wait_until(is_open)
    assert until_it_rests(lambda: shop.shot("menu").read_bytes()) != before


def test_an_open_menu_is_changed_in_place(shop: Desk) -> None:
    """While the menu is open, a run begins and ends; the menu stays open, and its lines are the new ones."""
    shop.job()
    with panel.xfce(shop.environment):
        shop.tray()
        shop.shown("Attention")
        wait_until(lambda: coloured(shop.shot("before")) > 50)
        numbers = {row.label: row.number for row in shop.icon.menu()}
        open_menu(shop)
        shop.icon.choose("Back up now")
        shop.shown("Protected")
        with Image.open(shop.shot("after")) as opened:
            assert opened.convert("RGB").getpixel((220, 150)) != (0, 0, 0)
        after = {row.label: row.number for row in shop.icon.menu()}
        for label in ("Open backup overview", "Back up now", "History…", "Quit until next start"):
            assert numbers[label] == after[label]


def test_a_panel_that_comes_late_and_again(shop: Desk) -> None:
    """Started before any panel, the icon appears with the first one, and again with each that replaces it."""
    process = shop.tray()
    wait_until(lambda: cpu_of(process) > 0.1)
    for _ in range(2):
        with panel.xfce(shop.environment):
            shop.shown("Not set up yet")
            wait_until(lambda: coloured(shop.shot("late")) == 0)  # the grey shield
    assert process.poll() is None
    assert end(process)[0] == 0


def test_another_panel_shows_it(shop: Desk, program: Callable[[str], str]) -> None:
    """LXQt's panel, which takes it more strictly, shows the icon, too."""
    program("lxqt-panel")
    with panel.lxqt(shop.environment):
        shop.tray()
        shop.shown("Not set up yet")
        wait_until(lambda: until_it_rests(lambda: shop.shot("lxqt").read_bytes()) is not None)


def test_without_a_panel_it_works_all_the_same(shop: Desk) -> None:
    """It says once that nobody shows icons, and starts what is due."""
    shop.job("--at-start")
    config = shop.folder / "program" / "config" / "config.toml"
    config.write_text(config.read_text() + "\n[runs]\nstart_delay = 0\n")
    process = shop.tray()
    wait_until(lambda: [run["outcome"] for run in shop.history()] == ["success"], 40)
    wait_until(lambda: b"No panel here shows icons" in shop.log.read_bytes())
    assert shop.log.read_bytes().count(b"No panel") == 1
    assert end(process)[0] == 0


def test_it_is_small_and_quick_and_rests(shop: Desk) -> None:
    """Idle it takes 45 MiB at most and a thousandth of the processor; the first icon is there within a second."""
    shop.job("--at", "23:59")
    with panel.xfce(shop.environment):
        before = time.monotonic()
        process = shop.tray()
        wait_until(shop.icon.there)
        took = time.monotonic() - before
        shop.shown("Attention")
        until_it_rests(lambda: round(cpu_of(process), 1))
        used, since = cpu_of(process), time.monotonic()
        assert memory_of(process) < 45 * MIB
        assert took < 3.0, "on a computer with nothing else to do it is a third of a second"
        wait_until(lambda: time.monotonic() - since > 5)
        assert cpu_of(process) - used < 0.05
