"""Limits by the time of day."""

from datetime import UTC, datetime, time

import pytest

from traybackup.app.limits import ALLOWED, Timetable, parse, rate


@pytest.mark.parametrize("text", ["", "  ", "off"])
def test_no_limit(text: str) -> None:
    """Nothing, or off, is as fast as it goes."""
    assert parse(text).at(time(12)) is None


def test_one_number_holds_always() -> None:
    """KiB a second."""
    assert {parse("512").at(time(hour)) for hour in range(24)} == {512 * 1024}


def test_a_timetable_holds_over_midnight() -> None:
    """Each step holds until the next; before the first one of the day the last one of yesterday does."""
    table = parse("18:00,off 8:00,512 12:30,64")
    for moment, speed in (
        (time(0), None),
        (time(7, 59, 59), None),
        (time(8), 512),
        (time(12, 29), 512),
        (time(12, 30), 64),
        (time(17, 59), 64),
        (time(18), None),
        (time(23, 59), None),
    ):
        assert table.at(moment) == (speed and speed * 1024)


@pytest.mark.parametrize(
    "text", ["fast", "0", "-5", "1.5", "24:00,5", "08:60,5", "08:00", "08:00,", "08:00,0", "8:00,5 08:00,6", "5 6", "²"]
)
def test_what_is_none_is_refused(text: str) -> None:
    """A slip is told, not guessed at."""
    with pytest.raises(ValueError):  # noqa: PT011 - its text is the caller's
        parse(text)


def test_the_example_is_right() -> None:
    """What is shown as allowed is allowed."""
    for text in ALLOWED.split(", "):
        parse(text)


def test_the_rate_follows_the_clock_on_the_wall_and_every_change() -> None:
    """Times are local, and a new timetable counts at the next look."""
    tables = [parse("08:00,512 18:00,off")]
    moments = [datetime(2026, 7, 1, 6, 30, tzinfo=UTC)]
    speed = rate(lambda: tables[-1], lambda: moments[-1])
    assert speed() == 512 * 1024  # 8:30 in summer here
    moments.append(datetime(2026, 7, 1, 16, 30, tzinfo=UTC))
    assert speed() is None
    tables.append(parse("10"))
    assert speed() == 10 * 1024
    tables.append(Timetable())
    assert speed() is None
