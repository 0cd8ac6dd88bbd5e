"""Every kind of error is met by some test, beside the tables that go through all of them."""

import ast
from functools import cache
from pathlib import Path

import pytest

from traybackup.api import errors
from traybackup.api.errors import DriveError, TraybackupError

ROOT = Path(__file__).resolve().parents[3]
TABLES = {"tests/unit/api/test_errors.py", "tests/unit/api/test_raised.py", "tests/unit/app/test_texts.py"}
BESIDE = {DriveError}
"""Of plugging in and ejecting: some need hardware that misbehaves."""


def family(root: type[TraybackupError] = TraybackupError) -> list[type[TraybackupError]]:
    """Return the kinds of errors that have no kinds of their own below them."""
    below = [one for one in root.__subclasses__() if one.__module__ == errors.__name__ and one not in BESIDE]
    return [one for kind in below for one in family(kind)] or [root]


@cache
def words() -> tuple[frozenset[str], str]:
    """Return the names that tests use beyond their imports, and all the strings in them."""
    names: set[str] = set()
    strings: list[str] = []
    for folder in (ROOT / "tests", *(ROOT / "plugins").glob("*/tests")):
        for file in folder.rglob("*.py"):
            if file.relative_to(ROOT).as_posix() in TABLES:
                continue
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Name):
                    names.add(node.id)
                elif isinstance(node, ast.Attribute):
                    names.add(node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    strings.append(node.value)
    return frozenset(names), "\n".join(strings)


@pytest.mark.parametrize("one", family(), ids=lambda one: one.__name__)
def test_every_kind_of_error_is_met(one: type[TraybackupError]) -> None:
    """A test expects it by its class, or by the code that scripts get to see."""
    names, strings = words()
    assert one.__name__ in names or one.code in strings
