"""The owner's own browser, where he is signed in already and sees whom he gives his password to."""

import contextlib
import sys
import threading
import webbrowser
from collections.abc import Mapping

_STARTING = 3.0
"""Seconds after which a browser that is still being started counts as started."""


def available(environment: Mapping[str, str]) -> bool:
    """Say whether there is a desktop to open a browser on, or one that the user has named."""
    if environment.get("BROWSER"):
        return True
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def open_browser(address: str, environment: Mapping[str, str]) -> bool:
    """Open *address*; say whether that seems to have worked."""
    if not available(environment):
        return False
    opened: list[bool] = []

    def start() -> None:
        with contextlib.suppress(webbrowser.Error, OSError):
            opened.append(webbrowser.open(address, new=2))

    thread = threading.Thread(target=start, name="browser", daemon=True)
    thread.start()
    thread.join(_STARTING)
    return thread.is_alive() or any(opened)
