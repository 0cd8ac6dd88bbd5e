"""Check and prune as use cases: what they tell, what they free, and that nothing needed goes."""

import os
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import PruneRefused, RepositoryLocked
from traybackup.api.progress import Cancel, Progress
from traybackup.app.check import Check, CheckRequest, check
from traybackup.app.forget import ForgetRequest, Policy, forget
from traybackup.app.locking import locked
from traybackup.app.opening import opened
from traybackup.app.prune import Pruned, PruneLimits, PruneRequest, prune

THOROUGH = PruneLimits(max_unused=0)


def checked(shop: Any, read_data: float = 100) -> Check:
    return check(shop.context, CheckRequest(shop.access, read_data), progress=Progress(), cancel=Cancel())


def pruned(shop: Any, *, dry_run: bool = False) -> Pruned:
    request = PruneRequest(shop.access, THOROUGH, dry_run)
    return prune(shop.context, request, progress=Progress(), cancel=Cancel())


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def grown(shop: Any) -> Any:
    """Make two snapshots, the first of which alone needs a megabyte; forget that one."""
    (shop.source / "big").write_bytes(os.urandom(1 << 20))
    shop.save()
    (shop.source / "big").unlink()
    shop.clock.forward(days=1)
    shop.save()
    request = ForgetRequest(shop.access, policy=Policy(last=1))
    forget(shop.context, request, progress=Progress(), cancel=Cancel())
    return shop


def test_a_sound_place_is_told_so(shop: Any) -> None:
    """Without read_data nothing is read whole, with it everything."""
    shop.save()
    assert checked(shop, 0).result.bytes_read == 0
    done = checked(shop)
    assert done.result.sound
    assert done.result.packs_read == done.result.packs == 2


def test_a_flipped_bit_is_found_and_told_in_files(shop: Any) -> None:
    """Damage is named with the paths that cannot be restored."""
    shop.save()
    (pack,) = [path for path in shop.place.rglob("data/*/*") if path.is_file() and path.stat().st_size < 300]
    data = bytearray(pack.read_bytes())
    data[3] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(data)
    result = checked(shop).result
    assert not result.sound
    assert result.damaged_paths <= {f"{shop.source}/{name}".encode() for name in ("data/sales.txt", "settings.ini")}
    assert result.damaged_paths


def test_a_dry_run_frees_nothing(grown: Any) -> None:
    """It tells what would be freed, without a lock."""
    before = size(grown.place)
    with opened(grown.context, grown.access) as target, locked(grown.context, target.repository, exclusive=False):
        assert pruned(grown, dry_run=True).figures.freed_size >= 1 << 20
    assert size(grown.place) == before


def test_what_nobody_needs_goes_and_the_rest_stays_sound(grown: Any) -> None:
    """The room is free afterwards, everything checks, and no temporary file is left."""
    before = size(grown.place)
    assert pruned(grown).figures.freed_size >= 1 << 20
    assert size(grown.place) < before - (1 << 20)
    assert checked(grown).result.sound
    assert grown.save().counts.files_unmodified == 2
    assert list((grown.context.paths.cache / "work").iterdir()) == []


def test_forget_can_free_the_room_at_once(shop: Any) -> None:
    """Forget --prune does both under one lock."""
    shop.save()
    shop.clock.forward(days=1)
    (shop.source / "data" / "sales.txt").write_bytes(b"three\n")
    shop.save()
    request = ForgetRequest(shop.access, policy=Policy(last=1), prune=THOROUGH)
    done = forget(shop.context, request, progress=Progress(), cancel=Cancel())
    assert done.pruned is not None
    assert done.pruned.figures.unused == 0 or done.pruned.figures.freed_size > 0
    assert checked(shop).result.sound


def test_with_no_snapshot_left_everything_going_is_refused(grown: Any) -> None:
    """An empty list of snapshots is more likely a fault than a wish."""
    for path in (grown.place / "snapshots").iterdir():
        path.unlink()
    before = size(grown.place)
    with pytest.raises(PruneRefused):
        pruned(grown)
    assert size(grown.place) == before


def test_nothing_is_freed_while_a_backup_runs(grown: Any) -> None:
    """Pruning needs the place for itself."""
    with (
        opened(grown.context, grown.access) as target,
        locked(grown.context, target.repository, exclusive=False),
        pytest.raises(RepositoryLocked),
    ):
        pruned(grown)
