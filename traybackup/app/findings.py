"""Findings: what a doctor's visit comes to. A *Finding* is about this computer, a *Stated* fact about a place."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How well something is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about this computer.

    Attributes:
        code: The key of its text.
        detail: A name, a version, a reason.
        why: A keyword that the text may need.
    """

    level: Level
    code: str
    detail: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact about a place.

    Attributes:
        fact: Its name in the kit.
        says: What it says.
        holds: None: it cannot be tested there.
        detail: What happened instead.
    """

    fact: str
    says: str
    holds: bool | None
    detail: str = ""
