"""The resident: jobs, history, status and runs, for the process that is always there, and for commands about them.

It brings neither the engine nor any plugin: those live in the runs' own processes. *build* puts it together.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from traybackup.api.errors import RunSkipped
from traybackup.app import config, joblist, paths, status, tidying
from traybackup.app.config import Config, Loaded, RunLimits
from traybackup.app.due import Due, Moment, due, upcoming
from traybackup.app.events import Event
from traybackup.app.history import Clock, History
from traybackup.app.joblist import Changed
from traybackup.app.jobs import Job
from traybackup.app.paths import Paths
from traybackup.app.presence import there
from traybackup.app.runs import Outcome, Problem, Run, Trigger, Verified
from traybackup.app.status import Facts, Notice, Status, Surroundings
from traybackup.app.supervisor import Supervisor, Watcher
from traybackup.app.zone import SystemZone

SETTLING = 600.0
"""Seconds after start or wake in which nothing is called late."""

LONGEST_PAUSE = timedelta(days=7)
_PAUSE = "pause"


class Resident:
    """What this computer's jobs do, have done and will do.

    Args:
        host_zone: The shop's.
    """

    def __init__(
        self,
        where: Paths,
        history: History,
        supervisor: Supervisor,
        *,
        clock: Clock,
        zone: tzinfo,
    ) -> None:
        self.paths, self.history, self.supervisor = where, history, supervisor
        self._clock, self._zone = clock, zone

    def close(self) -> None:
        """End what runs, and close the history."""
        self.supervisor.close()
        self.history.close()

    # -- the configuration

    def load(self) -> Loaded:
        """Return the configuration to work with, and what is wrong with the file, if anything."""
        return config.load_or_earlier(self.paths)

    def jobs(self) -> Mapping[str, Job]:
        """Return the jobs.

        Raises:
            ConfigError
        """
        return config.load(self.paths).jobs

    def job(self, name: str) -> Job:
        """Return a job.

        Raises:
            JobUnknown, ConfigError
        """
        return joblist.get(config.load(self.paths), name)

    def add_job(self, job: Job) -> Changed:
        """Add a job."""
        return joblist.add(self.paths, job)

    def change_job(self, job: Job) -> Changed:
        """Change a job."""
        return joblist.change(self.paths, job)

    def remove_job(self, name: str) -> None:
        """Remove a job; what it saved stays."""
        joblist.remove(self.paths, name)

    # -- runs

    def start(self, job: Job, trigger: Trigger = Trigger.NOW, *, slot: str = "", plug: str = "") -> Run:
        """Start a run of a job.

        Raises:
            RunBusy
        """
        past = self.history.past(job.name, job.destination)
        pruned, checked = (self._time(f"{what} {job.destination}") for what in ("pruned", "checked"))
        wanted = tidying.decide(job, past, pruned, checked, self._clock())
        return self.supervisor.start(job, trigger, slot=slot, plug=plug, tidying=wanted)

    def skip(self, one: Due, slot: str, why: str, missed: int) -> bool:
        """Note that a run did not take place."""
        problem = Problem.of(RunSkipped(job=one.job.name, why=why, missed=missed))
        return self.history.skip(one.job.name, one.job.destination, one.trigger, slot, problem)

    # -- pause

    def pause(self, until: datetime) -> None:
        """Let nothing start by itself until then; a week at most."""
        now = self._clock()
        end = min(until, now + LONGEST_PAUSE)
        self.history.remember(_PAUSE, [now.isoformat(), end.isoformat()])

    def resume(self) -> None:
        """End a pause."""
        self.history.remember(_PAUSE, None)

    def paused(self) -> tuple[datetime, datetime] | None:
        """Return since and until when it is paused; None: it is not. A clock that was set ends a pause."""
        found = self.history.recall(_PAUSE)
        if not isinstance(found, list):
            return None
        since, until = (datetime.fromisoformat(str(one)) for one in found)
        return (since, until) if since <= self._clock() < until else None

    # -- decisions

    def due(self, known: Config, moment: Moment) -> tuple[Due, ...]:
        """Return what is due, one run for each job at most."""
        found = [due(job, self.history.past(job.name, job.destination), moment) for job in known.jobs.values()]
        return tuple(one for one in found if one is not None)

    def upcoming(self, job: Job, moment: Moment, count: int = 5) -> tuple[datetime, ...]:
        """Return when a job will be due next."""
        return upcoming(job, self.history.past(job.name, job.destination), moment, count)

    def moment(self, known: Config, present: Mapping[str, str] | None = None) -> Moment:
        """Return this moment as far as it is known without having been there for long."""
        return Moment(
            now=self._clock(),
            zone=self._zone,
            open_days=known.open_days,
            delay=known.runs.start_delay,
            present=there(known) if present is None else present,
            running=frozenset(run.destination for run in self.history.under_way()),
            paused=self.paused() is not None,
        )

    def status(
        self,
        loaded: Loaded | None = None,
        *,
        moment: Moment | None = None,
        unplug: frozenset[str] = frozenset(),
        notices: Mapping[str, frozenset[Notice]] | None = None,
    ) -> Status:
        """Return how everything is doing.

        Args:
            unplug: Destinations whose drive is done and ejected, and still there.
            notices: What else is known of destinations.
        """
        loaded = loaded or self.load()
        moment = moment or self.moment(loaded.config)
        waiting = {one.job.name for one in self.due(loaded.config, moment) if one.job.destination not in moment.present}
        facts = [
            self._facts(
                job, moment, waiting=job.name in waiting, unplug=job.destination in unplug, notices=notices or {}
            )
            for job in loaded.config.jobs.values()
            if job.enabled
        ]
        return status.of(facts, self._surroundings(loaded, moment))

    def _facts(
        self, job: Job, moment: Moment, *, waiting: bool, unplug: bool, notices: Mapping[str, frozenset[Notice]]
    ) -> Facts:
        past = self.history.past(job.name, job.destination)
        ended = [run for run in past.runs if run.outcome not in (None, Outcome.SKIPPED)]
        verified = self.history.verified().get((job.name, job.destination))
        own = {Notice.DAMAGED} if self.history.recall(f"damaged {job.destination}") else set[Notice]()
        return Facts(
            destination=job.destination,
            verified=verified.time if verified else None,
            complete=verified.complete if verified else True,
            limit=job.limit,
            last=ended[0].outcome if ended else None,
            problem=ended[0].problem if ended else None,
            running=job.destination in moment.running,
            unplug=unplug,
            waiting=waiting,
            notices=notices.get(job.destination, frozenset()) | own,
        )

    def _surroundings(self, loaded: Loaded, moment: Moment) -> Surroundings:
        pause = self.paused()
        troubles = [loaded.problem, self.history.trouble]
        return Surroundings(
            now=moment.now,
            zone=moment.zone,
            open_days=moment.open_days,
            settling=moment.up < SETTLING,
            paused_since=pause[0] if pause else None,
            paused_until=pause[1] if pause else None,
            troubles=tuple(Problem.of(one) for one in troubles if one is not None),
        )

    def note_verified(self, job: str, destination: str, newest: Verified | None) -> None:
        """Note what a destination itself says about its newest snapshot of a job."""
        self.history.note_verified(job, destination, newest)

    def running(self) -> Sequence[tuple[Run, Event | None]]:
        """Return the runs of this process, each with its last ``status``."""
        return self.supervisor.running()

    def _time(self, name: str) -> datetime | None:
        found = self.history.recall(name)
        return datetime.fromisoformat(found) if isinstance(found, str) else None


def build(
    environment: Mapping[str, str] | None = None,
    *,
    clock: Clock = lambda: datetime.now(UTC),
    watcher: Watcher | None = None,
    zone: Callable[[], tzinfo] = SystemZone,
    command: Sequence[str] | None = None,
) -> Resident:
    """Put the resident of this process together, and settle what became of runs whose processes are gone.

    Args:
        environment: The variables of the process, for its runs too; None: its own.
        command: What starts this program.
    """
    where = paths.find(os.environ if environment is None else environment)
    history = History(where, clock)
    history.settle()

    def limits() -> RunLimits:
        return config.load_or_earlier(where).config.runs

    supervisor = Supervisor(history, environment=environment, command=command, limits=limits, watcher=watcher)
    return Resident(where, history, supervisor, clock=clock, zone=zone())
