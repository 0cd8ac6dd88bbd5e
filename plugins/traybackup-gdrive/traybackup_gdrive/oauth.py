"""OAuth: pydrive2 holds the sign-in; what it sends goes through the `Transport`.

pydrive2's own HTTP client knows no proxy and no time-out, and it takes a failing server for a sign-in that is over. So
it gets one that raises the place's errors itself: only ``invalid_grant`` means that the owner must sign in again.
Source: https://developers.google.com/identity/protocols/oauth2/native-app.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from oauth2client import client, crypt  # type: ignore[import-untyped]  # nobody wrote types for it
from pydrive2.auth import GoogleAuth  # type: ignore[import-untyped]  # nobody wrote types for it

from traybackup.api import (
    AccessDenied,
    NotTheService,
    SettingInvalid,
    SignInAnswer,
    SignInNeeded,
    StoreError,
    StoreFailed,
)
from traybackup_gdrive import answers
from traybackup_gdrive.config import Config
from traybackup_gdrive.provider import SCOPES
from traybackup_gdrive.transport import Transport

_BAD_CLIENT = frozenset(
    {"invalid_client", "unauthorized_client", "deleted_client", "disabled_client", "redirect_uri_mismatch"}
)
_NOT_ALLOWED = frozenset({"access_denied", "admin_policy_enforced", "org_internal"})


class _Status(NamedTuple):
    """What oauth2client looks at in an answer."""

    status: int


class _Http:
    """As much of httplib2's client as oauth2client uses, over the transport."""

    def __init__(self, transport: Transport, now: Callable[[], float], expired: Callable[[], StoreError]) -> None:
        self._transport, self._now, self._expired = transport, now, expired

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        **_httplib2: object,
    ) -> tuple[_Status, bytes]:
        answer = self._transport.send(method, uri, headers=headers, body=(body or "").encode())
        if answer.status != HTTPStatus.OK:
            raise self._refusal(answer)
        if "access_token" not in answers.parsed(answer):
            raise NotTheService
        return _Status(answer.status), answer.body

    def _refusal(self, answer: answers.Answer) -> StoreError:
        found = answers.transient(answer)
        if found is not None:
            return found
        error = answers.parsed(answer).get("error")
        if error == "invalid_grant":
            answers.check_clock(answer, self._now(), refused=True)
            return self._expired()
        if error in _BAD_CLIENT:
            return SettingInvalid(field="client_id", allowed="….apps.googleusercontent.com")
        if error in _NOT_ALLOWED:
            return AccessDenied()
        return StoreFailed(reason=f"{answer.status} {error}")


def _auth(
    config: Config, transport: Transport, now: Callable[[], float], expired: Callable[[], StoreError]
) -> GoogleAuth:
    """Return pydrive2's session, which sends through *transport*."""
    auth = GoogleAuth(
        settings={
            "client_config_backend": "settings",
            "client_config": {
                "client_id": config.client.id,
                "client_secret": config.client.secret,
                "auth_uri": config.addresses.sign_in,
                "token_uri": config.addresses.token,
                "revoke_uri": config.addresses.revoke,
                "redirect_uri": "",
            },
            "oauth_scope": list(SCOPES),
            "save_credentials": False,
        }
    )
    auth.http = _Http(transport, now, expired)
    return auth


def kept(
    config: Config,
    refresh_token: str,
    transport: Transport,
    now: Callable[[], float],
    expired: Callable[[], StoreError],
) -> GoogleAuth:
    """Return the session of a sign-in whose refresh token was kept. Its `Refresh` raises the place's errors.

    Args:
        expired: Returns the error to raise when the sign-in is over.
    """
    auth = _auth(config, transport, now, expired)
    auth.credentials = client.OAuth2Credentials(
        None, config.client.id, config.client.secret, refresh_token, None, config.addresses.token, None
    )
    return auth


def traded(config: Config, answer: SignInAnswer, transport: Transport, now: Callable[[], float]) -> GoogleAuth:
    """Trade the code of a sign-in for tokens and return the session.

    Raises:
        SignInNeeded: The code is not good, or not any more.
    """
    auth = _auth(config, transport, now, SignInNeeded)
    auth.flow = client.OAuth2WebServerFlow(
        config.client.id,
        client_secret=config.client.secret,
        scope=" ".join(SCOPES),
        redirect_uri=answer.redirect_uri,
        auth_uri=config.addresses.sign_in,
        token_uri=config.addresses.token,
        revoke_uri=config.addresses.revoke,
        pkce=True,
        code_verifier=answer.verifier,
    )
    try:
        auth.credentials = auth.flow.step2_exchange(answer.code, http=auth.http)
    except (client.Error, crypt.AppIdentityError, ValueError, KeyError, TypeError) as error:
        raise NotTheService from error
    return auth


def revoke(config: Config, token: str, transport: Transport) -> None:
    """Give a sign-in back; fine if it is over already."""
    answer = transport.send(
        "POST",
        config.addresses.revoke,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=f"token={token}".encode(),
    )
    if answer.status == HTTPStatus.OK:
        answers.acknowledged(answer)
        return
    found = answers.transient(answer)
    if found is not None:
        raise found
    error = answers.parsed(answer).get("error")
    if error not in ("invalid_token", "invalid_grant"):
        raise StoreFailed(reason=f"{answer.status} {error}")
