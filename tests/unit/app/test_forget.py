"""Forget: what rules or names remove, and what they never do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from traybackup.api.errors import ClockDoubtful, NoSuchSnapshot, RepositoryLocked
from traybackup.api.progress import Cancel, Progress
from traybackup.app.forget import ForgetRequest, Policy, forget
from traybackup.app.listing import Filter, list_snapshots
from traybackup.app.locking import locked
from traybackup.app.opening import opened
from traybackup.app.zone import SystemZone


def ids(shop: Any) -> list[str]:
    return [one.id for one in list_snapshots(shop.context, shop.access, Filter()).snapshots]


@pytest.fixture
def days(shop: Any) -> list[str]:
    """Make two snapshots a day for three days; return their ids."""
    found = []
    for _ in range(3):
        found.append(shop.save().snapshot.id)
        shop.clock.forward(hours=2)
        found.append(shop.save().snapshot.id)
        shop.clock.forward(hours=22)
    return found


def run(shop: Any, **wishes: object) -> list[str]:
    done = forget(shop.context, ForgetRequest(shop.access, **wishes), progress=Progress(), cancel=Cancel())  # type: ignore[arg-type]  # a test's shorthand
    return [one.id for one in done.removed]


def test_rules_keep_what_they_say(shop: Any, days: list[str]) -> None:
    """--keep-daily 2 keeps the newest of each of the last two days."""
    assert set(run(shop, policy=Policy(daily=2))) == set(days) - {days[3], days[5]}
    assert set(ids(shop)) == {days[3], days[5]}


def test_a_dry_run_removes_nothing(shop: Any, days: list[str]) -> None:
    """It decides the same, takes no lock and changes nothing."""
    with opened(shop.context, shop.access) as target, locked(shop.context, target.repository, exclusive=True):
        assert len(run(shop, policy=Policy(last=1), dry_run=True)) == 5
    assert ids(shop) == days


def test_named_snapshots_go_whatever_the_rules(shop: Any, days: list[str]) -> None:
    """Ids are removed, all or none."""
    with pytest.raises(NoSuchSnapshot):
        run(shop, wanted=(days[0], "ffff"))
    assert ids(shop) == days
    assert run(shop, wanted=(days[0][:10], days[0])) == [days[0]]
    assert ids(shop) == days[1:]


def test_rules_are_only_about_what_fits(shop: Any, days: list[str]) -> None:
    """Snapshots of another computer are left alone."""
    other = shop.save(host="other").snapshot.id
    removed = run(shop, policy=Policy(last=1), which=Filter(hosts=("till-1",)))
    assert other not in removed
    assert set(ids(shop)) == {other, days[-1]}


def test_a_clock_that_cannot_be_right_decides_nothing(shop: Any, days: list[str]) -> None:
    """With a clock years behind its own snapshots nothing is removed."""
    shop.clock.now = datetime(2000, 1, 1, tzinfo=UTC)
    with pytest.raises(ClockDoubtful):
        run(shop, policy=Policy(last=1))
    assert ids(shop) == days


def test_nothing_is_removed_while_a_backup_runs(shop: Any, days: list[str]) -> None:
    """Removing needs the place for itself."""
    with (
        opened(shop.context, shop.access) as target,
        locked(shop.context, target.repository, exclusive=False),
        pytest.raises(RepositoryLocked),
    ):
        run(shop, policy=Policy(last=1))
    assert ids(shop) == days


def test_days_are_those_of_the_shop() -> None:
    """The calendar is the computer's own, summer time included."""
    zone = SystemZone()
    winter = datetime(2026, 1, 15, 23, 30, tzinfo=UTC).astimezone(zone)
    summer = datetime(2026, 7, 15, 22, 30, tzinfo=UTC).astimezone(zone)
    assert (winter.day, winter.hour, winter.utcoffset()) == (16, 0, timedelta(hours=1))
    assert (summer.day, summer.hour, summer.utcoffset()) == (16, 0, timedelta(hours=2))
    assert summer.astimezone(UTC) == datetime(2026, 7, 15, 22, 30, tzinfo=UTC)
    assert zone.utcoffset(None) is None
    assert zone.dst(None) is None
    assert zone.tzname(None) is None
    assert winter.tzname()
