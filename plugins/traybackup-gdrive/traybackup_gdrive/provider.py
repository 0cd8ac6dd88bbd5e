"""GoogleDrive: the provider. It says what it needs to know, signs in and out, and opens places.

Source: https://developers.google.com/identity/protocols/oauth2/native-app.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlencode

from traybackup.api import Account, Field, FieldKind, Provider, Redirects, SignInAnswer, SignInRequest, Store, Vault
from traybackup_gdrive import config
from traybackup_gdrive.words import TRANSLATIONS

SCOPES = ("https://www.googleapis.com/auth/drive.file", "openid", "email")
"""Only what this program made itself may be seen, and whose account it is. Anything wider needs Google's audit."""


class GoogleDrive(Provider):
    """A folder in the owner's Google Drive.

    Args:
        now: Returns the seconds since 1970.
        pause: Sleeps some seconds.
    """

    id: ClassVar[str] = "gdrive"
    label: ClassVar[str] = "Google Drive"
    fields: ClassVar[Sequence[Field]] = (
        Field("folder", "Folder in Google Drive", default=config.FOLDER, help="It is made if it is not there."),
        Field(
            "account",
            "Google account",
            help="The e-mail address, if it must be a certain one.",
            advanced=True,
        ),
        Field(
            "client_id",
            "Own client id",
            help="Of a desktop app in your own Google Cloud project. Do not change it later: "
            "backups made with one cannot be seen with another.",
            advanced=True,
        ),
        Field("client_secret", "Secret of the own client", kind=FieldKind.SECRET, advanced=True),
        Field(
            "endpoint",
            "Other server",
            help="Scheme and host that replace Google's in every address, such as https://proxy.example.",
            advanced=True,
        ),
    )
    redirects: ClassVar[Redirects | None] = Redirects(path="/")  # any port, but no other path is documented
    translations: ClassVar[Mapping[str, Mapping[str, str]]] = TRANSLATIONS

    def __init__(self, now: Callable[[], float] = time.time, pause: Callable[[float], object] = time.sleep) -> None:
        self._now, self._pause = now, pause

    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:
        from traybackup_gdrive.opening import open_store  # noqa: PLC0415 - brings the libraries

        return open_store(config.read(settings, vault), vault, self._now, self._pause)

    def sign_in_url(self, settings: Mapping[str, str], request: SignInRequest) -> str:
        chosen = config.read(settings)
        asked = {
            "client_id": chosen.client.id,
            "redirect_uri": request.redirect_uri,
            "response_type": "code",
            "scope": " ".join(SCOPES),
            "state": request.state,
            "code_challenge": request.challenge,
            "code_challenge_method": "S256",
            "access_type": "offline",
            "prompt": "select_account consent",  # a box that was left un-ticked is offered again
        }
        if chosen.account:
            asked["login_hint"] = chosen.account
        return f"{chosen.addresses.sign_in}?{urlencode(asked)}"

    def sign_in(self, settings: Mapping[str, str], answer: SignInAnswer, vault: Vault) -> Account:
        from traybackup_gdrive.signin import sign_in  # noqa: PLC0415 - brings the libraries

        return sign_in(config.read(settings, vault), answer, vault, self._now)

    def sign_out(self, settings: Mapping[str, str], vault: Vault) -> None:
        from traybackup_gdrive.signin import sign_out  # noqa: PLC0415 - brings the libraries

        sign_out(config.read(settings, vault), vault, self._now)
