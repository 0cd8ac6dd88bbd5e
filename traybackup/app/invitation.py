"""The invitation to sign in: what the owner sees while he is asked, and how he may answer without a browser here."""

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the owner needs to know while he is asked.

    Attributes:
        address: Of the page to open.
        opened: Whether a browser has been opened on it.
        code: Whether the service will show a code to be pasted.
    """

    address: str
    opened: bool
    code: bool


Tell = Callable[[Invitation], object]
"""Is told what to show."""

Paste = Callable[[threading.Event], str | None]
"""Waits for a line that somebody pastes, until the event; returns it, None if there is none."""
