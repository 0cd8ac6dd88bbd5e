"""Body: what a request sends out of a payload, piece by piece.

The payload's own errors (a file that cannot be read, somebody who asks to stop) are kept apart from those of the line:
`failed` holds what its stream raised, and the last piece leaves only when the stream has really ended with it.
"""

from collections.abc import Callable, Generator
from typing import Self

from traybackup.api import Payload, StoreDamaged

PIECE = 32 << 10
"""Bytes in one go: few enough that a slow line takes each before its time-out, and that stopping is quick."""


class SourceFailed(Exception):
    """The payload's stream failed; `Body.failed` says how. Not an OSError, which would look like the line's."""


class Body:
    """The bytes from *offset* to before *end* of *payload*. Closes what it opened.

    Args:
        seen: Told the offset and the bytes of each piece that goes to the line.
        last: Called before the last piece goes.
    """

    def __init__(
        self,
        payload: Payload,
        offset: int,
        end: int,
        *,
        seen: Callable[[int, bytes], object],
        last: Callable[[], object] = lambda: None,
    ) -> None:
        self._payload, self._offset, self._end = payload, offset, end
        self._seen, self._last = seen, last
        self._pieces = self._guarded()
        self.failed: BaseException | None = None
        self.ended = False

    def __len__(self) -> int:
        return self._end - self._offset

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """Close the payload's stream, wherever it has come to."""
        self._pieces.close()

    def drain(self) -> bytes:
        """Return everything at once."""
        return b"".join(self._pieces)

    def _guarded(self) -> Generator[bytes]:
        try:
            yield from self._all()
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failed = error
            raise SourceFailed from error

    def _all(self) -> Generator[bytes]:
        at, held = self._offset, b""
        with self._payload.open(self._offset) as stream:
            left = self._end - self._offset
            while left:
                piece = stream.read(min(PIECE, left))
                if not piece:
                    raise StoreDamaged
                left -= len(piece)
                if held:
                    self._seen(at, held)
                    yield held
                    at += len(held)
                held = piece
            if self._end == self._payload.size and stream.read(1):
                raise StoreDamaged
        self._last()
        self.ended = True
        if held:
            self._seen(at, held)
            yield held
