"""The dock: every backup drive that is plugged in, each in its closed loop (`traybackup.app.stickloop`).

It hears of drives and of runs, carries out what the loops order, and tells what they say (*Told*). Orders that may take
long are carried out in a thread of their own, one at a time for each drive; nobody who tells the dock something waits.
It holds nothing open on a drive, and does not look at one while that is being ejected.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from queue import Empty, SimpleQueue

from traybackup.api.errors import DriveError, DriveGone, DriveUnknown, PlaceGone, TraybackupError
from traybackup.app import crashlog, drives, ejecting, presence
from traybackup.app.config import Config, Destination
from traybackup.app.drives import Drive, Drives, Found, Released
from traybackup.app.history import History
from traybackup.app.paths import Paths
from traybackup.app.resident import Resident
from traybackup.app.runs import SAVED, Run, Trigger
from traybackup.app.scheduler import Scheduler
from traybackup.app.stickloop import Loop, Note, Order, Stage, Step
from traybackup.app.supervisor import Watcher

_LONGEST_WAIT = 3600.0
_STOP_WITHIN = 10.0
_SEEN = "drives"
"""Under which name the history keeps what drives are called."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened to a drive.

    Attributes:
        error: Why something could not be done, with the programs that use the drive.
        run: The run that has just begun or ended; None: it is not about one.
    """

    note: Note
    drive: Found
    error: TraybackupError | None = None
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Docked:
    """A backup drive that is plugged in, or was until just now, and how far it is in its loop."""

    drive: Found
    stage: Stage

    @property
    def id(self) -> str:
        """What `Dock.eject` takes."""
        return self.drive.drive.id


@dataclass(slots=True)
class _Berth:
    """A drive in its loop."""

    found: Found
    loop: Loop = field(default_factory=Loop)
    run: Run | None = None
    error: TraybackupError | None = None


Say = Callable[[Told], object]


class Dock(Watcher):
    """The backup drives of this computer; told of runs by the supervisor.

    Args:
        known: Returns the configuration.
        look: Asks the scheduler to look whether something is due.
        more: Says whether a run to one of these destinations is due now.
        stop: Stops the run at a destination, and waits until it has ended.
        say: Told of everything, in the dock's own thread; must return quickly.
        changed: Called whenever there may be something new to show.
    """

    def __init__(
        self,
        here: Drives,
        paths: Paths,
        known: Callable[[], Config],
        *,
        look: Callable[[], object] = lambda: None,
        more: Callable[[Iterable[str]], bool] = lambda _: False,
        stop: ejecting.Stop = lambda _: None,
        say: Say = lambda _: None,
        changed: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.drives, self._paths, self._known = here, paths, known
        self.look, self.more, self.stop, self.say, self.changed = look, more, stop, say, changed
        self._clock = clock
        self._lock = threading.RLock()
        self._berths: dict[str, _Berth] = {}
        self._found: tuple[Found, ...] = ()
        self._history: History | None = None
        self._seen: dict[str, str] = {}
        self._destinations: Mapping[str, Destination] = {}
        self._inbox: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._watch: drives.Watch | None = None
        self._thread = threading.Thread(target=self._run, name="dock", daemon=True)
        self._end = False

    def attach(self, resident: Resident, scheduler: Scheduler) -> None:
        """Work together with those who start runs. To be called before `start`; the resident's runs are told to us."""

        def more(destinations: Iterable[str]) -> bool:
            wanted, known = set(destinations), resident.load().config
            due = resident.due(known, scheduler.moment())
            return any(one.job.destination in wanted and one.hold is None for one in due)

        def stop(destination: str) -> None:
            resident.supervisor.stop(destination)
            for run, _ in resident.running():
                if run.destination == destination:
                    resident.supervisor.wait(run.id, _STOP_WITHIN)

        self.look, self.more, self.stop = scheduler.nudge, more, stop
        self._history = resident.history
        seen = self._history.recall(_SEEN)
        self._seen = {str(key): str(name) for key, name in seen.items()} if isinstance(seen, dict) else {}

    def start(self) -> None:
        """Begin to watch.

        Raises:
            DriveError: Drives cannot be watched here.
        """
        self._thread.start()
        self._watch = self.drives.watch(lambda found: self._inbox.put(lambda: self._changed(found)))

    def close(self) -> None:
        """End; what runs goes on."""
        if self._watch is not None:
            self._watch.close()
        self._end = True
        self._inbox.put(None)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    # -- what can be seen; at once, from any thread

    def docked(self) -> tuple[Docked, ...]:
        """Return the backup drives that are plugged in, in the order of their names."""
        with self._lock:
            found = [Docked(one.found, one.loop.stage) for one in self._berths.values() if one.found.destinations]
        return tuple(sorted(found, key=lambda one: one.drive.name.casefold()))

    def found(self) -> tuple[Found, ...]:
        """Return every drive that is plugged in."""
        with self._lock:
            return self._found

    def present(self, known: Config) -> Mapping[str, str]:
        """Return the destinations that are there, each with its occasion; those that are being ejected are not."""
        plain = presence.there(known)
        with self._lock:
            if known.destinations != self._destinations:  # a drive was adopted, or given up
                self._destinations = known.destinations
                self.refresh()
            leaving = {
                name
                for one in self._berths.values()
                if one.loop.stage not in (Stage.READY, Stage.RUNNING, Stage.BLOCKED, Stage.IN_USE)
                for name in one.found.destinations
            }
            here = drives.present(self._found, plain)
        return {name: occasion for name, occasion in here.items() if name not in leaving}

    def unplug(self) -> frozenset[str]:
        """Return the destinations whose drive is done and ejected, and still there."""
        return frozenset(name for one in self.docked() if one.stage is Stage.UNPLUG for name in one.drive.destinations)

    def labels(self) -> Mapping[str, str]:
        """Return the names of drives by destination: of what is plugged in, else of what was there last."""
        with self._lock:
            seen = dict(self._seen)
        return seen | {name: one.drive.name for one in self.docked() for name in one.drive.destinations}

    def _note_seen(self, found: Iterable[Found]) -> None:
        """Remember what drives are called, to be able to ask for them when they are not there."""
        names = {name: one.name for one in found if one.tag is not None for name in one.destinations}
        with self._lock:
            if names.items() <= self._seen.items():
                return
            self._seen |= names
        if self._history is not None:
            self._history.remember(_SEEN, self._seen)

    # -- what the owner wants

    def eject(self, drive: str) -> None:
        """Eject a drive by its id, or by what its owner calls it; a run there is stopped first. Returns at once.

        Raises:
            DriveUnknown
        """
        with self._lock:
            chosen = drives.choose((one.found for one in self._berths.values()), drive).drive.id
        self._inbox.put(lambda: self._event(chosen, lambda loop: loop.eject_asked()))

    def refresh(self) -> None:
        """Look anew: the configuration was changed, the computer woke, a drive was adopted."""
        self._inbox.put(self._relist)

    # -- what runs tell

    def begun(self, run: Run) -> None:
        self._inbox.put(lambda: self._begun(run))

    def ended(self, run: Run) -> None:
        self._inbox.put(lambda: self._ended(run))

    def _begun(self, run: Run) -> None:
        for key, one in list(self._berths.items()):
            if run.destination in one.found.destinations and one.found.mount:
                one.run = run
                self._event(key, lambda loop: loop.begun(by_plug=run.trigger is Trigger.PLUGGED))

    def _ended(self, run: Run) -> None:
        for key, one in list(self._berths.items()):
            if one.run is None or one.run.id != run.id:
                continue
            one.run = run
            verified = run.outcome in SAVED
            lost = run.problem is not None and run.problem.code == PlaceGone.code
            more = one.loop.stage is Stage.RUNNING and not one.loop.stopping and self.more(one.found.destinations)
            self._event(key, partial(Loop.ended, verified=verified, more=more, lost=lost))
            self._relist()

    # -- the dock's own thread

    def _run(self) -> None:
        while not self._end:
            try:
                task = self._inbox.get(timeout=self._wait())
            except Empty:
                task = None
            with self._logged():
                if task is not None:
                    task()
                self._tick()

    @contextmanager
    def _logged(self) -> Iterator[None]:
        """Let no fault of ours end the thread."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the next event finds the dock alive; what happened is in the log
            crashlog.record(self._paths, error, datetime.now(UTC))

    def _wait(self) -> float:
        with self._lock:
            times = [one.loop.due for one in self._berths.values()]
        soonest = min((time for time in times if time is not None), default=None)
        return _LONGEST_WAIT if soonest is None else min(_LONGEST_WAIT, max(0.01, soonest - self._clock()))

    def _tick(self) -> None:
        for key in list(self._berths):
            self._event(key, lambda loop: loop.tick(self._clock()))

    def _relist(self) -> None:
        with suppress(DriveError):
            self._changed(self.drives.list())

    def _changed(self, every: tuple[Drive, ...]) -> None:
        """Take in which drives there are now."""
        known = self._known()
        held = {key for key, one in self._berths.items() if one.loop.stage is Stage.EJECTING}
        seen = {one.drive.id: one for one in drives.look((one for one in every if one.id not in held), known)}
        alive = {one.id: one for one in every if one.medium}
        with self._lock:
            self._found = tuple(seen.values())
        self._note_seen(seen.values())
        for key in [key for key in self._berths if key not in alive]:
            self._left(key, present=any(one.id == key for one in every))
        for key, found in seen.items():
            if key in alive and (key in self._berths or _wanted(found)):
                self._arrived(key, found)
        self.changed()

    def _arrived(self, key: str, found: Found) -> None:
        with self._lock:
            one = self._berths.setdefault(key, _Berth(found))
            put_back = found.drive.plugged != one.found.drive.plugged or bool(found.mount)
            if not found.mount:  # whose it is cannot be read now, but is known
                found = replace(found, tag=one.found.tag, destinations=one.found.destinations)
            one.found = found
        if one.loop.stage in (Stage.AWAY, Stage.SETTLING) or (one.loop.stage is Stage.UNPLUG and put_back):
            self._event(key, lambda loop: loop.plugged(self._clock()))

    def _left(self, key: str, *, present: bool) -> None:
        """Take in that a drive, or its medium, is gone: unplugged, unless it is we who eject it."""
        one = self._berths[key]
        if one.loop.stage is Stage.EJECTING:
            return
        if one.loop.stage is Stage.UNPLUG and (present or one.loop.unseen):
            return
        self._event(key, lambda loop: loop.removed())

    def _event(self, key: str, happen: Callable[[Loop], tuple[Step, ...]]) -> None:
        """Let something happen to a drive, and do what follows from it."""
        with self._lock:
            one = self._berths.get(key)
            if one is None:
                return
            before = one.loop.stage
            steps = happen(one.loop)
            if one.loop.stage is Stage.AWAY:
                del self._berths[key]
        for step in steps:
            if isinstance(step, Note):
                if one.found.destinations:  # what happens to other drives is nobody's business
                    self.say(Told(step, one.found, one.error, one.run))
            else:
                self._order(step, key, one)
        if steps or before is not one.loop.stage:
            self.changed()

    def _order(self, order: Order, key: str, one: _Berth) -> None:
        if order is Order.LOOK:
            self.look()
            return
        work = {Order.MOUNT: self._mount, Order.STOP: self._stop, Order.EJECT: self._eject}[order]
        threading.Thread(target=work, args=(key, one), name=f"{order.value} {one.found.name}", daemon=True).start()

    # -- orders, each in a thread of its own; what comes of them goes through the inbox

    def _mount(self, key: str, one: _Berth) -> None:
        try:
            if not one.found.mount:
                if one.found.volume is None:
                    raise DriveUnknown(drive=one.found.name)
                self.drives.mount(one.found.volume)
        except TraybackupError as error:
            one.error = error
            self._inbox.put(lambda: self._event(key, lambda loop: loop.not_mounted(self._clock())))
            return
        self._inbox.put(self._relist)
        self._inbox.put(lambda: self._mounted(key))

    def _mounted(self, key: str) -> None:
        """Go on with a drive that is mounted; one that turns out not to be ours is let be."""
        one = self._berths.get(key)
        if one is not None and not one.found.destinations:
            with self._lock:
                del self._berths[key]
            self.changed()
            return
        self._event(key, lambda loop: loop.mounted())

    def _stop(self, _key: str, one: _Berth) -> None:
        for name in one.found.destinations:
            with suppress(TraybackupError):
                self.stop(name)

    def _eject(self, key: str, one: _Berth) -> None:
        one.error = None
        try:
            done = ejecting.eject(self.drives, one.found, self._paths)
        except DriveGone:
            self._inbox.put(lambda: self._event(key, lambda loop: loop.removed()))
        except TraybackupError as error:
            one.error = error
            self._inbox.put(lambda: self._event(key, lambda loop: loop.not_ejected(self._clock())))
        else:
            unseen = done.how is Released.OFF
            self._inbox.put(lambda: self._event(key, lambda loop: loop.ejected(self._clock(), unseen=unseen)))
        self._inbox.put(self._relist)


def _wanted(found: Found) -> bool:
    """Say whether a drive that has just come may be a backup drive: it is mounted to see whether it has a tag."""
    if not found.drive.external or found.drive.system:
        return False
    return bool(found.destinations) or (found.volume is not None and not found.mount)
