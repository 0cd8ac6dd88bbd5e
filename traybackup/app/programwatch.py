"""The program watch: notices that the till program was closed.

A program that is gone for less than `SETTLE` seconds was only started anew.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

SETTLE = timedelta(seconds=30)


def running_programs() -> frozenset[str]:
    """Return the names of the executables that run, in lower case."""
    import psutil  # noqa: PLC0415 - only where a job wants to know

    return frozenset(str(process.info["name"] or "").lower() for process in psutil.process_iter(["name"]))


class ProgramWatch:
    """Looks at some programs.

    Attributes:
        closed: When each of them was seen gone, by its lower-case name; without those that run.
    """

    def __init__(self, running: Callable[[], frozenset[str]] = running_programs) -> None:
        self._running = running
        self._seen: set[str] = set()
        self._gone: dict[str, datetime] = {}
        self.closed: dict[str, datetime] = {}

    def look(self, programs: Iterable[str], now: datetime) -> None:
        """Look which of these programs run."""
        wanted = {name.lower() for name in programs}
        if not wanted:
            return
        running = self._running() & wanted
        for name in running:
            self._gone.pop(name, None)
            self.closed.pop(name, None)
        for name in self._seen - running:
            self._gone[name] = now
        self._seen = set(running)
        for name, since in list(self._gone.items()):
            if not timedelta() <= now - since < timedelta(days=1):
                del self._gone[name]  # the clock was set
            elif now - since >= SETTLE:
                self.closed[name] = since
                del self._gone[name]
