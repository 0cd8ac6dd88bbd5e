"""Payloads that misbehave, and bytes to fill them with."""

import hashlib
import io
import random
from collections.abc import Callable
from typing import BinaryIO

from traybackup.api import Payload


def some(size: int, seed: int = 0) -> bytes:
    """Return bytes that look random and are always the same."""
    return random.Random(f"{size} {seed}").randbytes(size)


def named(data: bytes, folder: str = "data") -> str:
    """Return the name that restic gives to an object."""
    digest = hashlib.sha256(data).hexdigest()
    return f"data/{digest[:2]}/{digest}" if folder == "data" else f"{folder}/{digest}"


class Watched(Payload):
    """A payload that calls *happens* with the offset before every read."""

    def __init__(self, data: bytes, happens: Callable[[int], object]) -> None:
        self._data, self._happens = data, happens
        self._sha256 = hashlib.sha256(data).digest()
        self.open_streams = 0

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def sha256(self) -> bytes:
        return self._sha256

    def open(self, offset: int = 0) -> BinaryIO:
        payload, happens = self, self._happens

        class Stream(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                happens(self.tell())
                return super().read(size)

            def close(self) -> None:
                if not self.closed:
                    payload.open_streams -= 1
                super().close()

        stream = Stream(self._data)
        stream.seek(offset)
        self.open_streams += 1
        return stream
