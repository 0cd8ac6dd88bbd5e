"""The loopback: where the browser brings back the answer of a sign-in.

A listener on this computer alone, on one exact path, for one answer with the right state, for as long as it is open.
Everything else that knocks (another path, another host's name, a wrong state, a second answer) gets a page that says
nothing, and changes nothing.
Source: RFC 8252, sections 7.3 and 8, and RFC 9700, section 4.
"""

import base64
import errno
import hashlib
import hmac
import html
import secrets
import socket
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from traybackup.api.errors import SignInImpossible, SignInRefused
from traybackup.api.provider import Redirects
from traybackup.app.wording.pages import Page

_STYLE = "body{font:18px/1.5 sans-serif;margin:20vh auto;max-width:30em;padding:0 1em;text-align:center}"
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}
_READING = 10.0
"""Seconds in which a request must have arrived: browsers open connections that they never use."""

_LONGEST = 4096
_MOST_PARAMETERS = 20


class Returned:
    """What came back through the browser: a code, or a refusal."""

    def __init__(self, code: str = "", scope: str = "", error: str = "") -> None:
        self.code, self.scope = code, scope
        self._error = error

    def check(self) -> None:
        """Raise `SignInRefused` if somebody said no."""
        if self._error:
            raise SignInRefused(reason=self._error)


def understand(query: str, state: str) -> Returned | None:
    """Understand the query of an address that the browser came back to; None: it is not our answer.

    Args:
        state: The one that was given out.
    """
    if len(query) > _LONGEST:
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return None
    found = dict(pairs)
    if len(found) != len(pairs) or not hmac.compare_digest(found.get("state", "").encode(), state.encode()):
        return None
    if found.get("error"):
        word = found["error"]
        return Returned(error=word if word.isascii() and word.replace("_", "").isalnum() else "error")
    code = found.get("code", "")
    return Returned(code, found.get("scope", "")) if code and code.isprintable() else None


class Loopback:
    """An open listener; leave the block to close it.

    Args:
        redirects: What the service accepts.
        state: The one that the answer must carry.
        pages: The pages in the owner's *language*.

    Raises:
        SignInImpossible: Every port that the service accepts is taken.
    """

    def __init__(self, redirects: Redirects, state: str, pages: Mapping[str, Page], *, language: str = "en") -> None:
        self._state, self._pages, self._language = state, pages, language
        self._path = redirects.path or f"/{secrets.token_urlsafe(16)}"
        self._lock = threading.Lock()
        self._answer: Returned | None = None
        self.over = threading.Event()
        """Set once the answer is there and its page has been delivered."""

        self._servers = self._bind(redirects)
        self._host = f"{redirects.host}:{self._servers[0].server_address[1]}"
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.1,), name="loopback", daemon=True).start()

    @property
    def redirect_uri(self) -> str:
        """The address that the browser is to come back to."""
        return f"http://{self._host}{self._path}"

    @property
    def answer(self) -> Returned | None:
        """What came back, None while nothing has."""
        return self._answer

    def close(self) -> None:
        """Stop listening."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _bind(self, redirects: Redirects) -> list["_Server"]:
        for port in redirects.ports or (0,):
            try:
                servers = [_Server(("127.0.0.1", port), self)]
            except OSError:
                continue
            if redirects.host != "localhost":
                return servers
            try:  # a browser may take localhost for either; nobody else may be there
                servers.append(_Server6(("::1", servers[0].server_address[1]), self))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    servers[0].server_close()
                    continue
            return servers
        raise SignInImpossible(why="ports-taken")

    def judge(self, host: str, target: str) -> tuple[HTTPStatus, str, bool]:
        """Take a request: return the status and the page to answer with, and whether it was the answer."""
        parts = urlsplit(target)
        if host.lower() != self._host or parts.netloc or parts.scheme:
            return HTTPStatus.MISDIRECTED_REQUEST, "unknown", False
        if parts.path != self._path:
            return HTTPStatus.NOT_FOUND, "unknown", False
        found = understand(parts.query, self._state)
        if found is None:
            return HTTPStatus.BAD_REQUEST, "unknown", False
        with self._lock:
            if self._answer is not None:
                return HTTPStatus.GONE, "again", False
            self._answer = found
        try:
            found.check()
        except SignInRefused:
            return HTTPStatus.OK, "refused", True
        return HTTPStatus.OK, "thanks", True

    def page(self, name: str) -> bytes:
        """Return a page."""
        title, text = (html.escape(word) for word in self._pages[name])
        return (
            f'<!DOCTYPE html><html lang="{self._language}"><head><meta charset="utf-8"><title>{title}</title>'
            f"<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{text}</p></body></html>"
        ).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, address: tuple[str, int], loopback: Loopback) -> None:
        self.loopback = loopback
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind, so that no other program of this computer can listen beside us; look up no name."""
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)  # Windows lets others in otherwise
        if exclusive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        else:  # a registered port must be free again at once after a sign-in; one that listens is taken all the same
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a browser that goes away is no fault, and an address may hold a code."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _READING

    def do_GET(self) -> None:
        """Answer a request, and note when the one that counts has been answered."""
        loopback = self.server.loopback
        hosts = self.headers.get_all("Host") or []
        status, page, counts = loopback.judge(hosts[0] if len(hosts) == 1 else "", self.path)
        try:
            self._send(status, loopback.page(page))
        finally:
            if counts:
                loopback.over.set()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - as the library calls it
        """Answer what is no request of a browser."""
        self._send(HTTPStatus(code), self.server.loopback.page("unknown"))

    def version_string(self) -> str:
        return "traybackup"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Log nothing: the address holds the code."""

    def _send(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
