"""Dropbox keeps the promise of a place, over the real code and real HTTP."""

from collections.abc import Callable

import pytest
from dropbox_owner import Owner
from dropbox_server import World

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


class TestWithShortPages(TestDropbox):
    """The same with a service whose pages are short, whatever was asked for."""

    @pytest.fixture(autouse=True)
    def _short_pages(self, world: World) -> None:
        world.page_cap = 37
