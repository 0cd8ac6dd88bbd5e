"""What plugins may rely on: every name is there, every hook is documented as it is, and every hook has a test."""

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import traybackup.api
import traybackup.testing
from traybackup.api import errors, hookspecs

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "plugins" / "README.md").read_text("utf-8")
HOOKS = {name: found for name, found in vars(hookspecs).items() if name.startswith("traybackup_")}


def signature(hook: Callable[..., object]) -> str:
    """Return a hook's exact signature as it stands in the sources."""
    tree = ast.parse(inspect.getsource(hook))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"def {function.name}({ast.unparse(function.args)}){returns}"


@pytest.mark.parametrize("module", [traybackup.api, traybackup.testing])
def test_names_are_sorted_and_there(module: object) -> None:
    """``__all__`` has each name once, in the order that people look for, and each can be imported."""
    names: list[str] = module.__all__  # type: ignore[attr-defined]  # that is the question
    assert len(names) == len(set(names))
    assert names == sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    for name in names:
        assert getattr(module, name) is not None


def test_everything_a_provider_needs_is_public() -> None:
    """What the signatures of Provider, Store and Vault speak of can be imported from ``traybackup.api``."""
    spoken: set[str] = set()
    for kind in (traybackup.api.Provider, traybackup.api.Store, traybackup.api.Vault, traybackup.api.Payload):
        for _, method in inspect.getmembers(kind, inspect.isfunction):
            for annotation in inspect.get_annotations(method).values():
                spoken |= set(re.findall(r"\b[A-Z]\w+", str(annotation).replace("traybackup.api.", "")))
    ours = {name for name in spoken if any(hasattr(part, name) for part in (traybackup.api, errors))}
    assert {"Account", "Entry", "Payload", "SignInAnswer", "SignInRequest", "Space", "Store", "Vault"} <= ours
    assert ours <= set(traybackup.api.__all__)


def test_every_error_that_a_place_may_raise_is_public() -> None:
    """A plugin needs no name from below; those that only the host raises are its own."""
    hosts = {"PlaceUnusable", "PluginCrashed", "PluginRejected", "ProviderUnknown"}
    hosts |= {"SignInImpossible", "SignInRefused", "SignInUnanswered"}
    family = {name for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, errors.StoreError)}
    assert family - hosts <= set(traybackup.api.__all__)
    assert not hosts & set(traybackup.api.__all__)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_in_the_guide_with_its_exact_signature(name: str) -> None:
    """Name, arguments, types and the version since which it is there; the docstring is what the guide says."""
    assert signature(HOOKS[name]) in GUIDE
    says = inspect.getdoc(HOOKS[name]) or ""
    assert re.search(r"Since 1\.\d+\.", says)
    assert says.splitlines()[0] in GUIDE


def test_the_guide_knows_no_other_hook() -> None:
    """A hook that is gone, or has another name now, is not promised."""
    assert set(re.findall(r"def (traybackup_\w+)\(", GUIDE)) <= set(HOOKS)


def test_every_hook_has_a_test_of_its_own() -> None:
    """There is a ``test_hook_…`` for each."""
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for name in HOOKS:
        assert f"def test_hook_{name}(" in tests


def test_the_version_only_grows() -> None:
    """1.x: a plugin that declares ``traybackup<2`` goes on working."""
    major, minor = traybackup.api.API_VERSION
    assert (major, minor) >= (1, 0)
    assert major == 1
