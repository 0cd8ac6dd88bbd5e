"""A place that breaks on command: *Fault* says when and how, *FaultyStore* does it.

The numbering is per method and across threads, so that a campaign can fail "the N-th put" for every N there is.
"""

import io
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import BinaryIO

from traybackup.api.errors import NotFound, Offline, StoreError
from traybackup.api.store import Entry, Payload, Space, Store


class Do(Enum):
    """What happens instead of the right thing."""

    ERROR = auto()  #: nothing is done, the error is raised
    CUT = auto()  #: half of it is transferred, nothing is done, the error is raised
    LOST = auto()  #: it is done, but the answer is lost: the error is raised
    LIE = auto()  #: nothing is done (put, delete), nothing is found (reads), and all seems well
    FLIP = auto()  #: one bit differs in what is stored or read
    DELAY = auto()  #: it is done, `Fault.seconds` later


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault.

    Attributes:
        method: ``put``, ``get``, ``stat``, ``entries``, ``delete``, ``read_back``, ``space``; ``*``: all of them.
        call: The number of the call, from 1.
        lasting: Every later call, too.
    """

    method: str
    call: int
    do: Do = Do.ERROR
    error: StoreError = field(default_factory=Offline)
    lasting: bool = False
    seconds: float = 0.0


class FaultyStore(Store):
    """*inner*, with *faults*. `calls` lists method and name of every call, in order."""

    def __init__(
        self, inner: Store, faults: Sequence[Fault] = (), *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self.inner = inner
        self.faults = list(faults)
        self.calls: list[tuple[str, str]] = []
        self.capabilities = inner.capabilities
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._sleep = sleep

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        fault = self._next("put", name)
        if fault is not None and fault.do is Do.CUT:
            left = payload.size // 2
            with payload.open() as stream:
                while left and (piece := stream.read(left)):
                    left -= len(piece)
            raise fault.error
        if fault is not None and fault.do is Do.LIE:
            return Entry(name, payload.size)
        sent = _Flipped(payload) if fault is not None and fault.do is Do.FLIP else payload
        entry = self.inner.put(name, sent, overwrite=overwrite)
        _answer(fault)
        return entry

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        fault = self._next("get", name)
        if fault is not None and fault.do is Do.LIE:
            raise NotFound(name=name)
        data = self.inner.get(name, offset, length)
        _answer(fault)
        return _flip(data) if fault is not None and fault.do is Do.FLIP else data

    def stat(self, name: str) -> Entry:
        fault = self._next("stat", name)
        if fault is not None and fault.do is Do.LIE:
            raise NotFound(name=name)
        entry = self.inner.stat(name)
        _answer(fault)
        return entry

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        fault = self._next("entries", prefix)
        found = list(self.inner.entries(prefix))
        if fault is not None and fault.do in (Do.CUT, Do.LIE):
            yield from itertools.islice(found, len(found) // 2)
        else:
            yield from found
        _answer(fault)

    def delete(self, name: str) -> None:
        fault = self._next("delete", name)
        if fault is not None and fault.do in (Do.CUT, Do.LIE):
            _answer(fault)
            return
        self.inner.delete(name)
        _answer(fault)

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        fault = self._next("read_back", name)
        if fault is not None and fault.do is Do.LIE:
            raise NotFound(name=name)
        flip = fault is not None and fault.do is Do.FLIP
        self.inner.read_back(name, (lambda piece: consume(_flip(piece))) if flip else consume)
        _answer(fault)

    def space(self) -> Space:
        fault = self._next("space", "")
        found = self.inner.space()
        _answer(fault)
        return found

    def close(self) -> None:
        self.inner.close()

    def _next(self, method: str, name: str) -> Fault | None:
        """Count the call; return what is to go wrong with it after its beginning."""
        with self._lock:
            self.calls.append((method, name))
            for counted in (method, "*"):
                self._counts[counted] = self._counts.get(counted, 0) + 1
            fault = next((fault for fault in self.faults if self._is_due(fault, method)), None)
        if fault is not None and fault.do is Do.DELAY:
            self._sleep(fault.seconds)
        if fault is not None and fault.do is Do.ERROR:
            raise fault.error
        return fault

    def _is_due(self, fault: Fault, method: str) -> bool:
        if fault.method not in (method, "*"):
            return False
        count = self._counts[fault.method]
        return count >= fault.call if fault.lasting else count == fault.call


def _answer(fault: Fault | None) -> None:
    """Raise if the answer does not arrive."""
    if fault is not None and fault.do in (Do.CUT, Do.LOST):
        raise fault.error


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else data


class _Flipped(Payload):
    """A payload with one bit changed; it still tells the size and hash of the right one."""

    def __init__(self, inner: Payload) -> None:
        self._inner = inner

    @property
    def size(self) -> int:
        return self._inner.size

    @property
    def sha256(self) -> bytes:
        return self._inner.sha256

    def open(self, offset: int = 0) -> BinaryIO:
        with self._inner.open() as stream:
            return io.BytesIO(_flip(stream.read())[offset:])
