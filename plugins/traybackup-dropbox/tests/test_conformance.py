"""Dropbox keeps the promise of a place, over the real code and real HTTP."""

from collections.abc import Callable

import pytest
from dropbox_owner import Owner
from dropbox_server import Fault, World

from traybackup.api import Store
from traybackup.testing import StoreConformance


class TestDropbox(StoreConformance):
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
        return lambda seconds: world.faults.append(
            Fault("files/*", "429", wait=round(seconds), retry_after=f"{seconds:.0f}")
        )

    @pytest.fixture
    def cut(self, world: World) -> Callable[[int], object]:
        return lambda after: world.cut_marks.append(world.received + after)

    @pytest.fixture
    def lose_answer(self, world: World) -> Callable[[], object]:
        def lose() -> None:
            world.faults[:] = [Fault(method, "lost") for method in ("files/upload", "files/upload_session/finish")]

        return lose

    @pytest.fixture
    def received(self, world: World) -> Callable[[], int]:
        return lambda: world.received


class TestWithShortPages(TestDropbox):
    """The same with a service whose pages are short, whatever was asked for."""

    @pytest.fixture(autouse=True)
    def _short_pages(self, world: World) -> None:
        world.page_cap = 37
