"""Open days: when the shop is closed, no backup is due and nobody is told that one is missing.

A closed day is written as a weekday (``sunday``), a date (``2026-12-25``), or dates from and to
(``2026-12-24..2027-01-06``), both included.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALLOWED = "sunday, 2026-12-25, 2026-12-24..2027-01-06"
"""What may be written, by example."""

_DAY = timedelta(days=1)
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class OpenDays:
    """The days on which the shop is open: all but these.

    Attributes:
        weekdays: Closed every week; Monday is 0.
        spans: Closed from one date to another, both included.
    """

    weekdays: frozenset[int] = frozenset()
    spans: tuple[tuple[date, date], ...] = ()

    def __contains__(self, day: date) -> bool:
        return day.weekday() not in self.weekdays and not any(first <= day <= last for first, last in self.spans)


ALWAYS = OpenDays()


def parse(words: Iterable[str]) -> OpenDays:
    """Understand closed days.

    Raises:
        ValueError: One is none, or there would be no open day left in a week; its argument is the word.
    """
    weekdays: set[int] = set()
    spans = []
    for word in words:
        text = word.strip().lower()
        if text in WEEKDAYS:
            weekdays.add(WEEKDAYS.index(text))
            if len(weekdays) == len(WEEKDAYS):
                raise ValueError(word)
            continue
        first, dots, last = text.partition("..")
        try:
            span = date.fromisoformat(first), date.fromisoformat(last if dots else first)
        except ValueError:
            raise ValueError(word) from None
        if span[1] < span[0]:
            raise ValueError(word)
        spans.append(span)
    return OpenDays(frozenset(weekdays), tuple(sorted(spans)))


def open_time(begin: datetime, end: datetime, days: OpenDays, zone: tzinfo) -> timedelta:
    """Return how much time of open days passed from *begin* to *end*, both aware; at most about a year is counted."""
    if end <= begin:
        return timedelta()
    day, last = begin.astimezone(zone).date(), end.astimezone(zone).date()
    if (last - day).days > _LONGEST:
        return end - begin
    passed = timedelta()
    while day <= last:
        if day in days:
            passed += min(end, _midnight(day + _DAY, zone)) - max(begin, _midnight(day, zone))
        day += _DAY
    return passed


def _midnight(day: date, zone: tzinfo) -> datetime:
    """Return when a day begins; in UTC, because times of one zone are subtracted by the wall and not by what passed."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
