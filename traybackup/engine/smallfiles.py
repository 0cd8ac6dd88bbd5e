"""Small files: config, keys, locks, snapshots and index files, read whole, and never more than they can honestly be.

A place is not to be trusted: what calls itself a lock may be larger than this computer's memory.
"""

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.store import Store
from traybackup.engine.codec import MAX_FILE, FileKind, object_name

_TINY = 64 << 10
"""Bytes: they hold a few hundred."""

_MOST = {FileKind.CONFIG: _TINY, FileKind.KEY: _TINY, FileKind.LOCK: _TINY}


def read(store: Store, kind: FileKind, file_id: str = "") -> bytes:
    """Return the whole file as it is stored.

    A path of this computer is asked for the size first, which costs nothing. Others would take another call for each
    file, and may lie anyway: to take no more than asked for is the business of their stores.

    Raises:
        NotFound: There is no such file.
        RepositoryDamaged: It is larger than any of its kind.
    """
    name, most = object_name(kind, file_id), _MOST.get(kind, MAX_FILE)
    if not store.capabilities.local or store.stat(name).size <= most:
        data = store.get(name)
        if len(data) <= most:
            return data
    raise RepositoryDamaged(kind=kind.word, id=file_id, why="too-large")
