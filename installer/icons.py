"""Draws the icons: ``python installer/icons.py``, from ``icons/*.svg`` to ``traybackup/pictures/*.png``.

A picture is the base with the sign of a state bottom right, around which a gap is cut out of the base, so that it
stands out from any panel. Two themes: for light panels and for dark ones. Drawn by resvg, which draws the same on every
computer.
"""

import base64
import sys
from pathlib import Path

import resvg_py

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "icons"
PICTURES = ROOT / "traybackup" / "pictures"

STATES = ("running", "unplug", "error", "attention", "waiting", "paused", "setup", "ok")
PLAIN = ("setup", "ok")
"""States without a sign."""

SIZES = (16, 20, 22, 24, 32, 40, 48, 64)
"""Of panels, up to 64 for those that show four pixels for one."""

PROGRAM = "traybackup"
PROGRAM_SIZES = (48, 128, 256)
"""The program's own icon, for menus and notifications."""

THEMES = {
    "light": {"shield": "#1c6ca8", "setup": "#6d7680", "blue": "#0a4fa3", "grey": "#4a535c"},
    "dark": {"shield": "#4fa3dd", "setup": "#a3acb5", "blue": "#1d63c4", "grey": "#5d6771"},
}
GAP = 3.5
"""Around a sign, in units of 64."""

_STYLE = """
.shield {{ fill: {shield}; }}
.sign, .mark {{ fill: #ffffff; }}
.line {{ fill: none; stroke: #ffffff; stroke-width: 6.500; }}
.stroke {{ fill: none; stroke: #ffffff; stroke-width: 5; }}
.cross {{ fill: none; stroke: #ffffff; stroke-width: 6.500; }}
.dark {{ fill: #241a00; }}
.red {{ fill: #c8232c; }}
.amber {{ fill: #ffb300; }}
.blue {{ fill: {blue}; }}
.grey {{ fill: {grey}; }}
#gap .patch {{ fill: #000000; stroke: #000000; stroke-width: {gap}; stroke-linejoin: round; }}
#gap .mark, #gap .stroke, #gap .cross, #gap .dark {{ display: none; }}
"""


def inner(name: str) -> str:
    """Return what is in a source, without its frame."""
    text = (SOURCES / f"{name}.svg").read_text("utf-8")
    return text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]


def drawing(state: str) -> str:
    """Return the whole drawing of a state."""
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 64 64">'
    if state in PLAIN:
        return f"{head}{inner('base')}</svg>"
    sign = inner(state)
    white = '<rect x="0" y="0" width="64" height="64" fill="#ffffff"/>'
    mask = f'<mask id="cut" maskUnits="userSpaceOnUse">{white}<g id="gap">{sign}</g></mask>'
    return f'{head}{mask}<g mask="url(#cut)">{inner("base")}</g>{sign}</svg>'


def render(state: str, theme: str, size: int) -> bytes:
    """Return the PNG of a state."""
    colours = dict(THEMES[theme])
    if state == "setup":
        colours["shield"] = colours["setup"]
    style = _STYLE.format(gap=2 * GAP, **colours)
    drawn: bytes | str = resvg_py.svg_to_bytes(
        svg_string=drawing(state), width=size, height=size, style_sheet=style, skip_system_fonts=True
    )
    return bytes(drawn) if not isinstance(drawn, str) else base64.b64decode(drawn)


def pictures() -> dict[str, bytes]:
    """Return every picture by the name of its file."""
    found = {
        f"{state}-{theme}-{size}.png": render(state, theme, size)
        for state in STATES
        for theme in THEMES
        for size in SIZES
    }
    return found | {f"{PROGRAM}-{size}.png": render("ok", "light", size) for size in PROGRAM_SIZES}


def main() -> int:
    """Draw all of them, and remove what is no picture any more."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = pictures()
    for name, data in drawn.items():
        (PICTURES / name).write_bytes(data)
    for file in PICTURES.glob("*.png"):
        if file.name not in drawn:
            file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
