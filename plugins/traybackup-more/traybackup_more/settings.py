"""Settings: what the services' settings have in common, and *Target*, what comes of them."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from traybackup.api import SettingInvalid, Vault

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Target:
    """What opendal is to open.

    Attributes:
        scheme: opendal's name of the service.
        options: opendal's options, secrets among them.
        etag_is_md5: Whether the service's ETag is usually the MD5 of the content.
        checksum: The kind of checksum that the service computes; None: none that can be compared.
        parallel: How many calls it takes at once.
        largest_object: What one request can carry, bytes.
        user: Who it is that logs in, for errors.
        folders: Whether it has real folders, which may be missing.
    """

    scheme: str
    options: Mapping[str, str] = field(repr=False)
    etag_is_md5: bool = False
    checksum: str | None = None
    parallel: int = 4
    largest_object: int = 5 << 30
    user: str = ""
    folders: bool = False


def wanted(settings: Mapping[str, str], key: str) -> str:
    """Return a setting that must be there.

    Raises:
        SettingInvalid: It is not, or cannot be.
    """
    found = settings.get(key, "").strip()
    if not found:
        raise SettingInvalid(field=key, why="missing")
    if _CONTROLS.search(found):
        raise SettingInvalid(field=key, allowed="…")
    return found


def secret(vault: Vault, key: str) -> str:
    """Return a secret that must be there.

    Raises:
        SettingInvalid: It is not.
    """
    found = (vault.get(key) or "").strip()
    if not found:
        raise SettingInvalid(field=key, why="missing-secret")
    return found


def split(settings: Mapping[str, str], key: str) -> tuple[str, str]:
    """Return bucket (or container) and folder of a location ``BUCKET[/FOLDER]``.

    Raises:
        SettingInvalid: There is no bucket, or the folder climbs.
    """
    bucket, _, folder = wanted(settings, key).strip("/").partition("/")
    folder = checked_folder(folder, key)
    if not re.fullmatch(r"[A-Za-z0-9$][A-Za-z0-9._-]{1,254}", bucket):
        raise SettingInvalid(field=key, allowed="BUCKET, BUCKET/FOLDER")
    return bucket, folder


def checked_folder(folder: str, key: str) -> str:
    """Return *folder* without slashes at its ends.

    Raises:
        SettingInvalid: No service could have it.
    """
    folder = folder.strip("/")
    parts = folder.split("/") if folder else []
    if _CONTROLS.search(folder) or any(part in ("", ".", "..") for part in parts):
        raise SettingInvalid(field=key, allowed="NAME/NAME")
    return folder


def endpoint(settings: Mapping[str, str], *, plain: bool) -> str:
    """Return the endpoint without a slash at its end; empty if none is set.

    Args:
        plain: Whether HTTP without TLS will do: where requests are signed, and what is sent is sealed.

    Raises:
        SettingInvalid: It is no ``SCHEME://HOST[:PORT]``, or has no TLS and needs it.
    """
    text = settings.get("endpoint", "").strip().rstrip("/")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _no_endpoint() from error
    whole = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    safe = parts.scheme == "https" or (parts.scheme == "http" and (plain or _here(parts.hostname or "")))
    if not (whole and safe and parts.hostname) or (port is not None and not 0 < port <= _HIGHEST_PORT):
        raise _no_endpoint()
    return text


def _no_endpoint() -> SettingInvalid:
    return SettingInvalid(field="endpoint", allowed="https://HOST[:PORT]")


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
