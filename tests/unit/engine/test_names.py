"""Names: what Windows cannot hold is known, and replaced by something it can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.engine.names import fits_windows, windows_name


@pytest.mark.parametrize(
    "name", [b"invoice.pdf", "Größe".encode(), b"nul1", b"console", b"com10", b"a.b", b".hidden", b" x"]
)
def test_plain_names_stay(name: bytes) -> None:
    """A name that is legal everywhere is never changed."""
    assert fits_windows(name)
    assert windows_name(name) == name


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        (b"a.b.", b"a.b_"), (b"a ", b"a_"), (b"a. .", b"a___"), (b"CON", b"_CON"), (b"con.txt", b"_con.txt"),
        (b"nul .txt", b"_nul .txt"), (b"LPT9", b"_LPT9"), (b"a:b", b"a_b"), (b"a\\b", b"a_b"), (b"..\\x", b".._x"),
        (b"C:", b"C_"), (b"a?", b"a_"), (b"a\x1f", b"a_"), (b'"', b"_"), (b"CONIN$", b"_CONIN$"), (b"...", b"___"),
    ],
)  # fmt: skip
def test_names_that_windows_cannot_hold_are_replaced(name: bytes, instead: bytes) -> None:
    """Drive letters, streams, separators, devices and trailing dots become something harmless that reads alike."""
    assert not fits_windows(name)
    assert windows_name(name) == instead


@given(st.binary(min_size=1, max_size=60))
def test_what_comes_instead_always_fits(name: bytes) -> None:
    """Whatever the name was, its replacement is a plain name on Windows."""
    assert fits_windows(windows_name(name))
