"""A *Drive* is what one plugs in and out as a whole, a *Volume* a file system on it; *Drives* is the interface.

Nothing here knows what is kept on a drive. Which volume is a backup drive is said by its marker file, and read by
`traybackup.app.drives`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from types import TracebackType
from typing import Self

EXTERNAL_BUSES = frozenset({"usb", "sdio", "ieee1394", "mmc", "thunderbolt"})


@dataclass(frozen=True, slots=True)
class Volume:
    """A file system on a drive.

    Attributes:
        id: What the system calls it: an object path, a letter, a device.
        device: For people and logs: ``/dev/sdb1``, ``F:``.
        mounts: The folders through which it is reached; empty: it is not mounted.
        filesystem: As the system names it; empty: none that it knows.
        serial: A hint only: it is copied with the medium, and gone after formatting.
    """

    id: str
    device: str
    mounts: tuple[str, ...] = ()
    label: str = ""
    filesystem: str = ""
    serial: str = ""
    size: int = 0
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Drive:
    """A stick, a card, a disk: what is plugged in and out as a whole.

    Attributes:
        id: What the system calls it, for as long as it stays plugged in.
        name: Its maker's name for it.
        device: For people and logs: ``/dev/sdb``.
        bus: How it is connected, in lower case; empty: nobody knows.
        plugged: Tells this occasion of being plugged in from every other, where the system knows.
        external: It can be unplugged.
        system: This computer runs from it.
        medium: Something is in it; a card reader may be empty.
        can_power_off: The system can switch it off.
        can_eject: The system can let go of its medium.
    """

    id: str
    name: str = ""
    device: str = ""
    bus: str = ""
    size: int = 0
    plugged: str = ""
    external: bool = False
    system: bool = False
    medium: bool = True
    can_power_off: bool = False
    can_eject: bool = False
    volumes: tuple[Volume, ...] = ()

    @property
    def mounts(self) -> tuple[str, ...]:
        """Every folder through which it is reached."""
        return tuple(mount for volume in self.volumes for mount in volume.mounts)


class Released(Enum):
    """What became of an ejected drive."""

    OFF = "off"
    """It is switched off, and for this computer no longer there."""

    EJECTED = "ejected"
    """Its medium is gone for this computer; the drive itself is still there and can be seen leaving."""

    UNMOUNTED = "unmounted"
    """It can neither be switched off nor ejected; nothing of it is mounted any more, and everything is written."""


class Watch(ABC):
    """Somebody who is told of changes until it is closed."""

    @abstractmethod
    def close(self) -> None:
        """End; nothing is told afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


Changed = Callable[[tuple[Drive, ...]], object]


class Drives(ABC):
    """The drives of this computer. Every method may be called from any thread, and may take long."""

    @abstractmethod
    def list(self) -> tuple[Drive, ...]:
        """Return every drive, built-in ones included.

        Raises:
            DriveError: They cannot be listed.
        """

    @abstractmethod
    def watch(self, changed: Changed) -> Watch:
        """Tell *changed* of the drives: once as they are, then whenever they are others; from one thread.

        Raises:
            DriveError: They cannot be watched.
        """

    @abstractmethod
    def mount(self, volume: Volume) -> str:
        """Mount a volume and return its folder; one that is mounted stays so.

        Raises:
            DriveRefused, DriveGone, DriveError
        """

    @abstractmethod
    def release(self, drive: Drive) -> Released:
        """Unmount all of a drive's volumes and switch it off, or eject it where it has no such switch; never both.

        When this returns, the system has let go: the drive, its medium or its mounts are gone.

        Raises:
            DriveBusy: Something on it is in use.
            DriveRefused: This user may not.
            DriveStillThere: The system said yes, and has it still.
            DriveGone: It was unplugged meanwhile.
            DriveError: Anything else.
        """


def external(*, removable: bool, bus: str) -> bool:
    """Say whether a drive can be unplugged: USB disks call themselves neither removable nor ejectable."""
    return removable or bus.lower() in EXTERNAL_BUSES


def drive_of(path: str, drives: Iterable[Drive]) -> Drive | None:
    """Return the drive that *path*, absolute and without links, lies on; None: no drive that is known."""
    found, deepest = None, -1
    for drive in drives:
        for mount in drive.mounts:
            depth = len(PurePath(mount).parts)
            if depth > deepest and PurePath(path).is_relative_to(mount):
                found, deepest = drive, depth
    return found
