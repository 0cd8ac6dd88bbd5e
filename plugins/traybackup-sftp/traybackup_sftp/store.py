"""SftpStore: the place. It writes aside, flushes, renames and flushes the folder.

Without overwriting the rename is SFTP's own, which OpenSSH makes of a hard link: of several that store the same name at
once, one succeeds. With overwriting it is posix-rename, which replaces in one step.
"""

import contextlib
import posixpath
import threading
from collections.abc import Iterator

import asyncssh

from traybackup.api import (
    AlreadyExists,
    Capabilities,
    Entry,
    NotFound,
    Offline,
    Payload,
    PlaceGone,
    PlaceMissing,
    SettingInvalid,
    Space,
    Store,
    StoreDamaged,
    StoreError,
    StoreFailed,
    check_name,
)
from traybackup_sftp import files
from traybackup_sftp.answers import LOST, translate
from traybackup_sftp.config import Config
from traybackup_sftp.connection import Connection
from traybackup_sftp.listing import Listing
from traybackup_sftp.paths import OLD, Root
from traybackup_sftp.upload import Upload


class SftpStore(Store):
    """A folder on an SSH server; it is made with the first object.

    Raises:
        HostKeyUnknown, HostKeyChanged: Not the server that the owner has confirmed.
        CredentialsRefused: It does not let the user in.
        SettingInvalid: There is something else than a folder, or the server has no SFTP.
        PlaceMissing: Not even the first folder on the way is there.
    """

    capabilities = Capabilities(parallel=4)

    def __init__(self, config: Config) -> None:
        self._root = Root(config.folder)
        self._connection = Connection(config)
        self._lock = threading.Lock()
        self._flushes_files = self._flushes_folders = True
        self._scraps: list[str] = []
        self._leftovers: dict[str, float] = {}
        self._closed = False
        try:
            with translate():
                self._there = self._connection.call(self._look)
        except BaseException:
            self._connection.close()
            raise

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        self._ready(name)
        upload = Upload(self._connection, self._root, name, payload, flushes=self._flushes_files)
        with translate(name):
            if (
                not overwrite
                and self._connection.call(lambda sftp: files.size_of(sftp, self._root.of(name))) is not None
            ):
                raise AlreadyExists
        try:
            self._begin(upload, name)
            upload.send()
            upload.reveal(overwrite=overwrite)
        except BaseException as error:
            if isinstance(error, Offline) or not upload.abandon():
                self._scraps.append(upload.temporary)
            raise
        self._flushes_files = upload.flushes
        with translate(name):
            self._flush_folder_of(name)
            self._tidy(upload.time)
        return Entry(name, payload.size)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self._ready(name)
        with self._reading(name):
            data = self._connection.call(lambda sftp: files.read(sftp, self._root.of(name), offset, length))
        if data is None:
            raise StoreDamaged(name=name)
        return data

    def stat(self, name: str) -> Entry:
        self._ready(name)
        with self._reading(name):
            size = self._connection.call(lambda sftp: files.size_of(sftp, self._root.of(name)))
            if size is None:
                raise NotFound
        return Entry(name, size)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        self._ready()
        if "/" in prefix:
            check_name(prefix.rpartition("/")[0])
        listing = Listing(self._root, prefix)
        with translate():
            self._connection.call(listing.read)
            if not listing.found:
                self._check_there()
        with self._lock:
            self._leftovers.update(listing.leftovers)
        yield from listing.found

    def delete(self, name: str) -> None:
        self._ready(name)
        with translate(name):
            if self._connection.call(lambda sftp: files.gone(sftp, self._root.of(name))):
                if not name.startswith("data/"):  # what lists packs must be gone before the packs are
                    self._flush_folder_of(name)
            else:
                self._check_there()

    def space(self) -> Space:
        self._ready()
        found = Space()
        with translate():
            for path in (self._root.folder, *reversed(self._root.steps()[:-1]), "."):  # before it is made, near it
                found = self._room(path)
                if found.total is not None:
                    break
        return found

    def discard(self) -> None:
        self._ready()
        with translate():
            self._tidy(None)
            self._connection.call(lambda sftp: files.remove_empty(sftp, self._root.folder))
            self._there = self._connection.call(self._look)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._connection.close()

    # The place's own folder

    async def _look(self, sftp: asyncssh.SFTPClient) -> bool:
        """Return whether the place's folder is there.

        Raises:
            PlaceMissing: It is not, and may not be made.
            SettingInvalid: There is something else.
        """
        folder = self._root.folder
        there = await files.folder_there(sftp, folder)
        if there is None:
            raise SettingInvalid(field="folder", allowed="a folder")
        if not there and folder.startswith("/"):
            disk = f"/{folder.strip('/').partition('/')[0]}"
            if not await files.folder_there(sftp, disk):
                raise PlaceMissing
        return bool(there)

    def _check_there(self) -> None:
        """Raise `PlaceGone` if the place's folder was there and is not any more: a disk that the server has lost."""
        if self._there and not self._connection.call(lambda sftp: files.folder_there(sftp, self._root.folder)):
            raise PlaceGone

    def _begin(self, upload: Upload, name: str) -> None:
        """Begin an upload, with the folders that it needs."""
        if upload.begin():
            return
        with upload.told():
            self._check_there()
            self._connection.call(lambda sftp: self._make_folders(sftp, name))
        if not upload.begin():
            raise PlaceGone(name=name)

    async def _make_folders(self, sftp: asyncssh.SFTPClient, name: str) -> None:
        steps = [] if self._there else self._root.steps()
        parts = name.split("/")[:-1]
        steps += [self._root.of("/".join(parts[: count + 1])) for count in range(len(parts))]
        for step in steps:
            try:
                made = await files.make_folder(sftp, step)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
                raise PlaceMissing from error
            if made and self._flushes_folders:
                await files.flush_folder(sftp, posixpath.dirname(step) or ".")
        self._there = True

    def _flush_folder_of(self, name: str) -> None:
        folder = self._root.of(name.rpartition("/")[0])
        if self._flushes_folders:
            self._flushes_folders = self._connection.call(lambda sftp: files.flush_folder(sftp, folder))

    def _room(self, path: str) -> Space:
        return self._connection.call(lambda sftp: files.room(sftp, path))[0]

    # Order

    def _tidy(self, now: float | None) -> None:
        """Remove what uploads left that failed, and what killed writers left days ago by the server's clock *now*."""
        with self._lock:
            old = [path for path, time in self._leftovers.items() if now is not None and now - time > OLD]
            for path in old:
                del self._leftovers[path]
            scraps, self._scraps = [*self._scraps, *old], []
        for path in scraps:
            with contextlib.suppress(asyncssh.Error, StoreError, *LOST):
                self._remove(path)

    def _remove(self, path: str) -> None:
        self._connection.call(lambda sftp: files.gone(sftp, path))

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        with translate(name):
            try:
                yield
            except (NotFound, asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
                self._check_there()
                raise NotFound from error

    def _ready(self, name: str | None = None) -> None:
        if name is not None:
            check_name(name)
        if self._closed:
            raise StoreFailed(name=name or "", reason="closed")
