"""Status: how a place is doing, from what is in it."""

import json
from datetime import timedelta
from typing import Any

from traybackup.app.locking import locked, unlock
from traybackup.app.opening import Access, opened
from traybackup.app.placestatus import status


def test_status_counts_what_is_there(shop: Any) -> None:
    """Snapshots, the newest, its age, size, room, keys and locks are told."""
    shop.save()
    shop.clock.forward(hours=5)
    newest = shop.save(host="other").snapshot
    shop.clock.forward(hours=3)
    found = status(shop.context, shop.access)
    assert (found.kind, found.version, found.snapshots, found.keys, found.locks) == ("folder", 2, 2, 1, ())
    assert found.newest is not None
    assert found.newest.id == newest.id
    assert found.age == timedelta(hours=3)
    assert found.hosts == {"till-1": shop.clock.now - timedelta(hours=8), "other": newest.time}
    assert found.size == sum(file.stat().st_size for file in shop.place.rglob("*") if file.is_file())
    assert found.space.free is not None
    assert found.damaged == ()


def test_status_names_locks_and_damage_and_changes_nothing(shop: Any) -> None:
    """Who is at work is named; looking takes no lock."""
    lost = shop.save().snapshot.id
    file = shop.place / "snapshots" / lost
    file.chmod(0o600)
    file.write_bytes(b"rot")
    with opened(shop.context, shop.access) as target, locked(shop.context, target.repository, exclusive=True):
        found = status(shop.context, shop.access)
    assert [lock.exclusive for lock in found.locks] == [True]
    assert [damage.id for damage in found.damaged] == [lost]
    assert (found.newest, found.age, found.snapshots) == (None, None, 0)


def test_a_backup_drive_is_told_as_one(shop: Any) -> None:
    """A drive with our name tag is a drive."""
    (shop.place / "TrayBackup").mkdir()
    (shop.place / "TrayBackup" / "drive.json").write_text(json.dumps({"id": "d-1"}))
    shop.save()
    assert status(shop.context, Access(str(shop.place))).kind == "drive"
    assert sorted(path.name for path in shop.place.iterdir()) == ["TrayBackup"]
    assert sorted(path.name for path in (shop.place / "TrayBackup").iterdir()) == ["drive.json", "repository"]


def test_unlock_leaves_the_living_alone_unless_told_otherwise(shop: Any) -> None:
    """A lock of a program at work stays; the owner can insist."""
    shop.save()
    with opened(shop.context, shop.access) as target, locked(shop.context, target.repository, exclusive=False):
        assert unlock(shop.context, shop.access, remove_all=False) == ()
        assert len(unlock(shop.context, shop.access, remove_all=True)) == 1
