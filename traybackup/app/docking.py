"""Docking: the dock as the attendant knows it, and what happens to drives as notices for the teller."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from traybackup.api.errors import DriveError
from traybackup.app import newsfrom
from traybackup.app.attendant import Attachments, Attendant
from traybackup.app.config import Config
from traybackup.app.dock import Dock, Told
from traybackup.app.drives import Drives
from traybackup.app.language import Language
from traybackup.app.notices import Notice
from traybackup.app.resident import Resident
from traybackup.app.stickloop import Note, Stage
from traybackup.app.view import Attached

_GONE = frozenset({Note.OUT, Note.WITHDRAW, Note.TOO_EARLY})


class Docking(Attachments):
    """The backup drives that are plugged in, each in its closed loop."""

    def __init__(self, drives: Drives, resident: Resident) -> None:
        self.dock = Dock(drives, resident.paths, lambda: resident.load().config)

    def begin(self, attendant: Attendant) -> None:
        """Begin to watch; where drives cannot be watched, nothing is plugged in."""
        self.dock.changed = attendant.changed_now
        self.dock.attach(attendant.resident, attendant.scheduler)
        attendant.watchers.append(self.dock)
        with suppress(DriveError):
            self.dock.start()

    def close(self) -> None:
        self.dock.close()

    def present(self, known: Config) -> Mapping[str, str]:
        return self.dock.present(known)

    def labels(self) -> Mapping[str, str]:
        return self.dock.labels()

    def unplug(self) -> frozenset[str]:
        return self.dock.unplug()

    def attached(self) -> tuple[Attached, ...]:
        return tuple(
            Attached(
                one.id,
                one.drive.name,
                next(iter(one.drive.destinations), ""),
                running=one.stage is Stage.RUNNING,
            )
            for one in self.dock.docked()
            if one.stage is not Stage.UNPLUG
        )

    def eject(self, drive: str) -> None:
        self.dock.eject(drive)

    def tell(
        self,
        attendant: Attendant,
        language: Callable[[], Language],
        happened: Callable[[Notice], object],
        left: Callable[[str], object],
    ) -> None:
        """Have everything told that happens to drives."""

        def say(told: Told) -> None:
            drive = told.drive.drive.id
            if told.note in _GONE:
                left(drive)
            programs = str((told.error.params.get("programs") if told.error else None) or "")
            notice = newsfrom.from_drive(told.note, drive, told.drive.name, attendant.view(), language(), programs)
            if notice is not None:
                happened(notice)

        self.dock.say = say
