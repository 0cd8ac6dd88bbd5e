"""An S3 server on this computer: rclone's, on a folder, and a door before it that does what rclone's does not.

*Door* knows conditional writes (``If-None-Match: *``) and whole reads while somebody overwrites, as Amazon documents
them, and faults on command.
By hand: ``python s3_servers.py FOLDER`` starts both and prints the settings that lead there.
"""

import contextlib
import http.client
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

KEY, SECRET = "shop-17", "correct-horse-battery"
BUCKET = "chain"
_WAIT = 20.0


def error(code: str, status: int, **headers: str) -> "Fault":
    """Return the answer with which S3 refuses."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return Fault(status, body, {"Content-Type": "application/xml", **headers})


@dataclass
class Fault:
    """What the door answers instead of the server.

    Attributes:
        method: To which requests; empty: all.
        but: Not to those whose path has this in it.
        lasting: To every later one, too.
        passes: The request reaches the server all the same; only its answer is lost.
        cut: The connection breaks after this many bytes of the server's answer.
        hang: Nothing is answered until the door closes.
    """

    status: int = 0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ""
    but: str = ""
    lasting: bool = False
    passes: bool = False
    cut: int | None = None
    hang: bool = False


@dataclass
class S3Server:
    """A server with a bucket.

    Attributes:
        folder: Where its buckets are.
    """

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, location: str = f"{BUCKET}/till") -> dict[str, str]:
        """Return the settings of a place on it."""
        return {"bucket": location, "endpoint": self.url, "access_key_id": KEY}

    @property
    def environment(self) -> dict[str, str]:
        """What the AWS tools and restic read."""
        return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}


@contextlib.contextmanager
def rclone_s3(folder: Path) -> Iterator[S3Server]:
    """Run rclone's S3 server on *folder*, with an empty bucket."""
    program = shutil.which("rclone") or str(Path(sys.executable).parent / "rclone")
    (folder / BUCKET).mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    command += ["--config", "", "--vfs-cache-mode", "off", str(folder)]
    with (
        (folder.parent / f"{folder.name}.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL) as process,
    ):
        try:
            _wait(process, port)
            yield S3Server(folder, port)
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the server listens."""
    for _ in range(int(_WAIT * 50)):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        break
    raise RuntimeError(process.returncode)


class _Handler(BaseHTTPRequestHandler):
    """Passes a request on as it is; the host stays, so signatures stay good."""

    protocol_version = "HTTP/1.1"
    server: "_Listener"

    def do(self) -> None:
        door = self.server.door
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        door.calls.append((self.command, self.path))
        fault = door.fault(self.command, self.path)
        if fault and fault.hang:
            door.over.wait()
            self.close_connection = True
            return
        if fault and fault.status and not fault.passes:
            self._say(fault.status, fault.headers, fault.body)
            return
        conditional = self.command == "PUT" and self.headers.get("If-None-Match") == "*"
        with door.one_at_a_time:
            if conditional and door.path_of(self.path).is_file():
                refused = error("PreconditionFailed", 412)
                self._say(refused.status, refused.headers, refused.body)
                return
            status, headers, answer = self._ask(body)
        if fault and fault.passes:
            self.close_connection = True
            return
        self._say(status, headers, answer, fault.cut if fault else None)

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        line = http.client.HTTPConnection("127.0.0.1", self.server.door.target.port, timeout=60)
        try:
            line.request(self.command, self.path, body, dict(self.headers.items()))
            answer = line.getresponse()
            skip = {"connection", "transfer-encoding", "date", "server"}
            kept = {key: value for key, value in answer.getheaders() if key.lower() not in skip}
            return answer.status, kept, answer.read()
        finally:
            line.close()

    def _say(self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if not any(key.lower() == "content-length" for key in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = do  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    door: "Door"

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients go away."""


class Door(S3Server):
    """The server as its clients see it.

    Attributes:
        calls: Method and path of every request.
        faults: What happens instead; the first that fits is used up.
    """

    def __init__(self, target: S3Server) -> None:
        self.target = target
        self.calls: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.one_at_a_time = threading.Lock()
        self.over = threading.Event()
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._listener.door = self
        super().__init__(target.folder, self._listener.server_port)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def fault(self, method: str, path: str) -> Fault | None:
        """Return what is to happen to a request."""
        for one in self.faults:
            if one.method in ("", method) and not (one.but and one.but in path):
                if not one.lasting:
                    self.faults.remove(one)
                return one
        return None

    def path_of(self, address: str) -> Path:
        """Return where the server keeps an object."""
        return self.folder / unquote(urlsplit(address).path).lstrip("/")

    def close(self) -> None:
        self.over.set()
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()


@contextlib.contextmanager
def door(target: S3Server) -> Iterator[Door]:
    """Run a door before *target*."""
    made = Door(target)
    try:
        yield made
    finally:
        made.close()


def main() -> None:
    with rclone_s3(Path(sys.argv[1]).absolute()) as server, door(server) as shown:
        settings = shown.settings() | {"secret_access_key": SECRET}
        sys.stdout.write("".join(f"{key}={value}\n" for key, value in settings.items()))
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
