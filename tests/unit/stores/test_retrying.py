"""When a place is asked again, when not, and how long."""

import hashlib
import io
from collections.abc import Callable

import pytest

from traybackup.api import errors
from traybackup.api.errors import (
    AlreadyExists,
    Cancelled,
    NotFound,
    Offline,
    RateLimited,
    Retry,
    StoreDamaged,
    StoreError,
    StoreFailed,
)
from traybackup.api.store import BytesPayload, Entry, Store
from traybackup.stores.retrying import Patience, RetryingStore
from traybackup.stores.watched import WatchedPayload
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore

NAME = "data/3f/3f9a00"
PAYLOAD = BytesPayload(bytes(range(200)) * 1000)


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.stop_after = 1000

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return len(self.waits) >= self.stop_after


@pytest.fixture
def clock() -> Clock:
    return Clock()


def retrying(inner: Store, clock: Clock, patience: Patience | None = None, jitter: float = 1.0) -> RetryingStore:
    return RetryingStore(
        inner,
        patience,
        wait=clock.wait,
        clock=lambda: clock.now,
        jitter=lambda low, high: low + (high - low) * jitter,
    )


def all_calls(store: Store) -> list[object]:
    """Use every method once; return what came back."""
    pieces = bytearray()
    put = store.put(NAME, PAYLOAD)
    got = store.get(NAME, 5, 10)
    stat = store.stat(NAME)
    listed = list(store.entries())
    store.read_back(NAME, pieces.extend)
    space = store.space()
    store.delete(NAME)
    return [put, got, stat, listed, bytes(pieces), space, list(store.entries())]


@pytest.mark.parametrize("do", [Do.ERROR, Do.CUT, Do.LOST])
@pytest.mark.parametrize("error", [Offline(), RateLimited(), RateLimited(retry_after=3.0), StoreFailed(reason="EIO")])
def test_every_call_gets_over_passing_failures(clock: Clock, do: Do, error: StoreError) -> None:
    """Three failures in a row, before, in the middle or after the fact, change the result of no call."""
    wanted = all_calls(MemoryStore())
    for method in ("put", "get", "stat", "entries", "read_back", "space", "delete"):
        inner = FaultyStore(MemoryStore(), [Fault(method, call, do, error) for call in (1, 2, 3)])
        assert all_calls(retrying(inner, clock)) == wanted
        assert len(clock.waits) == (1 if (method, do) == ("put", Do.LOST) else 3)
        clock.waits.clear()


NEVER = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, StoreError) and kind.retry is not Retry.LATER
]


@pytest.mark.parametrize("kind", NEVER)
def test_what_waiting_cannot_mend_is_told_at_once(clock: Clock, kind: type[StoreError]) -> None:
    """Missing, forbidden, full, swapped, damaged or signed out: no second attempt, no waiting."""
    for method, call in (("put", lambda s: s.put(NAME, PAYLOAD)), ("get", lambda s: s.get(NAME))):
        inner = FaultyStore(MemoryStore(), [Fault(method, 1, error=kind())])
        with pytest.raises(kind):
            call(retrying(inner, clock))
        assert len(inner.calls) == 1
    assert clock.waits == []
    assert {NotFound, AlreadyExists, StoreDamaged, errors.StoreFull, errors.AccessDenied, errors.SignInNeeded} <= {
        *NEVER
    }


def test_waits_double_up_to_the_longest(clock: Clock) -> None:
    """The ceiling of the waits goes 1, 2, 4 … 64 seconds and stays there."""
    inner = FaultyStore(MemoryStore(), [Fault("stat", 1, lasting=True)])
    with pytest.raises(Offline):
        retrying(inner, clock).stat(NAME)
    assert clock.waits[:9] == [1, 2, 4, 8, 16, 32, 64, 64, 64]


def test_patience_ends(clock: Clock) -> None:
    """All waits of a call stay within the budget; then the last error is told. The next call has its own."""
    inner = FaultyStore(MemoryStore(), [Fault("stat", 1, lasting=True)])
    store = retrying(inner, clock, Patience(budget=100))
    for calls in (1, 2):
        with pytest.raises(Offline):
            store.stat(NAME)
        assert 50 * calls < clock.now <= 100 * calls


def test_jitter_spreads_the_waits(clock: Clock) -> None:
    """A wait is anything between nothing and its ceiling."""
    inner = FaultyStore(MemoryStore(), [Fault("space", call) for call in (1, 2, 3)])
    retrying(inner, clock, jitter=0.25).space()
    assert clock.waits == [0.25, 0.5, 1.0]


def test_time_asked_for_is_granted(clock: Clock) -> None:
    """A service that says when to come back is not asked earlier, even beyond the longest wait."""
    inner = FaultyStore(MemoryStore(), [Fault("space", 1, error=RateLimited(retry_after=120.0))])
    retrying(inner, clock, jitter=0.5).space()
    assert clock.waits == [120.5]


def test_time_beyond_the_budget_is_not_waited_for(clock: Clock) -> None:
    """A service that asks for more than the budget ends the call at once, so that the run can say so."""
    inner = FaultyStore(MemoryStore(), [Fault("space", 1, error=RateLimited(retry_after=3600.0))])
    with pytest.raises(RateLimited):
        retrying(inner, clock).space()
    assert clock.waits == []


def test_stop_ends_the_waiting(clock: Clock) -> None:
    """Somebody who asks to stop while the store waits is obeyed."""
    clock.stop_after = 2
    inner = FaultyStore(MemoryStore(), [Fault("put", 1, lasting=True)])
    with pytest.raises(Cancelled):
        retrying(inner, clock).put(NAME, PAYLOAD)
    assert len(inner.calls) == 2


def test_lost_answer_of_a_put_is_recognised(clock: Clock) -> None:
    """A put whose answer was lost finds its own object at the second attempt and is done, without a duplicate."""
    inner = FaultyStore(MemoryStore(), [Fault("put", 1, Do.LOST)])
    store = retrying(inner, clock)
    assert store.put(NAME, PAYLOAD) == inner.inner.stat(NAME)
    assert len(list(store.entries())) == 1


@pytest.mark.parametrize("other", [b"other", bytes(PAYLOAD.size)])
def test_somebody_elses_object_is_not_taken_for_ours(other: bytes) -> None:
    """If another object took the name between two attempts, the put is refused, whatever its size."""
    place = MemoryStore()
    inner = FaultyStore(place, [Fault("put", 1)])
    store = RetryingStore(inner, wait=lambda _: bool(place.put(NAME, BytesPayload(other))) and False)
    with pytest.raises(AlreadyExists):
        store.put(NAME, PAYLOAD)
    assert place.get(NAME) == other


@pytest.mark.parametrize("same", [True, False])
def test_the_services_own_hash_recognises_a_lost_answer(clock: Clock, same: bool) -> None:  # noqa: FBT001 - a case
    """Where the service knows the hash of what it has, nothing is read back to recognise it."""

    class Hashing(MemoryStore):
        def stat(self, name: str) -> Entry:
            entry = super().stat(name)
            digest = hashlib.sha256(self.get(name)).hexdigest() if same else "0" * 64
            return Entry(name, entry.size, f"sha256:{digest}")

    inner = FaultyStore(Hashing(), [Fault("put", 1, Do.LOST)])
    store = retrying(inner, clock)
    if same:
        assert store.put(NAME, PAYLOAD).size == PAYLOAD.size
    else:
        with pytest.raises(AlreadyExists):
            store.put(NAME, PAYLOAD)
    assert "read_back" not in {method for method, _ in inner.calls}


def test_own_object_that_cannot_be_read_back_is_not_there(clock: Clock) -> None:
    """An object that took the name but comes back damaged is not taken for ours."""
    inner = FaultyStore(MemoryStore(), [Fault("put", 1, Do.LOST), Fault("read_back", 1, error=StoreDamaged())])
    with pytest.raises(AlreadyExists):
        retrying(inner, clock).put(NAME, PAYLOAD)


def test_failures_on_the_way_are_noticed(clock: Clock) -> None:
    """Whoever wants to show them learns of each failure and of the wait after it, but not of the last word."""
    noticed: list[tuple[str, float]] = []
    faults = [Fault("stat", 1), Fault("stat", 2, error=StoreFailed()), Fault("stat", 3, Do.LIE)]
    inner = FaultyStore(MemoryStore(), faults)
    store = RetryingStore(
        inner,
        wait=clock.wait,
        jitter=lambda _low, high: high,
        noticed=lambda error, seconds: noticed.append((error.code, seconds)),
    )
    with pytest.raises(NotFound):
        store.stat(NAME)
    assert noticed == [("offline", 1.0), ("store-failed", 2.0)]


def test_read_back_goes_on_where_it_was_cut(clock: Clock) -> None:
    """A reading that is cut in the middle of a piece is completed without giving anything twice."""
    data = bytes(range(256)) * 40

    ends = [700, 0, 3000, len(data)]

    class Cutting(MemoryStore):
        def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
            del name
            end, stream = ends.pop(0), io.BytesIO(data)
            while stream.tell() < end:
                consume(stream.read(min(512, end - stream.tell())))
            if end < len(data):
                raise Offline

    pieces: list[bytes] = []
    retrying(Cutting(), clock).read_back(NAME, pieces.append)
    assert b"".join(pieces) == data


def test_watched_payload_is_the_payload() -> None:
    """Counting does not change what a stream gives, from any offset, after seeking, and told bytes add up."""
    told: list[int] = []
    watched = WatchedPayload(PAYLOAD, told.append)
    assert (watched.size, watched.sha256) == (PAYLOAD.size, PAYLOAD.sha256)
    with watched.open() as stream:
        assert stream.read() == bytes(range(200)) * 1000
    assert sum(told) == PAYLOAD.size
    with watched.open(150) as stream:
        assert stream.read(50) == bytes(range(150, 200))
        assert stream.seekable()
    with watched.open() as stream:
        assert stream.seek(7) == 7
        assert stream.read(3) == b"\7\10\11"
        assert stream.tell() == 10
