"""Signing in: led by the host through the browser, and nothing is kept before everything is right."""

import base64
import hashlib
import http.client
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.clouds import Cloud
from traybackup.api.errors import (
    Cancelled,
    Offline,
    PluginCrashed,
    ProviderUnknown,
    ScopeMissing,
    SettingInvalid,
    SignInImpossible,
    SignInRefused,
    SignInUnanswered,
    VaultLocked,
    VaultUnavailable,
    WrongAccount,
)
from traybackup.api.progress import Cancel
from traybackup.api.provider import Account, Redirects
from traybackup.app import browser, config
from traybackup.app.invitation import Invitation
from traybackup.app.language import Language
from traybackup.app.opening import Access, opened
from traybackup.app.scopes import Scope, ScopedVault
from traybackup.app.signin import sign_in, sign_out
from traybackup.app.vault import NoVault, Secret


class Owner:
    """Sits before the browser, and does what his script says.

    Attributes:
        comes_back: The query that his browser comes back with, given the one of the page that was opened.
    """

    def __init__(self) -> None:
        self.comes_back: Callable[[dict[str, str]], str] | None = lambda asked: f"state={asked['state']}&code=c-1"
        self.addresses: list[str] = []
        self.pages: list[str] = []
        self.told: list[Invitation] = []
        self.has_browser = True

    def open(self, address: str, _environment: object) -> bool:
        self.addresses.append(address)
        if not self.has_browser:
            return False
        if self.comes_back is not None:
            asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
            threading.Thread(target=self._visit, args=(f"{asked['redirect_uri']}?{self.comes_back(asked)}",)).start()
        return True

    def _visit(self, address: str) -> None:
        where = urlsplit(address)
        client = http.client.HTTPConnection(where.netloc, timeout=10)
        client.request("GET", f"{where.path}?{where.query}")
        self.pages.append(client.getresponse().read().decode())
        client.close()

    @property
    def asked(self) -> dict[str, str]:
        """What the page that was opened last got."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.addresses[-1]).query).items()}


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Owner:
    found = Owner()
    monkeypatch.setattr(browser, "open_browser", found.open)
    monkeypatch.setattr(browser, "available", lambda _environment: found.has_browser)
    return found


@pytest.fixture
def stranger(cloud_shop: Any) -> Any:
    """Return the shop of somebody who has not signed in yet."""
    cloud_shop.vault.secrets.clear()
    return cloud_shop


def go(shop: Any, owner: Owner, target: str = "cloud", **more: Any) -> Account:
    return sign_in(shop.context, target, tell=owner.told.append, **({"patience": 20.0} | more))


def secrets_of(shop: Any, kind: str, name: str) -> ScopedVault:
    return ScopedVault(shop.context.vault, Scope(kind, name), shop.context.redact)


def test_signing_in_opens_the_place(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """The code goes to the plugin with the verifier that fits the challenge; afterwards the place can be used."""
    assert go(stranger, owner) == Account("anna@example.org", "17")
    traded = cloud.seen[-1]
    digest = hashlib.sha256(traded["verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == owner.asked["challenge"]
    assert 43 <= len(traded["verifier"]) <= 128
    assert (traded["code"], traded["uri"]) == ("c-1", owner.asked["redirect_uri"])
    assert owner.asked["redirect_uri"].startswith("http://127.0.0.1:")
    assert owner.told == [Invitation(owner.addresses[0], opened=True, code=False)]
    assert stranger.save().outcome.value == "success"
    vault = secrets_of(stranger, "provider", "cloud")
    assert vault.get("token") == "token-for-c-1"
    assert vault.signed_in is not None
    assert vault.signed_in.name == "anna@example.org"


def test_state_and_verifier_are_new_each_time(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """Nothing of one sign-in helps with another, and the verifier is in no address."""
    go(stranger, owner)
    first = owner.asked
    go(stranger, owner)
    assert first["state"] != owner.asked["state"]
    assert first["challenge"] != owner.asked["challenge"]
    assert not any(cloud.seen[-1]["verifier"] in address for address in owner.addresses)


def test_the_page_is_in_the_owners_language(stranger: Any, owner: Owner) -> None:
    """Not in that of whoever wrote the program."""
    go(replace(stranger, context=replace(stranger.context, language=Language("de"))), owner)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(10)
    assert "Sie können dieses Fenster schließen" in owner.pages[0]


# What can go wrong


def test_who_says_no_changes_nothing(stranger: Any, owner: Owner) -> None:
    """A refusal in the browser is told by its word, and nothing is kept."""
    owner.comes_back = lambda asked: f"state={asked['state']}&error=access_denied"
    with pytest.raises(SignInRefused) as caught:
        go(stranger, owner)
    assert (caught.value.reason, caught.value.place) == ("access_denied", "cloud")
    assert stranger.vault.secrets == {}


def test_a_closed_browser_ends_in_time(stranger: Any, owner: Owner) -> None:
    """Nobody waits for ever."""
    owner.comes_back = None
    with pytest.raises(SignInUnanswered):
        go(stranger, owner, patience=0.3)
    assert stranger.vault.secrets == {}


def test_stopping_ends_the_waiting(stranger: Any, owner: Owner) -> None:
    """Ctrl-C works while the browser is open."""
    owner.comes_back = None
    cancel = Cancel()
    threading.Timer(0.2, cancel.set).start()
    with pytest.raises(Cancelled):
        go(stranger, owner, cancel=cancel)


def test_an_answer_with_another_state_does_not_count(stranger: Any, owner: Owner) -> None:
    """Somebody else's code is not taken, however it comes."""
    owner.comes_back = lambda _asked: "state=theirs&code=theirs"
    with pytest.raises(SignInUnanswered):
        go(stranger, owner, patience=1.0)
    assert stranger.vault.secrets == {}


def test_a_missing_tick_leaves_nothing_behind(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """What the plugin had put into its vault before it noticed is not kept."""
    cloud.granted = False
    with pytest.raises(ScopeMissing):
        go(stranger, owner)
    cloud.granted = True
    trading = cloud.sign_in

    def crash(settings: Any, answer: Any, vault: Any) -> Any:
        trading(settings, answer, vault)
        raise KeyError(answer.code)

    cloud.sign_in = crash  # type: ignore[method-assign]  # for this test
    with pytest.raises(PluginCrashed) as caught:
        go(stranger, owner)
    assert "c-1" not in caught.value.reason or len("c-1") < 6
    assert stranger.vault.secrets == {}


def test_another_account_is_refused(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """What belongs to one account is not given to another by mistake; the old sign-in stays."""
    go(stranger, owner)
    before = dict(stranger.vault.secrets)
    trading = cloud.sign_in

    def other(*words: Any) -> Account:
        trading(*words)
        return Account("bert@example.org", "18")

    cloud.sign_in = other  # type: ignore[method-assign]  # for this test
    with pytest.raises(WrongAccount) as caught:
        go(stranger, owner)
    assert (caught.value.account, caught.value.expected) == ("bert@example.org", "anna@example.org")
    assert stranger.vault.secrets == before


@pytest.mark.parametrize(("trouble", "kind"), [("locked", VaultLocked), ("none", VaultUnavailable)])
def test_without_a_keyring_nobody_is_bothered(stranger: Any, owner: Owner, trouble: str, kind: type) -> None:
    """What could not be kept is not asked for."""
    shop = replace(stranger, context=replace(stranger.context, vault=NoVault(trouble)))
    with pytest.raises(kind):
        go(shop, owner)
    assert owner.addresses == []


def test_settings_are_kept_once_it_worked(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """Wrong ones are told before the browser opens; right ones hold for all places of the provider from then on."""
    with pytest.raises(SettingInvalid):
        go(stranger, owner, settings={"sever": "x"})
    assert owner.addresses == []
    cloud.granted = False
    with pytest.raises(ScopeMissing):
        go(stranger, owner, settings={"server": "https://other.example"})
    assert not config.file_of(stranger.context.paths).exists()
    cloud.granted = True
    go(stranger, owner, settings={"server": "https://other.example"})
    assert owner.addresses[-1].startswith("https://other.example/")
    assert config.load(stranger.context.paths).providers == {"cloud": {"server": "https://other.example"}}
    stranger.save()
    assert cloud.seen[-1]["server"] == "https://other.example"


def test_a_destination_can_have_a_sign_in_of_its_own(stranger: Any, owner: Owner) -> None:
    """Apart from the one for all places of the provider; its settings go to the destination."""

    def edit(document: Any) -> None:
        document["destinations"] = {"home": {"provider": "cloud"}}

    config.change(stranger.context.paths, edit)
    go(stranger, owner, "home", settings={"server": "https://mine.example"})
    assert secrets_of(stranger, "destination", "home").get("token") == "token-for-c-1"
    assert secrets_of(stranger, "provider", "cloud").get("token") is None
    assert config.load(stranger.context.paths).destinations["home"].settings == {"server": "https://mine.example"}


@pytest.mark.parametrize(("target", "error"), [("nowhere", ProviderUnknown), ("/tmp", SignInImpossible)])  # noqa: S108 - not used
def test_not_everything_can_be_signed_in_to(stranger: Any, owner: Owner, target: str, error: type) -> None:
    """A provider that is not installed, and a folder."""
    with pytest.raises(error):
        go(stranger, owner, target)


def test_a_place_without_sign_in_says_so(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """Where only a password is needed there is nothing to sign in to."""
    hosted = stranger.context.plugins.provider("cloud")
    hosted.redirects = None
    with pytest.raises(SignInImpossible) as caught:
        go(stranger, owner)
    assert caught.value.why == "not-offered"
    assert cloud.seen == []


# Pasting


def paster(*lines: Callable[[dict[str, str]], str], owner: Owner) -> Callable[[threading.Event], str | None]:
    left = list(lines)

    def paste(stop: threading.Event) -> str | None:
        while not owner.told and not stop.is_set():
            stop.wait(0.01)
        return left.pop(0)(owner.asked) if left else None

    return paste


def test_without_a_browser_the_address_is_shown_and_the_answer_pasted(stranger: Any, owner: Owner) -> None:
    """On a terminal elsewhere: the address that the browser could not show carries code and state; others do not."""
    owner.has_browser = False
    paste = paster(
        lambda _: "c-9",
        lambda _: "http://127.0.0.1:1/x?code=evil&state=evil",
        lambda asked: f" {asked['redirect_uri']}?code=c-2&state={asked['state']} \n",
        owner=owner,
    )
    go(stranger, owner, paste=paste)
    assert owner.told == [Invitation(owner.addresses[0], opened=False, code=False)]
    assert secrets_of(stranger, "provider", "cloud").get("token") == "token-for-c-2"


def test_where_no_port_is_free_a_code_is_pasted(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """If the service can show a code; the request then has no way back."""
    import socket  # noqa: PLC0415 - for this test

    owner.comes_back = None
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = (taken.getsockname()[1],)
        stranger.context.plugins.provider("cloud").redirects = Redirects(ports=ports, paste=True)
        go(stranger, owner, paste=paster(lambda _: " c-3 \n", owner=owner))
        assert "redirect_uri" not in owner.asked
        assert owner.told[0].code
        assert cloud.seen[-1]["uri"] == ""
        assert cloud.seen[-1]["code"] == "c-3"
        with pytest.raises(SignInImpossible) as caught:
            go(stranger, owner)
        stranger.context.plugins.provider("cloud").redirects = Redirects(ports=ports)
        with pytest.raises(SignInImpossible):
            go(stranger, owner, paste=paster(owner=owner))
    assert caught.value.why == "ports-taken"


def test_where_nobody_can_be_asked_that_is_told(stranger: Any, owner: Owner) -> None:
    """Without browser and terminal, as in a scheduled task."""
    owner.has_browser = False
    with pytest.raises(SignInImpossible) as caught:
        go(stranger, owner)
    assert caught.value.why == "nobody-to-ask"


# Signing out


def test_signing_out_gives_back_and_forgets(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """The service is told, the keyring is emptied, and the place wants a sign-in again."""
    go(stranger, owner)
    assert sign_out(stranger.context, "cloud")
    assert cloud.revoked == ["token-for-c-1"]
    assert stranger.vault.secrets == {}
    assert not sign_out(stranger.context, "cloud")
    from traybackup.api.errors import SignInNeeded  # noqa: PLC0415 - for this test

    with pytest.raises(SignInNeeded), opened(stranger.context, Access("cloud:x")):
        pass


def test_secret_settings_go_along_and_stay(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """They are in the vault while the code is traded, are kept with the sign-in, and signing out leaves them."""
    with pytest.raises(SettingInvalid):
        go(stranger, owner, secret_settings={"color": Secret("red")})
    assert owner.addresses == []
    seen: list[str | None] = []
    trading = cloud.sign_in

    def look(settings: Any, answer: Any, vault: Any) -> Any:
        seen.append(vault.get("password"))
        return trading(settings, answer, vault)

    cloud.sign_in = look  # type: ignore[method-assign]  # for this test
    go(stranger, owner, secret_settings={"password": Secret("hunter2-hunter2")})
    assert seen == ["hunter2-hunter2"]
    assert sign_out(stranger.context, "cloud")
    vault = secrets_of(stranger, "provider", "cloud")
    assert vault.get("password") == "hunter2-hunter2"
    assert vault.get("token") is None
    assert not sign_out(stranger.context, "cloud")
    vault.empty()
    assert stranger.vault.secrets == {}


def test_a_service_that_cannot_be_told_is_forgotten_all_the_same(stranger: Any, owner: Owner, cloud: Cloud) -> None:
    """The error is told, and nothing stays in the keyring."""
    go(stranger, owner)
    cloud.failure = Offline()
    with pytest.raises(Offline):
        sign_out(stranger.context, "cloud")
    assert stranger.vault.secrets == {}


# The browser


def test_a_browser_is_one_on_a_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text browser in a terminal would take it over; one that the user names is his choice."""
    monkeypatch.setattr("sys.platform", "linux")
    assert not browser.available({})
    assert browser.available({"DISPLAY": ":0"})
    assert browser.available({"WAYLAND_DISPLAY": "wayland-0"})
    assert browser.available({"BROWSER": "w3m"})
    monkeypatch.setattr("sys.platform", "win32")
    assert browser.available({})


def test_the_named_browser_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """BROWSER names a program that gets the address; one that is not there is no browser."""
    import sys  # noqa: PLC0415 - for this test

    script = tmp_path / "browser.py"
    script.write_text(f"import sys, pathlib; pathlib.Path({str(tmp_path / 'seen')!r}).write_text(sys.argv[1])")
    monkeypatch.setenv("BROWSER", f"{sys.executable} {script} %s")
    assert browser.open_browser("https://x.example/?a=1&b=2", {"BROWSER": "set"})
    assert (tmp_path / "seen").read_text() == "https://x.example/?a=1&b=2"
    assert not browser.open_browser("https://x.example/", {})
