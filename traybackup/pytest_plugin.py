"""What pytest knows by itself where traybackup is installed: how to show a fact of the kit that does not hold.

A plugin's package whose tests inherit from `traybackup.testing.StoreConformance` gets, without a line of its own:
failed facts with their values and the promise that is broken, the marker ``traybackup_fact`` on each of them, and the
fixture `memory_vault`. Every pytest of that computer loads this module, so it imports nothing until somebody uses the
kit.
"""

import importlib
import sys
from collections.abc import Generator
from typing import Any

import pytest

pytest.register_assert_rewrite("traybackup.testing.facts")

_KIT = "traybackup.testing.conformance"
_MARKER = "traybackup_fact"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, for ``--strict-markers``."""
    config.addinivalue_line("markers", f"{_MARKER}: a fact about a place, stated by traybackup's kit")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the kit's tests: ``pytest -m traybackup_fact`` runs them alone, ``-m "not traybackup_fact"`` the others."""
    if _promise(item):
        item.add_marker(_MARKER)


@pytest.hookimpl(hookwrapper=True)  # which older versions of pytest know, too
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Say which promise is broken when a fact does not hold."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed and (promise := _promise(item)):
        report.sections.append(("What the place should do", promise))


@pytest.fixture
def memory_vault() -> object:
    """Return an empty `traybackup.testing.MemoryVault`, for tests of providers."""
    return importlib.import_module("traybackup.testing").MemoryVault()


def _promise(item: pytest.Item) -> str:
    """Return the sentence of the fact that a test states; empty if it is none of the kit's."""
    kit, owner = sys.modules.get(_KIT), getattr(item, "cls", None)
    if kit is None or owner is None or not issubclass(owner, kit.StoreConformance):
        return ""
    fact = getattr(getattr(item, "callspec", None), "params", {}).get("fact")
    return " ".join((getattr(fact, "__doc__", None) or "").split())
