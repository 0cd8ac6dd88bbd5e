"""Client: speaks HTTP with one server, and turns whatever goes wrong into errors of traybackup.

No retries, no pacing, no progress: the host does that around every place. What remains: time-outs on every call, no
redirects (they would carry the password to wherever they point), and a plain word for every refusal.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from requests.structures import CaseInsensitiveDict

from traybackup.api import (
    AccessDenied,
    AlreadyExists,
    ClockWrong,
    CredentialsRefused,
    NotFound,
    NotTheService,
    Offline,
    Payload,
    RateLimited,
    SettingInvalid,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreFull,
)
from traybackup_webdav import multistatus
from traybackup_webdav.provider import Config

_TIMEOUTS = (10.0, 60.0)  # seconds to connect, and between two pieces of an answer
_PIECE = 64 << 10
_LARGEST = 256 << 20  # bytes; restic's largest pack has half of it, so more is not our server's
_OUR_CLOCK = ("certificate is not yet valid", "certificate has expired")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: CaseInsensitiveDict[str]
    body: bytes


class Client:
    """One server, seen by one user. Safe from several threads.

    Raises:
        CredentialsRefused, SettingInvalid, NotTheService, Offline, …: The server does not answer as it should.
    """

    def __init__(self, config: Config) -> None:
        self.address = config.address
        self._user = config.user
        self._verify = config.certificate or True
        self._session = requests.Session()
        self._session.headers["Accept-Encoding"] = "identity"  # a range of something compressed would be another range
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.auth = _Nobody()
        self._sign_in(config.user, config.password)

    def send(
        self,
        method: str,
        path: str,
        *expected: int,
        name: str = "",
        headers: Mapping[str, str] | None = None,
        body: "bytes | Content" = b"",
    ) -> Answer:
        """Send a request and return the answer if its status is one of *expected*.

        Args:
            path: Below the address, quoted.
            name: The object it is about, for errors.

        Raises:
            StoreError: Any other answer, or none.
        """
        with (
            _translated(name),
            self._session.request(
                method,
                self.address + path,
                headers=headers,
                data=body,
                timeout=_TIMEOUTS,
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            answer = Answer(response.status_code, response.headers, _whole(response))
        page = answer.status == requests.codes.ok and answer.headers.get("Content-Type", "").startswith("text/html")
        if answer.status in expected and not page:  # guest networks answer everything with a page of theirs
            return answer
        raise self.refusal(answer, name)

    def propfind(self, path: str, depth: int, *expected: int, wanted: bytes = multistatus.PROPERTIES) -> Answer:
        """Ask what is at *path* (depth 0), or in that folder, too (1). Few servers like to be asked for more."""
        headers = {"Depth": str(depth), "Content-Type": "application/xml"}
        return self.send("PROPFIND", path, 207, *expected, headers=headers, body=wanted)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _sign_in(self, user: str, password: str) -> None:
        """See what the server wants to know, and whether this user may come in."""
        answer = self.propfind("", 0, 401, 404)
        if user:
            self._session.auth = self._chosen(answer.headers.get("WWW-Authenticate", "").lower(), user, password)
            answer = self.propfind("", 0, 404)
        if answer.status == requests.codes.not_found:
            raise SettingInvalid(field="address", allowed="https://HOST[:PORT]/PATH")
        if answer.status == requests.codes.unauthorized:
            raise CredentialsRefused
        multistatus.read(answer.body)

    def _chosen(self, offered: str, user: str, password: str) -> AuthBase:
        """Return how to say who it is. Basic says the password itself: only where nobody can listen."""
        parts = urlsplit(self.address)
        private = parts.scheme == "https" or _is_here(parts.hostname or "")
        if private and ("basic" in offered or "digest" not in offered):
            return HTTPBasicAuth(user.encode(), password.encode())  # as bytes, or requests would take Latin-1
        if "basic" in offered and "digest" not in offered:
            raise SettingInvalid(field="address", allowed="https://…")
        return HTTPDigestAuth(user, password)

    def refusal(self, answer: Answer, name: str = "") -> StoreError:
        """Return what it means that the server did not do what was asked."""
        status, wait = answer.status, answer.headers.get("Retry-After", "")
        if status == requests.codes.too_many_requests or (status == requests.codes.unavailable and wait):
            return RateLimited(name=name, retry_after=float(wait) if wait.isdecimal() else None)
        known: dict[int, StoreError] = {
            401: CredentialsRefused(name=name, user=self._user),
            403: AccessDenied(name=name),
            404: NotFound(name=name),
            407: NotTheService(name=name),  # a proxy that wants to be asked in another way
            412: AlreadyExists(name=name),
            416: StoreDamaged(name=name),
            507: StoreFull(name=name),
            511: NotTheService(name=name),  # a guest network
        }
        if status in known:
            return known[status]
        if status >= requests.codes.server_error:
            return Offline(name=name)
        if status >= requests.codes.bad_request:  # 423 Locked is one of these: another program is at it, try again
            return StoreFailed(name=name, reason=f"HTTP {status}")
        target, here = urlsplit(answer.headers.get("Location", "")), urlsplit(self.address)
        if target.path and target.hostname in (None, here.hostname) and status != requests.codes.ok:
            return SettingInvalid(field="address", allowed=target._replace(query="", fragment="").geturl())
        return NotTheService(name=name)


class Content:
    """A payload as requests sends it: with its length, piece by piece, and once more if the server asks who it is."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._pieces: Iterator[bytes] = iter(())

    def __len__(self) -> int:
        return self._payload.size

    def __iter__(self) -> Iterator[bytes]:
        self.close()
        self._pieces = self._read()
        return self._pieces

    def tell(self) -> int:
        """Say that it can be sent again; requests looks for this."""
        return 0

    def seek(self, offset: int) -> None:
        """Go back to the beginning, which `__iter__` does."""

    def close(self) -> None:
        """Close the payload's stream, wherever it has come to."""
        getattr(self._pieces, "close", lambda: None)()

    def _read(self) -> Iterator[bytes]:
        # What the stream raises is the payload's own error, or somebody who wants to stop. The host remembers it and
        # raises it again, whatever requests makes of it.
        with self._payload.open() as stream:
            left = self._payload.size
            while left and (piece := stream.read(min(_PIECE, left))):
                left -= len(piece)
                yield piece
            if left or stream.read(1):
                raise StoreDamaged  # it is not as long as it says


class _Nobody(AuthBase):
    """Says nothing. Without it requests would look for a password in ``.netrc``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn the errors of requests into ours, each with its cause."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        ours = any(text in str(error) for text in _OUR_CLOCK)
        raise (ClockWrong(name=name) if ours else NotTheService(name=name)) from error
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidProxyURL) as error:
        raise SettingInvalid(name=name, field="address", allowed="https://HOST[:PORT][/PATH]") from error
    except UnicodeEncodeError as error:  # Digest has no way to say such a name
        raise SettingInvalid(name=name, field="user", allowed="A-Z, a-z, 0-9, …") from error
    except requests.RequestException as error:
        raise Offline(name=name) from error


def _whole(response: requests.Response) -> bytes:
    pieces, size = [], 0
    for piece in response.iter_content(_PIECE):
        size += len(piece)
        if size > _LARGEST:
            raise NotTheService
        pieces.append(piece)
    return b"".join(pieces)


def _is_here(host: str) -> bool:
    """Say whether *host* is this very computer, where nobody listens on the line."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
