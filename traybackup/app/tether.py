"""The tether: how a run's process hears from whoever started it, and notices that it is gone.

The one who started it holds the other end of its standard input: a line ``stop`` asks it to stop, and so does the end
of the input, which comes by itself when that process ends, however it ends.
"""

import os
import stat
import threading
from collections.abc import Callable

from traybackup.api.progress import Cancel

PATIENCE = 5.0
"""Seconds that a run without a parent gets to stop in good order."""

INTERRUPTED = 130


def hold(cancel: Cancel, *, descriptor: int = 0, leave: Callable[[int], object] = os._exit) -> threading.Thread | None:
    """Set *cancel* when asked to, or when nobody is there any more; then *leave*, if that does not end the run.

    Nothing is held where the input is no pipe: it was started by hand.
    """
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return None
    except OSError:  # there is no input
        return None

    def listen() -> None:
        said = b""
        while b"stop\n" not in said:
            found = _read(descriptor)
            if not found:
                cancel.set()
                threading.Event().wait(PATIENCE)
                leave(INTERRUPTED)
                return
            said = said[-len(b"stop\n") :] + found
        cancel.set()
        while _read(descriptor):
            pass
        threading.Event().wait(PATIENCE)
        leave(INTERRUPTED)

    thread = threading.Thread(target=listen, name="tether", daemon=True)
    thread.start()
    return thread


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1024)
    except OSError:
        return b""
