"""A shop's desktop: message bus, screen, and this program on it with a job. *Desk* is where one sits at."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.desktop.lab import x
from tests.desktop.lab.panel import Seen
from tests.session import session, wait_until

_KEPT = ("PATH", "COVERAGE_PROCESS_START", "VIRTUAL_ENV")
PASSWORD = "of the shop"  # noqa: S105 - of a test


@dataclass
class Desk:
    """A desktop with nothing on it yet.

    Attributes:
        environment: The variables of everything that runs there.
        folder: Where everything is.
    """

    environment: dict[str, str]
    folder: Path
    log: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def mouse(self) -> x.Mouse:
        return x.Mouse(self.environment)

    @property
    def icon(self) -> Seen:
        return Seen(self.environment)

    def shot(self, name: str) -> Path:
        """Take a picture of the screen."""
        pictures = Path(os.environ.get("SCREENSHOTS", self.folder))
        x.shot(self.environment, pictures / f"{name}.png")
        return pictures / f"{name}.png"

    def call(self, *words: str) -> str:
        """Run a command of this program to its end; return what it says."""
        done = subprocess.run(
            self._words(*words), env=self.environment, check=False, capture_output=True, text=True, timeout=60
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def history(self) -> list[dict[str, object]]:
        """Return the runs, newest first."""
        found: list[dict[str, object]] = json.loads(self.call("history", "--json"))
        return found

    def tray(self, **more: str) -> subprocess.Popen[bytes]:
        """Start the program."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self._words("tray"), env=self.environment | more, stdout=log, stderr=subprocess.STDOUT
            )
        self.started.append(process)
        return process

    def shown(self, begins: str, seconds: float = 20.0) -> str:
        """Wait until the tooltip begins like this; return all of its first line."""
        wait_until(lambda: self.icon.there() and self.icon.tooltip()[0].startswith(begins), seconds)
        return self.icon.tooltip()[0]

    def job(self, *words: str, name: str = "till", to: str = "stick") -> Path:
        """Set up a job that saves a small till to a folder; return that folder."""
        till, place = self.folder / "till", self.folder / to
        till.mkdir(exist_ok=True)
        (till / "sales.txt").write_text("one sale\n")
        self.call("destinations", "add", to, str(place))
        self.call("jobs", "add", name, str(till), "--to", to, *words)
        return place

    def _words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "traybackup", *words]


@contextlib.contextmanager
def desk(folder: Path, language: str = "en_US.UTF-8", **more: str) -> Iterator[Desk]:
    """Set up a desktop with a bus and a screen, and clear it away afterwards."""
    home = folder / "home"
    home.mkdir(parents=True)
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "LANGUAGE": language,
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CURRENT_DESKTOP": "XFCE",
        "NO_AT_BRIDGE": "1",
        "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/no-system-bus",
        "GSETTINGS_BACKEND": "memory",
        "TRAYBACKUP_HOME": str(folder / "program"),
        "TRAYBACKUP_PASSWORD": PASSWORD,
        "TRAYBACKUP_PLUGINS": "",
        **more,
    }
    with contextlib.ExitStack() as stack:
        environment |= stack.enter_context(session(folder / "session"))
        environment |= stack.enter_context(x.screen(environment))
        here = Desk(environment, folder, folder / "tray.log")
        try:
            yield here
        finally:
            for process in here.started:
                if process.poll() is None:
                    process.kill()
                process.wait()


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> tuple[int, float]:
    """Ask a process to end; return its exit code and how many seconds it took."""
    before = time.monotonic()
    process.send_signal(number)
    return process.wait(20), time.monotonic() - before


def until_it_rests(look: Callable[[], object], seconds: float = 10.0) -> object:
    """Wait until two looks in a row are the same; return what was seen."""
    before: list[object] = [object()]

    def same() -> bool:
        now = look()
        was, before[0] = before[0], now
        return was == now

    wait_until(same, seconds)
    return before[0]


def memory_of(process: subprocess.Popen[bytes]) -> int:
    """Return how many bytes a process takes, of what is resident."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def cpu_of(process: subprocess.Popen[bytes]) -> float:
    """Return how many seconds of computing a process has taken."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
