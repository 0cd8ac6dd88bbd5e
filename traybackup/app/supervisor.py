"""The supervisor: starts runs as processes of their own, watches them, and writes their end into the history.

A run is asked to stop and, two seconds later, ended. One that gives no sign of life for long is ended, and so is one
that takes more memory than it may. Whatever becomes of the process, the history tells it (`traybackup.app.verdict`).
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from traybackup.api.errors import RunBusy, RunError
from traybackup.app.child import Child, own_command
from traybackup.app.config import RunLimits
from traybackup.app.events import Event
from traybackup.app.history import History
from traybackup.app.jobs import Job
from traybackup.app.runs import SAVED, Outcome, Problem, Run, Trigger, Verdict, Verified
from traybackup.app.tidying import Tidying
from traybackup.app.verdict import Ended, Heard, judge

STOP_WITHIN = 2.0
"""Seconds that a run gets to stop in good order."""

_TICK = 1.0
_LEAST_MEMORY = 512 << 20
_USUAL_MEMORY = 2 << 30


class Watcher:
    """Is told what happens to runs; the base does nothing. Called from several threads; must return quickly."""

    def begun(self, run: Run) -> None:
        """A run has begun."""

    def event(self, run: Run, event: Event) -> None:
        """A run tells something; the types are in `traybackup.app.events`."""

    def ended(self, run: Run) -> None:
        """A run has ended, and the history knows how."""


@dataclass(slots=True)
class _Watched:
    """A run under way."""

    run: Run
    heard: Heard = field(default_factory=Heard)
    wake: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)
    silent: bool = False
    ended: Ended | None = None
    quiet: float = 0.0
    allowance: float = 0.0
    size: int = 0
    child: Child | None = None
    finished: Run | None = None


class Supervisor:
    """The runs of this process.

    Args:
        command: What starts this program; a run adds its own words.
        limits: What holds for every run, asked anew for each.
        stop_within: Seconds that a run gets to stop in good order.
    """

    def __init__(
        self,
        history: History,
        *,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
        limits: Callable[[], RunLimits] = RunLimits,
        watcher: Watcher | None = None,
        stop_within: float = STOP_WITHIN,
    ) -> None:
        self._history = history
        self._environment = environment
        self._command = tuple(command or own_command())
        self._limits = limits
        self._watcher = watcher or Watcher()
        self._stop_within = stop_within
        self._lock = threading.Lock()
        self._watched: dict[int, _Watched] = {}

    def start(
        self, job: Job, trigger: Trigger, *, slot: str = "", plug: str = "", tidying: Tidying | None = None
    ) -> Run:
        """Start a run of *job*; how it ends is told to the watcher and to the history.

        Raises:
            RunBusy: One is under way for the same destination.
        """
        with self._lock:
            if any(one.run.destination == job.destination for one in self._watched.values()):
                raise RunBusy(job=job.name, destination=job.destination)
            run = self._history.begin(job.name, job.destination, trigger, slot, plug)
            watched = self._watched[run.id] = _Watched(run)
        self._watcher.begun(run)
        words = self._words(job, tidying or Tidying())
        thread = threading.Thread(target=self._watch, args=(watched, words), name=f"run {job.name}", daemon=True)
        thread.start()
        return run

    def _words(self, job: Job, tidying: Tidying) -> tuple[str, ...]:
        words = [*self._command, "run", job.name, "--events"]
        if tidying.prune:
            words.append("--prune")
        if tidying.make_room:
            words.append("--make-room")
        if tidying.check:
            words.append(f"--check={tidying.check:g}")
        return tuple(words)

    def running(self) -> tuple[tuple[Run, Event | None], ...]:
        """Return the runs under way, each with its last ``status``."""
        with self._lock:
            return tuple((one.run, one.heard.status) for one in self._watched.values())

    def stop(self, destination: str = "") -> bool:
        """Ask the run at a destination to stop, all of them without one; return whether there was any.

        It has ended two seconds later at the latest; `wait` waits for it.
        """
        return self._end(destination, Ended.STOPPED)

    def close(self) -> None:
        """Stop everything because this program ends: the runs count as interrupted, and are made up for."""
        self._end("", Ended.CLOSING)
        for number in list(self._watched):
            self.wait(number, self._stop_within + _TICK)

    def _end(self, destination: str, why: Ended) -> bool:
        with self._lock:
            found = [one for one in self._watched.values() if destination in ("", one.run.destination)]
        for one in found:
            one.ended = one.ended or why
            one.wake.set()
        return bool(found)

    def wait(self, number: int, seconds: float | None = None) -> Run | None:
        """Wait until a run has ended, and return it; None: it has not yet."""
        with self._lock:
            one = self._watched.get(number)
        if one is None:
            return self._history.get(number)
        return one.finished if one.gone.wait(seconds) else None

    # -- one run, in a thread of its own

    def _watch(self, one: _Watched, words: Sequence[str]) -> None:
        try:
            verdict = self._attended(one, words)
        except Exception as error:  # noqa: BLE001 - whatever it is, the history must tell the end
            kind: dict[str, str | int | float | None] = {"kind": type(error).__name__, "log": ""}
            verdict = Verdict(Outcome.FAILED, Problem("unexpected", kind))
        finished = self._history.finish(one.run, verdict)
        self._note(finished, one.heard)
        one.finished = finished
        with self._lock:
            self._watched.pop(one.run.id, None)
        one.gone.set()
        self._watcher.ended(finished)

    def _attended(self, one: _Watched, words: Sequence[str]) -> Verdict:
        def heard(event: Event) -> None:
            self._hear(one, event)

        def silent() -> None:
            one.silent = True
            one.wake.set()

        try:
            one.child = Child(words, self._environment, heard=heard, silent=silent)
        except OSError:  # no memory, or no such program any more
            return Verdict(Outcome.FAILED, Problem.of(RunError(job=one.run.job)))
        self._attend(one, one.child)
        code = one.child.close()
        return judge(one.run.job, one.heard, one.ended, code, quiet=one.quiet, size=one.size)

    def _attend(self, one: _Watched, child: Child) -> None:
        """Wait until the process has ended, or end it."""
        limits = self._limits()
        most = limits.memory or usual_memory()
        asked: float | None = None
        before = time.monotonic()
        while not one.silent:
            one.wake.wait(_TICK if asked is None else max(0.01, asked + self._stop_within - time.monotonic()))
            one.wake.clear()
            now = time.monotonic()
            one.quiet += min(now - before, 3 * _TICK)  # not the time in which this computer slept
            before = now
            if one.ended is not None and asked is None:
                child.ask_to_stop()
                asked = now
            elif asked is not None and now - asked >= self._stop_within:
                child.kill()
                return
            excess = self._excess(one, child, limits.hang_after, most)
            if excess is not None:
                one.ended = one.ended or excess
                child.kill()
                return

    def _excess(self, one: _Watched, child: Child, longest: float, most: int) -> Ended | None:
        if one.quiet > longest + one.allowance:
            return Ended.HUNG
        one.size = child.memory()
        return Ended.TOO_LARGE if one.size > most else None

    def _hear(self, one: _Watched, event: Event) -> None:
        one.quiet, one.allowance = 0.0, 0.0
        one.heard.hear(event)
        kind = event.get("message_type")
        if kind == "waiting":
            seconds = event.get("seconds")
            one.allowance = float(seconds) if isinstance(seconds, int | float) else 0.0
        elif kind == "summary":
            snapshot, ended = event.get("snapshot_id"), event.get("backup_start")
            with suppress(ValueError):
                saved = Verified(str(snapshot), datetime.fromisoformat(str(ended)), event.get("outcome") != "partial")
                self._history.saved(one.run, saved)
        self._watcher.event(one.run, event)

    def _note(self, run: Run, heard: Heard) -> None:
        """Remember when the destination was tidied and checked last, and whether it is sound."""
        now = (run.ended or run.started).isoformat()
        if heard.tidied is not None and heard.tidied.get("pruned"):
            self._history.remember(f"pruned {run.destination}", now)
        if heard.checked is not None:
            self._history.remember(f"checked {run.destination}", now)
            damaged = run.outcome in SAVED and not heard.checked.get("sound")
            self._history.remember(f"damaged {run.destination}", now if damaged else None)


def usual_memory() -> int:
    """Return how many bytes a run may take where nobody said it: half of what there is, two gigabytes at most."""
    import psutil  # noqa: PLC0415 - only while something runs

    return max(_LEAST_MEMORY, min(_USUAL_MEMORY, psutil.virtual_memory().total // 2))
