"""Locks: who may work, who is taken for dead, and what happens to a holder that slept too long."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from traybackup.api.errors import Cancelled, LockLost, Offline, RepositoryDamaged, RepositoryLocked
from traybackup.api.progress import Cancel
from traybackup.api.store import BytesPayload, Entry, Payload
from traybackup.engine import snapshots
from traybackup.engine.codec import FileKind
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.identity import Identity, process_started, this_process
from traybackup.engine.lockfiles import LockFile, decode, encode, read_all
from traybackup.engine.locks import Lock, Timing, cancellable, locked, unlock
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.stores.local import LocalStore
from traybackup.stores.retrying import RetryingStore
from traybackup.testing.faulty import Do, Fault, FaultyStore
from traybackup.testing.memory import MemoryPlace, MemoryStore

START = datetime(2024, 7, 1, 12, tzinfo=UTC)
QUICK = Timing(settle=0)
ME = replace(this_process(), machine="this-computer", boot="boot-2")
RESTIC = Identity("till", "shop", 4711)


def a_process(child: str = "import time; print(flush=True); time.sleep(600)") -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


@pytest.fixture
def living() -> Iterator[Identity]:
    """Another process of this computer that lives as long as the test."""
    process = a_process()
    yield replace(ME, pid=process.pid, started=process_started(process.pid) or "")
    process.kill()
    process.communicate()


@pytest.fixture
def dead() -> Identity:
    """A process of this computer that was killed."""
    process = a_process()
    gone = replace(ME, pid=process.pid, started=process_started(process.pid) or "")
    process.kill()
    process.communicate()
    return gone


class Clock:
    """A wall clock and a stopwatch that pass only when told; `events` happen at their second of the stopwatch."""

    def __init__(self) -> None:
        self.wall, self.up = START, 10_000.0
        self.events: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> datetime:
        return self.wall

    def elapsed(self) -> float:
        return self.up

    def pause(self, seconds: float) -> None:
        self.up += seconds
        self.wall += timedelta(seconds=seconds)
        for event in [event for event in self.events if event[0] <= self.up - 10_000]:
            self.events.remove(event)
            event[1]()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place() -> MemoryPlace:
    return MemoryPlace()


@pytest.fixture
def repo(place: MemoryPlace) -> Repository:
    return Repository.create(MemoryStore(place), "x", now=START, cost=KdfParameters(n=2, r=1))


def hold(
    repo: Repository,
    clock: Clock,
    *,
    exclusive: bool = True,
    me: Identity = ME,
    wait: float = 0,
) -> AbstractContextManager[Lock]:
    return locked(
        repo,
        exclusive=exclusive,
        identity=me,
        now=clock.now,
        elapsed=clock.elapsed,
        pause=clock.pause,
        timing=QUICK,
        wait=wait,
    )


def leave(repo: Repository, holder: Identity, *, age: float = 0, exclusive: bool = True) -> str:
    """Write the lock of somebody else."""
    return repo.save(FileKind.LOCK, encode(START - timedelta(seconds=age), holder, exclusive=exclusive))


def present(repo: Repository) -> list[str]:
    return [entry.id for entry in repo.ids(FileKind.LOCK)]


# Who may work


def test_shared_locks_go_together(repo: Repository, clock: Clock, living: Identity) -> None:
    """Two may add at the same time."""
    leave(repo, living, exclusive=False)
    with hold(repo, clock, exclusive=False) as lock:
        lock.check()
        assert len(present(repo)) == 2


@pytest.mark.parametrize(("ours", "theirs"), [(True, False), (False, True), (True, True)])
def test_an_exclusive_lock_tolerates_nobody(
    repo: Repository, clock: Clock, living: Identity, *, ours: bool, theirs: bool
) -> None:
    """Where either wants to be alone, the second is told who holds the first and since when, and leaves nothing."""
    lock_id = leave(repo, living, exclusive=theirs, age=60)
    with pytest.raises(RepositoryLocked) as caught, hold(repo, clock, exclusive=ours):
        pass
    assert caught.value.params == {
        "host": living.hostname,
        "user": living.username,
        "pid": living.pid,
        "since": (START - timedelta(seconds=60)).isoformat(),
        "lock": lock_id,
    }
    assert present(repo) == [lock_id]


def test_the_lock_goes_at_the_end(repo: Repository, clock: Clock) -> None:
    """However the block ends, no lock is left, and the Lock is good for nothing more."""
    with hold(repo, clock) as lock:
        assert present(repo) == [lock.id]
    assert present(repo) == []
    with pytest.raises(KeyError), hold(repo, clock):
        raise KeyError
    assert present(repo) == []
    with pytest.raises(LockLost):
        lock.check()


def test_a_place_that_is_gone_at_the_end_spoils_nothing(place: MemoryPlace) -> None:
    """What was done in the block is done; the lock that could not be removed goes stale."""
    store = FaultyStore(MemoryStore(place), [Fault("delete", 1, lasting=True)])
    repo = Repository.create(store, "x", now=START, cost=KdfParameters(n=2, r=1))
    with hold(repo, Clock()):
        pass
    assert len(present(repo)) == 1


def test_waiting_for_the_living(repo: Repository, clock: Clock, living: Identity) -> None:
    """With `wait`, we take our turn as soon as the other has finished, and say for whom we wait."""
    lock_id = leave(repo, living)
    clock.events.append((30, lambda: repo.remove(FileKind.LOCK, lock_id)))
    waited: list[LockFile] = []
    with locked(
        repo,
        exclusive=True,
        identity=ME,
        now=clock.now,
        elapsed=clock.elapsed,
        pause=clock.pause,
        timing=QUICK,
        wait=60,
        waiting=waited.append,
    ) as lock:
        lock.check()
    assert {one.id for one in waited} == {lock_id}
    assert 30 <= clock.up - 10_000 < 60


def test_waiting_has_an_end(repo: Repository, clock: Clock, living: Identity) -> None:
    """Who waits for too long gives up."""
    leave(repo, living)
    with pytest.raises(RepositoryLocked), hold(repo, clock, wait=60):
        pass
    assert clock.up - 10_000 >= 60


def test_waiting_ends_when_somebody_stops_us(repo: Repository, living: Identity) -> None:
    """A stop ends the wait at once and leaves no lock of ours."""
    leave(repo, living)
    cancel = Cancel()
    threading.Timer(0.05, cancel.set).start()
    started = time.monotonic()
    with (
        pytest.raises(Cancelled),
        locked(repo, exclusive=True, identity=ME, now=lambda: START, pause=cancellable(cancel), wait=60),
    ):
        pass
    assert time.monotonic() - started < 5
    assert len(present(repo)) == 1


@pytest.mark.parametrize(("ours", "theirs"), [(True, False), (False, True), (True, True), (False, False)])
def test_who_comes_at_the_same_moment_backs_off(
    repo: Repository, clock: Clock, living: Identity, *, ours: bool, theirs: bool
) -> None:
    """A lock written between our look and ours being there is seen at the second look, and we give way if we must."""
    clock.events.append((0, lambda: leave(repo, living, exclusive=theirs)))
    if ours or theirs:
        with pytest.raises(RepositoryLocked), hold(repo, clock, exclusive=ours):
            pass
    else:
        with hold(repo, clock, exclusive=ours):
            assert len(present(repo)) == 2
    assert [lock.holder.pid for lock in read_all(repo)] == [living.pid]


def test_a_stop_at_the_second_look_leaves_no_lock(repo: Repository, clock: Clock) -> None:
    """Stopped between writing the lock and looking again, we take it away."""

    def stop() -> None:
        raise Cancelled

    clock.events.append((0, stop))
    with pytest.raises(Cancelled), hold(repo, clock):
        pass
    assert present(repo) == []


def test_of_many_at_once_never_two_are_alone(place: MemoryPlace) -> None:
    """Four who want to be alone at the same moment: never are two of them in, and in the end each had its turn."""
    Repository.create(MemoryStore(place), "x", now=START, cost=KdfParameters(n=2, r=1))
    inside, most, turns = [0], [0], []
    timing = Timing(settle=0.02, poll=0.02)

    def work(number: int) -> None:
        repo = Repository.open(MemoryStore(place), "x")
        with locked(repo, exclusive=True, identity=ME, now=lambda: START, timing=timing, wait=60):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.005)
            inside[0] -= 1
            turns.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert sorted(turns) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("consistent", "exclusive", "waited"),
    [(True, False, 0), (True, True, 0.2), (False, False, 0.2), (False, True, 0.2)],
)
def test_waits_only_where_a_listing_may_be_old(
    repo: Repository, clock: Clock, *, consistent: bool, exclusive: bool, waited: float
) -> None:
    """Who only adds at a place that shows everything at once need not wait before looking who else is there."""
    repo.store.capabilities = replace(repo.store.capabilities, consistent=consistent)
    began = clock.up
    with locked(repo, exclusive=exclusive, identity=ME, now=clock.now, elapsed=clock.elapsed, pause=clock.pause):
        assert clock.up - began == pytest.approx(waited)


def test_without_a_wait_who_writes_second_gives_way(place: MemoryPlace, clock: Clock) -> None:
    """A shared lock that is taken without waiting gives way to an exclusive one written in the same moment."""

    class Racing(MemoryStore):
        capabilities = replace(MemoryStore.capabilities, consistent=True)
        raced = False

        def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
            if name.startswith("locks/") and not self.raced:
                self.raced = True
                other = Repository.open(MemoryStore(place), "x")
                encoded = encode(START, RESTIC, exclusive=True)
                other.save(FileKind.LOCK, encoded)
            return super().put(name, payload, overwrite=overwrite)

    Repository.create(MemoryStore(place), "x", now=START, cost=KdfParameters(n=2, r=1))
    repo = Repository.open(Racing(place), "x")
    with pytest.raises(RepositoryLocked), hold(repo, clock, exclusive=False):
        pass
    assert len(present(repo)) == 1


# Who is taken for dead


def test_our_own_dead_go_at_once(repo: Repository, clock: Clock, dead: Identity) -> None:
    """The lock of a killed process of this computer does not hold up the next one for a second."""
    leave(repo, dead)
    leave(repo, dead, exclusive=False)
    with hold(repo, clock) as lock:
        assert present(repo) == [lock.id]
    assert clock.up == 10_000


def test_a_number_given_again_is_not_the_holder(repo: Repository, clock: Clock, living: Identity) -> None:
    """A living process with the holder's number that began later is somebody else: the holder is dead."""
    leave(repo, replace(living, started="1"))
    with hold(repo, clock):
        pass


def test_locks_from_before_the_computer_was_switched_on_go(repo: Repository, clock: Clock, living: Identity) -> None:
    """After a power cut the lock of the last run is in nobody's way, even if its number is in use again."""
    leave(repo, replace(living, boot="boot-1"), age=10_100)
    with hold(repo, clock):
        pass


def test_a_full_clone_that_renews_its_lock_lives(repo: Repository, clock: Clock, dead: Identity) -> None:
    """A lock in our own name but younger than our start is that of a clone, however well it resembles us."""
    leave(repo, replace(dead, boot="boot-1"), age=60)
    with pytest.raises(RepositoryLocked), hold(repo, clock):
        pass


@pytest.mark.parametrize("machine", ["another-computer", ""])
def test_the_same_name_proves_nothing(repo: Repository, clock: Clock, dead: Identity, machine: str) -> None:
    """A lock with our host name but of another computer, or of an unknown one, never goes by its process number."""
    leave(repo, replace(dead, machine=machine), age=1_700)
    with pytest.raises(RepositoryLocked), hold(repo, clock):
        pass


def test_without_knowing_ourselves_nobody_is_dead(repo: Repository, clock: Clock, dead: Identity) -> None:
    """On a computer without any id of its own, process numbers decide nothing."""
    leave(repo, replace(dead, machine=""))
    with pytest.raises(RepositoryLocked), hold(repo, clock, me=replace(ME, machine="")):
        pass


def test_silence_must_be_watched(repo: Repository, clock: Clock) -> None:
    """A foreign lock older than half an hour goes only after it was not renewed for longer than it should have been."""
    leave(repo, RESTIC, age=1_900)
    leave(repo, replace(RESTIC, pid=4712), age=1_900, exclusive=False)
    with hold(repo, clock) as lock:
        assert present(repo) == [lock.id]
    assert 330 < clock.up - 10_000 < 330 + 2 * QUICK.poll


def test_a_renewal_during_the_watch_saves_the_holder(repo: Repository, clock: Clock) -> None:
    """A clock far ahead makes a live lock look old; its renewal proves the contrary, though it looks old, too."""
    old = leave(repo, RESTIC, age=9_000)

    def renew() -> None:
        leave(repo, RESTIC, age=9_000 - 200)
        repo.remove(FileKind.LOCK, old)

    clock.events.append((200, renew))
    with pytest.raises(RepositoryLocked), hold(repo, clock):
        pass
    assert clock.up - 10_000 < 230


def test_a_holder_that_cannot_remove_its_old_locks_lives(repo: Repository, clock: Clock) -> None:
    """Where nothing can be deleted, the newest lock of a holder speaks for all its older ones."""
    leave(repo, RESTIC, age=5_000)
    leave(repo, RESTIC, age=200)
    with pytest.raises(RepositoryLocked), hold(repo, clock):
        pass
    clock.pause(2_000)
    with hold(repo, clock) as lock:
        assert present(repo) == [lock.id]


def test_a_young_foreign_lock_stands(repo: Repository, clock: Clock) -> None:
    """Before half an hour has passed nobody watches anything."""
    leave(repo, RESTIC, age=1_790)
    with pytest.raises(RepositoryLocked), hold(repo, clock):
        pass
    assert clock.up == 10_000


@pytest.mark.parametrize("other", ["snapshot", "lock"])
def test_a_clock_behind_the_repository_judges_nobody(repo: Repository, clock: Clock, other: str) -> None:
    """Where a date lies ahead of our clock, the clock is wrong and no lock is old."""
    leave(repo, RESTIC, age=1_900)
    if other == "snapshot":
        snapshots.save(repo, Snapshot(START + timedelta(hours=1), bytes(32), ("/",)))
    else:
        leave(repo, replace(RESTIC, pid=1), age=-3600, exclusive=False)
    with pytest.raises(RepositoryLocked), hold(repo, clock, exclusive=False):
        pass


def test_a_clock_far_ahead_judges_nobody(repo: Repository, clock: Clock) -> None:
    """A clock more than a year ahead of everything in the repository is taken to be wrong."""
    leave(repo, RESTIC)
    clock.wall += timedelta(days=401)
    with pytest.raises(RepositoryLocked), hold(repo, clock):
        pass


def test_a_living_process_is_never_dead_by_age(repo: Repository, clock: Clock, living: Identity) -> None:
    """A process of this computer that hangs for hours still holds its lock."""
    leave(repo, living, age=9_000)
    with pytest.raises(RepositoryLocked), hold(repo, clock):
        pass


@pytest.mark.parametrize("content", [b"", b"x" * 40, None], ids=["empty", "junk", "no-lock"])
def test_an_unreadable_lock_blocks_by_name(repo: Repository, clock: Clock, content: bytes | None) -> None:
    """Nobody knows who holds it, so it stays, and the message names its file."""
    if content is None:
        lock_id = repo.save(FileKind.LOCK, b'{"time":"yesterday"}')
    else:
        lock_id = "ab" * 32
        repo.store.put(f"locks/{lock_id}", BytesPayload(content))
    with pytest.raises(RepositoryLocked) as caught, hold(repo, clock, exclusive=False):
        pass
    assert caught.value.lock == lock_id
    assert not caught.value.host


def test_a_lock_that_vanishes_while_we_look_is_none(repo: Repository) -> None:
    """A lock removed between listing and reading is nobody's."""
    lock_id = leave(repo, RESTIC)
    twin = Repository.open(FaultyStore(repo.store), "x")
    assert isinstance(twin.store, FaultyStore)
    twin.store.faults.append(Fault("get", sum(method == "get" for method, _ in twin.store.calls) + 1, Do.LIE))
    assert read_all(twin) == []
    assert [lock.id for lock in read_all(twin)] == [lock_id]


# A holder that slept


def test_renewal_never_leaves_us_without_a_lock(repo: Repository) -> None:
    """The new file is there before the old one goes, again and again."""
    timing = Timing(settle=0, refresh=0.01)
    with locked(repo, exclusive=True, identity=ME, now=lambda: datetime.now(UTC), timing=timing) as lock:
        seen = {lock.id}
        while len(seen) < 5:
            assert present(repo)
            seen.add(lock.id)
        lock.check()
    assert present(repo) == []


def test_renewal_says_the_present_time(repo: Repository, clock: Clock) -> None:
    """A renewed lock bears the time of its renewal."""
    with hold(repo, clock) as lock:
        clock.pause(300)
        lock.renew()
        assert [one.time for one in read_all(repo)] == [START + timedelta(seconds=300)]


def test_check_costs_no_call_while_the_lock_is_young(place: MemoryPlace, clock: Clock) -> None:
    """The check before every deletion asks the place nothing."""
    store = FaultyStore(MemoryStore(place))
    repo = Repository.create(store, "x", now=START, cost=KdfParameters(n=2, r=1))
    with hold(repo, clock) as lock:
        before = len(store.calls)
        for _ in range(100):
            lock.check()
        assert len(store.calls) == before


def test_a_lock_costs_four_calls(place: MemoryPlace, clock: Clock) -> None:
    """Where nobody else is, locking is a look, the lock, a second look, and taking it away: clouds count calls."""
    store = FaultyStore(MemoryStore(place))
    repo = Repository.create(store, "x", now=START, cost=KdfParameters(n=2, r=1))
    store.calls.clear()
    with hold(repo, clock):
        pass
    assert [method for method, _ in store.calls] == ["entries", "put", "entries", "delete"]


@pytest.mark.parametrize("sleep", ["both clocks", "wall clock only", "stopwatch only"])
def test_after_standby_the_lock_is_made_sure_of(repo: Repository, clock: Clock, sleep: str) -> None:
    """Whichever clock noticed the stand-by: if the lock is still there, it is renewed and the work goes on."""
    with hold(repo, clock) as lock:
        first = lock.id
        if sleep != "stopwatch only":
            clock.wall += timedelta(minutes=40)
        if sleep != "wall clock only":
            clock.up += 2_400
        lock.check()
        assert lock.id != first
        assert present(repo) == [lock.id]


def test_a_lock_taken_away_during_standby_is_lost(repo: Repository, clock: Clock, living: Identity) -> None:
    """Who wakes up without his lock stops, for good, and leaves no lock behind."""
    with hold(repo, clock) as lock:
        repo.remove(FileKind.LOCK, lock.id)
        other = leave(repo, living)
        clock.pause(2_400)
        for _ in range(2):
            with pytest.raises(LockLost):
                lock.check()
    assert present(repo) == [other]


def test_without_its_lock_a_run_acknowledges_nothing(repo: Repository, clock: Clock) -> None:
    """A writer that slept too long cannot write an index or a snapshot any more, nor remove anything."""
    index = repo.save(FileKind.INDEX, b'{"packs":[]}')
    with hold(repo, clock) as lock:
        repo.save(FileKind.INDEX, b'{"packs": []}')
        repo.store.delete(f"locks/{lock.id}")
        clock.pause(2_400)
        before = [entry.name for entry in repo.store.entries() if not entry.name.startswith("locks")]
        for forbidden in (
            lambda: repo.save(FileKind.INDEX, b'{"packs":[]}'),
            lambda: snapshots.save(repo, Snapshot(START, bytes(32), ("/",))),
            lambda: repo.remove(FileKind.INDEX, index),
        ):
            with pytest.raises(LockLost):
                forbidden()
        assert [entry.name for entry in repo.store.entries() if not entry.name.startswith("locks")] == before
    repo.remove(FileKind.INDEX, index)


def test_nobody_passes_while_the_lock_is_being_made_sure_of(repo: Repository, clock: Clock) -> None:
    """After stand-by, all threads wait for the answer that one of them fetches, and all of them stop."""
    stopped = []

    def work() -> None:
        try:
            lock.check()
        except LockLost:
            stopped.append(1)

    timing = Timing(settle=0.1)
    with locked(
        repo, exclusive=True, identity=ME, now=clock.now, elapsed=clock.elapsed, pause=clock.pause, timing=timing
    ) as lock:
        repo.remove(FileKind.LOCK, lock.id)
        clock.pause(2_400)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
            time.sleep(0.01)
        for thread in threads:
            thread.join()
    assert len(stopped) == 4


def test_no_attempt_after_a_long_sleep_is_let_through(place: MemoryPlace, clock: Clock) -> None:
    """A place that tries again after stand-by sends nothing more: others may have taken the lock for dead."""
    Repository.create(MemoryStore(place), "x", now=START, cost=KdfParameters(n=2, r=1))
    failing = FaultyStore(MemoryStore(place), [Fault("put", 2)])
    store = RetryingStore(failing, wait=lambda _: bool(clock.pause(2_400)), clock=lambda: 0)
    repo = Repository.open(store, "x")
    with pytest.raises(LockLost), hold(repo, clock):
        repo.save(FileKind.SNAPSHOT, b"{}")
    assert not [name for name in place.objects if name.startswith("snapshots/")]


def test_a_lock_that_cannot_be_made_sure_of_is_lost(place: MemoryPlace, clock: Clock) -> None:
    """Without an answer from the place nobody knows, so we stop."""
    store = FaultyStore(MemoryStore(place))
    repo = Repository.create(store, "x", now=START, cost=KdfParameters(n=2, r=1))
    with hold(repo, clock) as lock:
        store.faults.append(Fault("entries", 1, lasting=True))
        clock.pause(2_400)
        with pytest.raises(LockLost):
            lock.check()
        store.faults.clear()
    assert present(repo) == []


def test_a_short_failure_costs_nothing(place: MemoryPlace, clock: Clock) -> None:
    """A renewal that fails while the lock is young is tried again; what it left behind is removed."""
    store = FaultyStore(MemoryStore(place))
    repo = Repository.create(store, "x", now=START, cost=KdfParameters(n=2, r=1))
    with hold(repo, clock) as lock:
        store.faults.append(Fault("entries", 1, lasting=True))
        with pytest.raises(Offline):
            lock.renew()
        lock.check()
        store.faults.clear()
        assert len(present(repo)) == 2
        lock.renew()
        assert present(repo) == [lock.id]


def test_the_thread_tries_again(place: MemoryPlace) -> None:
    """The renewing thread outlives a failing place."""
    store = FaultyStore(MemoryStore(place))
    repo = Repository.create(store, "x", now=START, cost=KdfParameters(n=2, r=1))
    timing = Timing(settle=0, refresh=0.01, retry=0.01)
    with locked(repo, exclusive=True, identity=ME, now=lambda: datetime.now(UTC), timing=timing) as lock:
        puts = sum(method == "put" for method, _ in store.calls)
        store.faults.append(Fault("put", puts + 1, error=Offline()))
        store.faults.append(Fault("put", puts + 2, error=Offline()))
        first = lock.id
        while lock.id == first:
            time.sleep(0.001)
        lock.check()


def test_removed_by_the_owner_means_lost(repo: Repository, clock: Clock) -> None:
    """After `unlock --remove-all` a running job stops at its next renewal."""
    with hold(repo, clock) as lock:
        assert [one.id for one in unlock(repo, identity=ME, now=START, remove_all=True)] == [lock.id]
        with pytest.raises(LockLost):
            lock.renew()
        with pytest.raises(LockLost):
            lock.check()
    assert present(repo) == []


# unlock


def test_unlock_removes_the_dead_and_the_silent(repo: Repository, living: Identity, dead: Identity) -> None:
    """Asked by the owner, those whose holders are dead or silent for half an hour go without a watch."""
    leave(repo, dead)
    leave(repo, RESTIC, age=1_801)
    staying = {leave(repo, RESTIC, age=1_799), leave(repo, living, age=9_000)}
    repo.store.put("locks/" + "ab" * 32, BytesPayload(b""))
    removed = unlock(repo, identity=ME, now=START)
    assert {lock.holder for lock in removed} == {dead, RESTIC}
    assert set(present(repo)) == staying | {"ab" * 32}
    assert len(unlock(repo, identity=ME, now=START, remove_all=True)) == 3
    assert present(repo) == []


# The file


def test_a_lock_file_reads_as_it_was_written() -> None:
    """Every field comes back."""
    assert decode(encode(START, ME, exclusive=True), "id") == LockFile("id", START, exclusive=True, holder=ME)


def test_what_is_no_lock_file_is_damaged() -> None:
    """Anything else is damage, not a crash."""
    for data in (b"[" * 100_000, b"{}", b'{"time":"x"}', b"\xff", b'{"time":1}'):
        with pytest.raises(RepositoryDamaged):
            decode(data, "id")


# The real restic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    with LocalStore(path) as store:
        Repository.create(store, "x", now=datetime.now(UTC), cost=KdfParameters(n=2, r=1))
    return path


def run_restic(program: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {"RESTIC_PASSWORD": "x", "PATH": "/usr/bin:/bin", "HOME": str(folder.parent)}
    return subprocess.run(
        [program, "-r", str(folder), "--no-cache", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@pytest.mark.restic
def test_restic_respects_our_locks(restic: str, folder: Path) -> None:
    """Restic reads our lock and its own fields in it, keeps it at `unlock`, and stays out while it is exclusive."""
    with LocalStore(folder) as store:
        repo = Repository.open(store, "x")
        me = this_process()
        with locked(repo, exclusive=True, identity=me, now=lambda: datetime.now(UTC)) as lock:
            shown = json.loads(run_restic(restic, folder, "cat", "lock", lock.id, "--no-lock").stdout)
            assert shown["hostname"] == me.hostname
            assert (shown["pid"], shown["exclusive"]) == (me.pid, True)
            run_restic(restic, folder, "unlock")
            assert present(repo) == [lock.id]
            refused = run_restic(restic, folder, "backup", str(folder / "config"))
            assert refused.returncode != 0
            assert f"PID {me.pid} on {me.hostname}" in refused.stderr
        assert run_restic(restic, folder, "snapshots").returncode == 0


def test_a_program_of_its_own_mind_about_hangups_keeps_its_handler(repo: Repository, clock: Clock) -> None:
    """Only the default, which kills, is replaced while the lock is held, and only in the main thread."""
    heard: list[int] = []
    signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))
    try:
        with hold(repo, clock):
            os.kill(os.getpid(), signal.SIGHUP)
        assert heard == [signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with hold(repo, clock):
        assert signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.restic
def test_we_respect_restics_locks(restic: str, folder: Path) -> None:
    """While restic saves, we may add but not remove; its lock names it, and outlives its killing until it is old."""
    environment = {"RESTIC_PASSWORD": "x", "PATH": "/usr/bin:/bin", "HOME": str(folder.parent)}
    process = subprocess.Popen(
        [restic, "-r", str(folder), "--no-cache", "backup", "--stdin"], stdin=subprocess.PIPE, env=environment
    )
    try:
        with LocalStore(folder) as store:
            repo = Repository.open(store, "x")
            while not present(repo):
                assert process.poll() is None
            now, me = (lambda: datetime.now(UTC)), this_process()
            with locked(repo, exclusive=False, identity=me, now=now) as lock:
                lock.check()
            with pytest.raises(RepositoryLocked) as caught, locked(repo, exclusive=True, identity=me, now=now):
                pass
            assert caught.value.pid == process.pid
            process.kill()
            process.wait()
            with pytest.raises(RepositoryLocked), locked(repo, exclusive=True, identity=me, now=now):
                pass
            assert unlock(repo, identity=me, now=now()) == []
            assert len(unlock(repo, identity=me, now=now() + timedelta(minutes=31))) == 1
    finally:
        process.kill()
        process.communicate()
