"""The dock: drives come and go, runs begin and end, and what the loops order is done to a drive that a test moves."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.session import wait_until
from traybackup.api.errors import DriveBusy, DriveError, DriveGone, DriveUnknown
from traybackup.app import adopting, dock, stickloop, tags
from traybackup.app.config import Config, Destination
from traybackup.app.dock import Dock, Told
from traybackup.app.paths import Paths
from traybackup.app.resident import build
from traybackup.app.runs import Outcome, Problem, Run, Trigger
from traybackup.app.scheduler import Scheduler
from traybackup.app.stickloop import Note, Stage
from traybackup.app.tags import Tag
from traybackup.desktop.drives.model import Changed, Drive, Drives, Released, Volume, Watch

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)


class Ear(Watch):
    """Somebody who is told."""

    def close(self) -> None:
        """Nothing is told afterwards, because the test is over."""


@dataclass
class Socket(Drives):
    """A socket with at most one stick, which a test plugs in and pulls out."""

    folder: Path
    there: bool = False
    mounted: bool = False
    how: Released = Released.EJECTED
    failing: list[DriveError] = field(default_factory=list)
    told: Changed = lambda _: None

    def list(self) -> tuple[Drive, ...]:
        if not self.there:
            return ()
        volume = Volume("v", "/dev/sdb1", (str(self.folder),) if self.mounted else (), "RED", "vfat", size=1 << 40)
        return (Drive("stick", "Kingston", "/dev/sdb", "usb", plugged="1", external=True, volumes=(volume,)),)

    def watch(self, changed: Changed) -> Watch:
        self.told = changed
        changed(self.list())
        return Ear()

    def mount(self, volume: Volume) -> str:
        assert volume.id == "v"
        if self.failing:
            raise self.failing.pop(0)
        self.mounted = True
        return str(self.folder)

    def release(self, drive: Drive) -> Released:
        assert drive.id == "stick"
        if self.failing:
            raise self.failing.pop(0)
        self.mounted, self.there = False, self.how is not Released.OFF
        return self.how

    def plug(self, *, there: bool = True) -> None:
        self.there, self.mounted = there, False
        self.told(self.list())


@dataclass
class Shop:
    """A dock, and what it has told."""

    socket: Socket
    dock: Dock
    known: Config
    told: list[Told]
    looks: threading.Semaphore

    def stage(self) -> Stage | None:
        return next((one.stage for one in self.dock.docked()), None)

    def wait(self, stage: Stage | None) -> None:
        wait_until(lambda: self.stage() is stage)

    def wait_for(self, *notes: Note) -> None:
        wait_until(lambda: [one.note for one in self.told][-len(notes) :] == list(notes))

    def begin(self) -> Run:
        run = Run(1, "till", "sticks", Trigger.PLUGGED, "", "", NOW)
        self.dock.begun(run)
        self.wait(Stage.RUNNING)
        return run


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """Return a dock to which a stick that is ours can be plugged; nothing takes long."""
    for name in ("SETTLE", "MOUNT_AGAIN", "EJECT_AGAIN"):
        monkeypatch.setattr(stickloop, name, 0.01)
    folder = tmp_path / "RED"
    folder.mkdir()
    tag = Tag(tags.new_id(), "Red")
    adopting.write_tag(str(folder), tag)
    known = Config({"sticks": Destination("sticks", "drive", {"drives": tag.id})})
    monkeypatch.setattr(tags, "all_mounts", list)
    told: list[Told] = []
    looks = threading.Semaphore(0)
    socket = Socket(folder)
    made = Dock(socket, Paths(tmp_path, tmp_path / "s", tmp_path), lambda: known, look=looks.release, say=told.append)
    made.start()
    yield Shop(socket, made, known, told, looks)
    made.close()


def ready(shop: Shop) -> None:
    shop.socket.plug()
    shop.wait(Stage.READY)
    assert shop.looks.acquire(timeout=10)


def test_the_circle(shop: Shop) -> None:
    """Mounted, looked at, run, ejected; present only in between; after it left nothing is known of it any more."""
    assert shop.dock.present(shop.known) == {}
    ready(shop)
    assert list(shop.dock.present(shop.known)) == ["sticks"]
    assert shop.dock.labels() == {"sticks": "Red"}
    run = shop.begin()
    shop.dock.ended(replace(run, outcome=Outcome.SUCCESS))
    shop.wait(Stage.UNPLUG)
    assert shop.dock.unplug() == {"sticks"}
    assert shop.dock.present(shop.known) == {}
    shop.socket.plug(there=False)
    shop.wait(None)
    shop.wait_for(Note.STARTED, Note.DONE, Note.WITHDRAW, Note.OUT)
    assert shop.dock.labels() == {"sticks": "Red"}, "one can still ask for it by its name"
    assert {one.drive.name for one in shop.told} == {"Red"}


def test_one_that_is_switched_off_stays_on_show(shop: Shop) -> None:
    """It is gone for the system at once, and may be unplugged for a while."""
    shop.socket.how = Released.OFF
    ready(shop)
    run = shop.begin()
    shop.dock.ended(replace(run, outcome=Outcome.PARTIAL))
    shop.wait(Stage.UNPLUG)
    shop.socket.told(())
    shop.wait_for(Note.STARTED, Note.DONE)
    assert shop.dock.unplug() == {"sticks"}


def test_pulled_out_under_a_run(shop: Shop) -> None:
    """The run is stopped and it is told; the same if the run notices first."""
    stopped: list[str] = []
    shop.dock.stop = stopped.append
    ready(shop)
    shop.begin()
    shop.socket.plug(there=False)
    shop.wait_for(Note.STARTED, Note.TOO_EARLY)
    wait_until(lambda: stopped == ["sticks"])
    ready(shop)
    run = shop.begin()
    shop.socket.there = False
    shop.dock.ended(replace(run, outcome=Outcome.FAILED, problem=Problem("place-gone")))
    shop.wait_for(Note.TOO_EARLY, Note.STARTED, Note.TOO_EARLY)
    shop.wait(None)


def test_in_use(shop: Shop) -> None:
    """Who holds it is told with the note; a while later it works."""
    ready(shop)
    run = shop.begin()
    shop.socket.failing = [DriveBusy(programs="explorer")] * 2
    shop.dock.ended(replace(run, outcome=Outcome.SUCCESS))
    shop.wait_for(Note.STARTED, Note.IN_USE, Note.DONE)
    assert shop.told[1].error is not None
    assert shop.told[1].error.params["programs"] == "explorer"


def test_gone_while_it_is_ejected(shop: Shop) -> None:
    """It was verified: the copy is out of the house, and nobody says that it is in use."""
    ready(shop)
    run = shop.begin()
    shop.socket.failing = [DriveGone()]
    shop.socket.there = False
    shop.dock.ended(replace(run, outcome=Outcome.SUCCESS))
    shop.wait_for(Note.STARTED, Note.OUT)


def test_it_waits_for_more_runs(shop: Shop) -> None:
    """While another is due it is not ejected."""
    shop.dock.more = lambda names: "sticks" in names
    ready(shop)
    run = shop.begin()
    shop.dock.ended(replace(run, outcome=Outcome.SUCCESS))
    assert shop.looks.acquire(timeout=10)
    shop.wait(Stage.READY)


def test_the_owner_ejects(shop: Shop) -> None:
    """By its name; what is not there cannot be."""
    ready(shop)
    with pytest.raises(DriveUnknown):
        shop.dock.eject("Blue")
    shop.dock.eject("red")
    shop.wait_for(Note.MAY_UNPLUG)


def test_one_that_cannot_be_mounted_is_blocked_silently_while_nobody_knows_it(shop: Shop) -> None:
    """It is tried some times; a stranger's drive is nobody's business."""
    shop.socket.failing = [DriveError()] * stickloop.MOUNT_TRIES
    shop.socket.plug()
    wait_until(lambda: not shop.socket.failing)
    assert shop.told == []
    assert shop.dock.docked() == ()


def test_a_strangers_drive_is_let_be(shop: Shop) -> None:
    """It is mounted to see whose it is, and then left alone."""
    tags.file_of(str(shop.socket.folder)).unlink()
    shop.socket.plug()
    wait_until(lambda: shop.socket.mounted)
    shop.dock.refresh()
    wait_until(lambda: [one.mount for one in shop.dock.found()] == [str(shop.socket.folder)])
    assert shop.dock.docked() == ()
    assert not shop.looks.acquire(blocking=False)


def test_names_outlive_the_program(shop: Shop, tmp_path: Path) -> None:
    """What a drive was called last is known after a new start, without the drive."""
    environment = {"TRAYBACKUP_HOME": str(tmp_path / "home")}
    for known in ({}, {"sticks": "Red"}):
        resident = build(environment)
        made = Dock(shop.socket, resident.paths, lambda: shop.known)
        made.attach(resident, Scheduler(resident, wall=lambda: NOW))
        assert made.labels() == known
        shop.socket.there = not known
        made.start()
        wait_until(lambda made=made: made.labels() == {"sticks": "Red"})  # type: ignore[misc]  # this turn's
        made.close()
        resident.close()


def test_a_drive_that_is_adopted_while_it_is_plugged_in(shop: Shop) -> None:
    """It is in its loop as soon as the configuration knows it."""
    known = shop.known.destinations
    object.__setattr__(shop.known, "destinations", {})  # as if it was not in the file yet
    shop.dock.present(Config())
    shop.socket.plug()
    wait_until(lambda: shop.socket.mounted)
    assert shop.dock.docked() == ()
    object.__setattr__(shop.known, "destinations", known)
    shop.dock.present(shop.known)
    shop.wait(Stage.READY)


def test_a_fault_does_not_end_it(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What should not happen is in the log, and the next event finds the dock alive."""
    logged: list[Exception] = []
    monkeypatch.setattr(dock.crashlog, "record", lambda _paths, error, _now: logged.append(error))
    shop.dock.look = lambda: 1 / 0
    shop.socket.plug()
    wait_until(lambda: len(logged) == 1)
    shop.dock.eject("Red")
    shop.wait_for(Note.MAY_UNPLUG)
    assert tmp_path.exists()
