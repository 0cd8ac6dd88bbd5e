"""Places that plugins open: found by settings and secrets, asked seldom, and never mixed up."""

import json
import os
import random
import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clouds import Cloud
from traybackup.api.errors import (
    AccessDenied,
    NoRepository,
    Offline,
    PluginCrashed,
    SettingInvalid,
    SignInNeeded,
    StoreFull,
    VaultLocked,
    VaultUnavailable,
)
from traybackup.api.progress import Cancel, Progress
from traybackup.api.provider import Account
from traybackup.app import config, forms, remote
from traybackup.app.check import CheckRequest, check
from traybackup.app.listing import Filter, list_snapshots
from traybackup.app.opening import Access, opened
from traybackup.app.places import ProviderPlace, parse
from traybackup.app.placestatus import status
from traybackup.app.prune import PruneRequest, prune
from traybackup.app.remote import Remote, checked
from traybackup.app.restore import RestoreRequest, bring_back
from traybackup.app.scopes import Scope, ScopedVault
from traybackup.app.vault import NoVault
from traybackup.stores import retrying
from traybackup.testing import Do, Fault


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(Cancel, "wait", lambda self, _seconds: self.is_set())


def configure(shop: Any, **destination: Any) -> None:
    """Add a destination called home."""

    def edit(document: Any) -> None:
        document.setdefault("destinations", {})["home"] = destination

    config.change(shop.context.paths, edit)


# The whole way


def test_a_cloud_is_a_place_like_any_other(cloud_shop: Any, cloud: Cloud, tmp_path: Path) -> None:
    """Save, list, check every byte, tell how it is doing, and bring back."""
    done = cloud_shop.save()
    assert done.made.place == "cloud:TrayBackup"
    (listed,) = list_snapshots(cloud_shop.context, cloud_shop.access, Filter()).snapshots
    assert listed.id == done.snapshot.id
    checked_ = check(cloud_shop.context, CheckRequest(cloud_shop.access, 100), progress=Progress(), cancel=Cancel())
    assert checked_.result.sound
    found = status(cloud_shop.context, cloud_shop.access)
    assert (found.kind, found.snapshots) == ("cloud", 1)
    request = RestoreRequest(cloud_shop.access, "latest", tmp_path / "back")
    restored = bring_back(cloud_shop.context, request, progress=Progress(), cancel=Cancel())
    assert restored.problem is None
    (sales,) = (tmp_path / "back").rglob("sales.txt")
    assert sales.read_bytes() == b"one\ntwo\n"
    prune(cloud_shop.context, PruneRequest(cloud_shop.access), progress=Progress(), cancel=Cancel())
    assert set(cloud.places) == {"TrayBackup"}


def test_an_empty_place_holds_no_repository(cloud_shop: Any) -> None:
    """Looking makes none."""
    with pytest.raises(NoRepository) as caught, opened(cloud_shop.context, cloud_shop.access):
        pass
    assert caught.value.place == "cloud:TrayBackup"


def test_every_store_is_closed(cloud_shop: Any, cloud: Cloud) -> None:
    """Whatever was opened is closed, after success and after failure."""
    cloud_shop.save()
    with pytest.raises(NoRepository), opened(cloud_shop.context, Access("cloud:Other")):
        pass
    assert all(store.inner._closed for store in cloud.opened)  # type: ignore[attr-defined]  # they are MemoryStores


# What a day costs


def day(shop: Any, cloud: Cloud, number: int, packs: int = 2) -> list[tuple[str, str]]:
    """Sell something that fills so many packs, save a day later, and return the calls that it cost."""
    sales = shop.source / "data" / "sales.txt"
    if packs == 1:  # only the folder changes
        os.utime(sales, ns=(number, number))
    elif packs == 2:  # the file, and its folder
        sales.write_bytes(b"one\ntwo\nthree %d\n" % number)
    else:  # a full pack of data and the rest
        sales.write_bytes(random.Random(number).randbytes(17 << 20))
    shop.clock.forward(days=1)
    shop.save()
    return cloud.opened[-1].calls


@pytest.mark.parametrize("packs", [1, 2, 3])
def test_a_day_costs_at_most_twelve_calls(cloud_shop: Any, cloud: Cloud, packs: int) -> None:
    """Locks, config, keys, index, snapshots, folders and proof included, however many days there were before."""
    for folder in range(20):
        path = cloud_shop.source / "documents" / f"{folder}"
        path.mkdir(parents=True)
        (path / "receipt.txt").write_bytes(b"receipt %d" % folder)
    cloud_shop.save()
    for number in range(4):
        calls = day(cloud_shop, cloud, number, packs)
        assert sum(method == "put" and name.startswith("data/") for method, name in calls) == packs
        assert len(calls) <= 8 + packs, "\n".join(f"{method} {name}" for method, name in calls)
        assert not [name for method, name in calls if method in ("get", "read_back")]


def test_a_run_knows_what_it_asked_for(cloud_shop: Any, cloud: Cloud) -> None:
    """Calls and bytes in both directions, as the place itself counts them; a folder is asked nothing."""
    done = cloud_shop.save()
    assert done.asked.calls == Counter(method for method, _ in cloud.opened[-1].calls)
    assert done.asked.sent > done.counts.data_added_packed
    form = forms.backup_summary(done)
    assert (form["place_calls"], form["place_bytes_sent"]) == (done.asked.calls.total(), done.asked.sent)


def test_a_day_after_the_cache_was_lost_costs_more_once(cloud_shop: Any, cloud: Cloud) -> None:
    """Then everything is fetched, each thing once, and the day after is cheap again."""
    cloud_shop.save()
    for number in range(3):
        day(cloud_shop, cloud, number)
    shutil.rmtree(cloud_shop.context.paths.cache / "places")
    calls = day(cloud_shop, cloud, 3)
    fetched = [name for method, name in calls if method == "get"]
    assert len(fetched) == len(set(fetched)) > 8
    assert len(day(cloud_shop, cloud, 4)) <= 12


def test_a_check_believes_nothing_but_the_place(cloud_shop: Any, cloud: Cloud) -> None:
    """Damage in the cloud is found although sound copies are here."""
    cloud_shop.save()
    objects = cloud.places["TrayBackup"].objects
    (name,) = [name for name in objects if name.startswith("index/")]
    objects[name] = objects[name][:-1] + b"x"
    found = check(cloud_shop.context, CheckRequest(cloud_shop.access), progress=Progress(), cancel=Cancel())
    assert not found.result.sound


# Failures


def test_passing_failures_are_got_over_and_told(cloud_shop: Any, cloud: Cloud) -> None:
    """A line that breaks now and then, at opening too, costs time and a notice, not the backup."""
    told: list[str] = []
    context = replace(cloud_shop.context, trying=lambda error, _seconds: told.append(f"{error.code} {error.place}"))
    cloud.faults = [Fault("put", 2, Do.LOST, Offline()), Fault("entries", 2, Do.ERROR, Offline())]
    shop = replace(cloud_shop, context=context)
    assert shop.save().outcome.value == "success"
    assert told == [f"offline {shop.access.place}"] * 2
    failures = [Offline(), Offline()]

    def fail_twice(*_: object) -> Any:
        if failures:
            raise failures.pop()
        return Cloud.open(cloud, *_)  # type: ignore[arg-type]  # as it came

    cloud.open = fail_twice  # type: ignore[method-assign]  # for this test
    cloud.faults = []
    shop.clock.forward(days=1)
    assert shop.save().outcome.value == "success"
    assert told == [f"offline {shop.access.place}"] * 4


@pytest.mark.parametrize("error", [AccessDenied(), StoreFull(), SignInNeeded()])
def test_what_waiting_cannot_mend_is_told_at_once(cloud_shop: Any, cloud: Cloud, error: Any) -> None:
    """The error names the place, and no snapshot is written."""
    cloud_shop.save()
    before = set(cloud.places["TrayBackup"].objects)
    cloud.faults = [Fault("put", 2, Do.ERROR, error, lasting=True)]
    with pytest.raises(type(error)) as caught:
        day(cloud_shop, cloud, 1)
    assert caught.value.place == "cloud:TrayBackup"
    after = set(cloud.places["TrayBackup"].objects)
    assert not {name for name in after - before if name.startswith(("snapshots/", "locks/"))}


def test_somebody_who_waits_is_not_kept_for_a_quarter_of_an_hour(
    cloud_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking gives up after half a minute; a backup tries for much longer."""
    budgets: list[float] = []
    persist = retrying.persist

    def noting(attempt: Any, patience: Any, **more: Any) -> Any:
        budgets.append(patience.budget)
        return persist(attempt, patience, **more)

    monkeypatch.setattr(remote, "persist", noting)
    cloud_shop.save()
    list_snapshots(cloud_shop.context, cloud_shop.access, Filter())
    assert budgets == [900.0, 30.0]


def test_a_store_that_makes_no_sense_is_closed_again(cloud_shop: Any, cloud: Cloud) -> None:
    """What was opened before it was refused is not left open."""
    opening = cloud.open

    def open_odd(*words: Any) -> Any:
        store = opening(*words)
        store.capabilities = None  # type: ignore[assignment]  # junk on purpose
        return store

    cloud.open = open_odd  # type: ignore[method-assign]  # for this test
    with pytest.raises(PluginCrashed):
        cloud_shop.save()
    assert cloud.opened[-1].inner._closed  # type: ignore[attr-defined]  # it is a MemoryStore


# Settings


def test_settings_come_with_defaults(cloud_shop: Any, cloud: Cloud) -> None:
    """What is after the colon is the location; what nobody set has its default."""
    configure(cloud_shop, provider="cloud", settings={"color": "red"})
    ScopedVault(cloud_shop.vault, Scope("destination", "home"), cloud_shop.context.redact).set("token", "x")
    for place in ("cloud:Shop/Till", "cloud:", "home"):
        with pytest.raises(NoRepository), opened(cloud_shop.context, Access(place)):
            pass
    assert cloud.seen == [{"folder": "Shop/Till"}, {"folder": "TrayBackup"}, {"folder": "TrayBackup", "color": "red"}]


@pytest.mark.parametrize(
    ("given", "field", "allowed"),
    [
        ({"fodler": "x"}, "fodler", "folder"),
        ({"color": "green"}, "color", "red, blue"),
        ({"fast": "yes"}, "fast", "true, false"),
        ({"port": "many"}, "port", "123"),
        ({"password": "hunter2"}, "password", "--secret"),
    ],
)
def test_settings_that_cannot_be_are_named(cloud_shop: Any, given: dict[str, str], field: str, allowed: str) -> None:
    """An unknown one, one of no choice, and a secret that would lie in the configuration."""
    with pytest.raises(SettingInvalid) as caught:
        checked(cloud_shop.context.plugins.provider("cloud"), given)
    assert caught.value.field == field
    assert allowed in caught.value.allowed


def test_a_required_setting_is_asked_for() -> None:
    """The folder of a folder has no default."""
    from traybackup.app.builtin import Folder  # noqa: PLC0415 - for this test
    from traybackup.app.hosting import Hosted  # noqa: PLC0415 - same

    with pytest.raises(SettingInvalid) as caught:
        checked(Hosted(Folder()), {})
    assert (caught.value.field, caught.value.why) == ("path", "missing")


# Secrets


def find(shop: Any, text: str) -> Remote:
    place = parse(text, config.load(shop.context.paths))
    assert isinstance(place, ProviderPlace)
    return remote.find(shop.context, place)


def test_destinations_do_not_see_one_anothers_secrets(cloud_shop: Any) -> None:
    """Each has its own; one without a sign-in and settings of its own uses that of all places of the provider."""
    context = cloud_shop.context
    ScopedVault(context.vault, Scope("provider", "cloud"), context.redact).note(Account("anna", "1"), "2026-03-02")
    configure(cloud_shop, provider="cloud", settings={"folder": "Home"})
    assert find(cloud_shop, "cloud:x").vault.scope == Scope("provider", "cloud")
    assert find(cloud_shop, "home").vault.scope == Scope("provider", "cloud")
    configure(cloud_shop, provider="cloud", settings={"folder": "Home", "server": "https://other.example"})
    assert find(cloud_shop, "home").vault.scope == Scope("destination", "home")
    configure(cloud_shop, provider="cloud", settings={"folder": "Home"})
    own = ScopedVault(context.vault, Scope("destination", "home"), context.redact)
    own.set("token", "token-of-home")
    own.note(Account("bert", "2"), "2026-03-02")
    found = find(cloud_shop, "home").vault
    assert (found.scope, found.get("token")) == (Scope("destination", "home"), "token-of-home")
    own.empty()
    assert own.get("token") is None
    assert find(cloud_shop, "cloud:x").vault.get("token") == "token-of-anna"


@pytest.mark.parametrize("key", ["", "a b", "../x", "*", "Token", "x" * 65, "key 3f", "töken"])
def test_a_plugin_gets_at_its_own_names_only(cloud_shop: Any, key: str) -> None:
    """No name of a secret leads out of its scope."""
    vault = find(cloud_shop, "cloud:x").vault
    for use in (vault.get, vault.delete, lambda key: vault.set(key, "x")):
        with pytest.raises(ValueError):  # noqa: PT011 - becomes the plugin's failure
            use(key)


def test_secrets_of_a_locked_keyring_are_an_error_of_the_place(cloud_shop: Any) -> None:
    """Who needs them learns that it is locked, switched off or missing; a place without secrets is not concerned."""
    for trouble, kind in (("locked", VaultLocked), ("off", VaultUnavailable), ("none", VaultUnavailable)):
        context = replace(cloud_shop.context, vault=NoVault(trouble))
        with pytest.raises(kind) as caught, opened(context, cloud_shop.access):
            pass
        assert (caught.value.why, caught.value.place) == (trouble, "cloud:TrayBackup")


def test_secrets_too_long_for_a_keyring_are_refused(cloud_shop: Any) -> None:
    """Windows takes 1,280 characters; more is refused everywhere, so that a plugin fails where it is made."""
    vault = find(cloud_shop, "cloud:x").vault
    vault.set("token", "x" * 1280)
    with pytest.raises(VaultUnavailable) as caught:
        vault.set("token", "x" * 1281)
    assert caught.value.why == "too-long"


def test_secrets_never_show(cloud_shop: Any, cloud: Cloud) -> None:
    """What a vault has handed out or kept is taken out of whatever the plugin says."""
    vault = find(cloud_shop, "cloud:x").vault
    vault.set("code", "canary-9")
    assert "canary-9" not in repr(vault)
    cloud.failure = AccessDenied(name="code canary-9 of token-of-anna")

    def leak(_settings: Any, vault: Any) -> Any:
        raise LookupError(vault.get("token"), "canary-9")

    cloud.open = leak  # type: ignore[method-assign]  # for this test
    with pytest.raises(PluginCrashed) as caught:
        cloud_shop.save()
    assert "canary-9" not in caught.value.reason
    assert "token-of-anna" not in caught.value.reason
    assert "LookupError" in caught.value.reason


def test_a_broken_list_of_secrets_is_an_empty_one(cloud_shop: Any) -> None:
    """What the host keeps for itself may be damaged; then nobody is signed in, as far as it knows."""
    for text in ("{", "[]", '{"keys": 7}', '{"account": {"name": "x"}}', json.dumps({"account": 5})):
        cloud_shop.vault.secrets["provider cloud *"] = text
        assert find(cloud_shop, "cloud:x").vault.signed_in is None


# Limits


def test_limits_follow_the_configuration_while_running(cloud_shop: Any) -> None:
    """A changed speed counts for a run under way within seconds; a file that is half written changes nothing."""
    configure(cloud_shop, provider="cloud", upload_limit="100")
    up, down = remote._rates(cloud_shop.context, "home")
    assert (up(), down()) == (100 * 1024, None)
    configure(cloud_shop, provider="cloud", upload_limit="off", download_limit=50)
    assert up() == 100 * 1024
    cloud_shop.clock.now += timedelta(seconds=3)
    assert (up(), down()) == (None, 50 * 1024)
    config.file_of(cloud_shop.context.paths).write_text("half a f")
    cloud_shop.clock.now += timedelta(seconds=3)
    assert (up(), down()) == (None, 50 * 1024)


def test_limits_slow_down_what_is_sent(cloud_shop: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits of the configuration reach the stores."""
    waits: list[float] = []
    monkeypatch.setattr(Cancel, "wait", lambda self, seconds: waits.append(seconds) or self.is_set())
    config.change(cloud_shop.context.paths, lambda document: document.update(upload_limit="1"))
    cloud_shop.save()
    assert len(waits) > 5
    assert cloud.opened
