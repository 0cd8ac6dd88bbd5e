"""Signing in and out: what is asked, what is kept, and every way in which it can go wrong."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from drive_owner import CHALLENGE, Owner, visit
from drive_server import World, oauth
from drive_server.world import SCOPE, Client
from traybackup_gdrive.provider import GoogleDrive

from traybackup.api import (
    MAX_SECRET,
    Account,
    NotTheService,
    ScopeMissing,
    SettingInvalid,
    SignInExpired,
    SignInNeeded,
    SignInRequest,
    StoreError,
    StoreFailed,
    WrongAccount,
)
from traybackup.testing import MemoryVault

REQUEST = SignInRequest("http://127.0.0.1:50001/", "a-state", CHALLENGE)


def test_address_asks_for_no_more_than_is_needed(stranger: Owner) -> None:
    """The page is Google's own, with PKCE and state, and asks for the program's own files and the account's name."""
    settings = stranger.settings | {"endpoint": ""}
    address = urlsplit(stranger.provider.sign_in_url(settings, REQUEST))
    assert (address.scheme, address.netloc, address.path) == ("https", "accounts.google.com", "/o/oauth2/v2/auth")
    asked = {key: values[0] for key, values in parse_qs(address.query).items()}
    assert asked["scope"].split() == [SCOPE, "openid", "email"]
    assert (asked["state"], asked["redirect_uri"]) == ("a-state", REQUEST.redirect_uri)
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (CHALLENGE, "S256")
    assert "client_secret" not in asked


def test_any_loopback_port_will_do(stranger: Owner) -> None:
    """The host may listen wherever a port is free."""
    assert stranger.provider.redirects is not None
    assert stranger.provider.redirects.ports == ()
    for port in (1024, 50001, 65535):
        request = replace(REQUEST, redirect_uri=f"http://127.0.0.1:{port}/")
        assert visit(stranger.provider.sign_in_url(stranger.settings, request))["code"]


def test_sign_in_tells_whose_account_it_is(stranger: Owner) -> None:
    """The owner sees the address he knows; the id never changes."""
    assert stranger.sign_in() == Account(name="owner@shop.example", id="10001")
    assert list(stranger.open().entries()) == []


def test_only_the_refresh_token_is_secret_and_kept(stranger: Owner) -> None:
    """The vault gets the refresh token and a few facts, each short enough for Windows; no access token."""
    stranger.sign_in()
    kept = stranger.vault._secrets
    assert sorted(kept) == ["account", "refresh_token"]
    assert kept["refresh_token"] in stranger.server.world.refresh_tokens
    assert max(map(len, kept.values())) <= MAX_SECRET
    assert not any(token in str(kept) for token in stranger.server.world.access_tokens)


def test_without_a_sign_in_there_is_no_place(stranger: Owner) -> None:
    """Nobody has signed in yet."""
    with pytest.raises(SignInNeeded) as told:
        stranger.open()
    assert type(told.value) is SignInNeeded
    assert stranger.server.world.oauth_calls == []


def test_cancelled_in_the_browser(stranger: Owner) -> None:
    """Whoever says no comes back with an error and no code; the host ends there."""
    stranger.server.world.policy = "cancel"
    back = visit(stranger.provider.sign_in_url(stranger.settings, REQUEST))
    assert back == {"state": "a-state", "error": "access_denied"}


def test_box_that_was_not_ticked(stranger: Owner) -> None:
    """Without the right to store files nothing is kept; once it is ticked it works."""
    stranger.server.world.policy = "untick"
    with pytest.raises(ScopeMissing):
        stranger.sign_in()
    assert stranger.vault._secrets == {}
    stranger.server.world.policy = "accept"
    stranger.sign_in()


def test_scope_that_only_the_browser_told_is_believed(stranger: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token whose answer names no scope has the one that came back through the browser."""
    real = stranger.server.world.refresh_tokens
    assert real == {}
    answer = stranger.answer()
    tokens = oauth._tokens

    def silent(*args: object) -> object:
        reply = tokens(*args)  # type: ignore[arg-type]  # handed on
        reply.body = reply.body.replace(b'"scope"', b'"hush"')
        return reply

    monkeypatch.setattr(oauth, "_tokens", silent)
    with pytest.raises(ScopeMissing):
        stranger.provider.sign_in(stranger.settings, replace(answer, scope="openid email"), stranger.vault)
    answer = stranger.answer()
    stranger.provider.sign_in(stranger.settings, answer, stranger.vault)


def test_other_account_than_the_destination_has(owner: Owner) -> None:
    """A destination keeps its account: signing in as somebody else changes nothing, and both are named."""
    world = owner.server.world
    kept = dict(owner.vault._secrets)
    world.chosen = world.accounts[1]
    with pytest.raises(WrongAccount) as told:
        owner.sign_in()
    assert (told.value.account, told.value.expected) == ("other@shop.example", "owner@shop.example")
    assert owner.vault._secrets == kept
    assert list(owner.open().entries()) == []


def test_account_that_the_settings_want(stranger: Owner) -> None:
    """The settings may name the account, in any case; the page offers it first."""
    stranger.settings["account"] = "OTHER@shop.example"
    with pytest.raises(WrongAccount):
        stranger.sign_in()
    assert "login_hint=OTHER%40shop.example" in stranger.provider.sign_in_url(stranger.settings, REQUEST)
    stranger.server.world.chosen = stranger.server.world.accounts[1]
    assert stranger.sign_in().name == "other@shop.example"


def test_wrong_account_does_not_end_that_account_s_other_destinations(owner: Owner) -> None:
    """A sign-in that is not kept is not revoked, which would end every other of that account."""
    world = owner.server.world
    other = Owner(owner.server, owner.settings, MemoryVault(), owner.provider)
    world.chosen = world.accounts[1]
    other.sign_in()
    with pytest.raises(WrongAccount):
        owner.sign_in()
    assert list(other.open().entries()) == []


@pytest.mark.parametrize("wrong", ["code", "verifier", "redirect_uri"])
def test_answer_that_does_not_fit(stranger: Owner, wrong: str) -> None:
    """A code that is not good, or not for this question, signs nobody in."""
    answer = replace(stranger.answer(), **{wrong: "http://127.0.0.1:1/" if wrong == "redirect_uri" else "x" * 43})
    with pytest.raises(StoreError) as told:
        stranger.provider.sign_in(stranger.settings, answer, stranger.vault)
    assert type(told.value) is (SettingInvalid if wrong == "redirect_uri" else SignInNeeded)
    assert stranger.vault._secrets == {}


def test_code_is_good_once(stranger: Owner) -> None:
    """The same answer again is worth nothing."""
    answer = stranger.answer()
    stranger.provider.sign_in(stranger.settings, answer, stranger.vault)
    with pytest.raises(SignInNeeded):
        stranger.provider.sign_in(stranger.settings, answer, MemoryVault())


@pytest.mark.parametrize("client", ["unknown", "wrong-secret", "drive-off"])
def test_own_client_that_is_not_right(stranger: Owner, world: World, client: str) -> None:
    """A mistake in the owner's own client is a setting to correct."""
    if client == "drive-off":
        world.clients["new"] = Client("new", "secret", drive_on=False)
        stranger.settings |= {"client_id": "new", "client_secret": "secret"}
        stranger.sign_in()
        with pytest.raises(SettingInvalid) as told:
            stranger.open().stat("config")
    elif client == "wrong-secret":
        stranger.settings["client_secret"] = "not it"  # noqa: S105 - no secret
        answer = stranger.answer()
        with pytest.raises(SettingInvalid) as told:
            stranger.provider.sign_in(stranger.settings, answer, stranger.vault)
    else:
        answer = stranger.answer()
        stranger.settings["client_id"] = "no-such-client"
        with pytest.raises(SettingInvalid) as told:
            stranger.provider.sign_in(stranger.settings, answer, stranger.vault)
    assert told.value.field == "client_id"


def test_account_without_an_answer_about_who_it_is(stranger: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that says nothing about the account, or nonsense, signs nobody in by mistake."""
    monkeypatch.setattr(oauth, "_part", lambda _: "nonsense")
    with pytest.raises(NotTheService):
        stranger.sign_in()
    assert stranger.vault._secrets == {}


def test_answer_without_a_refresh_token_is_no_sign_in(stranger: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a refresh token the sign-in would be over within the hour."""
    tokens = oauth._tokens
    monkeypatch.setattr(oauth, "_tokens", lambda world, grant, _: tokens(world, grant, {}))
    with pytest.raises(SignInNeeded):
        stranger.sign_in()
    assert stranger.vault._secrets == {}


def test_refresh_token_too_long_for_windows_is_refused(stranger: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that a keyring cannot hold is an error at once, not a sign-in that is lost."""
    tokens = oauth._tokens
    monkeypatch.setattr(oauth, "_tokens", lambda world, grant, _: tokens(world, grant, {"refresh_token": "x" * 1281}))
    with pytest.raises(StoreFailed):
        stranger.sign_in()
    assert stranger.vault._secrets == {}


def test_sign_out_revokes_at_the_service(owner: Owner, world: World) -> None:
    """After signing out the token is worth nothing to whoever may have it."""
    token = owner.vault.get("refresh_token")
    owner.provider.sign_out(owner.settings, owner.vault)
    assert token is not None
    assert world.refresh_tokens[token].revoked
    owner.provider.sign_out(owner.settings, owner.vault)  # over already: fine
    with pytest.raises(SignInExpired):
        owner.open()


def test_signing_out_of_nothing_is_fine(stranger: Owner, world: World) -> None:
    """Where nobody is signed in nobody is called."""
    stranger.provider.sign_out(stranger.settings, stranger.vault)
    assert world.oauth_calls == []


def test_provider_of_its_own_time_uses_the_computer_s(stranger: Owner) -> None:
    """Without a clock given, the computer's is used."""
    stranger.provider = GoogleDrive()
    stranger.sign_in()
    stranger.open().space()
