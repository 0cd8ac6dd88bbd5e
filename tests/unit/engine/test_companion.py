"""A companion process packs as the thread itself would, and neither outlives nor hangs its run."""

import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from traybackup.engine import saver as saver_module
from traybackup.engine.codec import BlobKind
from traybackup.engine.companion import Companion
from traybackup.engine.crypto import KdfParameters, MasterKey
from traybackup.engine.pack import FinishedPack, open_blobs, read_header
from traybackup.engine.packer import LocalPacker, Order
from traybackup.engine.repository import Repository
from traybackup.testing import MemoryStore


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(MasterKey.generate(), tmp_path, 1, 1 << 20)


@pytest.fixture
def companion(order: Order) -> Iterator[Companion]:
    made = Companion(order)
    yield made
    made.discard()


def batch(seed: int, count: int = 40) -> list[bytes]:
    chance = random.Random(seed)
    return [chance.randbytes(chance.randrange(1, 60_000)) + bytes(5000) for _ in range(count)]


def contents(key: MasterKey, packs: list[FinishedPack]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for pack in packs:
        data = pack.path.read_bytes()
        assert read_header(key, data) == pack.blobs
        for blob, plain in open_blobs(key, data, 0, pack.blobs):
            assert isinstance(plain, bytes)
            found[blob.id] = plain
    return found


@pytest.mark.parametrize("new", [False, True])
def test_it_hashes_and_packs_like_the_thread_itself(order: Order, companion: Companion, *, new: bool) -> None:
    """Ids, chosen blobs and their bytes are those of a packer in the same process, whether sealed at once or later."""
    local = LocalPacker(order)
    packs: list[FinishedPack] = []
    expected: dict[bytes, bytes] = {}
    for seed in range(6):
        plains = batch(seed)
        ids = companion.take(BlobKind.DATA, plains, new=new)
        assert ids == local.take(BlobKind.DATA, plains, new=not new)
        chosen = [number for number in range(len(plains)) if number % 3]
        packs += companion.pack(chosen).finished
        expected |= {ids[number]: plains[number] for number in chosen}
    packs += companion.finish()
    assert len(packs) > 2
    assert contents(order.key, packs) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_it_leaves_signals_of_the_terminal_to_its_run(companion: Companion, number: signal.Signals) -> None:
    """Ctrl-C and a closed terminal reach every process started from it; the run goes on or ends, and with it this."""
    companion.take(BlobKind.DATA, batch(1))
    os.kill(companion._process.pid, number)
    companion.take(BlobKind.DATA, batch(2))
    assert companion._process.poll() is None


def test_a_companion_that_died_is_an_error_not_a_hang(companion: Companion) -> None:
    """When its process is killed, the next request says so at once."""
    companion.take(BlobKind.DATA, batch(1))
    os.kill(companion._process.pid, signal.SIGKILL)
    with pytest.raises(OSError, match="companion ended"):
        companion.take(BlobKind.DATA, batch(2))


def test_it_ends_with_its_input(order: Order) -> None:
    """It does not outlive whoever started it, however that ends."""
    made = Companion(order)
    made.take(BlobKind.DATA, batch(1))
    made._to.close()
    assert made._process.wait(timeout=20) == 0
    made.discard()


def test_no_room_for_packs_is_told_as_the_systems_error(order: Order, companion: Companion) -> None:
    """What the operating system refuses in the companion arrives with its number."""
    plains = batch(3)
    companion.take(BlobKind.DATA, plains)
    for name in os.listdir(order.folder):
        os.unlink(order.folder / name)
    order.folder.rmdir()
    with pytest.raises(FileNotFoundError):
        companion.pack(range(len(plains)))
    order.folder.mkdir()


def test_a_long_run_uses_companions_and_stores_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the threshold other threads' batches go to companions, and every blob can be read afterwards."""
    monkeypatch.setattr(saver_module, "_COMPANION_AFTER", 1 << 20)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    now = datetime.now(UTC)
    repo = Repository.create(MemoryStore(), "pw", now=now, cost=KdfParameters())
    with repo.writing() as saver:
        batches = [batch(seed) for seed in range(5)]
        ids = [saver.save_many(BlobKind.DATA, plains) for plains in (*batches, *batches)]
        assert len(saver._companions) == 1
        process = next(iter(saver._companions.values()))._process
    assert process.poll() == 0
    assert saver.new_blobs[BlobKind.DATA] == sum(map(len, batches))
    repo.load_index()
    for plains, found in zip((*batches, *batches), ids, strict=True):
        assert [repo.blob(BlobKind.DATA, blob_id) for blob_id in found] == plains


def test_giving_up_ends_the_companion_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that fails leaves no process behind."""
    monkeypatch.setattr(saver_module, "_COMPANION_AFTER", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    repo = Repository.create(MemoryStore(), "pw", now=datetime.now(UTC), cost=KdfParameters())
    started = time.monotonic()
    writing = repo.writing()
    saver = writing.__enter__()
    saver.save_many(BlobKind.DATA, batch(1))
    process = next(iter(saver._companions.values()))._process
    assert not writing.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - started < 60
