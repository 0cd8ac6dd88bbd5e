"""Every refusal of the service and every failure of the line is told as what it is."""

import socket
import ssl
from collections.abc import Callable

import pytest
import requests
from dropbox_owner import Owner
from dropbox_payloads import some
from dropbox_server import Fault, World
from traybackup_dropbox import answers
from traybackup_dropbox.answers import Answer

from traybackup.api import (
    AccessDenied,
    BytesPayload,
    ClockWrong,
    InvalidName,
    NotFound,
    NotTheService,
    Offline,
    RateLimited,
    ScopeMissing,
    SettingInvalid,
    SignInExpired,
    Store,
    StoreError,
    StoreFailed,
    StoreFull,
)

CASES = [
    ("500", Offline),
    ("502", Offline),
    ("503", Offline),
    ("504", Offline),
    ("408", Offline),
    ("html-500", Offline),
    ("html-502", Offline),
    ("html-503", Offline),
    ("reset", Offline),
    ("lost", Offline),
    ("cut", Offline),
    ("429", RateLimited),
    ("text-429", RateLimited),
    ("html-429", RateLimited),
    ("path/too_many_write_operations", RateLimited),
    ("path/insufficient_space", StoreFull),
    ("path/team_folder_insufficient_space", StoreFull),
    ("token/invalid_access_token", SignInExpired),
    ("token/expired_access_token", SignInExpired),
    ("token/something_new", SignInExpired),
    ("token/missing_scope", ScopeMissing),
    ("token/user_suspended", AccessDenied),
    ("access/invalid_account_type", AccessDenied),
    ("path/no_write_permission", AccessDenied),
    ("path/access_restricted", AccessDenied),
    ("path/restricted_content", AccessDenied),
    ("path/disallowed_name", InvalidName),
    ("path/malformed_path", SettingInvalid),
    ("scope", SettingInvalid),
    ("bad", StoreFailed),
    ("path/something_new", StoreFailed),
    ("portal", NotTheService),
    ("redirect", NotTheService),
    ("junk", NotTheService),
    ("html-400", NotTheService),
    ("html-401", NotTheService),
    ("html-403", NotTheService),
    ("html-404", NotTheService),
    ("html-407", NotTheService),
    ("html-511", NotTheService),
]
CALLS: dict[str, tuple[str, Callable[[Store], object]]] = {
    "list": ("files/list_folder*", lambda store: list(store.entries())),
    "get": ("files/download", lambda store: store.get("config")),
    "stat": ("files/get_metadata", lambda store: store.stat("config")),
    "put": ("files/upload", lambda store: store.put("index/new", BytesPayload(b"new"))),
    "overwrite": ("files/upload", lambda store: store.put("config", BytesPayload(b"new"), overwrite=True)),
    "delete": ("files/delete_v2", lambda store: store.delete("config")),
    "space": ("users/get_space_usage", lambda store: store.space()),
}


@pytest.mark.parametrize(("do", "error"), CASES, ids=[do for do, _ in CASES])
@pytest.mark.parametrize("call", CALLS)
def test_every_failure_of_every_call_has_its_name(
    store: Store, world: World, call: str, do: str, error: type[StoreError]
) -> None:
    """Whatever a call meets, the error is the one that tells what to do; nothing else escapes."""
    method, run = CALLS[call]
    store.put("config", BytesPayload(b"kept"))
    store.put("index/old", BytesPayload(b"old"))
    if call == "stat":
        store.stat("config")  # the first answer comes from the listing
    world.faults.append(Fault(method, do, times=-1))
    with pytest.raises(StoreError) as told:
        run(store)
    assert type(told.value) is error
    world.faults.clear()
    if do not in ("lost", "cut"):
        assert store.get("config") == b"kept"
        assert [entry.name for entry in store.entries("index/n")] == []


def test_name_of_the_object_is_in_the_error(store: Store, world: World) -> None:
    """Who reads the error learns which object it was about."""
    store.put("config", BytesPayload(b"x"))
    for do, error in (("503", Offline), ("path/restricted_content", AccessDenied)):
        world.faults.append(Fault("files/download", do))
        with pytest.raises(error) as told:
            store.get("config")
        assert told.value.name == "config"


@pytest.mark.parametrize("do", ["429", "text-429"])
@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("0", 0.0), ("300", 300.0), ("Wed, 21 Oct 2099 07:28:00 GMT", 1e9)]
)
def test_how_long_to_wait_is_handed_on(store: Store, world: World, do: str, header: str, seconds: float) -> None:
    """The service's wish is in the error, in seconds, whichever way it is written."""
    world.faults.append(Fault("files/list_folder", do, retry_after=header))
    with pytest.raises(RateLimited) as told:
        list(store.entries())
    wait = told.value.retry_after
    assert wait is not None
    assert wait > 1e9 if seconds == 1e9 else wait == seconds


@pytest.mark.parametrize(("do", "seconds"), [("429", 15.0), ("text-429", None)])
def test_how_long_to_wait_may_stand_in_the_answer_only(
    store: Store, world: World, do: str, seconds: float | None
) -> None:
    """Without the header, what the JSON says counts; without both nothing is made up."""
    world.faults.append(Fault("files/list_folder", do, wait=15))
    with pytest.raises(RateLimited) as told:
        list(store.entries())
    assert told.value.retry_after == seconds


def test_nothing_waits_by_itself(store: Store, world: World) -> None:
    """The vendor's library would wait and ask again for ever; here each failure is one call, and the host waits."""
    for do in ("429", "503"):
        before = len(world.calls)
        world.faults.append(Fault("files/list_folder*", do, times=-1, retry_after="300"))
        with pytest.raises(StoreError):
            list(store.entries())
        assert len(world.calls) == before + 1
        world.faults.clear()


def test_unavailable_with_a_wait_is_asked_to_slow_down(store: Store, world: World) -> None:
    """A 503 that names a time is waited for as long as it says."""
    world.faults.append(Fault("files/list_folder", "503", retry_after="30"))
    with pytest.raises(RateLimited) as told:
        list(store.entries())
    assert told.value.retry_after == 30


def test_body_that_ends_early_is_never_short_data(store: Store, world: World) -> None:
    """A download that breaks raises, whole or in part, and the next one is right."""
    data = some(300_000)
    store.put("data/00/x", BytesPayload(data))
    for offset, length in ((0, None), (1000, 200_000), (5, None)):
        world.faults.append(Fault("files/download", "cut"))
        with pytest.raises(Offline):
            store.get("data/00/x", offset, length)
        end = None if length is None else offset + length
        assert store.get("data/00/x", offset, length) == data[offset:end]


def test_half_of_all_calls_fail_and_everything_arrives(store: Store, world: World) -> None:
    """With a host that tries again, objects survive a service that fails in every way, each there once."""
    wanted = {f"data/{number % 3:02x}/{number}": some(2000 + number, number) for number in range(30)}
    for skip, do in enumerate(("503", "html-502", "lost", "reset", "429", "text-429", "cut", "500") * 6):
        world.faults.append(Fault("files/*", do, skip=skip % 7))
    for name, data in wanted.items():
        patiently(lambda name=name, data=data: store.put(name, BytesPayload(data)))
    for name, data in wanted.items():
        assert patiently(lambda name=name: store.get(name)) == data
    world.faults.clear()
    assert sorted(entry.name for entry in store.entries()) == sorted(wanted)
    assert sorted(world.tree()) == sorted(f"TrayBackup/{name}" for name in wanted)


def patiently(call: Callable[[], object]) -> object:
    for _ in range(200):
        try:
            return call()
        except (Offline, RateLimited):
            continue
    return pytest.fail("it never worked")


def test_no_server_is_offline(owner: Owner) -> None:
    """A computer without a network, or a service that is down, is told as such, also when opening."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        owner.settings["endpoint"] = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(Offline):
        owner.open()


def test_wrong_endpoint_is_not_the_service(owner: Owner, world: World) -> None:
    """Another server, which has pages and knows nothing of Dropbox, is told as such."""
    world.faults.append(Fault("oauth2/token", "html-404", times=-1))
    with pytest.raises(NotTheService):
        owner.open()


def test_answer_that_never_comes_is_offline(owner: Owner, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call has a time-out."""
    seen: list[object] = []
    real = requests.Session.request

    def hurried(self: requests.Session, *args: object, **named: object) -> requests.Response:
        seen.append(named["timeout"])
        return real(self, *args, **(named | {"timeout": (1, 0.2)}))  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(requests.Session, "request", hurried)
    store = owner.open()
    world.faults.append(Fault("files/list_folder", "hang", seconds=5))
    with pytest.raises(Offline):
        list(store.entries())
    assert set(seen) == {(10.0, 60.0)}


@pytest.mark.parametrize("seconds", [86_400, -86_400, 400 * 86_400])
def test_clock_that_is_a_day_wrong_is_told_before_anything_happens(owner: Owner, world: World, seconds: int) -> None:
    """Backups would be dated wrong, so the place refuses, and says by how much."""
    world.skew = -seconds
    with pytest.raises(ClockWrong) as told:
        owner.open()
    assert told.value.seconds == pytest.approx(seconds, abs=5)
    assert world.calls == []


def test_wrong_time_zone_is_borne(owner: Owner, world: World) -> None:
    """A clock that is some hours wrong does no harm here."""
    world.skew = 2 * 3600
    list(owner.open().entries())


def test_clock_is_named_first_when_the_sign_in_is_refused(owner: Owner, world: World) -> None:
    """A refusal together with a clock that is an hour wrong may be the clock's fault: put that right first."""
    world.skew = 3600
    world.revoke_all()
    with pytest.raises(ClockWrong) as told:
        owner.open()
    assert told.value.seconds == pytest.approx(-3600, abs=5)


@pytest.mark.parametrize(
    ("code", "error"), [(9, ClockWrong), (10, ClockWrong), (18, NotTheService), (62, NotTheService), (0, NotTheService)]
)
def test_certificate_tells_the_clock_from_a_stranger(code: int, error: type[StoreError]) -> None:
    """A certificate that is not valid yet or not any more points at the clock, any other wrong one at somebody else."""
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    inner.verify_code = code
    with pytest.raises(StoreError) as told, answers.translate("config"):
        raise requests.exceptions.SSLError(inner)
    assert type(told.value) is error
    assert told.value.name == "config"


def test_broken_line_in_tls_is_offline() -> None:
    """Not every fault of TLS is about certificates."""
    with pytest.raises(StoreError) as told, answers.translate():
        raise requests.exceptions.SSLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol"))
    assert type(told.value) is Offline


def test_address_that_cannot_be_is_a_setting() -> None:
    """An address that cannot be one is the owner's to correct."""
    with pytest.raises(SettingInvalid), answers.translate():
        requests.get("http://", timeout=1)


@pytest.mark.parametrize("text", ["", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_date_that_cannot_be_read_says_nothing_about_the_clock(text: str) -> None:
    """Only a date that can be read makes the clock wrong."""
    answer = Answer(200, requests.structures.CaseInsensitiveDict({"Date": text}), b"")
    answers.check_clock(answer, 0.0, refused=True)


def test_not_found_is_not_a_refusal(store: Store) -> None:
    """What is not there is told so, in an empty place, too."""
    with pytest.raises(NotFound):
        store.get("config")


def test_closed_store_says_so(store: Store) -> None:
    """A store that was closed calls nobody any more."""
    store.close()
    store.close()
    with pytest.raises(StoreFailed):
        store.stat("config")
    with pytest.raises(StoreFailed):
        list(store.entries())
