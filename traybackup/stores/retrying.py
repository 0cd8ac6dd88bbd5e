"""A place that is asked again when asking again can help.

The errors themselves say whether it can (`Retry.LATER`); what is missing, forbidden, full, or waits for the owner is
told at once. Waiting times double, with full jitter so that many tills do not come back together (Brooker, "Exponential
Backoff and Jitter"), and all waiting of one call together stays within a budget.
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from traybackup.api import checksum
from traybackup.api.errors import AlreadyExists, Cancelled, RateLimited, Retry, StoreDamaged, StoreError
from traybackup.api.store import Entry, Payload, Space, Store
from traybackup.stores.around import Around

_T = TypeVar("_T")


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on.

    Attributes:
        budget: Seconds from the first failure of a call to the last attempt at it.
        first: The longest first wait in seconds; each next one may be twice as long.
        longest: The longest of all, in seconds, unless the service asks for more.
    """

    budget: float = 900.0
    first: float = 1.0
    longest: float = 64.0


class RetryingStore(Around):
    """*inner*, asked again with *patience*.

    Args:
        wait: Sleeps that many seconds and returns whether somebody asked to stop meanwhile: `Cancel.wait`.
        clock: Seconds that never go back.
        jitter: Returns a random number between its two arguments.
        noticed: Told of every failure that is not the last word, with the seconds until the next attempt.
    """

    def __init__(
        self,
        inner: Store,
        patience: Patience | None = None,
        *,
        wait: Callable[[float], bool] = _sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
        noticed: Callable[[StoreError, float], object] = lambda _error, _seconds: None,
    ) -> None:
        super().__init__(inner)
        self._patience = patience or Patience()
        self._wait = wait
        self._clock = clock
        self._jitter = jitter
        self._noticed = noticed

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        attempts = 0

        def attempt() -> Entry:
            nonlocal attempts
            attempts += 1
            try:
                return self.inner.put(name, payload, overwrite=overwrite)
            except AlreadyExists:
                if attempts == 1 or not self._is_there(name, payload):
                    raise
            return self.inner.stat(name)  # the first attempt did succeed; only its answer was lost

        return self._persist(attempt)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return self._persist(lambda: self.inner.get(name, offset, length))

    def stat(self, name: str) -> Entry:
        return self._persist(lambda: self.inner.stat(name))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        yield from self._persist(lambda: list(self.inner.entries(prefix)))

    def delete(self, name: str) -> None:
        self._persist(lambda: self.inner.delete(name))

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        done = 0

        def attempt() -> None:
            position = 0

            def resume(piece: bytes) -> None:
                """Pass on only what an earlier attempt has not."""
                nonlocal position, done
                position += len(piece)
                if position > done:
                    fresh = piece[done - position :]
                    done = position
                    consume(fresh)

            self.inner.read_back(name, resume)

        self._persist(attempt)

    def space(self) -> Space:
        return self._persist(self.inner.space)

    def _is_there(self, name: str, payload: Payload) -> bool:
        """Say whether the object *name* is *payload*."""
        entry = self.inner.stat(name)
        if entry.size != payload.size:
            return False
        if entry.checksum:  # then nothing need be read
            with payload.open() as stream:
                expected = checksum.of_stream(entry.checksum.partition(":")[0], stream)
            if expected is not None:
                return entry.checksum == expected
        digest = hashlib.sha256()
        try:
            self.inner.read_back(name, digest.update)
        except StoreDamaged:
            return False
        return digest.digest() == payload.sha256

    def _persist(self, attempt: Callable[[], _T]) -> _T:
        return persist(
            attempt,
            self._patience,
            wait=self._wait,
            clock=self._clock,
            jitter=self._jitter,
            noticed=self._noticed,
        )


def persist(
    attempt: Callable[[], _T],
    patience: Patience,
    *,
    wait: Callable[[float], bool] = _sleep,
    clock: Callable[[], float] = time.monotonic,
    jitter: Callable[[float, float], float] = random.uniform,
    noticed: Callable[[StoreError, float], object] = lambda _error, _seconds: None,
) -> _T:
    """Return what *attempt* returns, however often it takes; the arguments are those of `RetryingStore`.

    Raises:
        StoreError: Trying again cannot help, or patience is at an end.
        Cancelled: Somebody asked to stop while waiting.
    """
    ceiling = patience.first
    deadline: float | None = None
    while True:
        try:
            return attempt()
        except StoreError as error:
            if error.retry is not Retry.LATER:
                raise
            now = clock()
            deadline = now + patience.budget if deadline is None else deadline
            pause = jitter(0.0, ceiling)
            if isinstance(error, RateLimited) and error.retry_after is not None:
                pause += error.retry_after  # never earlier than asked, and not all at the same moment
            if now + pause > deadline:
                raise
            noticed(error, pause)
        if wait(pause):
            raise Cancelled
        ceiling = min(ceiling * 2, patience.longest)
