"""Private streams: what plugins and the libraries under them print reaches neither terminal nor pipe nor log.

A stray line would spoil JSON for the program that reads it, and could hold a secret. Only the threads of this program
write; everything else, down to the system's own streams, goes nowhere. TRAYBACKUP_DEBUG lets it through.
"""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO, Self, TextIO

from traybackup.cli.faults import DEBUG_VARIABLE

_FOREIGN = ("plugin ", "Thread-", "ThreadPoolExecutor-", "Dummy-")
"""How the names of threads begin that are not ours: those that call plugins, and those that nobody has named."""


class _Hushed(io.TextIOBase):
    """A stream for our own threads; what others write is swallowed."""

    def __init__(self, real: TextIO) -> None:
        super().__init__()
        self._real = real

    def write(self, text: str) -> int:
        return len(text) if _is_foreign() else self._real.write(text)

    def flush(self) -> None:
        self._real.flush()

    def isatty(self) -> bool:
        return self._real.isatty()

    def fileno(self) -> int:
        return self._real.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only is enough
        """As of the stream beneath."""
        return self._real.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # same
        """As of the stream beneath."""
        return self._real.errors

    @property
    def buffer(self) -> BinaryIO:
        """The bytes beneath, for our own threads."""
        return io.BytesIO() if _is_foreign() else self._real.buffer


def _is_foreign() -> bool:
    return threading.current_thread().name.startswith(_FOREIGN)


class PrivateStreams:
    """Standard output and error, which can be shut to everybody else; as they were again at the end of the block."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        while self._undo:
            self._undo.pop()()

    def shut(self) -> None:
        """Let only this program's own threads write from now on."""
        if not self._undo and not os.environ.get(DEBUG_VARIABLE):
            self._shut("stdout", 1)
            self._shut("stderr", 2)

    def _shut(self, name: str, number: int) -> None:
        stream: TextIO = getattr(sys, name)
        stream.flush()
        setattr(sys, name, _Hushed(self._apart(stream)))
        self._undo.append(lambda: setattr(sys, name, stream))
        self._silence(number)

    def _apart(self, stream: TextIO) -> TextIO:
        """Return another stream to where *stream* leads, that does not go through the system's own one."""
        try:
            kept = os.dup(stream.fileno())
        except (OSError, ValueError):  # it leads nowhere that the system knows
            return stream
        real = open(  # noqa: SIM115 - closed at the end of the block
            kept, "w", encoding=stream.encoding, errors=stream.errors, buffering=1
        )

        def close() -> None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                real.close()

        self._undo.append(close)
        return real

    def _silence(self, number: int) -> None:
        """Let the system's own stream lead nowhere."""
        try:
            kept = os.dup(number)
        except OSError:  # there is none
            return
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), number)

        def restore() -> None:
            os.dup2(kept, number)
            os.close(kept)

        self._undo.append(restore)
