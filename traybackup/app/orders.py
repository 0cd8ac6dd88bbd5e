"""Orders: what somebody asks for by a click, in a menu or a notification."""

from dataclasses import dataclass
from enum import Enum


class Verb(Enum):
    """What a click asks for."""

    OPEN = "open"
    BACK_UP = "back-up"
    BACK_UP_ALL = "back-up-all"
    SWITCH_OFF = "switch-off"
    STOP = "stop"
    EJECT = "eject"
    PAUSE = "pause"
    RESUME = "resume"
    QUIT = "quit"
    LATER = "later"


HOUR, MORNING = "hour", "morning"
"""How long to pause."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a click asks for, and of what: a page, a job, a drive, how long."""

    verb: Verb
    what: str = ""
