"""A second process helps with large restores: the result is the same, and it never outlives the restore."""
# ruff: noqa: ARG002 - methods have the arguments of their contract

import hashlib
import os
import random
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import Cancelled, RestoreError
from traybackup.api.progress import Cancel, Progress
from traybackup.engine import farhand, restorer
from traybackup.engine.codec import BlobKind
from traybackup.engine.filesystem import TEMPORARY
from traybackup.engine.placing import Overwrite
from traybackup.engine.restorer import restore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be handed to another process there")

Make = Callable[..., Any]
TIME = 1_700_000_000_123_456_789


def children() -> set[int]:
    """The processes that this one started and that are still there."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


class Inside(farhand.FarHand):
    """The same, with its far end in this process, where it can be measured."""

    def _start(self, start: farhand._Start) -> None:
        told = farhand.msgspec.structs.replace(start, shared=os.dup(start.shared), root=os.dup(start.root))
        self._far = farhand._Far(told)
        os.close(told.shared)
        self._answers: list[bytes] = []

    def _put(self, task: farhand._Task) -> None:
        encode = farhand.msgspec.msgpack.encode
        self._answers.append(encode(self._far.work(farhand._TASK.decode(encode(task)))))

    def _take(self) -> farhand._Answer:
        return farhand._ANSWER.decode(self._answers.pop(0))

    def end(self) -> None:
        self._far.root.close()


@pytest.fixture(autouse=True, params=["apart", "inside"])
def helped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Let the far hand do all the work, count its tasks, and see that its process ends."""
    tasks: list[int] = []
    kind = Inside if request.param == "inside" else farhand.FarHand
    put = kind._put

    def counting(self: farhand.FarHand, task: Any) -> None:
        tasks.append(task.size)
        put(self, task)

    monkeypatch.setattr(restorer, "_LARGE_COUNT", 0)
    monkeypatch.setattr("traybackup.engine.filewriter._WORKERS", 1)
    monkeypatch.setattr("traybackup.engine.filewriter.FarHand", kind)
    monkeypatch.setattr(kind, "_put", counting)
    before = children() if sys.platform == "linux" else set()
    yield tasks
    assert any(tasks), "the second process had nothing to do"
    if sys.platform == "linux":
        assert children() == before


def test_everything_comes_back(made: Any, file: Make, folder: Make, target: Path) -> None:
    """Small and growing files, holes, empty ones, modes, times, attributes and hard links, in many batches."""
    blobs = [random.Random(number).randbytes(3000 + number) for number in range(40)]
    shared = file(b"one", links=2, inode=7, device_id=1)
    tree = {
        b"d%d" % n: folder({b"f%d" % m: file(*blobs[m : m + n], mode=0o600 + m) for m in range(9)}, mode=0o1751)
        for n in range(5)
    }
    tree |= {b"x": file(b"x", xattrs=(("user.shop", b"\0\xff"),)), b"y": shared, b"z": folder({b"y": shared})}
    tree |= {b"holes": file(bytes(1 << 20), b"end", bytes(1 << 20))}
    restored = restore(made.repo, made.plant(tree), target)
    for n in range(5):
        above = (target / f"d{n}").stat()
        assert (stat.S_IMODE(above.st_mode), above.st_mtime_ns) == (0o1751, TIME + 3)
        for m in range(9):
            path = target / f"d{n}" / f"f{m}"
            assert path.read_bytes() == b"".join(blobs[m : m + n])
            assert (stat.S_IMODE(path.stat().st_mode), path.stat().st_mtime_ns) == (0o600 + m, TIME)
    assert (target / "holes").read_bytes() == bytes(1 << 20) + b"end" + bytes(1 << 20)
    assert (target / "holes").stat().st_blocks * 512 < 1 << 16
    assert os.getxattr(target / "x", "user.shop") == b"\0\xff"
    assert (target / "y").samefile(target / "z" / "y")
    assert (restored.files, restored.failed, restored.unset) == (49, [], {})


def test_batches_change_nothing(made: Any, file: Make, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that goes on in the next batch is put together from both."""
    monkeypatch.setattr(restorer, "_MOST_BLOBS", 7)
    blobs = [bytes([number]) * 3000 for number in range(20)]
    restored = restore(made.repo, made.plant({b"a": file(*blobs), b"b": file(*reversed(blobs))}), target)
    assert (target / "a").read_bytes() == b"".join(blobs)
    assert (target / "b").read_bytes() == b"".join(reversed(blobs))
    assert not restored.failed


def test_progress_adds_up(made: Any, file: Make, target: Path) -> None:
    """The bytes and files done by the other process are told like one's own."""
    told = {"size": 0, "files": 0}

    class Counting(Progress):
        def advance(self, size: int) -> None:
            told["size"] += size

        def item(self, path: bytes, state: str, size: int) -> None:
            told["files"] += state == "restored"

    tree = made.plant({b"a": file(b"1" * 10, b"2" * 20), b"b": b"3" * 5, b"c": b"3" * 5})
    restore(made.repo, tree, target, progress=Counting())
    assert told == {"size": 40, "files": 3}


def test_what_is_in_the_way_is_treated_alike(made: Any, file: Make, target: Path) -> None:
    """Existing files are set aside under the same names, whichever process puts the new one in their place."""
    target.mkdir()
    (target / "a").write_bytes(b"mine")
    (target / "b").write_bytes(b"mine too")
    tree = made.plant({b"a": b"theirs", b"b": file(b"thei", b"rs")})
    restored = restore(made.repo, tree, target, overwrite=Overwrite.ASIDE)
    assert sorted(restored.aside) == [(b"/a", b"a.before-restore"), (b"/b", b"b.before-restore")]
    assert (target / "a").read_bytes() == (target / "b").read_bytes() == b"theirs"


def test_what_the_target_does_not_take_is_told(made: Any, file: Make, target: Path) -> None:
    """Names that are too long are reported, for small and growing files, and nothing is left of them."""
    tree = made.plant({b"n" * 256: b"1", b"m" * 256: file(b"1", b"2"), b"ok": b"3"})
    restored = restore(made.repo, tree, target)
    assert sorted((item.path[:2], item.reason) for item in restored.failed) == [
        (b"/m", "ENAMETOOLONG"), (b"/n", "ENAMETOOLONG"),
    ]  # fmt: skip
    assert os.listdir(target) == ["ok"]


def test_damage_costs_only_its_files(made: Any, file: Make, target: Path) -> None:
    """A blob that is not sound is found by the other process, and its files are listed."""
    tree = made.plant({b"f%d" % n: file(random.Random(n).randbytes(2000), b"end") for n in range(9)})
    location = made.repo.index.locate(BlobKind.DATA, hashlib.sha256(random.Random(4).randbytes(2000)).digest())
    name = made.repo.index.pack_id(location[0]).hex()
    data = bytearray(made.store.place.objects[f"data/{name[:2]}/{name}"])
    data[location[1] + 30] ^= 1
    made.store.place.objects[f"data/{name[:2]}/{name}"] = bytes(data)
    restored = restore(made.repo, tree, target)
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/f4", "damaged")]
    assert len(os.listdir(target)) == 8


def test_a_stop_reaches_it(made: Any, file: Make, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelling ends both processes and leaves no temporary file."""
    monkeypatch.setattr("traybackup.engine.filewriter._JOB_AFAR", 4096)
    cancel = Cancel()

    class Stop(Progress):
        def item(self, path: bytes, state: str, size: int) -> None:
            cancel.set()

    tree = made.plant({b"f%02d" % n: file(random.Random(n).randbytes(5000), b"end%d" % n) for n in range(20)})
    with pytest.raises(Cancelled):
        restore(made.repo, tree, target, progress=Stop(), cancel=cancel)
    assert 0 < len(os.listdir(target)) < 20
    assert not any(name.startswith(TEMPORARY.decode()) for name in os.listdir(target))


@pytest.mark.parametrize("helped", ["apart"], indirect=True)
def test_long_questions_and_long_answers_pass_each_other(
    made: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task is sent while the answer to the last is on its way; both may be longer than a pipe holds."""
    count = 12_000
    monkeypatch.setattr("traybackup.engine.filewriter._JOB_AFAR", 100_000)
    names = [b"%05d-" % number + b"n" * 60 for number in range(count)]
    target.mkdir()
    for name in names:
        (target / os.fsdecode(name)).write_bytes(b"before")
    tree = made.plant({name: name[:5] for name in names})
    restored = restore(made.repo, tree, target, overwrite=Overwrite.ASIDE)
    assert (restored.files, len(restored.aside), restored.failed) == (count, count, [])
    assert (target / os.fsdecode(names[-1])).read_bytes() == names[-1][:5]


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for its children")
@pytest.mark.parametrize("helped", ["apart"], indirect=True)
def test_its_death_ends_the_restore_in_order(made: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the other process is killed the restore fails, and the next one goes on where it was."""
    monkeypatch.setattr("traybackup.engine.filewriter._JOB_AFAR", 4096)
    before = children()

    class Kill(Progress):
        def item(self, path: bytes, state: str, size: int) -> None:
            for pid in children() - before:
                os.kill(pid, signal.SIGKILL)

    tree = made.plant({b"f%02d" % n: random.Random(n).randbytes(5000) for n in range(20)})
    with pytest.raises(RestoreError) as caught:
        restore(made.repo, tree, target, progress=Kill())
    assert type(caught.value) is RestoreError
    restored = restore(made.repo, tree, target)
    assert restored.skipped > 0
    assert restored.skipped + restored.files == 20
    assert len(os.listdir(target)) == 20


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for its children")
@pytest.mark.parametrize("helped", ["apart"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_it_leaves_signals_of_the_terminal_to_the_restore(
    made: Any, target: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Ctrl-C and a closed terminal reach every process; what is to come of it the restore decides."""
    monkeypatch.setattr("traybackup.engine.filewriter._JOB_AFAR", 4096)
    before = children()

    class Send(Progress):
        def item(self, path: bytes, state: str, size: int) -> None:
            for pid in children() - before:
                os.kill(pid, number)

    tree = made.plant({b"f%02d" % n: random.Random(n).randbytes(5000) for n in range(20)})
    assert restore(made.repo, tree, target, progress=Send()).files == 20


def test_blobs_larger_than_the_shared_memory_are_done_here(
    made: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece that does not fit the shared memory is opened by the process that read it."""
    monkeypatch.setattr(farhand, "CAPACITY", 10_000)
    monkeypatch.setattr("traybackup.engine.filewriter._JOB_AFAR", 4096)
    large, small = random.Random(1).randbytes(50_000), random.Random(2).randbytes(500)
    restore(made.repo, made.plant({b"a": large, b"b": small}), target)
    assert ((target / "a").read_bytes(), (target / "b").read_bytes()) == (large, small)


def test_where_no_process_can_be_started_there_is_none(
    made: Any, target: Path, monkeypatch: pytest.MonkeyPatch, helped: list[int]
) -> None:
    """A system that refuses another process gets its files all the same."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("traybackup.engine.filewriter.FarHand", refuse)
    assert restore(made.repo, made.plant({b"a": b"1"}), target).files == 1
    helped.append(1)  # nothing to do is right this once
