"""Answers: what the library's errors mean.

An SFTP server of version 3, as OpenSSH's is, has few words: no room, a write-protected disk, a name that is taken and a
folder in place of a file are all just "Failure". Whoever asks must look for himself; see `upload`.
Source: draft-ietf-secsh-filexfer-02, section 7.
"""

import concurrent.futures
from collections.abc import Iterator
from contextlib import contextmanager

import asyncssh

from traybackup.api import (
    AccessDenied,
    AlreadyExists,
    NotFound,
    Offline,
    StoreError,
    StoreFailed,
    StoreFull,
    StoreReadOnly,
)

LOST = (
    asyncssh.SFTPNoConnection,
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPBadMessage,
    asyncssh.DisconnectError,
    asyncssh.ChannelOpenError,
    concurrent.futures.CancelledError,
    OSError,  # TimeoutError is one
)
"""After these the connection is of no use any more."""

_KINDS: tuple[tuple[tuple[type[Exception], ...], type[StoreError]], ...] = (
    ((asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath), NotFound),
    ((asyncssh.SFTPPermissionDenied,), AccessDenied),
    ((asyncssh.SFTPWriteProtect,), StoreReadOnly),
    ((asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded), StoreFull),
    ((asyncssh.SFTPFileAlreadyExists,), AlreadyExists),
    (LOST, Offline),
)
_FULL_WORDS = ("quota", "no space", "disk full", "space limit")


def meaning(error: BaseException, name: str = "") -> StoreError:
    """Return what an error of the library or of the line stands for."""
    if isinstance(error, asyncssh.SFTPFailure) and any(word in error.reason.lower() for word in _FULL_WORDS):
        return StoreFull(name=name)
    for errors, kind in _KINDS:
        if isinstance(error, errors):
            return kind(name=name)
    return StoreFailed(name=name, reason=getattr(error, "reason", "") or str(error) or type(error).__name__)


@contextmanager
def translate(name: str = "") -> Iterator[None]:
    """Turn the library's errors into the place's, and name the object in them."""
    try:
        yield
    except StoreError as error:
        error.name = error.name or name
        raise
    except (asyncssh.Error, *LOST) as error:
        raise meaning(error, name) from error
