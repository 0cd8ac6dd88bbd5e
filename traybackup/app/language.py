"""The owner's language, as this computer is set to."""

import locale
from collections.abc import Mapping, Sequence

_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def choose(environment: Mapping[str, str], known: Sequence[str]) -> str:
    """Return the first of the wanted languages that is *known*, else the first known one."""
    wanted = [
        word for name in _VARIABLES if environment.get(name) for word in environment[name].replace(":", " ").split()
    ]
    if not wanted:
        wanted = [locale.getlocale()[0] or ""]
    for word in wanted:
        language = word.replace("-", "_").partition("_")[0].partition(".")[0].lower()
        if language in known:
            return language
        if language in ("c", "posix"):
            break
    return known[0]
