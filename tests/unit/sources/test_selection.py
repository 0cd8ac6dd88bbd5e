"""Selection: patterns leave out what git would ignore, and lists of paths are read as they are."""

import subprocess
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from traybackup.api.errors import PatternInvalid
from traybackup.sources.selection import Rules, parse_paths


def left_out(patterns: list[str], *paths: str) -> list[str]:
    """Return those of *paths* that are left out themselves; folders end in a slash."""
    rules = Rules(patterns)
    return [path for path in paths if rules.leave_out(*_split(path), directory=path.endswith("/"))]


def _split(path: str) -> tuple[str, str]:
    folder, slash, name = path.rstrip("/").rpartition("/")
    return name, folder + slash


@pytest.mark.parametrize(
    ("pattern", "out", "kept"),
    [
        ("*.tmp", ["a.tmp", "x/y/b.tmp", "d.tmp/"], ["a.tmpx", "tmp"]),
        ("cache/", ["cache/", "x/cache/"], ["cache", "x/cache", "caches/"]),
        ("/home/x", ["home/x", "home/x/"], ["y/home/x", "home/xy", "x"]),
        ("a/b", ["a/b"], ["c/a/b", "b", "a/"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["b", "a/bb"]),
        ("**/b", ["b", "a/b"], ["bb"]),
        ("a/**", ["a/b", "a/b/c"], ["a/", "ab"]),
        ("*", ["a", "a/b", "d/"], []),
        ("*/", ["d/", "a/d/"], ["a"]),
        ("[ab]?.db", ["a1.db", "b2.db"], ["c1.db", "a.db", "a12.db"]),
        ("\\#x", ["#x"], ["x"]),
        ("name with blank ", ["name with blank"], ["name with blank "]),
        ("Größe?", ["Größe1"], ["Größe"]),
    ],
)
def test_pattern(pattern: str, out: list[str], kept: list[str]) -> None:
    """A pattern leaves out what gitignore says, by name if it has no inner slash, else from the root."""
    assert left_out([pattern], *out, *kept) == out


@pytest.mark.parametrize("pattern", ["", "   ", "# a comment", "/"])
def test_says_nothing(pattern: str) -> None:
    """Blank lines and comments leave out nothing."""
    assert left_out([pattern], "a", "#", "# a comment", "d/") == []


@pytest.mark.parametrize("pattern", ["!", "[z-a]"])
def test_invalid_pattern(pattern: str) -> None:
    """A pattern that means nothing is refused with its text, before anything is saved by a misunderstanding."""
    with pytest.raises(PatternInvalid) as caught:
        Rules(["*.tmp", pattern])
    assert caught.value.params["pattern"] == pattern


def test_last_match_wins() -> None:
    """What a pattern leaves out, a later one with an exclamation mark brings back, and a third one takes again."""
    patterns = ["*.log", "!keep*.log", "/x/keep-not.log"]
    assert left_out(patterns, "a.log", "keep.log", "x/keep-not.log", "y/keep-not.log") == ["a.log", "x/keep-not.log"]


def test_newline_in_name() -> None:
    """A name that ends in a newline is not the name without it, and one pattern matches across newlines."""
    assert left_out(["foo", "/a/b"], "foo\n", "foo", "a/b\n") == ["foo"]
    assert left_out(["*.tmp"], "a\nb.tmp") == ["a\nb.tmp"]


def test_undecodable_name() -> None:
    """Names that are not UTF-8 match as well as any."""
    assert left_out(["caf?.db"], "caf\udce9.db") == ["caf\udce9.db"]


NAMES = st.text("abc.", min_size=1, max_size=4).filter(lambda name: name.strip("."))
PARTS = r"(\*\*|[abc?]\*?[abc]?|\*[abc]?)"  # nothing like "a**", of which git makes what its manual does not say
PATTERNS = st.from_regex(rf"!?/?{PARTS}(/{PARTS}){{0,2}}/?", fullmatch=True)


@pytest.fixture(scope="module")
def ignored_by_git(
    tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]
) -> Callable[[list[str], set[str]], set[str]]:
    """Return a function that asks the real git."""
    folder = tmp_path_factory.mktemp("git")
    git = [program("git"), "-C", str(folder)]
    subprocess.run([*git, "init", "-q"], check=True)

    def ask(patterns: list[str], files: set[str]) -> set[str]:
        (folder / ".gitignore").write_text("\n".join(patterns))
        asked = "\0".join(files).encode()
        told = subprocess.run(
            [*git, "check-ignore", "--no-index", "-z", "--stdin"], input=asked, capture_output=True, check=False
        )
        assert not told.stderr
        return {name.decode() for name in told.stdout.split(b"\0") if name}

    return ask


@settings(max_examples=60)
@given(st.lists(PATTERNS, max_size=4), st.lists(st.lists(NAMES, min_size=1, max_size=3), min_size=1, max_size=6))
@example(["a", "!a/b"], [["a", "b"]])
@example(["*.c", "!b.c"], [["a", "b.c"], ["a.c"]])
def test_as_git(
    ignored_by_git: Callable[[list[str], set[str]], set[str]], patterns: list[str], paths: list[list[str]]
) -> None:
    """Walking down with the rules leaves out exactly the files that the real git ignores."""
    files = {"/".join(path) for path in paths}
    assert {file for file in files if _is_left_out(Rules(patterns), file)} == ignored_by_git(patterns, files)


def _is_left_out(rules: Rules, path: str) -> bool:
    folder = ""
    *folders, name = path.split("/")
    for part in folders:
        if rules.leave_out(part, folder, directory=True):
            return True
        folder += part + "/"
    return rules.leave_out(name, folder, directory=False)


@pytest.mark.parametrize(
    ("data", "nul", "paths"),
    [
        (b"", False, []),
        (b"/a\n/b c \n\n/a\n#d", False, [b"/a", b"/b c ", b"#d"]),
        (b"\xef\xbb\xbf/a\r\n/b\r\n", False, [b"/a", b"/b"]),
        (b"/a\r\n/b\n", False, [b"/a\r", b"/b"]),
        (b"/a\n/\xff\xfe", False, [b"/a", b"/\xff\xfe"]),
        (b"/a\nb\0\0/c\r\n\0", True, [b"/a\nb", b"/c\r\n"]),
    ],
)
def test_parse_paths(data: bytes, nul: bool, paths: list[bytes]) -> None:  # noqa: FBT001 - one of the parameters
    """A list of paths is taken byte for byte, each once, whatever system it was written on."""
    assert parse_paths(data, nul=nul) == paths
