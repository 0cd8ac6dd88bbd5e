"""Polynomial: a random irreducible polynomial of degree 53 over GF(2), which restic wants to find in the config.

restic cuts files by it; here it only serves as the secret that seeds our own chunker. It must be irreducible all the
same, because restic refuses to open a repository whose polynomial is not.

Source: M. O. Rabin, "Fingerprinting by Random Polynomials" (1981): the test of irreducibility.
"""

import secrets

DEGREE = 53


def _remainder(value: int, modulus: int) -> int:
    width = modulus.bit_length()
    while value.bit_length() >= width:
        value ^= modulus << (value.bit_length() - width)
    return value


def _product(left: int, right: int, modulus: int) -> int:
    result = 0
    while right:
        if right & 1:
            result ^= left
        left = _remainder(left << 1, modulus)
        right >>= 1
    return _remainder(result, modulus)


def _greatest_common_divisor(left: int, right: int) -> int:
    while right:
        left, right = right, _remainder(left, right)
    return left


def is_irreducible(polynomial: int) -> bool:
    """Say whether a polynomial of degree 53, given as the bits of a number, has no factors.

    The degree is prime, so it is enough that x^(2^53) = x modulo it and that it has no factor of degree one.
    """
    power = 2
    for _ in range(DEGREE):
        power = _product(power, power, polynomial)
    return power == 2 and _greatest_common_divisor(polynomial, 0b110) == 1  # noqa: PLR2004 - the polynomial x


def random_irreducible() -> str:
    """Return a fresh one in hex, as the config holds it."""
    while True:
        candidate = 1 << DEGREE | secrets.randbits(DEGREE) | 1
        if is_irreducible(candidate):
            return f"{candidate:x}"
