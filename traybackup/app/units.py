"""Sizes and spans of time as people read and write them.

Sizes are decimal, 1 MB = 1,000,000 bytes, as on the package of the stick and in most desktops. On input a bare letter
(K, M, G, T) means powers of 1024, as in restic and most command lines; MB and MiB mean what they say.
"""

import re

_STEPS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)(b|ib)?\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def scaled(size: int) -> tuple[float, int, str]:
    """Return *size* bytes as a value, the digits to show behind its point, and the unit; of bytes no unit."""
    value = float(size)
    for step in _STEPS:
        if value < 999.5 or step == _STEPS[-1]:  # noqa: PLR2004 - would round to 1000
            break
        value /= 1000
    if step == _STEPS[0]:
        return value, 0, ""
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0  # noqa: PLR2004 - three significant digits
    return value, digits, step


def size_text(size: int) -> str:
    """Return *size* bytes for people: three significant digits, decimal units."""
    value, digits, unit = scaled(size)
    if not unit:
        return "1 byte" if size == 1 else f"{size} bytes"
    return f"{value:.{digits}f} {unit}"


def parse_size(text: str) -> int:
    """Return the bytes that *text* means: ``500``, ``10M``, ``1.5GB``, ``2GiB``.

    Raises:
        ValueError: It is no size.
    """
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(text)
    number, letter, suffix = found.groups()
    base = 1000 if (suffix or "").lower() == "b" else 1024
    return int(float(number) * base ** _POWERS[letter.lower()])


def span_text(seconds: float) -> str:
    """Return a span of time for people: ``0.4 s``, ``42 s``, ``3 min 05 s``, ``2 h 10 min``, ``3 days``."""
    if 0 < seconds < 9.95:  # noqa: PLR2004 - would round to ten
        return f"{seconds:.1f} s"
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    days = days_of(seconds)
    return f"{days} days" if days else f"{hours} h {minutes:02} min"


def days_of(seconds: float) -> int:
    """Return the whole days in a span that is told in days, 0 for a shorter one."""
    hours = max(0, round(seconds)) // 3600
    return hours // 24 if hours >= 48 else 0  # noqa: PLR2004 - two days
