"""The conformance kit as a class for pytest.

::

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def open_store(self, tmp_path):
            return lambda: MyStore(tmp_path)

``open_store`` gives a function that opens one more client of the same empty place. The other fixtures are hooks with
which a test makes trouble: a full place (``limit``), a sign-in that ends (``revoke``), a service that asks to wait
(``slow_down``), a line that breaks (``cut``, ``lose_answer``, ``received``). They give None as long as nobody overrides
them, and the facts that need them are skipped. `Ground` says what each has to do. A fact that fails shows its values.
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
    def limit(self) -> Callable[[int | None], object] | None:
        """Return a function that sets the capacity of the place in bytes, or None."""
        return None

    @pytest.fixture
    def revoke(self) -> Callable[[], Callable[[], object]] | None:
        """Return a function that ends the sign-in at the service, and returns one that signs in again; or None."""
        return None

    @pytest.fixture
    def slow_down(self) -> Callable[[float], object] | None:
        """Return a function that lets the service ask the next call to wait so many seconds, or None."""
        return None

    @pytest.fixture
    def cut(self) -> Callable[[int], object] | None:
        """Return a function that breaks the line when so many more bytes of content have arrived, or None."""
        return None

    @pytest.fixture
    def lose_answer(self) -> Callable[[], object] | None:
        """Return a function that lets the next put succeed and breaks the line instead of its answer, or None."""
        return None

    @pytest.fixture
    def received(self) -> Callable[[], int] | None:
        """Return a function that counts the bytes of content that have arrived; None if a put never goes on."""
        return None

    @pytest.fixture
    def ground(
        self,
        open_store: Callable[[], Store],
        limit: Callable[[int | None], object] | None,
        revoke: Callable[[], Callable[[], object]] | None,
        slow_down: Callable[[float], object] | None,
        cut: Callable[[int], object] | None,
        lose_answer: Callable[[], object] | None,
        received: Callable[[], int] | None,
    ) -> Iterator[Ground]:
        """Give the empty place, and close every client afterwards."""
        with Ground(
            open_store,
            limit=limit,
            revoke=revoke,
            slow_down=slow_down,
            cut=cut,
            lose_answer=lose_answer,
            received=received,
            many=self.many,
        ) as ground:
            yield ground

    @pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
    def test_fact(self, fact: Fact, ground: Ground) -> None:
        """The place keeps its promise in this respect."""
        try:
            fact(ground)
        except NotApplicable as missing:
            pytest.skip(f"the place cannot simulate it: no {missing}")
