"""The life of a sign-in: renewed when it must be, ended only by the service's own word, and told why."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from drive_owner import Owner
from drive_server import Fault, World, oauth

from traybackup.api import (
    AccessDenied,
    BytesPayload,
    FilesInvisible,
    NotTheService,
    Offline,
    RateLimited,
    SettingInvalid,
    SignInExpired,
    SignInNeeded,
    SignInShortLived,
    StoreError,
    StoreFailed,
)
from traybackup.testing import MemoryVault

DAY = 86_400


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
    world.access_tokens.clear()
    world.faults.append(Fault("revoke" if when == "sign-out" else "token", do, times=-1))
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


@pytest.mark.parametrize(
    ("days", "error"), [(6.9, None), (7.1, SignInShortLived), (9.5, SignInShortLived), (12, SignInExpired)]
)
def test_sign_in_of_an_app_in_testing(owner: Owner, world: World, days: float, error: type[StoreError] | None) -> None:
    """A client that is not published loses its sign-ins after seven days, and the owner is told that."""
    own = world.clients["own.apps.googleusercontent.com"]
    owner.settings |= {"client_id": own.id, "client_secret": own.secret}
    owner.vault = MemoryVault()
    owner.sign_in()
    world.advance(days * DAY)
    owner.server.world.skew = days * DAY
    if error is None:
        owner.open().space()
        return
    with pytest.raises(SignInExpired) as told:
        owner.open()
    assert type(told.value) is error
    assert told.value.params.get("days") == (int(days) if error is SignInShortLived else None)


def test_week_begins_anew_with_every_sign_in(owner: Owner, world: World) -> None:
    """What counts is the last sign-in."""
    world.advance(5 * DAY)
    world.skew = 5 * DAY
    owner.sign_in()
    world.advance(3 * DAY)
    world.skew += 3 * DAY
    world.revoke_all()
    with pytest.raises(SignInExpired) as told:
        owner.open()
    assert type(told.value) is SignInExpired


def test_sign_in_with_another_client_is_needed_anew(owner: Owner, world: World) -> None:
    """A sign-in belongs to the client it was made with."""
    own = world.clients["own.apps.googleusercontent.com"]
    owner.settings |= {"client_id": own.id, "client_secret": own.secret}
    calls = len(world.oauth_calls)
    with pytest.raises(SignInNeeded):
        owner.open()
    assert len(world.oauth_calls) == calls


def test_other_client_sees_nothing_of_what_is_there(owner: Owner, world: World) -> None:
    """Changing the client orphans the backups, and that is told instead of beginning a second place."""
    with owner.open() as store:
        store.put("config", BytesPayload(b"x"))
    own = world.clients["own.apps.googleusercontent.com"]
    owner.settings |= {"client_id": own.id, "client_secret": own.secret}
    owner.sign_in()
    with pytest.raises(FilesInvisible):
        owner.open().stat("config")
    with pytest.raises(FilesInvisible):
        owner.open().put("config", BytesPayload(b"y"))
    assert list(world.tree()) == ["TrayBackup/config"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("org_internal", AccessDenied),
        ("admin_policy_enforced", AccessDenied),
        ("deleted_client", SettingInvalid),
        ("something_new", StoreFailed),
    ],
)
def test_other_refusals_of_a_token(
    owner: Owner, error: str, told: type[StoreError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What else Google may say to a refresh has a meaning, too, and is not "sign in again"."""
    monkeypatch.setattr(oauth, "_refresh", lambda *_: oauth._error(error, "…"))
    with pytest.raises(StoreError) as found:
        owner.open()
    assert type(found.value) is told


def test_four_threads_renew_once(owner: Owner, world: World) -> None:
    """When the token ends under four threads, one renews it for all."""
    store = owner.open()
    for number in range(8):
        store.put(f"data/00/{number}", BytesPayload(b"x"))
    world.access_tokens.clear()
    before = world.oauth_calls.count("token")
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda number: store.get(f"data/00/{number % 8}"), range(40))) == [b"x"] * 40
    assert world.oauth_calls.count("token") == before + 1


def test_token_is_renewed_before_it_ends(stranger: Owner, world: World) -> None:
    """A token that is about to end is not taken on a journey."""
    world.lifetime = 100
    stranger.sign_in()
    store = stranger.open()
    store.put("config", BytesPayload(b"x"))
    assert 401 not in [call.status for call in world.calls]
    assert world.oauth_calls.count("token") > 3


def test_token_that_is_refused_again_and_again(owner: Owner, world: World) -> None:
    """A new token that is refused, too, ends the call after one more try."""
    store = owner.open()
    world.faults.append(Fault("about.get", "401", times=-1))
    with pytest.raises(SignInExpired):
        store.space()
    assert world.count("about.get") == 2


def test_vault_that_holds_nonsense_is_no_sign_in(owner: Owner) -> None:
    """Facts that cannot be read are facts that are not known."""
    for nonsense in ("", "{", "[]", "null", '{"since": "soon"}', '{"roots": 5}', '{"roots": [[1]]}'):
        owner.vault.set("account", nonsense)
        list(owner.open().entries())


def test_secret_of_the_own_client_may_lie_in_the_vault(owner: Owner) -> None:
    """A host that keeps secret settings in the vault is understood as well."""
    secret = owner.settings.pop("client_secret")
    with pytest.raises(SettingInvalid):
        owner.open()
    owner.vault.set("client_secret", secret)
    owner.open().space()
