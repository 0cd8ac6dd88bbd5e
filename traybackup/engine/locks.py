"""Locks: files that say who is at work in the repository, and whether anybody else may be.

A *Lock* is one that we hold. Any number may hold a shared lock (they only add); who holds an exclusive one is alone (he
may remove).

When may the lock of somebody else be removed? restic says: after half an hour by our clock, or when there is no such
process number here. Both can kill a backup that lives: a clock half an hour ahead, two computers cloned from one disk.
So here:

* a lock of this very computer goes at once when its process is dead: process number *and* start, in this run of the
  computer, or a lock from before the computer was switched on;
* any other one must be older than half an hour by a clock that agrees with the repository's own dates, *and* must not
  have been renewed while we watched it for longer than its holder would let pass;
* one that cannot be read stays until the owner says ``unlock``.

A holder renews its lock every five minutes. One that could not for so long that others may think it dead (stand-by, a
lost connection) makes sure that its lock is still there before it goes on, and else stops: `Lock.check`.

Source: restic's doc/design.rst, "Locks"; its internal/repository lock rules; kopia's warnings about wrong clocks.
"""

import contextlib
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from traybackup.api.errors import LockLost, StoreError, TraybackupError
from traybackup.api.progress import Cancel
from traybackup.engine import snapshots
from traybackup.engine.codec import FileKind
from traybackup.engine.identity import Identity, uptime
from traybackup.engine.lockfiles import CLOCK_TOLERANCE, LockFile, encode, is_dead, lives_here, read_all, same_holder
from traybackup.engine.repository import Repository

LONGEST_REST = timedelta(days=400)
"""How far the newest date in the repository may lie behind an honest clock: a shop may close for a season."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take, in seconds.

    Attributes:
        settle: Between writing a lock and looking whether somebody else did the same.
        refresh: Between two renewals; restic's own.
        retry: After a renewal that failed.
        stale: Age at which others may doubt a lock; restic's own.
        watch: How long a doubted lock is watched: longer than `refresh`.
        poll: Between two looks at it.
    """

    settle: float = 0.2
    refresh: float = 300
    retry: float = 30
    stale: float = 1800
    watch: float = 330
    poll: float = 10

    @property
    def trust(self) -> float:
        """Age up to which our own lock is surely respected: well before anybody may doubt it."""
        return self.stale - 1.5 * self.refresh


def unlock(
    repo: Repository,
    *,
    identity: Identity,
    now: datetime,
    remove_all: bool = False,
    timing: Timing | None = None,
) -> list[LockFile]:
    """Remove locks whose holders are dead or were not heard of for long, and return them. The owner asked for it.

    Args:
        remove_all: Those that live and those that cannot be read, too.
    """
    stale = timedelta(seconds=(timing or Timing()).stale)
    booted = now - timedelta(seconds=uptime())
    removed = []
    for lock in read_all(repo):
        if (
            remove_all
            or is_dead(lock, identity, booted=booted)
            or (lock.time is not None and now - lock.time > stale and not lives_here(lock, identity))
        ):
            repo.remove(FileKind.LOCK, lock.id)
            removed.append(lock)
    return removed


class Lock:
    """A lock that we hold. `check` before anything is removed or acknowledged; it may be called from any thread."""

    def __init__(
        self,
        repo: Repository,
        me: Identity,
        *,
        exclusive: bool,
        now: Callable[[], datetime],
        elapsed: Callable[[], float],
        timing: Timing,
    ) -> None:
        self.exclusive = exclusive
        self._repo, self._me, self._now, self._elapsed, self._timing = repo, me, now, elapsed, timing
        self._mutex = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lost = False
        self._litter: list[str] = []
        self._id, self._moment, self._mark = self._write()

    @property
    def id(self) -> str:
        """The id of the file that holds it now; it changes with every renewal."""
        return self._id

    def _write(self) -> tuple[str, datetime, float]:
        moment, mark = self._now(), self._elapsed()
        fresh = self._repo.save(FileKind.LOCK, encode(moment, self._me, exclusive=self.exclusive))
        return fresh, moment, mark

    def _age(self) -> float:
        """Return the seconds since the last renewal, stand-by included: by whichever clock saw more of it."""
        return max(self._elapsed() - self._mark, (self._now() - self._moment).total_seconds())

    def check(self) -> None:
        """Make sure that we still hold the lock.

        Raises:
            LockLost: Somebody removed it, or it got too old and cannot be renewed. Write nothing more.
        """
        if self._age() > self._timing.trust:
            with self._mutex:
                if self._age() > self._timing.trust:  # nobody else has renewed it meanwhile
                    self._renew_or_lose()
        if self._lost:
            raise LockLost

    def fence(self) -> None:
        """Make sure that nobody may think the lock dead by now; unlike `check`, never try to renew it.

        Raises:
            LockLost: It is gone or too old.
        """
        if self._lost or self._age() > self._timing.trust:
            raise LockLost

    def _renew_or_lose(self) -> None:
        try:
            self._renew()
        except TraybackupError as error:
            self._lost = True
            raise LockLost from error

    def renew(self) -> None:
        """Write the lock anew with the present time; the thread of `locked` does so now and then.

        Raises:
            LockLost: Somebody removed it.
            StoreError: The place failed; the lock holds on for a while.
        """
        with self._mutex:
            self._renew()

    def _renew(self) -> None:
        if self._lost:
            raise LockLost
        fresh, moment, mark = self._write()
        self._litter.append(fresh)
        # somebody who thought us dead may just be removing the old one; if he has not seen the new one, he will
        self._stop.wait(self._timing.settle)
        if all(entry.id != self._id for entry in self._repo.ids(FileKind.LOCK)):
            self._lost = True
            raise LockLost
        # only now is it as young as it says: another thread's `check` must not pass before
        self._litter[-1], self._id = self._id, fresh
        self._moment, self._mark = moment, mark
        with contextlib.suppress(StoreError):
            while self._litter:
                self._repo.remove(FileKind.LOCK, self._litter[-1])
                self._litter.pop()

    def keep(self) -> None:
        """Start the thread that renews it."""
        self._thread = threading.Thread(target=self._keep, name="lock", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        pause = self._timing.refresh
        while not self._stop.wait(pause):
            try:
                self.renew()
            except LockLost:
                return
            except TraybackupError:
                pause = self._timing.retry  # `check` says when it has been too long
            else:
                pause = self._timing.refresh

    def release(self) -> None:
        """Remove the lock; a place that fails now keeps a file that others will find stale."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._mutex:
            self._lost = True
            with contextlib.suppress(StoreError):
                for own in (self._id, *self._litter):
                    self._repo.remove(FileKind.LOCK, own)


class _Way:
    """The way to a lock: others are looked at, the dead are cleared away, the silent watched."""

    def __init__(
        self,
        repo: Repository,
        me: Identity,
        *,
        exclusive: bool,
        now: Callable[[], datetime],
        elapsed: Callable[[], float],
        timing: Timing,
    ) -> None:
        self._repo, self._me, self._exclusive = repo, me, exclusive
        self._now, self._elapsed, self.timing = now, elapsed, timing
        self._watched: dict[str, tuple[LockFile, float]] = {}
        self._alive: list[Identity] = []
        self._clock_is_right: bool | None = None

    def obstacle(self) -> tuple[LockFile, bool] | None:
        """Return a lock that is in our way and whether watching it may help; None if the way is free."""
        now = self._now()
        booted = now - timedelta(seconds=self._elapsed())
        others = read_all(self._repo)
        ids = {lock.id for lock in others}
        self._alive += [lock.holder for lock, _ in self._watched.values() if lock.id not in ids]
        live: list[LockFile] = []
        silent: list[LockFile] = []
        for lock in others:
            if is_dead(lock, self._me, booted=booted):
                self._repo.remove(FileKind.LOCK, lock.id)
            elif self._exclusive or lock.exclusive:
                (silent if self._is_silent(lock, now, others) else live).append(lock)
        if live:
            return live[0], False
        for lock in silent:
            self._watched.setdefault(lock.id, (lock, self._elapsed()))
        for lock in silent:
            if self._elapsed() - self._watched[lock.id][1] <= self.timing.watch:
                return lock, True
        for lock in silent:
            self._repo.remove(FileKind.LOCK, lock.id)
        return None

    def _is_silent(self, lock: LockFile, now: datetime, others: Sequence[LockFile]) -> bool:
        """Say whether the holder was not heard of for so long that it may be dead."""
        # a holder that cannot remove its old locks, or that died between writing the new and removing the old
        heard = [other.time for other in others if other.time and same_holder(other.holder, lock.holder)]
        if lock.time is None or (now - max(heard)).total_seconds() <= self.timing.stale:
            return False
        if any(same_holder(lock.holder, seen) for seen in self._alive):
            return False  # a lock of his vanished while we watched it: he has renewed it
        return not lives_here(lock, self._me) and self._clock_agrees(now, others)

    def _clock_agrees(self, now: datetime, others: Sequence[LockFile]) -> bool:
        """Say whether the clock fits the dates in the repository; looked up once."""
        if self._clock_is_right is None:
            dates = [one.time for one in snapshots.load_all(self._repo, damaged=[])]
            dates += [other.time for other in others if other.time]
            self._clock_is_right = -CLOCK_TOLERANCE <= now - max(dates) <= LONGEST_REST
        return self._clock_is_right

    def write(self) -> Lock:
        """Write our own lock."""
        return Lock(
            self._repo, self._me, exclusive=self._exclusive, now=self._now, elapsed=self._elapsed, timing=self.timing
        )

    def settle(self) -> float:
        """Return the seconds to wait before a look shows who else wrote a lock just now.

        Whoever writes second sees the first, and gives way, so only a place that may show an old listing needs a wait.
        Who is about to remove things waits everywhere: others may see the place through a network.
        """
        at_once = self._repo.store.capabilities.consistent and not self._exclusive
        return 0 if at_once else self.timing.settle

    def rival(self, own: str) -> LockFile | None:
        """Return a lock that was written while we wrote *own*."""
        others = read_all(self._repo, but=own)
        return next((lock for lock in others if self._exclusive or lock.exclusive), None)


@contextmanager
def locked(
    repo: Repository,
    *,
    exclusive: bool,
    identity: Identity,
    now: Callable[[], datetime],
    elapsed: Callable[[], float] = uptime,
    pause: Callable[[float], object] | None = None,
    wait: float = 0,
    waiting: Callable[[LockFile], object] | None = None,
    timing: Timing | None = None,
) -> Iterator[Lock]:
    """Hold a lock while the block runs; it is renewed in a thread, and removed at the end whatever happens.

    The repository asks it before it writes an index or snapshot file, or removes one (`Repository.guard`).

    Args:
        elapsed: Seconds on a clock that nobody can set.
        pause: Sleeps some seconds; a `Cancel.wait` followed by `Cancel.check` makes waiting end at once.
        wait: Seconds to wait for others who are alive. Those that may be dead are watched for as long as it takes.
        waiting: Called before each wait with the lock that is in the way.

    Raises:
        RepositoryLocked: Somebody else is at work.
    """
    timing = timing or Timing()
    pause = pause or threading.Event().wait
    way = _Way(repo, identity, exclusive=exclusive, now=now, elapsed=elapsed, timing=timing)
    until = elapsed() + wait
    with _deaf_to_hangup():
        while not isinstance(lock := _take(way, pause), Lock):
            other, may_be_dead = lock
            if not may_be_dead and elapsed() >= until:
                raise other.error()
            if waiting is not None:
                waiting(other)
            # two who collided must not come back at the same moment
            pause(timing.poll * (0.5 + secrets.randbelow(1000) / 1000))
        before = repo.guard, repo.fence
        repo.guard, repo.fence = lock.check, lock.fence
        try:
            lock.keep()
            yield lock
        finally:
            repo.guard, repo.fence = before
            lock.release()


def _take(way: _Way, pause: Callable[[float], object]) -> Lock | tuple[LockFile, bool]:
    """Write our lock if the way is free; else return what is in it, and whether watching that may help."""
    obstacle = way.obstacle()
    if obstacle is not None:
        return obstacle
    lock = way.write()
    rival = None
    try:
        pause(way.settle())
        rival = way.rival(lock.id)
    except BaseException:
        lock.release()
        raise
    if rival is None:
        return lock
    lock.release()
    return rival, False


@contextmanager
def _deaf_to_hangup() -> Iterator[None]:
    """Survive SIGHUP: restic sends it to the process that a lock names, to see whether there is one.

    A program with a handler of its own keeps it; one that holds the lock in another thread than the main one must see
    to it itself. Closing the terminal does not end the work either, as with restic.
    """
    hangup = getattr(signal, "SIGHUP", None)
    if (
        hangup is None
        or threading.current_thread() is not threading.main_thread()
        or signal.getsignal(hangup) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(hangup, lambda *_: None)  # not SIG_IGN, which the programs we start would inherit
    try:
        yield
    finally:
        signal.signal(hangup, signal.SIG_DFL)


def cancellable(cancel: Cancel) -> Callable[[float], None]:
    """Return a `pause` for `locked` that raises `Cancelled` as soon as somebody asks to stop."""

    def pause(seconds: float) -> None:
        cancel.wait(seconds)
        cancel.check()

    return pause
