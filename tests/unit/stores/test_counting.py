"""Calls and bytes are counted as they happen."""

import contextlib

from traybackup.api.errors import Offline
from traybackup.api.store import BytesPayload
from traybackup.stores.counting import CountingStore
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore

NAME = "data/3f/3f9a00"


def test_each_call_is_counted_with_its_bytes() -> None:
    """Every method has its own count, puts count what they took, reads what they gave."""
    store = CountingStore(MemoryStore())
    store.put(NAME, BytesPayload(bytes(1000)))
    store.put(NAME, BytesPayload(bytes(500)), overwrite=True)
    assert len(store.get(NAME, 100, 50)) == 50
    store.read_back(NAME, len)
    store.stat(NAME)
    assert len(list(store.entries())) == 1
    store.space()
    store.delete(NAME)
    assert store.counts.calls == {
        "put": 2,
        "get": 1,
        "read_back": 1,
        "stat": 1,
        "entries": 1,
        "space": 1,
        "delete": 1,
    }
    assert (store.counts.sent, store.counts.received) == (1500, 550)


def test_failed_calls_and_what_they_sent_count_too() -> None:
    """A put that is cut counts as a call, and so do the bytes that went out."""
    inner = FaultyStore(MemoryStore(), [Fault("put", 1, Do.CUT)])
    store = CountingStore(inner)
    with contextlib.suppress(Offline):
        store.put(NAME, BytesPayload(bytes(1 << 20)))
    assert store.counts.calls["put"] == 1
    assert 0 < store.counts.sent < 1 << 20
