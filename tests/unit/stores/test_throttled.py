"""As fast as the owner allows, at every moment."""

import threading

import pytest

from traybackup.api.errors import Cancelled
from traybackup.api.store import BytesPayload
from traybackup.stores.throttled import Tap, ThrottledStore, unlimited
from traybackup.testing import MemoryStore

NAME = "data/3f/3f9a00"


class Clock:
    """Time that passes only by waiting, and may do something on the way."""

    def __init__(self) -> None:
        self.now = 0.0
        self.longest = 0.0
        self.stop_at = float("inf")

    def wait(self, seconds: float) -> bool:
        self.longest = max(self.longest, seconds)
        self.now += seconds
        return self.now >= self.stop_at


def tap(clock: Clock, rate: object) -> Tap:
    return Tap(rate if callable(rate) else lambda: rate, wait=clock.wait, clock=lambda: clock.now)  # type: ignore[arg-type, return-value]  # a test's shorthand


def test_uploads_and_downloads_keep_their_rates() -> None:
    """Each direction has its own limit, and takes as long as that says."""
    up, down = Clock(), Clock()
    store = ThrottledStore(MemoryStore(), up=tap(up, 100_000), down=tap(down, 50_000))
    store.put(NAME, BytesPayload(bytes(1_000_000)))
    assert up.now == pytest.approx(10, rel=0.05)
    assert down.now == 0
    assert len(store.get(NAME)) == 1_000_000
    assert down.now == pytest.approx(20, rel=0.05)
    store.read_back(NAME, len)
    assert down.now == pytest.approx(40, rel=0.05)
    assert max(up.longest, down.longest) <= 0.3


def test_no_limit_costs_nothing() -> None:
    """Without a limit nobody waits."""
    clock = Clock()
    store = ThrottledStore(MemoryStore(), up=tap(clock, unlimited), down=tap(clock, unlimited))
    store.put(NAME, BytesPayload(bytes(1_000_000)))
    store.get(NAME)
    assert clock.now == 0


def test_a_changed_limit_counts_at_once() -> None:
    """The rate is asked for again every quarter of a second, so a run under way gets faster or slower."""
    clock = Clock()
    changing = tap(clock, lambda: 10_000 if clock.now < 5 else None)
    changing.let(1_000_000)
    assert 5 <= clock.now < 5.5


def test_several_threads_share_one_limit() -> None:
    """Two uploads at once are together as fast as allowed."""
    clock, lock = Clock(), threading.Lock()
    moments: list[float] = []

    def wait(seconds: float) -> bool:
        with lock:
            moments.append(seconds)
        return False

    shared = Tap(lambda: 100_000.0, wait=wait, clock=lambda: clock.now)
    threads = [threading.Thread(target=shared.let, args=(200_000,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(moments) == pytest.approx(6, rel=0.05)


def test_stopping_ends_the_waiting() -> None:
    """A request to stop is heard in the middle of a piece, and later calls are not held back."""
    clock = Clock()
    clock.stop_at = 2
    with pytest.raises(Cancelled):
        tap(clock, 1_000).let(1_000_000)
    assert clock.now < 3
    Tap(lambda: 1.0, stopping=lambda: True).let(1 << 30)
