"""The owner of a shop, with a vault and as much of a browser as a sign-in needs."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import requests
from dropbox_server import DropboxServer
from traybackup_dropbox.provider import Dropbox
from traybackup_dropbox.store import DropboxStore

from traybackup.api import Account, SignInAnswer, SignInRequest
from traybackup.testing import MemoryVault

VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
HERE = "http://localhost:53781/"


def visit(address: str) -> dict[str, str]:
    """Open the page that asks the owner, and return what comes back to the loopback address."""
    response = requests.get(address, allow_redirects=False, timeout=10)
    assert response.status_code == requests.codes.found, response.text
    back = urlsplit(response.headers["Location"])
    assert (back.scheme, back.hostname) == ("http", "localhost")
    return dict(parse_qsl(back.query))


def copied_code(address: str) -> str:
    """Open the page that asks the owner, and return the code that it shows."""
    response = requests.get(address, allow_redirects=False, timeout=10)
    found = re.search(r"readonly value='([^']+)'", response.text)
    assert found is not None, response.text
    return found[1]


@dataclass
class Owner:
    """Somebody with a PC, a vault and a browser.

    Attributes:
        settings: Of his destination.
    """

    server: DropboxServer
    settings: dict[str, str]
    vault: MemoryVault
    provider: Dropbox

    def sign_in(self) -> Account:
        """Go through the browser as the host leads it."""
        answer = self.answer()
        return self.provider.sign_in(self.settings, answer, self.vault)

    def answer(self) -> SignInAnswer:
        """Return what the browser brings back, as the host hands it on."""
        request = SignInRequest(HERE, "a-state", CHALLENGE)
        back = visit(self.provider.sign_in_url(self.settings, request))
        assert back["state"] == "a-state"
        return SignInAnswer(back["code"], request.redirect_uri, VERIFIER, back.get("scope", ""))

    def open(self) -> DropboxStore:
        """Open the place."""
        store = self.provider.open(self.settings, self.vault)
        assert isinstance(store, DropboxStore)
        return store
