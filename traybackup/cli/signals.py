"""Ctrl-C and SIGTERM: the first asks the run to stop in good order, the second stops it at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from traybackup.api.progress import Cancel

Handler = Callable[[int, FrameType | None], None]

_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")  # not SIGHUP: restic sends it to see whether the holder of a lock lives


@contextmanager
def stoppable() -> Iterator[Cancel]:
    """Yield a `Cancel` that is set by the signals that ask a program to end."""
    cancel = Cancel()

    def stop(_number: int, _frame: FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()

    with _handling(stop):
        yield cancel


@contextmanager
def interrupting() -> Iterator[None]:
    """Let every signal that asks a program to end arrive as `KeyboardInterrupt`, for work that is short."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handling(stop):
        yield


@contextmanager
def _handling(handler: Handler) -> Iterator[None]:
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {}
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and the like mean it
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
