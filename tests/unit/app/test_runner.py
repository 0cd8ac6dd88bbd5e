"""The runner: what happens after the snapshot never makes a failure of it, and room is made where it was missing."""

from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import PlaceGone, StoreError
from traybackup.api.progress import Cancel
from traybackup.app import config, joblist, looking, runner
from traybackup.app.filelock import FileLock
from traybackup.app.jobs import Checking, Job, Keep
from traybackup.app.runs import Verified
from traybackup.app.tidying import Tidying

Event = dict[str, Any]


@pytest.fixture
def job(shop: Any) -> Job:
    """Return a job of the shop's source and place."""

    def add(document: dict[str, Any]) -> None:
        document["destinations"] = {"red": {"provider": "folder", "settings": {"path": str(shop.place)}}}

    config.change(shop.context.paths, add)
    new = Job("stick", (str(shop.source),), "red", keep=Keep(last=1), checking=Checking(100, 1))
    return joblist.add(shop.context.paths, new).job


def run(shop: Any, tidying: Tidying = Tidying(), cancel: Cancel | None = None) -> tuple[int, list[Event]]:  # noqa: B008 - it is frozen
    told: list[Event] = []
    code = runner.run(shop.context, "stick", tidying, tell=told.append, cancel=cancel or Cancel())
    return code, told


def last(events: list[Event], kind: str) -> Event:
    return [one for one in events if one["message_type"] == kind][-1]


def test_old_snapshots_of_this_job_go_and_others_stay(shop: Any, job: Job) -> None:  # noqa: ARG001 - it must be there
    """The rules apply to this computer and these paths alone."""
    other = shop.save(shop.source / "data")
    for hours in (1, 2, 3):
        shop.clock.forward(hours=hours)
        (shop.source / "data" / "sales.txt").write_text(str(hours))
        code, events = run(shop)
        assert code == 0
    assert last(events, "tidied")["removed"] >= 1
    from traybackup.app.listing import Filter, list_snapshots  # noqa: PLC0415 - for this line

    left = list_snapshots(shop.context, shop.access, Filter()).snapshots
    assert other.snapshot.id in {one.id for one in left}
    assert last(events, "summary")["snapshot_id"] in {one.id for one in left}


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize("error", [PlaceGone(place="red"), ZeroDivisionError()])
def test_trouble_while_tidying_makes_no_failure(shop: Any, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The backup is safe; what went wrong after it is told."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(runner.forget, "forget", fail)
    code, events = run(shop)
    end = last(events, "run_ended")
    assert (code, end["outcome"]) == (0, "success")
    assert end["code"] == ("place-gone" if isinstance(error, StoreError) else "unexpected")
    assert end["snapshot_id"] == last(events, "summary")["snapshot_id"]


@pytest.mark.usefixtures("job")
def test_stopping_while_tidying_leaves_a_success(shop: Any) -> None:
    """Whoever stops it after the snapshot has his backup."""
    cancel = Cancel()
    told: list[Event] = []

    def tell(event: Event) -> None:
        told.append(event)
        if event["message_type"] == "summary":
            cancel.set()

    assert runner.run(shop.context, "stick", Tidying(check=100), tell=tell, cancel=cancel) == 0
    assert (last(told, "run_ended")["outcome"], last(told, "run_ended")["code"]) == ("success", None)


@pytest.mark.usefixtures("job")
def test_stopping_before_leaves_nothing(shop: Any) -> None:
    """Then there is no snapshot, and nobody says so."""
    cancel = Cancel()
    cancel.set()
    code, events = run(shop, cancel=cancel)
    assert (code, last(events, "run_ended")["outcome"]) == (130, "cancelled")
    assert not [one for one in events if one["message_type"] == "summary"]


@pytest.mark.usefixtures("job")
def test_damage_that_a_check_finds_is_told(shop: Any) -> None:
    """The run is a success, its check is not."""
    run(shop)
    for pack in (shop.place / "data").rglob("*"):
        if pack.is_file():
            data = bytearray(pack.read_bytes())
            data[10] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(data)
    code, events = run(shop, Tidying(check=100))
    assert last(events, "checked")["sound"] is False
    assert (code, last(events, "run_ended")["code"]) == (0, "repository-damaged")


@pytest.mark.usefixtures("job")
def test_room_is_made_first_if_it_was_missing(shop: Any) -> None:
    """Before anything is saved; where there is no place yet, there is none to make; trouble with it ends nothing."""
    code, events = run(shop, Tidying(make_room=True))
    assert (code, last(events, "run_ended")["code"]) == (0, None)
    code, events = run(shop, Tidying(make_room=True))
    kinds = [one["message_type"] for one in events]
    assert kinds.index("tidied") < kinds.index("summary")
    assert code == 0


@pytest.mark.usefixtures("job")
def test_a_destination_is_had_by_one_run(shop: Any) -> None:
    """Who comes second does not begin, and says so."""
    lock = FileLock(shop.context.paths.state / "locks" / "to-red.lock")
    assert lock.acquire()
    code, events = run(shop)
    assert (code, last(events, "run_ended")["outcome"], last(events, "run_ended")["code"]) == (
        11,
        "skipped",
        "run-busy",
    )
    lock.release()
    assert run(shop)[0] == 0


def test_a_slip_in_the_file_does_not_stop_the_run(shop: Any, job: Job) -> None:
    """It goes by the version before; if there is none of the job, the slip is told."""
    config.change(shop.context.paths, lambda document: document["jobs"]["stick"].update(stale_after=3))
    config.file_of(shop.context.paths).write_text("version = ")
    assert run(shop)[0] == 0
    assert job.stale_after is None


def test_a_place_says_what_is_newest(shop: Any, job: Job) -> None:
    """Of this job alone, and only what this program wrote."""
    known = config.load(shop.context.paths)
    (before,) = looking.look(shop.context, known)
    assert before.problem is not None
    assert before.problem.code == "no-repository"
    shop.save(shop.source / "data")
    assert looking.look(shop.context, known)[0].newest is None
    _, events = run(shop)
    (after,) = looking.look(shop.context, known)
    assert after == looking.Looked("stick", "red", Verified(last(events, "summary")["snapshot_id"], shop.clock.now))
    assert looking.newest([], job, "till-1") is None


def test_where_the_work_is(shop: Any, job: Job, tmp_path: Path) -> None:
    """A source that is gone is a failure with its own word, and no new snapshot."""
    joblist.change(shop.context.paths, Job("stick", (str(tmp_path / "gone"),), "red"))
    code, events = run(shop)
    assert (code, last(events, "run_ended")["code"]) == (1, "source-missing")
    assert job.sources
