"""A WebDAV server keeps the promise of a place: wsgidav and Apache, over real HTTP."""

from collections.abc import Callable

import pytest
from dav_servers import Dav, apache

from traybackup.api import Store
from traybackup.testing import Ground, StoreConformance
from traybackup.testing.facts import atomicity, clients, objects

Opener = Callable[..., Store]


class TestWsgiDav(StoreConformance):
    @pytest.fixture
    def open_store(self, dav: Dav, open_at: Opener) -> Callable[[], Store]:
        return lambda: open_at(dav)

    @pytest.fixture
    def limit(self, dav: Dav) -> Callable[[int | None], None]:
        def set_limit(capacity: int | None) -> None:
            dav.capacity = capacity

        return set_limit


class TestApache(StoreConformance):
    @pytest.fixture
    def open_store(self, real_apache: Dav, open_at: Opener, request: pytest.FixtureRequest) -> Callable[[], Store]:
        folder = f"Tills/{request.node.callspec.id}"
        return lambda: open_at(real_apache, folder=folder)


class TestDigest:
    """A server that wants Digest, which costs one more call in each thread."""

    @pytest.mark.parametrize(
        "fact", [*clients.FACTS, objects.round_trip, atomicity.cancelled_source], ids=lambda fact: fact.__name__
    )
    def test_fact(self, apache2: str, open_at: Opener, fact: Callable[[Ground], None]) -> None:
        """The place keeps its promise in this respect, too."""
        with apache(apache2, accept="Digest") as server, Ground(lambda: open_at(server)) as ground:
            fact(ground)
