"""UDisks2's objects understood, and its habits dealt with, on a bus that behaves as the real one was seen to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pytest

from tests.unit.desktop import udisks_objects as recorded
from traybackup.api.errors import DriveBusy, DriveError, DriveGone, DriveRefused, DriveStillThere
from traybackup.desktop.drives import udisks
from traybackup.desktop.drives.bus import NO_BUS, BusError
from traybackup.desktop.drives.model import Drive, Released, drive_of, external
from traybackup.desktop.drives.udisks import UDisks
from traybackup.desktop.drives.udisks_tree import drives_of

ERROR = "org.freedesktop.UDisks2.Error"


def test_a_stick() -> None:
    """Its maker, bus, volume and label are told, and the moment at which it was plugged in."""
    (found,) = drives_of(recorded.stick("/media/anna/KASSE"))
    assert (found.name, found.bus, found.external, found.system) == ("Kingston DataTraveler", "usb", True, False)
    assert (found.can_power_off, found.can_eject, found.medium) == (True, True, True)
    assert (found.plugged, found.device, found.mounts) == ("1772000000000000", "/dev/sdb", ("/media/anna/KASSE",))
    (volume,) = found.volumes
    assert (volume.device, volume.label, volume.filesystem, volume.serial) == (
        "/dev/sdb1",
        "KASSE",
        "vfat",
        "1A2B-3C4D",
    )


def test_a_usb_disk_is_external_although_it_is_not_ejectable() -> None:
    """What counts is that it can be unplugged; what was unlocked on it is one of its volumes."""
    (found,) = drives_of(recorded.usb_disk())
    assert (found.external, found.can_eject, found.can_power_off) == (True, False, True)
    assert found.mounts == ("/media/safe", "/media/a", "/mnt/b")


def test_the_computers_own_disk_and_optical_drives() -> None:
    """The one is the system's and no external drive, the others are left out."""
    (found,) = drives_of(recorded.own_disk())
    assert (found.name, found.system, found.external) == ("Samsung SSD", True, False)


def test_a_computer_that_runs_from_a_stick() -> None:
    """The stick with the root folder is the system's, whatever it is."""
    (found,) = drives_of(recorded.stick("/"))
    assert found.system


def test_nonsense_is_no_drive() -> None:
    """Properties of another type, or missing, are as if they were not there."""
    odd = recorded.stick("/media/a")
    odd[recorded.STICK] = {"org.freedesktop.UDisks2.Drive": {"Model": ("i", 5), "Size": ("s", "?")}}
    (found,) = drives_of(odd)
    assert (found.name, found.external, found.medium) == ("", False, False)
    assert drives_of({}) == ()


@pytest.mark.parametrize(("removable", "bus", "says"), [(True, "", True), (False, "USB", True), (False, "sata", False)])
def test_external(removable: bool, bus: str, says: bool) -> None:  # noqa: FBT001 - a table
    """Either the medium or the bus says so."""
    assert external(removable=removable, bus=bus) is says


def test_the_drive_of_a_path_is_that_of_the_deepest_mount() -> None:
    """A folder on a stick is the stick's, though the stick is mounted below the computer's own disk."""
    found = drives_of(recorded.own_disk() | recorded.stick("/media/anna/KASSE"))
    on = {path: one.name if (one := drive_of(path, found)) else "" for path in ("/srv/till", "/media/anna/KASSE/a")}
    assert on == {"/srv/till": "Samsung SSD", "/media/anna/KASSE/a": "Kingston DataTraveler"}
    assert drive_of("/media/anna/KASSE2", drives_of(recorded.stick("/media/anna/KASSE"))) is None


@dataclass
class FakeBus:
    """UDisks2 with a stick: what it is asked in order, and what it fails at."""

    objects: dict[str, Any]
    asked: list[str] = field(default_factory=list)
    failing: list[BusError] = field(default_factory=list)
    leaves: bool = True
    pauses: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def call(
        self,
        target: tuple[str, str, str],
        method: str,
        signature: str = "",
        values: Sequence[object] = (),
        *,
        seconds: float = 0,
    ) -> Any:
        assert (signature, seconds > 0) in (("", True), ("a{sv}", True))
        assert tuple(values) in ((), ({},))
        if method == "GetManagedObjects":
            return (self.objects,)
        self.asked.append(method)
        if self.failing:
            raise self.failing.pop(0)
        return getattr(self, f"_{method.lower()}")(target[1])

    def _mounts(self, path: str) -> Any:
        return self.objects[path]["org.freedesktop.UDisks2.Filesystem"]

    def _mount(self, path: str) -> tuple[str]:
        self._mounts(path)["MountPoints"] = ("aay", [b"/media/KASSE\0"])
        return ("/media/KASSE",)

    def _unmount(self, path: str) -> tuple[()]:
        files = self._mounts(path)
        files["MountPoints"] = ("aay", files["MountPoints"][1][1:])
        return ()

    def _poweroff(self, _path: str) -> tuple[()]:
        if self.leaves:
            self.objects.clear()
        return ()

    def _eject(self, path: str) -> tuple[()]:
        if self.leaves:
            self.objects[path]["org.freedesktop.UDisks2.Drive"]["MediaAvailable"] = ("b", False)
        return ()

    def drives(self) -> UDisks:
        return UDisks(connect=lambda: self, pause=self._pause)  # type: ignore[arg-type,return-value]  # as good as one

    def _pause(self, _seconds: float) -> None:
        self.pauses += 1

    def drive(self) -> Drive:
        return self.drives().list()[0]


def test_it_is_switched_off_and_not_ejected() -> None:
    """Where there is a switch it is used, after everything is unmounted, and nothing else is done."""
    bus = FakeBus(recorded.stick("/media/a", "/media/b"))
    assert bus.drives().release(bus.drive()) is Released.OFF
    assert bus.asked == ["Unmount", "Unmount", "PowerOff"]


def test_it_is_ejected_where_there_is_no_switch() -> None:
    """Then its medium is gone, and the drive is still there."""
    bus = FakeBus(recorded.stick("/media/a", CanPowerOff=False))
    assert bus.drives().release(bus.drive()) is Released.EJECTED
    assert bus.asked == ["Unmount", "Eject"]


def test_it_is_only_unmounted_where_there_is_neither() -> None:
    """Nothing more can be done, and all of it is written."""
    bus = FakeBus(recorded.stick("/media/a", CanPowerOff=False, Ejectable=False))
    assert bus.drives().release(bus.drive()) is Released.UNMOUNTED
    assert bus.asked == ["Unmount"]


@pytest.mark.parametrize("switch", [True, False])
def test_an_answer_is_not_the_end(switch: bool) -> None:  # noqa: FBT001 - a table
    """One that is still there after yes was said is not gone, and nothing else is tried on it."""
    bus = FakeBus(recorded.stick("/media/a", CanPowerOff=switch), leaves=False)
    with pytest.raises(DriveStillThere):
        bus.drives().release(bus.drive())
    assert bus.asked == ["Unmount", "PowerOff" if switch else "Eject"]


def test_switching_off_that_fails_is_not_followed_by_ejecting() -> None:
    """Never both: the second would fail, and nobody would know what holds."""
    bus = FakeBus(recorded.stick())
    bus.failing = [BusError(f"{ERROR}.Failed", "Error syncing")]
    with pytest.raises(DriveError) as told:
        bus.drives().release(bus.drive())
    assert (told.value.reason, bus.asked) == ("Error syncing", ["PowerOff"])


def test_what_is_busy_for_a_moment_is_waited_for() -> None:
    """A program that looks at a new file holds nobody up."""
    bus = FakeBus(recorded.stick("/media/a"))
    bus.failing = [BusError(f"{ERROR}.DeviceBusy")] * 3
    assert bus.drives().release(bus.drive()) is Released.OFF
    assert bus.pauses == 3


def test_what_stays_busy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the programs that hold it; it is neither switched off nor ejected."""
    monkeypatch.setattr(udisks, "holders", lambda mounts: ("explorer", "till") if mounts == ("/media/a",) else ())
    bus = FakeBus(recorded.stick("/media/a"))
    bus.failing = [BusError(f"{ERROR}.DeviceBusy")] * 9
    with pytest.raises(DriveBusy) as told:
        bus.drives().release(bus.drive())
    assert (told.value.drive, told.value.programs) == ("KASSE", "explorer, till")
    assert set(bus.asked) == {"Unmount"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (f"{ERROR}.NotAuthorized", DriveRefused),
        (f"{ERROR}.NotAuthorizedCanObtain", DriveRefused),
        (f"{ERROR}.Failed", DriveError),
        ("org.freedesktop.DBus.Error.UnknownMethod", DriveGone),
    ],
)
def test_refusals_have_their_word(name: str, kind: type[DriveError]) -> None:
    """Not allowed, gone and failed are told apart, by mounting as by ejecting."""
    for act in (lambda bus: bus.drives().release(bus.drive()), lambda bus: bus.drives().mount(bus.drive().volumes[0])):
        bus = FakeBus(recorded.stick())
        bus.failing = [BusError(name, "words")] * 9
        with pytest.raises(kind) as told:
            act(bus)
        assert (told.value.drive, told.value.reason) == ("KASSE", "words")
        assert len(bus.asked) == 1 or kind is not DriveRefused


def test_mounting_that_fails_at_first_is_tried_again() -> None:
    """UDisks2 may clear up the folder that it has just made."""
    bus = FakeBus(recorded.stick())
    bus.failing = [BusError(f"{ERROR}.Failed", "mount point does not exist")] * 3
    assert bus.drives().mount(bus.drive().volumes[0]) == "/media/KASSE"
    assert bus.pauses == 3


def test_what_is_mounted_is_not_mounted_again() -> None:
    """Its folder is returned, and nothing is asked for."""
    bus = FakeBus(recorded.stick("/media/here"))
    assert bus.drives().mount(bus.drive().volumes[0]) == "/media/here"
    assert bus.asked == []


def test_one_that_was_unplugged_meanwhile() -> None:
    """It is gone, for mounting and for ejecting."""
    bus = FakeBus(recorded.stick("/media/a"))
    gone = bus.drive()
    bus.objects = {}
    with pytest.raises(DriveGone):
        bus.drives().mount(gone.volumes[0])
    with pytest.raises(DriveGone):
        bus.drives().release(replace(gone))


def test_without_a_bus() -> None:
    """It is an error with a reason, wherever it is noticed."""

    def none() -> Any:
        raise BusError(NO_BUS, "no socket")

    here = UDisks(connect=none)
    acts: list[Callable[[], object]] = [here.list, lambda: here.watch(lambda _: None)]
    for act in acts:
        with pytest.raises(DriveError) as told:
            act()
        assert told.value.reason == "no socket"
