"""Several clients of one place, interleaved at every call they make to it, killed and sent to sleep at will.

Each client runs the real code (locks, saver, forget, prune) in a thread of its own, of which exactly one runs at a
time: after every call to the place the baton goes back to the test, which says who goes on, who dies, and how much time
passes. After every step the order that restic's design promises must hold: a snapshot names only trees that are there,
trees only blobs that are there, every index file only packs that are there, and what was acknowledged is complete.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from traybackup.api.errors import LockLost, NotFound, PruneRefused, RepositoryLocked
from traybackup.api.source import Kind, Metadata
from traybackup.api.store import Entry, Payload
from traybackup.engine import crypto, locks, snapshots
from traybackup.engine import saver as saver_module
from traybackup.engine.checker import check
from traybackup.engine.codec import BlobKind, FileKind
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.identity import Identity
from traybackup.engine.index import decode_index
from traybackup.engine.locks import Lock, Timing, locked
from traybackup.engine.pack import PackedBlob, open_blobs
from traybackup.engine.pruneplan import PruneLimits, plan
from traybackup.engine.pruner import apply, forget
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.engine.tree import encode_node, encode_tree
from traybackup.testing import MemoryStore
from traybackup.testing.memory import MemoryPlace

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TIMING = Timing(poll=150)
BLOBS = [random.Random(number).randbytes(200) for number in range(8)]
"""So few that clients always want the same ones: what one removes, another is about to rely on."""


class Killed(BaseException):
    """What kill -9 does: nothing runs any more, no clean-up reaches the place."""


class Inline:
    """Workers without threads: what they do is done at once, so that every run takes the same turns."""

    def __init__(self, name: str, count: int, work: Callable[[object], None], depth: int | None = None) -> None:
        del name, count, depth
        self._work = work

    def submit(self, item: object) -> None:
        self._work(item)

    def check(self) -> None: ...

    def finish(self) -> None: ...

    def abandon(self, reason: BaseException) -> None: ...


class Time:
    """The one time that passes for all."""

    def __init__(self) -> None:
        self.up = 100_000.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.up)

    def elapsed(self) -> float:
        return self.up


class Client:
    """One computer at work: hands the baton back after every call to the place."""

    def __init__(self, place: MemoryPlace, time: Time, identity: Identity, work: "Callable[[Client], None]") -> None:
        self.repo = Repository.open(MemoryStore(place), "x")
        self.repo.store = Turns(place, self)
        self.identity = identity
        self.time = time
        self.dead = self.ended = False
        self.error: BaseException | None = None
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: "Callable[[Client], None]") -> None:
        self._go.acquire()
        try:
            if not self.dead:
                work(self)
        except (Killed, RepositoryLocked, LockLost, PruneRefused, NotFound) as error:
            self.error = error  # NotFound: what is read was removed while it slept
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended = True
            self._back.release()

    def step(self) -> None:
        """Let it run to the end of its next call."""
        if not self.ended:
            self._go.release()
            self._back.acquire()
        expected = Killed | RepositoryLocked | LockLost | PruneRefused | NotFound
        assert self.error is None or isinstance(self.error, expected)

    def kill(self) -> None:
        self.dead = True
        while not self.ended:
            self.step()
        self._thread.join()

    def yield_(self) -> None:
        self._back.release()
        self._go.acquire()
        if self.dead:
            raise Killed

    def pause(self, seconds: float) -> None:
        self.time.up += seconds
        self.yield_()

    def locked(self, *, exclusive: bool) -> AbstractContextManager[Lock]:
        return locked(
            self.repo,
            exclusive=exclusive,
            identity=self.identity,
            now=self.time.now,
            elapsed=self.time.elapsed,
            pause=self.pause,
            timing=TIMING,
        )


class Turns(MemoryStore):
    """A client's way to the place: after each call it is somebody else's turn, and the dead reach nothing."""

    def __init__(self, place: MemoryPlace, client: Client) -> None:
        super().__init__(place)
        self._client = client

    def _alive(self) -> None:
        if self._client.dead:
            raise Killed

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        self._alive()
        entry = super().put(name, payload, overwrite=overwrite)
        self._client.yield_()
        return entry

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self._alive()
        data = super().get(name, offset, length)
        self._client.yield_()
        return data

    def stat(self, name: str) -> Entry:
        self._alive()
        entry = super().stat(name)
        self._client.yield_()
        return entry

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        self._alive()
        found = list(super().entries(prefix))
        self._client.yield_()
        return iter(found)

    def delete(self, name: str) -> None:
        self._alive()
        super().delete(name)
        self._client.yield_()


class Promises:
    """Looks at a place from outside and tells whether the promises hold. What cannot change is read once."""

    def __init__(self, place: MemoryPlace) -> None:
        self._place = place
        self._repo = Repository.open(MemoryStore(place), "x")
        self._indexes: dict[str, list[tuple[bytes, list[PackedBlob]]]] = {}
        self._trees: dict[bytes, tuple[set[bytes], set[bytes]]] = {}

    def snapshots(self) -> dict[str, Snapshot]:
        return {one.id: one for one in snapshots.load_all(self._repo)}

    def _blobs(self) -> dict[tuple[BlobKind, bytes], tuple[bytes, PackedBlob]]:
        present = {name[-64:] for name in self._place.objects if name.startswith("data/")}
        blobs = {}
        for entry in self._repo.ids(FileKind.INDEX):
            if entry.id not in self._indexes:
                self._indexes[entry.id] = decode_index(self._repo.load(FileKind.INDEX, entry.id), entry.id)
            for pack_id, listed in self._indexes[entry.id]:
                assert pack_id.hex() in present, "an index file names a pack that is not there"
                for blob in listed:
                    blobs[blob.kind, blob.id] = pack_id, blob
        return blobs

    def hold(self) -> None:
        blobs = self._blobs()
        wanted = [one.tree for one in self.snapshots().values()]
        seen = set()
        while wanted:
            tree = wanted.pop()
            if tree in seen:
                continue
            seen.add(tree)
            assert (BlobKind.TREE, tree) in blobs, "a tree that is needed is not there"
            if tree not in self._trees:
                self._trees[tree] = self._read(*blobs[BlobKind.TREE, tree])
            subtrees, content = self._trees[tree]
            wanted += subtrees
            for blob_id in content:
                assert (BlobKind.DATA, blob_id) in blobs, "a blob that is needed is not there"

    def _read(self, pack_id: bytes, blob: PackedBlob) -> tuple[set[bytes], set[bytes]]:
        data = self._repo.read_pack(pack_id, blob.offset, blob.length)
        ((_, plain),) = open_blobs(self._repo.key, data, blob.offset, [blob])
        assert isinstance(plain, bytes)
        nodes = msgspec.json.decode(plain)["nodes"]
        subtrees = {bytes.fromhex(node["subtree"]) for node in nodes if node.get("subtree")}
        return subtrees, {bytes.fromhex(text) for node in nodes for text in node.get("content") or ()}


class Clients(RuleBasedStateMachine):
    """Three computers, one repository."""

    chance = random.Random(1)

    def __init__(self) -> None:
        super().__init__()
        Clients.chance.seed(1)
        self.place, self.time = MemoryPlace(), Time()
        Repository.create(MemoryStore(self.place), "x", now=START, cost=KdfParameters(n=2, r=1))
        self.promises = Promises(self.place)
        self.clients: dict[int, Client] = {}
        self.acknowledged: set[str] = set()
        self.forgotten: set[str] = set()
        self.count = 0

    @initialize(trees=st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=3))
    def begin(self, trees: list[set[int]]) -> None:
        """Some backups were made before."""
        for tree in trees:
            self.start(0, self.backup(tree))
            while not self.clients[0].ended:
                self.clients[0].step()

    def start(self, number: int, work: Callable[[Client], None]) -> None:
        self.count += 1
        # every process has a number of its own, beyond those the system gives: the earlier ones are dead
        identity = Identity(f"till-{number}", "shop", (1 << 23) + self.count, machine=f"machine-{number}", boot="1")
        self.clients[number] = Client(self.place, self.time, identity, work)

    def backup(self, tree: set[int]) -> Callable[[Client], None]:
        def work(client: Client) -> None:
            with client.locked(exclusive=False):
                client.repo.load_index()
                with client.repo.writing() as saver:
                    ids = [saver.save(BlobKind.DATA, BLOBS[number]) for number in sorted(tree)]
                    nodes = [encode_node(b"db", Metadata(Kind.FILE), ids)]
                    below = saver.save(BlobKind.TREE, encode_tree(nodes))
                    root = encode_tree([encode_node(b"srv", Metadata(Kind.DIRECTORY), None, below)])
                    root_id = saver.save(BlobKind.TREE, root)
                made = snapshots.save(
                    client.repo, Snapshot(client.time.now(), root_id, ("/srv",), client.identity.hostname)
                )
                self.acknowledged.add(made.id)

        return work

    def forgetting(self, keep: int, *, prune: bool = False) -> Callable[[Client], None]:
        def work(client: Client) -> None:
            with client.locked(exclusive=True) as lock:
                for old in snapshots.load_all(client.repo)[:-keep]:
                    self.forgotten.add(old.id)
                    forget(client.repo, [old.id], lock)
                if prune:
                    apply(client.repo, plan(client.repo, PruneLimits(max_unused=0)), lock)

        return work

    def pruning(self) -> Callable[[Client], None]:
        def work(client: Client) -> None:
            with client.locked(exclusive=True) as lock:
                apply(client.repo, plan(client.repo, PruneLimits(max_unused=0, repack_small=True)), lock)

        return work

    def idle(self, number: int) -> bool:
        return number not in self.clients or self.clients[number].ended

    @precondition(lambda self: any(self.idle(number) for number in range(3)))
    @rule(tree=st.sets(st.integers(0, 7), min_size=1), calls=st.integers(1, 16))
    def begin_backup(self, tree: set[int], calls: int) -> None:
        """Somebody who is idle begins a backup, and is held up on the way: one has about fifteen calls."""
        self._begin(self.backup(tree), calls)

    @precondition(lambda self: any(self.idle(number) for number in range(3)))
    @rule(keep=st.integers(1, 2), calls=st.one_of(st.just(500), st.integers(1, 60)))
    def begin_removal(self, keep: int, calls: int) -> None:
        """Somebody who is idle begins to forget and prune, and mostly gets to the end."""
        self._begin(self.forgetting(keep, prune=True), calls)

    def _begin(self, work: Callable[[Client], None], calls: int) -> None:
        number = next(number for number in range(3) if self.idle(number))
        self.start(number, work)
        self._go_on(self.clients[number], calls)

    @precondition(lambda self: not all(self.idle(number) for number in range(3)))
    @rule(which=st.integers(0, 2), calls=st.sampled_from([1, 3, 8, 500, 500]))
    def go_on(self, which: int, calls: int) -> None:
        """One of those at work goes on for some calls; the promises hold after each."""
        busy = [number for number in range(3) if not self.idle(number)]
        self._go_on(self.clients[busy[which % len(busy)]], calls)

    def _go_on(self, client: Client, calls: int) -> None:
        for _ in range(calls):
            if client.ended:
                break
            client.step()
            self.promises.hold()

    @precondition(lambda self: not all(self.idle(number) for number in range(3)))
    @rule(number=st.integers(0, 11))
    def kill(self, number: int) -> None:
        """Now and then one of them is killed on the spot."""
        if not self.idle(number):
            self.clients[number].kill()

    @rule(minutes=st.sampled_from([6, 40]))
    def sleep(self, minutes: int) -> None:
        """Time passes; all of them may have slept through it."""
        self.time.up += minutes * 60

    @invariant()
    def acknowledged_is_there(self) -> None:
        """What a backup has acknowledged and nobody has forgotten is there, and whole."""
        assert self.acknowledged - self.forgotten <= self.promises.snapshots().keys()
        self.promises.hold()

    def teardown(self) -> None:
        for client in self.clients.values():
            client.kill()
        self.time.up += 3 * 3600
        if not self.promises.snapshots():
            return
        # whatever happened: after some time the next prune just works, and leaves nothing that nobody needs
        self.start(9, self.pruning())
        while not self.clients[9].ended:
            self.clients[9].step()
        assert self.clients[9].error is None
        result = check(Repository.open(MemoryStore(self.place), "x"), now=self.time.now(), read_data=100)
        assert result.problems == []
        assert (result.unused, result.duplicates, result.unindexed) == (0, 0, 0)


@pytest.fixture
def one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a client a single thread: no uploaders, no renewal of locks while nobody looks."""
    # the same turns for the same choices: no thread and no chance but that of hypothesis
    monkeypatch.setattr(crypto, "os", SimpleNamespace(urandom=Clients.chance.randbytes))
    monkeypatch.setattr(locks, "secrets", SimpleNamespace(randbelow=lambda limit: limit // 2))
    monkeypatch.setattr(saver_module, "Workers", Inline)
    monkeypatch.setattr(Lock, "keep", lambda _: None)


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Clients,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, suppress_health_check=list(HealthCheck), deadline=None
        ),
    )


@pytest.mark.usefixtures("one_thread_each")
def test_clients_never_harm_one_another() -> None:
    """However backups, forgets and prunes interleave, die and sleep, the promises hold after every call."""
    run(30, 40)


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.usefixtures("one_thread_each")
def test_clients_never_harm_one_another_in_the_long_run() -> None:
    """The same, for three thousand sequences of fifty steps."""
    run(3000, 50)


@pytest.mark.usefixtures("one_thread_each")
@pytest.mark.parametrize("asleep_after", range(1, 40, 3))
def test_a_sleeper_wakes_up_to_a_pruned_repository(asleep_after: int) -> None:
    """A backup that sleeps at any point while somebody else forgets and prunes either is complete or never was."""
    machine = Clients()
    machine.begin([{0, 1, 2}, {2, 3}])
    machine.start(1, machine.backup({0, 1, 5, 6}))
    for _ in range(asleep_after):
        machine.clients[1].step()
    machine.time.up += 40 * 60
    for work in (machine.forgetting(1), machine.pruning()):
        machine.start(2, work)
        while not machine.clients[2].ended:
            machine.clients[2].step()
            machine.promises.hold()
        assert machine.clients[2].error is None
    while not machine.clients[1].ended:
        machine.clients[1].step()
        machine.acknowledged_is_there()
    machine.teardown()


@pytest.mark.usefixtures("one_thread_each")
@pytest.mark.parametrize("asleep_after", range(1, 60, 4))
def test_a_pruner_that_slept_does_no_harm(asleep_after: int) -> None:
    """A prune that sleeps at any point while somebody else saves removes nothing of what was saved."""
    machine = Clients()
    machine.begin([{0, 1, 2}, {2, 3}])
    machine.start(0, machine.forgetting(1))
    while not machine.clients[0].ended:
        machine.clients[0].step()
    machine.start(1, machine.pruning())
    for _ in range(asleep_after):
        machine.clients[1].step()
    machine.time.up += 40 * 60
    machine.start(2, machine.backup({0, 1, 2, 7}))
    while not machine.clients[2].ended:
        machine.clients[2].step()
        machine.promises.hold()
    assert machine.clients[2].error is None
    while not machine.clients[1].ended:
        machine.clients[1].step()
        machine.acknowledged_is_there()
    machine.teardown()
