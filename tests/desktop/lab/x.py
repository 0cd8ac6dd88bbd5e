"""A screen: an X server without a monitor, a mouse that can be moved, and pictures of what is seen."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 1024, 700


@contextlib.contextmanager
def screen(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run an X server on a free display; yield the variables that lead to it."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(
        command, pass_fds=[write], env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        os.close(write)
        try:
            with os.fdopen(read) as stream:
                number = stream.readline().strip()
            assert number, "no display"
            yield {"DISPLAY": f":{number}"}
        finally:
            server.terminate()


class Mouse:
    """The mouse on the screen."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    def move(self, x: int, y: int) -> None:
        self._do("mousemove", str(x), str(y))

    def click(self, x: int, y: int, button: int = 1) -> None:
        self._do("mousemove", str(x), str(y), "click", str(button))

    def key(self, name: str) -> None:
        self._do("key", name)

    def _do(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], env=self._environment, check=True, capture_output=True, timeout=20)


def shot(environment: Mapping[str, str], file: Path) -> Image.Image:
    """Return a picture of the screen, which is in *file* then, too."""
    file.unlink(missing_ok=True)
    subprocess.run(["scrot", "-o", str(file)], env=dict(environment), check=True, capture_output=True, timeout=20)
    with Image.open(file) as found:
        return found.convert("RGB")
