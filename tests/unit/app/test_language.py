"""Languages: sentences, numbers, sizes, spans and dates, and which language is wanted."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from traybackup.app import language as languages
from traybackup.app import preference
from traybackup.app.language import LANGUAGES, Language
from traybackup.app.preference import choose, find

MOMENT = datetime(2026, 7, 1, 11, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "sentence"), [("en", "Wrong password"), ("de", "Falsches Passwort"), ("es", "Contraseña incorrecta")]
)
def test_a_sentence_is_said_in_the_language(code: str, sentence: str) -> None:
    """As the catalogue has it; one that nobody has translated stays English."""
    assert Language(code).gettext("Wrong password") == sentence
    assert Language(code).gettext("Never said before, {name}.", name="x") == "Never said before, x."


@pytest.mark.parametrize(
    ("code", "one", "more"),
    [
        ("en", "1 file", "1,234,567 files"),
        ("de", "1 Datei", "1.234.567 Dateien"),
        ("es", "1 archivo", "1.234.567 archivos"),
    ],
)
def test_plurals_and_numbers(code: str, one: str, more: str) -> None:
    """One thing and many are told apart, and thousands stand as people there write them."""
    language = Language(code)
    assert language.ngettext("{count} file", "{count} files", 1) == one
    assert language.ngettext("{count} file", "{count} files", 1_234_567) == more


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("en", ["0 bytes", "1 byte", "999 bytes", "1.23 MB", "10.0 MB", "412 MB"]),
        ("de", ["0 Bytes", "1 Byte", "999 Bytes", "1,23 MB", "10,0 MB", "412 MB"]),
        ("es", ["0 bytes", "1 byte", "999 bytes", "1,23 MB", "10,0 MB", "412 MB"]),
    ],
)
def test_sizes(code: str, texts: list[str]) -> None:
    """Three significant digits, with the sign that parts the fraction there."""
    assert [Language(code).size(size) for size in (0, 1, 999, 1_234_000, 9_996_000, 412_000_000)] == texts


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("en", ["0 s", "0.4 s", "42 s", "3 min 05 s", "2 h 10 min", "3 days"]),
        ("de", ["0 s", "0,4 s", "42 s", "3 min 05 s", "2 h 10 min", "3 Tage"]),
        ("es", ["0 s", "0,4 s", "42 s", "3 min 05 s", "2 h 10 min", "3 días"]),
    ],
)
def test_spans(code: str, texts: list[str]) -> None:
    """The units are the same everywhere, days are words."""
    assert [Language(code).span(seconds) for seconds in (0, 0.4, 42, 185, 7800, 3 * 86_400)] == texts


@pytest.mark.parametrize(
    ("code", "text"), [("en", "2026-07-01 13:05"), ("de", "01.07.2026 13:05"), ("es", "1 jul 2026 13:05")]
)
def test_moments_are_local(code: str, text: str) -> None:
    """The shop's own time of day, summer time included, as dates are written there."""
    assert Language(code).moment(MOMENT) == text


@pytest.mark.parametrize(("code", "text"), [("en", "43%"), ("de", "43 %"), ("es", "43 %")])
def test_shares(code: str, text: str) -> None:
    """Whole percents."""
    assert Language(code).percent(0.4321) == text


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "es_ES.UTF-8"}, "es"),
        ({"LANG": "es_ES.UTF-8", "LC_ALL": "de_DE"}, "de"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "fr:es:de"}, "es"),
        ({"LANG": "fr_FR"}, "en"),
    ],
)
def test_the_systems_language(environment: dict[str, str], code: str) -> None:
    """The variables count in gettext's order; a language that nobody has translated is English."""
    assert choose(environment, LANGUAGES) == code


@pytest.mark.parametrize(
    ("given", "variable", "configured", "code"),
    [
        ("es", "de", "de", "es"),
        ("", "de_AT", "es", "de"),
        ("", "", "es", "es"),
        ("", "klingon", "", "de"),
        ("klingon", "", "", "de"),
        ("", "", "klingon", "de"),
    ],
)
def test_the_owners_choice_comes_first(tmp_path: Path, given: str, variable: str, configured: str, code: str) -> None:
    """Option, variable, configuration, system; what is no language here, or a broken configuration, does not count."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(f'language = "{configured}"\n')
    environment = {"TRAYBACKUP_HOME": str(tmp_path), "TRAYBACKUP_LANGUAGE": variable, "LANG": "de_DE.UTF-8"}
    assert find(environment, given).code == code


def test_a_mac_and_windows_say_it_in_their_own_ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Mac keeps a list of languages in a file; without one it is English."""
    import plistlib  # noqa: PLC0415 - for this test

    monkeypatch.setattr(preference.sys, "platform", "darwin")
    monkeypatch.setattr(preference.Path, "home", lambda: tmp_path)
    assert choose({}, LANGUAGES) == "en"
    file = tmp_path / "Library" / "Preferences" / ".GlobalPreferences.plist"
    file.parent.mkdir(parents=True)
    file.write_bytes(plistlib.dumps({"AppleLanguages": ["fr-CA", "es-MX", "de"]}, fmt=plistlib.FMT_BINARY))
    assert choose({}, LANGUAGES) == "es"


def test_nothing_is_read_before_something_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither configuration nor catalogue."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(preference.config, "load", refuse)
    monkeypatch.setattr(languages.gettext, "translation", refuse)
    find({"LANG": "de_DE"})


def test_figures_of_other_languages_only_load_what_formats_them() -> None:
    """Babel is not loaded by the help, by English, or by a sentence without figures."""
    code = """
import sys
from traybackup.cli.program import run
assert run(["--help"]) == 0
assert run(["snapshots", "--from", "/no/such", "--language", "de"]) == 10
from traybackup.app.language import Language
Language("en").size(123456)
assert not [name for name in sys.modules if name.startswith("babel")]
Language("de").size(123456)
assert "babel.numbers" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "ist nicht da" in done.stderr
