"""Progress: counted from many threads, shown on a terminal or as JSON, silent in a pipe."""

import os
import pty
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from traybackup.app.estimate import COUNTED
from traybackup.app.language import Language
from traybackup.cli import progress
from traybackup.cli.output import Output
from traybackup.cli.progress import Standing, Tally, bar, figures, item_teller, shown, wanted


def test_what_many_threads_report_adds_up() -> None:
    """No report is lost."""
    tally = Tally()

    def report() -> None:
        for _ in range(2000):
            tally.expect(1, 10)
            tally.advance(10)
            tally.stored(3)
            tally.item(b"/x", "new", 10)
            tally.trouble(b"/y", "EIO")

    threads = [threading.Thread(target=report) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = tally.standing()
    assert (now.files, now.bytes, now.total_files, now.total_bytes) == (8000, 80_000, 8000, 80_000)
    assert (now.stored, now.errors, now.current) == (24_000, 8000, "/x")


def test_phases_and_the_end_of_counting_are_told_apart() -> None:
    """Only when everything was counted can anybody say how long it takes."""
    tally = Tally()
    tally.phase("save")
    tally.expect(1, 100)
    tally.advance(50)
    assert tally.standing().phase == "save"
    assert tally.standing().seconds_left is None
    tally.phase(COUNTED)
    assert tally.standing().phase == "save"
    assert tally.standing().seconds_left is not None


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (Standing(files=3, bytes=5_000_000), "3 files, 5.00 MB"),
        (
            Standing(files=3, bytes=25, total_files=12, total_bytes=100, counted=True, seconds=10),
            "25%, 3 of 12 files, 25 bytes of 100 bytes, 30 s left",
        ),
        (
            Standing(files=13, bytes=200, total_files=12, total_bytes=100, counted=True, errors=1),
            "100%, 13 of 12 files, 100 bytes of 100 bytes, 1 unreadable",
        ),
    ],
)
def test_the_bar_says_files_bytes_and_time_left(now: Standing, text: str) -> None:
    """A source that grows while it is saved never shows more than all of it."""
    assert figures(now, Language()) == text


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Let the error output be a terminal; yield the other end of it."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        yield leader
    os.close(leader)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are POSIX")
def test_on_a_terminal_a_bar_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who looks sees what is done and how far it is."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_BAR_EVERY", 0.01)
    with terminal(monkeypatch) as other:
        tally = Tally(counted=True)
        tally.phase("save")
        tally.expect(10, 1000)
        tally.advance(500)
        assert wanted(Output())
        seen = b""
        with bar(Output(), tally):
            while b"50%" not in seen:
                seen += os.read(other, 10_000)
        assert b"Saving" in seen
        assert not wanted(Output(quiet=True))


def test_in_a_pipe_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """A log file is not filled with bars."""
    assert not wanted(Output())
    with shown(Output(), Tally(), lambda _: {}), bar(Output(json=True), Tally()):
        pass
    assert capsys.readouterr() == ("", "")


def test_programs_get_status_messages(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then while it runs, and once at the end."""
    monkeypatch.setattr(progress, "_STATUS_EVERY", 0.01)
    drawn = threading.Event()

    def status(now: Standing) -> dict[str, object]:
        if now.files == 0:
            drawn.set()
        return {"message_type": "status", "files_done": now.files}

    tally = Tally()
    with shown(Output(json=True), tally, status):
        assert drawn.wait(10)
        tally.item(b"/x", "new", 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == '{"message_type":"status","files_done":0}'
    assert lines[-1] == '{"message_type":"status","files_done":1}'


def test_a_reader_that_goes_away_does_not_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """If nobody reads the progress any more the run goes on."""
    gone = threading.Event()

    def draw() -> None:
        gone.set()
        raise BrokenPipeError

    with progress._every(0.001, draw):
        assert gone.wait(10)
        while any(thread.name == "progress" for thread in threading.enumerate()):
            time.sleep(0.001)
    monkeypatch.undo()


def test_items_are_told_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """-vv lists every file, -v with --json sends restic's verbose_status; else nobody is called."""
    assert item_teller(Output()) is None
    assert item_teller(Output(verbose=1)) is None
    told = item_teller(Output(verbose=2))
    assert told is not None
    told(b"/a\x07", "changed", 2000)
    assert capsys.readouterr().out == "changed   /a\\x07 2.00 kB\n"
    told = item_teller(Output(json=True, verbose=1))
    assert told is not None
    told(b"/a", "changed", 2)
    assert capsys.readouterr().out == (
        '{"message_type":"verbose_status","action":"modified","item":"/a","data_size":2}\n'
    )


def test_a_tally_hands_items_on() -> None:
    """Whoever wants to know gets each item."""
    tally, seen = Tally(), []
    tally.told = lambda path, state, size: seen.append((path, state, size))
    tally.item(b"/x", "new", 5)
    assert seen == [(b"/x", "new", 5)]
