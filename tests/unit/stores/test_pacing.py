"""A place is never asked for more than it can bear."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from traybackup.api.errors import Cancelled, RateLimited
from traybackup.api.store import BytesPayload, Capabilities, Entry, Payload
from traybackup.stores.pacing import PacedStore
from traybackup.testing import Fault, FaultyStore, MemoryStore

NAME = "data/3f/3f9a00"


class Watching(MemoryStore):
    """Knows how many calls ran at once at most."""

    def __init__(self, parallel: int) -> None:
        super().__init__()
        self.capabilities = Capabilities(parallel=parallel)
        self.mutex = threading.Lock()
        self.running = self.most = 0

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        with self.mutex:
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.02)
        try:
            return super().put(name, payload, overwrite=overwrite)
        finally:
            with self.mutex:
                self.running -= 1


@pytest.mark.parametrize("parallel", [1, 3])
def test_no_more_calls_at_once_than_it_takes(parallel: int) -> None:
    """However many threads there are, the place sees as many as it said, and one write at a time if that is one."""
    inner = Watching(parallel)
    store = PacedStore(inner)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.put(f"data/{number}", BytesPayload(b"x")), range(16)))
    assert inner.most == parallel
    assert len(list(store.entries())) == 16


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(round(seconds, 6))
        self.now += seconds
        return False


def test_calls_keep_their_distance() -> None:
    """Between the beginnings of two calls of any kind lies the interval that the place wants."""
    inner, clock = MemoryStore(), Clock()
    inner.capabilities = Capabilities(interval=0.5)
    store = PacedStore(inner, wait=clock.wait, clock=lambda: clock.now)
    store.put(NAME, BytesPayload(b"x"))
    store.get(NAME)
    store.stat(NAME)
    list(store.entries())
    store.read_back(NAME, len)
    store.space()
    store.delete(NAME)
    assert clock.waits == [0.5] * 6


def test_when_one_call_is_told_to_wait_all_do() -> None:
    """A rate limit holds back every call until its time is over."""
    inner, clock = FaultyStore(MemoryStore(), [Fault("put", 1, error=RateLimited(retry_after=30.0))]), Clock()
    store = PacedStore(inner, wait=clock.wait, clock=lambda: clock.now)
    with pytest.raises(RateLimited):
        store.put(NAME, BytesPayload(b"x"))
    assert list(store.entries()) == []
    store.space()
    assert clock.waits == [30.0]


def test_stopping_ends_the_waiting() -> None:
    """Who waits for his turn when somebody asks to stop is told so; who comes later to clean up waits no more."""
    inner, stopped = MemoryStore(), False
    inner.capabilities = Capabilities(interval=5.0)
    store = PacedStore(inner, wait=lambda _: True, stopping=lambda: stopped)
    store.space()
    with pytest.raises(Cancelled):
        store.space()
    stopped = True
    store.delete(NAME)
