"""Limits: how fast a place may be used, by the time of day.

A *Timetable* is written as ``512`` (KiB a second, always), ``off``, or ``08:00,512 18:00,off``: from each time on,
until the next one, over midnight too. Times are those on the shop's wall. The form is the one that rclone's users know.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time

ALLOWED = "off, 512, 08:00,512 18:00,off"
"""What may be written, by example."""

_STEP = re.compile(r"([01]?\d|2[0-3]):([0-5]\d),(\d{1,9}|off)")
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Timetable:
    """Speeds by the time of day. *steps* are sorted; each holds from its time on; None: as fast as it goes."""

    steps: tuple[tuple[time, float | None], ...] = ()

    def at(self, moment: time) -> float | None:
        """Return bytes a second at that time of the day, None if there is no limit."""
        if not self.steps:
            return None
        number = bisect_right(self.steps, moment, key=lambda step: step[0])
        return self.steps[number - 1][1]  # before the first step the last one of the day before still holds


NO_LIMIT = Timetable()


def parse(text: str) -> Timetable:
    """Understand a timetable; an empty one is no limit.

    Raises:
        ValueError: It is none.
    """
    words = text.split()
    if not words:
        return NO_LIMIT
    if len(words) == 1 and "," not in words[0]:
        return Timetable(((time(), _speed(words[0])),))
    steps: dict[time, float | None] = {}
    for word in words:
        found = _STEP.fullmatch(word)
        moment = time(int(found[1]), int(found[2])) if found else None
        if found is None or moment is None or moment in steps:
            raise ValueError(text)
        steps[moment] = _speed(found[3])
    return Timetable(tuple(sorted(steps.items(), key=lambda step: step[0])))


def _speed(word: str) -> float | None:
    if word == "off":
        return None
    if not (word.isascii() and word.isdecimal()) or int(word) == 0:
        raise ValueError(word)
    return int(word) * float(_KIB)


def rate(timetable: Callable[[], Timetable], now: Callable[[], datetime]) -> Callable[[], float | None]:
    """Return what says how many bytes a second are allowed at the moment it is called.

    Args:
        timetable: The one that counts now: it may be changed while a run is under way.
        now: Aware.
    """
    return lambda: timetable().at(now().astimezone().time())
