"""Estimate: how much lies ahead of a run, counted in a thread of its own while the run is already at work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from traybackup.api.progress import Progress
from traybackup.api.source import Source

COUNTED = "counted"
"""The phase reported once everything was counted."""


@contextmanager
def estimating(source: Source, progress: Progress) -> Iterator[None]:
    """Count what is in *source* while the block runs; `Progress.expect` is told."""
    stop = threading.Event()
    thread = threading.Thread(target=_count, args=(source, progress, stop), name="estimate", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _count(source: Source, progress: Progress, stop: threading.Event) -> None:
    try:
        for files, size in source.count():
            if stop.is_set():
                return
            progress.expect(files, size)
    except Exception:  # noqa: BLE001 - a guess that fails is no guess; the run itself tells what is wrong
        return
    progress.phase(COUNTED)
