"""Upload: one object on its way, from its temporary name to its own.

Some pieces are under way at once, so that a far server does not cost a round trip for each; few enough that a slow
line carries them all within the time limit. Nothing has the object's name before it is whole and flushed.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

import asyncssh

from traybackup.api import AlreadyExists, Payload, StoreDamaged, StoreError, StoreFull, StoreReadOnly
from traybackup_sftp import files
from traybackup_sftp.answers import LOST, meaning
from traybackup_sftp.connection import Connection, soon
from traybackup_sftp.paths import Root

PIECE = 128 << 10
_UNDER_WAY = 4
_SCARCE = 1 << 20
"""Bytes: with less than this left, a disk is full."""


class Upload:
    """One attempt to store *payload* as *name*.

    Attributes:
        temporary: Where it grows; whoever made it must see that it is gone after a failure.
        time: The server's clock after the upload, seconds since 1970; None: not said.
        flushes: Whether the server can flush files; asked at most once by whoever makes uploads.
    """

    def __init__(self, connection: Connection, root: Root, name: str, payload: Payload, *, flushes: bool) -> None:
        self._connection, self._root, self._name, self._payload = connection, root, name, payload
        self.temporary = root.temporary(name)
        self.time: float | None = None
        self.flushes = flushes
        self._file: asyncssh.SFTPClientFile | None = None
        self._under_way: deque[Future[int]] = deque()

    def begin(self) -> bool:
        """Make the temporary file; return whether its folder is there."""

        async def make(sftp: asyncssh.SFTPClient) -> asyncssh.SFTPClientFile | None:
            mode = asyncssh.SFTPAttrs(permissions=files.FILE_MODE)
            try:
                return await soon(sftp.open(self.temporary, "xb", mode, encoding=None))
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return None

        with self.told():
            self._file = self._connection.call(make)
        return self._file is not None

    def send(self) -> None:
        """Copy the payload, flush it, and see that all of it arrived. What reading it raises passes as it is."""
        offset = 0
        with self._payload.open() as stream:
            while piece := stream.read(PIECE):
                offset += len(piece)
                if offset > self._payload.size:
                    break
                with self.told():
                    self._write(piece, offset - len(piece))
        with self.told():
            while self._under_way:
                self._under_way.popleft().result()
            if offset != self._payload.size or self._connection.call(self._finished) != offset:
                raise StoreDamaged(name=self._name)

    def reveal(self, *, overwrite: bool) -> None:
        """Give the object its name."""
        final = self._root.of(self._name)

        async def rename(sftp: asyncssh.SFTPClient) -> None:
            if overwrite:
                await soon(sftp.posix_rename(self.temporary, final))
                return
            try:
                await soon(sftp.rename(self.temporary, final))
            except asyncssh.SFTPFailure as error:
                if await files.size_of(sftp, final) is not None:
                    raise AlreadyExists from error
                raise

        with self.told():
            self._connection.call(rename)

    def abandon(self) -> bool:
        """Remove what is there of it; return whether that went well."""
        for piece in self._under_way:
            piece.cancel()

        async def remove(sftp: asyncssh.SFTPClient) -> None:
            if self._file is not None:
                with suppress(asyncssh.SFTPError, *LOST):
                    await soon(self._file.close())
            await files.gone(sftp, self.temporary)

        try:
            self._connection.call(remove)
        except (asyncssh.Error, StoreError, *LOST):
            return False
        return True

    def _write(self, piece: bytes, offset: int) -> None:
        file = self._file
        assert file is not None  # noqa: S101 - begin comes first
        while len(self._under_way) >= _UNDER_WAY:
            self._under_way.popleft().result()
        self._under_way.append(self._connection.start(lambda _: soon(file.write(piece, offset))))

    async def _finished(self, _: asyncssh.SFTPClient) -> int | None:
        """Flush and close the file and return its size."""
        file = self._file
        assert file is not None  # noqa: S101 - begin comes first
        if self.flushes:
            try:
                await soon(file.fsync())
            except asyncssh.SFTPOpUnsupported:
                self.flushes = False
        found = await soon(file.stat())
        self._file = None
        await soon(file.close())
        self.time = found.mtime
        return found.size

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn the server's errors into the place's."""
        try:
            yield
        except StoreError as error:
            error.name = error.name or self._name
            raise
        except (asyncssh.Error, *LOST) as error:
            raise self.reason(error) from error

    def reason(self, error: BaseException) -> StoreError:
        """Return why the server failed, looking at its disk where it only says that it did."""
        if isinstance(error, asyncssh.SFTPFailure | asyncssh.SFTPPermissionDenied):
            with suppress(asyncssh.Error, StoreError, *LOST):
                space, read_only = self._connection.call(lambda sftp: files.room(sftp, self._root.folder))
                if read_only:
                    return StoreReadOnly(name=self._name)
                scarce = space.free is not None and space.free < max(_SCARCE, self._payload.size)
                if scarce and isinstance(error, asyncssh.SFTPFailure):
                    return StoreFull(name=self._name, needed=self._payload.size)
        return meaning(error, self._name)
