"""What a run asked of its place: *Counts* are calls and bytes, *CountingStore* keeps them."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator

from traybackup.api.progress import Progress
from traybackup.api.store import Entry, Payload, Space, Store
from traybackup.stores.around import Around
from traybackup.stores.watched import WatchedPayload


class Counts:
    """Calls by method, and bytes in both directions; also those of calls that failed. Safe from threads.

    Attributes:
        calls: By method; a listing counts once, however many pages it has.
        sent: Bytes that puts took from their payloads, those of repeated attempts included.
        received: Bytes that came back.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.sent = 0
        self.received = 0
        self._lock = threading.Lock()

    def called(self, method: str) -> None:
        """Count a call."""
        with self._lock:
            self.calls[method] += 1

    def moved(self, *, sent: int = 0, received: int = 0) -> None:
        """Count bytes."""
        with self._lock:
            self.sent += sent
            self.received += received


class CountingStore(Around):
    """*inner*, with `counts` of all that is asked of it; *progress* is told of every byte that goes there."""

    def __init__(self, inner: Store, counts: Counts | None = None, progress: Progress | None = None) -> None:
        super().__init__(inner)
        self.counts = counts or Counts()
        self._progress = progress or Progress()

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        self.counts.called("put")

        def moved(size: int) -> None:
            self.counts.moved(sent=size)
            self._progress.sent(size)

        return super().put(name, WatchedPayload(payload, moved), overwrite=overwrite)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self.counts.called("get")
        data = super().get(name, offset, length)
        self.counts.moved(received=len(data))
        return data

    def stat(self, name: str) -> Entry:
        self.counts.called("stat")
        return super().stat(name)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        self.counts.called("entries")
        return super().entries(prefix)

    def delete(self, name: str) -> None:
        self.counts.called("delete")
        super().delete(name)

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        self.counts.called("read_back")

        def count(piece: bytes) -> None:
            self.counts.moved(received=len(piece))
            consume(piece)

        super().read_back(name, count)

    def space(self) -> Space:
        self.counts.called("space")
        return super().space()
