"""Transport: one HTTP session for everything that goes to Dropbox.

Time-outs on every call, no redirects, no cookies, no retries, no ``.netrc``; the computer's proxy and certificates are
used.
"""

from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter

from traybackup.api import NotTheService
from traybackup_dropbox import answers
from traybackup_dropbox.addresses import Addresses
from traybackup_dropbox.answers import Answer
from traybackup_dropbox.body import Body

TIMEOUTS = (10.0, 60.0)
"""Seconds to connect, and between two pieces of what is read."""

_LARGEST_JSON = 16 << 20
_PIECE = 1 << 20
_CONNECTIONS = 8


class Transport:
    """A session. Safe from several threads.

    Args:
        now: Seconds since 1970, to see whether this computer's clock is right.
    """

    def __init__(self, addresses: Addresses, now: Callable[[], float]) -> None:
        self._addresses, self._now = addresses, now
        self._clock_seen = False
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["Accept-Encoding"] = "identity"
        adapter = HTTPAdapter(pool_connections=_CONNECTIONS, pool_maxsize=_CONNECTIONS, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | Body | Mapping[str, str] | None = None,
        largest: int = _LARGEST_JSON,
    ) -> Answer:
        """Send a request and return the whole answer, whatever its status.

        Args:
            url: As the vendor names it; the endpoint takes its place.
            largest: Bytes; a longer answer is not the service's.

        Raises:
            Offline: No connection, a time-out, or it broke.
            NotTheService: Something else answered, as far as that shows here.
            ClockWrong: This computer's clock is wrong by half a day or more.
        """
        with answers.translate():
            response = self._session.request(
                "POST",
                self._addresses.of(url),
                headers=headers,
                data=body,
                auth=_AsItIs(),
                timeout=TIMEOUTS,
                allow_redirects=False,
                stream=True,
            )
            with response:
                answer = Answer(response.status_code, response.headers, _whole(response, largest))
        self._see_clock(answer)
        return answer

    def check_clock(self, answer: Answer) -> None:
        """Raise `ClockWrong` if the clock may be the reason why the service refused."""
        answers.check_clock(answer, self._now(), refused=True)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _see_clock(self, answer: Answer) -> None:
        """Compare the clock with the first answer that is surely the service's."""
        if self._clock_seen or not answer.headers.get("Content-Type", "").startswith("application/json"):
            return
        answers.check_clock(answer, self._now())
        self._clock_seen = True


class _AsItIs(requests.auth.AuthBase):
    """Leaves the token that is there, and keeps requests from looking for a password in ``.netrc``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
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
    if announced.isdecimal() and int(announced) != size:
        raise requests.exceptions.ChunkedEncodingError(announced)
    return b"".join(pieces)
