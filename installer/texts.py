"""Keeps the catalogues of the translators in step with the texts: ``python installer/texts.py``.

It reads every sentence that is marked in the sources (`gettext`, `ngettext`, `N_`, `NN_`), adds the new ones to each
catalogue, drops those that nobody uses, and compiles what is there. A sentence without a translation is told, and is
shown in English. Source of the formats: the manual of GNU gettext.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "traybackup" / "locale"
LANGUAGES = ("de", "es")
KEYWORDS = {"gettext": None, "ngettext": (1, 2), "N_": None, "NN_": (1, 2)}

_NEVER = datetime(2026, 1, 1, tzinfo=UTC)
_NOISE = (b'"POT-Creation-Date', b'"PO-Revision-Date', b'"Generated-By', b'"Last-Translator', b'"Language-Team')
"""Headers that change without anything having changed."""


def extracted() -> Catalog:
    """Return every sentence of the sources."""
    found = Catalog(project="traybackup", charset="utf-8", fuzzy=False)
    for file, _, message, comments, _ in extract_from_dir(
        ROOT / "traybackup", method_map=[("**.py", "python")], keywords=KEYWORDS
    ):
        found.add(message, locations=[(f"traybackup/{file}", 0)], auto_comments=comments)
    return found


def file_of(language: str) -> Path:
    """Return where the catalogue of a language is; what is compiled lies beside it."""
    return FOLDER / language / "LC_MESSAGES" / "traybackup.po"


def read(language: str) -> Catalog:
    """Return the catalogue of a language."""
    with file_of(language).open("rb") as stream:
        return read_po(stream, locale=language)


def update(language: str, source: Catalog) -> list[Message]:
    """Bring a catalogue up to date and compile it; return what is not translated."""
    catalog = read(language) if file_of(language).exists() else Catalog(locale=language, fuzzy=False)
    catalog.update(source, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.project, catalog.version = "traybackup", "1"
    catalog.header_comment = (
        f"# The texts of traybackup: {catalog.locale.english_name if catalog.locale else language}."
    )
    catalog.creation_date = catalog.revision_date = _NEVER
    text = io.BytesIO()
    write_po(text, catalog, width=120, include_lineno=False, sort_by_file=True)
    lines = text.getvalue().splitlines(keepends=True)
    file_of(language).write_bytes(b"".join(line for line in lines if not line.startswith(_NOISE)))
    with file_of(language).with_suffix(".mo").open("wb") as stream:
        write_mo(stream, catalog)
    return list(untranslated(catalog))


def untranslated(catalog: Catalog) -> Iterator[Message]:
    """Yield the messages that lack a translation, or a form of it."""
    for message in catalog:
        words = message.string if isinstance(message.string, list | tuple) else [message.string]
        if message.id and (not all(words) or message.fuzzy):
            yield message


def main() -> int:
    """Bring all catalogues up to date."""
    source, missing = extracted(), 0
    for language in LANGUAGES:
        for message in update(language, source):
            missing += 1
            print(f"{language}: not translated: {message.id}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
