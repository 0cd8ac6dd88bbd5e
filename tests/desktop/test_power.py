"""Sleep, by a stand-in for logind on a real bus: asked to wait while something runs, heard when it wakes."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("logind is Linux's", allow_module_level=True)

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

from tests.session import session, wait_until
from traybackup.desktop.power import Power

NAME, PATH, INTERFACE = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"


class Logind:
    """As much of logind as is spoken to.

    Attributes:
        asked: What was asked for; the last is the end of the pipe that we hold open.
    """

    def __init__(self, address: str) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.read = -1
        self._bus = open_dbus_connection(address, enable_fds=True)
        self._bus.send_and_get_reply(message_bus.RequestName(NAME))
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._end.is_set():
            try:
                message: Any = self._bus.receive(timeout=0.05)
            except TimeoutError:
                continue
            called = message.header.message_type is MessageType.method_call
            if called and message.header.fields[HeaderFields.member] == "Inhibit":
                self.read, write = os.pipe()
                self._bus.send(new_method_return(message, "h", (write,)))
                os.close(write)
                self.asked.append(message.body)

    def tell(self, *, sleeps: bool) -> None:
        emitter = DBusAddress(PATH, interface=INTERFACE)
        self._bus.send(new_signal(emitter, "PrepareForSleep", "b", (sleeps,)))

    def is_free(self) -> bool:
        """Say whether nobody holds the computer awake any more: the pipe's other end is closed."""
        os.set_blocking(self.read, False)
        try:
            return os.read(self.read, 1) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._bus.close()
        if self.read >= 0:
            os.close(self.read)


@pytest.fixture
def logind(tmp_path: Path, program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Logind]:
    program("dbus-daemon")
    with session(tmp_path / "bus") as variables:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", variables["DBUS_SESSION_BUS_ADDRESS"])
        found = Logind(variables["DBUS_SESSION_BUS_ADDRESS"])
        yield found
        found.close()


def test_sleep_waits_for_what_runs(logind: Logind) -> None:
    """As long as one of two things goes on, the computer is held; then it is let go."""
    here = Power(woken=bool)
    here.hold("one")
    wait_until(lambda: here.holding)
    here.hold("two")
    assert logind.asked == [("sleep:shutdown", "traybackup", "A backup is running", "delay")]
    here.release("one")
    assert not logind.is_free()
    here.release("two")
    wait_until(logind.is_free)
    assert not here.holding
    here.close()


def test_waking_is_heard(logind: Logind) -> None:
    """Falling asleep and waking are told, each once."""
    told: list[str] = []
    here = Power(woken=lambda: told.append("woken"), sleeps=lambda: told.append("sleeps"))
    here.start()

    def heard() -> bool:
        logind.tell(sleeps=True)
        return bool(told)

    wait_until(heard)
    told.clear()
    logind.tell(sleeps=False)
    wait_until(lambda: told[-1:] == ["woken"])
    here.close()


def test_without_logind_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer without a system bus is neither held nor heard, and nothing fails."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
    here = Power(woken=bool)
    here.start()
    here.hold("one")
    wait_until(lambda: not [one for one in threading.enumerate() if one.name == "inhibit"])
    assert not here.holding
    here.release("one")
    here.close()
