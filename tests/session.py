"""A desktop session apart from this computer's: a message bus of its own, a real keyring on it, and somebody at it.

*Session* is the bus, *Keyring* GNOME's keyring with a password of its own, *Prompter* whoever is asked to unlock it: he
cancels, or does not answer at all.
Source: https://specifications.freedesktop.org/secret-service-spec; the prompter speaks gcr's internal protocol.
"""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

PASSWORD = b"of the keyring"

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:dir={folder}</listen><auth>EXTERNAL</auth>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""


@contextlib.contextmanager
def session(folder: Path) -> Iterator[dict[str, str]]:
    """Run a message bus without any services; yield the variables that lead to it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "bus.conf"
    config.write_text(_BUS.format(folder=folder))
    command = ["dbus-daemon", "--nofork", "--nopidfile", "--print-address=1", f"--config-file={config}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as bus:
        assert bus.stdout is not None
        try:
            yield {
                "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip(),
                "XDG_RUNTIME_DIR": str(folder),
                "XDG_DATA_HOME": str(folder / "data"),
            }
        finally:
            bus.terminate()


@contextlib.contextmanager
def keyring(variables: Mapping[str, str]) -> Iterator[None]:
    """Run GNOME's keyring, unlocked, on the bus that *variables* lead to."""
    command = ["gnome-keyring-daemon", "--foreground", "--components=secrets", "--unlock"]
    environment = dict(os.environ) | dict(variables)
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as daemon:
        assert daemon.stdin is not None
        try:
            daemon.stdin.write(PASSWORD)
            daemon.stdin.close()
            wait_until(lambda: _is_unlocked(variables["DBUS_SESSION_BUS_ADDRESS"]))
            yield
        finally:
            daemon.terminate()


def lock(variables: Mapping[str, str]) -> None:
    """Lock the keyring, as signing out of the desktop does."""
    service = DBusAddress(
        "/org/freedesktop/secrets", "org.freedesktop.secrets", interface="org.freedesktop.Secret.Service"
    )
    with contextlib.closing(open_dbus_connection(variables["DBUS_SESSION_BUS_ADDRESS"])) as bus:
        bus.send_and_get_reply(new_method_call(service, "Lock", "ao", (["/org/freedesktop/secrets/collection/login"],)))


def _is_unlocked(address: str) -> bool:
    login = DBusAddress(
        "/org/freedesktop/secrets/collection/login",
        "org.freedesktop.secrets",
        interface="org.freedesktop.DBus.Properties",
    )
    with contextlib.closing(open_dbus_connection(address)) as bus:
        asked = new_method_call(login, "Get", "ss", ("org.freedesktop.Secret.Collection", "Locked"))
        reply = bus.send_and_get_reply(asked, timeout=5)
    return reply.header.message_type is MessageType.method_return and reply.body[0][1] is False


def wait_until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return as soon as *holds*; fail if that takes longer than *seconds*."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "nothing came of it"
        time.sleep(0.05)


class Prompter:
    """Is asked for the keyring's password in a window, as it were.

    Args:
        cancels: Whether he cancels; otherwise he does not answer.

    Attributes:
        asked: How often.
    """

    def __init__(self, variables: Mapping[str, str], *, cancels: bool) -> None:
        self.asked = 0
        self._cancels = cancels
        self._stop = threading.Event()
        self._bus = open_dbus_connection(variables["DBUS_SESSION_BUS_ADDRESS"])
        self._bus.send_and_get_reply(message_bus.RequestName("org.gnome.keyring.SystemPrompter"))
        self._thread = threading.Thread(target=self._serve, name="prompter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the desktop."""
        self._stop.set()
        self._thread.join()
        self._bus.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                message = self._bus.receive(timeout=0.1)
            except TimeoutError:
                continue
            if message.header.message_type is MessageType.method_call:
                self._answer(message)

    def _answer(self, message: Any) -> None:
        member = message.header.fields[HeaderFields.member]
        sender, callback = message.header.fields[HeaderFields.sender], message.body[0]
        self._bus.send(new_method_return(message))
        if member == "BeginPrompting":
            self._call(sender, callback, "PromptReady", "sa{sv}s", ("", {}, ""))
        elif member == "PerformPrompt":
            self.asked += 1
            if self._cancels:
                self._call(sender, callback, "PromptReady", "sa{sv}s", ("no", {}, ""))
        elif member == "StopPrompting":
            self._call(sender, callback, "PromptDone", "", ())

    def _call(self, sender: str, callback: str, method: str, kinds: str, values: tuple[object, ...]) -> None:
        target = DBusAddress(callback, sender, interface="org.gnome.keyring.internal.Prompter.Callback")
        self._bus.send(new_method_call(target, method, kinds or None, values))
