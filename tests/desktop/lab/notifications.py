"""Notification daemons: Xfce's, which shows buttons, and dunst, which tells what it was given."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.desktop.lab.panel import is_owned, settings
from tests.session import wait_until

NAME = "org.freedesktop.Notifications"
_XFCE = "/usr/lib/x86_64-linux-gnu/xfce4/notifyd/xfce4-notifyd"


@contextlib.contextmanager
def xfce(environment: Mapping[str, str]) -> Iterator[None]:
    """Run Xfce's daemon."""
    with settings(environment), _running([_XFCE], environment):
        yield


class Dunst:
    """What dunst was given, each as a line: program, title, body, urgency."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        self._log, self._environment = log, dict(environment)

    def shown(self) -> list[list[str]]:
        """Return everything that was shown, oldest first."""
        return [line.split("\t") for line in self._log.read_text().splitlines()] if self._log.exists() else []

    def titles(self) -> list[str]:
        """Return the titles, oldest first."""
        return [title for _, title, *_ in self.shown()]

    def on_the_screen(self) -> int:
        """Return how many are to be seen now."""
        done = subprocess.run(
            ["dunstctl", "count", "displayed"], env=self._environment, check=True, capture_output=True, text=True
        )
        return int(done.stdout)

    def click(self) -> None:
        """Click the one on top."""
        subprocess.run(["dunstctl", "action"], env=self._environment, check=True, capture_output=True)


@contextlib.contextmanager
def dunst(environment: Mapping[str, str], folder: Path) -> Iterator[Dunst]:
    """Run dunst; yield what it was given."""
    log, script, config = folder / "toasts.log", folder / "log-toast", folder / "dunstrc"
    script.write_text(
        '#!/bin/sh\nprintf \'%s\\t%s\\t%s\\t%s\\n\' "$DUNST_APP_NAME" "$DUNST_SUMMARY" "$DUNST_BODY"'
        f' "$DUNST_URGENCY" >> {log}\n'
    )
    script.chmod(0o700)
    config.write_text(f"[global]\nmonitor = 0\n[all]\nscript = {script}\n")
    with _running(["dunst", "-conf", str(config)], environment):
        yield Dunst(log, environment)


@contextlib.contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    address = environment["DBUS_SESSION_BUS_ADDRESS"]
    with subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as daemon:
        try:
            wait_until(lambda: is_owned(address, NAME))
            yield
        finally:
            daemon.kill()
