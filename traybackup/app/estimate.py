"""Estimate: how much lies ahead of a run, counted in a thread of its own while the run is already at work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from traybackup.api.errors import SourceError
from traybackup.api.progress import Progress
from traybackup.api.source import Item, Kind
from traybackup.sources.folder import FolderSource

COUNTED = "counted"
"""The phase reported once everything was counted."""


@contextmanager
def estimating(source: FolderSource, progress: Progress) -> Iterator[None]:
    """Count what is in *source*, which is used for nothing else, while the block runs; `Progress.expect` is told."""
    stop = threading.Event()
    thread = threading.Thread(target=_count, args=(source, progress, stop), name="estimate", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _count(source: FolderSource, progress: Progress, stop: threading.Event) -> None:
    try:
        ahead: list[Item] = [source.root()]
        while ahead and not stop.is_set():
            files = size = 0
            for item in _children(source, ahead.pop()):
                if item.metadata.kind is Kind.DIRECTORY:
                    ahead.append(item)
                elif item.metadata.kind is Kind.FILE:
                    files += 1
                    size += item.metadata.size
            progress.expect(files, size)
    except SourceError:
        return  # the run itself will tell
    if not stop.is_set():
        progress.phase(COUNTED)


def _children(source: FolderSource, directory: Item) -> list[Item]:
    try:
        return list(source.children(directory))
    except SourceError:
        return []
