"""A plugin's place, of which nothing is believed: its crashes, junk and silence end its own calls and nothing else.

A *Guard* calls one plugin's code, each call in a thread of its own that can be left behind. So a call ends within two
seconds of a request to stop, wherever the plugin is, and one that hangs is given up. A *Call* is one under way: it is
alive while bytes move. What is raised by our own code that the plugin calls back (the content of a put) arrives as it
was raised, whatever the plugin made of it.
"""

import io
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Generic, TypeVar, cast

from traybackup.api.errors import Cancelled, PlaceMissing, PluginCrashed, StoreDamaged, StoreError
from traybackup.api.progress import Cancel
from traybackup.api.store import Capabilities, Entry, Payload, Space, Store

_T = TypeVar("_T")
_TICK = 0.1
_LONGEST_REASON = 200
_LONGEST_TEXT = 1000
_LONGEST_INTERVAL = 60.0
_SILENT = "no-answer"
_log = logging.getLogger(__name__)


class Call(Generic[_T]):
    """One call of a plugin's code under way."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.over = threading.Event()
        self.result: list[_T] = []
        self.error: BaseException | None = None
        self.raised: BaseException | None = None
        self.stopped = False
        self._clock = clock
        self._lock = threading.Lock()
        self._inside = 0
        self._last = clock()
        self._streams: list[_Stream] = []

    def run(self, function: "Callable[[Call[_T]], _T]") -> None:
        """Call *function* and note what comes of it; for the thread of the call."""
        try:
            self.result.append(function(self))
        except BaseException as error:  # noqa: BLE001 - judged by the guard, in the caller's thread
            self.error = error
        finally:
            self.over.set()

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Run code of ours that the plugin calls: it may take its time, and what it raises is remembered."""
        with self._lock:
            self._inside += 1
        try:
            self._go_on()
            yield
        except BaseException as error:
            self.raised = error
            raise
        finally:
            with self._lock:
                self._inside -= 1
                self._last = self._clock()

    def _go_on(self) -> None:
        if self.stopped:
            raise Cancelled

    @property
    def silence(self) -> float:
        """Seconds since the last sign of life."""
        with self._lock:
            return 0.0 if self._inside else self._clock() - self._last

    def content(self, payload: Payload) -> Payload:
        """Return *payload* with streams that belong to this call."""
        return _Content(self, payload)

    def opened(self, stream: "_Stream") -> None:
        """Note a stream, to be closed if the call is left behind."""
        with self._lock:
            self._streams.append(stream)

    def leave(self) -> None:
        """Leave the call behind: it gets nothing more, and holds no file of ours."""
        self.stopped = True
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            stream.cut()


class _Content(Payload):
    """The content of a put, as a plugin sees it."""

    def __init__(self, call: Call[Any], inner: Payload) -> None:
        self._call, self._inner = call, inner

    @property
    def size(self) -> int:
        return self._inner.size

    @property
    def sha256(self) -> bytes:
        return self._inner.sha256

    def open(self, offset: int = 0) -> BinaryIO:
        with self._call.ours():
            stream = _Stream(self._call, self._inner.open(offset))
            self._call.opened(stream)
        return cast("BinaryIO", stream)


class _Stream(io.RawIOBase):
    """A stream whose reads are signs of life and end with their call. It has no buffer: each read may be the last."""

    def __init__(self, call: Call[Any], inner: BinaryIO) -> None:
        super().__init__()
        self._call, self._inner = call, inner
        self._mutex = threading.Lock()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._inner.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        return self._inner.tell()

    def read(self, size: int | None = -1) -> bytes:
        with self._call.ours(), self._mutex:
            return self._inner.read(-1 if size is None else size)

    def read1(self, size: int | None = -1) -> bytes:
        """Read; with one read of the file is how it always is."""
        return self.read(size)

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def cut(self) -> None:
        """Close the file beneath."""
        with self._mutex:
            self._inner.close()

    def close(self) -> None:
        self.cut()
        super().close()


class Guard:
    """How the code of one plugin is called.

    Args:
        plugin: Its name, for errors.
        cancel: A request to stop; calls that begin after it are made all the same, to leave things in order.
        redact: Takes secrets out of a text.
        patience: Seconds without a sign of life after which a call counts as hanging.
        grace: Seconds that a call may take to end by itself after a request to stop.

    Attributes:
        dead: A call hangs; the plugin is not called again.
    """

    def __init__(
        self,
        plugin: str,
        *,
        cancel: Cancel | None = None,
        redact: Callable[[str], str] = str,
        patience: float = 900.0,
        grace: float = 1.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plugin = plugin
        self.dead = False
        self._cancel = cancel or Cancel()
        self._redact, self._patience, self._grace, self._clock = redact, patience, grace, clock

    def call(self, function: Callable[[Call[_T]], _T], *, patience: float | None = None) -> _T:
        """Return what *function* returns.

        Raises:
            PluginCrashed: It raised something foreign, or hangs.
            StoreError: As the plugin raised it, without secrets.
            Cancelled: Somebody asked to stop while it ran.
        """
        if self.dead:
            raise self.crashed(_SILENT)
        limit = self._patience if patience is None else patience
        asked_before = self._cancel.is_set()
        call: Call[_T] = Call(self._clock)
        threading.Thread(target=call.run, args=(function,), name=f"plugin {self.plugin}", daemon=True).start()
        while not call.over.wait(_TICK):
            if self._cancel.is_set() and not asked_before:
                call.stopped = True
                if call.over.wait(self._grace):
                    break
                call.leave()
                raise Cancelled
            if call.silence > limit:
                call.leave()
                self.dead = True
                raise self.crashed(_SILENT)
        return self._outcome(call)

    def _outcome(self, call: Call[_T]) -> _T:
        if call.raised is not None:
            raise call.raised
        if call.error is None:
            return call.result[0]
        judged = self._judged(call.error)
        if judged is call.error:
            raise judged
        raise judged from call.error

    def _judged(self, error: BaseException) -> BaseException:
        """Return what to raise for an exception of the plugin."""
        if isinstance(error, StoreError):
            return self._cleaned(error)
        if isinstance(error, Cancelled) and self._cancel.is_set():
            return error
        _log.info("plugin %s: %s", self.plugin, self._redact("".join(traceback.format_exception(error))))
        return self.crashed("exit" if isinstance(error, SystemExit) else "raised", self.words(error))

    def words(self, error: BaseException) -> str:
        """Return an exception on one short line, without secrets."""
        try:
            text = f"{type(error).__name__}: {error}".removesuffix(": ")
        except Exception:  # noqa: BLE001 - even its text can be a trap
            text = type(error).__name__
        return " ".join(self._redact(text[:_LONGEST_TEXT]).split())[:_LONGEST_REASON]

    def crashed(self, why: str, reason: str = "") -> PluginCrashed:
        """Return the error that names the plugin."""
        return PluginCrashed(plugin=self.plugin, why=why, reason=reason or why)

    def junk(self, found: object) -> PluginCrashed:
        """Return the error for an answer that is none."""
        return self.crashed("junk", type(found).__name__)

    def _cleaned(self, error: StoreError) -> StoreError:
        if isinstance(error, PlaceMissing):  # no drive to plug in
            error.why = error.why or "service"
        for name in type(error).fields:
            value = getattr(error, name, "")
            if isinstance(value, str):
                setattr(error, name, self._redact(value[:_LONGEST_TEXT]))
            elif not isinstance(value, int | float | None):
                setattr(error, name, "")
        return error


class GuardedStore(Store):
    """*inner*, a plugin's.

    Raises:
        PluginCrashed: What it says about itself makes no sense.
    """

    def __init__(self, inner: Store, guard: Guard) -> None:
        self._inner, self._guard = inner, guard
        self.capabilities = guard.call(lambda _: self._checked_capabilities())

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        found = self._guard.call(lambda call: self._inner.put(name, call.content(payload), overwrite=overwrite))
        return self._entry(found, name)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        found: object = self._guard.call(lambda _: self._inner.get(name, offset, length))
        if not isinstance(found, bytes):
            raise self._guard.junk(found)
        if length is not None and len(found) != length:
            raise StoreDamaged(name=name)
        return found

    def stat(self, name: str) -> Entry:
        return self._entry(self._guard.call(lambda _: self._inner.stat(name)), name)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        def collect(call: Call[list[Entry]]) -> list[Entry]:
            found = []
            for entry in self._inner.entries(prefix):
                with call.ours():
                    found.append(entry)
            return found

        yield from (self._entry(entry) for entry in self._guard.call(collect))

    def delete(self, name: str) -> None:
        self._guard.call(lambda _: self._inner.delete(name))

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        def read(call: Call[None]) -> None:
            def take(piece: bytes) -> None:
                with call.ours():
                    if not isinstance(piece, bytes | bytearray | memoryview):
                        raise self._guard.junk(piece)
                    consume(piece)

            self._inner.read_back(name, take)

        self._guard.call(read)

    def space(self) -> Space:
        found: object = self._guard.call(lambda _: self._inner.space())
        if not isinstance(found, Space) or not all(
            size is None or _is_size(size) for size in (found.total, found.free)
        ):
            raise self._guard.junk(found)
        return found

    def discard(self) -> None:
        self._guard.call(lambda _: self._inner.discard())

    def close(self) -> None:
        if not self._guard.dead:
            self._guard.call(lambda _: self._inner.close(), patience=30.0)

    def _checked_capabilities(self) -> Capabilities:
        found: object = self._inner.capabilities
        if (
            not isinstance(found, Capabilities)
            or not _is_size(found.parallel - 1)
            or not _is_size(found.best_object - 1)
            or not (found.largest_object is None or _is_size(found.largest_object - 1))
            or not _is_text(found.checksum)
            or not 0 <= found.interval < _LONGEST_INTERVAL
        ):
            raise self._guard.junk(found)
        return found

    def _entry(self, found: object, name: str | None = None) -> Entry:
        if (
            not isinstance(found, Entry)
            or type(found.name) is not str
            or name not in (None, found.name)
            or not _is_size(found.size)
            or not _is_text(found.checksum)
        ):
            raise self._guard.junk(found)
        return found


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_text(value: object) -> bool:
    return value is None or type(value) is str
