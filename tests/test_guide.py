"""plugins/README.md tells authors of plugins the truth: its words, errors and methods are those of the contract."""

import ast
import inspect
import re
import textwrap
from pathlib import Path

import traybackup.api
from traybackup.api import FieldKind, Provider, Retry, Store, StoreError

GUIDE = (Path(__file__).resolve().parent.parent / "plugins" / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """Return the rows of the table whose first column is called *heading*."""
    lines = GUIDE.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


def methods(source: str) -> dict[str, ast.FunctionDef]:
    """Return the methods of the classes in *source*."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {item.name: item for one in classes for item in one.body if isinstance(item, ast.FunctionDef)}


def test_every_error_is_explained_with_whether_it_is_tried_again() -> None:
    """The table has each error that a place may raise, once, under what the host does about it."""
    told = {}
    for row in rows("raise"):
        for name in re.findall(r"`(\w+)[^`]*`", row[0]):
            told[name] = row[2].startswith("yes")
    known = {name: getattr(traybackup.api, name) for name in traybackup.api.__all__}
    family = {name: one for name, one in known.items() if inspect.isclass(one) and issubclass(one, StoreError)}
    del family["StoreError"]
    assert told == {name: one.retry is Retry.LATER for name, one in family.items()}


def test_every_kind_of_field_is_explained() -> None:
    """The table of the form has each kind of field."""
    told = {name for row in rows("kind") for name in re.findall(r"`([A-Z]+)`", row[0])}
    assert told == {kind.name for kind in FieldKind}


def test_methods_in_the_guide_are_those_of_the_contract() -> None:
    """Whatever it overrides of Provider and Store has the same arguments and types, sign-in included."""
    checked = set()
    for block in BLOCKS:
        if "class " not in block:
            continue
        for name, method in methods(block).items():
            base = getattr(Provider if "(Provider)" in block else Store, name, None)
            if base is None or name.startswith("_"):
                continue
            real = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
            assert isinstance(real, ast.FunctionDef)
            assert ast.unparse(method.args) == ast.unparse(real.args), name
            assert ast.unparse(method.returns or ast.Constant(0)) == ast.unparse(real.returns or ast.Constant(0)), name
            checked.add(name)
    assert {"open", "sign_in_url", "sign_in", "sign_out", "put", "get", "stat", "entries", "delete"} <= checked


def test_names_of_the_api_in_the_guide_exist() -> None:
    """What the code in it imports from traybackup.api is there."""
    names = set()
    for block in BLOCKS:
        for node in ast.walk(ast.parse(block.replace("-> Iterable[Provider]\n", "-> Iterable[Provider]: ...\n"))):
            if isinstance(node, ast.ImportFrom) and node.module == "traybackup.api":
                names |= {alias.name for alias in node.names}
    assert len(names) > 10
    assert names <= set(traybackup.api.__all__)
