"""Listing: whole once, then only what has changed; what may still be answered from it, and what may not."""

import pytest
from dropbox_owner import Owner
from dropbox_server import Fault, World

from traybackup.api import BytesPayload, NotFound, NotTheService, Store

LISTS = ("files/list_folder", "files/list_folder/continue")


def names(store: Store, prefix: str = "") -> list[str]:
    return sorted(entry.name for entry in store.entries(prefix))


@pytest.fixture
def full(owner: Owner, world: World) -> Owner:
    """An owner with some objects."""
    with owner.open() as store:
        for name in ("config", "keys/1", "index/1", "index/2", "snapshots/1", "data/00/1"):
            store.put(name, BytesPayload(name.encode()))
    world.calls.clear()
    return owner


def test_one_listing_answers_what_opening_asks(full: Owner, world: World) -> None:
    """Config, keys and locks are asked for one after another, and cost one call together."""
    store = full.open()
    assert store.stat("config").size == 6
    assert names(store, "keys/") == ["keys/1"]
    assert names(store, "locks/") == []
    assert names(store, "index/") == ["index/1", "index/2"]
    assert [call.method for call in world.calls] == ["files/list_folder"]


def test_question_asked_again_is_asked_anew(full: Owner, world: World) -> None:
    """A listing answers each question once: whoever asks again wants to know what is there now."""
    store, other = full.open(), full.open()
    assert names(store, "index/") == ["index/1", "index/2"]
    other.put("index/3", BytesPayload(b"x"))
    other.delete("index/1")
    assert names(store, "index/") == ["index/2", "index/3"]
    assert names(store) == ["config", "data/00/1", "index/2", "index/3", "keys/1", "snapshots/1"]
    with pytest.raises(NotFound):
        store.stat("index/1")
    assert world.count("files/list_folder") == 1


def test_what_this_client_did_ends_the_listing(full: Owner) -> None:
    """After a put or a delete nothing older is handed out."""
    store = full.open()
    assert names(store, "keys/") == ["keys/1"]
    store.put("locks/1", BytesPayload(b"x"))
    store.delete("index/1")
    assert names(store, "locks/") == ["locks/1"]
    assert names(store, "index/") == ["index/2"]


def test_listing_gets_old(full: Owner, world: World) -> None:
    """After some seconds it answers nothing any more."""
    store = full.open()
    clock = [0.0]
    store._catalogue._elapsed = lambda: clock[0]
    assert names(store, "keys/") == ["keys/1"]
    full.open().put("locks/1", BytesPayload(b"x"))
    clock[0] = 10.5
    assert names(store, "locks/") == ["locks/1"]
    assert world.count(*LISTS) == 2


def test_later_listings_bring_only_the_changes(full: Owner, world: World) -> None:
    """However much is there, a further listing is one call."""
    world.page_cap = 3
    store = full.open()
    assert len(names(store)) == 6
    before = world.count(*LISTS)
    assert before > 2
    store.put("index/3", BytesPayload(b"x"))
    assert len(names(store)) == 7
    assert world.count(*LISTS) == before + 1


def test_folder_that_was_deleted_takes_what_was_in_it_along(full: Owner, world: World) -> None:
    """The service may tell only that the folder is gone."""
    store = full.open()
    assert len(names(store)) == 6
    del world.place.files["/traybackup/index/1"], world.place.files["/traybackup/index/2"]
    world.place.journal = ["" if "index/" in one else one for one in world.place.journal]
    world.remove("TrayBackup/index")
    assert names(store) == ["config", "data/00/1", "keys/1", "snapshots/1"]


@pytest.mark.parametrize("do", ["reset", "forgotten"])
def test_service_that_does_not_remember_is_asked_for_everything(full: Owner, world: World, do: str) -> None:
    """When what was listed cannot be gone on from, everything is listed anew."""
    store = full.open()
    names(store)
    world.cursors.clear()
    if do == "forgotten":
        world.faults.append(Fault("files/list_folder/continue", "path/not_found"))
    full.open().put("index/9", BytesPayload(b"x"))
    assert len(names(store)) == 7
    assert world.count("files/list_folder") == 2


def test_listing_that_goes_round_in_circles_is_not_the_service_s(full: Owner, world: World) -> None:
    """A page that leads to itself is left."""
    body = b'{"entries": [], "cursor": "the same", "has_more": true}'
    world.faults.append(Fault("files/list_folder*", "say", body=body, times=-1))
    with pytest.raises(NotTheService):
        names(full.open())
    assert world.count(*LISTS) < 5


def test_place_that_is_made_by_another_is_seen(full: Owner, owner: Owner) -> None:
    """A place that was empty when it was first listed is listed anew."""
    owner.settings = owner.settings | {"folder": "New"}
    store, other = full.open(), owner.open()
    assert names(store) == []
    other.put("config", BytesPayload(b"x"))
    assert names(store) == ["config"]
