"""A message bus: one connection per caller, blocking calls with a limit, and signals until it is closed.

jeepney does the speaking: pure Python, and it costs a resident process two megabytes where others cost fourteen.
Source: the D-Bus specification.
"""

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call  # type: ignore[import-untyped]  # has none
from jeepney.bus_messages import message_bus  # type: ignore[import-untyped]  # same
from jeepney.io.blocking import DBusConnection, open_dbus_connection  # type: ignore[import-untyped]  # same

ANSWER_WITHIN = 25.0
"""Seconds; D-Bus's own usual limit."""

_LONGEST_BURST = 1.0


class BusError(Exception):
    """A call failed: the error's *name* on the bus, and the service's *words*."""

    def __init__(self, name: str, words: str = "") -> None:
        super().__init__(name, words)
        self.name, self.words = name, words


NO_ANSWER = "org.freedesktop.DBus.Error.NoReply"
NO_BUS = "org.freedesktop.DBus.Error.NoServer"


class Bus:
    """A connection to the system's bus, or to the one at *address*. For one thread; only `shut` is for others.

    Raises:
        BusError: There is none.
    """

    def __init__(self, address: str = "SYSTEM") -> None:
        try:
            self._connection: DBusConnection = open_dbus_connection(address)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise BusError(NO_BUS, str(error)) from error
        except Exception as error:  # jeepney's own, of which some have no common base
            raise BusError(NO_BUS, type(error).__name__) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def shut(self) -> None:
        """Let whoever waits for signals in another thread find the connection closed."""
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)

    def call(
        self,
        target: tuple[str, str, str],
        method: str,
        signature: str = "",
        values: Sequence[object] = (),
        *,
        seconds: float = ANSWER_WITHIN,
    ) -> Any:
        """Call a method of the *target* (service, path, interface) and return what it returns, a tuple.

        Raises:
            BusError: It failed, or did not answer in time.
        """
        service, path, interface = target
        message = new_method_call(
            DBusAddress(path, service, interface=interface), method, signature or None, tuple(values)
        )
        return self._send(message, seconds)

    def listen(self, *rules: str) -> None:
        """Ask for signals, by match rules.

        Raises:
            BusError
        """
        for rule in rules:
            self._send(message_bus.AddMatch(rule), ANSWER_WITHIN)

    def signals(self, heard: Callable[[], object], *, settle: float) -> None:
        """Call *heard* after signals, once for all that come within *settle* seconds; return when shut.

        What else arrives is skipped: whoever hears looks at everything anew.
        """
        while True:
            try:
                message = self._connection.receive()
                while message.header.message_type is not MessageType.signal:
                    message = self._connection.receive()
                self._drain(settle)
            except (OSError, ValueError):  # closed, or the selector is
                return
            heard()

    def _drain(self, seconds: float) -> None:
        until = time.monotonic() + _LONGEST_BURST
        with suppress(TimeoutError):
            while time.monotonic() < until:
                self._connection.receive(timeout=seconds)

    def _send(self, message: Any, seconds: float) -> Any:
        try:
            reply = self._connection.send_and_get_reply(message, timeout=seconds)
        except TimeoutError as error:
            raise BusError(NO_ANSWER) from error
        except (OSError, ValueError) as error:
            raise BusError(NO_BUS, os.strerror(getattr(error, "errno", 0) or 0)) from error
        if reply.header.message_type is MessageType.error:
            words = reply.body[0] if reply.body and isinstance(reply.body[0], str) else ""
            raise BusError(str(reply.header.fields.get(HeaderFields.error_name, "")), words)
        return reply.body
