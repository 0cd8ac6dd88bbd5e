"""Answers that make no sense: none is believed, none ends in anything but an error of the place."""

import json
from collections.abc import Callable

import pytest
from dropbox_owner import Owner
from dropbox_payloads import named, some
from dropbox_server import Fault, World

from traybackup.api import (
    BytesPayload,
    NotFound,
    NotTheService,
    Offline,
    Space,
    Store,
    StoreDamaged,
    StoreError,
    StoreFailed,
)

MIB = 1 << 20
FILE: dict[str, object] = {
    "name": "config",
    "id": "id:aaaaaaaaaaaaaaaaaaaaaa",
    "client_modified": "2026-03-02T18:30:00Z",
    "server_modified": "2026-03-02T18:30:00Z",
    "rev": "500000001",
    "size": 4,
    "path_lower": "/traybackup/config",
    "path_display": "/TrayBackup/config",
    "is_downloadable": True,
    "content_hash": "0" * 64,
}
BINARY = {"Content-Type": "application/octet-stream", "Dropbox-API-Result": json.dumps(FILE)}
LARGE = some(30 * MIB)


def without(name: str, **more: object) -> dict[str, object]:
    """Return the metadata of a file without one field."""
    return {key: value for key, value in FILE.items() if key != name} | more


CALLS: list[tuple[str, Callable[[Store], object], object]] = [
    ("files/list_folder", lambda store: list(store.entries()), {"entries": "many", "cursor": "x", "has_more": False}),
    ("files/list_folder", lambda store: list(store.entries()), {"cursor": "x", "has_more": False}),
    ("files/list_folder", lambda store: list(store.entries()), {"entries": [], "cursor": "", "has_more": True}),
    (
        "files/list_folder",
        lambda store: list(store.entries()),
        {"entries": [{".tag": "file"}], "cursor": "x", "has_more": False},
    ),
    ("files/list_folder", lambda store: list(store.entries()), {"entries": [5], "cursor": "x", "has_more": False}),
    ("files/list_folder", lambda store: list(store.entries()), [1, 2]),
    ("files/list_folder", lambda store: list(store.entries()), None),
    ("files/get_metadata", lambda store: store.delete("config"), {".tag": "file"} | without("size")),
    ("files/get_metadata", lambda store: store.delete("config"), {".tag": "file"} | without("size", size=-1)),
    ("files/get_metadata", lambda store: store.delete("config"), FILE),
    ("files/upload", lambda store: store.put("keys/1", BytesPayload(b"x")), without("rev")),
    ("files/upload", lambda store: store.put("keys/1", BytesPayload(b"x")), {}),
    ("files/upload_session/start", lambda store: store.put(named(LARGE), BytesPayload(LARGE)), {}),
    ("files/upload_session/append_v2", lambda store: store.put(named(LARGE), BytesPayload(LARGE)), [1]),
    ("files/upload_session/finish", lambda store: store.put(named(LARGE), BytesPayload(LARGE)), None),
    ("users/get_space_usage", lambda store: store.space(), {"used": "much"}),
    ("oauth2/token", lambda store: store.space(), {}),
    ("oauth2/token", lambda store: store.space(), {"access_token": "x", "expires_in": "soon"}),
]


@pytest.mark.parametrize(("method", "call", "said"), CALLS, ids=[str(number) for number in range(len(CALLS))])
def test_answer_of_a_wrong_shape_is_not_the_service_s(
    owner: Owner, world: World, method: str, call: Callable[[Store], object], said: object
) -> None:
    """JSON that Dropbox would never send is told as somebody else's, and nothing is taken over from it."""
    with owner.open() as store:
        store.put("config", BytesPayload(b"kept"))
    store = owner.open()
    if method == "oauth2/token":
        world.advance(world.lifetime + 1)
    world.faults.append(Fault(method, "say", times=-1, body=json.dumps(said).encode()))
    with pytest.raises(NotTheService):
        call(store)
    world.faults.clear()
    assert owner.open().get("config") == b"kept"


@pytest.mark.parametrize(
    ("offset", "length", "fault", "error"),
    [
        (0, None, Fault("*", "say", body=b"kept", headers=BINARY | {"Connection": "close"}), Offline),
        (0, 2, Fault("*", "say", status=206, body=b"ke", headers=BINARY), NotTheService),
        (
            1,
            2,
            Fault("*", "say", status=206, body=b"ep", headers=BINARY | {"Content-Range": "bytes 0-1/4"}),
            NotTheService,
        ),
        (
            0,
            2,
            Fault("*", "say", status=206, body=b"k", headers=BINARY | {"Content-Range": "bytes 0-0/4"}),
            StoreDamaged,
        ),
        (0, None, Fault("*", "say", body=b"kep", headers=BINARY), StoreDamaged),
        (2, 4, Fault("*", "say", body=b"kept", headers=BINARY), StoreDamaged),
        (0, None, Fault("*", "say", body=b"kept", headers={"Content-Type": "text/html"}), NotTheService),
        (0, None, Fault("*", "say", body=b"kept", headers=BINARY | {"Dropbox-API-Result": "{}"}), NotTheService),
        (0, None, Fault("*", "range/not_satisfiable"), StoreDamaged),
    ],
)
def test_content_that_does_not_fit_the_question(
    store: Store, world: World, offset: int, length: int | None, fault: Fault, error: type[StoreError]
) -> None:
    """Another range, fewer bytes, or an end that nobody announced: never data."""
    store.put("config", BytesPayload(b"kept"))
    fault.method = "files/download"
    world.faults.append(fault)
    with pytest.raises(StoreError) as told:
        store.get("config", offset, length)
    assert type(told.value) is error


def test_whole_object_may_answer_for_a_part(store: Store, world: World) -> None:
    """A server that knows no ranges sends everything, and the part is taken out of it."""
    store.put("config", BytesPayload(b"kept"))
    for _ in range(2):
        world.faults.append(Fault("files/download", "say", body=b"kept", headers=BINARY))
    assert store.get("config", 1, 2) == b"ep"
    assert store.get("config", 2) == b"pt"


@pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1), (-1, 0)])
def test_range_that_cannot_be_is_refused_here(store: Store, world: World, offset: int, length: int | None) -> None:
    """Nobody is asked for less than nothing."""
    store.put("config", BytesPayload(b"kept"))
    before = len(world.calls)
    with pytest.raises(StoreDamaged):
        store.get("config", offset, length)
    assert len(world.calls) == before


def test_nothing_of_a_missing_object_is_not_found(store: Store) -> None:
    """No bytes of an object are no bytes only if there is one."""
    with pytest.raises(NotFound):
        store.get("config", 0, 0)


def test_answer_that_never_ends_is_cut_off(store: Store, world: World) -> None:
    """Whoever sends more than an answer can have is not the service, and the memory stays free."""
    world.faults.append(Fault("files/list_folder", "say", body=b" " * (17 << 20)))
    with pytest.raises(NotTheService):
        list(store.entries())


def test_header_of_the_answer_may_say_more(store: Store, world: World) -> None:
    """The library compares the whole type of an answer; what stands behind the semicolon does no harm."""
    body = b'{"entries": [], "cursor": "x", "has_more": false}'
    headers = {"Content-Type": "application/json; charset=utf-8"}
    world.faults.append(Fault("files/list_folder", "say", body=body, headers=headers))
    assert list(store.entries()) == []


def test_service_that_tells_no_hash_is_read_by_the_host(store: Store, world: World) -> None:
    """Where the answer names no hash none is made up, and the size alone must do here."""
    world.faults.append(Fault("files/upload", "say", body=json.dumps(without("content_hash")).encode()))
    entry = store.put("config", BytesPayload(b"kept"))
    assert (entry.size, entry.checksum) == (4, None)


@pytest.mark.parametrize(
    ("limit", "team", "space"),
    [
        (5000, False, Space(total=5000, free=4996)),
        (5000, True, Space(total=5000, free=3996)),
        (None, False, Space()),
        (3, False, Space(total=3, free=0)),
    ],
)
def test_room(store: Store, world: World, limit: int | None, *, team: bool, space: Space) -> None:
    """The account's own room, or that of its team; what is not told is unknown."""
    store.put("config", BytesPayload(b"kept"))
    world.accounts[0].limit, world.accounts[0].team = limit, team
    assert store.space() == space


def test_room_of_an_unknown_kind_is_unknown(store: Store, world: World) -> None:
    """A kind of account that comes one day has no number."""
    world.faults.append(
        Fault("users/get_space_usage", "say", body=b'{"used": 1, "allocation": {".tag": "something_new"}}')
    )
    assert store.space() == Space()


@pytest.mark.parametrize("body", [b'{"error": "text"}', b"{}", b'{"error_summary": 5}', b'{"error": {"errors": [5]}}'])
@pytest.mark.parametrize("status", [409, 418])
def test_refusal_without_a_reason_is_one_all_the_same(store: Store, world: World, status: int, body: bytes) -> None:
    """What a refusal does not explain is told with its number."""
    world.faults.append(Fault("users/get_space_usage", "say", status=status, body=body))
    with pytest.raises(StoreFailed) as told:
        store.space()
    assert told.value.reason.startswith(str(status))


@pytest.mark.parametrize(("more", "error"), [({"X-Dropbox-Request-Id": "1"}, StoreFailed), ({}, NotTheService)])
def test_plain_words_are_the_service_s_if_it_signs_them(
    store: Store, world: World, more: dict[str, str], error: type[StoreError]
) -> None:
    """Dropbox numbers its answers: others may be anybody's. None are repeated: a token may be in them."""
    headers = {"Content-Type": "text/plain; charset=utf-8"} | more
    body = b'Invalid authorization value in HTTP header "Authorization": "Bearer sl.secret".'
    world.faults.append(Fault("users/get_space_usage", "say", status=400, headers=headers, body=body))
    with pytest.raises(StoreError) as told:
        store.space()
    assert type(told.value) is error
    assert "secret" not in str(told.value)


def test_revocation_that_is_refused_is_told(owner: Owner, world: World) -> None:
    """Whoever signs out learns when Dropbox did not do it."""
    world.faults.append(Fault("auth/token/revoke", "something_new"))
    with pytest.raises(StoreFailed):
        owner.provider.sign_out(owner.settings, owner.vault)
