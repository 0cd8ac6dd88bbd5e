"""Around: what every decorator of a place starts from. It passes every call on as it is."""

from collections.abc import Callable, Iterator

from traybackup.api.store import Entry, Payload, Space, Store


class Around(Store):
    """*inner*, unchanged."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.capabilities = inner.capabilities

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        return self.inner.put(name, payload, overwrite=overwrite)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return self.inner.get(name, offset, length)

    def stat(self, name: str) -> Entry:
        return self.inner.stat(name)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        return self.inner.entries(prefix)

    def delete(self, name: str) -> None:
        self.inner.delete(name)

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        self.inner.read_back(name, consume)

    def space(self) -> Space:
        return self.inner.space()

    def discard(self) -> None:
        self.inner.discard()

    def close(self) -> None:
        self.inner.close()
