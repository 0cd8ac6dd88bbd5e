"""Listing: every object below a folder, several folders at once, and the leftovers that are seen on the way."""

import asyncio

import asyncssh

from traybackup.api import Entry, InvalidName, check_name
from traybackup_sftp import files
from traybackup_sftp.paths import Root, is_temporary

_AT_ONCE = 8


class Listing:
    """One reading of the place.

    Attributes:
        found: The objects whose names begin with the prefix.
        leftovers: Path and time of every temporary file.
    """

    def __init__(self, root: Root, prefix: str) -> None:
        self._root, self._prefix = root, prefix
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.found: list[Entry] = []
        self.leftovers: list[tuple[str, float]] = []

    async def read(self, sftp: asyncssh.SFTPClient) -> None:
        """Read all that can have the prefix."""
        await self._folder(sftp, self._prefix.rpartition("/")[0])

    async def _folder(self, sftp: asyncssh.SFTPClient, folder: str) -> None:
        inside = f"{folder}/" if folder else ""
        below = []
        async with self._turns:
            for one in await files.listing(sftp, self._root.of(folder)):
                name = inside + str(one.filename)
                if files.is_file(one.attrs) and is_temporary(str(one.filename)):
                    self.leftovers.append((self._root.of(name), float(one.attrs.mtime or 0)))
                elif not _is_object_name(name):
                    continue
                elif files.is_folder(one.attrs) and self._may_hold(f"{name}/"):
                    below.append(name)
                elif files.is_file(one.attrs) and name.startswith(self._prefix):
                    self.found.append(Entry(name, one.attrs.size or 0))
        await asyncio.gather(*(self._folder(sftp, name) for name in below))

    def _may_hold(self, inside: str) -> bool:
        return inside.startswith(self._prefix) or self._prefix.startswith(inside)


def _is_object_name(name: str) -> bool:
    try:
        check_name(name)
    except InvalidName:
        return False
    return True
