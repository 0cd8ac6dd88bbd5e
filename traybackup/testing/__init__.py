"""For authors of places: proof that a Store keeps its promise, and stand-ins for tests.

*StoreConformance* is a class for pytest to inherit from, *FACTS* what it proves, *Ground* an empty place to prove them
on. *MemoryStore* keeps objects in memory, *FaultyStore* breaks on command, *MemoryVault* keeps secrets in memory.

pytest is needed for `StoreConformance` alone and imported with it; a command of the product may state the same facts
about a real account by calling each of `FACTS` with a `Ground`.
"""

import importlib
import sys

if "pytest" in sys.modules:  # a fact that fails shall show its values
    importlib.import_module("pytest").register_assert_rewrite("traybackup.testing.facts")

from traybackup.testing.facts import FACTS
from traybackup.testing.faulty import Do, Fault, FaultyStore
from traybackup.testing.ground import Ground, NotApplicable
from traybackup.testing.memory import MemoryPlace, MemoryStore
from traybackup.testing.vault import MemoryVault

__all__ = [
    "FACTS",
    "Do",
    "Fault",
    "FaultyStore",
    "Ground",
    "MemoryPlace",
    "MemoryStore",
    "MemoryVault",
    "NotApplicable",
    "StoreConformance",
]


def __getattr__(name: str) -> object:
    if name == "StoreConformance":
        return importlib.import_module("traybackup.testing.conformance").StoreConformance
    raise AttributeError(name)
