"""The resident as commands use it."""

from collections.abc import Iterator
from contextlib import contextmanager

from traybackup.app.resident import Resident, build
from traybackup.app.supervisor import Watcher


@contextmanager
def resident(watcher: Watcher | None = None) -> Iterator[Resident]:
    """Yield the resident of this process; its runs end with the block."""
    found = build(watcher=watcher)
    try:
        yield found
    finally:
        found.close()
