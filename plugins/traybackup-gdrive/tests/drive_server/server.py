"""DriveServer: the HTTP server, on 127.0.0.1 only. As a proxy it also takes ``CONNECT`` for Google's own names."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

from drive_server import files, oauth
from drive_server.faults import Fault
from drive_server.messages import Refused, Reply, Request, not_found
from drive_server.uploads import LineCut, Uploads
from drive_server.world import Call, Grant, World

_PIECE = 64 << 10
_LARGEST_BODY = 64 << 20
_DRIVE = "/drive/v3"
_UPLOAD = "/upload/drive/v3/files"
_NAMES = {
    ("GET", f"{_DRIVE}/about"): "about.get",
    ("GET", f"{_DRIVE}/files"): "files.list",
    ("POST", f"{_DRIVE}/files"): "files.create",
    ("GET", f"{_DRIVE}/files/generateIds"): "files.generateIds",
    ("POST", _UPLOAD): "files.create",
    ("GET", "/o/oauth2/v2/auth"): "authorize",
    ("GET", "/o/oauth2/auth"): "authorize",
    ("POST", "/token"): "token",
    ("POST", "/revoke"): "revoke",
}
_BY_ID = {"GET": "files.get", "PATCH": "files.update", "DELETE": "files.delete"}
_OAUTH = {"authorize", "token", "revoke"}
_AFTERWARDS = {"lost", "cut", "duplicate", "flip", "short"}


class DriveServer:
    """A server with a world of its own. A context; `url` is the endpoint to give the program.

    Args:
        tls: For a proxy: the certificate with which it answers for Google's names.
    """

    def __init__(self, world: World | None = None, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.world = world or World()
        self.uploads = Uploads(self.world)
        self.tls = tls
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._http.daemon_threads = True
        cast("Any", self._http).drive = self
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="drive", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def due(self, method: str) -> Fault | None:
        """Return the fault that hits this call."""
        with self.world.lock:
            return next((fault for fault in self.world.faults if fault.takes(method)), None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30
    server_version, sys_version = "ESF", ""

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError, ssl.SSLError):
            super().handle()

    def finish(self) -> None:
        with suppress(ConnectionError, ValueError, ssl.SSLError):
            super().finish()
        self.connection.close()  # a TLS one is none that the server knows

    @property
    def _drive(self) -> DriveServer:
        return cast("DriveServer", cast("Any", self.server).drive)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_CONNECT(self) -> None:
        """Stand in for whatever host is asked for, with the certificate given."""
        if self._drive.tls is None:
            self.send_error(405)
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.connection = self._drive.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    def _any(self) -> None:
        self._left = int(self.headers.get("Content-Length") or 0)
        self._chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        if not 0 <= self._left <= _LARGEST_BODY:
            self._send(Reply.html("Payload Too Large", 413))
            self.close_connection = True
            return
        target = self.path
        if "://" in target:  # asked as a plain proxy
            target = "/" + target.split("/", 3)[3]
        self._answer(Request.of(self.command, target, self.headers))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def _answer(self, request: Request) -> None:
        world = self._drive.world
        method = _method(request)
        world.hosts.add(self.headers.get("Host", ""))
        fault = self._drive.due(method)
        try:
            reply = self._instead(fault) if fault and fault.do not in _AFTERWARDS else None
            if reply is None:
                reply = self._carried_out(method, request, {fault.do} if fault else set())
            if fault and fault.do == "lost":
                raise LineCut
        except Refused as refused:
            reply = refused.reply()
        except LineCut:
            self._note(method, 0, request)
            self._reset()
            return
        if fault and fault.do == "cut":
            reply.cut = len(reply.body) // 2
        self._note(method, reply.status, request)
        self._finish_body()
        self._send(reply)

    def _note(self, method: str, status: int, request: Request) -> None:
        world = self._drive.world
        with world.lock:
            if method in _OAUTH:
                world.oauth_calls.append(method)
            else:
                world.calls.append(Call(method, status, request.path))

    def _instead(self, fault: Fault) -> Reply | None:
        """Return what is answered although nothing was done; None after a pause."""
        if fault.do == "hang":
            self._drive.closing.wait(fault.seconds)
            return None
        if fault.do == "reset":
            raise LineCut
        return _told(fault)

    def _carried_out(self, method: str, request: Request, faults: set[str]) -> Reply:
        drive, world = self._drive, self._drive.world
        if method in _OAUTH:
            body = b"".join(self._body())
            if method == "authorize" and world.policy == "hang":
                drive.closing.wait(60)
            with world.lock:
                if method == "authorize":
                    return oauth.authorize(world, request)
                return (oauth.token if method == "token" else oauth.revoke)(world, request, body)
        if method == "files.upload":
            if request.verb == "DELETE":
                return drive.uploads.end(request)
            return drive.uploads.go_on(request, self._content)
        with world.lock:
            grant = world.granted(request.token)
        if request.path.startswith(_UPLOAD):
            file_id = request.path.removeprefix(_UPLOAD).strip("/")
            return drive.uploads.begin(grant, request, file_id, self._content, faults)
        body = b"".join(self._body())
        with world.lock:
            return _plain(world, grant, method, request, body)

    def _body(self) -> Iterator[bytes]:
        while self._chunked:
            self._left = int(self.rfile.readline(20).partition(b";")[0] or b"0", 16)
            self._chunked = self._left > 0
            yield from self._rest()
            self.rfile.readline(20)
        yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        while self._left:
            piece = self.rfile.read(min(_PIECE, self._left))
            if not piece:
                raise LineCut
            self._left -= len(piece)
            yield piece

    def _content(self) -> Iterator[bytes]:
        """Read content, which the line may cut at its marks."""
        world = self._drive.world
        for piece in self._body():
            with world.lock:
                world.received += len(piece)
                cut = bool(world.cut_marks) and world.received >= world.cut_marks[0]
                if cut:
                    world.cut_marks.pop(0)
            yield piece
            if cut:
                raise LineCut

    def _finish_body(self) -> None:
        """Read what nobody wanted, so that the next request on this connection is understood."""
        with suppress(LineCut):
            for _ in self._body():
                pass

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        self.send_header("Date", formatdate(time.time() + self._drive.world.skew, usegmt=True))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Connection" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        else:
            self.close_connection = True  # its end is the end of the answer
        self.end_headers()
        self.wfile.write(reply.body if reply.cut is None else reply.body[: reply.cut])
        if reply.cut is not None:
            self._reset()

    def _reset(self) -> None:
        """Break the connection so that the other side notices at once."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def _method(request: Request) -> str:
    """Return the name of the method that a request calls."""
    if "upload_id" in request.params and request.path.startswith(_UPLOAD):
        return "files.upload"
    known = _NAMES.get((request.verb, request.path))
    if known:
        return known
    for start in (f"{_DRIVE}/files/", f"{_UPLOAD}/"):
        if request.path.startswith(start) and "/" not in request.path.removeprefix(start):
            found = _BY_ID.get(request.verb, "")
            return "files.download" if found == "files.get" and request.params.get("alt") == "media" else found
    return "unknown"


def _plain(world: World, grant: Grant, method: str, request: Request, body: bytes) -> Reply:
    """Carry out a method without content."""
    file_id = request.path.removeprefix(f"{_DRIVE}/files/")
    if file_id == "root":
        raise not_found("root")  # the owner's own top folder is not the client's
    if method == "about.get":
        return files.about(grant, request)
    if method == "files.list":
        return files.list_files(world, grant, request)
    if method == "files.generateIds":
        return files.generate_ids(world, grant, request)
    if method == "files.create":
        return files.create_folder(world, grant, request, body)
    if method in ("files.get", "files.download"):
        return files.get_file(world, grant, request, file_id)
    if method == "files.update":
        return files.update_file(world, grant, request, file_id, body)
    if method == "files.delete":
        return files.delete_file(world, grant, request, file_id)
    return Reply.html("Error 404 (Not Found)!!1", 404)


def _told(fault: Fault) -> Reply:
    """Return the answer that a fault stands for."""
    do = fault.do
    if do == "say":
        return Reply(fault.status, fault.body, fault.headers)
    if do.startswith("html-"):
        return Reply.html("Error", int(do.removeprefix("html-")))
    if do == "portal":
        return Reply.html("Welcome to the guest network")
    if do == "redirect":
        return Reply(302, headers={"Location": "http://10.0.0.1/login"})
    if do == "junk":
        return Reply(200, b'{"kind": ', {"Content-Type": "application/json; charset=UTF-8"})
    if do.isdecimal():
        reason = "rateLimitExceeded" if do == "429" else "backendError"
        reply = Refused(int(do), reason, "Backend Error").reply()
        if fault.retry_after:
            reply.headers["Retry-After"] = fault.retry_after
        return reply
    reason = {"rate": "userRateLimitExceeded", "storage": "storageQuotaExceeded"}.get(do, do)
    return Refused(403, reason, "Refused").reply()
