"""The program that is always there, without a face: drives in their loops, a scheduler, runs; each note is a line.

Started in a room as a process of its own. A line ``eject NAME`` on its input is what its owner clicks.
"""

import json
import sys
from datetime import UTC, datetime

from traybackup.app.dock import Dock, Told
from traybackup.app.drives import open_drives
from traybackup.app.paths import find_own
from traybackup.app.resident import build
from traybackup.app.runs import Run
from traybackup.app.scheduler import Scheduler
from traybackup.app.supervisor import Watcher


class Telling(Watcher):
    """Hands on what runs tell, and writes it down."""

    dock: Dock | None = None

    def begun(self, run: Run) -> None:
        if self.dock is not None:
            self.dock.begun(run)
        tell("begun", job=run.job)

    def ended(self, run: Run) -> None:
        tell("ended", job=run.job, outcome=run.outcome.value if run.outcome else None)
        if self.dock is not None:
            self.dock.ended(run)


def tell(what: str, **more: object) -> None:
    print(json.dumps({"what": what, **more}), flush=True)  # noqa: T201 - this is how it talks


def note(told: Told) -> None:
    error = told.error.code if told.error else None
    programs = told.error.params.get("programs") if told.error else None
    tell(told.note.value, drive=told.drive.name, error=error, programs=programs)


def main() -> None:
    """Go on until the input ends."""
    watcher = Telling()
    resident = build(watcher=watcher)
    dock = Dock(open_drives(), find_own(), lambda: resident.load().config, say=note)
    watcher.dock = dock
    scheduler = Scheduler(resident, wall=lambda: datetime.now(UTC), present=dock.present)
    dock.attach(resident, scheduler)
    scheduler.start()
    dock.start()
    tell("ready", engine=any(name.startswith("traybackup.engine") for name in sys.modules))
    for line in sys.stdin:
        word, _, name = line.strip().partition(" ")
        if word == "eject":
            dock.eject(name)
        elif word == "status":
            tell("status", state=resident.status(unplug=dock.unplug()).state.value)
    dock.close()
    scheduler.close()
    resident.close()


if __name__ == "__main__":
    main()
