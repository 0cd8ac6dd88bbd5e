"""Companion: a packer that works in a process of its own, because one interpreter cannot keep two cores busy with it.

The plain bytes go through a memory-mapped file, everything else through the process's standard input and output as
*frames*: a length of four bytes and a msgpack message, ``[verb, …]`` there and ``[result]`` or ``[None, error]`` back.
The companion ends when its input does, so it never outlives the run, however that ends. The key goes through the pipe,
never into the arguments.
"""

import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.store import FilePayload
from traybackup.engine.codec import ID_LENGTH, BlobKind
from traybackup.engine.crypto import MasterKey
from traybackup.engine.pack import Buffer, FinishedPack, decode_header, encode_header
from traybackup.engine.packer import LocalPacker, Order, Packed, Packer

CAPACITY = 8 << 20
"""Bytes of the shared memory: what a batch may have."""

COMMAND = (sys.executable, "-P", "-c", "from traybackup.engine.companion import main; main()")
"""How the process is started."""

_LENGTH = struct.Struct("<I")


class _Failure(msgspec.Struct):
    """Why the companion could not do it: the id of a blob that was not reproducible, or the system's error."""

    blob: str = ""
    errno: int = 0
    word: str = ""


class _Pack(msgspec.Struct, array_like=True):
    id: bytes
    size: int
    path: str
    header: bytes


class _Answer(msgspec.Struct, array_like=True):
    ids: bytes = b""
    size: int = 0
    finished: list[_Pack] = []
    failure: _Failure | None = None


class _Request(msgspec.Struct, array_like=True):
    verb: str
    lengths: list[int] = []
    kind: int = 0
    new: bool = False
    chosen: list[int] = []


class _Start(msgspec.Struct, array_like=True):
    shared: str
    folder: str
    level: int
    pack_size: int
    encrypt: bytes
    mac_k: bytes
    mac_r: bytes


_ANSWER = msgspec.msgpack.Decoder(_Answer)


def _send(stream: BinaryIO, message: msgspec.Struct) -> None:
    data = msgspec.msgpack.encode(message)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _receive(stream: BinaryIO) -> bytes | None:
    head = stream.read(_LENGTH.size)
    return stream.read(*_LENGTH.unpack(head)) if len(head) == _LENGTH.size else None


class Companion(Packer):
    """A packer that passes everything on to its process."""

    def __init__(self, order: Order) -> None:
        """Start the process; that takes it a moment, for which only the first `take` waits."""
        shared, self._name = tempfile.mkstemp(prefix="shared-", dir=order.folder)
        os.truncate(shared, CAPACITY)
        self._shared = mmap.mmap(shared, CAPACITY)
        os.close(shared)
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own words
        key = order.key
        start = _Start(self._name, str(order.folder), order.level, order.pack_size, key.encrypt, key.mac_k, key.mac_r)
        assert self._process.stdin is not None  # noqa: S101 - as asked for
        assert self._process.stdout is not None  # noqa: S101 - as asked for
        self._to: BinaryIO = self._process.stdin  # type: ignore[assignment]  # typeshed's IO[bytes] is one
        self._from: BinaryIO = self._process.stdout  # type: ignore[assignment]  # same
        _send(self._to, start)

    def take(self, kind: BlobKind, plains: Sequence[Buffer], *, new: bool = False) -> list[bytes]:
        at = 0
        for plain in plains:
            self._shared[at : at + len(plain)] = plain
            at += len(plain)
        ids = self._ask(_Request("take", [len(plain) for plain in plains], kind, new)).ids
        return [ids[at : at + ID_LENGTH] for at in range(0, len(ids), ID_LENGTH)]

    def pack(self, chosen: Sequence[int]) -> Packed:
        answer = self._ask(_Request("pack", chosen=list(chosen)))
        return Packed(answer.size, _finished(answer))

    def finish(self) -> list[FinishedPack]:
        finished = _finished(self._ask(_Request("finish")))
        self._end()
        return finished

    def discard(self) -> None:
        self._process.kill()  # packs and shared memory lie in the run's own folder, which goes with the run
        self._end()

    def _end(self) -> None:
        for stream in (self._to, self._from):
            with suppress(BrokenPipeError):  # it is gone already
                stream.close()
        self._process.wait()
        self._shared.close()

    def _ask(self, request: _Request) -> _Answer:
        try:
            _send(self._to, request)
            data = _receive(self._from)
        except BrokenPipeError:
            data = None
        if data is None:
            raise OSError(0, f"companion ended with {self._process.wait()}")
        answer = _ANSWER.decode(data)
        if answer.failure is None:
            return answer
        if answer.failure.blob:
            raise RepositoryDamaged(kind="blob", id=answer.failure.blob, why="not-reproducible")
        raise OSError(answer.failure.errno, answer.failure.word)


def _finished(answer: _Answer) -> list[FinishedPack]:
    return [
        FinishedPack(
            pack.id, decode_header(pack.header), FilePayload(Path(pack.path), pack.size, pack.id), Path(pack.path)
        )
        for pack in answer.finished
    ]


# -- the process's own side ------------------------------------------------------------------------------------------


def main() -> None:
    """Serve standard input until it ends."""
    for name in ("SIGINT", "SIGHUP"):  # Ctrl-C or a closed terminal is for the run, which then tells us
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    data = _receive(sys.stdin.buffer)
    if data is not None:
        _serve(msgspec.msgpack.decode(data, type=_Start), sys.stdin.buffer, sys.stdout.buffer)


def _serve(start: _Start, source: BinaryIO, target: BinaryIO) -> None:
    key = MasterKey(encrypt=start.encrypt, mac_k=start.mac_k, mac_r=start.mac_r)
    packer = LocalPacker(Order(key, Path(start.folder), start.level, start.pack_size))
    requests = msgspec.msgpack.Decoder(_Request)
    with Path(start.shared).open("r+b") as file:
        shared = memoryview(mmap.mmap(file.fileno(), CAPACITY))  # for as long as the process lives
    while (data := _receive(source)) is not None:
        try:
            answer = _do(requests.decode(data), packer, shared)
        except RepositoryDamaged as error:
            answer = _Answer(failure=_Failure(blob=error.id))
        except OSError as error:
            answer = _Answer(failure=_Failure(errno=error.errno or 0, word=error.strerror or ""))
        _send(target, answer)


def _do(request: _Request, packer: LocalPacker, shared: memoryview) -> _Answer:
    if request.verb == "take":
        plains, at = [], 0
        for length in request.lengths:
            plains.append(shared[at : at + length])
            at += length
        return _Answer(ids=b"".join(packer.take(BlobKind(request.kind), plains, new=request.new)))
    if request.verb == "pack":
        packed = packer.pack(request.chosen)
        return _Answer(size=packed.size, finished=_told(packed.finished))
    return _Answer(finished=_told(packer.finish()))


def _told(finished: Sequence[FinishedPack]) -> list[_Pack]:
    return [_Pack(pack.id, pack.payload.size, str(pack.path), encode_header(pack.blobs)) for pack in finished]
