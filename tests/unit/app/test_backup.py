"""Backup: what a run promises, from the look at the source to the snapshot."""

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from traybackup import __version__
from traybackup.api.errors import (
    Cancelled,
    NoSuchSnapshot,
    RepositoryLocked,
    SourceEmpty,
    SourceIsPlace,
    SourceMissing,
    SourceUnreadable,
    SourceUnusable,
    StoreFull,
)
from traybackup.api.progress import Cancel, Progress
from traybackup.api.source import Item, Selection
from traybackup.api.store import Entry, Payload
from traybackup.app import backup
from traybackup.app.backup import BackupRequest, Outcome, back_up
from traybackup.app.estimate import COUNTED
from traybackup.app.listing import Filter, list_snapshots
from traybackup.app.locking import locked
from traybackup.app.opening import opened
from traybackup.app.restore import RestoreRequest, bring_back
from traybackup.engine.codec import FileKind
from traybackup.sources.folder import FolderSource
from traybackup.stores.local import LocalStore


def saved(shop: Any) -> list[str]:
    """Return the ids of the snapshots, oldest first."""
    return [one.id for one in list_snapshots(shop.context, shop.access, Filter()).snapshots]


def locks(shop: Any) -> int:
    with opened(shop.context, shop.access) as target:
        return len(target.repository.ids(FileKind.LOCK))


def test_a_run_saves_everything_and_says_what(shop: Any) -> None:
    """The snapshot names paths, host, user, time, program and restic's summary; no lock and no work folder stays."""
    done = shop.save(tags=("daily",))
    assert done.outcome is Outcome.SUCCESS
    assert saved(shop) == [done.snapshot.id]
    snapshot = list_snapshots(shop.context, shop.access, Filter()).snapshots[0]
    assert snapshot.paths == (str(shop.source),)
    assert (snapshot.hostname, snapshot.username, snapshot.tags) == ("till-1", "anna", ("daily",))
    assert snapshot.time == shop.clock.now
    assert snapshot.program_version == f"traybackup {__version__}"
    assert snapshot.summary is not None
    assert snapshot.summary["total_files_processed"] == 2
    assert snapshot.summary["files_new"] == 2
    assert done.counts.total_bytes_processed == len(b"one\ntwo\n[till]\n")
    assert locks(shop) == 0
    assert list((shop.context.paths.cache / "work").iterdir()) == []


def test_the_next_run_compares_with_the_last_of_this_host_and_paths(shop: Any) -> None:
    """Unchanged files are not read again; other hosts, other paths and snapshots from the future are no parents."""
    first = shop.save()
    shop.clock.forward(days=400)
    shop.save(host="other")
    shop.save(shop.source / "data")
    shop.clock.forward(days=-399)
    second = shop.save()
    assert second.snapshot.parent == first.snapshot.id
    assert second.counts.files_unmodified == 2
    assert second.counts.data_blobs == 0


def test_a_parent_can_be_chosen(shop: Any) -> None:
    """A run compares with the snapshot that is asked for, or does not start."""
    first = shop.save()
    shop.clock.forward(hours=1)
    shop.save()
    assert shop.save(parent=first.snapshot.id[:12]).snapshot.parent == first.snapshot.id
    with pytest.raises(NoSuchSnapshot):
        shop.save(parent="ffffffff")
    assert len(saved(shop)) == 3


def test_a_new_place_is_told_before_anything_is_saved(shop: Any) -> None:
    """Whoever shows the recovery code gets it while the run can still fail."""

    class Failing(Progress):
        def phase(self, name: str) -> None:
            if name == "save":
                raise KeyboardInterrupt

    request = BackupRequest(shop.access, (os.fsencode(shop.source),))
    with pytest.raises(KeyboardInterrupt):
        back_up(shop.context, request, progress=Failing(), cancel=Cancel(), made=shop.made.append)
    assert len(shop.made) == 1
    assert locks(shop) == 0


def test_what_is_missing_makes_no_snapshot_and_no_place(shop: Any) -> None:
    """A missing source ends the run before anything is made at the place."""
    with pytest.raises(SourceMissing):
        shop.save(shop.source, shop.source / "nowhere")
    assert list(shop.place.iterdir()) == []


def test_a_source_that_is_empty_now_makes_no_snapshot(shop: Any) -> None:
    """An unmounted or emptied folder must not push out good snapshots; --force accepts it."""
    shop.save()
    (shop.source / "data" / "sales.txt").unlink()
    (shop.source / "data").rmdir()
    (shop.source / "settings.ini").unlink()
    with pytest.raises(SourceEmpty) as caught:
        shop.save()
    assert caught.value.path == str(shop.source)
    assert len(saved(shop)) == 1
    assert locks(shop) == 0
    shop.clock.forward(hours=1)
    assert shop.save(force=True).outcome is Outcome.SUCCESS
    shop.clock.forward(hours=1)
    assert shop.save().outcome is Outcome.SUCCESS


def test_the_first_backup_of_an_empty_folder_is_fine(shop: Any, tmp_path: Path) -> None:
    """Empty is only suspicious if it was not so before."""
    (tmp_path / "empty").mkdir()
    assert shop.save(tmp_path / "empty").outcome is Outcome.SUCCESS


class NothingReadable(FolderSource):
    """A source whose folders may not be listed."""

    refused = ("till",)

    def children(self, directory: Item) -> Sequence[Item]:
        if os.path.basename(os.fsdecode(directory.path)) in self.refused:
            raise SourceUnreadable(path=os.fsdecode(directory.path), reason="Permission denied")
        return super().children(directory)


def test_an_unreadable_part_makes_the_run_partial(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is saved, the part is named with the system's reason, and the run is not a success."""
    monkeypatch.setattr(NothingReadable, "refused", ("data",))
    monkeypatch.setattr(backup, "FolderSource", NothingReadable)
    done = shop.save()
    assert done.outcome is Outcome.PARTIAL
    assert [(os.fsdecode(item.path), item.reason) for item in done.unreadable] == [
        (str(shop.source / "data"), "Permission denied")
    ]
    assert done.counts.total_files_processed == 1


def test_a_source_of_which_nothing_can_be_read_makes_no_snapshot(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot of nothing is a failure, not a partial success."""
    shop.save()
    monkeypatch.setattr(backup, "FolderSource", NothingReadable)
    with pytest.raises(SourceUnusable) as caught:
        shop.save()
    assert (caught.value.exit_code, caught.value.reason) == (1, "Permission denied")
    assert len(saved(shop)) == 1


def test_what_lay_in_a_lost_pack_is_stored_again(shop: Any, tmp_path: Path) -> None:
    """With a pack gone the next run reads the source again, so that its snapshot is whole, and tells the damage."""
    shop.save()
    (pack,) = [path for path in shop.place.rglob("data/*/*") if path.is_file() and path.stat().st_size < 300]
    pack.unlink()
    shop.clock.forward(hours=1)
    done = shop.save()
    assert [(damage.kind, damage.id) for damage in done.damaged] == [("pack", pack.name)]
    assert done.counts.data_blobs == 2
    request = RestoreRequest(shop.access, f"latest:{shop.source}", tmp_path / "out")
    assert bring_back(shop.context, request, progress=Progress(), cancel=Cancel()).problem is None


def test_a_place_inside_the_source_is_left_out(shop: Any, tmp_path: Path) -> None:
    """The repository is never saved into itself, whatever way leads there."""
    inside = replace(shop, source=tmp_path)
    done = inside.save()
    assert done.outcome is Outcome.SUCCESS
    assert "left-out-own-data" in {found.code for found in done.findings}
    before = done.counts.total_files_processed
    assert inside.save().counts.total_files_processed == before


def test_the_place_itself_cannot_be_saved(shop: Any) -> None:
    """A source inside the place is refused, with both named."""
    shop.save()
    for path in (shop.place, shop.place / "data"):
        with pytest.raises(SourceIsPlace):
            shop.save(path)
    assert len(saved(shop)) == 1


def test_no_snapshot_follows_a_fault_of_the_place(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full place ends the run; what is there stays sound, unlocked, and the next run just works."""
    first = shop.save()
    (shop.source / "more").write_bytes(os.urandom(100_000))
    put = LocalStore.put

    def full(self: LocalStore, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        if name.startswith("data/"):
            raise StoreFull(needed=payload.size)
        return put(self, name, payload, overwrite=overwrite)

    monkeypatch.setattr(LocalStore, "put", full)
    with pytest.raises(StoreFull) as caught:
        shop.save()
    assert caught.value.place == str(shop.place)
    monkeypatch.undo()
    assert saved(shop) == [first.snapshot.id]
    assert locks(shop) == 0
    assert shop.save(force=True).outcome is Outcome.SUCCESS


def test_a_run_that_is_stopped_leaves_everything_sound(shop: Any) -> None:
    """Asked to stop in the middle, the run makes no snapshot and gives its lock back; the next one just works."""
    for number in range(50):
        (shop.source / f"file-{number}").write_bytes(os.urandom(200_000))
    cancel = Cancel()

    class Stopping(Progress):
        def item(self, path: bytes, state: str, size: int) -> None:  # noqa: ARG002 - counts nothing
            cancel.set()

    request = BackupRequest(shop.access, (os.fsencode(shop.source),))
    with pytest.raises(Cancelled):
        back_up(shop.context, request, progress=Stopping(), cancel=cancel, made=shop.made.append)
    assert saved(shop) == []
    assert locks(shop) == 0
    assert shop.save().outcome is Outcome.SUCCESS


def test_an_exclusive_lock_of_a_living_program_is_respected(shop: Any) -> None:
    """While somebody removes things nothing is added; he is named."""
    shop.save()
    with opened(shop.context, shop.access) as target, locked(shop.context, target.repository, exclusive=True):
        with pytest.raises(RepositoryLocked) as caught:
            shop.save()
        assert caught.value.pid == os.getpid()
    assert len(saved(shop)) == 1
    assert shop.save().outcome is Outcome.SUCCESS


def test_what_is_excluded_is_not_saved(shop: Any) -> None:
    """The selection reaches the source, and its patterns the snapshot."""
    done = shop.save(selection=Selection(exclude=("*.ini",)))
    assert done.counts.total_files_processed == 1
    assert done.snapshot.excludes == ("*.ini",)


def test_a_damaged_list_of_an_earlier_run_does_not_stop_the_next(shop: Any) -> None:
    """An index file that cannot be read is told; what it listed is stored again, so that the new snapshot is whole."""
    shop.save()
    with opened(shop.context, shop.access) as target:
        (entry,) = target.repository.ids(FileKind.INDEX)
    file = shop.place / "index" / entry.id
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    shop.clock.forward(hours=1)
    done = shop.save()
    assert done.outcome is Outcome.SUCCESS
    assert [damage.kind for damage in done.damaged] == ["index"]
    assert done.counts.data_blobs == 2


def test_what_lies_ahead_is_counted_on_request(shop: Any) -> None:
    """With somebody looking at the progress, files and bytes are counted in a thread of their own."""
    seen: list[tuple[int, int]] = []
    counted = threading.Event()

    class Watching(Progress):
        def expect(self, files: int, size: int) -> None:
            seen.append((files, size))

        def phase(self, name: str) -> None:
            if name == COUNTED:
                counted.set()
            if name == "snapshot":
                assert threading.current_thread() is threading.main_thread()

        def item(self, path: bytes, state: str, size: int) -> None:  # noqa: ARG002 - waits for the count
            counted.wait(10)

    request = BackupRequest(shop.access, (os.fsencode(shop.source),))
    back_up(shop.context, request, progress=Watching(), cancel=Cancel(), made=shop.made.append, estimate=True)
    assert counted.is_set()
    assert (sum(files for files, _ in seen), sum(size for _, size in seen)) == (2, 15)


def test_a_count_that_fails_does_not_fail_the_run(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies ahead is only an estimate."""

    def broken(_source: FolderSource) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(FolderSource, "count", broken)
    request = BackupRequest(shop.access, (os.fsencode(shop.source),))
    done = back_up(shop.context, request, progress=Progress(), cancel=Cancel(), made=shop.made.append, estimate=True)
    assert done.outcome is Outcome.SUCCESS


def test_the_time_of_a_snapshot_can_be_given(shop: Any) -> None:
    """A backup of the past bears the time it is asked to."""
    then = shop.clock.now - timedelta(days=30)
    assert shop.save(time=then).snapshot.time == then
