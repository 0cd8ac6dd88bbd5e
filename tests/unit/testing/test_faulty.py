"""The place that breaks on command does exactly what its script says."""

import pytest

from traybackup.api.errors import NotFound, Offline, StoreFull
from traybackup.api.store import BytesPayload
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore
from traybackup.testing.ground import Script

PAYLOAD = BytesPayload(b"0123456789")


def with_two(*faults: Fault) -> FaultyStore:
    inner = MemoryStore()
    inner.put("a", PAYLOAD)
    inner.put("b", PAYLOAD)
    return FaultyStore(inner, faults)


def test_fault_strikes_at_its_call_and_no_other() -> None:
    """The third call of the method named fails, with the error given; the others do not, nor do other methods."""
    store = with_two(Fault("stat", 3, error=StoreFull(needed=5)))
    for call in (1, 2, 3, 4):
        store.get("a")
        if call == 3:
            with pytest.raises(StoreFull, match="5"):
                store.stat("a")
        else:
            assert store.stat("a").size == 10
    assert store.calls == [("get", "a"), ("stat", "a")] * 4


def test_lasting_fault_goes_on_and_star_counts_everything() -> None:
    """From its call on every later call of any method fails."""
    store = with_two(Fault("*", 3, lasting=True))
    store.stat("a")
    store.get("a")
    for call in (lambda: store.stat("a"), lambda: store.get("a"), lambda: list(store.entries()), store.space):
        with pytest.raises(Offline):
            call()


@pytest.mark.parametrize(("do", "there", "raises"), [(Do.ERROR, 0, 1), (Do.CUT, 0, 1), (Do.LOST, 1, 1), (Do.LIE, 0, 0)])
def test_puts(do: Do, *, there: bool, raises: bool) -> None:
    """A put is refused, cut in its middle, done without an answer, or answered without being done."""
    store = with_two(Fault("put", 1, do))
    half: list[int] = []
    payload = Script(b"0123456789", at=3, happens=lambda: half.append(1))
    if raises:
        with pytest.raises(Offline):
            store.put("c", payload)
    else:
        assert store.put("c", payload).size == 10
    assert ("c" in store.inner.place.objects) == there
    assert bool(half) == (do in (Do.CUT, Do.LOST))


def test_bits_flip() -> None:
    """One bit differs in what is stored, got or read back; the store itself keeps what it has."""
    store = with_two(Fault("put", 1, Do.FLIP), Fault("get", 1, Do.FLIP), Fault("read_back", 1, Do.FLIP))
    store.put("c", PAYLOAD)
    assert store.inner.get("c") == b"0123446789"
    assert store.get("a") == b"0123446789"
    assert store.get("a") == b"0123456789"
    pieces: list[bytes] = []
    store.read_back("a", pieces.append)
    assert pieces == [b"0123446789"]
    store.put("empty", BytesPayload(b""))
    assert store.get("empty") == b""


def test_reads_can_lie_and_be_cut() -> None:
    """What is there can seem missing, a listing can end half-way, with or without an error."""
    store = with_two(
        Fault("get", 1, Do.LIE),
        Fault("stat", 1, Do.LIE),
        Fault("read_back", 1, Do.LIE),
        Fault("entries", 1, Do.LIE),
        Fault("entries", 2, Do.CUT),
        Fault("delete", 1, Do.LIE),
        Fault("delete", 2, Do.LOST),
    )
    for call in (lambda: store.get("a"), lambda: store.stat("a"), lambda: store.read_back("a", len)):
        with pytest.raises(NotFound):
            call()
    assert len(list(store.entries())) == 1
    with pytest.raises(Offline):
        list(store.entries())
    store.delete("a")
    assert len(list(store.entries())) == 2
    with pytest.raises(Offline):
        store.delete("a")
    assert [entry.name for entry in store.entries()] == ["b"]


def test_delay_waits_and_does_it() -> None:
    """A delayed call is done after the seconds given."""
    waited: list[float] = []
    inner = MemoryStore()
    store = FaultyStore(inner, [Fault("put", 1, Do.DELAY, seconds=2.5)], sleep=waited.append)
    store.put("a", PAYLOAD)
    assert waited == [2.5]
    assert store.get("a") == b"0123456789"
