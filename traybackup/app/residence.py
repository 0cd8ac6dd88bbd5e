"""The residence: everything that is always there, put together: attendant, teller, what the desktop says about sleep.

Only one is there for each home of the program. *Residence* is what a face gets.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from traybackup.app import browser, crashlog, paths, resident, teller
from traybackup.app.attendant import Attachments, Attendant, Failed
from traybackup.app.docking import Docking
from traybackup.app.drives import open_drives
from traybackup.app.filelock import FileLock
from traybackup.app.language import Language
from traybackup.app.notices import Situation
from traybackup.app.orders import Order
from traybackup.app.resident import Resident
from traybackup.app.runs import Run
from traybackup.app.safefile import write_private
from traybackup.app.supervisor import Watcher
from traybackup.app.teller import Teller
from traybackup.app.view import View
from traybackup.desktop import autostart
from traybackup.desktop.power import Power

LONG = 1e9
"""Seconds: nobody is still logging on."""

_ARRANGED = "autostart"

Environment = Mapping[str, str]


class AlreadyThere(Exception):
    """Another one is there for the same home."""


class Residence(Watcher):
    """What is always there.

    Attributes:
        attendant: What a face shows and gives its orders to.
    """

    def __init__(
        self,
        attendant: Attendant,
        *,
        language: Callable[[], Language],
        up: Callable[[], float],
    ) -> None:
        self.attendant = attendant
        self._language, self._up = language, up
        self._teller: Teller | None = None
        self._power = Power(woken=self._woken)
        attendant.watchers.append(self)

    def face(self, carry: Callable[[Order], object], plain: Callable[[str, str], object]) -> None:
        """Take in the face: what carries out an order, and what shows a notification if nothing else does."""

        def situation(view: View) -> Situation:
            return Situation(view.now, view.zone, self._up())

        self._teller = Teller(
            self.attendant.resident.history,
            look=self.attendant.view,
            situation=situation,
            language=self._language,
            carry=carry,
            failed=lambda error: crashlog.record(self.attendant.resident.paths, error, _now()),
            opened=lambda clicked: teller.notifier(clicked, plain),
        )
        if isinstance(self.attendant.drives, Docking):
            self.attendant.drives.tell(self.attendant, self._language, self._teller.happened, self._teller.left)

    def begin(self) -> None:
        """Begin to tell, and to hear of sleep."""
        self._power.start()
        if self._teller is not None:
            self._teller.start()

    def end(self) -> None:
        """End that."""
        if self._teller is not None:
            self._teller.close()
        self._power.close()

    def begun(self, run: Run) -> None:
        self._power.hold(str(run.id))

    def ended(self, run: Run) -> None:
        self._power.release(str(run.id))
        if self._teller is not None:
            self._teller.nudge()

    def _woken(self) -> None:
        self.attendant.scheduler.nudge()
        self.attendant.changed()


@contextmanager
def residence(
    environment: Environment,
    *,
    clock: Callable[[], datetime],
    up: Callable[[], float],
    language: Callable[[], Language],
    failed: Failed,
) -> Iterator[Residence]:
    """Yield the only residence of this home.

    Args:
        up: Returns how many seconds ago somebody logged on.

    Raises:
        AlreadyThere
    """
    where = paths.find(environment)
    lock = FileLock(where.state / "tray.lock")
    if not lock.acquire():
        raise AlreadyThere
    try:

        def build(watcher: Watcher) -> Resident:
            return resident.build(environment, clock=clock, watcher=watcher)

        attendant = Attendant(build, clock=clock, drives=_drives, failed=failed)
        _arrange_once(attendant.resident)
        yield Residence(attendant, language=language, up=up)
    finally:
        lock.release()


def _drives(here: Resident) -> Attachments:
    return Docking(open_drives(), here)


def _arrange_once(here: Resident) -> None:
    """See to it, at the very first start, that the desktop starts the program; later the owner's word counts."""
    if here.history.recall(_ARRANGED) is None:
        here.history.remember(_ARRANGED, True)
        autostart.switch(os.environ, on=True)


def start_at_login(environment: Environment, *, wanted: bool) -> None:
    """See to it that the desktop starts the program, or does not."""
    here = resident.build(environment)
    try:
        here.history.remember(_ARRANGED, True)
        autostart.switch(environment, on=wanted)
    finally:
        here.close()


def overview(environment: Environment, page: Callable[[View, tuple[Run, ...]], str]) -> Path:
    """Write the overview into a file that only its owner can read; return where it is."""
    attendant = Attendant(lambda watcher: resident.build(environment, watcher=watcher), clock=_now)
    try:
        text = page(attendant.view(), attendant.resident.history.runs(20))
        file = attendant.resident.paths.state / "overview.html"
        write_private(file, text.encode())
        return file
    finally:
        attendant.resident.close()


def _now() -> datetime:
    return datetime.now().astimezone()


def browse(file: Path, part: str, environment: Environment) -> bool:
    """Open a page in the owner's browser, at one of its parts; say whether that seems to have worked."""
    address = file.absolute().as_uri()
    return browser.open_browser(f"{address}#{part}" if part else address, environment)
