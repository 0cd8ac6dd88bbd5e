"""The preference: which language is wanted, by an option, a variable, the configuration, or the system."""

import locale
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from traybackup.api.errors import ConfigError
from traybackup.app import config, paths
from traybackup.app.language import LANGUAGES, Language

VARIABLE = "TRAYBACKUP_LANGUAGE"
"""The language to use, whatever the configuration and the system say."""

_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def find(environment: Mapping[str, str], given: str = "") -> Language:
    """Return the language to use: *given*, or that of the environment, of the configuration, of the system."""

    def code() -> str:
        for word in (given, environment.get(VARIABLE, ""), _configured(environment)):
            if _language(word) in LANGUAGES:
                return _language(word)
        return choose(environment, LANGUAGES)

    return Language(code)


def _configured(environment: Mapping[str, str]) -> str:
    """Return what the owner has chosen, empty if nothing or if nobody can tell."""
    with suppress(ConfigError):
        return config.load(paths.find(environment)).language
    return ""


def choose(environment: Mapping[str, str], known: Sequence[str]) -> str:
    """Return the first of the languages of the system that is *known*, else the first known one."""
    wanted = [
        word for name in _VARIABLES if environment.get(name) for word in environment[name].replace(":", " ").split()
    ]
    for word in wanted or _system():
        language = _language(word)
        if language in known:
            return language
        if language in ("c", "posix"):
            break
    return known[0]


def _language(word: str) -> str:
    """Return the language of ``de``, ``de_AT.UTF-8``, ``es-MX``."""
    return word.replace("-", "_").partition("_")[0].partition(".")[0].lower()


def _system() -> list[str]:
    """Return what a system without such variables is set to."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - only there

        number = ctypes.windll.kernel32.GetUserDefaultUILanguage()
        return [locale.windows_locale.get(number, "")]
    if sys.platform == "darwin":
        import plistlib  # noqa: PLC0415 - only there

        file = Path.home() / "Library" / "Preferences" / ".GlobalPreferences.plist"
        with suppress(OSError, ValueError), file.open("rb") as stream:
            return [str(word) for word in plistlib.load(stream).get("AppleLanguages", ())]
    return [locale.getlocale()[0] or ""]
