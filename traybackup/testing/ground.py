"""What facts stand on: *Ground* is an empty place with any number of clients, *Script* a payload that misbehaves."""

import contextlib
import hashlib
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, Self, TypeVar

from traybackup.api.store import Payload, Store

_Hook = TypeVar("_Hook")


class NotApplicable(Exception):
    """The fact cannot be tested on this place; the argument is the hook of `Ground` that is missing."""


class Ground:
    """An empty place.

    All hooks but the first may be left out where a test cannot simulate that; the facts that need them are not stated.

    Args:
        open_store: Opens one more client of it.
        limit: Sets its capacity in bytes, or lifts it with None.
        revoke: Ends the sign-in (or makes the credentials bad) at the service; returns what makes it good again.
        slow_down: The service answers the next call with the wish to wait for so many seconds.
        cut: The line breaks when so many more bytes of content have arrived; several cuts may be waiting.
        lose_answer: The next put is carried out, and the line breaks instead of the answer.
        received: Returns how many bytes of content have arrived so far, those of cut calls included. Give it if a put
            goes on where the line broke: then the facts measure that.
        many: How many objects a long listing has: more than one page of the place.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        *,
        limit: Callable[[int | None], object] | None = None,
        revoke: Callable[[], Callable[[], object]] | None = None,
        slow_down: Callable[[float], object] | None = None,
        cut: Callable[[int], object] | None = None,
        lose_answer: Callable[[], object] | None = None,
        received: Callable[[], int] | None = None,
        many: int = 300,
    ) -> None:
        self.many = many
        self._open_store = open_store
        self._limit = limit
        self._revoke = revoke
        self._slow_down = slow_down
        self._cut = cut
        self._lose_answer = lose_answer
        self._received = received
        self._opened: list[Store] = []

    def open(self) -> Store:
        """Return one more client; it is closed at the end."""
        store = self._open_store()
        self._opened.append(store)
        return store

    def needs(self, hook: str) -> None:
        """Go on only if the place has that hook.

        Raises:
            NotApplicable: It has not; so say the hooks, too.
        """
        _given(getattr(self, f"_{hook}"), hook)

    def limit(self, capacity: int | None) -> None:
        """Set the capacity in bytes."""
        _given(self._limit, "limit")(capacity)

    def revoke(self) -> Callable[[], object]:
        """End the sign-in; return what signs in again."""
        return _given(self._revoke, "revoke")()

    def slow_down(self, seconds: float) -> None:
        """Let the service ask the next call to wait."""
        _given(self._slow_down, "slow_down")(seconds)

    def cut(self, after: int) -> None:
        """Cut the line when *after* more bytes of content have arrived."""
        _given(self._cut, "cut")(after)

    def lose_answer(self) -> None:
        """Lose the answer to the next put."""
        _given(self._lose_answer, "lose_answer")()

    def received(self) -> int | None:
        """Return the bytes of content that have arrived so far; None: nobody counts them."""
        return None if self._received is None else self._received()

    def close(self) -> None:
        """Close every client."""
        for store in self._opened:
            store.close()
        self._opened.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _given(hook: _Hook | None, name: str) -> _Hook:
    if hook is None:
        raise NotApplicable(name)
    return hook


@contextlib.contextmanager
def raising(*wanted: type[BaseException]) -> Iterator[list[BaseException]]:
    """Fail unless the block raises one of *wanted*; yield a list that holds the error afterwards."""
    caught: list[BaseException] = []
    try:
        yield caught
    except wanted as error:
        caught.append(error)
    else:
        raise AssertionError(f"{' or '.join(one.__name__ for one in wanted)} was not raised")  # noqa: TRY003, EM102 - speaks to the author of a place


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
