"""README tells the truth: what it names exists (commands, options, exit codes, variables), and nothing is missing."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from traybackup import __version__
from traybackup.api.errors import TraybackupError
from traybackup.cli.program import COMMANDS, program

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def usages(text: str) -> Iterator[list[str]]:
    """Yield the words of every traybackup command line in code spans and code blocks, without ``traybackup``."""
    for block in re.findall(r"```\n(.*?)```", text, re.DOTALL):
        yield from (line.split("#")[0].split()[1:] for line in block.splitlines() if line.startswith("traybackup "))
    for span in re.findall(r"`([^`\n]+)`", text):
        if span.startswith("traybackup "):
            yield span.split()[1:]


def table(heading: str) -> list[list[str]]:
    """Return the rows of README's table whose first column is called *heading*, without markup."""
    lines = README.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split(" | ")])
    return rows


def command_of(words: list[str]) -> click.Command:
    """Return the command that *words* call, a subcommand if they name one."""
    context = click.Context(program)
    found: click.Command | None = program
    for word in words:
        if not isinstance(found, click.Group) or (inner := found.get_command(context, word)) is None:
            break
        found = inner
    assert found is not None
    return found


def error_classes(root: type[TraybackupError] = TraybackupError) -> set[type[TraybackupError]]:
    return {root}.union(*(error_classes(child) for child in root.__subclasses__()))


def test_every_command_is_in_the_overview() -> None:
    """The table of commands has each command of the program once, and no other."""
    listed = [row[0].split()[1] for row in table("command")]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_every_named_command_exists(name: str) -> None:
    """Whatever is shown as a traybackup command line calls a command that there is."""
    for words in usages((ROOT / name).read_text("utf-8")):
        assert words[0] in COMMANDS, words


def test_every_shown_option_exists() -> None:
    """The options in command lines, and those named beside a command in the overview, are options of that command."""
    shown = list(usages(README))
    for row in table("command"):
        words = row[0].split()[1:]
        shown.append(words + [word for span in re.findall(r"`(-[^`]+)`", row[1]) for word in span.split()])
    checked = 0
    for words in shown:
        options = {name for parameter in command_of(words).params for name in parameter.opts}
        for word in words:
            if word.startswith("-"):
                assert word.partition("=")[0] in options, words
                checked += 1
    assert checked > 10


def test_every_exit_code_is_explained() -> None:
    """The table has the exit code of every error, success, wrong usage, and nothing else."""
    codes = {error.exit_code for error in error_classes()} | {0, click.UsageError.exit_code, 130}
    assert {int(row[0]) for row in table("exit code")} == codes


def test_every_variable_is_explained() -> None:
    """The environment variables that the sources read are those in the table."""
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "traybackup").rglob("*.py"))
    assert {row[0] for row in table("variable")} == set(re.findall(r"\bTRAYBACKUP_[A-Z_]+\b", sources))


def test_every_linked_section_and_file_exists() -> None:
    """Links inside README lead somewhere."""
    anchors = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in README.splitlines()}
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif "://" not in target:
            assert (ROOT / target).exists()


def test_developer_commands_exist() -> None:
    """The two commands of README, and the one for benchmarks, are commands of installer/dev.py."""
    known = (ROOT / "installer" / "dev.py").read_text("utf-8")
    named = set(re.findall(r"installer/dev\.py (\w+)", README))
    assert named == {"run", "test", "bench"}
    assert all(f"dev.py {name}" in known for name in named)


def test_version_is_the_one_in_readme() -> None:
    """README speaks of the version that this is."""
    assert f"version {__version__.rpartition('.')[0]}" in README
