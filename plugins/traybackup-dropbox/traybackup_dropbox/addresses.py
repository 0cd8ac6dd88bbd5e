"""Addresses: where Dropbox answers, or, with an *endpoint*, the one server that stands in for all of it.

Source: https://www.dropbox.com/developers/documentation/http/documentation and
https://developers.dropbox.com/oauth-guide.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from traybackup.api import NotTheService, SettingInvalid

_HOSTS = frozenset({"api.dropboxapi.com", "content.dropboxapi.com"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """Every address that is ever called. *endpoint* replaces scheme and host of each; empty: Dropbox itself."""

    endpoint: str = ""

    @property
    def sign_in(self) -> str:
        """The page that asks the owner."""
        return (self.endpoint or "https://www.dropbox.com") + "/oauth2/authorize"

    def of(self, url: str) -> str:
        """Return the address to call for one that the vendor's library calls.

        Raises:
            NotTheService: It leads away from Dropbox; neither token nor data go there.
        """
        parts = urlsplit(url)
        if self.endpoint:
            wanted = urlsplit(self.endpoint)
            return urlunsplit((wanted.scheme, wanted.netloc, parts.path, parts.query, ""))
        if parts.scheme != "https" or parts.netloc not in _HOSTS:
            raise NotTheService
        return url


def checked_endpoint(text: str) -> str:
    """Return *text* as scheme and host only.

    Raises:
        SettingInvalid: It is something else, or would send tokens in clear to another computer.
    """
    text = text.strip()
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        right = bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if (
        not right
        or parts.path.rstrip("/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or "")))
    ):
        raise SettingInvalid(field="endpoint", allowed="https://HOST[:PORT]")
    return f"{parts.scheme}://{parts.netloc}"


def _is_here(host: str) -> bool:
    """Say whether *host* is this very computer, where nobody listens on the line."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
