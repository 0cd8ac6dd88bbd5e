"""OpendalStore: the place, for every service that opendal knows.

One request stores an object whole, so nobody ever sees half of one; what is sent fits into memory. Listings go through
opendal's asynchronous side, because the other one keeps Python's lock while it waits for the network and would freeze
everything else; all other calls go through the blocking side, which lets go of the lock and, unlike the asynchronous
one, leaves no thread behind that stops the interpreter when it ends at that moment. A place that was not closed is
closed at the end of the program for the same reason.
"""

import asyncio
import atexit
import base64
import binascii
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from opendal import AsyncOperator, Operator, exceptions
from opendal.layers import TimeoutLayer
from opendal.types import Metadata

from traybackup.api import (
    AlreadyExists,
    Capabilities,
    Entry,
    InvalidName,
    NotFound,
    NotTheService,
    Offline,
    Payload,
    PlaceMissing,
    Store,
    StoreDamaged,
    StoreFailed,
    check_name,
)
from traybackup_more.answers import meaning, translate
from traybackup_more.settings import Target

_ANSWER = 60.0
"""Seconds for any answer."""
_UPLOAD = 600.0
"""Seconds for one upload: 16 MiB at 28 KiB/s."""
_PIECE = 1 << 20
_SETTLE = 0.2
"""Seconds that the library's threads take to end after a listing."""
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')


class Clock(Protocol):
    """What tells seconds."""

    def __call__(self) -> float: ...


def open_store(target: Target) -> Store:
    """Open the place and see that it answers."""
    return OpendalStore(lambda: target, Capabilities(parallel=target.parallel, checksum=target.checksum))


class OpendalStore(Store):
    """A bucket, container or folder.

    Args:
        target: Returns what to open; called again when *lasts* seconds are over, for services whose tokens end.

    Raises:
        CredentialsRefused, PlaceMissing, SettingInvalid, Offline, …
    """

    def __init__(
        self,
        target: Callable[[], Target],
        capabilities: Capabilities,
        *,
        lasts: float | None = None,
        now: Clock = time.monotonic,
    ) -> None:
        self._find, self._lasts, self._now = target, lasts, now
        self._closed = False
        self._listed = -_SETTLE
        self._begin()
        self.capabilities = replace(capabilities, largest_object=self._target.largest_object)
        self._etag_is_md5 = self._target.etag_is_md5
        self._check_answers()
        atexit.register(self.close)

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        self._ready(name)
        if not overwrite and self._find_entry(name) is not None:
            raise AlreadyExists(name=name)
        data = _whole(name, payload)
        with translate(name, self._target.user):
            conditional = not overwrite and self._sender.capability().write_with_if_not_exists
            if conditional:
                self._sender.write(name, data, if_not_exists=True)
            else:
                self._sender.write(name, data)
        return self._confirmed(name, data)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self._ready(name)
        if length == 0 or (length is None and offset):
            size = self.stat(name).size
            length = size - offset if length is None else length
            if not 0 <= offset <= offset + length <= size:
                raise StoreDamaged(name=name)
            if not length:
                return b""
        with translate(name, self._target.user):
            try:
                data = bytes(
                    self._reader.read(name) if length is None else self._reader.read(name, offset=offset, size=length)
                )
            except exceptions.Unexpected as error:
                if "too little data" not in str(error):
                    raise
                data = b""
        if length is not None and len(data) != length:
            if offset + length <= self.stat(name).size:  # the line was cut
                raise Offline(name=name)
            raise StoreDamaged(name=name)
        return data

    def stat(self, name: str) -> Entry:
        self._ready(name)
        found = self._find_entry(name)
        if found is None:
            raise NotFound(name=name)
        return found

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        self._ready()
        folder = prefix.rpartition("/")[0]
        if folder:
            check_name(folder)
        for name, known in self._collect(f"{folder}/" if folder else ""):
            if name.startswith(prefix) and known.is_file and _is_object_name(name):
                yield self._entry(name, known)

    def delete(self, name: str) -> None:
        self._ready(name)
        with translate(name, self._target.user):
            try:
                self._reader.delete(name)
            except (exceptions.NotFound, exceptions.NotADirectory):
                return

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            atexit.unregister(self.close)
            time.sleep(max(0.0, _SETTLE - (self._now() - self._listed)))

    def _check_answers(self) -> None:
        """See that the service knows bucket and key, by asking for what cannot be there.

        A network's own page says "yes" to that, too. A listing would tell as well, but see the module's docstring.
        """
        with translate(user=self._target.user):
            try:
                self._reader.read(f"none-{secrets.token_hex(8)}", offset=0, size=1)
            except exceptions.NotFound as error:
                missing = meaning(error)
                if isinstance(missing, PlaceMissing | NotTheService):
                    raise missing from error
                return
        raise NotTheService

    # opendal

    def _begin(self) -> None:
        """Make the operators anew."""
        self._target = self._find()
        with translate(user=self._target.user):
            plain = Operator(self._target.scheme, **self._target.options)
            self._reader: Operator = plain.layer(TimeoutLayer(_ANSWER, _ANSWER))
            self._sender: Operator = plain.layer(TimeoutLayer(_ANSWER, _UPLOAD))
            self._lister: AsyncOperator = plain.to_async_operator()
        self._began = self._now()

    def _ready(self, name: str | None = None) -> None:
        if name is not None:
            check_name(name)
        if self._closed:
            raise StoreFailed(name=name or "", reason="closed")
        if self._lasts is not None and self._now() - self._began > self._lasts:
            self._begin()

    def _find_entry(self, name: str) -> Entry | None:
        with translate(name, self._target.user):
            try:
                known = self._reader.stat(name)
            except (exceptions.NotFound, exceptions.NotADirectory):
                return None
        return self._entry(name, known) if known.is_file else None

    def _confirmed(self, name: str, data: bytes) -> Entry:
        """Return what the service says about what it got.

        Where its ETag is something else than the MD5, as in buckets that Amazon encrypts with a key of the owner, it
        says nothing that can be compared, and the host reads back.
        """
        found = self.stat(name)
        if found.size != len(data):
            raise StoreDamaged(name=name)
        own = f"md5:{hashlib.md5(data, usedforsecurity=False).hexdigest()}"
        if self._etag_is_md5 and found.checksum != own:
            self._etag_is_md5 = False
            return Entry(name, found.size)
        return found

    def _entry(self, name: str, known: Metadata) -> Entry:
        return Entry(name, known.content_length, self._checksum(known))

    def _checksum(self, known: Metadata) -> str | None:
        if self._target.etag_is_md5:  # then Content-MD5 is, if anything, only what the writer said
            found = _MD5.fullmatch(known.etag or "") if self._etag_is_md5 else None
            return f"md5:{found[1]}" if found else None
        if self._target.checksum != "md5" or not known.content_md5:
            return None
        try:
            return f"md5:{base64.b64decode(known.content_md5, validate=True).hex()}"
        except binascii.Error:
            return None

    def _collect(self, folder: str) -> list[tuple[str, Metadata]]:
        """List everything below *folder*."""
        with translate(user=self._target.user):
            try:
                return asyncio.run(self._listing(folder))
            except exceptions.NotFound as error:
                if self._target.folders:
                    return []
                raise PlaceMissing from error  # without folders it can only be the bucket
            finally:
                self._listed = self._now()

    async def _listing(self, folder: str) -> list[tuple[str, Metadata]]:
        found: list[tuple[str, Metadata]] = []
        async with asyncio.timeout(_ANSWER):
            entries = aiter(await self._lister.list(folder, recursive=True))
        try:
            while True:
                async with asyncio.timeout(_ANSWER):
                    one = await anext(entries)
                found.append((one.path, one.metadata))
        except StopAsyncIteration:
            pass
        return found


def _whole(name: str, payload: Payload) -> bytes:
    """Read the payload. What reading it raises passes as it is."""
    pieces, size = [], 0
    with payload.open() as stream:
        while piece := stream.read(_PIECE):
            size += len(piece)
            if size > payload.size:
                break
            pieces.append(piece)
    if size != payload.size:
        raise StoreDamaged(name=name)
    return b"".join(pieces)


def _is_object_name(name: str) -> bool:
    try:
        check_name(name)
    except InvalidName:
        return False
    return True
