"""The pictures: of a state, for light panels and dark ones, in every size. `installer/icons.py` draws them.

Image is Pillow's. A *pixmap* is one as StatusNotifierItem has it: width, height, and the bytes of ARGB, row by row.
"""

from enum import Enum
from pathlib import Path

from PIL import Image

from traybackup.app.status import State

FOLDER = Path(__file__).parents[1] / "pictures"
SIZES = (16, 20, 22, 24, 32, 40, 48, 64)
PROGRAM = FOLDER / "traybackup-256.png"

Pixmap = tuple[int, int, bytes]


class Theme(Enum):
    """What the panel looks like."""

    LIGHT = "light"
    DARK = "dark"


def file_of(state: State, theme: Theme, size: int) -> Path:
    """Return where the picture of a state is."""
    return FOLDER / f"{state.value}-{theme.value}-{size}.png"


def image(state: State, theme: Theme, size: int = SIZES[-1]) -> Image.Image:
    """Return the picture of a state, which knows what it shows, so that a panel can have it in every size."""
    with Image.open(file_of(state, theme, size)) as opened:
        found = opened.convert("RGBA")
    found.info = {"state": state, "theme": theme}
    return found


def pixmaps(shown: Image.Image) -> tuple[Pixmap, ...]:
    """Return a picture as a panel wants it: in every size there is, else in its own."""
    state, theme = shown.info.get("state"), shown.info.get("theme")
    if isinstance(state, State) and isinstance(theme, Theme):
        return tuple(_pixmap(image(state, theme, size)) for size in SIZES)
    return (_pixmap(shown.convert("RGBA")),)


def _pixmap(shown: Image.Image) -> Pixmap:
    red, green, blue, alpha = shown.split()
    return shown.width, shown.height, Image.merge("RGBA", (alpha, red, green, blue)).tobytes()
