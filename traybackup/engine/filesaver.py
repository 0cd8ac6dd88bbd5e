"""FileSaver: turns the contents of files into blobs, in worker threads, while the archiver walks on.

A *Slot* is a file whose content is on its way; it comes back through `FileSaver.done` once every part is stored and
checked. Small files travel in batches, because handing over costs more than hashing them; large ones are read in the
caller's thread, cut, and handed over part by part through a bounded queue.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Generic, TypeVar

from traybackup.api.errors import Cancelled, SourceUnreadable
from traybackup.api.progress import Cancel, Progress
from traybackup.api.source import Content, Finding, Item, Metadata
from traybackup.engine.chunking import BLOCK, SEGMENT, content_cuts
from traybackup.engine.codec import BlobKind
from traybackup.engine.pack import Buffer
from traybackup.engine.saver import BlobSaver
from traybackup.engine.workers import Workers

SMALL = 64 << 10
"""Bytes up to which a file is read in one call and travels in a batch; always one blob."""

_BATCH_FILES = 64
_BATCH_BYTES = 1 << 20
_TINY = 4 << 10
"""Mean bytes of a file below which a batch is done at once: most of its work is Python's own, which two threads cannot
do at the same time; handing over made it half as slow again."""
_MAX_THREADS = 4
"""More would only wait for the interpreter's lock."""


K = TypeVar("K")


class Slot(Generic[K]):
    """A file on its way.

    Attributes:
        key: Whatever the archiver needs to find the place of the file again.
        metadata: Those of the bytes that were read, once it is done.
        failed: Why it could not be read, None if it could.
    """

    __slots__ = ("failed", "findings", "item", "key", "metadata", "parts", "size", "state", "waiting")

    def __init__(self, key: K, item: Item, state: str) -> None:
        self.key = key
        self.item = item
        self.state = state
        self.metadata: Metadata = item.metadata
        self.parts: list[Sequence[bytes]] = []
        self.size = 0
        self.waiting = 1
        self.failed: SourceUnreadable | None = None
        self.findings: list[Finding] = []

    @property
    def content(self) -> list[bytes]:
        """The ids of the file's blobs, in order."""
        return [blob_id for part in self.parts for blob_id in part]


class FileSaver(Generic[K]):
    """Saves contents. Its methods are for one thread; what it does is done in others.

    Attributes:
        done: Slots that are complete, in the order of completion.
    """

    def __init__(self, saver: BlobSaver, secret: bytes, progress: Progress, cancel: Cancel) -> None:
        self.done: SimpleQueue[Slot[K]] = SimpleQueue()
        self._saver = saver
        self._cut = content_cuts(secret)
        self._progress = progress
        self._cancel = cancel
        self._lock = threading.Lock()
        self._open: dict[int, Content] = {}
        self._batch: list[Slot[K]] = []
        self._batch_data: list[bytes] = []
        self._batch_size = 0
        threads = min(os.cpu_count() or 1, _MAX_THREADS)
        self._workers: Workers[Callable[[], None]] = Workers("save", threads, lambda job: job(), depth=threads + 1)

    def small(self, slot: Slot[K], data: bytes) -> None:
        """Take a whole small file."""
        slot.size = len(data)
        if not data:
            self.done.put(slot)
            return
        self._batch.append(slot)
        self._batch_data.append(data)
        self._batch_size += len(data)
        if len(self._batch) >= _BATCH_FILES or self._batch_size >= _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over the batch, however small."""
        if not self._batch:
            return
        slots, data, size = self._batch, self._batch_data, self._batch_size
        self._batch, self._batch_data, self._batch_size = [], [], 0

        def work() -> None:
            for slot, blob_id in zip(slots, self._saver.save_many(BlobKind.DATA, data), strict=True):
                slot.parts = [(blob_id,)]
                self.done.put(slot)

        if size < _TINY * len(slots):
            work()
        else:
            self._workers.submit(work)

    def stream(self, slot: Slot[K], content: Content) -> None:
        """Read a file to its end, part by part; it is closed when the last part is stored and the content checked."""
        self._open[id(content)] = content
        try:
            for pieces in self._pieces(content):
                self._cancel.check()
                size = sum(map(len, pieces))
                slot.size += size
                self._progress.advance(size)
                self._submit_part(slot, pieces)
            slot.metadata = content.metadata() or slot.metadata
        except SourceUnreadable as error:
            slot.failed = error
        self._workers.submit(lambda: self._finish(slot, content))

    def _pieces(self, content: Content) -> Iterator[Sequence[Buffer]]:
        if content.block_size is None:
            for chunk in self._cut(content.read):
                yield (chunk,)
            return
        block = content.block_size
        while segment := _read_full(content, max(SEGMENT // block, 1) * block):
            yield [segment[at : at + block] for at in range(0, len(segment), block)]

    def _submit_part(self, slot: Slot[K], pieces: Sequence[Buffer]) -> None:
        number = len(slot.parts)
        slot.parts.append(())
        with self._lock:
            slot.waiting += 1

        def work() -> None:
            slot.parts[number] = self._saver.save_many(BlobKind.DATA, pieces)
            self._part_done(slot)

        self._workers.submit(work)

    def _finish(self, slot: Slot[K], content: Content) -> None:
        with content:
            if slot.failed is None:
                slot.findings.extend(_checked(slot.item, content))
        del self._open[id(content)]
        self._part_done(slot)

    def _part_done(self, slot: Slot[K]) -> None:
        with self._lock:
            slot.waiting -= 1
            complete = slot.waiting == 0
        if complete:
            self.done.put(slot)

    def check(self) -> None:
        """Raise what went wrong in a worker."""
        self._workers.check()

    def finish(self) -> None:
        """Wait until all is stored or queued in packs."""
        self.flush()
        self._workers.finish()

    def abandon(self, reason: BaseException) -> None:
        """Drop what is waiting, and close what is open."""
        self._workers.abandon(reason)
        for content in self._open.values():
            content.close()


def _checked(item: Item, content: Content) -> Sequence[Finding]:
    """Check what was read; a check that fails is worth telling, and no reason to lose what is saved."""
    try:
        return content.check()
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a plugin's check may raise
        return [Finding("not-checked", item.path, str(error) or type(error).__name__)]


def _read_full(content: Content, size: int) -> bytes:
    """Read *size* bytes, less only at the end: blocks must stay on the database's page grid."""
    data = content.read(size)
    while data and len(data) < size:
        more = content.read(size - len(data))
        if not more:
            break
        data += more
    return data


assert SEGMENT % BLOCK == 0  # noqa: S101 - a segment holds whole blocks
