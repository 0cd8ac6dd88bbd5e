"""The owner of a shop, with a vault and as much of a browser as a sign-in needs."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import requests
from drive_server import DriveServer
from traybackup_gdrive.provider import GoogleDrive
from traybackup_gdrive.store import GoogleDriveStore

from traybackup.api import Account, SignInAnswer, SignInRequest
from traybackup.testing import MemoryVault

VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"


def visit(address: str) -> dict[str, str]:
    """Open the page that asks the owner, and return what comes back to the loopback address."""
    response = requests.get(address, allow_redirects=False, timeout=10)
    assert response.status_code == requests.codes.found, response.text
    back = urlsplit(response.headers["Location"])
    assert (back.scheme, back.hostname) == ("http", "127.0.0.1")
    return dict(parse_qsl(back.query))


@dataclass
class Owner:
    """Somebody with a PC, a vault and a browser.

    Attributes:
        settings: Of his destination.
    """

    server: DriveServer
    settings: dict[str, str]
    vault: MemoryVault
    provider: GoogleDrive

    def sign_in(self) -> Account:
        """Go through the browser as the host leads it."""
        answer = self.answer()
        return self.provider.sign_in(self.settings, answer, self.vault)

    def answer(self) -> SignInAnswer:
        """Return what the browser brings back, as the host hands it on."""
        request = SignInRequest("http://127.0.0.1:50001/", "a-state", CHALLENGE)
        back = visit(self.provider.sign_in_url(self.settings, request))
        assert back["state"] == "a-state"
        return SignInAnswer(back["code"], request.redirect_uri, VERIFIER, back.get("scope", ""))

    def open(self) -> GoogleDriveStore:
        """Open the place."""
        store = self.provider.open(self.settings, self.vault)
        assert isinstance(store, GoogleDriveStore)
        return store
