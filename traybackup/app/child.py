"""The child: a run's process as its parent sees it. It is asked to stop, ended with all it has started, and weighed."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from traybackup.app.events import LONGEST, Event, parse

_GONE = 5.0


def own_command() -> tuple[str, ...]:
    """Return how this program is started: as a module, or as the one file that an installer made of it."""
    if getattr(sys, "frozen", False):
        return (sys.executable,)
    return (sys.executable, "-m", "traybackup")


class Child:
    """A process that tells events on its standard output.

    Args:
        heard: Called with each event, in a thread of its own.
        silent: Called once when nothing more will come.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        *,
        heard: Callable[[Event], object],
        silent: Callable[[], object],
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            env=None if environment is None else dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what is worth knowing is in the events and in the log
            start_new_session=os.name == "posix",  # Ctrl-C is for the parent, and it can be ended as a group
            creationflags=_flags(),
        )
        self._heard, self._silent = heard, silent
        self._reader = threading.Thread(target=self._read, name=f"events of {self._process.pid}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - asked for above
        while line := stream.readline(LONGEST):
            event = parse(line)
            if event is not None:
                self._heard(event)
        self._silent()

    def ask_to_stop(self) -> None:
        """Ask it to stop in good order; it may be gone already."""
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None  # noqa: S101 - asked for above
            self._process.stdin.write(b"stop\n")
            self._process.stdin.flush()

    def kill(self) -> None:
        """End it at once, with all it has started."""
        if os.name == "posix":
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            for process in self._family():
                with contextlib.suppress(Exception):  # it is gone, or not ours
                    process.kill()
        with contextlib.suppress(OSError):
            self._process.kill()

    def memory(self) -> int:
        """Return the bytes of memory that it takes, with all it has started."""
        total = 0
        for process in self._family():
            with contextlib.suppress(Exception):  # it is gone
                total += process.memory_info().rss
        return total

    def _family(self) -> list[Any]:
        import psutil  # noqa: PLC0415 - only while something runs

        try:
            process = psutil.Process(self._process.pid)
            return [*process.children(recursive=True), process]
        except psutil.Error:
            return []

    def is_alive(self) -> bool:
        """Say whether it has not ended."""
        return self._process.poll() is None

    def close(self) -> int | None:
        """Wait until it is gone, end it if it will not go; return its exit code, None if not even that helped."""
        try:
            code: int | None = self._process.wait(_GONE)
        except subprocess.TimeoutExpired:
            code = None
        self.kill()  # what it has started and left behind
        if code is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(_GONE)
        self._reader.join(_GONE)
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None and not self._reader.is_alive():
                    stream.close()
        return code


def _flags() -> int:
    """Return Windows' flags: no window, after everybody else, and Ctrl-C is for the parent."""
    if sys.platform != "win32":
        return 0
    return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS
