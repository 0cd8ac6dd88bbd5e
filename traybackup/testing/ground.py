"""What facts stand on: *Ground* is an empty place with any number of clients, *Script* a payload that misbehaves."""

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, Self

from traybackup.api.store import Payload, Store


class NotApplicable(Exception):
    """The fact cannot be tested on this place."""


class Ground:
    """An empty place.

    Args:
        open_store: Opens one more client of it.
        limit: Sets its capacity in bytes, or lifts it with None; leave out where that cannot be simulated.
        many: How many objects a long listing has: more than one page of the place.
    """

    def __init__(
        self, open_store: Callable[[], Store], *, limit: Callable[[int | None], None] | None = None, many: int = 300
    ) -> None:
        self.many = many
        self._open_store = open_store
        self._limit = limit
        self._opened: list[Store] = []

    def open(self) -> Store:
        """Return one more client; it is closed at the end."""
        store = self._open_store()
        self._opened.append(store)
        return store

    def limit(self, capacity: int | None) -> None:
        """Set the capacity in bytes.

        Raises:
            NotApplicable: This place cannot.
        """
        if self._limit is None:
            raise NotApplicable
        self._limit(capacity)

    def close(self) -> None:
        """Close every client."""
        for store in self._opened:
            store.close()
        self._opened.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@contextlib.contextmanager
def raising(wanted: type[BaseException]) -> Iterator[list[BaseException]]:
    """Fail unless the block raises *wanted*; yield a list that holds the error afterwards."""
    caught: list[BaseException] = []
    try:
        yield caught
    except wanted as error:
        caught.append(error)
    else:
        raise AssertionError(f"{wanted.__name__} was not raised")  # noqa: TRY003, EM102 - speaks to the author of a place


class Unwell(Exception):
    """An error of the source that a Store cannot know."""


class Script(Payload):
    """A payload of *data* that does something when its stream is read.

    Args:
        data: What is really in it.
        size: What it claims; None: the truth.
        at: The offset at which *happens* is called, once per stream; from there on if it raises.
        happens: May look around, or raise.
    """

    def __init__(
        self, data: bytes, *, size: int | None = None, at: int = 0, happens: Callable[[], object] = lambda: None
    ) -> None:
        self._data = data
        self._size = len(data) if size is None else size
        self.at = at
        self.happens = happens
        self.opened = 0
        self.closed = 0

    @property
    def size(self) -> int:
        return self._size

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self._data).digest()

    def open(self, offset: int = 0) -> BinaryIO:
        self.opened += 1
        return _Stream(self, self._data, offset)


class _Stream(io.BytesIO):
    """Reads up to where something happens, makes it happen, and goes on."""

    def __init__(self, script: Script, data: bytes, offset: int) -> None:
        super().__init__(data)
        self.seek(offset)
        self._script = script
        self._due = True

    def read(self, size: int | None = -1) -> bytes:
        position = self.tell()
        wanted = len(self.getbuffer()) - position if size is None or size < 0 else size
        if self._due and position + wanted > self._script.at >= position:
            if self._script.at > position:
                return super().read(self._script.at - position)
            self._script.happens()
            self._due = False
        return super().read(wanted)

    def read1(self, size: int | None = -1) -> bytes:
        return self.read(size)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # Buffer is new in 3.12
        with memoryview(buffer) as view:
            data = self.read(len(view))
            view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._script.closed += 1
        super().close()
