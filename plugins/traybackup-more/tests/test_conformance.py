"""A bucket keeps the promise of a place, on a real S3 server."""

from collections.abc import Callable

import pytest
from s3_servers import Door, Fault, S3Server, error
from traybackup_more.s3 import S3

from traybackup.api import Store
from traybackup.testing import FACTS, Ground, MemoryVault, NotApplicable, StoreConformance
from traybackup.testing.facts.clients import one_of_many_wins, readers_see_whole_objects


class TestS3(StoreConformance):
    """Without `revoke`: the answer to HEAD cannot say whether the key or the right is missing."""

    @pytest.fixture
    def open_store(self, shop: Door, vault: MemoryVault, location: str) -> Callable[[], Store]:
        return lambda: S3().open(shop.settings(location), vault)

    @pytest.fixture
    def slow_down(self, shop: Door) -> Callable[[float], object]:
        return lambda seconds: shop.faults.append(error("SlowDown", 503, **{"Retry-After": f"{seconds:.0f}"}))

    @pytest.fixture
    def lose_answer(self, shop: Door) -> Callable[[], object]:
        return lambda: shop.faults.append(Fault(method="PUT", passes=True))


class TestPlainRclone:
    """rclone alone knows no conditional writes and tears reads while it overwrites; everything else holds, too."""

    @pytest.mark.parametrize(
        "fact",
        [fact for fact in FACTS if fact not in (one_of_many_wins, readers_see_whole_objects)],
        ids=lambda fact: fact.__name__,
    )
    def test_fact(self, rclone: S3Server, vault: MemoryVault, location: str, fact: Callable[[Ground], None]) -> None:
        """The place keeps its promise in this respect."""
        with Ground(lambda: S3().open(rclone.settings(location), vault), many=60) as ground:
            try:
                fact(ground)
            except NotApplicable:
                pytest.skip("the place cannot simulate it")
