"""DropboxStore: a folder in Dropbox as a Store, in restic's layout, with real folders.

Dropbox knows paths, keeps a file whole or not at all, and refuses to write over one unless it is told to. So a put is
one call, and nothing need be remembered but what is on its way and what was listed.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from traybackup.api import (
    Capabilities,
    Entry,
    NotFound,
    Offline,
    Payload,
    RateLimited,
    Space,
    Store,
    StoreDamaged,
    StoreError,
    StoreFailed,
    check_name,
)
from traybackup_dropbox import answers
from traybackup_dropbox.catalogue import Catalogue
from traybackup_dropbox.folder import Folder
from traybackup_dropbox.service import Commit, File, Service
from traybackup_dropbox.transport import Transport
from traybackup_dropbox.upload import Attempt, Lane, Uploader
from traybackup_dropbox.usage import Usage

_T = TypeVar("_T")
_STRIPES = 64
_HASH = re.compile(r"(?:.*/)?[0-9a-f]{64}")


class DropboxStore(Store):
    """A folder in Dropbox. Made by `traybackup_dropbox.opening.open_store`.

    Attributes:
        usage: What this store has cost so far: calls, bytes sent.
    """

    capabilities = Capabilities(parallel=3, best_object=16 << 20, checksum="dropbox")

    def __init__(
        self, service: Service, folder: Folder, transport: Transport, usage: Usage, pause: Callable[[float], object]
    ) -> None:
        self.usage = usage
        self._service, self._folder, self._transport = service, folder, transport
        self._catalogue = Catalogue(service, folder)
        self._lane = Lane()
        self._uploader = Uploader(service, self._lane, usage, pause)
        self._names = [threading.Lock() for _ in range(_STRIPES)]
        self._attempts: dict[str, Attempt] = {}
        self._wrote = self._closed = False

    # Writing

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        with self._ready(name), self._names[hash(name) % _STRIPES]:
            self._folder.moved()
            if name.startswith("snapshots/"):
                self._folder.confirm()
            self._wrote = True
            commit = Commit(self._folder.path_of(name), overwrite)
            attempt = self._attempts.get(name)
            if attempt is None or (attempt.commit, attempt.content) != (commit, _content(payload)):
                attempt = self._attempts[name] = Attempt(commit, _content(payload))
            try:
                file = self._uploader.send(attempt, payload)
            except (Offline, RateLimited):
                raise  # whoever tries again goes on where this ended
            except answers.Refused as refused:
                if not self._is_to_wait(refused):
                    del self._attempts[name]
                raise
            except BaseException:
                del self._attempts[name]
                raise
            finally:
                self._catalogue.changed()  # also where another client was faster
            del self._attempts[name]
            self._folder.seen(name)
            return _entry(name, file)

    @staticmethod
    def _is_to_wait(refused: answers.Refused) -> bool:
        return "too_many_write_operations" in refused.why

    def delete(self, name: str) -> None:
        with self._ready(name), self._names[hash(name) % _STRIPES]:
            attempt = self._attempts.pop(name, None)
            path = self._folder.path_of(name)
            rev = None
            if not _HASH.fullmatch(name) and (attempt is None or not attempt.broken):
                found = self._service.metadata(path)
                if found is None or found.size is None:  # a folder of that name stays, with all that is in it
                    return
                rev = found.rev
            with self._lane.turn() as take:
                take()
                self._service.delete(path, rev)
            self._folder.gone(name)
            self._catalogue.changed()

    # Reading

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        with self._ready(name):
            if offset < 0 or (length is not None and length < 0):
                raise StoreDamaged(name=name)
            if length == 0:
                return self._nothing(name, offset)
            end = None if length is None else offset + length
            try:
                return self._at(name, lambda path: self._service.content(path, offset, end))
            except StoreDamaged:
                if end is None and offset:  # from the very end on there is nothing, and that is all
                    return self._nothing(name, offset)
                raise

    def _nothing(self, name: str, offset: int) -> bytes:
        """Return no bytes, if the object reaches as far as *offset*."""
        if offset > (self._now(name).size or 0):
            raise StoreDamaged(name=name)
        return b""

    def stat(self, name: str) -> Entry:
        with self._ready(name):
            return _entry(name, self._now(name))

    def _now(self, name: str) -> File:
        """Return the file under a name."""
        answered, known = self._catalogue.fresh(name)
        if answered:
            if known is None:
                raise NotFound
            return known

        def look(path: str) -> File:
            found = self._service.metadata(path)
            if found is None or found.size is None:
                raise NotFound
            return found

        return self._at(name, look)

    def _at(self, name: str, call: Callable[[str], _T]) -> _T:
        """Call with the path of a name; where nothing is found, see first where the place is."""
        try:
            result = call(self._folder.path_of(name))
        except NotFound:
            if not self._folder.moved():
                raise
            result = call(self._folder.path_of(name))
        self._folder.seen(name)
        return result

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        with self._ready():
            found = self._catalogue.entries(prefix)
        for name, file in found:
            yield _entry(name, file)

    def space(self) -> Space:
        with self._ready():
            return self._service.space()

    def discard(self) -> None:
        with self._ready(), suppress(NotFound):
            self._folder.discard()
            self._catalogue.changed()

    def close(self) -> None:
        if self._closed:
            return
        with suppress(StoreError), answers.translate():
            for attempt in self._attempts.values():
                self._uploader.take_back(attempt)
            if self._wrote:
                self._folder.learn()
        self._closed = True
        self._transport.close()

    @contextmanager
    def _ready(self, name: str | None = None) -> Iterator[None]:
        """Check the name, refuse after closing, and tell every failure as the place's."""
        if name is not None:
            check_name(name)
        if self._closed:
            raise StoreFailed(name=name or "", reason="closed")
        with answers.translate(name or ""):
            yield


def _entry(name: str, file: File) -> Entry:
    return Entry(name, file.size or 0, file.checksum)


def _content(payload: Payload) -> tuple[int, bytes]:
    return payload.size, payload.sha256
