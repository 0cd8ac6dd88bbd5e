"""The scheduler: a thread that asks now and then what is due, and starts it.

The `schedule` library is its clock: it says when to look next, every half minute and at each job's times of the day.
Whether something is due is decided by `traybackup.app.due` alone, so a look too many or too few does no harm: a missed
one is made up by the next. Waiting is done by a clock that nobody sets, half a minute at most; after the clock was set
or the computer has slept, the timetable is made anew.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

import schedule

from traybackup.api.errors import RunBusy
from traybackup.app import crashlog
from traybackup.app.clockwatch import ClockWatch
from traybackup.app.config import Config, Loaded
from traybackup.app.due import Due, Hold, Moment
from traybackup.app.opendays import WEEKDAYS
from traybackup.app.presence import there
from traybackup.app.programwatch import ProgramWatch
from traybackup.app.resident import Resident

LOOK_EVERY = 30
"""Seconds."""

Present = Callable[[Config], Mapping[str, str]]
"""Returns the destinations that are there, each with the occasion on which it came; empty for what always is."""


class Scheduler:
    """Starts what is due.

    Args:
        present: Who knows which destinations are there; without, folders are looked at.
        told: Called after each look with the configuration and what is due, held or not.
    """

    def __init__(
        self,
        resident: Resident,
        *,
        wall: Callable[[], datetime],
        steady: Callable[[], float] = time.monotonic,
        present: Present = there,
        programs: ProgramWatch | None = None,
        told: Callable[[Loaded, Moment, tuple[Due, ...]], object] | None = None,
    ) -> None:
        self._resident, self._wall, self._present, self._told = resident, wall, present, told
        self._watch = ClockWatch(wall, steady)
        self._programs = programs or ProgramWatch()
        self._timetable = schedule.Scheduler()
        self._planned: object = None
        self._loaded: Loaded | None = None
        self._acted: datetime | None = None
        self._wake, self._end = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; what runs goes on."""
        self._end.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def nudge(self, *, acted: bool = False) -> None:
        """Look now: a drive came or went, the configuration was changed, the computer woke.

        Args:
            acted: The owner did something that may have mended a failure: signed in, made room.
        """
        if acted:
            self._acted = self._wall()
        self._wake.set()

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the next look makes up for it; what happened is in the log
                crashlog.record(self._resident.paths, error, self._wall())
            self._wake.wait(self.pause())
            self._wake.clear()

    def pause(self) -> float:
        """Return how many seconds there are until the next look."""
        idle = self._timetable.idle_seconds
        return LOOK_EVERY if idle is None else min(max(idle, 0.5), LOOK_EVERY)

    def look(self) -> tuple[Due, ...]:
        """Look what is due, and start what can start; return what is due."""
        with self._lock:
            return self._look()

    def _look(self) -> tuple[Due, ...]:
        here = self._resident
        _follow_the_zone()
        jump = self._watch.look()
        here.history.settle()
        here.history.disown_future()
        loaded = self._loaded = here.load()
        self._plan(loaded.config, anew=jump is not None)
        self._timetable.run_pending()
        wanted = [name for job in loaded.config.jobs.values() for name in job.schedule.programs if job.enabled]
        self._programs.look(wanted, self._wall())
        moment = self._moment(loaded.config)
        found = here.due(loaded.config, moment)
        for one in found:
            self._note_missed(one)
            if one.hold is None:
                with suppress(RunBusy):  # of two jobs for one destination the other began just now
                    here.start(one.job, one.trigger, slot=one.slot, plug=one.plug)
        if self._told is not None:
            self._told(loaded, moment, found)
        return found

    def moment(self) -> Moment:
        """Return this moment, for the status."""
        return self._moment((self._loaded or self._resident.load()).config)

    def _moment(self, known: Config) -> Moment:
        plain = self._resident.moment(known, dict(self._present(known)))
        return Moment(
            now=plain.now,
            zone=plain.zone,
            open_days=plain.open_days,
            up=self._watch.up,
            delay=plain.delay,
            woken=self._watch.woken,
            present=plain.present,
            running=plain.running,
            closed=dict(self._programs.closed),
            paused=plain.paused,
            acted=self._acted,
        )

    def _plan(self, known: Config, *, anew: bool) -> None:
        """Tell the timetable when to look: now and then, and at each time of the day of each job."""
        wanted = sorted(
            {
                (WEEKDAYS[day], one.strftime("%H:%M"))
                for job in known.jobs.values()
                for one in job.schedule.at
                for day in job.schedule.days
            }
        )
        if wanted == self._planned and not anew:
            return
        self._planned = wanted
        self._timetable.clear()
        self._timetable.every(LOOK_EVERY).seconds.do(_nothing)
        for day, at in wanted:
            getattr(self._timetable.every(), day).at(at).do(_nothing)

    def _note_missed(self, one: Due) -> None:
        """Note which runs did not take place, and why: what held them while we looked, else that nobody looked."""
        history, name = self._resident.history, f"held {one.job.name}"
        before = history.recall(name)
        slot, why = before if isinstance(before, list) else ("", "")
        if one.missed:
            held = str(why) if slot == one.last_missed else "off"
            self._resident.skip(one, one.last_missed, held, one.missed)
        reasons = {Hold.NOT_THERE: "not-there", Hold.PAUSED: "paused", Hold.BUSY: "busy"}
        if one.hold in reasons and before != [one.slot, reasons[one.hold]]:
            history.remember(name, [one.slot, reasons[one.hold]])


def _nothing() -> None:
    """Do nothing: that it is time is all that the timetable has to say."""


def _follow_the_zone() -> None:
    """Let the C library notice that the computer was carried to another zone."""
    if hasattr(time, "tzset") and "TZ" not in os.environ:
        time.tzset()
