"""What the texts are made of: a *Wording* is one error in words, `N_` and `NN_` mark sentences for translators."""

from typing import NamedTuple


class Wording(NamedTuple):
    """Title, explanation and next step of one error."""

    title: str
    explanation: str
    todo: str


def N_(text: str) -> str:  # noqa: N802 - gettext's customary name for "translate later"
    """Mark *text* for the translators."""
    return text


def NN_(one: str, more: str) -> tuple[str, str]:  # noqa: N802 - as above, for a sentence with a number
    """Mark a sentence about one thing and about ``{count}`` things."""
    return one, more
