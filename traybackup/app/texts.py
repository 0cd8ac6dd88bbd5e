"""Texts: from an error's code and parameters to a sentence in the reader's language.

*Texts* holds one language. The English ones are in `traybackup.app.wording`; another language is a gettext
catalogue over the same sentences.
"""

import errno
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from traybackup.api.errors import TraybackupError
from traybackup.app.language import Language
from traybackup.app.wording import ERRORS, Wording
from traybackup.app.wording.drives import COLOURS
from traybackup.app.wording.phrases import (
    DEMO,
    DOCTOR,
    FAULTS,
    FINDINGS,
    KEPT,
    KINDS,
    NO_KEYRING,
    REASONS,
    REJECTED,
    UNSET,
    WHY,
    WHY_ROUGHLY,
    WORDS,
)

Value = str | int | float | None


class Message(NamedTuple):
    """An error in the reader's words: a headline, what happened, what to do."""

    title: str
    explanation: str
    todo: str

    @property
    def line(self) -> str:
        """What happened and what to do, on one line."""
        return " ".join(f"{self.explanation} {self.todo}".split())


class Texts:
    """The sentences of one language."""

    def __init__(self, language: Language | None = None) -> None:
        self.language = language or Language()
        self._translate = self.language.gettext

    def error(self, error: TraybackupError) -> Message:
        """Return what to tell about *error*."""
        return self.message(error.code, error.params)

    def message(self, code: str, params: Mapping[str, Value]) -> Message:
        """Return what to tell about *code* with its parameters."""
        wording = choose(code, params)
        shown = {name: self._shown(name, value) for name, value in params.items()}
        return Message(*(self._translate(sentence).format_map(shown) for sentence in wording))

    def finding(self, code: str, detail: str = "") -> str:
        """Return the end of the sentence “PATH: …” for something noticed about a saved item."""
        known = FINDINGS.get(code)
        sentence = self._translate(known) if known else code.replace("-", " ")
        return f"{sentence} ({detail})" if detail else sentence

    def reason(self, word: str) -> str:
        """Return why one item failed: for a keyword of ours, or the system's name of an error, such as ``EACCES``."""
        known = REASONS.get(word)
        if known:
            return self._translate(known)
        number = getattr(errno, word, None)
        return os.strerror(number) if isinstance(number, int) else word

    def fault(self, why: str) -> str:
        """Return what is wrong with a part of the backups."""
        return self._translate(FAULTS[why]) if why in FAULTS else self._translate(FAULTS["damaged"])

    def kind(self, word: str) -> str:
        """Return what a part of the backups is called."""
        return self._translate(KINDS[word]) if word in KINDS else word

    def rejected(self, why: str) -> str:
        """Return why a plugin is not used."""
        return self._translate(REJECTED[why]) if why in REJECTED else why

    def doctor(self, code: str, detail: str = "", why: str = "") -> str:
        """Return what was found out about this computer."""
        known = NO_KEYRING.get(why) or REJECTED.get(why)
        shown = self._translate(known) if known else why
        if code == "clock" or code.startswith("clock-"):
            detail = _local_time(self.language, detail)
        return self._translate(DOCTOR[code]).format(detail=detail, why=shown)

    def no_keyring(self, why: str) -> str:
        """Return why the keyring cannot be used."""
        return self._translate(NO_KEYRING[why]) if why in NO_KEYRING else why

    def colour(self, word: str) -> str:
        """Return a drive's colour."""
        return self._translate(COLOURS[word]) if word in COLOURS else ""

    def kept(self, word: str) -> str:
        """Return why a snapshot stays."""
        return self._translate(KEPT[word]) if word in KEPT else word

    def demo(self, code: str, params: Mapping[str, Value]) -> str:
        """Return what to tell about a step of the demonstration."""
        return self._translate(DEMO[code]).format_map(
            {name: self._shown(name, value) for name, value in params.items()}
        )

    def unset(self, what: str, count: int) -> str:
        """Return what restored items lack because the target cannot hold it or we may not set it."""
        return self.language.ngettext(*UNSET.get(what, UNSET["attributes"]), count)

    def _shown(self, name: str, value: Value) -> str:
        if value is None or value == "":
            return self._translate(WORDS.get(name, WORDS["unknown"]))
        if name == "why":
            return self._why(str(value))
        if name == "kind":
            return self.kind(str(value))
        form = _FORMS.get(name)
        return form(self.language, value) if form else str(value)

    def _why(self, word: str) -> str:
        known = WHY.get(word) or WHY_ROUGHLY.get(word.partition("-")[0])
        return self._translate(known) if known else word.replace("-", " ")


def choose(code: str, params: Mapping[str, Value]) -> Wording:
    """Return the most fitting wording: by the word *why* and a known parameter, else by the code alone."""
    for key in (f"{code}:{params.get('why')}", code):
        known = (f"{key}+{name}" for name, value in params.items() if value)
        for candidate in (*known, key):
            if candidate in ERRORS:
                return ERRORS[candidate]
    return ERRORS["failed"]


def _local_time(language: Language, text: str) -> str:
    """Return an ISO time as local time to the minute; what is none stays as it is."""
    try:
        return language.moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def _number(language: Language, value: Value) -> str:
    return language.number(value) if isinstance(value, int) else str(value)


_SHORT_ID = 8
_FORMS: dict[str, Callable[[Language, Value], str]] = {
    **dict.fromkeys(("needed", "size", "added", "bytes"), lambda language, value: language.size(int(value or 0))),
    **dict.fromkeys(("retry_after", "seconds"), lambda language, value: language.span(abs(float(value or 0)))),
    **dict.fromkeys(("since", "now", "newest"), lambda language, value: _local_time(language, str(value))),
    **dict.fromkeys(("id", "snapshot", "lock", "what"), lambda _, value: str(value)[:_SHORT_ID]),
    **dict.fromkeys(("files", "receipts", "rows", "sold_since", "failed", "total", "count"), _number),
}
"""How the parameter of a name is shown; any other as it is."""
