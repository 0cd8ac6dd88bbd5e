"""The layers and the house rules that no linter knows, read from the sources and proven able to fail.

The picture is in README.md. What may import what is `MAY_IMPORT`; everything else here is a rule that holds for all of
the product. Each rule yields its breaches as text, so that one test shows them all.
"""

import ast
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

FOUR = frozenset({"engine", "sources", "desktop", "stores"})
MAY_IMPORT = {
    "api": frozenset(),
    "engine": frozenset({"api"}),
    "sources": frozenset({"api"}),
    "desktop": frozenset({"api"}),
    "stores": frozenset({"api"}),
    "testing": frozenset({"api"}),
    "pytest_plugin": frozenset({"testing"}),
    "app": FOUR | {"api", "testing"},  # "doctor" states the kit's facts about a real place
    "cli": frozenset({"api", "app", "tray"}),  # "traybackup tray" starts it
    "tray": frozenset({"api", "app"}),
    "web": frozenset({"api", "app"}),
    "__main__": frozenset({"cli"}),
    "plugin": frozenset({"api"}),
    "plugin tests": frozenset({"api", "testing"}),
}
KNOWS_NO = {  # the engine: no clock, no drive, no network; a stop watch (monotonic) tells no time
    "engine": {
        "modules": {"socket", "ssl", "http", "urllib", "requests", "httpx", "psutil"},
        "calls": {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"},
    },
}
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
FACADES = frozenset({"traybackup.app.service", "traybackup.app.forms"})
EXCEPTIONS = {  # "module" or "module:function", each with its reason
    "traybackup.api.errors",  # one tree, drawn in one docstring: in two files nobody would see it whole
    "traybackup.engine.identity",  # a lock names its holder: host name and process, but no drive and no network
}


def parsed(text: str) -> ast.Module:
    """Return the syntax tree of a module."""
    try:
        return ast.parse(text)
    except SystemError:  # CPython 3.11 loses count when a thread that another test left behind parses, too: gh-106905
        return ast.parse(text)


class Module(NamedTuple):
    """A source file: its dotted name, its layer, and its syntax tree."""

    name: str
    layer: str
    lines: int
    tree: ast.Module


def modules(root: Path) -> list[Module]:
    """Return every module of the product and of its plugins below *root*."""
    found = []
    for path in sorted([*root.glob("traybackup/**/*.py"), *root.glob("plugins/*/**/*.py")]):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        layer = parts[1] if parts[0] == "traybackup" else ("plugin tests" if "tests" in parts else "plugin")
        text = path.read_text("utf-8")
        found.append(Module(name, layer, len(text.splitlines()), parsed(text)))
    return found


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """Yield each name that *module* imports from the product, wherever in the file, with its line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and dotted(node.func).endswith("import_module") and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant):
                yield str(argument.value), node.lineno


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` of an expression made of names and attributes, or what can be told of it."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def upward(all_modules: list[Module]) -> Iterator[str]:
    """Layers: imports run down only, and a plugin sees nothing but the api."""
    for module in all_modules:
        allowed = MAY_IMPORT.get(module.layer)
        for name, line in imports(module):
            parts = name.split(".")
            if parts[0] != "traybackup" or len(parts) == 1:
                continue
            if allowed is None and module.layer != "__init__":
                yield f"{module.name}: a layer the rule does not know"
                break
            if parts[1] not in MAY_IMPORT or parts[1] == module.layer:  # the root's own names, its own layer
                continue
            if parts[1] not in (allowed or ()):
                yield f"{module.name}:{line}: {module.layer} may not import {name}"


def relative(all_modules: list[Module]) -> Iterator[str]:
    """Imports are absolute."""
    for module in all_modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                yield f"{module.name}:{node.lineno}: relative import"


def circular(all_modules: list[Module]) -> Iterator[str]:
    """No module imports, by whatever way round and wherever in the file, a module that imports it."""
    names = {module.name for module in all_modules}
    graph = {}
    for module in all_modules:
        targets = {target for name, _ in imports(module) for target in (name, name.rpartition(".")[0])}
        graph[module.name] = sorted((targets & names) - {module.name})
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> Iterator[str]:
        if name in path:
            yield " -> ".join([*path[path.index(name) :], name])
        elif name not in done:
            for target in graph[name]:
                yield from visit(target, (*path, name))
            done.add(name)

    for name in graph:
        yield from visit(name, ())


def hidden(all_modules: list[Module]) -> Iterator[str]:
    """No import hides behind TYPE_CHECKING but in the two modules that name what all others do, for quick starts."""
    for module in all_modules:
        if module.name in FACADES:
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING"):
                yield f"{module.name}:{node.lineno}: TYPE_CHECKING"


def worldly(all_modules: list[Module]) -> Iterator[str]:
    """The engine knows no clock, no drive and no network."""
    for module in all_modules:
        rule = KNOWS_NO.get(module.layer)
        if rule is None or module.name in EXCEPTIONS:
            continue
        for name, line in imports(module):
            if name.split(".")[0] in rule["modules"] or name in rule["calls"]:
                yield f"{module.name}:{line}: {module.layer} knows no {name}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                called = ".".join(dotted(node.func).split(".")[-2:])
                if called in rule["calls"]:
                    yield f"{module.name}:{node.lineno}: {module.layer} knows no {called}"


def printing(all_modules: list[Module]) -> Iterator[str]:
    """Only the command line prints."""
    for module in all_modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and dotted(node.func) == "print" and module.layer != "cli":
                yield f"{module.name}:{node.lineno}: print"


def oversized(all_modules: list[Module]) -> Iterator[str]:
    """A module has one job, a function fits on a screen."""
    for module in all_modules:
        if module.lines > LONGEST_MODULE and module.name not in EXCEPTIONS:
            yield f"{module.name}: {module.lines} lines"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > LONGEST_FUNCTION and f"{module.name}:{node.name}" not in EXCEPTIONS:
                    yield f"{module.name}:{node.lineno}: {node.name} has {lines} lines"


Rule = Callable[[list[Module]], Iterator[str]]
RULES = (upward, relative, circular, hidden, worldly, printing, oversized)


@pytest.mark.parametrize("rule", RULES)
def test_product_keeps_every_rule(rule: Rule) -> None:
    """The sources of the product and of its plugins breach none of the house rules."""
    assert list(rule(modules(ROOT))) == []


def test_every_layer_is_found() -> None:
    """The reading really sees the product: every package there is in it has a rule."""
    packages = {path.parent.name for path in ROOT.glob("traybackup/*/__init__.py")}
    assert {"api", "engine", "sources", "stores", "app", "cli"} <= packages <= set(MAY_IMPORT)


BREACHES = [
    (upward, "traybackup/api/a.py", "import traybackup.engine.pack"),
    (upward, "traybackup/engine/a.py", "from traybackup.stores.local import LocalStore"),
    (upward, "traybackup/engine/a.py", "from traybackup import app"),
    (upward, "traybackup/sources/a.py", "def late():\n    import traybackup.engine"),
    (upward, "traybackup/stores/a.py", "import importlib\nimportlib.import_module('traybackup.desktop.drives')"),
    (upward, "traybackup/cli/a.py", "from traybackup.engine.repository import Repository"),
    (upward, "traybackup/app/a.py", "from traybackup.cli import main"),
    (upward, "traybackup/cellar/a.py", "from traybackup.api import errors"),
    (upward, "plugins/x/traybackup_x/a.py", "from traybackup.app import service"),
    (upward, "plugins/x/traybackup_x/a.py", "from traybackup.testing import StoreConformance"),
    (upward, "traybackup/__init__.py", "from traybackup.api import errors"),
    (relative, "traybackup/engine/a.py", "from . import pack"),
    (circular, "traybackup/engine/a.py", "def late():\n    from traybackup.engine.a2 import b"),
    (hidden, "traybackup/engine/a.py", "import typing\nif typing.TYPE_CHECKING:\n    import os"),
    (worldly, "traybackup/engine/a.py", "import datetime as d\nd.datetime.now()"),
    (worldly, "traybackup/engine/a.py", "from time import time"),
    (worldly, "traybackup/engine/a.py", "import socket"),
    (printing, "traybackup/app/a.py", "def loud():\n    print(1)"),
    (oversized, "traybackup/app/a.py", "\n" * 400 + "x = 1"),
    (oversized, "traybackup/app/a.py", "def long():\n" + "    x = 1\n" * 50),
]


@pytest.mark.parametrize(("rule", "path", "text"), BREACHES)
def test_planted_breach_is_found(tmp_path: Path, rule: Rule, path: str, text: str) -> None:
    """Each rule finds a breach planted in a tree that is clean without it."""
    clean = {
        "traybackup/engine/a2.py": "from traybackup.engine import a\nimport time\ntime.monotonic()\n",
        "traybackup/engine/a.py": "from traybackup.api import errors\n",
        "traybackup/cli/a2.py": "from traybackup.app import service\nprint(1)\n",
        "plugins/x/tests/test_x.py": "from traybackup.testing import StoreConformance\n",
        "plugins/x/traybackup_x/__init__.py": "import traybackup.api\n",
    }
    for name, content in clean.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    assert [breach for each in RULES for breach in each(modules(tmp_path))] == []

    planted = tmp_path / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(textwrap.dedent(text))
    assert list(rule(modules(tmp_path)))
