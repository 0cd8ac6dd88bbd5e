"""The owner's language: sentences, numbers, sizes, spans and dates as he reads them.

English is what is written in the code; another *Language* is a gettext catalogue over the same sentences, with Babel
for figures. Both are read only when something is shown in it. English shows figures by itself, and dates as ISO 8601
has them, because no order of day and month is right for all who read English.
"""

import gettext
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path

from traybackup.app.units import days_of, scaled, size_text, span_text

LANGUAGES = ("en", "de", "es")
"""The languages that there are; the first one is the source."""

DOMAIN = "traybackup"
FOLDER = Path(__file__).parents[1] / "locale"

_SOON = 9.95
"""Seconds below which a tenth matters."""


class Language:
    """One language.

    Args:
        code: One of `LANGUAGES`, or what returns it; it is asked when the first thing is to be shown.
        translations: Instead of the catalogue of that language.
    """

    def __init__(
        self, code: str | Callable[[], str] = LANGUAGES[0], translations: gettext.NullTranslations | None = None
    ) -> None:
        self._code, self._given = code, translations

    @cached_property
    def code(self) -> str:
        """The language as ISO 639 names it."""
        return self._code if isinstance(self._code, str) else self._code()

    @cached_property
    def _translations(self) -> gettext.NullTranslations:
        if self._given is not None:
            return self._given
        return gettext.translation(DOMAIN, FOLDER, [self.code], fallback=True)

    @property
    def _plain(self) -> bool:
        return self.code == LANGUAGES[0]

    def gettext(self, sentence: str, **values: object) -> str:
        """Return *sentence* in this language, with *values* in its placeholders."""
        translated = self._translations.gettext(sentence)
        return translated.format_map(values) if values else translated

    def ngettext(self, one: str, more: str, count: int, **values: object) -> str:
        """Return the sentence that is right for *count* things; its placeholder is ``{count}``."""
        translated = self._translations.ngettext(one, more, count)
        return translated.format_map({"count": self.number(count), **values})

    def number(self, value: int) -> str:
        """Return a number with its thousands apart."""
        if self._plain:
            return f"{value:,}"
        from babel.numbers import format_decimal  # noqa: PLC0415 - only where figures of another language are shown

        return format_decimal(value, locale=self.code)

    def size(self, size: int) -> str:
        """Return *size* bytes: three significant digits, decimal units."""
        value, digits, unit = scaled(size)
        if not unit:
            return self.ngettext("{count} byte", "{count} bytes", size)
        return size_text(size) if self._plain else f"{self._fraction(value, digits)} {unit}"

    def span(self, seconds: float) -> str:
        """Return a span of time."""
        days = days_of(seconds)
        if days:
            return self.ngettext("{count} day", "{count} days", days)
        return f"{self._fraction(seconds, 1)} s" if 0 < seconds < _SOON else span_text(seconds)

    def percent(self, share: float) -> str:
        """Return a share between 0 and 1 in whole percents."""
        return self.gettext("{percent}%", percent=f"{share * 100:.0f}")

    def moment(self, time: datetime) -> str:
        """Return a time: local, to the minute."""
        here = time.astimezone()
        if self._plain:
            return here.strftime("%Y-%m-%d %H:%M")
        from babel.dates import format_date, format_time  # noqa: PLC0415 - same

        naive = here.replace(tzinfo=None)
        return f"{format_date(naive, 'medium', self.code)} {format_time(naive, 'short', locale=self.code)}"

    def _fraction(self, value: float, digits: int) -> str:
        if self._plain:
            return f"{value:.{digits}f}"
        from babel.numbers import format_decimal  # noqa: PLC0415 - same

        return format_decimal(round(value, digits), format=f"0.{'0' * digits}" if digits else "0", locale=self.code)
