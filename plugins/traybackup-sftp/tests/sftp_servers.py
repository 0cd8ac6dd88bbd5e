"""Real servers on this computer: Debian's sshd as a process of its own, and a line to it that can be cut.

By hand: ``python sftp_servers.py FOLDER`` starts one and prints the settings that lead to it.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import asyncssh

from traybackup.api import Store

Open = Callable[..., Store]
"""Opens the place; takes a vault, and settings that replace others."""

SSHD = "/usr/sbin/sshd"
_WAIT = 20.0
_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
{host_keys}
PidFile none
AuthorizedKeysFile {base}/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
PubkeyAuthentication yes
MaxStartups 100
LogLevel VERBOSE
{more}
"""


@dataclass
class Sshd:
    """A running sshd.

    Attributes:
        base: Its keys and settings.
        home: Where one comes in.
        key_file: The private key that it accepts.
    """

    base: Path
    home: Path
    port: int = 0
    options: str = ""
    sftp: bool = True
    host_keys: list[asyncssh.SSHKey] = field(default_factory=list)

    @property
    def key_file(self) -> Path:
        return self.base / "user_key"

    @property
    def fingerprint(self) -> str:
        return self.host_keys[0].get_fingerprint()

    def settings(self, folder: str = "place", **more: str) -> dict[str, str]:
        """Return the settings of a place on it."""
        return {
            "host": "127.0.0.1",
            "port": str(self.port),
            "folder": folder,
            "key_file": str(self.key_file),
            "host_key": self.fingerprint,
        } | more

    def write(self) -> None:
        """Make keys and settings."""
        kinds = ("ssh-ed25519", "ecdsa-sha2-nistp256")
        self.host_keys = [asyncssh.generate_private_key(kind) for kind in kinds]
        lines = []
        for kind, key in zip(kinds, self.host_keys, strict=True):
            path = self.base / f"host_{kind}"
            key.write_private_key(path)
            path.chmod(0o600)
            lines.append(f"HostKey {path}")
        if not self.key_file.exists():
            user = asyncssh.generate_private_key("ssh-ed25519")
            user.write_private_key(self.key_file)
            self.key_file.chmod(0o600)
            user.write_public_key(self.base / "authorized")
        more = f"Subsystem sftp internal-sftp -d {self.home} {self.options}" if self.sftp else ""
        text = _CONFIG.format(port=self.port, base=self.base, host_keys="\n".join(lines), more=more)
        (self.base / "config").write_text(text)


def missing() -> str:
    """Return the name of what is missing to start one; empty: nothing."""
    return "" if os.access(SSHD, os.X_OK) or shutil.which("sshd") else "sshd"


@contextlib.contextmanager
def sshd(base: Path, home: Path, *, options: str = "", sftp: bool = True) -> Iterator[Sshd]:
    """Run an sshd whose users come into *home*."""
    base.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    server = Sshd(base, home, free_port(), options, sftp)
    server.write()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it insists, and only when it is root
    command = [SSHD, "-D", "-e", "-f", str(base / "config")]
    with (base / "log").open("wb") as log, subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL) as process:
        try:
            _wait(process, server, base / "log")
            yield server
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], server: Sshd, log: Path) -> None:
    """Wait until the server listens."""
    for _ in range(int(_WAIT * 50)):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=1):
            return
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        break
    raise RuntimeError(log.read_text())


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Relay:
    """A line to a port of this computer, which can be cut.

    Attributes:
        port: Where it begins.
        sent: Bytes towards the server.
        open: While it is not set, nothing gets through.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.sent = 0
        self.open = threading.Event()
        self.open.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def cut(self) -> None:
        """Break every connection."""
        for pair in self._pairs:
            _break(*pair)
        self._pairs.clear()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._pairs.append((near, far))
                for source, sink, up in ((near, far, True), (far, near, False)):
                    thread = threading.Thread(target=self._carry, args=(source, sink, up), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket, up: bool) -> None:  # noqa: FBT001 - a thread's argument
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.open.wait()
                self.sent += len(data) if up else 0
                sink.sendall(data)
        _break(source, sink)


def _break(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def main() -> None:
    base = Path(sys.argv[1]).absolute()
    with sshd(base / "server", base / "home") as server:
        sys.stdout.write("".join(f"{key}={value}\n" for key, value in server.settings().items()))
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
