"""Graph: what opendal leaves to us of Microsoft's sign-in: fresh tokens, and whose account it is."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from traybackup.api import (
    Account,
    Capabilities,
    NotTheService,
    Offline,
    RateLimited,
    SettingInvalid,
    SignInExpired,
    Store,
    StoreError,
    StoreFailed,
    Vault,
)
from traybackup_more.settings import Target
from traybackup_more.store import OpendalStore
from traybackup_more.tokens import SCOPES, keep, load

_ANSWER = 60.0
_LONGEST = 1 << 20
_LASTS = 45 * 60.0
"""Seconds that an access token is used; it is good for an hour or more."""
_EXPIRED = ("invalid_grant", "interaction_required", "consent_required", "login_required")
_SETTINGS = ("invalid_client", "unauthorized_client", "invalid_request")
_SERVER, _BUSY = 500, 429


def open_store(address: str, client: str, folder: str, vault: Vault) -> Store:
    """Open a folder with a fresh token, which is had again while the place is open."""
    lock = threading.Lock()

    def target() -> Target:
        with lock:
            known = {"client_id": client, "grant_type": "refresh_token", "scope": " ".join(SCOPES)}
            found = ask(address, known | {"refresh_token": load(vault)})
            if found.get("refresh_token"):
                keep(vault, str(found["refresh_token"]))
        options = {"root": f"/{folder}", "access_token": str(found["access_token"])}
        return Target("onedrive", options, largest_object=250 << 20, folders=True)

    return OpendalStore(target, Capabilities(parallel=2), lasts=_LASTS)


def ask(address: str, form: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer of the token address.

    Raises:
        SignInExpired: The sign-in is no longer good.
        SettingInvalid: The client is not known there.
    """
    found = _fetch(urllib.request.Request(address, urlencode(form).encode(), method="POST"))  # noqa: S310 - checked
    if "access_token" not in found:
        raise NotTheService
    return found


def who(address: str, token: str) -> Account:
    """Return whose account it is."""
    headers = {"Authorization": f"Bearer {token}"}
    found = _fetch(urllib.request.Request(address, headers=headers))  # noqa: S310 - checked
    return Account(str(found.get("userPrincipalName") or found.get("displayName") or ""), str(found.get("id", "")))


def _fetch(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER) as answer:  # noqa: S310 - https, or this computer
            found = _parsed(answer.read(_LONGEST))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error.code, _parsed(error.read(_LONGEST))) from error
    except OSError as error:
        raise Offline from error
    if found is None:
        raise NotTheService
    return found


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refusal(status: int, found: dict[str, Any] | None) -> StoreError:
    word = str((found or {}).get("error", ""))
    if status == _BUSY:
        return RateLimited()
    if status >= _SERVER:
        return Offline()
    if found is None:
        return NotTheService()
    if word in _EXPIRED:
        return SignInExpired()
    return SettingInvalid(field="client_id", allowed="…") if word in _SETTINGS else StoreFailed(reason=str(status))
