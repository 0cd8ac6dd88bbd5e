"""GoogleDriveStore: a folder in Google Drive as a Store, in restic's layout, with real folders.

A put is one create with an id made beforehand, so that a call whose answer was lost does not make a second file. An
object that is named by its own hash needs no look before it: whoever has put it already has put the same bytes.
Reads go by id. What the service's hash does not say is not claimed.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from traybackup.api import (
    AlreadyExists,
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
from traybackup_gdrive import answers
from traybackup_gdrive.catalogue import Catalogue
from traybackup_gdrive.drive import OTHER, PACK, Drive, File, check_range
from traybackup_gdrive.folders import Folders, Ids
from traybackup_gdrive.layout import age
from traybackup_gdrive.transport import Transport
from traybackup_gdrive.upload import Attempt, Uploader
from traybackup_gdrive.usage import Usage

_STRIPES = 64


class GoogleDriveStore(Store):
    """A folder in Google Drive. Made by `traybackup_gdrive.opening.open_store`.

    Attributes:
        usage: What this store has cost so far: calls, quota units, bytes sent.
    """

    capabilities = Capabilities(parallel=3, best_object=16 << 20, checksum="sha256")

    def __init__(
        self,
        drive: Drive,
        catalogue: Catalogue,
        steps: tuple[str, ...],
        transport: Transport,
        usage: Usage,
        pause: Callable[[float], object],
    ) -> None:
        self.usage = usage
        self._drive, self._catalogue, self._transport = drive, catalogue, transport
        self._ids = Ids(drive)
        self._folders = Folders(drive, catalogue, self._ids, steps)
        self._uploader = Uploader(drive, usage, pause)
        self._names = [threading.Lock() for _ in range(_STRIPES)]
        self._attempts: dict[str, Attempt] = {}
        self._wrote = self._run_is_over = self._closed = False

    # Writing

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        with self._ready(name), self._names[hash(name) % _STRIPES]:
            self._wrote = True
            attempt = self._attempts.get(name)
            if attempt is None or attempt.content != _content(payload):
                attempt = self._attempt(name, payload, overwrite=overwrite)
            try:
                file = self._carry_out(name, attempt, payload)
                if attempt.metadata is not None and not _is_own_hash(name, payload):
                    file = self._settled(name, file, payload, overwrite=overwrite)
            except (Offline, RateLimited):
                raise  # whoever tries again goes on where this ended
            except BaseException:
                self._uploader.abandon(self._attempts.pop(name, attempt))
                raise
            self._attempts.pop(name, None)
            self._catalogue.added(name, file)
            self._run_is_over = self._run_is_over or name.startswith("snapshots/")
            return _entry(name, file)

    def _attempt(self, name: str, payload: Payload, *, overwrite: bool) -> Attempt:
        """Decide what a put is to do: replace what is there, or make a new file."""
        own_hash = _is_own_hash(name, payload)
        there = self._now(name) if not own_hash or self._catalogue.known(name) else None
        if there is not None and not overwrite:
            raise AlreadyExists(name=name)
        if there is not None:
            return Attempt(there.id, None, _content(payload))
        path, _, last = name.rpartition("/")
        metadata: dict[str, object] = {
            "id": self._ids.take(),
            "name": last,
            "mimeType": PACK if name.startswith("data/") else OTHER,
            "parents": [self._folders.of(path)],
        }
        return Attempt(str(metadata["id"]), metadata, _content(payload))

    def _carry_out(self, name: str, attempt: Attempt, payload: Payload) -> File:
        """Send it, into a new folder if the one it was meant for is gone."""
        self._attempts[name] = attempt
        try:
            file = self._uploader.send(attempt, payload)
        except NotFound:  # the folder was removed, or the file that was to be replaced
            self._start_anew(name, attempt)
            file = self._uploader.send(attempt, payload)
        if file.trashed:  # its folder is in the trash
            if attempt.metadata is not None:
                self._drive.delete(file.id)
            self._catalogue.refresh(packs=False)
            raise StoreFailed(name=name, reason="trashed")
        return file

    def _start_anew(self, name: str, attempt: Attempt) -> None:
        path, _, last = name.rpartition("/")
        if attempt.metadata is None:
            self._catalogue.lost(name, attempt.id)
            attempt.id = self._ids.take()
        else:
            self._catalogue.folder_gone(path)
        attempt.session = ""
        attempt.metadata = {
            "id": attempt.id,
            "name": last,
            "mimeType": PACK if name.startswith("data/") else OTHER,
            "parents": [self._folders.of(path)],
        }

    def _settled(self, name: str, file: File, payload: Payload, *, overwrite: bool) -> File:
        """See whether another client has put the same name at the same moment; the older file stays."""
        self._catalogue.added(name, file)
        self._catalogue.find(name)
        oldest = min([*self._catalogue.copies(name), file], key=age)
        if oldest.id == file.id:
            return file
        self._drive.delete(file.id)
        self._catalogue.deleted(name, file.id)
        if not overwrite:
            raise AlreadyExists(name=name)
        return self._carry_out(name, Attempt(oldest.id, None, _content(payload)), payload)

    def delete(self, name: str) -> None:
        with self._ready(name), self._names[hash(name) % _STRIPES]:
            attempt = self._attempts.pop(name, None)
            if attempt is not None:
                self._uploader.abandon(attempt)
                self._drive.delete(attempt.id)  # it may have arrived
            if not self._delete_known(name):
                self._catalogue.find(name)
                self._delete_known(name)

    def _delete_known(self, name: str) -> bool:
        """Delete every file that is remembered under a name; return whether one was still there."""
        there = False
        for file in self._catalogue.copies(name):
            there = self._drive.delete(file.id) or there
            self._catalogue.deleted(name, file.id)
        return there

    def _give_up(self) -> None:
        """Take back what was never told as put, in case it has arrived."""
        for attempt in self._attempts.values():
            self._uploader.abandon(attempt)
            if attempt.metadata is not None:
                self._drive.delete(attempt.id)

    # Reading

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        with self._ready(name):
            if offset < 0 or (length is not None and length < 0):
                raise StoreDamaged(name=name)
            if length == 0:
                return self._nothing(name, offset)
            end = None if length is None else offset + length
            file = self._catalogue.known(name)
            if file is not None:
                try:
                    return self._read(name, file, offset, end)
                except NotFound:
                    self._catalogue.lost(name, file.id)
            file = self._catalogue.find(name)
            if file is None:
                raise NotFound(name=name)
            return self._read(name, file, offset, end)

    def _read(self, name: str, file: File, offset: int, end: int | None) -> bytes:
        answer = self._drive.content(file.id, offset, end)
        try:
            return check_range(answer, offset, end)
        except StoreDamaged:
            if end is None and offset:  # from the very end on there is nothing, and that is all
                return self._nothing(name, offset)
            raise

    def _nothing(self, name: str, offset: int) -> bytes:
        """Return no bytes, if the object reaches as far as *offset*."""
        file = self._now(name)
        if file is None:
            raise NotFound(name=name)
        if offset > (file.size or 0):
            raise StoreDamaged(name=name)
        return b""

    def stat(self, name: str) -> Entry:
        with self._ready(name):
            file = self._now(name)
            if file is None:
                raise NotFound(name=name)
            return _entry(name, file)

    def _now(self, name: str) -> File | None:
        """Return what is under a name at this moment."""
        answered, file = self._catalogue.fresh(name)
        if answered:
            return file
        known = self._catalogue.known(name)
        if known is not None:
            file = self._drive.metadata(known.id)
            if self._catalogue.seen(name, file):
                return file
            self._catalogue.lost(name, known.id)
        return self._catalogue.find(name)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        with self._ready():
            found = self._catalogue.entries(prefix)
        for name, file in found:
            yield _entry(name, file)

    def space(self) -> Space:
        with self._ready():
            quota = self._drive.quota()
            limit, used = str(quota.get("limit", "")), str(quota.get("usage", ""))
            if not limit.isdecimal() or not used.isdecimal():
                return Space()
            return Space(total=int(limit), free=max(0, int(limit) - int(used)))

    def discard(self) -> None:
        with self._ready():
            self._folders.discard()

    def close(self) -> None:
        if self._closed:
            return
        with suppress(StoreError), answers.translate():
            self._give_up()
            if self._run_is_over:
                self._folders.furnish()
            if self._wrote:
                self._folders.join()
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


def _is_own_hash(name: str, payload: Payload) -> bool:
    return name.rpartition("/")[2] == payload.sha256.hex()
