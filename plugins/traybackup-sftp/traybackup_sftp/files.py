"""Files: single steps on the server, each with its time limit.

Folders are flushed by opening them like files, which OpenSSH on a POSIX system allows; a server that does not is asked
once. Source: OpenSSH's PROTOCOL file, sections 4.3 to 4.8.
"""

import asyncio

import asyncssh

from traybackup.api import NotFound, Space
from traybackup_sftp.connection import soon

_PIECE = 512 << 10
_READ_ONLY = 1  # SSH2_FXE_STATVFS_ST_RDONLY
FOLDER_MODE, FILE_MODE = 0o700, 0o400


async def size_of(sftp: asyncssh.SFTPClient, path: str) -> int | None:
    """Return the size of a file; None if there is none."""
    try:
        found = await soon(sftp.stat(path))
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return None
    return found.size if is_file(found) else None


def is_file(attributes: asyncssh.SFTPAttrs) -> bool:
    """Say whether it is a regular file."""
    return attributes.type == asyncssh.FILEXFER_TYPE_REGULAR


def is_folder(attributes: asyncssh.SFTPAttrs) -> bool:
    """Say whether it is a folder."""
    return attributes.type == asyncssh.FILEXFER_TYPE_DIRECTORY


async def folder_there(sftp: asyncssh.SFTPClient, path: str) -> bool | None:
    """Say whether there is a folder; None: there is something else."""
    try:
        return is_folder(await soon(sftp.stat(path))) or None
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return False


async def room(sftp: asyncssh.SFTPClient, path: str) -> tuple[Space, bool]:
    """Return the room there is, and whether the file system is mounted read-only."""
    try:
        found = await soon(sftp.statvfs(path))
    except asyncssh.SFTPError:
        return Space(), False
    unit = found.frsize or found.bsize
    return Space(total=found.blocks * unit, free=found.bavail * unit), bool(found.flags & _READ_ONLY)


async def read(sftp: asyncssh.SFTPClient, path: str, offset: int, length: int | None) -> bytes | None:
    """Return a part of a file; None if it is not wholly inside.

    Raises:
        NotFound: It is a folder.
    """
    file = await soon(sftp.open(path, "rb", encoding=None))
    try:
        found = await soon(file.stat())
        if not is_file(found):
            raise NotFound
        size = found.size or 0
        end = size if length is None else offset + length
        if not 0 <= offset <= end <= size:
            return None
        pieces = []
        while offset < end:
            piece: bytes = await soon(file.read(min(_PIECE, end - offset), offset))
            if not piece:
                return None
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)
    finally:
        await soon(file.close())


async def listing(sftp: asyncssh.SFTPClient, path: str) -> list[asyncssh.SFTPName]:
    """Return what is in a folder; nothing if it is not there."""
    found = []
    waiting = sftp.scandir(path)
    try:
        while True:
            found.append(await soon(anext(waiting)))
    except (StopAsyncIteration, asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return [one for one in found if one.filename not in (".", "..")]


async def flush_folder(sftp: asyncssh.SFTPClient, path: str) -> bool:
    """Flush a folder's entries to the disk; return whether this server can."""
    try:
        file = await soon(sftp.open(path, "rb", encoding=None))
        try:
            await soon(file.fsync())
        finally:
            await soon(file.close())
    except (asyncssh.SFTPFailure, asyncssh.SFTPOpUnsupported, asyncssh.SFTPPermissionDenied):
        return False
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return True
    return True


async def make_folder(sftp: asyncssh.SFTPClient, path: str) -> bool:
    """Make a folder; return whether it had to be made.

    Raises:
        asyncssh.SFTPNoSuchFile: The one above is missing, too.
    """
    try:
        await soon(sftp.mkdir(path, asyncssh.SFTPAttrs(permissions=FOLDER_MODE)))
    except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists, asyncssh.SFTPPermissionDenied):
        if await folder_there(sftp, path):
            return False
        raise
    return True


async def gone(sftp: asyncssh.SFTPClient, path: str) -> bool:
    """Remove a file; return whether there was one."""
    try:
        await soon(sftp.remove(path))
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return False
    return True


async def remove_empty(sftp: asyncssh.SFTPClient, path: str) -> None:
    """Remove a folder and those in it, as far as nothing is in them."""
    inside = [str(one.filename) for one in await listing(sftp, path) if is_folder(one.attrs)]
    await asyncio.gather(*(remove_empty(sftp, f"{path}/{name}") for name in inside))
    try:
        await soon(sftp.rmdir(path))
    except asyncssh.SFTPError:
        return
