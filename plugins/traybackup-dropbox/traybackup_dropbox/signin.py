"""Signing in and out: the answer of the browser becomes a refresh token in the vault, and back.

Nothing is kept before everything is right: the scopes that were granted, the account, the length of the token.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import dropbox  # type: ignore[import-untyped]  # it comes without types

from traybackup.api import (
    MAX_SECRET,
    Account,
    NotTheService,
    ScopeMissing,
    SignInAnswer,
    SignInExpired,
    SignInNeeded,
    StoreError,
    StoreFailed,
    Vault,
    WrongAccount,
)
from traybackup_dropbox import answers
from traybackup_dropbox.client import Client, Line, sense
from traybackup_dropbox.config import Config
from traybackup_dropbox.provider import SCOPES
from traybackup_dropbox.record import REFRESH_TOKEN, Record
from traybackup_dropbox.service import Service
from traybackup_dropbox.transport import Transport
from traybackup_dropbox.usage import Usage

_STATE = "state"
_CHECKED = "the host has compared it already"  # more than 20 characters, or the library finds it too short


def sign_in(config: Config, answer: SignInAnswer, vault: Vault, now: Callable[[], float]) -> Account:
    """Trade the answer for a refresh token, keep it, and say whose account it is.

    Raises:
        ScopeMissing: The owner, or the app's registration, did not grant that files may be stored.
        WrongAccount: The place belongs to somebody else's account.
        SignInNeeded: The code is not good.
    """
    before = Record.load(vault)
    with _line(config, now, SignInNeeded) as line:
        result = _traded(config, answer, line)
        if not set(SCOPES) <= set((result.scope or answer.scope).split()):
            raise ScopeMissing
        signed_in = dropbox.Dropbox(
            oauth2_access_token=result.access_token, session=line, max_retries_on_error=0, max_retries_on_rate_limit=0
        )
        account = Service(signed_in).account()
    if account.id != result.account_id:
        raise NotTheService
    _check_account(config, before, account)
    token = str(result.refresh_token or "")
    if not token:
        raise SignInNeeded
    if len(token) > MAX_SECRET:
        raise StoreFailed(reason=f"token: {len(token)} > {MAX_SECRET}")
    vault.set(REFRESH_TOKEN, token)
    replace(before, account=account.id, email=account.name, app=config.app_key).save(vault)
    return account


def _traded(config: Config, answer: SignInAnswer, line: Line) -> Any:
    """Return the tokens for a code, as the library reads them."""
    words = {"use_pkce": True, "token_access_type": "offline", "scope": list(SCOPES)}
    with sense():
        if answer.redirect_uri:
            flow = dropbox.DropboxOAuth2Flow(config.app_key, answer.redirect_uri, {_STATE: _CHECKED}, _STATE, **words)
            brought: Any = {"state": _CHECKED, "code": answer.code}
        else:
            flow = dropbox.DropboxOAuth2FlowNoRedirect(config.app_key, **words)
            brought = answer.code
        flow.code_verifier, flow.requests_session = answer.verifier, line
        return flow.finish(brought)


def _check_account(config: Config, before: Record, account: Account) -> None:
    """Raise if the place is another account's. What was granted stays: another place of that account may use it."""
    if config.account and config.account.casefold() != account.name.casefold():
        raise WrongAccount(account=account.name, expected=config.account)
    if before.account and before.account != account.id:
        raise WrongAccount(account=account.name, expected=before.email)


def sign_out(config: Config, vault: Vault, now: Callable[[], float]) -> None:
    """Give the sign-in back to Dropbox. The host empties the vault afterwards, also if this fails."""
    token = vault.get(REFRESH_TOKEN)
    if token:
        with _line(config, now, SignInExpired) as line, suppress(SignInExpired):
            Service(Client(config.app_key, token, line)).revoke()


@contextmanager
def _line(config: Config, now: Callable[[], float], over: Callable[[], StoreError]) -> Iterator[Line]:
    transport = Transport(config.addresses, now)
    try:
        with answers.translate():
            yield Line(transport, Usage(), over)
    finally:
        transport.close()
