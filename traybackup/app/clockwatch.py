"""The clock watch: notices that the clock was set, or that the computer slept, by a clock that nobody sets.

Between two looks both clocks go on by the same span. If the wall's went further, the computer slept or the clock was
set ahead; if it fell behind, the clock was set back. Both end with the same care: what is due is decided anew.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

TOLERANCE = timedelta(seconds=90)
"""A clock that is being disciplined is none that is set."""


class Jump(Enum):
    """What the wall's clock did."""

    AHEAD = "ahead"
    BACK = "back"


class ClockWatch:
    """Compares two clocks.

    Attributes:
        woken: When it began to look or, later, when the computer woke (or the clock was set ahead), by the wall.
    """

    def __init__(self, wall: Callable[[], datetime], steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._last = wall(), steady()
        self.woken = self._last[0]
        self._since = self._last[1]

    @property
    def up(self) -> float:
        """Seconds since then, by the clock that nobody sets."""
        return self._steady() - self._since

    def look(self) -> Jump | None:
        """Return what the clock did since the last look; None: nothing odd."""
        wall, steady = self._wall(), self._steady()
        before, steady_before = self._last
        self._last = wall, steady
        ahead = (wall - before) - timedelta(seconds=steady - steady_before)
        if ahead > TOLERANCE:
            self.woken, self._since = wall, steady
            return Jump.AHEAD
        if ahead < -TOLERANCE:
            self.woken = min(self.woken, wall)
            return Jump.BACK
        return None
