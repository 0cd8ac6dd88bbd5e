"""Client: the vendor's library, over our `Transport`, with one sign-in for all threads.

The library says what to send and reads what comes back. What it would do by itself and must not is taken from it: to
wait and try again (the host does), to believe any answer, to follow ``.netrc``, to hold all content in memory. It is
given a session, *Line*, that sends through the transport and lets through only answers of the service.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any, Self
from urllib.parse import urlsplit

import dropbox  # type: ignore[import-untyped]  # it comes without types
import requests
from dropbox.exceptions import AuthError, DropboxException  # type: ignore[import-untyped]  # it comes without types
from stone.backends.python_rsrc.stone_validators import ValidationError

from traybackup.api import AccessDenied, NotTheService, SettingInvalid, SignInExpired, StoreError, StoreFailed
from traybackup_dropbox import answers
from traybackup_dropbox.answers import Answer
from traybackup_dropbox.body import Body
from traybackup_dropbox.transport import TIMEOUTS, Transport
from traybackup_dropbox.usage import Usage

_EARLY = 300.0
"""Seconds before the end at which a token is renewed, so that it does not end on the way."""

_LARGEST_OBJECT = 1 << 31
_TOKEN = "oauth2/token"  # noqa: S105 - a route
_DOWNLOAD = "files/download"
_BAD_APP = ("invalid_client", "unauthorized_client")
_NOT_ALLOWED = ("access_denied",)


class Streamed(bytes):
    """Content that is sent piece by piece: to the library bytes, and none; `make` gives the body for each attempt."""

    make: Callable[[], bytes | Body]

    def __new__(cls, make: Callable[[], bytes | Body]) -> Self:
        made = super().__new__(cls)
        made.make = make
        return made


class Line(requests.Session):
    """What the library takes for its session.

    Args:
        over: Returns the error to raise when the service says that a code or a refresh token is not good.
    """

    def __init__(self, transport: Transport, usage: Usage, over: Callable[[], StoreError]) -> None:
        super().__init__()
        self._transport, self._usage, self._over = transport, usage, over

    def post(self, url: str | bytes, data: Any = None, json: Any = None, **more: Any) -> requests.Response:
        """Send it and return the answer, if it is one that the library may read."""
        if json is not None or not isinstance(url, str):
            raise NotImplementedError
        route = urlsplit(url).path.removeprefix("/2").strip("/")
        self._usage.count(route)
        answer = self._transport.post(
            url,
            headers=more.get("headers"),
            body=data.make() if isinstance(data, Streamed) else data,
            **({"largest": _LARGEST_OBJECT} if route == _DOWNLOAD else {}),
        )
        if route == _TOKEN:
            self._check_token(answer)
        elif route == _DOWNLOAD:
            answers.check_content(answer)
        else:
            answers.check_result(answer)
        return _response(answer, url)

    def _check_token(self, answer: Answer) -> None:
        if answer.status == HTTPStatus.OK:
            answers.parsed(answer)
            return
        found = answers.transient(answer)
        if found is not None:
            raise found
        error = str(answers.parsed(answer).get("error", ""))
        if error.startswith("invalid_grant"):
            self._transport.check_clock(answer)
            raise self._over()
        if error.startswith(_BAD_APP):
            raise SettingInvalid(field="app_key", allowed="[0-9a-z]…")
        if error.startswith(_NOT_ALLOWED):
            raise AccessDenied
        raise StoreFailed(reason=f"{answer.status} {error.partition(':')[0]}".strip())


def _response(answer: Answer, url: str) -> requests.Response:
    """Return the answer as the library wants it."""
    response = requests.Response()
    response.status_code, response.headers, response.url = answer.status, answer.headers, url
    if answer.headers.get("Content-Type", "").startswith("application/json"):
        response.headers["Content-Type"] = "application/json"  # it compares the whole header
    response.raw = BytesIO(answer.body)
    return response


class Client(dropbox.Dropbox):  # type: ignore[misc]  # it comes without types
    """The library, signed in. Safe from threads: one renews the token for all.

    How long a token still lives is measured on a clock that nobody can set.

    Args:
        elapsed: Seconds on a clock that nobody can set.
    """

    def __init__(
        self, app_key: str, refresh_token: str, line: Line, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(
            oauth2_refresh_token=refresh_token,
            app_key=app_key,
            session=line,
            timeout=TIMEOUTS,
            user_agent="traybackup",
            max_retries_on_error=0,
            max_retries_on_rate_limit=0,
            auto_content_hash=False,
        )
        self._elapsed = elapsed
        self._renewing = threading.Lock()
        self._mine = threading.local()
        self._good_until = 0.0
        self.renewals = 0

    def check_and_refresh_access_token(self) -> None:
        """See to a token that is good for a while; the library calls it before every request.

        Raises:
            SignInExpired: The sign-in is over.
            Offline, RateLimited, NotTheService: It could not be renewed now.
        """
        with self._renewing:
            if self._elapsed() >= self._good_until:
                self._renew()
            self._mine.renewals = self.renewals

    def refresh_access_token(self, *_: object, **__: object) -> None:
        """Renew a token that was refused, unless another thread has done so meanwhile."""
        with self._renewing:
            if self._mine.renewals == self.renewals:
                self._renew()

    def _renew(self) -> None:
        asked = self._elapsed()
        with sense():
            super().refresh_access_token()
            ends = self._oauth2_access_token_expiration.replace(tzinfo=UTC)
        self.renewals += 1
        self._good_until = asked + max((ends - datetime.now(UTC)).total_seconds() - _EARLY, 0.0)


@contextmanager
def sense() -> Iterator[None]:
    """Take an answer that the library cannot read for somebody else's."""
    try:
        yield
    except AuthError as error:  # the new token was refused, too
        raise SignInExpired from error
    except (
        DropboxException,
        ValidationError,
        AssertionError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise NotTheService from error
