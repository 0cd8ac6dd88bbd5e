"""The polynomial in the config must be irreducible, or restic refuses to open the repository."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.engine.polynomial import DEGREE, is_irreducible, random_irreducible

CHUNKER_OF_RESTICS_TESTS = 0x3DA3358B4DC173
"""The one that restic's own documentation and tests use."""


def product(left: int, right: int) -> int:
    """Multiply two polynomials over GF(2), the school way."""
    result = 0
    for bit in range(right.bit_length()):
        if right >> bit & 1:
            result ^= left << bit
    return result


def of_degree(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high).flatmap(lambda degree: st.integers(1 << degree, (1 << degree + 1) - 1))


def test_restics_own_is_irreducible(golden: dict[str, dict[str, str]]) -> None:
    """Those that restic made pass the test."""
    assert is_irreducible(CHUNKER_OF_RESTICS_TESTS)
    assert is_irreducible(int(golden["config"]["chunker_polynomial"], 16))


@given(st.data())
def test_products_are_not(data: st.DataObject) -> None:
    """Whatever two factors of lower degree give has factors."""
    left = data.draw(of_degree(1, 26))
    degree = DEGREE - (left.bit_length() - 1)
    right = data.draw(st.integers(1 << degree, (1 << degree + 1) - 1))
    assert not is_irreducible(product(left, right))


@pytest.mark.parametrize("factor", [0b10, 0b11])
def test_factors_of_degree_one_are_found(factor: int) -> None:
    """A factor x or x+1 is found whatever the rest is."""
    others = (candidate for candidate in range(1 << DEGREE - 1, 1 << DEGREE) if candidate % 2)
    assert not any(is_irreducible(product(factor, next(others))) for _ in range(20))


def test_fresh_ones_are_irreducible_different_and_of_restics_degree() -> None:
    """Ten in a row are sound and no two are the same."""
    fresh = [random_irreducible() for _ in range(10)]
    assert len(set(fresh)) == 10
    for text in fresh:
        value = int(text, 16)
        assert text == f"{value:x}"
        assert value.bit_length() == DEGREE + 1 == 54
        assert is_irreducible(value)


def test_about_one_in_53_is_irreducible() -> None:
    """The test refuses and accepts as often as the theory says, which a wrong one would hardly do."""
    odd = range((1 << DEGREE) + 1, (1 << DEGREE) + 2 * 53 * 8, 2)
    found = sum(map(is_irreducible, odd))
    # among those with a constant term two in 53: 16 expected here
    assert 4 < found < 40
