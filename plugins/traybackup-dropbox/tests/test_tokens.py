"""The life of a sign-in: renewed when it must be, ended only by the service's own word, and told why."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from dropbox_owner import Owner
from dropbox_server import Fault, World, oauth

from traybackup.api import (
    AccessDenied,
    BytesPayload,
    NotTheService,
    Offline,
    RateLimited,
    SettingInvalid,
    SignInExpired,
    SignInNeeded,
    StoreError,
    StoreFailed,
)

TOKEN = "oauth2/token"  # noqa: S105 - a method


@pytest.mark.parametrize(
    ("do", "error"),
    [
        ("503", Offline),
        ("html-502", Offline),
        ("429", RateLimited),
        ("reset", Offline),
        ("lost", Offline),
        ("portal", NotTheService),
        ("redirect", NotTheService),
        ("junk", NotTheService),
        ("html-404", NotTheService),
        ("html-400", NotTheService),
    ],
)
@pytest.mark.parametrize("when", ["sign-in", "open", "later", "sign-out"])
def test_service_that_fails_does_not_end_the_sign_in(
    owner: Owner, world: World, when: str, do: str, error: type[StoreError]
) -> None:
    """Only the service's own word ends a sign-in; whatever else happens is told as such, and it still works after."""
    store, answer = owner.open(), owner.answer()
    calls: dict[str, Callable[[], object]] = {
        "sign-in": lambda: owner.provider.sign_in(owner.settings, answer, owner.vault),
        "open": owner.open,
        "later": store.space,
        "sign-out": lambda: owner.provider.sign_out(owner.settings, owner.vault),
    }
    world.advance(world.lifetime + 1)
    world.faults.append(Fault("auth/token/revoke" if when == "sign-out" else TOKEN, do, times=-1))
    with pytest.raises(StoreError) as told:
        calls[when]()
    assert type(told.value) is error
    world.faults.clear()
    if (when, do) != ("sign-out", "lost"):
        owner.open().space()


def test_revoked_sign_in_has_expired(owner: Owner, world: World) -> None:
    """Whoever removes the program's access in his account must sign in again, now and in the middle of a run."""
    store = owner.open()
    world.revoke_all()
    with pytest.raises(SignInExpired) as told:
        store.space()
    assert type(told.value) is SignInExpired
    with pytest.raises(SignInExpired):
        owner.open()
    owner.sign_in()
    owner.open().space()


def test_sign_in_with_another_app_is_needed_anew(owner: Owner, world: World) -> None:
    """A sign-in belongs to the app it was made with."""
    owner.settings["app_key"] = "ownkey2"
    calls = len(world.oauth_calls)
    with pytest.raises(SignInNeeded):
        owner.open()
    assert len(world.oauth_calls) == calls


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("access_denied", AccessDenied),
        ("invalid_client", SettingInvalid),
        ("unauthorized_client", SettingInvalid),
        ("something_new", StoreFailed),
    ],
)
def test_other_refusals_of_a_token(
    owner: Owner, error: str, told: type[StoreError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What else Dropbox may say to a refresh has a meaning, too, and is not "sign in again"."""
    monkeypatch.setattr(oauth, "_refresh", lambda *_: oauth.error(error, "…"))
    with pytest.raises(StoreError) as found:
        owner.open()
    assert type(found.value) is told


def test_four_threads_renew_once(owner: Owner, world: World) -> None:
    """When the token ends under four threads, one renews it for all."""
    store = owner.open()
    for number in range(8):
        store.put(f"data/00/{number}", BytesPayload(b"x"))
    world.advance(world.lifetime + 1)
    before = world.oauth_calls.count(TOKEN)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda number: store.get(f"data/00/{number % 8}"), range(40))) == [b"x"] * 40
    assert world.oauth_calls.count(TOKEN) == before + 1


def test_token_is_renewed_before_it_ends(stranger: Owner, world: World) -> None:
    """A token that is about to end is not taken on a journey."""
    world.lifetime = 100
    stranger.sign_in()
    store = stranger.open()
    store.put("config", BytesPayload(b"x"))
    store.get("config")
    assert 401 not in [call.status for call in world.calls]
    assert world.oauth_calls.count(TOKEN) > 3


def test_token_is_kept_as_long_as_it_is_good(owner: Owner, world: World) -> None:
    """A run asks for one token."""
    with owner.open() as store:
        for number in range(5):
            store.put(f"data/00/{number}", BytesPayload(b"x"))
    assert world.oauth_calls.count(TOKEN) == 2  # signing in, opening


def test_token_that_is_refused_again_and_again(owner: Owner, world: World) -> None:
    """A new token that is refused, too, ends the call after one more try."""
    store = owner.open()
    world.faults.append(Fault("users/get_space_usage", "token/expired_access_token", times=-1))
    with pytest.raises(SignInExpired):
        store.space()
    assert world.count("users/get_space_usage") == 2


def test_vault_that_holds_nonsense_is_no_sign_in(owner: Owner) -> None:
    """Facts that cannot be read are facts that are not known."""
    for nonsense in ("", "{", "[]", "null", '{"roots": 5}', '{"roots": [[1]]}', '{"roots": [["traybackup", "x"]]}'):
        owner.vault.set("account", nonsense)
        list(owner.open().entries())
