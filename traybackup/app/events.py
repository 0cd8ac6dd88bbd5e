"""The events of a run: JSON objects, one a line, that a run's process tells whoever started it.

========================  ==================================================================================
``message_type``          fields
========================  ==================================================================================
``run_started``           ``version`` (of this stream), ``job``, ``destination``, ``pid``, ``time``
``phase``                 ``phase``: a keyword of `traybackup.api.progress.Progress.phase`
``status``                restic's: ``percent_done``, ``files_done``, ``total_files``, ``bytes_done``, ``total_bytes``,
                          ``seconds_elapsed``, ``seconds_remaining``, ``error_count``; ``bytes_stored``, ``bytes_sent``
``waiting``               ``message``, ``seconds`` (may be missing): somebody is in the way, or the line is down
``initialized``           the place was made; restic's, with ``recovery_code``, which is told nowhere else
``error``                 restic's: one item that could not be read, or was noticed
``summary``               restic's, of the backup: its snapshot is written and verified
``tidied``                ``removed`` snapshots, ``pruned``, ``freed`` bytes
``checked``               ``sound``, ``percent``, ``bytes_read``
``run_ended``             ``outcome``, ``code``, ``params``, ``retry``, ``exit_code``, ``snapshot_id``, ``seconds``
========================  ==================================================================================

``run_started`` comes first and ``run_ended`` last; a stream without that end is of a run that was killed. Fields and
types may be added, so what is unknown is to be skipped. Whoever reads may write ``stop`` and a line break to the
process; the end of its input asks it to stop as well. ``status`` comes only when something has moved: silence is a
sign.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from traybackup.api.progress import Progress
from traybackup.app.estimate import COUNTED

VERSION = 1
LONGEST = 1 << 20
"""Bytes of a line; a longer one is none of ours."""

EVERY = 1.0
"""Seconds between two ``status``."""

Event = dict[str, object]
Tell = Callable[[Event], object]


def parse(line: bytes) -> Event | None:
    """Return the event in a line; None: it is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("message_type"), str) else None


class TellingProgress(Progress):
    """Counts what a run reports, and tells it now and then while it moves."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._files = self._bytes = self._total_files = self._total_bytes = self._stored = self._sent = 0
        self._errors = 0
        self._counted = False
        self._told: tuple[int, ...] = ()

    def expect(self, files: int, size: int) -> None:
        with self._lock:
            self._total_files += files
            self._total_bytes += size

    def item(self, path: bytes, state: str, size: int) -> None:  # noqa: ARG002 - Progress has them
        with self._lock:
            self._files += 1

    def advance(self, size: int) -> None:
        with self._lock:
            self._bytes += size

    def stored(self, size: int) -> None:
        with self._lock:
            self._stored += size

    def sent(self, size: int) -> None:
        with self._lock:
            self._sent += size

    def trouble(self, path: bytes, reason: str) -> None:  # noqa: ARG002 - told at the end
        with self._lock:
            self._errors += 1

    def phase(self, name: str) -> None:
        if name == COUNTED:
            self._counted = True
        else:
            self._tell({"message_type": "phase", "phase": name})

    def status(self) -> Event | None:
        """Return where the run stands; None: where it stood when this was asked last."""
        with self._lock:
            now = (self._files, self._bytes, self._total_files, self._total_bytes, self._stored, self._sent)
        if now == self._told:
            return None
        self._told = now
        files, done, total_files, total, stored, sent = now
        seconds = time.monotonic() - self._began
        event: Event = {
            "message_type": "status",
            "seconds_elapsed": int(seconds),
            "percent_done": min(1.0, done / total) if total and self._counted else 0,
            "total_files": max(files, total_files),
            "files_done": files,
            "total_bytes": max(done, total),
            "bytes_done": done,
            "bytes_stored": stored,
            "bytes_sent": sent,
            "error_count": self._errors,
        }
        if self._counted and 0 < done <= total:
            event["seconds_remaining"] = int(seconds * (total - done) / done)
        return event

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell the status while the block runs."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(EVERY):
                event = self.status()
                if event is not None:
                    self._tell(event)

        thread = threading.Thread(target=run, name="status", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
