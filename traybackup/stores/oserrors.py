"""What an operating system's error means for a place.

The numbers are POSIX's (``errno.h``) and, where Windows folds several into one, its own (``winerror.h``). Telling them
apart matters to the owner: a full stick, a write-protected one, one that was pulled out and one we may not write to
want four different things done.
"""

import errno

from traybackup.api.errors import (
    AccessDenied,
    NotFound,
    PlaceGone,
    StoreError,
    StoreFailed,
    StoreFull,
    StoreReadOnly,
)

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DENIED = frozenset({errno.EACCES, errno.EPERM})
GONE = frozenset(
    {
        errno.ENODEV,
        errno.ENXIO,
        errno.ENOTCONN,
        errno.ESTALE,
        errno.ESHUTDOWN,
        getattr(errno, "ENOMEDIUM", errno.ENODEV),
    }
)

_WINDOWS_READ_ONLY = frozenset({19})  # ERROR_WRITE_PROTECT
_WINDOWS_FULL = frozenset({39, 112})  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
_WINDOWS_GONE = frozenset({21, 55, 433, 1006, 1110, 1112, 1167})  # not ready … ERROR_DEVICE_NOT_CONNECTED


def store_error(error: OSError, place: str, name: str = "", needed: int | None = None) -> StoreError:
    """Return the store error that *error* stands for; *needed* bytes are told if the place is full."""
    number = error.errno
    windows = getattr(error, "winerror", None)
    if number in FULL or windows in _WINDOWS_FULL:
        return StoreFull(place=place, name=name, needed=needed)
    if number == errno.EROFS or windows in _WINDOWS_READ_ONLY:
        return StoreReadOnly(place=place, name=name)
    if number in GONE or windows in _WINDOWS_GONE:
        return PlaceGone(place=place, name=name)
    if number in DENIED:
        return AccessDenied(place=place, name=name)
    if number == errno.ENOENT:
        return NotFound(place=place, name=name)
    return StoreFailed(place=place, name=name, reason=error.strerror or type(error).__name__)
