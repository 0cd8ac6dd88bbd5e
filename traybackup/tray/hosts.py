"""The choice of how an icon is shown here: by our own backend on Linux, else by pystray's own; all of them are pystray.

On Linux without a message bus pystray's AppIndicator is tried, which shows icons to old panels, too.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

NAME = "traybackup"


def icon(hosted: Callable[[bool], object], ends: Callable[[], object]) -> tuple[Any, Any]:
    """Return pystray and an icon of it that waits to be run.

    Args:
        hosted: Called with whether there is a panel that shows it.
        ends: Called when the session ends.

    Raises:
        Exception: There is no way to show one here; pystray's backends raise whatever their libraries do.
    """
    if sys.platform == "win32":
        return _plain(
            lambda module, patches: patches.windows(module, _module("pystray._util.win32"), ends=ends), hosted
        )
    if sys.platform == "darwin":
        helper = _module("PyObjCTools.AppHelper")
        return _plain(lambda module, patches: patches.macos(module, helper.callAfter), hosted)
    from traybackup.tray import backend  # noqa: PLC0415 - only there

    return backend.pystray, backend.Icon(NAME, hosted=hosted)


def indicator(hosted: Callable[[bool], object]) -> tuple[Any, Any]:
    """Return pystray and its own icon for Linux, which needs GTK and shows itself to old panels.

    Raises:
        Exception: There is none here.
    """
    from traybackup.tray import backend  # noqa: PLC0415 - only there

    found = _module("pystray._appindicator").Icon(NAME)
    hosted(True)
    return backend.pystray, found


def _plain(patched: Callable[[Any, Any], type[Any]], hosted: Callable[[bool], object]) -> tuple[Any, Any]:
    from traybackup.tray import patches  # noqa: PLC0415 - only there

    pystray = _module("pystray")
    made = patched(_module(pystray.Icon.__module__), patches)
    hosted(True)
    return pystray, made(NAME)


def _module(name: str) -> Any:
    return importlib.import_module(name)
