"""DropboxServer: the HTTP server, on 127.0.0.1 only. As a proxy it also takes ``CONNECT`` for Dropbox's own names."""

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

from dropbox_server import arguments, files, oauth
from dropbox_server.faults import Fault
from dropbox_server.messages import Refused, Reply, Request, bad_request, refused
from dropbox_server.uploads import LineCut, Uploads
from dropbox_server.world import Call, World

_PIECE = 64 << 10
_LARGEST_BODY = 200 << 20
_API = "/2/"
_OAUTH = {("GET", "/oauth2/authorize"): "oauth2/authorize", ("POST", "/oauth2/token"): "oauth2/token"}
_AFTERWARDS = {"lost", "cut", "flip", "short", "other"}


class DropboxServer:
    """A server with a world of its own. A context; `url` is the endpoint to give the program.

    Args:
        tls: For a proxy: the certificate with which it answers for Dropbox's names.
    """

    def __init__(self, world: World | None = None, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.world = world or World()
        self.uploads = Uploads(self.world)
        self.tls = tls
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._http.daemon_threads = True
        cast("Any", self._http).dropbox = self
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="dropbox", daemon=True)

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
    server_version, sys_version = "envoy", ""

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError, ssl.SSLError):
            super().handle()

    def finish(self) -> None:
        with suppress(ConnectionError, ValueError, ssl.SSLError):
            super().finish()
        self.connection.close()  # a TLS one is none that the server knows

    @property
    def _dropbox(self) -> DropboxServer:
        return cast("DropboxServer", cast("Any", self.server).dropbox)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_CONNECT(self) -> None:
        """Stand in for whatever host is asked for, with the certificate given."""
        if self._dropbox.tls is None:
            self.send_error(405)
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.connection = self._dropbox.tls.wrap_socket(self.connection, server_side=True)
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
        world = self._dropbox.world
        method = _method(request)
        world.hosts.add(self.headers.get("Host", ""))
        fault = self._dropbox.due(method)
        try:
            reply = self._instead(method, fault) if fault and fault.do not in _AFTERWARDS else None
            if reply is None:
                reply = self._carried_out(method, request, {fault.do} if fault else set())
            if fault and fault.do == "lost":
                raise LineCut
        except Refused as error:
            reply = error.reply
        except LineCut:
            self._note(method, 0)
            self._reset()
            return
        if fault and fault.do == "cut":
            reply.cut = len(reply.body) // 2
        self._note(method, reply.status)
        self._finish_body()
        self._send(reply)

    def _note(self, method: str, status: int) -> None:
        world = self._dropbox.world
        with world.lock:
            if method in _OAUTH.values():
                world.oauth_calls.append(method)
            else:
                world.calls.append(Call(method, status))

    def _instead(self, method: str, fault: Fault) -> Reply | None:
        """Return what is answered although nothing was done; None after a pause."""
        if fault.do == "hang":
            self._dropbox.closing.wait(fault.seconds)
            return None
        if fault.do == "reset":
            raise LineCut
        return _told(method, fault)

    def _carried_out(self, method: str, request: Request, faults: set[str]) -> Reply:
        server, world = self._dropbox, self._dropbox.world
        if method in _OAUTH.values():
            return self._signed(method, request)
        if method not in arguments.ROUTES:
            raise bad_request(method, "Unknown API function")
        if server.tls is not None:
            self._check_host(method)
        with world.lock:
            grant = world.granted(request.token)
        body = b"" if method in arguments.UPLOADS else b"".join(self._body())
        given = arguments.read(method, request, body)
        scope = arguments.SCOPES.get(method)
        if scope and scope not in grant.app.scopes:
            raise bad_request(
                method,
                "Your app (ID: 1) is not permitted to access this endpoint because it does not have the required scope "
                f"'{scope}'. The owner of the app can enable the scope for the app using the Permissions tab.",
            )
        if scope and scope not in grant.scopes:
            raise refused("missing_scope", 401, required_scope=scope)
        if method in arguments.UPLOADS:
            return server.uploads.answer(method, grant, request, given, self._content, faults)
        if method in files.CHANGES:
            with world.committing():
                return files.PLAIN[method](world, grant, given)
        with world.lock:
            if method == "files/download":
                return files.download(grant, given, request)
            return files.PLAIN[method](world, grant, given)

    def _signed(self, method: str, request: Request) -> Reply:
        world = self._dropbox.world
        body = b"".join(self._body())
        if method == "oauth2/authorize" and world.policy == "hang":
            self._dropbox.closing.wait(60)
        with world.lock:
            return (
                oauth.authorize(world, request) if method == "oauth2/authorize" else oauth.token(world, request, body)
            )

    def _check_host(self, method: str) -> None:
        """Refuse a method at the other host."""
        wanted = "content.dropboxapi.com" if method in arguments.CONTENT else "api.dropboxapi.com"
        if self.headers.get("Host", "").partition(":")[0] != wanted:
            raise Refused(Reply.html("Error (404)", 404))

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
        world = self._dropbox.world
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
        self.send_header("Date", formatdate(time.time() + self._dropbox.world.skew, usegmt=True))
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
    known = _OAUTH.get((request.verb, request.path))
    if known:
        return known
    return request.path.removeprefix(_API) if request.verb == "POST" and request.path.startswith(_API) else "unknown"


def _told(method: str, fault: Fault) -> Reply:
    """Return the answer that a fault stands for."""
    do = fault.do
    wait = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    if do == "say":
        return Reply(fault.status, fault.body, fault.headers)
    if do.startswith("html-"):
        return Reply.html("Error", int(do.removeprefix("html-")))
    if do == "portal":
        return Reply.html("Welcome to the guest network")
    if do == "redirect":
        return Reply(302, headers={"Location": "http://10.0.0.1/login"})
    if do == "junk":
        return Reply(200, b'{"name": ', {"Content-Type": "application/json", "Dropbox-API-Result": '{"name": '})
    if do == "429":
        error = {"reason": {".tag": "too_many_requests"}, "retry_after": fault.wait}
        reply = Reply.json({"error_summary": "too_many_requests/", "error": error}, 429)
        reply.headers |= wait
        return reply
    if do == "text-429":
        return Reply(429, b"too_many_requests", {"Content-Type": "text/plain; charset=utf-8"} | wait)
    if do.isdecimal():
        return Reply(int(do), b"Error", {"Content-Type": "text/plain; charset=utf-8"} | wait)
    return _refusal(method, do)


def _refusal(method: str, do: str) -> Reply:
    if do.startswith("token/"):
        return refused(do.removeprefix("token/"), 401).reply
    if do.startswith("access/"):
        return refused(do.removeprefix("access/"), 403).reply
    if do == "scope":
        return bad_request(method, "Your app is not permitted … it does not have the required scope 'x'.").reply
    if do == "bad":
        return bad_request(method, "request body: path: did not match pattern").reply
    return refused(do).reply
