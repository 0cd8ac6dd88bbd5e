"""Signing in to OneDrive, against a stand-in for Microsoft. The files themselves are not tested here."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from traybackup_more import graph, tokens
from traybackup_more.onedrive import OneDrive

from traybackup.api import (
    MAX_SECRET,
    NotTheService,
    Offline,
    RateLimited,
    ScopeMissing,
    SettingInvalid,
    SignInAnswer,
    SignInExpired,
    SignInNeeded,
    SignInRequest,
    StoreError,
    StoreFailed,
)
from traybackup.testing import MemoryVault

CLIENT = "00000000-0000-0000-0000-000000000017"
LONG = "r" * (MAX_SECRET + 300)
ANSWER = SignInAnswer("the-code", "http://localhost:1/", "v" * 43)


class Microsoft(BaseHTTPRequestHandler):
    """Trades codes and refresh tokens as documented, and refuses what Microsoft refuses."""

    server: "Listener"

    def do_POST(self) -> None:
        form = {
            key: value[0]
            for key, value in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()
        }
        self.server.forms.append(form)
        if self.server.refusal:
            self._say(*self.server.refusal)
            return
        code = form.get("grant_type") == "authorization_code" and form.get("code") == "the-code"
        good = self.path == "/common/oauth2/v2.0/token" and form.get("client_id") == CLIENT
        good = good and (
            (code and form.get("code_verifier") == "v" * 43) or form.get("refresh_token") == self.server.token
        )
        if not good:
            self._say(400, {"error": "invalid_grant"})
            return
        self.server.token += "+"
        found = {
            "access_token": "a",
            "refresh_token": self.server.token,
            "scope": self.server.scope,
            "expires_in": 3600,
        }
        self._say(200, found)

    def do_GET(self) -> None:
        good = self.path == "/v1.0/me" and self.headers["Authorization"] == "Bearer a"
        self._say(
            200 if good else 401, {"userPrincipalName": "anna@example.org", "id": "17"} if good else {"error": {}}
        )

    def _say(self, status: int, found: object) -> None:
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Listener(ThreadingHTTPServer):
    """The stand-in.

    Attributes:
        forms: What was posted.
        refusal: Status and body of every answer, if it refuses.
        token: The newest refresh token.
    """

    forms: list[dict[str, str]]
    refusal: tuple[int, object] | None = None
    token = LONG
    scope = "https://graph.microsoft.com/Files.ReadWrite User.Read"

    @property
    def settings(self) -> dict[str, str]:
        return {"client_id": CLIENT, "endpoint": f"http://127.0.0.1:{self.server_port}", "folder": "TrayBackup"}


@pytest.fixture
def microsoft() -> Iterator[Listener]:
    server = Listener(("127.0.0.1", 0), Microsoft)
    server.forms = []
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_address_of_the_sign_in(microsoft: Listener) -> None:
    """The browser is sent to Microsoft, or to the endpoint, with PKCE, state and exactly what is needed."""
    request = SignInRequest("http://localhost:1/", "the-state", "c" * 43)
    for settings, begin in (
        ({"client_id": CLIENT}, "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"),
        ({"client_id": CLIENT, "tenant": "shop"}, "https://login.microsoftonline.com/shop/oauth2/v2.0/authorize"),
        (microsoft.settings, f"{microsoft.settings['endpoint']}/common/oauth2/v2.0/authorize"),
    ):
        address = OneDrive().sign_in_url(settings, request)
        asked = parse_qs(urlsplit(address).query)
        assert address.partition("?")[0] == begin
        assert asked["state"] == ["the-state"]
        assert asked["code_challenge"] == ["c" * 43]
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["scope"] == ["Files.ReadWrite offline_access User.Read"]


def test_sign_in_and_out(microsoft: Listener) -> None:
    """A code becomes a kept sign-in with a name to recognise; a token too long for a keyring is kept in parts."""
    vault = MemoryVault()
    account = OneDrive().sign_in(microsoft.settings, ANSWER, vault)
    assert (account.name, account.id) == ("anna@example.org", "17")
    assert tokens.load(vault) == LONG + "+"
    assert len(vault.get("refresh_token") or "") == MAX_SECRET
    tokens.keep(vault, "short")
    assert tokens.load(vault) == "short"
    OneDrive().sign_out(microsoft.settings, vault)
    assert tokens.load(vault) == ""
    with pytest.raises(SignInNeeded):
        OneDrive().open(microsoft.settings, vault)


def test_box_that_was_not_ticked(microsoft: Listener) -> None:
    """Without the right to files nothing is kept."""
    microsoft.scope = "https://graph.microsoft.com/User.Read"
    vault = MemoryVault()
    with pytest.raises(ScopeMissing):
        OneDrive().sign_in(microsoft.settings, ANSWER, vault)
    assert tokens.load(vault) == ""


@pytest.mark.parametrize(
    ("refusal", "wanted"),
    [
        ((400, {"error": "invalid_grant"}), SignInExpired),
        ((400, {"error": "interaction_required"}), SignInExpired),
        ((401, {"error": "invalid_client"}), SettingInvalid),
        ((429, {}), RateLimited),
        ((503, {}), Offline),
        ((200, b"<html>Sign in to this network</html>"), NotTheService),
        ((403, b"<html>no</html>"), NotTheService),
        ((200, {"error": "none"}), NotTheService),
        ((418, {"error": "teapot"}), StoreFailed),
    ],
)
def test_refusals(microsoft: Listener, refusal: tuple[int, object], wanted: type[StoreError]) -> None:
    """Each refusal of the token address is the error that says what to do, and the sign-in stays."""
    microsoft.refusal = refusal
    vault = MemoryVault(refresh_token=LONG[:MAX_SECRET])
    with pytest.raises(wanted) as told:
        OneDrive().open(microsoft.settings, vault)
    assert type(told.value) is wanted
    assert tokens.load(vault) == LONG[:MAX_SECRET]


def test_nobody_there() -> None:
    """No connection is "offline"."""
    with pytest.raises(Offline):
        graph.ask("http://127.0.0.1:1/token", {})


def test_every_opening_renews_the_sign_in(microsoft: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening trades the kept token for a new one, which is kept, and for one to work with; so again when it ends."""
    vault = MemoryVault()
    tokens.keep(vault, LONG)
    made = []

    class Opened:
        def __init__(self, target: object, *_: object, lasts: float) -> None:
            made.append((target, lasts))

    monkeypatch.setattr(graph, "OpendalStore", Opened)
    OneDrive().open(microsoft.settings, vault)
    ((target, lasts),) = made
    for times in (1, 2):
        found = target()  # type: ignore[operator]  # a function, seen as an object
        assert found.options == {"root": "/TrayBackup", "access_token": "a"}
        assert found.folders
        assert tokens.load(vault) == LONG + "+" * times
    assert 0 < lasts < 3600
    assert [form["grant_type"] for form in microsoft.forms] == ["refresh_token"] * 2
