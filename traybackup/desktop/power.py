"""Sleep: the desktop is asked to wait a moment before it sleeps or goes off while something runs, and tells of waking.

Source: https://www.freedesktop.org/software/systemd/man/org.freedesktop.login1 (Inhibit, PrepareForSleep). Without
logind nothing is asked and nothing is heard: the scheduler notices a sleep by its clocks.
"""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_NAME, _PATH, _INTERFACE = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
_RULE = f"type='signal',sender='{_NAME}',interface='{_INTERFACE}',member='PrepareForSleep'"
_WITHIN = 5.0
_LOOK = 3600.0


class Power:
    """What is known of sleep. No method raises or takes long.

    Args:
        woken: Called in a thread of its own when the computer has woken.
        sleeps: Called in the same when it is about to sleep.
    """

    def __init__(
        self, *, woken: Callable[[], object], sleeps: Callable[[], object] = bool, why: str = "A backup is running"
    ) -> None:
        self._woken, self._sleeps, self._why = woken, sleeps, why
        self._lock = threading.Lock()
        self._holders: set[str] = set()
        self._inhibitor: Any = None
        self._end = threading.Event()
        self._bus: Any = None

    def start(self) -> None:
        """Begin to listen."""
        if sys.platform == "linux":
            threading.Thread(target=self._listen, name="power", daemon=True).start()

    def close(self) -> None:
        """End; whatever was asked for is given back."""
        self._end.set()
        with self._lock:
            self._holders.clear()
            self._give_back()
        bus = self._bus
        if bus is not None:
            with suppress(OSError):
                bus.sock.shutdown(2)

    def hold(self, what: str) -> None:
        """Ask the computer to wait before it sleeps or goes off, as long as *what* goes on."""
        self._holders.add(what)
        threading.Thread(target=self._hold, args=(what,), name="inhibit", daemon=True).start()

    def release(self, what: str) -> None:
        """Let it sleep again, unless something else goes on."""
        with self._lock:
            self._holders.discard(what)
            if not self._holders:
                self._give_back()

    @property
    def holding(self) -> bool:
        """Whether the computer was asked to wait."""
        return self._inhibitor is not None

    def _hold(self, what: str) -> None:
        if sys.platform != "linux":
            return
        with self._lock, suppress(Exception):  # there is no logind, or it does not let us
            if what in self._holders and self._inhibitor is None:
                self._inhibitor = self._asked()

    def _asked(self) -> Any:
        from jeepney import DBusAddress, new_method_call  # type: ignore[import-untyped]  # noqa: PLC0415 - only with something running
        from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]  # noqa: PLC0415 - same

        call = new_method_call(
            DBusAddress(_PATH, _NAME, _INTERFACE),
            "Inhibit",
            "ssss",
            ("sleep:shutdown", "traybackup", self._why, "delay"),
        )
        bus = open_dbus_connection(bus="SYSTEM", enable_fds=True)
        try:
            return bus.send_and_get_reply(call, timeout=_WITHIN).body[0]
        finally:
            bus.close()

    def _give_back(self) -> None:
        if self._inhibitor is not None:
            with suppress(Exception):  # it is gone already
                os.close(self._inhibitor.to_raw_fd())
            self._inhibitor = None

    def _listen(self) -> None:
        while not self._end.is_set():
            with suppress(Exception):  # there is no system bus, or it has ended
                self._hear()
            self._end.wait(_LOOK)

    def _hear(self) -> None:
        from jeepney import HeaderFields, MessageType  # noqa: PLC0415 - only on Linux
        from jeepney.bus_messages import message_bus  # type: ignore[import-untyped]  # noqa: PLC0415 - same
        from jeepney.io.blocking import open_dbus_connection  # noqa: PLC0415 - same

        bus = self._bus = open_dbus_connection(bus="SYSTEM")
        try:
            bus.send_and_get_reply(message_bus.AddMatch(_RULE), timeout=_WITHIN)
            while not self._end.is_set():
                message = bus.receive()
                if message.header.message_type is not MessageType.signal:
                    continue
                if message.header.fields.get(HeaderFields.member) == "PrepareForSleep":
                    (self._sleeps if message.body[0] else self._woken)()
        finally:
            self._bus = None
            bus.close()
