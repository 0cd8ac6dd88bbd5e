"""Answers that make no sense: none is believed, none ends in anything but an error of the place."""

import hashlib
import json
from collections.abc import Callable

import pytest
from drive_owner import Owner
from drive_payloads import Watched, named, some
from drive_seeing import copy, names
from drive_server import Fault, World
from drive_server.messages import Refused, not_found
from traybackup_gdrive.drive import File

from traybackup.api import (
    AlreadyExists,
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
BINARY = {"Content-Type": "application/octet-stream"}
LARGE = some(6 * MIB)

CALLS: list[tuple[str, Callable[[Store], object], object]] = [
    ("files.list", names, {"files": "many"}),
    ("files.list", names, {}),
    ("files.list", names, {"files": [{"name": "without an id"}]}),
    ("files.list", names, {"files": [5]}),
    ("files.list", names, {"files": [], "nextPageToken": 7}),
    ("files.list", names, {"files": [], "nextPageToken": "the same for ever"}),
    ("files.list", names, [1, 2]),
    ("files.get", lambda store: store.stat("config"), {"id": 5}),
    ("files.create", lambda store: store.put("keys/1", BytesPayload(b"x")), {"size": "1"}),
    ("files.create", lambda store: store.put("index/1", BytesPayload(b"x")), {"id": "another", "size": "1"}),
    ("files.create", lambda store: store.put("data/00/1", BytesPayload(LARGE)), {}),
    ("files.generateIds", lambda store: store.put("index/1", BytesPayload(b"x")), {"ids": []}),
    ("files.generateIds", lambda store: store.put("index/1", BytesPayload(b"x")), {"ids": "none"}),
]


@pytest.mark.parametrize(("method", "call", "said"), CALLS, ids=[str(number) for number in range(len(CALLS))])
def test_answer_of_a_wrong_shape_is_not_the_service_s(
    owner: Owner, world: World, method: str, call: Callable[[Store], object], said: object
) -> None:
    """JSON that Drive would never send is told as somebody else's, and nothing is taken over from it."""
    with owner.open() as store:
        store.put("config", BytesPayload(b"kept"))
    store = owner.open()
    if method != "files.list":
        names(store)
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
        (2, 4, Fault("*", "say", body=b"kept", headers=BINARY), StoreDamaged),
        (0, None, Fault("*", "say", body=b"{}"), NotTheService),
    ],
)
def test_content_that_does_not_fit_the_question(
    store: Store, world: World, offset: int, length: int | None, fault: Fault, error: type[StoreError]
) -> None:
    """Another range, fewer bytes, or an end that nobody announced: never data."""
    store.put("config", BytesPayload(b"kept"))
    fault.method = "files.download"
    world.faults.append(fault)
    with pytest.raises(StoreError) as told:
        store.get("config", offset, length)
    assert type(told.value) is error


def test_whole_object_may_answer_for_a_part(store: Store, world: World) -> None:
    """A server that knows no ranges sends everything, and the part is taken out of it."""
    store.put("config", BytesPayload(b"kept"))
    for _ in range(2):
        world.faults.append(Fault("files.download", "say", body=b"kept", headers=BINARY))
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


def test_answer_that_never_ends_is_cut_off(owner: Owner, world: World) -> None:
    """Whoever sends more than an answer can have is not the service, and the memory stays free."""
    store = owner.open()
    world.faults.append(Fault("files.list", "say", body=b" " * (17 << 20)))
    with pytest.raises(NotTheService):
        names(store)


@pytest.mark.parametrize("said", ["bytes=5-9", "nonsense", "bytes=0-99999999999"])
def test_session_that_tells_nonsense_is_left(owner: Owner, world: World, said: str) -> None:
    """A range that cannot be what has arrived is not gone on from."""
    store = owner.open()
    world.faults.append(Fault("files.upload", "say", status=308, headers={"Range": said}))
    with pytest.raises(NotTheService):
        store.put(named(LARGE), BytesPayload(LARGE))


def test_session_that_keeps_nothing_ends(owner: Owner, world: World) -> None:
    """A service that takes every piece and has none of them is not fed for ever."""
    store = owner.open()
    store._uploader._pause = lambda _: None
    world.faults.append(Fault("files.upload", "say", status=308, times=-1, headers={}))
    with pytest.raises(Offline):
        store.put(named(LARGE), BytesPayload(LARGE))
    assert world.count("files.upload") < 12


def test_service_without_sha256_is_verified_by_md5(owner: Owner, world: World) -> None:
    """Where Drive tells only MD5, that is handed on, and what arrived without an answer is compared by it."""
    owner.settings["folder"] = "X"
    store = owner.open()
    data = some(3000)
    store.put("index/first", BytesPayload(data))
    (stored,) = world.named("first")
    stored.sha256 = ""
    assert store.stat("index/first").checksum == f"md5:{hashlib.md5(data, usedforsecurity=False).hexdigest()}"
    name = named(data, "index")
    world.faults.append(Fault("files.create", "lost"))
    with pytest.raises(Offline):
        store.put(name, BytesPayload(data))
    (stored,) = world.named(name[-64:])
    stored.sha256 = ""
    before = world.count("files.update")
    assert store.put(name, BytesPayload(data)).checksum == f"md5:{stored.md5}"
    assert world.count("files.update") == before


def test_file_that_is_to_be_replaced_and_is_gone_is_made_anew(owner: Owner, world: World) -> None:
    """Another client may delete an object between the look and the upload."""
    store = owner.open()
    store.put("config", BytesPayload(b"old"))

    def delete(_: int) -> None:
        for stored in world.named("config"):
            if stored.content == b"old":
                world.remove(world.accounts[0], stored)

    assert store.put("config", Watched(b"new", delete), overwrite=True).size == 3
    assert list(world.tree().values()) == [b"new"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_client_that_puts_the_same_name_meanwhile(owner: Owner, world: World, *, overwrite: bool) -> None:
    """Of two files made at the same moment the older stays: refused, or replaced by what was to be written over it."""
    store = owner.open()
    store.put("keys/1", BytesPayload(b"x"))
    (key,) = world.named("1")

    def be_faster(_: int) -> None:
        if not world.named("2"):
            copy(world, key, name="2", content=b"theirs", created=1)

    if overwrite:
        store.put("keys/2", Watched(b"ours", be_faster), overwrite=True)
    else:
        with pytest.raises(AlreadyExists):
            store.put("keys/2", Watched(b"ours", be_faster))
    assert [stored.content for stored in world.named("2")] == [b"ours" if overwrite else b"theirs"]


def test_object_put_into_a_folder_in_the_trash_does_not_count(owner: Owner, world: World) -> None:
    """Also when only a folder inside the place was thrown away."""
    store = owner.open()
    store.put("index/1", BytesPayload(b"x"))
    world.named("index")[0].trashed = True
    data = some(100)
    with pytest.raises(StoreFailed):
        store.put(named(data, "index"), BytesPayload(data))
    assert world.named(named(data)[-64:]) == []


def test_folder_whose_id_is_taken_but_not_seen(store: Store, world: World) -> None:
    """A conflict that cannot be looked into is an error, not a folder."""
    world.faults.append(Fault("files.create", "say", status=409, body=Refused(409, "fileIdInUse", "").reply().body))
    with pytest.raises(StoreFailed):
        store.put("config", BytesPayload(b"x"))
    store.put("config", BytesPayload(b"x"))


def test_object_whose_id_is_taken_but_not_seen(store: Store, world: World) -> None:
    """The same for an object; the next try has another id."""
    store.put("config", BytesPayload(b"x"))
    world.faults.append(
        Fault("files.create", "say", status=409, body=Refused(409, "fileIdInUse", "").reply().body, skip=1)
    )
    with pytest.raises(StoreFailed):
        store.put("keys/1", BytesPayload(b"x"))
    assert store.put("keys/1", BytesPayload(b"x")).size == 1


@pytest.mark.parametrize("said", [{}, {"storageQuota": []}, {"storageQuota": {"limit": "much", "usage": "5"}}])
def test_room_that_is_not_told_is_unknown(store: Store, world: World, said: object) -> None:
    """An account without a limit, or an answer without one, has no number."""
    world.faults.append(Fault("about.get", "say", body=json.dumps(said).encode()))
    assert store.space() == Space()
    world.accounts[0].limit = None
    assert store.space() == Space()


@pytest.mark.parametrize(
    "body", [b'{"error": "text"}', b'{"error": {"errors": "none"}}', b"{}", b'{"error": {"errors": [5]}}']
)
def test_refusal_without_a_reason_is_one_all_the_same(store: Store, world: World, body: bytes) -> None:
    """What a refusal does not explain is told with its number."""
    world.faults.append(Fault("about.get", "say", status=418, body=body))
    with pytest.raises(StoreFailed) as told:
        store.space()
    assert told.value.reason == "418"


def test_token_answer_without_a_token_is_not_the_service_s(owner: Owner, world: World) -> None:
    """JSON alone does not make a token."""
    world.faults.append(Fault("token", "say", body=b"{}"))
    with pytest.raises(NotTheService):
        owner.open()


def test_revocation_that_is_refused_is_told(owner: Owner, world: World) -> None:
    """Whoever signs out learns when Google did not do it."""
    world.faults.append(Fault("revoke", "say", status=400, body=b'{"error": "unsupported_token_type"}'))
    with pytest.raises(StoreFailed) as told:
        owner.provider.sign_out(owner.settings, owner.vault)
    assert told.value.reason == "400 unsupported_token_type"


def test_file_is_read_with_what_it_has() -> None:
    """Size, parents and checksums may be missing; a folder is told by its type."""
    assert File.of({"id": "1"}) == File("1", "")
    assert File.of({"id": "1", "size": "x", "parents": []}) == File("1", "")
    assert File.of({"id": "1", "mimeType": "application/vnd.google-apps.folder"}).is_folder
    assert not_found("1").status == 404
