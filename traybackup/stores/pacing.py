"""A place that is not asked for more at once than it can bear.

It gets as many calls at a time as it says it can take, one write at a time where that is one, with the pause between
them that it wants. When it asks one call to wait, all wait.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from traybackup.api.errors import Cancelled, RateLimited
from traybackup.api.store import Entry, Payload, Space, Store
from traybackup.stores.around import Around


def sleep(seconds: float) -> bool:
    """Sleep; nobody asks to stop."""
    time.sleep(seconds)
    return False


class PacedStore(Around):
    """*inner*, called at its own pace.

    Args:
        wait: Sleeps that many seconds and returns whether somebody asked to stop: `Cancel.wait`.
        stopping: Whether that was asked already; what is done then leaves things in order, and waits no more.
    """

    def __init__(
        self,
        inner: Store,
        *,
        wait: Callable[[float], bool] = sleep,
        stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner)
        self._wait, self._stopping, self._clock = wait, stopping, clock
        self._places = threading.BoundedSemaphore(self.capabilities.parallel)
        self._lock = threading.Lock()
        self._next = 0.0

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        with self._turn():
            return self.inner.put(name, payload, overwrite=overwrite)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        with self._turn():
            return self.inner.get(name, offset, length)

    def stat(self, name: str) -> Entry:
        with self._turn():
            return self.inner.stat(name)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        with self._turn():
            found = list(self.inner.entries(prefix))
        yield from found

    def delete(self, name: str) -> None:
        with self._turn():
            self.inner.delete(name)

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        with self._turn():
            self.inner.read_back(name, consume)

    def space(self) -> Space:
        with self._turn():
            return self.inner.space()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for a free place and for the moment; hold everybody back if the place asks for it."""
        with self._places:
            self._pause()
            try:
                yield
            except RateLimited as error:
                with self._lock:
                    self._next = max(self._next, self._clock() + (error.retry_after or 0.0))
                raise

    def _pause(self) -> None:
        with self._lock:
            now = self._clock()
            begin = max(now, self._next)
            self._next = begin + self.capabilities.interval
        if begin > now and not self._stopping() and self._wait(begin - now):
            raise Cancelled
