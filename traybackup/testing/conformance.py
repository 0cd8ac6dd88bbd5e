"""The conformance kit as a class for pytest.

::

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def open_store(self, tmp_path):
            return lambda: MyStore(tmp_path)

``open_store`` gives a function that opens one more client of the same empty place. A place whose capacity can be set
in a test gives ``limit``, too. A fact that fails shows its values.
"""

from collections.abc import Callable, Iterator

import pytest

from traybackup.api.store import Store
from traybackup.testing.facts import FACTS, Fact
from traybackup.testing.ground import Ground, NotApplicable


class StoreConformance:
    """Inherit, give the fixture ``open_store``, and every fact is a test."""

    many = 300
    """How many objects a long listing has; more than a page of the place."""

    @pytest.fixture
    def open_store(self) -> Callable[[], Store]:
        """Return a function that opens one more client of an empty place."""
        raise NotImplementedError

    @pytest.fixture
    def limit(self) -> Callable[[int | None], None] | None:
        """Return a function that sets the capacity of the place in bytes, or None."""
        return None

    @pytest.fixture
    def ground(self, open_store: Callable[[], Store], limit: Callable[[int | None], None] | None) -> Iterator[Ground]:
        """Give the empty place, and close every client afterwards."""
        with Ground(open_store, limit=limit, many=self.many) as ground:
            yield ground

    @pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
    def test_fact(self, fact: Fact, ground: Ground) -> None:
        """The place keeps its promise in this respect."""
        try:
            fact(ground)
        except NotApplicable:
            pytest.skip("the place cannot simulate it")
