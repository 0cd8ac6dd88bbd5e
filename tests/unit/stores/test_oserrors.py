"""What the system's errors become."""

import errno
import os

import pytest

from traybackup.api.errors import (
    AccessDenied,
    NotFound,
    PlaceGone,
    StoreError,
    StoreFailed,
    StoreFull,
    StoreReadOnly,
)
from traybackup.stores.oserrors import store_error


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EROFS, StoreReadOnly),
        (errno.EACCES, AccessDenied),
        (errno.EPERM, AccessDenied),
        (errno.ENODEV, PlaceGone),
        (errno.ENXIO, PlaceGone),
        (errno.ENOTCONN, PlaceGone),
        (errno.ESTALE, PlaceGone),
        (errno.ENOENT, NotFound),
        (errno.EIO, StoreFailed),
        (errno.ENFILE, StoreFailed),
    ],
)
def test_each_number_has_its_meaning(number: int, kind: type[StoreError]) -> None:
    """Full, write-protected, forbidden, pulled out and missing are five different things."""
    told = store_error(OSError(number, os.strerror(number)), "/stick", "config", 7)
    assert type(told) is kind
    assert (told.place, told.name) == ("/stick", "config")


@pytest.mark.parametrize(
    ("number", "kind"), [(19, StoreReadOnly), (39, StoreFull), (112, StoreFull), (21, PlaceGone), (1167, PlaceGone)]
)
def test_windows_numbers_count_more(number: int, kind: type[StoreError]) -> None:
    """Windows calls write protection and pulled drives "no permission"; its own number tells them apart."""
    error = PermissionError(errno.EACCES, "denied")
    error.winerror = number  # type: ignore[attr-defined]  # as Windows sets it
    assert type(store_error(error, "E:\\")) is kind


def test_full_place_says_what_it_needed() -> None:
    """The error of a full place carries the bytes that did not fit, any other the system's words."""
    full = store_error(OSError(errno.ENOSPC, "full"), "/stick", "data/00/1", 1234)
    assert full.params == {"place": "/stick", "name": "data/00/1", "needed": 1234}
    assert store_error(OSError(errno.EIO, "Input/output error"), "/stick").params["reason"] == "Input/output error"
    assert store_error(OSError(), "/stick").params["reason"] == "OSError"
