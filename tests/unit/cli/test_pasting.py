"""Pasting: a line is waited for without holding up the end of the program, on terminals and on consoles of Windows."""

import os
import threading
from typing import Any

import pytest

from traybackup.cli import pasting
from traybackup.cli.pasting import from_console, paster


class Terminal:
    """A stream that is a terminal."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def isatty(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def test_a_pasted_line_ends_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed is read; where nobody can type, nobody is waited for."""
    assert paster() is None
    read, write = os.pipe()
    with os.fdopen(read) as stdin, os.fdopen(write, "w") as keyboard:
        monkeypatch.setattr(pasting.sys, "stdin", Terminal(stdin))
        paste = paster()
        assert paste is not None
        keyboard.write("the-code\n")
        keyboard.flush()
        assert paste(threading.Event()) == "the-code\n"
        stop = threading.Event()
        stop.set()
        assert paste(stop) is None


class Keys:
    """A console of Windows on which these keys are pressed."""

    def __init__(self, keys: str) -> None:
        self._keys = list(keys)
        self.shown = ""

    def kbhit(self) -> bool:
        return bool(self._keys)

    def getwch(self) -> str:
        return self._keys.pop(0)

    def putwch(self, letter: str) -> None:
        self.shown += letter


@pytest.mark.parametrize(
    ("keys", "line", "shown"),
    [
        ("code-1\r", "code-1", "code-1\r\n"),
        ("abx\bc\r", "abc", "abx\b \bc\r\n"),
        ("\b\bok\r", "ok", "ok\r\n"),
        ("a\xe0Hb\x00;c\n", "abc", "abc\r\n"),
        ("\r", "", "\r\n"),
    ],
)
def test_a_console_of_windows_is_read_key_by_key(keys: str, line: str, shown: str) -> None:
    """What is pressed is shown; backspace takes a letter back, arrows and function keys are no letters."""
    console = Keys(keys)
    assert from_console(console, threading.Event()) == line
    assert console.shown == shown


def test_a_console_is_waited_for_no_longer_than_wanted() -> None:
    """Nobody types: the end of the waiting ends it."""
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    assert from_console(Keys(""), stop) is None


def test_ctrl_c_as_a_key_interrupts_the_program() -> None:
    """It reaches the main thread as if it had not been read as a key."""
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it comes when the main thread goes on
        assert from_console(Keys("ab\x03"), threading.Event()) is None
        threading.Event().wait(5)


def test_on_windows_the_console_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """There `select` knows files only."""
    console = Keys("from-dropbox\r")
    monkeypatch.setattr(pasting.sys, "platform", "win32")
    monkeypatch.setattr(pasting.sys, "stdin", Terminal(None))
    monkeypatch.setattr(pasting.importlib, "import_module", lambda name: {"msvcrt": console}[name])
    paste = paster()
    assert paste is not None
    assert paste(threading.Event()) == "from-dropbox"
