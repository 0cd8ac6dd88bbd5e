"""Addresses: where Google answers, or, with an *endpoint*, the one server that stands in for all of it.

Source: https://developers.google.com/identity/protocols/oauth2/native-app and
https://developers.google.com/workspace/drive/api/guides/manage-uploads.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from traybackup.api import NotTheService, SettingInvalid


@dataclass(frozen=True, slots=True)
class Addresses:
    """Every address that is ever called. *endpoint* replaces scheme and host of each; empty: Google itself."""

    endpoint: str = ""

    @property
    def sign_in(self) -> str:
        """The page that asks the owner."""
        return self._at("https://accounts.google.com", "/o/oauth2/v2/auth")

    @property
    def token(self) -> str:
        """Where codes and refresh tokens are traded for access tokens."""
        return self._at("https://oauth2.googleapis.com", "/token")

    @property
    def revoke(self) -> str:
        """Where a sign-in is given back."""
        return self._at("https://oauth2.googleapis.com", "/revoke")

    @property
    def drive(self) -> str:
        """The API, without content."""
        return self._at("https://www.googleapis.com", "/drive/v3")

    @property
    def upload(self) -> str:
        """The API, for content that is sent."""
        return self._at("https://www.googleapis.com", "/upload/drive/v3")

    def session(self, location: str) -> str:
        """Return the address of an upload session that the service named.

        Raises:
            NotTheService: It leads away from Google; neither token nor data go there.
        """
        parts = urlsplit(location)
        host = parts.hostname or ""
        if self.endpoint:
            wanted = urlsplit(self.endpoint)
            return urlunsplit((wanted.scheme, wanted.netloc, parts.path, parts.query, ""))
        if parts.scheme != "https" or not host.endswith(".googleapis.com"):
            raise NotTheService
        return location

    def _at(self, origin: str, path: str) -> str:
        return (self.endpoint or origin) + path


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
