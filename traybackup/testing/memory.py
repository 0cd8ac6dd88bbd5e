"""A place in memory: *MemoryPlace* is the far end, *MemoryStore* one client of it."""

import threading
from collections.abc import Iterator

from traybackup.api.errors import AlreadyExists, NotFound, StoreDamaged, StoreFailed, StoreFull
from traybackup.api.store import Entry, Payload, Space, Store, check_name


class MemoryPlace:
    """What several clients share. *capacity* is in bytes and may be changed at any time; None: no end."""

    def __init__(self, capacity: int | None = None) -> None:
        self.objects: dict[str, bytes] = {}
        self.capacity = capacity
        self.lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes of all objects."""
        return sum(map(len, self.objects.values()))


class MemoryStore(Store):
    """A client of *place*; without one, of a new place of its own."""

    def __init__(self, place: MemoryPlace | None = None) -> None:
        self.place = place or MemoryPlace()
        self._closed = False

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        self._ready(name)
        with payload.open() as stream:
            data = b"".join(iter(lambda: stream.read(1 << 20), b""))
        if len(data) != payload.size:
            raise StoreDamaged(name=name)
        with self.place.lock:
            old = self.place.objects.get(name)
            if old is not None and not overwrite:
                raise AlreadyExists(name=name)
            capacity = self.place.capacity
            if capacity is not None and self.place.used - len(old or b"") + len(data) > capacity:
                raise StoreFull(name=name, needed=len(data))
            self.place.objects[name] = data
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

    def _object(self, name: str) -> bytes:
        with self.place.lock:
            data = self.place.objects.get(name)
        if data is None:
            raise NotFound(name=name)
        return data
