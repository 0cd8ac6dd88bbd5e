"""Recovery codes: strong, printed in one form, and forgiving with those who type them."""

import random
from collections.abc import Callable

import pytest

from traybackup.app import recovery


def typo(code: str, rng: random.Random) -> str:
    """Return *code* with one mistake of the kind that people make."""
    symbols = list(code.replace("-", ""))
    where = rng.randrange(len(symbols))
    kind = rng.choice(["wrong", "swap", "drop", "double", "neighbours"])
    if kind == "wrong":
        symbols[where] = rng.choice([s for s in recovery.SYMBOLS if s != symbols[where]])
    elif kind == "swap":
        others = [i for i in range(len(symbols)) if symbols[i] != symbols[where] and i // 5 == where // 5]
        if not others:
            return typo(code, rng)
        other = rng.choice(others)
        symbols[where], symbols[other] = symbols[other], symbols[where]
    elif kind == "drop":
        del symbols[where]
    elif kind == "double":
        symbols.insert(where, symbols[where])
    else:
        start = where // 5 * 5
        fresh = [rng.choice(recovery.SYMBOLS) for _ in range(5)]
        if fresh == symbols[start : start + 5]:
            return typo(code, rng)
        symbols[start : start + 5] = fresh
    return "".join(symbols)


def test_a_code_has_seven_groups_of_five_symbols_and_130_bits() -> None:
    """A generated code is seven groups of five symbols of the alphabet, and no two are alike."""
    codes = {recovery.generate() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        groups = code.split("-")
        assert [len(group) for group in groups] == [5] * 7
        assert set("".join(groups)) <= set(recovery.SYMBOLS)
    assert recovery.SECRET_BITS >= 130


def test_every_bit_of_the_number_changes_the_code() -> None:
    """All 130 bits are carried: flipping any one gives another code."""
    number = random.Random(1).getrandbits(130)
    codes = {recovery.encode(number ^ 1 << bit) for bit in range(130)} | {recovery.encode(number)}
    assert len(codes) == 131


@pytest.mark.parametrize(
    "spoil",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
        lambda code: f"  {code}\n",
        lambda code: code.replace("0", "O").replace("1", "l"),
        lambda code: code.replace("0", "o").replace("1", "I"),
        lambda code: code.replace("-", " \N{EN DASH} "),
    ],
)
def test_the_normal_form_is_found_however_it_was_typed(spoil: Callable[[str], str]) -> None:
    """Case, separators and look-alike letters do not matter."""
    rng = random.Random(2)
    for _ in range(50):
        code = recovery.encode(rng.getrandbits(130))
        assert recovery.normal_form(spoil(code)) == code


def test_mistakes_are_noticed_and_the_group_is_named() -> None:
    """Of 100,000 random mistakes at least 99.9 % are noticed, and of these at least 98 % name the right group."""
    rng = random.Random(3)
    code = recovery.encode(rng.getrandbits(130))
    printed = code.replace("-", "")
    noticed = named = 0
    trials = 100_000
    for _ in range(trials):
        wrong = typo(code, rng)
        where = next((i for i, (a, b) in enumerate(zip(printed, wrong, strict=False)) if a != b), 34) // 5 + 1
        try:
            recovery.normal_form(wrong)
        except recovery.MistypedCode as error:
            noticed += 1
            named += where in error.groups
    assert noticed >= trials * 0.999
    assert named >= noticed * 0.98


def test_one_wrong_symbol_is_always_noticed_and_names_its_group() -> None:
    """Every single wrong symbol at every place is noticed, with exactly its group."""
    code = recovery.encode(random.Random(4).getrandbits(130)).replace("-", "")
    for place in range(35):
        for symbol in recovery.SYMBOLS:
            if symbol == code[place]:
                continue
            with pytest.raises(recovery.MistypedCode) as caught:
                recovery.normal_form(code[:place] + symbol + code[place + 1 :])
            assert caught.value.groups == (place // 5 + 1,)


def test_two_groups_that_changed_places_are_both_named() -> None:
    """The number of a group belongs to its check."""
    groups = recovery.encode(random.Random(5).getrandbits(130)).split("-")
    groups[1], groups[4] = groups[4], groups[1]
    with pytest.raises(recovery.MistypedCode) as caught:
        recovery.normal_form("-".join(groups))
    assert caught.value.groups == (2, 5)


def test_a_group_that_is_too_short_is_named_when_groups_are_separated() -> None:
    """With separators a missing symbol names its group even if the rest would fit otherwise."""
    groups = recovery.encode(random.Random(6).getrandbits(130)).split("-")
    groups[3] = groups[3][:-1]
    with pytest.raises(recovery.MistypedCode) as caught:
        recovery.normal_form(" ".join(groups))
    assert caught.value.groups == (4,)


@pytest.mark.parametrize("text", ["", "hunter2", "correct horse battery staple", "a-b-c-d-e-f-g"])
def test_ordinary_passwords_are_not_taken_for_codes(text: str) -> None:
    """What is no code is told apart from a mistyped one, and is never a valid code."""
    assert not recovery.looks_like_code(text)
    with pytest.raises(recovery.MistypedCode):
        recovery.normal_form(text)


def test_a_mistyped_code_still_looks_like_one() -> None:
    """The hint about the wrong group appears only for what was meant as a code."""
    rng = random.Random(7)
    code = recovery.encode(rng.getrandbits(130))
    assert recovery.looks_like_code(code)
    assert all(recovery.looks_like_code(typo(code, rng)) for _ in range(500))
