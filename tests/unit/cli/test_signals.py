"""Signals: the first asks to stop, the second stops; nothing stays changed afterwards."""

import os
import signal
import sys

import pytest

from traybackup.cli.signals import interrupting, stoppable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals to oneself are POSIX")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_asks_and_the_second_stops(number: signal.Signals) -> None:
    """Ctrl-C twice ends even a run that does not listen."""
    before = signal.getsignal(number)
    with stoppable() as cancel:
        os.kill(os.getpid(), number)
        assert cancel.is_set()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_short_work_is_interrupted_at_once(number: signal.Signals) -> None:
    """SIGTERM is as good as Ctrl-C: locks are given back either way."""
    with interrupting(), pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


def test_what_is_ignored_stays_ignored() -> None:
    """A program started in the background of a script is not to be stopped by Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stoppable() as cancel:
            os.kill(os.getpid(), signal.SIGINT)
            assert not cancel.is_set()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_hang_up_is_left_to_the_lock() -> None:
    """By SIGHUP restic asks SIGHUP whether the holder of a lock lives, which must not end him."""
    before = signal.getsignal(signal.SIGHUP)
    with stoppable():
        assert signal.getsignal(signal.SIGHUP) is before
