"""A place keeps its promise with everything around it that the host puts there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from traybackup.api.store import Store
from traybackup.stores.guarding import Guard
from traybackup.stores.local import LocalStore
from traybackup.stores.wrapping import Manner, wrap
from traybackup.testing import MemoryPlace, MemoryStore, StoreConformance


class TestWrapped(StoreConformance):
    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace()

    @pytest.fixture
    def open_store(self, place: MemoryPlace) -> Callable[[], Store]:
        return lambda: wrap(MemoryStore(place), Guard("memory"), Manner())

    @pytest.fixture
    def limit(self, place: MemoryPlace) -> Callable[[int | None], None]:
        def set_limit(capacity: int | None) -> None:
            place.capacity = capacity

        return set_limit


class TestWrappedFolder(StoreConformance):
    """The same around files, whose streams and errors are the system's."""

    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], Store]:
        return lambda: wrap(LocalStore(tmp_path), Guard("folder"), Manner())
