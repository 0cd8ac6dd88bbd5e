"""Times as one says them: “today 19:02”, “yesterday 19:02”, “Sat 11 Oct 19:02”.

Never “5 minutes ago”: who shows it cannot always show it anew.
"""

from datetime import datetime, time, timedelta, tzinfo

from traybackup.app.language import Language

_PATTERNS = {"en": "ccc d MMM", "de": "ccc d.M.", "es": "ccc d MMM"}
_WITH_YEAR = {"en": "d MMM y", "de": "d.M.y", "es": "d MMM y"}
_LONGEST = timedelta(days=300)
_OPENS = time(9)


def clock(moment: datetime, zone: tzinfo) -> str:
    """Return the time of the day."""
    return moment.astimezone(zone).strftime("%H:%M")


def morning(now: datetime, zone: tzinfo) -> datetime:
    """Return when the shop opens tomorrow."""
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), _OPENS, zone)


def when(language: Language, moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a day and its time; the year instead of the weekday where it is long ago."""
    here, today = moment.astimezone(zone), now.astimezone(zone).date()
    known = {"time": here.strftime("%H:%M")}
    if here.date() == today:
        return language.gettext("today {time}", **known)
    if here.date() == today - timedelta(days=1):
        return language.gettext("yesterday {time}", **known)
    if here.date() == today + timedelta(days=1):
        return language.gettext("tomorrow {time}", **known)
    return f"{day(language, moment, now, zone)} {known['time']}"


def day(language: Language, moment: datetime, now: datetime, zone: tzinfo) -> str:
    """Return a day by its name and date; by its year where it is long ago."""
    from babel.dates import format_date  # noqa: PLC0415 - only where a day is shown

    far = abs(now - moment) > _LONGEST
    pattern = (_WITH_YEAR if far else _PATTERNS).get(language.code, _PATTERNS["en"])
    return format_date(moment.astimezone(zone).date(), pattern, locale=language.code)
