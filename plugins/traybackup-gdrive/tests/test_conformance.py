"""Google Drive keeps the promise of a place, over the real code and real HTTP."""

from collections.abc import Callable

import pytest
from drive_owner import Owner
from drive_server import Fault, World

from traybackup.api import Store
from traybackup.testing import Ground, StoreConformance
from traybackup.testing.facts import clients, listings, objects


class TestGoogleDrive(StoreConformance):
    @pytest.fixture
    def open_store(self, owner: Owner) -> Callable[[], Store]:
        return owner.open

    @pytest.fixture
    def limit(self, world: World) -> Callable[[int | None], None]:
        def set_limit(limit: int | None) -> None:
            world.accounts[0].limit = limit

        return set_limit

    @pytest.fixture
    def revoke(self, owner: Owner, world: World) -> Callable[[], Callable[[], object]]:
        def revoke() -> Callable[[], object]:
            world.revoke_all()
            return owner.sign_in

        return revoke

    @pytest.fixture
    def slow_down(self, world: World) -> Callable[[float], object]:
        return lambda seconds: world.faults.append(Fault("files.*", "429", retry_after=f"{seconds:.0f}"))

    @pytest.fixture
    def cut(self, world: World) -> Callable[[int], object]:
        return lambda after: world.cut_marks.append(world.received + after)

    @pytest.fixture
    def lose_answer(self, world: World) -> Callable[[], object]:
        def lose() -> None:
            world.faults[:] = [Fault(method, "lost") for method in ("files.create", "files.update", "files.upload")]

        return lose

    @pytest.fixture
    def received(self, world: World) -> Callable[[], int]:
        return lambda: world.received


class TestWithShortPages(TestGoogleDrive):
    """The same with a service whose pages are short, whatever was asked for."""

    @pytest.fixture(autouse=True)
    def _short_pages(self, world: World) -> None:
        world.page_cap = 37


class TestWithAPlainServer:
    """A service that cannot leave packs out of a listing costs more, and everything is right all the same."""

    @pytest.mark.parametrize("fact", [*listings.FACTS, clients.other_client_sees_puts, objects.legal_names])
    def test_fact(self, owner: Owner, world: World, fact: Callable[[Ground], None]) -> None:
        """The place keeps its promise in this respect, too."""
        world.kinds_known = False
        with Ground(owner.open, many=50) as ground:
            fact(ground)
