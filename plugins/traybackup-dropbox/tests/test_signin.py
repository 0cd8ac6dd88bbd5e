"""Signing in and out: what is asked, what is kept, and every way in which it can go wrong."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from dropbox_owner import CHALLENGE, HERE, VERIFIER, Owner, copied_code, visit
from dropbox_server import App, Fault, World, files, oauth
from dropbox_server.world import SCOPES, Grant
from traybackup_dropbox.provider import PORTS, Dropbox

from traybackup.api import (
    MAX_SECRET,
    Account,
    NotTheService,
    ScopeMissing,
    SettingInvalid,
    SignInAnswer,
    SignInExpired,
    SignInNeeded,
    SignInRequest,
    StoreFailed,
    WrongAccount,
)
from traybackup.testing import MemoryVault

REQUEST = SignInRequest(HERE, "a-state", CHALLENGE)
PASTED = SignInRequest("", "a-state", CHALLENGE)


def test_address_asks_for_no_more_than_is_needed(stranger: Owner) -> None:
    """The page is Dropbox's own, with PKCE and state, and asks for the app's own files and the account's name."""
    settings = stranger.settings | {"endpoint": ""}
    address = urlsplit(stranger.provider.sign_in_url(settings, REQUEST))
    assert (address.scheme, address.netloc, address.path) == ("https", "www.dropbox.com", "/oauth2/authorize")
    asked = {key: values[0] for key, values in parse_qs(address.query).items()}
    assert set(asked["scope"].split()) == SCOPES
    assert (asked["state"], asked["redirect_uri"]) == ("a-state", HERE)
    assert (asked["code_challenge"], asked["code_challenge_method"]) == (CHALLENGE, "S256")
    assert asked["token_access_type"] == "offline"  # noqa: S105 - a kind of sign-in
    assert "client_secret" not in asked


@pytest.mark.parametrize("port", PORTS)
def test_registered_ports_will_do(stranger: Owner, port: int) -> None:
    """The host may listen on whichever of them is free."""
    address = stranger.provider.sign_in_url(
        stranger.settings, replace(REQUEST, redirect_uri=f"http://localhost:{port}/")
    )
    assert visit(address)["code"]


@pytest.mark.parametrize("uri", ["http://localhost:53780/", "http://127.0.0.1:53781/", "http://localhost:53781/back"])
def test_other_addresses_will_not(stranger: Owner, uri: str) -> None:
    """An address that is not registered to the letter is refused, as the service does it."""
    address = stranger.provider.sign_in_url(stranger.settings, replace(REQUEST, redirect_uri=uri))
    assert requests.get(address, allow_redirects=False, timeout=5).status_code == 400


def test_sign_in_tells_whose_account_it_is(stranger: Owner, world: World) -> None:
    """The owner sees the address he knows; the id never changes."""
    assert stranger.sign_in() == Account(name="owner@shop.example", id=world.accounts[0].id)
    assert list(stranger.open().entries()) == []


def test_code_that_was_copied_from_the_page_signs_in(stranger: Owner) -> None:
    """Where no port is free the page shows a code, and nothing else is asked for."""
    address = stranger.provider.sign_in_url(stranger.settings, PASTED)
    assert "redirect_uri" not in address
    assert "state=" not in address
    answer = SignInAnswer(copied_code(address), "", VERIFIER)
    assert stranger.provider.sign_in(stranger.settings, answer, stranger.vault).name == "owner@shop.example"
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
    assert (back["state"], back["error"]) == ("a-state", "access_denied")
    assert "code" not in back


def test_right_that_was_not_granted(stranger: Owner) -> None:
    """Without the right to store files nothing is kept; once it is granted it works."""
    stranger.server.world.policy = "less"
    with pytest.raises(ScopeMissing):
        stranger.sign_in()
    assert stranger.vault._secrets == {}
    stranger.server.world.policy = "accept"
    stranger.sign_in()


def test_scope_that_only_the_browser_told_is_believed(stranger: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token whose answer names no scope has the one that came back through the browser."""
    answer = stranger.answer()
    tokens = oauth.tokens

    def silent(*args: object) -> object:
        reply = tokens(*args)  # type: ignore[arg-type]  # handed on
        reply.body = reply.body.replace(b'"scope"', b'"hush"')
        return reply

    monkeypatch.setattr(oauth, "tokens", silent)
    with pytest.raises(ScopeMissing):
        stranger.provider.sign_in(stranger.settings, replace(answer, scope="account_info.read"), stranger.vault)
    answer = replace(stranger.answer(), scope=" ".join(SCOPES))
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
    """The settings may name the account, in any case."""
    stranger.settings["account"] = "OTHER@shop.example"
    with pytest.raises(WrongAccount):
        stranger.sign_in()
    assert stranger.vault._secrets == {}
    stranger.server.world.chosen = stranger.server.world.accounts[1]
    assert stranger.sign_in().name == "other@shop.example"


@pytest.mark.parametrize("wrong", ["code", "verifier", "redirect_uri"])
def test_answer_that_does_not_fit(stranger: Owner, wrong: str) -> None:
    """A code that is not good, or not for this question, signs nobody in."""
    answer = replace(stranger.answer(), **{wrong: "http://localhost:53782/" if wrong == "redirect_uri" else "x" * 43})
    with pytest.raises(SignInNeeded) as told:
        stranger.provider.sign_in(stranger.settings, answer, stranger.vault)
    assert type(told.value) is SignInNeeded
    assert stranger.vault._secrets == {}


def test_code_is_good_once(stranger: Owner) -> None:
    """The same answer again is worth nothing."""
    answer = stranger.answer()
    stranger.provider.sign_in(stranger.settings, answer, stranger.vault)
    with pytest.raises(SignInNeeded):
        stranger.provider.sign_in(stranger.settings, answer, MemoryVault())


def test_own_app_that_is_unknown(stranger: Owner) -> None:
    """A mistake in the owner's own app key is a setting to correct."""
    answer = stranger.answer()
    stranger.settings["app_key"] = "nosuchkey"
    with pytest.raises(SettingInvalid) as told:
        stranger.provider.sign_in(stranger.settings, answer, stranger.vault)
    assert told.value.field == "app_key"


def test_own_app_that_was_registered_without_a_right(stranger: Owner, world: World) -> None:
    """What the app itself may not do is a matter of its registration, and told as a setting."""
    world.apps["poorkey"] = App("poorkey", scopes=SCOPES)
    stranger.settings["app_key"] = "poorkey"
    stranger.sign_in()
    world.apps["poorkey"].scopes = SCOPES - {"files.metadata.read"}
    with pytest.raises(SettingInvalid) as told:
        stranger.open().stat("config")
    assert told.value.field == "app_key"


def test_two_answers_about_whose_account_it_is(stranger: Owner, world: World) -> None:
    """A token of one account and a name of another sign nobody in."""
    told = files.current_account(world, Grant(world.accounts[1], next(iter(world.apps.values())), SCOPES), {})
    world.faults.append(Fault("users/get_current_account", "say", body=told.body))
    with pytest.raises(NotTheService):
        stranger.sign_in()
    assert stranger.vault._secrets == {}


@pytest.mark.parametrize("missing", ["access_token", "account_id", "uid"])
def test_token_answer_that_lacks_something(stranger: Owner, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON that says too little signs nobody in by mistake."""
    tokens = oauth.tokens

    def less(*args: object) -> object:
        reply = tokens(*args)  # type: ignore[arg-type]  # handed on
        reply.body = reply.body.replace(f'"{missing}"'.encode(), b'"something"')
        return reply

    monkeypatch.setattr(oauth, "tokens", less)
    with pytest.raises(NotTheService):
        stranger.sign_in()
    assert stranger.vault._secrets == {}


def test_answer_without_a_refresh_token_is_no_sign_in(stranger: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a refresh token the sign-in would be over within hours."""
    tokens = oauth.tokens
    monkeypatch.setattr(
        oauth,
        "tokens",
        lambda world, grant, more: tokens(world, grant, {k: v for k, v in more.items() if k != "refresh_token"}),
    )
    with pytest.raises(SignInNeeded):
        stranger.sign_in()
    assert stranger.vault._secrets == {}


def test_refresh_token_too_long_for_windows_is_refused(stranger: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that a keyring cannot hold is an error at once, not a sign-in that is lost."""
    tokens = oauth.tokens
    monkeypatch.setattr(
        oauth, "tokens", lambda world, grant, more: tokens(world, grant, more | {"refresh_token": "x" * 1281})
    )
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
    stranger.provider = Dropbox()
    stranger.sign_in()
    stranger.open().space()
