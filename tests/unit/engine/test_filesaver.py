"""The file saver: contents become blobs in other threads, and every file comes back exactly once."""

import hashlib
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty

import pytest

from traybackup.api.errors import Cancelled, Offline, StoreFull
from traybackup.api.progress import Cancel, Progress
from traybackup.api.source import Content, Finding, Item, Kind, Metadata
from traybackup.engine import filesaver as filesaver_module
from traybackup.engine.codec import BlobKind
from traybackup.engine.filesaver import SMALL, FileSaver, Slot
from traybackup.engine.repository import Repository
from traybackup.engine.saver import BlobSaver

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("no_thread_left")]


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def ids(*pieces: bytes) -> list[bytes]:
    return [hashlib.sha256(piece).digest() for piece in pieces]


class Recorder(BlobSaver):
    """A saver that keeps what it is given in memory, and may fail or wait.

    Attributes:
        before: Called before every call is answered.
    """

    def __init__(self) -> None:
        self.calls: list[list[bytes]] = []
        self.threads: list[str] = []
        self.before: Callable[[], object] = lambda: None

    def save_many(self, kind: BlobKind, plains: Sequence[bytes]) -> list[bytes]:
        assert kind is BlobKind.DATA
        self.before()
        self.calls.append([bytes(plain) for plain in plains])
        self.threads.append(threading.current_thread().name)
        return ids(*self.calls[-1])


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def cancel() -> Cancel:
    return Cancel()


@pytest.fixture
def saver(recorder: Recorder, cancel: Cancel) -> Iterator[FileSaver[str]]:
    files: FileSaver[str] = FileSaver(recorder, b"secret", Progress(), cancel)
    yield files
    files.abandon(Cancelled())


def slot(name: str, size: int = 0) -> Slot[str]:
    return Slot(name, Item(name.encode(), b"/" + name.encode(), Metadata(Kind.FILE, size=size)), "new")


def contents(scripted: object, data: bytes, **changes: object) -> tuple[object, Content]:
    """Return a source with one file, and that file opened."""
    source = scripted.Source({b"f": scripted.File(data, **changes)}, small=False)
    return source, source.open(source.children(source.root())[0])


def done(saver: FileSaver[str]) -> dict[str, Slot[str]]:
    found = {}
    while True:
        try:
            one = saver.done.get_nowait()
        except Empty:
            return found
        assert one.key not in found
        found[one.key] = one


# Small files


def test_small_files_travel_together_and_come_back_one_by_one(saver: FileSaver[str], recorder: Recorder) -> None:
    """A batch is one call of the saver; every file has the id of its own content."""
    data = {f"f{number}": noise(5000, number) for number in range(150)}
    for name, plain in data.items():
        saver.small(slot(name), plain)
    saver.finish()
    found = done(saver)
    assert {name: one.content for name, one in found.items()} == {name: ids(plain) for name, plain in data.items()}
    assert all(one.size == 5000 and one.failed is None for one in found.values())
    assert max(map(len, recorder.calls)) == filesaver_module._BATCH_FILES
    assert len(recorder.calls) == 3


def test_a_batch_is_bounded_in_bytes(saver: FileSaver[str], recorder: Recorder) -> None:
    """Large small files do not pile up."""
    for number in range(40):
        saver.small(slot(str(number)), noise(SMALL, number))
    saver.finish()
    assert len(done(saver)) == 40
    assert all(sum(map(len, call)) <= filesaver_module._BATCH_BYTES + SMALL for call in recorder.calls)


def test_empty_files_have_no_blob(saver: FileSaver[str], recorder: Recorder) -> None:
    """They are done at once and cost nothing."""
    saver.small(slot("empty"), b"")
    (found,) = done(saver).values()
    assert (found.content, found.size) == ([], 0)
    saver.finish()
    assert recorder.calls == []


def test_flushing_hands_over_what_there_is(saver: FileSaver[str]) -> None:
    """A batch that is not full is not kept back; an empty one is nothing."""
    saver.flush()
    saver.small(slot("one"), b"x" * 50_000)
    saver.flush()
    assert saver.done.get(timeout=20).content == ids(b"x" * 50_000)


def test_batches_of_tiny_files_are_done_where_they_are_read(saver: FileSaver[str], recorder: Recorder) -> None:
    """Handing them over would cost more than the work itself; larger ones go to a worker."""
    saver.small(slot("tiny"), b"x")
    saver.flush()
    assert recorder.threads == [threading.current_thread().name]
    saver.small(slot("larger"), noise(50_000))
    saver.finish()
    assert recorder.threads[1].startswith("save-")


# Large files


def test_a_large_file_is_cut_by_content(saver: FileSaver[str], scripted: object) -> None:
    """The parts are stored in any order, and the ids come back in that of the file."""
    data = noise(9 << 20)
    source, content = contents(scripted, data)
    saver.stream(slot("large"), content)
    saver.finish()
    (found,) = done(saver).values()
    pieces = [bytes(piece) for piece in filesaver_module.content_cuts(b"secret")(_reader(data))]
    assert len(pieces) > 5
    assert found.content == ids(*pieces)
    assert (found.size, found.failed, source.open_now) == (len(data), None, 0)


def _reader(data: bytes) -> Callable[[int], bytes]:
    position = 0

    def read(size: int) -> bytes:
        nonlocal position
        position += size
        return data[position - size : position]

    return read


@pytest.mark.parametrize("block", [512, 4096, 16384, 65536, 3000, 2 << 20])
@pytest.mark.parametrize("most", [1 << 30, 10_007])
def test_a_database_is_cut_on_its_page_grid(saver: FileSaver[str], scripted: object, block: int, most: int) -> None:
    """Every block starts at a multiple of its size, however short the reads are; only the last may be shorter."""
    data = noise((3 << 20) + 777)
    source, content = contents(scripted, data, block_size=block)
    read = content.read
    content.read = lambda size: read(min(size, most))
    saver.stream(slot("database"), content)
    saver.finish()
    (found,) = done(saver).values()
    assert found.content == ids(*(data[at : at + block] for at in range(0, len(data), block)))
    assert (found.size, source.open_now) == (len(data), 0)


def test_a_changed_page_changes_one_block(saver: FileSaver[str], scripted: object) -> None:
    """That is what the fixed grid is for."""
    data = noise(2 << 20)
    changed = data[:100_000] + b"new" + data[100_003:]
    for name, plain in (("before", data), ("after", changed)):
        saver.stream(slot(name), contents(scripted, plain, block_size=16384)[1])
    saver.finish()
    found = done(saver)
    differences = [a != b for a, b in zip(found["before"].content, found["after"].content, strict=True)]
    assert [number for number, differs in enumerate(differences) if differs] == [100_000 // 16384]


def test_an_empty_stream_is_an_empty_file(saver: FileSaver[str], scripted: object, recorder: Recorder) -> None:
    """With and without blocks."""
    for name, block in (("plain", None), ("database", 16384)):
        saver.stream(slot(name), contents(scripted, b"", block_size=block)[1])
    saver.finish()
    assert {name: (one.content, one.size) for name, one in done(saver).items()} == {
        "plain": ([], 0),
        "database": ([], 0),
    }
    assert recorder.calls == []


def test_the_metadata_are_those_of_the_bytes_that_were_read(saver: FileSaver[str], scripted: object) -> None:
    """A file that was replaced since it was listed is saved as what it is now."""
    _, content = contents(scripted, b"x" * 100_000, grown=12345)
    saver.stream(slot("grown"), content)
    saver.finish()
    assert done(saver)["grown"].metadata.modified == 12345


def test_what_checking_finds_comes_back_with_the_file(saver: FileSaver[str], scripted: object) -> None:
    """The check runs when all parts are stored, before the content is closed."""
    finding = Finding("sqlite-damaged", b"/f")
    source, content = contents(scripted, b"x" * 100_000, findings=[finding])
    saver.stream(slot("checked"), content)
    saver.finish()
    assert done(saver)["checked"].findings == [finding]
    assert source.open_now == 0


@pytest.mark.parametrize(("error", "word"), [(ValueError("odd page"), "odd page"), (MemoryError(), "MemoryError")])
def test_a_check_that_fails_is_told_and_loses_nothing(
    saver: FileSaver[str], scripted: object, monkeypatch: pytest.MonkeyPatch, error: Exception, word: str
) -> None:
    """What was saved is sound, whatever the check of a plugin runs into; the others go on."""

    def fail() -> list[Finding]:
        raise error

    source, content = contents(scripted, b"x" * 100_000)
    monkeypatch.setattr(content, "check", fail)
    saver.stream(slot("odd"), content)
    saver.stream(slot("good"), contents(scripted, b"x" * 70_000)[1])
    saver.finish()
    found = done(saver)
    assert found["odd"].findings == [Finding("not-checked", b"/odd", word)]
    assert found["odd"].content == ids(b"x" * 100_000)
    assert found["good"].findings == []
    assert source.open_now == 0


def test_a_check_that_is_stopped_stops_the_run(
    recorder: Recorder, scripted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody asked to stop: that is no finding."""

    def stop() -> list[Finding]:
        raise Cancelled

    files: FileSaver[str] = FileSaver(recorder, b"secret", Progress(), Cancel())
    _, content = contents(scripted, b"x" * 100_000)
    monkeypatch.setattr(content, "check", stop)
    files.stream(slot("odd"), content)
    with pytest.raises(Cancelled):
        files.finish()
    files.abandon(Cancelled())


@pytest.mark.parametrize("block", [None, 16384])
@pytest.mark.parametrize("at", [0, 100, 5 << 20])
def test_a_file_that_cannot_be_read_to_its_end_comes_back_failed(
    saver: FileSaver[str], scripted: object, at: int, block: int | None
) -> None:
    """It is closed, not checked, and the others go on."""
    source, content = contents(
        scripted, noise(9 << 20), breaks_at=at, block_size=block, findings=[Finding("never", b"")]
    )
    saver.stream(slot("broken"), content)
    saver.stream(slot("good"), contents(scripted, b"x" * 70_000)[1])
    saver.finish()
    found = done(saver)
    assert found["broken"].failed is not None
    assert found["broken"].failed.reason == "Input/output error"
    assert found["broken"].findings == []
    assert found["good"].content == ids(b"x" * 70_000)
    assert source.open_now == 0


def test_progress_hears_of_every_byte_once(recorder: Recorder, scripted: object) -> None:
    """While it is read, part by part."""
    told: list[int] = []

    class Listening(Progress):
        def advance(self, size: int) -> None:
            told.append(size)

    files: FileSaver[str] = FileSaver(recorder, b"secret", Listening(), Cancel())
    files.stream(slot("large"), contents(scripted, noise(9 << 20))[1])
    files.stream(slot("database"), contents(scripted, noise(3 << 20), block_size=4096)[1])
    files.finish()
    assert sum(told) == 12 << 20
    assert len(told) > 6


# Stopping and failing


def test_a_request_to_stop_is_heard_between_the_parts(
    saver: FileSaver[str], scripted: object, cancel: Cancel, recorder: Recorder
) -> None:
    """A file of any size does not hold it up, and it is closed when the run is given up."""
    source, content = contents(scripted, noise(30 << 20), on_read=lambda at: at and cancel.set())
    with pytest.raises(Cancelled) as caught:
        saver.stream(slot("large"), content)
    saver.abandon(caught.value)
    assert source.open_now == 0
    assert len(recorder.calls) < 20


def test_a_failure_of_the_saver_reaches_the_reader(saver: FileSaver[str], scripted: object, recorder: Recorder) -> None:
    """Reading ends with the destination's own error, and the file is closed when the run is given up."""
    error = StoreFull(needed=1)

    def fail() -> None:
        raise error

    recorder.before = fail
    source, content = contents(scripted, noise(30 << 20), block_size=16384)
    with pytest.raises(StoreFull) as caught:
        saver.stream(slot("large"), content)
    assert caught.value is error
    with pytest.raises(StoreFull):
        saver.check()
    with pytest.raises(StoreFull):
        saver.finish()
    saver.abandon(error)
    assert done(saver) == {}
    assert source.open_now == 0


def test_a_failure_at_the_very_end_leaves_no_file_open(scripted: object, recorder: Recorder) -> None:
    """When the parts fail after the last was handed over, the content is closed all the same."""
    gate = threading.Event()

    def fail() -> None:
        gate.wait(20)
        raise Offline

    recorder.before = fail
    files: FileSaver[str] = FileSaver(recorder, b"secret", Progress(), Cancel())
    source, content = contents(scripted, b"x" * 100_000)
    files.stream(slot("short"), content)
    gate.set()
    with pytest.raises(Offline) as caught:
        files.finish()
    files.abandon(caught.value)
    assert source.open_now == 0


def test_the_reader_is_held_back_while_the_savers_are_busy(
    saver: FileSaver[str], scripted: object, recorder: Recorder
) -> None:
    """Memory holds a few parts and no more, however large the file is."""
    gate, read = threading.Event(), [0]
    recorder.before = lambda: gate.wait(20)
    _, content = contents(scripted, noise(64 << 20), block_size=16384, on_read=lambda at: read.__setitem__(0, at))
    reader = threading.Thread(target=saver.stream, args=(slot("large"), content))
    reader.start()
    reader.join(0.3)
    assert reader.is_alive()
    assert read[0] <= 12 << 20
    gate.set()
    reader.join(30)
    saver.finish()
    assert done(saver)["large"].size == 64 << 20


def test_abandoning_drops_what_waits(recorder: Recorder) -> None:
    """Nothing more is stored once somebody gives up, and no thread is left."""
    gate = threading.Event()
    recorder.before = lambda: gate.wait(20)
    files: FileSaver[str] = FileSaver(recorder, b"secret", Progress(), Cancel())
    for number in range(3):
        files.small(slot(str(number)), noise(SMALL, number))
        files.flush()
    giving_up = threading.Thread(target=files.abandon, args=(Cancelled(),))
    giving_up.start()
    giving_up.join(0.1)
    gate.set()
    giving_up.join(20)
    assert len(recorder.calls) < 3
    with pytest.raises(Cancelled):
        files.check()


def test_it_works_with_the_real_saver(repo: Repository, scripted: object, tmp_path: Path) -> None:
    """All kinds of files end in the repository, and come out of it again."""
    data = {"large": noise(5 << 20), "database": noise(1 << 20, 2), "small": b"x" * 10_000, "tiny": b"t", "empty": b""}
    with repo.writing(folder=tmp_path) as blobs:
        files: FileSaver[str] = FileSaver(blobs, repo.chunker_secret, Progress(), Cancel())
        files.stream(slot("large"), contents(scripted, data["large"])[1])
        files.stream(slot("database"), contents(scripted, data["database"], block_size=4096)[1])
        for name in ("small", "tiny", "empty"):
            files.small(slot(name), data[name])
        files.finish()
    found = done(files)
    for name, plain in data.items():
        assert b"".join(repo.blob(BlobKind.DATA, blob_id) for blob_id in found[name].content) == plain
