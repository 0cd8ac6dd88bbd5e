"""What the texts are made of: a *Wording* is one error in words, `N_` marks a sentence for translators."""

from typing import NamedTuple


class Wording(NamedTuple):
    """Title, explanation and next step of one error."""

    title: str
    explanation: str
    todo: str


def N_(text: str) -> str:  # noqa: N802 - gettext's customary name for "translate later"
    """Mark *text* for the translators."""
    return text
