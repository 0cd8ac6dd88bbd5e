"""Selection: what a folder source leaves out, made fast, and lists of paths read from a file.

*Rules* are gitignore patterns, compiled. They speak about paths below the ones that the owner named: a named path
itself is always saved. A directory that is left out is never listed, so a pattern cannot bring back what lies in it;
that is git's rule as well.

Sources: gitignore(5) through the pathspec library; https://bford.info/cachedir/ for ``CACHEDIR.TAG``.
"""

import re
from collections.abc import Sequence

from traybackup.api.errors import PatternInvalid

CACHE_TAG = b"CACHEDIR.TAG"
CACHE_SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"

_BOM = b"\xef\xbb\xbf"


class Rules:
    """Gitignore patterns, compiled so that a name which matches none costs one or two regular expressions.

    A pattern without an inner slash looks at the name only, the others at the whole path. As long as nothing is brought
    back by ``!`` the order does not matter and each of the two groups is one expression.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        """Compile *patterns*.

        Raises:
            PatternInvalid: One of them is no pattern.
        """
        rules = [rule for text in patterns if (rule := _compile(text)) is not None]
        self._in_order: list[tuple[bool, re.Pattern[str], bool]] | None = None
        self._by_name: re.Pattern[str] | None = None
        self._by_path: re.Pattern[str] | None = None
        if all(leaves_out for _, _, leaves_out in rules):
            self._by_name = _union([rule for by_name, rule, _ in rules if by_name])
            self._by_path = _union([rule for by_name, rule, _ in rules if not by_name])
        else:
            self._in_order = rules[::-1]

    def leave_out(self, name: str, folder: str, *, directory: bool) -> bool:
        """Say whether the entry *name* of *folder* is left out.

        Args:
            folder: Path of the folder without the leading slash, with one at the end; empty for the root.
        """
        if directory:
            name += "/"
        if self._in_order is None:
            if self._by_name is not None and self._by_name.match(name):
                return True
            return self._by_path is not None and self._by_path.match(folder + name) is not None
        for by_name, rule, leaves_out in self._in_order:
            if rule.match(name if by_name else folder + name):
                return leaves_out
        return False


def _compile(text: str) -> tuple[bool, re.Pattern[str], bool] | None:
    """Return whether the name is enough, the expression, and whether it leaves out; None for blanks and comments.

    The library's expressions are meant for whole paths and also match what lies below a folder that they name. Here a
    folder is looked at before its contents, so they are tied to the very end, as git does it.
    """
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415 - starts are measured

    try:
        if text.rstrip().endswith("/**/"):  # all folders below; the library would take the folder itself
            text = f"{text.rstrip()}*/"
        expression, leaves_out = GitIgnoreSpecPattern.pattern_to_regex(text)
        if expression is None or leaves_out is None:
            return None
        expression = expression.replace("(?P<ps_d>/)", r"(?:/\Z)").replace("|$)", r"|\Z)")
        if expression.endswith("/"):  # "a/**" is what lies in a folder, not the folder
            expression += "."
        if not expression.startswith("^"):  # the library means it to be searched for
            expression = f".*?{expression}"
        compiled = re.compile(expression, re.DOTALL)
    except (ValueError, re.error):
        raise PatternInvalid(pattern=text) from None
    by_name = "/" not in text.removeprefix("!").rstrip().rstrip("/")
    return by_name, compiled, leaves_out


def _union(rules: Sequence[re.Pattern[str]]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{rule.pattern})" for rule in rules), re.DOTALL) if rules else None


def parse_paths(data: bytes, *, nul: bool = False) -> list[bytes]:
    """Return the paths that a list holds, in its order, each once.

    Every line is a path as it is, with its blanks and without comments; empty ones are passed over. A list made on
    Windows may start with a byte order mark and end its lines in CR LF.

    Args:
        nul: The paths are separated by NUL instead of newlines, as ``find -print0`` writes them.
    """
    if nul:
        return list(dict.fromkeys(part for part in data.split(b"\0") if part))
    lines = data.removeprefix(_BOM).split(b"\n")
    if len(lines) > 1 and all(line.endswith(b"\r") for line in lines[:-1]):
        lines = [line.removesuffix(b"\r") for line in lines]
    return list(dict.fromkeys(line for line in lines if line))
