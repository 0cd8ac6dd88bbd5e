"""Open days: which there are, and how much time of them passes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.app.opendays import ALWAYS, WEEKDAYS, open_time, parse

VIENNA = ZoneInfo("Europe/Vienna")
moments = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2021, 1, 1),  # noqa: DTZ001 - same
    timezones=st.just(UTC),
)


def at(day: int, hour: int = 19) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=VIENNA)


def test_closed_days_are_weekdays_dates_and_spans() -> None:
    """A day is closed if any of the words says so."""
    days = parse(["Sunday", "2026-12-24", "2026-12-31..2027-01-06"])
    closed = [date(2026, 12, 27), date(2026, 12, 24), date(2026, 12, 31), date(2027, 1, 6)]
    assert all(day not in days for day in closed)
    assert date(2026, 12, 23) in days
    assert date(2027, 1, 7) in days


@pytest.mark.parametrize("word", ["", "sonntag", "2026-13-01", "2026-02-02..2026-02-01", "2026-02-02.."])
def test_what_is_no_day_is_refused(word: str) -> None:
    """The word that cannot be is named."""
    with pytest.raises(ValueError, match="^" + word):
        parse(["monday", word])


def test_a_shop_that_never_opens_is_refused() -> None:
    """Otherwise no backup would ever be due, and nobody would be told."""
    with pytest.raises(ValueError, match="sunday"):
        parse(WEEKDAYS)


def test_closed_days_do_not_count() -> None:
    """From Saturday evening to Monday evening passes one day of work, if Sunday is closed."""
    days = parse(["sunday"])
    assert open_time(at(10), at(12), days, VIENNA) == timedelta(days=1)
    assert open_time(at(11, 9), at(11, 20), days, VIENNA) == timedelta()
    assert open_time(at(12), at(10), days, VIENNA) == timedelta()


def test_days_with_a_change_of_the_clock_have_their_own_length() -> None:
    """The night in October in which it is three o'clock twice has an hour more."""
    assert open_time(at(24, 0), at(26, 0), ALWAYS, VIENNA) == timedelta(hours=49)


@given(moments, moments)
def test_without_closed_days_all_time_counts(begin: datetime, end: datetime) -> None:
    """Open time is then just what has passed, in any zone."""
    assert open_time(begin, end, ALWAYS, VIENNA) == max(timedelta(), end - begin)


@given(moments, moments, moments)
def test_open_time_adds_up(one: datetime, two: datetime, three: datetime) -> None:
    """A span that is cut in two has as much of it as its parts."""
    begin, middle, end = sorted((one, two, three))
    days = parse(["sunday", "2020-05-01..2020-05-20"])
    whole = open_time(begin, end, days, VIENNA)
    assert whole == open_time(begin, middle, days, VIENNA) + open_time(middle, end, days, VIENNA)
