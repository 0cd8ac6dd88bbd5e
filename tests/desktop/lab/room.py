"""A *Room*: namespaces of its own for mounts, processes and the network, with an empty /run, and things that run in it.

What is plugged in can be seen by the whole computer, so there is one room at a time; a lock sees to that.
Source: namespaces(7), unshare(1), nsenter(1). SIGTERM does not end unshare, SIGKILL ends it and all that is inside.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.session import wait_until

NEEDED = ("unshare", "nsenter", "ip", "mount")
_SETUP = """
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/dbus /run/udev/rules.d
mount -t tmpfs -o mode=755 tmpfs /media
ip link set lo up
echo ready
while :; do sleep 3600 & wait $!; done
"""


class Room:
    """A place of its own, in which commands run.

    Attributes:
        folder: For the room's own files; seen from inside and outside alike.
        variables: What every command in it gets.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables: dict[str, str] = {
            "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
            "TRAYBACKUP_HOME": str(folder / "traybackup"),
            "TRAYBACKUP_KEYRING": "off",
        }
        for name in ("bin", "home"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self._keeper: subprocess.Popen[str] | None = None
        self._inside = 0

    def open(self) -> None:
        """Make the room."""
        command = ["unshare", "--mount", "--propagation", "private", "--pid", "--net", "--fork", "--kill-child"]
        self._keeper = subprocess.Popen(
            [*command, "--mount-proc", "sh", "-ec", _SETUP], stdout=subprocess.PIPE, text=True
        )
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == "ready\n"
        (child,) = psutil.Process(self._keeper.pid).children()
        self._inside = child.pid

    def close(self) -> None:
        """Leave nothing of it."""
        if self._keeper is not None:
            self._keeper.send_signal(signal.SIGKILL)
            self._keeper.communicate()
            wait_until(lambda: not psutil.pid_exists(self._inside))

    @property
    def root(self) -> Path:
        """The room's file system, seen from outside."""
        return Path(f"/proc/{self._inside}/root")

    def _words(self, words: tuple[object, ...]) -> list[str]:
        enter = ["nsenter", "--target", str(self._inside), "--mount", "--pid", "--net", "--"]
        return [*enter, *(str(word) for word in words)]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables of a command in the room."""
        return self.variables | dict(more or {})

    def run(self, *words: object, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run(
            self._words(words), check=False, capture_output=True, text=True, env=self.environment(more), timeout=120
        )
        assert not check or done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    def program(self, *words: object, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """Run traybackup to its end."""
        return self.run(sys.executable, "-m", "traybackup", *words, check=check, **more)

    @contextlib.contextmanager
    def running(self, *words: object, **settings: Any) -> Iterator[subprocess.Popen[str]]:
        """Run a command until the block ends."""
        process = subprocess.Popen(self._words(words), env=self.environment(), text=True, **settings)
        try:
            yield process
        finally:
            for one in [*_inner(process.pid), process]:
                with contextlib.suppress(psutil.Error, OSError):
                    one.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                for one in [*_inner(process.pid), process]:
                    with contextlib.suppress(psutil.Error, OSError):
                        one.kill()
                process.wait(5)
            if process.stdout is not None:
                process.stdout.close()


def _inner(pid: int) -> list[psutil.Process]:
    """Return what nsenter has started: it does not hand signals on."""
    try:
        return psutil.Process(pid).children()
    except psutil.Error:
        return []


@contextlib.contextmanager
def room(folder: Path) -> Iterator[Room]:
    """Make a room, alone on this computer, and leave nothing of it."""
    lock = os.open(Path(tempfile.gettempdir()) / "traybackup-lab.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = Room(folder)
        try:
            made.open()
            yield made
        finally:
            made.close()
    finally:
        os.close(lock)


def missing() -> str:
    """Return what a room cannot be made without; empty: nothing is missing."""
    if sys.platform != "linux":
        return "Linux"
    if os.geteuid() != 0:
        return "root's rights"
    return next((name for name in NEEDED if shutil.which(name) is None), "")
