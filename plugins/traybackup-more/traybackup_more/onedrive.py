"""OneDrive: a folder in the owner's OneDrive, with a sign-in in the browser. Not tested on the service itself.

Microsoft wants every program registered; who uses this registers one himself and gives its client id. A refresh token
is good for 90 days and replaced at every opening. It may be longer than a keyring takes, so it is kept in parts.
``endpoint`` replaces scheme and host of the addresses for signing in and out; opendal knows Graph's own address only.
Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlencode

from traybackup.api import (
    Account,
    Field,
    Provider,
    Redirects,
    ScopeMissing,
    SignInAnswer,
    SignInNeeded,
    SignInRequest,
    Store,
    Vault,
)
from traybackup_more import tokens
from traybackup_more.settings import checked_folder, endpoint, wanted
from traybackup_more.words import TRANSLATIONS

_LOGIN, _GRAPH = "https://login.microsoftonline.com", "https://graph.microsoft.com"


class OneDrive(Provider):
    """A folder in OneDrive (not tested here)."""

    id: ClassVar[str] = "onedrive"
    label: ClassVar[str] = "OneDrive (not tested here)"
    fields: ClassVar[Sequence[Field]] = (
        Field("folder", "Folder in OneDrive", default="TrayBackup", help="It is made if it is not there."),
        Field(
            "client_id",
            "Client id",
            required=True,
            help="Of an app that you registered with Microsoft, as a public client with the redirect http://localhost.",
        ),
        Field("tenant", "Directory", default="common", help="For accounts of one organisation only.", advanced=True),
        Field("endpoint", "Other server", help="Scheme and host for signing in.", advanced=True),
    )
    redirects: ClassVar[Redirects | None] = Redirects(host="localhost", path="/")
    translations: ClassVar[Mapping[str, Mapping[str, str]]] = TRANSLATIONS

    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:
        folder = checked_folder(settings.get("folder", "") or "TrayBackup", "folder")
        client = wanted(settings, "client_id")
        if not tokens.load(vault):
            raise SignInNeeded
        from traybackup_more.graph import open_store  # noqa: PLC0415 - brings the library

        return open_store(token_address(settings), client, folder, vault)

    def sign_in_url(self, settings: Mapping[str, str], request: SignInRequest) -> str:
        asked = {
            "client_id": wanted(settings, "client_id"),
            "response_type": "code",
            "redirect_uri": request.redirect_uri,
            "response_mode": "query",
            "scope": " ".join(tokens.SCOPES),
            "state": request.state,
            "code_challenge": request.challenge,
            "code_challenge_method": "S256",
            "prompt": "select_account",
        }
        return f"{_base(settings)}/authorize?{urlencode(asked)}"

    def sign_in(self, settings: Mapping[str, str], answer: SignInAnswer, vault: Vault) -> Account:
        from traybackup_more.graph import ask, who  # noqa: PLC0415 - brings HTTP

        found = ask(
            token_address(settings),
            {
                "client_id": wanted(settings, "client_id"),
                "grant_type": "authorization_code",
                "code": answer.code,
                "redirect_uri": answer.redirect_uri,
                "code_verifier": answer.verifier,
                "scope": " ".join(tokens.SCOPES),
            },
        )
        granted = str(found.get("scope", "")).split()
        if not any(one.rpartition("/")[2] == tokens.SCOPES[0] for one in granted) or not found.get("refresh_token"):
            raise ScopeMissing
        account = who(f"{endpoint(settings, plain=False) or _GRAPH}/v1.0/me", str(found["access_token"]))
        tokens.keep(vault, str(found["refresh_token"]))
        return account

    def sign_out(self, settings: Mapping[str, str], vault: Vault) -> None:
        """Forget the sign-in; Microsoft offers programs no way to revoke it."""
        del settings
        tokens.forget(vault)


def token_address(settings: Mapping[str, str]) -> str:
    """Return where tokens are had."""
    return f"{_base(settings)}/token"


def _base(settings: Mapping[str, str]) -> str:
    tenant = settings.get("tenant", "") or "common"
    return f"{endpoint(settings, plain=False) or _LOGIN}/{tenant}/oauth2/v2.0"
