"""The calendar of this computer: what a day, a week, a month is where the shop is."""

from datetime import UTC, datetime, timedelta, tzinfo


class SystemZone(tzinfo):
    """The time zone the computer is set to, summer time included, past and future."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        if dt is None:
            return None
        return _local(dt.replace(tzinfo=None)).utcoffset()

    def dst(self, dt: datetime | None) -> timedelta | None:  # noqa: ARG002 - tzinfo's signature
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        return None if dt is None else _local(dt.replace(tzinfo=None)).tzname()

    def fromutc(self, dt: datetime) -> datetime:
        return _local(dt.replace(tzinfo=UTC)).replace(tzinfo=self)


def _local(moment: datetime) -> datetime:
    """Return *moment* in the system's zone; as it is where the system knows no such time."""
    try:
        return moment.astimezone()
    except (OSError, OverflowError, ValueError):
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
