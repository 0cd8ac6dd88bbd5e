"""Pasting: a line from the terminal, waited for only as long as somebody wants it.

A blocking read would hold up the end of the program. So the terminal is asked whether there is something; a console of
Windows, which `select` does not know, is asked for single keys.
"""

import _thread
import importlib
import select
import sys
import threading
from typing import Protocol

from traybackup.app.invitation import Paste

_LOOK = 0.2
_ENTER, _BACKSPACE, _INTERRUPT = ("\r", "\n"), "\b", "\x03"
_SPECIAL = ("\x00", "\xe0")
"""What comes before the second half of an arrow or function key."""


class Console(Protocol):
    """What is used of the module `msvcrt`."""

    def kbhit(self) -> bool: ...
    def getwch(self) -> str: ...
    def putwch(self, letter: str) -> object: ...


def paster() -> Paste | None:
    """Return what waits for a pasted line, None if nobody can paste one."""
    if not sys.stdin.isatty():
        return None
    if sys.platform == "win32":
        console: Console = importlib.import_module("msvcrt")  # type: ignore[assignment]  # it has these three
        return lambda stop: from_console(console, stop)
    return _from_terminal


def _from_terminal(stop: threading.Event) -> str | None:
    while not stop.is_set():
        if select.select([sys.stdin], [], [], _LOOK)[0]:
            return sys.stdin.readline() or None
    return None


def from_console(console: Console, stop: threading.Event) -> str | None:
    """Return the line that is typed or pasted, None if it is not wanted any more.

    Ctrl-C, which may arrive as a key while keys are read, interrupts the program as it always does.
    """
    typed: list[str] = []
    while not stop.is_set():
        if not console.kbhit():
            stop.wait(_LOOK)
            continue
        letter = console.getwch()
        if letter in _ENTER:
            _show(console, "\r\n")
            return "".join(typed)
        if letter == _INTERRUPT:
            _thread.interrupt_main()
            return None
        if letter in _SPECIAL:
            console.getwch()
        elif letter != _BACKSPACE:
            typed.append(letter)
            _show(console, letter)
        elif typed:
            typed.pop()
            _show(console, "\b \b")
    return None


def _show(console: Console, letters: str) -> None:
    for letter in letters:
        console.putwch(letter)
