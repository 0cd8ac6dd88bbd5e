"""Recovery codes: the generated password that is printed, read aloud and typed back.

A code has seven *groups* of five symbols, ``7K3QX-…-9ZB2M``, in Crockford's base 32 (no I, L, O, U; either case; I and
L are read as 1, O as 0). It carries 130 random bits in 26 symbols. Two more symbols check the whole, and the last
symbol of each group checks that group, so that a mistyped code is told with the number of the group to look at.

The *normal form* is upper case with hyphens, exactly as it is printed. It **is** the password of an ordinary key of the
repository: ``restic`` opens the repository with what stands on the sheet.

The checks are sums over the field of 32 elements (polynomial x⁵+x²+1) in which symbol *i* counts alpha to the power of
*i*. A single wrong symbol and any two symbols that changed places inside a group are always noticed; the number of the
group goes into its sum, so groups that changed places are noticed as well.
Source: douglascrockford.com/base32 for the alphabet; the checks are our own.
"""

import secrets
from collections.abc import Sequence

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS = 7
GROUP_LENGTH = 5
SECRET_BITS = 130

_LENGTH = GROUPS * GROUP_LENGTH
_SECRET_SYMBOLS = SECRET_BITS // 5
_READ_AS = {**{symbol: value for value, symbol in enumerate(SYMBOLS)}, "I": 1, "L": 1, "O": 0}
_SEPARATORS = frozenset(" -_.,:;/|\u2010\u2011\u2012\u2013\u2014\u00a0\t\r\n")


class MistypedCode(ValueError):
    """Not a right recovery code. *groups* are the numbers (from 1) of those to look at; empty: unknown."""

    def __init__(self, groups: Sequence[int] = ()) -> None:
        super().__init__("mistyped recovery code")
        self.groups = tuple(groups)


def generate() -> str:
    """Return a new recovery code in its normal form, from the system's source of randomness."""
    return encode(secrets.randbits(SECRET_BITS))


def encode(number: int) -> str:
    """Return the normal form of the code that carries *number* (0 up to 2 to the power of 130)."""
    secret = [(number >> 5 * place) & 31 for place in reversed(range(_SECRET_SYMBOLS))]
    payload = [*secret, *_overall(secret)]
    per_group = GROUP_LENGTH - 1
    groups = [payload[start : start + per_group] for start in range(0, len(payload), per_group)]
    return "-".join(
        "".join(SYMBOLS[value] for value in [*group, _group_check(index, group)]) for index, group in enumerate(groups)
    )


def normal_form(text: str) -> str:
    """Return the normal form of a code as somebody typed it.

    Raises:
        MistypedCode: A check fails; it names the groups.
    """
    values = [_READ_AS.get(symbol, -1) for symbol in _symbols(text)]
    wrong = _wrong_groups(text, values)
    if wrong:
        raise MistypedCode(wrong)
    payload = [value for index, value in enumerate(values) if (index + 1) % GROUP_LENGTH]
    if payload[_SECRET_SYMBOLS:] != _overall(payload[:_SECRET_SYMBOLS]):
        raise MistypedCode
    printed = "".join(SYMBOLS[value] for value in values)
    return "-".join(printed[start : start + GROUP_LENGTH] for start in range(0, _LENGTH, GROUP_LENGTH))


def looks_like_code(text: str) -> bool:
    """Say whether *text* was probably meant as a recovery code, right or wrong."""
    symbols = _symbols(text)
    if len(text.split("-")) == GROUPS and abs(len(symbols) - _LENGTH) <= GROUPS:
        return True
    return abs(len(symbols) - _LENGTH) <= 1 and all(symbol in _READ_AS for symbol in symbols)


def _symbols(text: str) -> str:
    return "".join(symbol for symbol in text.upper() if symbol not in _SEPARATORS)


def _wrong_groups(text: str, values: list[int]) -> list[int]:
    """Return the numbers of the groups that fail their own check or have the wrong length."""
    if len(values) != _LENGTH:
        return _groups_of_wrong_length(text, values)
    return [index + 1 for index in range(GROUPS) if not _group_is_right(index, values)]


def _groups_of_wrong_length(text: str, values: list[int]) -> list[int]:
    """Name the groups with too few or too many symbols: as separated, else where the checks stop to hold."""
    parts = "".join("-" if symbol in _SEPARATORS else symbol for symbol in text.strip()).split("-")
    parts = [part for part in parts if part]
    if len(parts) == GROUPS:
        return [index + 1 for index, part in enumerate(parts) if len(part) != GROUP_LENGTH]
    for index in range(GROUPS):
        if not _group_is_right(index, values):
            return [index + 1]
    return [GROUPS]


def _group_is_right(index: int, values: list[int]) -> bool:
    group = values[index * GROUP_LENGTH : (index + 1) * GROUP_LENGTH]
    return len(group) == GROUP_LENGTH and min(group) >= 0 and group[-1] == _group_check(index, group[:-1])


def _group_check(index: int, group: Sequence[int]) -> int:
    return _weighted(group, 1) ^ (index + 1)


def _overall(secret: Sequence[int]) -> list[int]:
    return [_weighted(secret, 1), _weighted(secret, 2)]


def _weighted(values: Sequence[int], step: int) -> int:
    """Return the sum over all places (from 1) of the value times alpha to the power of *step* times the place."""
    total = 0
    for place, value in enumerate(values, start=1):
        total ^= _PRODUCTS[step * place % 31][value]
    return total


def _products() -> list[list[int]]:
    """Return, for each power of alpha, its product with every element of the field."""
    rows = [list(range(32))]
    for _ in range(30):
        doubled = [value << 1 for value in rows[-1]]
        rows.append([value ^ 0b100101 if value & 32 else value for value in doubled])
    return rows


_PRODUCTS = _products()
