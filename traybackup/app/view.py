"""The view: all that a face shows of how everything is doing, at one moment. Pure; faces draw it and decide nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from traybackup.app import presence
from traybackup.app.config import DRIVE, FOLDER, PATH, Config, Destination
from traybackup.app.status import State, Status

SERVICES = {
    "azure": "Azure",
    "b2": "Backblaze B2",
    "dropbox": "Dropbox",
    "gdrive": "Google Drive",
    "onedrive": "OneDrive",
}
"""What the owner calls a service, by the id of its provider: names that no plugin has to be loaded for."""


@dataclass(frozen=True, slots=True)
class Place:
    """A destination as the owner knows it.

    Attributes:
        name: In the configuration.
        label: What he calls it.
        drive: It can be unplugged.
        service: It is an account, not something of a name of its own.
    """

    name: str
    label: str
    drive: bool = False
    service: bool = False


@dataclass(frozen=True, slots=True)
class Attached:
    """A backup drive that is plugged in.

    Attributes:
        id: What ejecting it takes.
        running: A run to it is under way.
    """

    id: str
    label: str
    destination: str = ""
    running: bool = False


@dataclass(frozen=True, slots=True)
class Going:
    """A run under way; *share* is how much of it is done, None where nobody knows yet."""

    job: str
    place: Place
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What can be backed up on its own: a job, and where to."""

    job: str
    place: Place


@dataclass(frozen=True, slots=True)
class View:
    """How everything is doing.

    Attributes:
        zone: The shop's.
        paused_until: None: not paused.
        next_due: When something starts by itself next; None: nothing does, or nobody knows.
        can_switch_off: The computer may be switched off from here.
    """

    status: Status
    now: datetime
    zone: tzinfo = UTC
    places: Mapping[str, Place] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()
    going: tuple[Going, ...] = ()
    attached: tuple[Attached, ...] = ()
    paused_until: datetime | None = None
    next_due: datetime | None = None
    can_switch_off: bool = False

    def place(self, name: str) -> Place:
        """Return the place of a destination, also of one that the configuration has lost."""
        return self.places.get(name) or Place(name, name)


SETUP = View(Status(State.SETUP), datetime(2026, 1, 1, tzinfo=UTC))
"""Nothing is known yet."""


def places_of(known: Config, drives: Mapping[str, str] | None = None) -> dict[str, Place]:
    """Return every destination as the owner knows it.

    Args:
        drives: The names of drives, by destination; without, whatever lies where drives are mounted is one.
    """
    named = drives or {}
    providers = [one.provider for one in known.destinations.values()]
    found = {}
    for name, one in known.destinations.items():
        service = SERVICES.get(one.provider, "")
        if service and providers.count(one.provider) == 1:
            found[name] = Place(name, service, service=True)
        else:
            found[name] = Place(name, named.get(name, name), drive=name in named or _is_on_a_drive(one))
    return found


def _is_on_a_drive(one: Destination) -> bool:
    if one.provider == DRIVE:
        return True
    return one.provider == FOLDER and presence.is_below_drives(one.settings.get(PATH, ""))
