"""All that is around a plugin's place works together."""

import threading
import time

import pytest

from traybackup.api.errors import Cancelled, Offline, PluginCrashed, RateLimited, StoreError
from traybackup.api.progress import Cancel, Progress
from traybackup.api.store import BytesPayload, Entry, Payload
from traybackup.stores.guarding import Guard
from traybackup.stores.retrying import Patience
from traybackup.stores.wrapping import Manner, wrap
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore

NAME = "data/3f/3f9a00"


class Sent(Progress):
    """Adds up what was sent."""

    def __init__(self) -> None:
        self.bytes = 0

    def sent(self, size: int) -> None:
        self.bytes += size


def test_every_attempt_is_counted_and_reported() -> None:
    """A put that is cut once and asked for again counts twice, with the bytes of both."""
    inner = FaultyStore(MemoryStore(), [Fault("put", 1, Do.CUT, Offline())])
    told: list[StoreError] = []
    progress = Sent()
    manner = Manner(patience=Patience(first=0.01), progress=progress, noticed=lambda error, _: told.append(error))
    store = wrap(inner, Guard("memory"), manner)
    store.put(NAME, BytesPayload(bytes(1 << 20)))
    assert manner.counts.calls == {"put": 2}
    assert manner.counts.sent == progress.bytes >= 3 << 19
    assert [type(error) for error in told] == [Offline]


def test_what_waits_to_try_again_holds_no_turn() -> None:
    """While one call waits for its next attempt another one is made, even where one at a time is allowed."""
    inner = FaultyStore(MemoryStore(), [Fault("stat", 1, error=Offline())])
    inner.capabilities = type(inner.capabilities)(parallel=1)
    waiting, go_on = threading.Event(), threading.Event()

    def noticed(_error: StoreError, _seconds: float) -> None:
        waiting.set()
        go_on.wait(10)

    store = wrap(inner, Guard("memory"), Manner(patience=Patience(first=0.01), noticed=noticed))
    found: list[Entry] = []
    store.put(NAME, BytesPayload(b"x"))
    thread = threading.Thread(target=lambda: found.append(store.stat(NAME)))
    thread.start()
    assert waiting.wait(10)
    assert store.get(NAME) == b"x"
    go_on.set()
    thread.join()
    assert [entry.size for entry in found] == [1]


def test_a_crash_is_not_tried_again() -> None:
    """A plugin that fails in its own way would fail again."""
    calls: list[str] = []

    class Bad(MemoryStore):
        def stat(self, name: str) -> Entry:
            calls.append(name)
            raise KeyError(name)

    with pytest.raises(PluginCrashed):
        wrap(Bad(), Guard("bad"), Manner()).stat(NAME)
    assert calls == [NAME]


@pytest.mark.parametrize("where", ["throttled", "stuck", "waiting"])
def test_stopping_takes_two_seconds_at_most(where: str) -> None:
    """Wherever an upload is, held back by a limit, stuck in the line or waiting for its next attempt, it ends."""
    cancel, entered = Cancel(), threading.Event()

    class Stuck(MemoryStore):
        def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
            entered.set()
            if where == "stuck":
                time.sleep(5)
            if where == "waiting":
                raise RateLimited(retry_after=300.0)
            return super().put(name, payload, overwrite=overwrite)

    manner = Manner(cancel=cancel, up=lambda: 10_000.0 if where == "throttled" else None)
    store = wrap(Stuck(), Guard("stuck", cancel=cancel), manner)
    ended: list[float] = []

    def put() -> None:
        with pytest.raises(Cancelled):
            store.put(NAME, BytesPayload(bytes(1 << 20)))
        ended.append(time.monotonic())

    thread = threading.Thread(target=put)
    thread.start()
    assert entered.wait(10)
    time.sleep(0.1)
    asked = time.monotonic()
    cancel.set()
    thread.join()
    assert ended[0] - asked < 2
    assert list(store.entries()) == []
