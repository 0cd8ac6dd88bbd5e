"""The pictures: drawn anew they are the same, they differ by shape, not just by colour, and stand out from panels."""

import importlib.util
import io
import itertools
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageChops

from traybackup.app.status import State
from traybackup.tray.pictures import FOLDER, PROGRAM, SIZES, Theme, file_of, image, pixmaps

ROOT = Path(__file__).resolve().parents[3]
PANELS = {Theme.LIGHT: (246, 245, 244), Theme.DARK: (43, 43, 43)}
GRAPHICS = 3.0
"""The contrast that the W3C demands of graphics (WCAG 2.2, 1.4.11)."""


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("icons", ROOT / "installer" / "icons.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = tool()


def luminance(colour: tuple[int, ...]) -> float:
    parts = [one / 255 for one in colour[:3]]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, ...], two: tuple[int, ...]) -> float:
    darker, lighter = sorted((luminance(one), luminance(two)))
    return (lighter + 0.05) / (darker + 0.05)


def test_drawn_anew_they_are_the_same() -> None:
    """“python installer/icons.py” makes every picture that is there, to the pixel, and no other."""
    drawn = TOOL.pictures()
    assert sorted(drawn) == sorted(file.name for file in FOLDER.glob("*.png"))
    for name, data in drawn.items():
        with Image.open(FOLDER / name) as there, Image.open(io.BytesIO(data)) as anew:
            assert there.convert("RGBA").tobytes() == anew.convert("RGBA").tobytes(), name


@pytest.mark.parametrize("theme", Theme)
@pytest.mark.parametrize("size", SIZES)
def test_every_state_has_every_size(theme: Theme, size: int) -> None:
    """From 16 to 64 pixels, square, with a transparent corner."""
    for state in State:
        found = image(state, theme, size)
        assert found.size == (size, size)
        assert found.getpixel((0, size - 1))[3] == 0  # type: ignore[index]  # RGBA
    assert PROGRAM.is_file()


@pytest.mark.parametrize("theme", Theme)
@pytest.mark.parametrize("size", SIZES)
def test_states_differ_without_colour(theme: Theme, size: int) -> None:
    """Who sees no colours tells each state from each other: setting up and all well by their grey alone."""
    plain = {State.SETUP, State.OK}
    grey = {}
    for state in State:
        panel = Image.new("RGBA", (size, size), PANELS[theme])
        grey[state] = Image.alpha_composite(panel, image(state, theme, size)).convert("L")
    for one, two in itertools.combinations(State, 2):
        seen = ImageChops.difference(grey[one], grey[two])
        differing = sum(count for value, count in enumerate(seen.histogram()) if value > 24)
        assert differing / size**2 > (0 if {one, two} == plain else 0.02), (one, two)


@pytest.mark.parametrize("theme", Theme)
def test_the_shield_stands_out_from_its_panel(theme: Theme) -> None:
    """Its colour has the contrast that graphics need, with the panel it is for."""
    for state in State:
        shield = image(state, theme, 64).getpixel((12, 14))
        assert isinstance(shield, tuple)
        assert contrast(shield, PANELS[theme]) >= GRAPHICS, state


def test_a_panel_gets_all_sizes() -> None:
    """The bytes are alpha, red, green and blue, row by row, as StatusNotifierItem wants them."""
    shown = image(State.ERROR, Theme.DARK)
    found = pixmaps(shown)
    assert [(width, height) for width, height, _ in found] == [(size, size) for size in SIZES]
    assert all(len(data) == 4 * width * height for width, height, data in found)
    with Image.open(file_of(State.ERROR, Theme.DARK, 16)) as opened:
        red, green, blue, alpha = opened.convert("RGBA").getpixel((12, 12))  # type: ignore[misc]  # RGBA
    at = 4 * (12 * 16 + 12)
    assert tuple(found[0][2][at : at + 4]) == (alpha, red, green, blue)


def test_a_foreign_picture_is_shown_as_it_is() -> None:
    """A picture that is none of ours has its own size only."""
    assert [(width, height) for width, height, _ in pixmaps(Image.new("RGB", (5, 7)))] == [(5, 7)]
