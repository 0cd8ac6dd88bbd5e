"""The place in memory keeps the promise of a place; so do the stand-ins built on it when nothing is broken."""

from collections.abc import Callable

import pytest

from traybackup.api.store import Store
from traybackup.testing import FaultyStore, MemoryPlace, MemoryStore, StoreConformance


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def place(self) -> MemoryPlace:
        return MemoryPlace()

    @pytest.fixture
    def open_store(self, place: MemoryPlace) -> Callable[[], Store]:
        return lambda: MemoryStore(place)

    @pytest.fixture
    def limit(self, place: MemoryPlace) -> Callable[[int | None], None]:
        def set_capacity(capacity: int | None) -> None:
            place.capacity = capacity

        return set_capacity


class TestFaultyStoreWithoutFaults(TestMemoryStore):
    @pytest.fixture
    def open_store(self, place: MemoryPlace) -> Callable[[], Store]:
        return lambda: FaultyStore(MemoryStore(place))
