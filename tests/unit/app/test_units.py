"""Sizes and spans as people read and write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.app.units import parse_size, size_text, span_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.00 kB"),
        (1_234_000, "1.23 MB"),
        (9_996_000, "10.0 MB"),
        (99_960_000, "100 MB"),
        (412_000_000, "412 MB"),
        (999_600_000, "1.00 GB"),
        (64_000_000_000, "64.0 GB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_sizes_are_decimal_with_three_digits(size: int, text: str) -> None:
    """A size shows three significant digits in decimal units."""
    assert size_text(size) == text


@given(st.integers(0, 9 * 10**17))
def test_a_size_never_shows_a_number_of_four_digits(size: int) -> None:
    """Rounding never yields 1000 of a unit."""
    assert float(size_text(size).split()[0]) < 1000


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500", 500),
        ("10k", 10240),
        ("1M", 1 << 20),
        ("1.5G", 3 << 29),
        ("2GB", 2 * 10**9),
        ("1GiB", 1 << 30),
        (" 3 ", 3),
    ],
)
def test_a_bare_letter_is_binary_and_a_b_makes_it_decimal(text: str, size: int) -> None:
    """K, M, G are powers of 1024 as in restic; MB and MiB mean what they say."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["?", "x", "-1", "1X", "1 000", "1e3", "GB", " "])
def test_what_is_no_size_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
        (3 * 86400, "3 days"),
    ],
)
def test_spans_show_two_units_at_most(seconds: float, text: str) -> None:
    """A span of time is as exact as it is useful."""
    assert span_text(seconds) == text
