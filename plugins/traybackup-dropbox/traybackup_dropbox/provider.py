"""Dropbox: the provider. It says what it needs to know, signs in and out, and opens places.

Source: https://developers.dropbox.com/oauth-guide.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlencode

from traybackup.api import Account, Field, Provider, Redirects, SignInAnswer, SignInRequest, Store, Vault
from traybackup_dropbox import config
from traybackup_dropbox.words import TRANSLATIONS

SCOPES = ("account_info.read", "files.metadata.read", "files.content.read", "files.content.write")
"""What is needed to keep files in the app's own folder, and to say whose account it is."""

PORTS = (53_781, 53_782, 53_783)
"""Registered with the app: Dropbox accepts no other."""


class Dropbox(Provider):
    """A folder in the app's own folder of the owner's Dropbox.

    Args:
        now: Returns the seconds since 1970.
        pause: Sleeps some seconds.
    """

    id: ClassVar[str] = "dropbox"
    label: ClassVar[str] = "Dropbox"
    fields: ClassVar[Sequence[Field]] = (
        Field("folder", "Folder in Dropbox", default=config.FOLDER, help="It is made if it is not there."),
        Field(
            "account",
            "Dropbox account",
            help="The e-mail address, if it must be a certain one.",
            advanced=True,
        ),
        Field(
            "app_key",
            "Own app key",
            help="Of an app of your own, with access to an app folder. Do not change it later: "
            "backups made with one cannot be seen with another.",
            advanced=True,
        ),
        Field(
            "endpoint",
            "Other server",
            help="Scheme and host that replace Dropbox's in every address, such as https://proxy.example.",
            advanced=True,
        ),
    )
    redirects: ClassVar[Redirects | None] = Redirects(host="localhost", ports=PORTS, path="/", paste=True)
    translations: ClassVar[Mapping[str, Mapping[str, str]]] = TRANSLATIONS

    def __init__(self, now: Callable[[], float] = time.time, pause: Callable[[float], object] = time.sleep) -> None:
        self._now, self._pause = now, pause

    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:
        from traybackup_dropbox.opening import open_store  # noqa: PLC0415 - brings the libraries

        return open_store(config.read(settings), vault, self._now, self._pause)

    def sign_in_url(self, settings: Mapping[str, str], request: SignInRequest) -> str:
        chosen = config.read(settings)
        asked = {
            "client_id": chosen.app_key,
            "response_type": "code",
            "token_access_type": "offline",
            "scope": " ".join(SCOPES),
            "code_challenge": request.challenge,
            "code_challenge_method": "S256",
            "force_reapprove": "true",  # the owner sees with which account, and may take another
        }
        if request.redirect_uri:  # without one, Dropbox shows a code to be pasted
            asked |= {"redirect_uri": request.redirect_uri, "state": request.state}
        return f"{chosen.addresses.sign_in}?{urlencode(asked)}"

    def sign_in(self, settings: Mapping[str, str], answer: SignInAnswer, vault: Vault) -> Account:
        from traybackup_dropbox.signin import sign_in  # noqa: PLC0415 - brings the libraries

        return sign_in(config.read(settings), answer, vault, self._now)

    def sign_out(self, settings: Mapping[str, str], vault: Vault) -> None:
        from traybackup_dropbox.signin import sign_out  # noqa: PLC0415 - brings the libraries

        sign_out(config.read(settings), vault, self._now)
