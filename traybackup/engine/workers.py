"""Workers: threads behind a bounded queue, with back-pressure.

What goes through them is heavy in C code that lets other threads run (hashing, compressing, file calls), so threads
and not processes. Nobody polls: a full queue blocks the feeder, an empty one the worker.
"""

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Workers(Generic[T]):
    """*count* threads that call *work* for every item given to `submit`, in no particular order.

    The first exception stops the work: the items still waiting are dropped, and the exception is raised from the next
    `submit` or from `finish`.
    """

    def __init__(self, name: str, count: int, work: Callable[[T], None], depth: int | None = None) -> None:
        self._work = work
        self._queue: queue.Queue[T | None] = queue.Queue(depth or count)
        self._failure: BaseException | None = None
        self._lock = threading.Lock()  # for the first failure to stay the first
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._failure is not None:
                continue
            try:
                self._work(item)
            except BaseException as error:  # noqa: BLE001 - handed to the feeder, nothing is swallowed
                self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failure = self._failure or error

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def submit(self, item: T) -> None:
        """Queue *item*; blocks while the queue is full."""
        self.check()
        self._queue.put(item)

    def stop(self) -> None:
        """Let the queue run empty and end the threads; stopping twice is fine."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []

    def abandon(self, reason: BaseException) -> None:
        """Drop what is waiting and end the threads."""
        self._fail(reason)
        self.stop()

    def finish(self) -> None:
        """Wait for everything queued, end the threads, raise the first failure."""
        self.stop()
        self.check()
