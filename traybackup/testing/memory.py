"""A place in memory: *MemoryPlace* is the far end, *MemoryStore* one client of it.

The far end can get into trouble: it revokes the sign-in, asks to slow down, and its line breaks.
"""

import threading
from collections.abc import Iterator

from traybackup.api.errors import (
    AlreadyExists,
    NotFound,
    Offline,
    RateLimited,
    SignInExpired,
    StoreDamaged,
    StoreFailed,
    StoreFull,
)
from traybackup.api.store import Entry, Payload, Space, Store, check_name


class MemoryPlace:
    """What several clients share. *capacity* is in bytes and may be changed at any time; None: no end.

    Attributes:
        revoked: No call is answered until the owner signs in again.
        wait: Seconds that the next call is asked to wait, once; None: no wish.
        cuts: Bytes of content received, in all, after which the line breaks, each once.
        lost: How many puts succeed without an answer.
        received: Bytes of content that arrived, those of cut calls included.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.capacity = capacity
        self.revoked = False
        self.wait: float | None = None
        self.cuts: list[int] = []
        self.lost = 0
        self.received = 0
        self.lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes of all objects."""
        return sum(map(len, self.objects.values()))

    def arrives(self, size: int) -> bool:
        """Count bytes of content, and return whether the line has held."""
        with self.lock:
            self.received += size
            cut = bool(self.cuts) and self.received >= self.cuts[0]
            if cut:
                self.cuts.pop(0)
            return not cut

    def check(self) -> None:
        """Answer a call with the trouble that the place is in."""
        with self.lock:
            wait, self.wait = self.wait, None
        if self.revoked:
            raise SignInExpired
        if wait is not None:
            raise RateLimited(retry_after=wait)


class MemoryStore(Store):
    """A client of *place*; without one, of a new place of its own."""

    def __init__(self, place: MemoryPlace | None = None) -> None:
        self.place = place or MemoryPlace()
        self._closed = False

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        self._ready(name)
        data = self._receive(payload)
        if len(data) != payload.size:
            raise StoreDamaged(name=name)
        with self.place.lock:
            old = self.place.objects.get(name)
            if old is not None and not overwrite:
                raise AlreadyExists(name=name)
            capacity = self.place.capacity
            if capacity is not None and self.place.used - len(old or b"") + len(data) > capacity:
                raise StoreFull(name=name, needed=len(data))
            if self.place.revoked:  # on the way
                raise SignInExpired(name=name)
            self.place.objects[name] = data
            if self.place.lost:
                self.place.lost -= 1
                raise Offline(name=name)
        return Entry(name, len(data))

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self._ready(name)
        data = self._object(name)
        end = len(data) if length is None else offset + length
        if not 0 <= offset <= end <= len(data):
            raise StoreDamaged(name=name)
        return data[offset:end]

    def stat(self, name: str) -> Entry:
        self._ready(name)
        return Entry(name, len(self._object(name)))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        self._ready()
        with self.place.lock:
            found = [Entry(name, len(data)) for name, data in self.place.objects.items() if name.startswith(prefix)]
        yield from found

    def delete(self, name: str) -> None:
        self._ready(name)
        with self.place.lock:
            self.place.objects.pop(name, None)

    def space(self) -> Space:
        self._ready()
        with self.place.lock:
            total, used = self.place.capacity, self.place.used
        return Space() if total is None else Space(total=total, free=max(0, total - used))

    def close(self) -> None:
        self._closed = True

    def _ready(self, name: str | None = None) -> None:
        if name is not None:
            check_name(name)
        if self._closed:
            raise StoreFailed(name=name or "", reason="closed")
        self.place.check()

    def _receive(self, payload: Payload) -> bytes:
        """Read all of it; when the line breaks, go on there."""
        data = bytearray()
        while True:
            with payload.open(len(data)) as stream:
                while piece := stream.read(1 << 20):
                    data += piece
                    if not self.place.arrives(len(piece)):
                        break
                else:
                    return bytes(data)

    def _object(self, name: str) -> bytes:
        with self.place.lock:
            data = self.place.objects.get(name)
        if data is None:
            raise NotFound(name=name)
        return data
