"""FarHand: a hand in a process of its own, because one interpreter cannot keep two cores busy with opening blobs.

The sealed bytes go through shared memory, everything else through the process's standard input and output: a length of
four bytes and a msgpack message, a `_Task` there and an `_Answer` back. The process gets the target as an open folder
and the key through the pipe, never in its arguments. It ends when its input does, so it never outlives the restore,
however that ends.
"""

import contextlib
import errno
import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections import Counter, deque
from queue import SimpleQueue
from typing import BinaryIO, NoReturn

import msgspec

from traybackup.api.errors import RestoreError
from traybackup.api.progress import Progress
from traybackup.api.source import Kind, Metadata
from traybackup.engine.batch import File, Original, Request
from traybackup.engine.crypto import OVERHEAD, MasterKey
from traybackup.engine.filesystem import TEMPORARY, Folder, Identity
from traybackup.engine.hand import Common, Hand
from traybackup.engine.placing import Directory, Overwrite, Verdict

CAPACITY = 4 << 20
"""Bytes of each half of the shared memory: one is worked on while the other is filled."""

COMMAND = (sys.executable, "-P", "-c", "from traybackup.engine.farhand import main; main()")
"""How the process is started."""

_LENGTH = struct.Struct("<I")


class _Start(msgspec.Struct, array_like=True):
    shared: int
    root: int
    policy: str
    token: str
    encrypt: bytes
    mac_k: bytes
    mac_r: bytes


class _FileTold(msgspec.Struct, array_like=True):
    number: int
    folder: int
    name: bytes
    parts: int
    size: int
    temporary: bytes
    verdict: int
    first: bool
    mode: int
    modified: int
    accessed: int
    uid: int
    gid: int
    xattrs: tuple[tuple[str, bytes], ...]


class _Task(msgspec.Struct, array_like=True):
    """What to write of a part of a pack, *size* bytes from *at* in the shared memory; of none: forget what was told."""

    at: int = 0
    start: int = 0
    size: int = 0
    folders: list[tuple[int, int, bytes]] = []
    files: list[_FileTold] = []
    offsets: list[int] = []
    lengths: list[int] = []
    plain_lengths: list[int] = []
    ids: bytes = b""
    owners: list[int] = []
    places: list[int] = []


class _Answer(msgspec.Struct, array_like=True):
    """What was done.

    Attributes:
        done: Complete files: number, new name of what was there, what is unset, inode (of first names).
        parts: Growing files, and how many of their blobs are written.
        failed: Files the target did not take, with the system's error.
        damaged: Places of the requests whose blob is not sound.
    """

    done: list[tuple[int, bytes, list[str], int]] = []
    parts: list[tuple[int, int]] = []
    failed: list[tuple[int, int]] = []
    damaged: list[int] = []


_ANSWER = msgspec.msgpack.Decoder(_Answer)
_TASK = msgspec.msgpack.Decoder(_Task)


def _send(stream: BinaryIO, message: msgspec.Struct) -> None:
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: BinaryIO) -> bytes | None:
    head = stream.read(_LENGTH.size)
    return stream.read(*_LENGTH.unpack(head)) if len(head) == _LENGTH.size else None


class FarHand:
    """The near end. Used by one thread at a time."""

    def __init__(self, common: Common, place: str, token: str) -> None:
        """Start the process; that takes it a moment, for which only the first `open` waits.

        Raises:
            OSError: It cannot be started.
        """
        self._common, self._place = common, place
        self._near = Hand(common)
        self._folders: dict[Directory, int] = {}
        self._growing: dict[File, int] = {}
        self._by_number: dict[int, File] = {}
        self._next = 0
        self._pending: deque[tuple[dict[int, File], list[Request]]] = deque()
        self._half = 0
        with tempfile.TemporaryFile(prefix="traybackup-") as shared:
            shared.truncate(2 * CAPACITY)
            self._shared = mmap.mmap(shared.fileno(), 2 * CAPACITY)
            key, files = common.key, (shared.fileno(), common.root.fd)
            self._start(_Start(*files, common.policy.value, token, key.encrypt, key.mac_k, key.mac_r))

    def _start(self, start: _Start) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own words
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(start.shared, start.root)
        )
        assert self._process.stdin is not None  # noqa: S101 - as asked for
        assert self._process.stdout is not None  # noqa: S101 - as asked for
        self._to: BinaryIO = self._process.stdin  # type: ignore[assignment]  # typeshed's IO[bytes] is one
        self._from: BinaryIO = self._process.stdout  # type: ignore[assignment]  # same
        _send(self._to, start)

    def open(self, data: bytes, start: int, requests: list[Request]) -> None:
        """Do as `Hand.open`, but what comes of it is known only after the next call, or after `drain`."""
        if len(data) > CAPACITY:
            self._near.open(data, start, requests)
            return
        self._half = CAPACITY - self._half
        task = _Task(self._half, start, len(data))
        whole = self._tell(task, requests)
        self._shared[task.at : task.at + len(data)] = data
        self._put(task)
        self._pending.append((whole, requests))
        if len(self._pending) > 1:
            self._learn()

    def drain(self) -> None:
        """Wait for what is under way; raises what `open` does."""
        while self._pending:
            self._learn()

    def _tell(self, task: _Task, requests: list[Request]) -> dict[int, File]:
        """Describe the requests, and return the files of one blob among them by their numbers."""
        whole: dict[int, File] = {}
        for where, _, length, plain_length, _, file, at in requests:
            number = self._growing.get(file)
            if number is None:
                number = self._next = self._next + 1
                if file.parts == 1:
                    whole[number] = file
                else:
                    self._growing[file] = number
                    self._by_number[number] = file
                    with contextlib.suppress(OSError):  # the far end will not find it, which is then reported
                        self._common.create(file, self._near)
                task.files.append(self._described(task, number, file))
            task.offsets.append(where & 0xFFFF_FFFF)
            task.lengths.append(length)
            task.plain_lengths.append(plain_length)
            task.owners.append(number)
            task.places.append(at)
        task.ids = b"".join([request[4] for request in requests])
        return whole

    def _described(self, task: _Task, number: int, file: File) -> _FileTold:
        metadata = file.metadata
        return _FileTold(
            number,
            self._folder(task, file.directory),
            file.name,
            file.parts,
            file.size,
            file.temporary,
            file.verdict.value,
            file.original is not None,
            metadata.mode,
            metadata.modified,
            metadata.accessed,
            metadata.uid,
            metadata.gid,
            metadata.xattrs,
        )

    def _folder(self, task: _Task, directory: Directory) -> int:
        """Return the number of a folder, 0 for the target itself; those not told yet are."""
        missing: list[Directory] = []
        step = directory
        while step.above is not None and step not in self._folders:
            missing.append(step)
            step = step.above
        for step in reversed(missing):
            assert step.above is not None  # noqa: S101 - of the target nothing is told
            self._folders[step] = len(self._folders) + 1
            task.folders.append((self._folders[step], self._folders.get(step.above, 0), step.name))
        return self._folders.get(directory, 0)

    def _put(self, task: _Task) -> None:
        try:
            _send(self._to, task)
        except BrokenPipeError:
            self._died()

    def _take(self) -> _Answer:
        data = _receive(self._from)
        if data is None:
            self._died()
        return _ANSWER.decode(data)

    def _died(self) -> NoReturn:
        self._pending.clear()
        self._process.wait()
        raise RestoreError(path=self._place)

    def _learn(self) -> None:
        """Wait for the oldest task that is under way, and note what came of it."""
        answer = self._take()
        whole, requests = self._pending.popleft()
        common = self._common
        lost = {requests[index][1] for index in answer.damaged}
        common.damaged.extend(request for request in requests if request[1] in lost)
        common.progress.advance(sum(r[3] or r[2] - OVERHEAD for r in requests if r[1] not in lost))
        for number, aside, unset, inode in answer.done:
            file = whole[number]
            file.left = 0
            if file.original is not None:
                file.original.found = (inode, file.size)
            common.done(file, unset, aside)
        parts = Counter({self._by_number[number]: count for number, count in answer.parts})
        for file in common.count(parts):
            self._near.complete(file)
        for number, code in answer.failed:
            error = OSError(code, os.strerror(code))
            common.fail(whole.get(number) or self._by_number[number], error, self._near)

    def close(self) -> None:
        """End a batch: let go of folders and files."""
        with contextlib.suppress(RestoreError):  # whoever used it knows
            while self._pending:  # given up
                self._take()
                self._pending.popleft()
            self._put(_Task())
            self._take()
        self._near.close()
        self._folders, self._growing, self._by_number = {}, {}, {}

    def end(self) -> None:
        """End the process."""
        for stream in (self._to, self._from):
            with contextlib.suppress(BrokenPipeError):  # it is gone already
                stream.close()
        self._process.wait()
        self._shared.close()


# -- the process's own side -------------------------------------------------------------------------------------------


class _Far(Common):
    """The far end: does what it is told, and answers."""

    def __init__(self, start: _Start) -> None:
        self.key = MasterKey(encrypt=start.encrypt, mac_k=start.mac_k, mac_r=start.mac_r)
        self.root = Folder(start.root)
        self.policy = Overwrite(start.policy)
        self.us = Identity.current()
        self.progress = Progress()
        self.damaged: list[Request] = []
        self._token = start.token.encode()
        self._count = 0
        self._shared = memoryview(mmap.mmap(start.shared, 0))
        self._hand = Hand(self)
        self._top = Directory(None, b"", b"")
        self._folders = {0: self._top}
        self._files: dict[int, File] = {}
        self._numbers: dict[File, int] = {}
        self._answer = _Answer()

    def work(self, task: _Task) -> _Answer:
        self._answer, self.damaged = _Answer(), []
        if not task.size:
            self._forget()
            return self._answer
        for number, above, name in task.folders:
            self._folders[number] = Directory(self._folders[above], name, b"")
        for told in task.files:
            file = self._files[told.number] = self._file(told)
            self._numbers[file] = told.number
        requests: list[Request] = [
            (
                offset,
                index,
                task.lengths[index],
                task.plain_lengths[index],
                task.ids[index * 32 : index * 32 + 32],
                self._files[task.owners[index]],
                task.places[index],
            )
            for index, offset in enumerate(task.offsets)
        ]
        self._hand.open(self._shared[task.at : task.at + task.size], task.start, requests)
        self._answer.damaged = [request[1] for request in self.damaged]
        for told in task.files:
            if told.parts == 1:
                del self._numbers[self._files.pop(told.number)]
        return self._answer

    def _file(self, told: _FileTold) -> File:
        metadata = Metadata(
            Kind.FILE, told.mode, told.modified, told.accessed, uid=told.uid, gid=told.gid, xattrs=told.xattrs
        )
        directory = self._folders[told.folder]
        file = File(directory, told.name, b"", metadata, told.parts, Verdict(told.verdict))
        file.size = told.size
        file.temporary = told.temporary
        if told.first:
            file.original = Original(directory, told.name, b"")
        return file

    def _forget(self) -> None:
        for file in self._files.values():
            if file.fd >= 0:
                os.close(file.fd)
        self._files, self._numbers, self._folders = {}, {}, {0: self._top}
        self._hand.close()

    def temporary(self) -> bytes:
        self._count += 1
        return b"%s%s-far-%x" % (TEMPORARY, self._token, self._count)

    def create(self, file: File, hand: Hand) -> int:
        file.fd = hand.folders[file.directory].write(file.temporary)
        return file.fd

    def count(self, parts: Counter[File]) -> list[File]:
        self._answer.parts = [(self._numbers[file], count) for file, count in parts.items()]
        return []  # the near end completes what has grown from both

    def done(self, file: File, unset: list[str], aside: bytes) -> None:
        found = file.original.found if file.original is not None else None
        self._answer.done.append((self._numbers[file], aside, unset, found[0] if found else 0))

    def fail(self, file: File, error: OSError, hand: Hand) -> None:
        file.failed = True
        self._answer.failed.append((self._numbers[file], error.errno or errno.EIO))
        if file.parts == 1 and file.temporary:
            with contextlib.suppress(OSError):  # the next restore sweeps it away
                hand.folders[file.directory].remove(file.temporary)


def main() -> None:
    """Serve standard input until it ends."""
    for name in ("SIGINT", "SIGHUP"):  # Ctrl-C or a closed terminal is for the restore, which then tells us
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    data = _receive(sys.stdin.buffer)
    if data is None:
        return
    far = _Far(msgspec.msgpack.decode(data, type=_Start))
    tasks: SimpleQueue[bytes | None] = SimpleQueue()
    # the near end sends a task before it takes the answer to the last: two full pipes would wait for each other
    threading.Thread(target=_gather, args=(tasks,), daemon=True).start()
    while (data := tasks.get()) is not None:
        _send(sys.stdout.buffer, far.work(_TASK.decode(data)))


def _gather(tasks: SimpleQueue[bytes | None]) -> None:
    while (data := _receive(sys.stdin.buffer)) is not None:
        tasks.put(data)
    tasks.put(None)
