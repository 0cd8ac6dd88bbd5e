"""The texts in every language: nothing is missing, nothing is left over, and every placeholder and command is kept."""

import gettext
import importlib.util
import re
import string
import types
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from traybackup.app.language import DOMAIN, FOLDER, LANGUAGES

ROOT = Path(__file__).resolve().parent.parent
OTHERS = LANGUAGES[1:]
TECHNICAL = {  # words that no owner should meet
    "de": ("repository", "token", "oauth", "snapshot", "backend", "traceback", "daemon", "blob", "dump"),
    "es": ("repositorio", "token", "oauth", "snapshot", "backend", "traceback", "daemon", "blob", "instantánea"),
}
FAMILIAR = {  # the owner is addressed formally
    "de": re.compile(r"\b(du|dich|dir|dein\w*)\b", re.IGNORECASE),
    "es": re.compile(r"\b(tú|tu|tus|ti|contigo|puedes|tienes|debes|haz|elige)\b", re.IGNORECASE),
}
_WORD = re.compile(r"“traybackup (?:[a-z-]+ ?)+|--[a-z-]+|TRAYBACKUP_[A-Z]+|TMPDIR")


def tool() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("texts", ROOT / "installer" / "texts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = tool()
SOURCE: Catalog = TOOL.extracted()
CATALOGUES: dict[str, Catalog] = {language: TOOL.read(language) for language in OTHERS}


def ids(catalog: Catalog) -> set[object]:
    return {message.id for message in catalog if message.id}


def forms(message: Message) -> tuple[list[str], list[str]]:
    """Return what a message says in English, and in the other language."""
    english = list(message.id) if isinstance(message.id, tuple | list) else [message.id]
    other = list(message.string) if isinstance(message.string, tuple | list) else [message.string]
    return english, other


def pairs(language: str) -> list[tuple[str, str]]:
    """Return each sentence with what it is in that language; of two forms each with its own."""
    found = []
    for message in CATALOGUES[language]:
        english, other = forms(message)
        if english != [""]:
            found += list(zip(english, other, strict=True))
    return found


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def commands(sentence: str) -> set[str]:
    """Return the commands, options and variables that a sentence names."""
    return {word.strip("“ ") for word in _WORD.findall(sentence.replace("„", "“"))}


def test_sentences_are_found() -> None:
    """What is marked in the sources is read: errors, phrases, pages, lines of commands, both forms of a plural."""
    found = ids(SOURCE)
    assert len(found) > 500
    assert {"Wrong password", "Thank you", "Signed in as {account}.", ("{count} file", "{count} files")} <= found


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language: str) -> None:
    """None is missing, in no form; “python installer/texts.py” adds the new ones."""
    assert ids(SOURCE) - ids(CATALOGUES[language]) == set()
    assert [message.id for message in TOOL.untranslated(CATALOGUES[language])] == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language: str) -> None:
    """What no source says any more is not kept."""
    assert ids(CATALOGUES[language]) - ids(SOURCE) == set()
    assert not CATALOGUES[language].obsolete


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_are_kept(language: str) -> None:
    """A translation has exactly the placeholders of its sentence, so that none is left open or lost."""
    assert [pair for pair in pairs(language) if placeholders(pair[0]) != placeholders(pair[1])] == []


@pytest.mark.parametrize("language", OTHERS)
def test_commands_are_kept(language: str) -> None:
    """What is to be typed is the same in every language."""
    assert [pair for pair in pairs(language) if commands(pair[0]) != commands(pair[1])] == []


@pytest.mark.parametrize("language", OTHERS)
def test_sentences_end_alike(language: str) -> None:
    """A title stays a title, a question a question, and blanks at the edges stay where they are."""
    for english, other in pairs(language):
        assert english[-1] in ".?:…" or other[-1] not in ".?:…", other
        assert (english[-1] in ".?:…") == (other[-1] in ".?:…"), other
        assert other == other.strip(), other


@pytest.mark.parametrize("language", OTHERS)
def test_no_technical_words(language: str) -> None:
    """The owner knows drives, folders and passwords; he need not know more."""
    for english, other in pairs(language):
        said = other.lower().replace("traybackup snapshots", "")
        assert not [word for word in TECHNICAL[language] if word in said and word not in english.lower()], other


@pytest.mark.parametrize("language", OTHERS)
def test_the_owner_is_addressed_formally(language: str) -> None:
    """Sie and usted, everywhere."""
    assert [other for _, other in pairs(language) if FAMILIAR[language].search(other)] == []


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    """The compiled catalogue, which the program reads, holds every translation; “installer/texts.py” makes it."""
    compiled = gettext.translation(DOMAIN, FOLDER, [language])
    for message in CATALOGUES[language]:
        english, other = forms(message)
        if english == [""]:
            continue
        if len(english) == 1:
            assert compiled.gettext(english[0]) == other[0]
        else:
            assert [compiled.ngettext(english[0], english[1], count) for count in (1, 2)] == other


def test_what_is_wrong_is_found() -> None:
    """The rules see a lost placeholder, a changed command, and a missing form."""
    assert placeholders("{place} is full") != placeholders("Voll")
    assert commands("Run “traybackup check”.") != commands("Führen Sie „traybackup prüfe“ aus.")
    assert commands("say --force") != commands("sagen Sie --gewalt")
    broken = Catalog(locale="de", fuzzy=False)
    broken.add(("{count} file", "{count} files"), ("{count} Datei", ""))
    broken.add("Done")
    assert len(list(TOOL.untranslated(broken))) == 2
