"""Progress and Cancel: how a run tells what it does, and how it is told to stop."""

import threading

from traybackup.api.errors import Cancelled


class Cancel:
    """A request to stop, set by one thread and looked at by the others."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask to stop."""
        self._event.set()

    def is_set(self) -> bool:
        """Say whether somebody asked to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` if somebody asked to stop."""
        if self._event.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> bool:
        """Sleep, but wake at once when asked to stop; return whether asked."""
        return self._event.wait(seconds)


class Progress:
    """What a run reports. Every method may be called from any thread and must return quickly; the base does nothing."""

    def expect(self, files: int, size: int) -> None:
        """*files* and *size* bytes more are known to lie ahead."""

    def item(self, path: bytes, state: str, size: int) -> None:
        """One item is done; *state*: ``new``, ``changed``, ``unchanged``, ``unreadable``, ``restored``, ``failed``."""

    def advance(self, size: int) -> None:
        """*size* bytes of the source were dealt with."""

    def stored(self, size: int) -> None:
        """*size* bytes reached the destination."""

    def sent(self, size: int) -> None:
        """*size* bytes left for a destination over a line, those of repeated attempts included."""

    def phase(self, name: str) -> None:
        """A new part of the work begins: a keyword such as ``scan``, ``save``, ``verify``, ``index``, ``snapshot``."""

    def trouble(self, path: bytes, reason: str) -> None:
        """An item could not be read or written; *reason* is the system's word."""
