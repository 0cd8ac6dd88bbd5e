"""Signing in and out: the answer of the browser becomes a refresh token in the vault, and back.

Nothing is kept before everything is right: the scope that was granted, the account, the length of the token.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from traybackup.api import (
    MAX_SECRET,
    Account,
    ScopeMissing,
    SignInAnswer,
    SignInNeeded,
    StoreFailed,
    Vault,
    WrongAccount,
)
from traybackup_gdrive import oauth
from traybackup_gdrive.config import Config
from traybackup_gdrive.provider import SCOPES
from traybackup_gdrive.record import REFRESH_TOKEN, Record
from traybackup_gdrive.transport import Transport


def sign_in(config: Config, answer: SignInAnswer, vault: Vault, now: Callable[[], float]) -> Account:
    """Trade the answer for a refresh token, keep it, and say whose account it is.

    Raises:
        ScopeMissing: The owner did not tick that files may be stored.
        WrongAccount: The place belongs to somebody else's account.
        SignInNeeded: The code is not good.
    """
    before = Record.load(vault)
    with _transport(now) as transport:
        credentials = oauth.traded(config, answer, transport, now).credentials
    response: dict[str, Any] = credentials.token_response
    if SCOPES[0] not in str(response.get("scope") or answer.scope).split():
        raise ScopeMissing
    account = _account(credentials.id_token or {})
    _check_account(config, before, account)
    token = str(credentials.refresh_token or "")
    if not token:
        raise SignInNeeded
    if len(token) > MAX_SECRET:
        raise StoreFailed(reason=f"token: {len(token)} > {MAX_SECRET}")
    vault.set(REFRESH_TOKEN, token)
    replace(before, account=account.id, email=account.name, client=config.client.id, since=now()).save(vault)
    return account


def _account(id_token: dict[str, Any]) -> Account:
    """Return whose token it is. It came straight from Google over TLS, so its signature proves nothing more."""
    return Account(name=str(id_token.get("email", "")), id=str(id_token.get("sub", "")))


def _check_account(config: Config, before: Record, account: Account) -> None:
    """Raise if the place is another account's. What was granted stays: another place of that account may use it."""
    if config.account and config.account.casefold() != account.name.casefold():
        raise WrongAccount(account=account.name, expected=config.account)
    if before.account and account.id and before.account != account.id:
        raise WrongAccount(account=account.name, expected=before.email)


def sign_out(config: Config, vault: Vault, now: Callable[[], float]) -> None:
    """Give the sign-in back to Google. The host empties the vault afterwards, also if this fails."""
    token = vault.get(REFRESH_TOKEN)
    if token:
        with _transport(now) as transport:
            oauth.revoke(config, token, transport)


@contextmanager
def _transport(now: Callable[[], float]) -> Iterator[Transport]:
    transport = Transport(now)
    try:
        yield transport
    finally:
        transport.close()
