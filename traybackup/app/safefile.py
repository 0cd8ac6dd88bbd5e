"""Small files of our own, written so that nobody ever finds half of one, and readable by this user alone."""

import contextlib
import os
import secrets
from pathlib import Path

from traybackup.api.errors import ConfigUnusable
from traybackup.app.paths import private_folder


def write_private(file: Path, data: bytes) -> None:
    """Put *data* into *file* at one moment, durably.

    Raises:
        ConfigUnusable: It cannot be written; what was there is still there.
    """
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        private_folder(file.parent)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
        _flush_folder(file.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ConfigUnusable(file=str(file), reason=error.strerror or type(error).__name__) from error


def _flush_folder(folder: Path) -> None:
    """Make a rename durable where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
