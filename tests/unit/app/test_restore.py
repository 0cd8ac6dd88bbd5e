"""Restore: what comes back, and where."""

from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import NotInSnapshot, RepositoryLocked, TargetUnusable
from traybackup.api.progress import Cancel, Progress
from traybackup.app.locking import locked
from traybackup.app.opening import opened
from traybackup.app.restore import Overwrite, Restoration, RestoreRequest, bring_back


def restore(shop: Any, wanted: str, into: Path, **wishes: object) -> Restoration:
    request = RestoreRequest(shop.access, wanted, into, **wishes)  # type: ignore[arg-type]  # a test's shorthand
    return bring_back(shop.context, request, progress=Progress(), cancel=Cancel())


def test_everything_comes_back_under_its_old_path(shop: Any, tmp_path: Path) -> None:
    """A snapshot is restored below the folder, each file with its whole path."""
    shop.save()
    done = restore(shop, "latest", tmp_path / "out")
    assert done.problem is None
    assert done.restored.files == 2
    back = tmp_path / "out" / shop.source.relative_to("/")
    assert (back / "data" / "sales.txt").read_bytes() == b"one\ntwo\n"


def test_a_folder_comes_back_without_the_path_to_it(shop: Any, tmp_path: Path) -> None:
    """SNAPSHOT:FOLDER restores what is in the folder."""
    shop.save()
    restore(shop, f"latest:{shop.source}", tmp_path / "out")
    assert (tmp_path / "out" / "settings.ini").read_bytes() == b"[till]\n"
    for wrong in ("/nowhere", f"{shop.source}/settings.ini"):
        with pytest.raises(NotInSnapshot):
            restore(shop, f"latest:{wrong}", tmp_path / "other")


def test_only_what_was_asked_for_comes_back(shop: Any, tmp_path: Path) -> None:
    """--only narrows a restore; a path that is not there is an error."""
    shop.save()
    restore(shop, "latest", tmp_path / "out", only=(f"{shop.source}/data",))
    back = tmp_path / "out" / shop.source.relative_to("/")
    assert [path.name for path in back.iterdir()] == ["data"]
    with pytest.raises(NotInSnapshot):
        restore(shop, "latest", tmp_path / "out", only=("/nowhere",))


def test_nothing_is_overwritten_unless_asked(shop: Any, tmp_path: Path) -> None:
    """A different file stays and is reported; it can be set aside or replaced on request."""
    shop.save()
    mine = tmp_path / "out" / "settings.ini"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    done = restore(shop, f"latest:{shop.source}", tmp_path / "out")
    assert mine.read_bytes() == b"mine"
    assert done.problem is not None
    assert done.problem.exit_code == 3
    done = restore(shop, f"latest:{shop.source}", tmp_path / "out", overwrite=Overwrite.ASIDE)
    assert done.problem is None
    assert mine.read_bytes() == b"[till]\n"
    assert {path.read_bytes() for path in mine.parent.iterdir() if path.is_file()} == {b"mine", b"[till]\n"}


def test_a_file_is_no_folder_to_restore_into(shop: Any, tmp_path: Path) -> None:
    """The target is refused before anything is written."""
    shop.save()
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetUnusable):
        restore(shop, "latest", tmp_path / "file")


def test_a_damaged_piece_costs_only_its_file(shop: Any, tmp_path: Path) -> None:
    """With a data pack gone, what did not need it comes back, and the rest is listed."""
    shop.save()
    (shop.source / "late.txt").write_bytes(b"late")
    shop.clock.forward(hours=1)
    before = {path for path in shop.place.rglob("data/*/*") if path.is_file()}
    shop.save()
    fresh = {path for path in shop.place.rglob("data/*/*") if path.is_file()} - before
    for path in fresh:
        data = path.read_bytes()
        if len(data) < 200:  # the pack with four bytes in it, not the one with the trees
            path.chmod(0o600)
            path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    done = restore(shop, f"latest:{shop.source}", tmp_path / "out")
    assert [item.path for item in done.restored.failed] == [b"/late.txt"]
    assert (tmp_path / "out" / "settings.ini").read_bytes() == b"[till]\n"
    assert not (tmp_path / "out" / "late.txt").exists()


def test_nothing_is_read_while_somebody_removes(shop: Any, tmp_path: Path) -> None:
    """A restore keeps away while the place is being cleaned up."""
    shop.save()
    with (
        opened(shop.context, shop.access) as target,
        locked(shop.context, target.repository, exclusive=True),
        pytest.raises(RepositoryLocked),
    ):
        restore(shop, "latest", tmp_path / "out")
