"""Body: what a request sends out of a payload, piece by piece, with whatever goes before and after.

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
    """The bytes from *offset* to before *end* of *payload*, between *before* and *after*. Closes what it opened.

    Args:
        sent: Told how many bytes of the payload go to the line.
    """

    def __init__(
        self,
        payload: Payload,
        offset: int,
        end: int,
        *,
        before: bytes = b"",
        after: bytes = b"",
        sent: Callable[[int], object],
    ) -> None:
        self._payload, self._offset, self._end = payload, offset, end
        self._before, self._after, self._sent = before, after, sent
        self._pieces = self._guarded()
        self.failed: BaseException | None = None

    def __len__(self) -> int:
        return len(self._before) + self._end - self._offset + len(self._after)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """Close the payload's stream, wherever it has come to."""
        self._pieces.close()

    def _guarded(self) -> Generator[bytes]:
        try:
            yield from self._all()
        except GeneratorExit:
            raise
        except BaseException as error:
            self.failed = error
            raise SourceFailed from error

    def _all(self) -> Generator[bytes]:
        if self._before:
            yield self._before
        with self._payload.open(self._offset) as stream:
            left, held = self._end - self._offset, b""
            while left:
                piece = stream.read(min(PIECE, left))
                if not piece:
                    raise StoreDamaged
                left -= len(piece)
                if held:
                    self._sent(len(held))
                    yield held
                held = piece
            if self._end == self._payload.size and stream.read(1):
                raise StoreDamaged
        self._sent(len(held))
        if held or self._after:
            yield held + self._after
