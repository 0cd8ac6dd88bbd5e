"""Checksum: content hashes as storage services compute them.

A place that computes a hash of what arrived saves reading it back. The known kinds are ``sha256``, ``md5`` and
``dropbox`` (the SHA-256 of the SHA-256s of blocks of 4 MiB).

Source: https://www.dropbox.com/developers/reference/content-hash.
"""

import hashlib
from typing import BinaryIO, Protocol

_PIECE = 1 << 20
_DROPBOX_BLOCK = 4 << 20


class Hasher(Protocol):
    """What `new` returns: as in hashlib."""

    def update(self, data: bytes, /) -> object:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Return the hash of all bytes so far in hex."""


class _DropboxHash:
    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._block = hashlib.sha256()
        self._held = 0

    def update(self, data: bytes, /) -> None:
        view = memoryview(data)
        while view:
            piece = view[: _DROPBOX_BLOCK - self._held]
            self._block.update(piece)
            self._held += len(piece)
            view = view[len(piece) :]
            if self._held == _DROPBOX_BLOCK:
                self._whole.update(self._block.digest())
                self._block, self._held = hashlib.sha256(), 0

    def hexdigest(self) -> str:
        whole = self._whole.copy()
        if self._held:
            whole.update(self._block.digest())
        return whole.hexdigest()


def new(kind: str) -> Hasher | None:
    """Return a hasher of that kind, None if the kind is unknown."""
    if kind == "dropbox":
        return _DropboxHash()
    if kind == "md5":
        return hashlib.md5(usedforsecurity=False)
    return hashlib.sha256() if kind == "sha256" else None


def of_stream(kind: str, stream: BinaryIO) -> str | None:
    """Return ``kind:hex`` of all that *stream* still holds, None if the kind is unknown."""
    hasher = new(kind)
    if hasher is None:
        return None
    while piece := stream.read(_PIECE):
        hasher.update(piece)
    return f"{kind}:{hasher.hexdigest()}"
