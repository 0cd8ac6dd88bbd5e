"""Payloads that tell how far they are read: for counting, progress, throttling and stopping."""

import io
from collections.abc import Callable
from typing import Any, BinaryIO

from traybackup.api.store import Payload

_BUFFER = 256 << 10


class WatchedPayload(Payload):
    """*inner*; *moved* is called with the bytes of every piece read, and may sleep or raise `Cancelled`."""

    def __init__(self, inner: Payload, moved: Callable[[int], object]) -> None:
        self._inner = inner
        self._moved = moved

    @property
    def size(self) -> int:
        return self._inner.size

    @property
    def sha256(self) -> bytes:
        return self._inner.sha256

    def open(self, offset: int = 0) -> BinaryIO:
        return io.BufferedReader(_Watched(self._inner.open(offset), self._moved), _BUFFER)


class _Watched(io.RawIOBase):
    """A stream whose every read is told."""

    def __init__(self, inner: BinaryIO, moved: Callable[[int], object]) -> None:
        super().__init__()
        self._inner = inner
        self._moved = moved

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._inner.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._inner.read(len(buffer))
        buffer[: len(data)] = data
        self._moved(len(data))
        return len(data)

    def close(self) -> None:
        self._inner.close()
        super().close()
