"""What others print reaches nobody."""
# ruff: noqa: T201 - printing is what is tested

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from traybackup.cli.private import PrivateStreams


def in_thread(name: str | None, function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function, name=name)
    thread.start()
    thread.join()


def shout() -> None:
    print("LEAK", flush=True)
    print("LEAK", file=sys.stderr, flush=True)
    sys.stdout.buffer.write(b"LEAK")
    sys.stdout.buffer.flush()


def say(word: str) -> None:
    print(word, flush=True)
    sys.stdout.buffer.write(f"{word} in bytes\n".encode())
    sys.stdout.buffer.flush()


@pytest.mark.parametrize("name", ["plugin evil", None, "ThreadPoolExecutor-0_1"])
def test_threads_that_are_not_ours_are_hushed(capfd: pytest.CaptureFixture[str], name: str | None) -> None:
    """Neither the thread that calls a plugin nor one that a plugin has started writes anything; ours do."""
    with PrivateStreams() as streams:
        streams.shut()
        say("main")
        in_thread(name, shout)
        in_thread("upload-1", lambda: say("upload"))
        print("error", file=sys.stderr)
    out, err = capfd.readouterr()
    assert out.splitlines() == ["main", "main in bytes", "upload", "upload in bytes"]
    assert err == "error\n"


def test_what_goes_past_python_is_hushed_too(capfd: pytest.CaptureFixture[str]) -> None:
    """Libraries and programs that write to the system's own streams are not heard."""
    with PrivateStreams() as streams:
        streams.shut()
        for number in (1, 2):
            os.write(number, b"LEAK")
        subprocess.run([sys.executable, "-c", "import sys; print('LEAK'); print('LEAK', file=sys.stderr)"], check=True)
        print("ours")
    out, err = capfd.readouterr()
    assert (out, err) == ("ours\n", "")


def test_afterwards_everything_is_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    """At the end of the block streams and numbers lead where they led, and no handle is left open."""
    before = sys.stdout, sys.stderr, len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    for _ in range(3):
        with PrivateStreams() as streams:
            streams.shut()
            streams.shut()
    after = sys.stdout, sys.stderr, len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    assert after == before
    os.write(1, b"one ")
    print("two", flush=True)
    in_thread(None, lambda: print("three", flush=True))
    assert capfd.readouterr().out == "one two\nthree\n"


def test_streams_stay_open_until_a_plugin_comes(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a plugin nothing is touched."""
    with PrivateStreams():
        before = sys.stdout
        os.write(1, b"heard")
        assert sys.stdout is before
    assert capfd.readouterr().out == "heard"


def test_streams_without_a_number_are_hushed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """A stream without a number, as under some frames, still keeps others out."""
    with PrivateStreams() as streams:
        streams.shut()
        print("ours")
        in_thread(None, lambda: print("LEAK"))
        assert sys.stdout.encoding
        assert not sys.stdout.isatty()
    assert capsys.readouterr().out == "ours\n"


def test_who_looks_for_a_fault_hears_everything(capfd: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """TRAYBACKUP_DEBUG lets plugins speak."""
    monkeypatch.setenv("TRAYBACKUP_DEBUG", "1")
    with PrivateStreams() as streams:
        streams.shut()
        in_thread(None, lambda: print("heard", flush=True))
    assert capfd.readouterr().out == "heard\n"
