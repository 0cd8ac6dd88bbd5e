"""Transport: one HTTP session for everything that goes to Google.

Time-outs on every call, no redirects, no cookies, no retries, no ``.netrc``; the computer's proxy and certificates are
used. requests carries it, because httplib2 sends a request again by itself when a connection breaks, ignores proxies
without telling, and waits for ever.
"""

from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Protocol

import requests
from requests.adapters import HTTPAdapter

from traybackup.api import NotTheService
from traybackup_gdrive import answers
from traybackup_gdrive.answers import Answer

TIMEOUTS = (10.0, 60.0)
"""Seconds to connect, and between two pieces of what is read."""

_LARGEST_JSON = 16 << 20
_PIECE = 1 << 20
_CONNECTIONS = 8


class Content(Protocol):
    """A body that knows its length and is sent piece by piece."""

    def __iter__(self) -> "Content": ...
    def __next__(self) -> bytes: ...
    def __len__(self) -> int: ...


class Transport:
    """A session. Safe from several threads.

    Args:
        now: Seconds since 1970, to see whether this computer's clock is right.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._clock_seen = False
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = "traybackup-gdrive"
        self._session.headers["Accept-Encoding"] = "identity"
        adapter = HTTPAdapter(pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Content | None = None,
        token: str = "",
        largest: int = _LARGEST_JSON,
        timeouts: tuple[float, float] = TIMEOUTS,
    ) -> Answer:
        """Send a request and return the whole answer, whatever its status.

        Args:
            token: The access token to send along; empty: none.
            largest: Bytes; a longer answer is not the service's.

        Raises:
            Offline: No connection, a time-out, or it broke.
            NotTheService: Something else answered, as far as that shows here.
            ClockWrong: This computer's clock is wrong by half a day or more.
        """
        with answers.translate():
            response = self._session.request(
                method,
                url,
                params=params,
                headers=headers,
                data=body,
                auth=_Bearer(token),
                timeout=timeouts,
                allow_redirects=False,
                stream=True,
            )
            with response:
                answer = Answer(response.status_code, response.headers, _whole(response, largest))
        self._see_clock(answer)
        return answer

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _see_clock(self, answer: Answer) -> None:
        """Compare the clock with the first answer that is surely the service's."""
        if self._clock_seen or not answer.headers.get("Content-Type", "").startswith("application/json"):
            return
        answers.check_clock(answer, self._now())
        self._clock_seen = True


class _Bearer(requests.auth.AuthBase):
    """Sends the token. Even without one it keeps requests from looking for a password in ``.netrc``."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _whole(response: requests.Response, largest: int) -> bytes:
    """Return the body.

    Raises:
        NotTheService: It is longer than *largest*.
        requests.RequestException: It ended early.
    """
    pieces, size = [], 0
    for piece in response.iter_content(_PIECE):
        size += len(piece)
        if size > largest:
            raise NotTheService
        pieces.append(piece)
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) != size and response.request.method != "HEAD":
        raise requests.exceptions.ChunkedEncodingError(announced)
    return b"".join(pieces)
