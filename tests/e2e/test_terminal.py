"""At a terminal: somebody is asked for the password, sees a bar, and can stop with Ctrl-C."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are POSIX")


class Terminal:
    """The other side of a terminal: what a person sees and types."""

    def __init__(self, leader: int) -> None:
        self._leader = leader
        self.seen = b""

    def see(self, words: bytes) -> None:
        """Wait until *words* are on the screen."""
        until = time.monotonic() + 60
        while words not in self.seen:
            assert time.monotonic() < until, self.seen
            if not self._read():
                break
        assert words in self.seen, self.seen

    def type(self, text: bytes) -> None:
        os.write(self._leader, text)

    def rest(self) -> bytes:
        """Return all that was shown, once the program has ended."""
        while self._read():
            pass
        return self.seen

    def _read(self) -> bool:
        if not select.select([self._leader], [], [], 1)[0]:
            return True
        try:
            data = os.read(self._leader, 65536)
        except OSError:  # nobody has the other end open any more
            return False
        self.seen += data
        return bool(data)


@pytest.fixture
def at_terminal(program: Any) -> Any:
    """Return a function that runs a command with a terminal of its own."""

    @contextmanager
    def run(environment: dict[str, str], *words: object) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
        leader, follower = pty.openpty()
        command = [program("setsid"), "--ctty", "--wait", sys.executable, "-m", "traybackup", *map(str, words)]
        known = environment | {"TERM": "xterm", "COLUMNS": "120"}
        with subprocess.Popen(command, env=known, stdin=follower, stdout=follower, stderr=follower) as process:
            os.close(follower)
            try:
                yield Terminal(leader), process
            finally:
                process.kill()
                os.close(leader)

    return run


def test_the_password_is_asked_for_until_it_is_right(
    at_terminal: Any, program_here: Any, till: Path, tmp_path: Path
) -> None:
    """Three tries, nothing typed is shown."""
    place = tmp_path / "place"
    assert program_here("backup", till, "--to", place).code == 0
    nobody = program_here.without("TRAYBACKUP_PASSWORD").environment
    with at_terminal(nobody, "snapshots", "--from", place) as (terminal, process):
        terminal.see(b"Password or recovery code: ")
        terminal.type(b"wrong\n")
        terminal.see(b"That was not right.")
        terminal.type(b"correct horse\n")
        terminal.see(b"1 snapshot")
        seen = terminal.rest()
        assert process.wait() == 0
    assert b"horse" not in seen
    assert b"wrong" not in seen


def test_nothing_typed_is_refused(at_terminal: Any, program_here: Any, till: Path, tmp_path: Path) -> None:
    """An empty answer is told, with exit code 12."""
    place = tmp_path / "place"
    assert program_here("backup", till, "--to", place).code == 0
    nobody = program_here.without("TRAYBACKUP_PASSWORD").environment
    with at_terminal(nobody, "snapshots", "--from", place) as (terminal, process):
        terminal.see(b"Password or recovery code: ")
        terminal.type(b"\n")
        assert b"is empty" in terminal.rest()
        assert process.wait() == 12


def test_a_new_password_is_typed_twice(at_terminal: Any, program_here: Any, till: Path, tmp_path: Path) -> None:
    """Typed differently it is refused; typed alike it opens."""
    place = tmp_path / "place"
    assert program_here("backup", till, "--to", place).code == 0
    for second, code in ((b"other\n", 12), (b"brand new\n", 0)):
        with at_terminal(program_here.environment, "key", "add", "--from", place) as (terminal, process):
            terminal.see(b"New password: ")
            terminal.type(b"brand new\n")
            terminal.see(b"New password once more: ")
            terminal.type(second)
            terminal.rest()
            assert process.wait() == code
    assert program_here.given(TRAYBACKUP_PASSWORD="brand new")("snapshots", "--from", place).code == 0  # noqa: S106 - of this test


def test_a_bar_shows_how_far_it_is_and_ctrl_c_stops(at_terminal: Any, program_here: Any, tmp_path: Path) -> None:
    """Files, bytes and time left while it saves; Ctrl-C says that everything is safe; no lock stays."""
    large, place = tmp_path / "large", tmp_path / "place"
    large.mkdir()
    block = os.urandom(10_000_000)
    for number in range(40):
        (large / f"{number:02}").write_bytes(block[number:] + block[:number])
    with at_terminal(program_here.environment, "backup", large, "--to", place) as (terminal, process):
        terminal.see(b"Saving")
        terminal.see(b" of 400 MB")
        terminal.type(b"\x03")
        seen = terminal.rest()
        assert process.wait() == 130
    assert b"Stopped as you asked" in seen
    assert b"Traceback" not in seen
    assert list((place / "locks").iterdir()) == []


def test_a_new_place_shows_its_code(at_terminal: Any, program_here: Any, till: Path, tmp_path: Path) -> None:
    """The code is shown with what it is for."""
    nobody = program_here.without("TRAYBACKUP_PASSWORD").environment
    with at_terminal(nobody, "backup", till, "--to", tmp_path / "place") as (terminal, process):
        seen = terminal.rest()
        assert process.wait() == 0
    assert b"Recovery code:  " in seen
    assert b"Write it down now" in seen
