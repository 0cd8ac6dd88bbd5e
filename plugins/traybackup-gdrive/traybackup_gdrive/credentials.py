"""Credentials: a valid access token at any moment, renewed by one thread for all of them.

The access token lives in memory only. How long it still lives is measured on a clock that nobody can set.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from traybackup.api import SignInExpired, SignInShortLived, StoreError
from traybackup_gdrive import oauth
from traybackup_gdrive.config import Config
from traybackup_gdrive.record import Record
from traybackup_gdrive.transport import Transport

_EARLY = 120.0
"""Seconds before the end at which a token is renewed, so that it does not end on the way."""

_DAY = 86_400.0
_TESTING = 7 * _DAY
"""Google ends the sign-in to a client that is "in testing" after seven days."""

_NOTICED = 10 * _DAY
"""… which shows at the next run: a shop is closed for a day or two."""


class Credentials:
    """The sign-in of one place. Safe from threads.

    Args:
        now: Seconds since 1970.
        elapsed: Seconds on a clock that nobody can set.
    """

    def __init__(
        self,
        config: Config,
        refresh_token: str,
        record: Record,
        transport: Transport,
        now: Callable[[], float],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._record, self._now, self._elapsed = record, now, elapsed
        self._auth: Any = oauth.kept(config, refresh_token, transport, now, self._over)
        self._lock = threading.Lock()
        self._until = 0.0
        self.renewals = 0

    def token(self) -> str:
        """Return an access token that is good for a while.

        Raises:
            SignInExpired: The sign-in is over.
            Offline, RateLimited, NotTheService: It could not be renewed now.
        """
        with self._lock:
            if self._elapsed() >= self._until:
                self._renew()
            return str(self._auth.credentials.access_token)

    def renewed(self, refused: str) -> str:
        """Return another token than *refused*, which another thread may have renewed already."""
        with self._lock:
            if self._auth.credentials.access_token == refused:
                self._renew()
            return str(self._auth.credentials.access_token)

    def _renew(self) -> None:
        asked = self._elapsed()
        self._auth.Refresh()
        self.renewals += 1
        lifetime = float(self._auth.credentials.token_response.get("expires_in", 0))
        self._until = asked + max(lifetime - _EARLY, 0.0)

    def _over(self) -> StoreError:
        """Return the error that tells why the sign-in is over, as far as its age shows."""
        age = self._now() - self._record.since
        if self._record.since and _TESTING <= age < _NOTICED:
            return SignInShortLived(days=int(age // _DAY))
        return SignInExpired()
