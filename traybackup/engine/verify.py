"""Verify: put an object, and make sure that it arrived.

Where the service computes a content hash itself, that hash is compared. Elsewhere the object is read back from the
medium, past the caches of this computer: a stick that drops writes or flips bits says "done" all the same.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress

from traybackup.api import checksum
from traybackup.api.errors import NotFound, StoreDamaged, StoreError
from traybackup.api.store import Entry, Payload, Store


def put_verified(
    store: Store,
    name: str,
    payload: Payload,
    *,
    overwrite: bool = False,
    guard: Callable[[], None] | None = None,
) -> None:
    """Put *payload* and verify it; once more if it did not arrive whole, and if that fails, too, remove it.

    Args:
        guard: Asked before it is put once more: what is not there may have been removed by somebody who had the right
            to, while this computer slept.

    Raises:
        StoreDamaged: Twice not what was sent: the medium is not to be trusted.
    """
    if not arrived(store, store.put(name, payload, overwrite=overwrite), payload):
        if guard is not None:
            guard()
        entry = store.put(name, payload, overwrite=True)
        if not arrived(store, entry, payload):
            with suppress(StoreError):  # junk under a good name would be taken for damage of what is sound
                store.delete(name)
            raise StoreDamaged(name=name)


def _expected(payload: Payload, kind: str) -> str | None:
    if kind == "sha256":
        return f"sha256:{payload.sha256.hex()}"
    with payload.open() as stream:
        return checksum.of_stream(kind, stream)


def arrived(store: Store, entry: Entry, payload: Payload) -> bool:
    """Say whether the object is what was sent, by the service's own hash or by reading it back from the medium."""
    if entry.size != payload.size:
        return False
    if entry.checksum:
        expected = _expected(payload, entry.checksum.partition(":")[0])
        if expected is not None:
            return entry.checksum == expected
    digest = hashlib.sha256()
    try:
        store.read_back(entry.name, digest.update)
    except (StoreDamaged, NotFound):  # a write that never happened shows only here
        return False
    return digest.digest() == payload.sha256
