"""The attendant: the program that is always there, apart from how it looks.

It lets the scheduler start what is due, knows which drives are plugged in, carries out what a face asks for, each in a
thread of its own, and says how everything is doing (`traybackup.app.view.View`). Faces draw that and decide nothing.
Without any face it does its work all the same.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from traybackup.api.errors import RunBusy, TraybackupError
from traybackup.app import crashlog, daytimes
from traybackup.app.config import Config, Loaded
from traybackup.app.due import Moment
from traybackup.app.events import Event
from traybackup.app.orders import HOUR, Order, Verb
from traybackup.app.presence import there
from traybackup.app.resident import Resident
from traybackup.app.runs import Run
from traybackup.app.scheduler import Scheduler
from traybackup.app.status import Notice
from traybackup.app.supervisor import Watcher
from traybackup.app.view import Attached, Going, Target, View, places_of

_PAUSE = timedelta(hours=1)
_LOOK_AHEAD = 1


class Attachments(ABC):
    """The backup drives that are plugged in."""

    def begin(self, attendant: "Attendant") -> None:
        """Begin to watch."""

    def close(self) -> None:
        """End that."""

    def present(self, known: Config) -> Mapping[str, str]:
        """Return the destinations that are there, each with the occasion on which it came."""
        return there(known)

    def labels(self) -> Mapping[str, str]:
        """Return the names of backup drives, by destination."""
        return {}

    def unplug(self) -> frozenset[str]:
        """Return the destinations whose drive is done and ejected, and still there."""
        return frozenset()

    @abstractmethod
    def attached(self) -> tuple[Attached, ...]:
        """Return the backup drives that are plugged in."""

    @abstractmethod
    def eject(self, drive: str) -> None:
        """Stop what runs to a drive, and let the system let go of it; returns at once.

        Raises:
            DriveUnknown: It is gone.
        """


class NoDrives(Attachments):
    """Nobody watches drives."""

    def attached(self) -> tuple[Attached, ...]:
        return ()

    def eject(self, drive: str) -> None:
        """Do nothing."""


Failed = Callable[[TraybackupError], object]
"""Is told what could not be done that somebody asked for."""


class Attendant(Watcher):
    """The program that is always there.

    Args:
        changed: Called whenever there may be something new to show; must return at once.
        failed: Called in a thread of its own with what could not be done that somebody asked for.
    """

    def __init__(
        self,
        build: Callable[[Watcher], Resident],
        *,
        clock: Callable[[], datetime],
        drives: Callable[[Resident], Attachments] = lambda _: NoDrives(),
        changed: Callable[[], object] = lambda: None,
        failed: Failed = lambda _: None,
    ) -> None:
        self.changed, self.failed = changed, failed
        self.watchers: list[Watcher] = []
        self._clock = clock
        self.resident = build(self)
        self.drives = drives(self.resident)
        self.scheduler = Scheduler(
            self.resident, wall=clock, present=self.drives.present, told=lambda *_: self.changed()
        )
        self._threads: set[threading.Thread] = set()

    def start(self) -> None:
        """Begin to start what is due."""
        self.drives.begin(self)
        self.scheduler.start()

    def changed_now(self) -> None:
        """Say that there may be something new to show."""
        self.changed()

    def close(self) -> None:
        """End, and whatever runs with it; that is made up for at the next start."""
        self.drives.close()
        self.scheduler.close()
        self.resident.close()

    # -- runs tell

    def begun(self, run: Run) -> None:
        for one in self.watchers:
            one.begun(run)
        self.changed()

    def event(self, run: Run, event: Event) -> None:
        for one in self.watchers:
            one.event(run, event)
        if event.get("message_type") in ("status", "phase"):
            self.changed()

    def ended(self, run: Run) -> None:
        for one in self.watchers:
            one.ended(run)
        self.changed()

    # -- how it is doing

    def view(self, notices: Mapping[str, frozenset[Notice]] | None = None) -> View:
        """Return how everything is doing; takes some milliseconds."""
        here = self.resident
        loaded, moment = here.load(), self.scheduler.moment()
        unplug = self.drives.unplug()
        status = here.status(loaded, moment=moment, unplug=unplug, notices=notices)
        places = places_of(loaded.config, self.drives.labels())
        pause = here.paused()
        view = View(
            status=status,
            now=moment.now,
            zone=moment.zone,
            places=places,
            attached=self.drives.attached(),
            paused_until=pause[1] if pause else None,
            next_due=self._next(loaded, moment),
        )
        going = tuple(Going(run.job, view.place(run.destination), _share(event)) for run, event in here.running())
        return replace(
            view,
            going=going,
            targets=tuple(
                Target(job.name, view.place(job.destination)) for job in loaded.config.jobs.values() if job.enabled
            ),
        )

    def _next(self, loaded: Loaded, moment: Moment) -> datetime | None:
        found = [
            time
            for job in loaded.config.jobs.values()
            if job.enabled
            for time in self.resident.upcoming(job, moment, _LOOK_AHEAD)
        ]
        return min(found, default=None)

    # -- what a face asks for; all of it returns at once

    def carry(self, order: Order) -> None:
        """Carry out an order that needs no face."""
        orders: dict[Verb, Callable[[], object]] = {
            Verb.BACK_UP: lambda: self.back_up(order.what),
            Verb.BACK_UP_ALL: self.back_up,
            Verb.STOP: lambda: self.stop(order.what),
            Verb.EJECT: lambda: self.eject(order.what),
            Verb.PAUSE: self.pause_for_an_hour if order.what == HOUR else self.pause_until_morning,
            Verb.RESUME: self.resume,
        }
        if order.verb in orders:
            orders[order.verb]()

    def back_up(self, job: str = "") -> None:
        """Start a run of a job; of all of them without one."""
        self._do(lambda: self._back_up(job))

    def _back_up(self, name: str) -> None:
        jobs = [self.resident.job(name)] if name else [one for one in self.resident.jobs().values() if one.enabled]
        for job in jobs:
            with suppress(RunBusy):
                self.resident.start(job)

    def stop(self, destination: str = "") -> None:
        """Stop the run at a destination; all of them without one."""
        self._do(lambda: self.resident.supervisor.stop(destination))

    def eject(self, drive: str) -> None:
        """Stop what runs to a drive, and let the system let go of it."""
        self._do(lambda: self.drives.eject(drive))

    def pause_for_an_hour(self) -> None:
        """Let nothing start by itself for an hour."""
        self._do(lambda: self.resident.pause(self._clock() + _PAUSE))

    def pause_until_morning(self) -> None:
        """Let nothing start by itself until the shop opens tomorrow."""
        moment = self.scheduler.moment()
        self._do(lambda: self.resident.pause(daytimes.morning(moment.now, moment.zone)))

    def resume(self) -> None:
        """End a pause."""
        self._do(self.resident.resume)
        self.scheduler.nudge()

    def _do(self, order: Callable[[], object]) -> None:
        def work() -> None:
            try:
                order()
            except TraybackupError as error:
                self.failed(error)
            except Exception as error:  # noqa: BLE001 - a click must not end the program; what happened is in the log
                crashlog.record(self.resident.paths, error, self._clock())
            finally:
                self._threads.discard(threading.current_thread())
            self.changed()

        thread = threading.Thread(target=work, name="order", daemon=True)
        self._threads.add(thread)
        thread.start()


def _share(event: Event | None) -> float | None:
    """Return how much of a run is done, if it is known."""
    found = event.get("percent_done") if event else None
    return float(found) if isinstance(found, int | float) and found > 0 else None
