"""Names over ids: duplicates, listings that lag, and what looking costs."""

import pytest
from drive_owner import Owner
from drive_payloads import named, some
from drive_seeing import copy, names
from drive_server import Fault, World
from drive_server.world import TOP

from traybackup.api import (
    AlreadyExists,
    BytesPayload,
    NotFound,
    Store,
    StoreError,
)

# Files of one name


def test_copy_of_an_object_is_removed_at_the_end(owner: Owner, world: World) -> None:
    """Two files of one name and content count as one; whoever writes there removes the younger."""
    data = some(3000)
    name = named(data)
    world.faults.append(Fault("files.create", "duplicate", skip=4))
    store = owner.open()
    store.put("config", BytesPayload(b"c"))
    store.put(name, BytesPayload(data), overwrite=True)
    older, younger = sorted(world.named(name[-64:]), key=lambda one: one.created)
    reader = owner.open()
    assert names(reader) == ["config", name]
    reader.close()
    assert len(world.named(name[-64:])) == 2  # a reader removes nothing
    names(store)
    store.close()
    assert world.named(name[-64:]) == [older]
    assert younger.id not in world.accounts[0].files


@pytest.mark.parametrize("right", ["older", "younger"])
def test_object_whose_name_is_its_hash_is_the_right_one(owner: Owner, world: World, right: str) -> None:
    """Of two different files the one that is what its name says is the object, whichever is older; the other goes."""
    data = some(3000)
    name = named(data)
    store = owner.open()
    store.put(name, BytesPayload(data), overwrite=True)
    (good,) = world.named(name[-64:])
    wrong = copy(world, good, content=b"rubbish", sha256="0" * 64, md5="0" * 32)
    if right == "younger":
        good.created, wrong.created = wrong.created, good.created
    reader = owner.open()
    assert [entry.size for entry in reader.entries()] == [3000]
    assert reader.get(name) == data
    assert reader.stat(name).size == 3000
    names(store)
    store.close()
    assert world.named(name[-64:]) == [good]


def test_two_different_files_of_one_name_stay_when_nobody_can_tell(owner: Owner, world: World) -> None:
    """Without a hash in the name the oldest is the object, and nothing is removed."""
    store = owner.open()
    store.put("config", BytesPayload(b"first"))
    copy(world, world.named("config")[0], content=b"second", sha256="0" * 64)
    assert [entry.size for entry in store.entries()] == [5]
    assert owner.open().get("config") == b"first"
    store.close()
    assert len(world.named("config")) == 2


def test_delete_removes_every_copy(store: Store, world: World) -> None:
    """Deleting a name leaves none of its files."""
    store.put("index/a", BytesPayload(b"x"))
    for _ in range(3):
        copy(world, world.named("a")[0])
    assert names(store) == ["index/a"]
    store.delete("index/a")
    assert world.named("a") == []
    assert names(store) == []


def test_deleting_goes_past_the_trash(store: Store, world: World) -> None:
    """What is deleted no longer takes room."""
    store.put("index/a", BytesPayload(b"x" * 1000))
    before = store.space().free
    store.delete("index/a")
    assert world.accounts[0].usage == 0
    assert store.space().free == (before or 0) + 1000


def test_delete_takes_back_what_may_have_arrived(store: Store, world: World) -> None:
    """An object whose put failed for a lost answer can be deleted although nobody has seen it."""
    store.put("config", BytesPayload(b"x"))
    world.faults.append(Fault("files.create", "lost", skip=1))
    with pytest.raises(StoreError):
        store.put("index/a", BytesPayload(b"x"))
    assert len(world.named("a")) == 1
    store.delete("index/a")
    assert world.named("a") == []


def test_name_that_differs_in_case_is_another_name(store: Store, owner: Owner, world: World) -> None:
    """Drive finds names in any case; the object must be the exact one."""
    store.put("index/a", BytesPayload(b"x"))
    world.named("a")[0].name = "A"
    with pytest.raises(NotFound):
        owner.open().stat("index/a")
    store.put("index/b", BytesPayload(b"y"))
    other = owner.open()
    names(other)
    store.put("index/a", BytesPayload(b"z"))
    assert other.get("index/a") == b"z"


def test_what_else_is_in_the_folder_is_left_alone(store: Store, owner: Owner, world: World) -> None:
    """Files with other names and Google's own documents are not objects."""
    store.put("config", BytesPayload(b"x"))
    (config,) = world.named("config")
    for name, content in (("Notes.TXT", b"n"), ("a b", b"n"), ("document", None), (".hidden", b"n")):
        copy(
            world,
            config,
            name=name,
            content=content,
            kind="text/plain" if content else "application/vnd.google-apps.document",
        )
    copy(world, config, name="elsewhere", parent=TOP)
    assert names(owner.open()) == ["config"]


# Listings that lag


def test_own_objects_are_known_before_a_listing_shows_them(owner: Owner, world: World) -> None:
    """A client sees what it has put, however late the service's listings are."""
    world.hide_new_for = 1000
    store = owner.open()
    wanted = [f"data/{number:02x}/{number}" for number in range(5)] + ["config", "locks/1"]
    for name in wanted:
        store.put(name, BytesPayload(name.encode()))
    assert names(store) == sorted(wanted)
    assert names(store) == sorted(wanted)
    with pytest.raises(AlreadyExists):
        store.put("config", BytesPayload(b"again"))
    assert store._catalogue.find("config") is not None
    assert [store.get(name) for name in wanted] == [name.encode() for name in wanted]
    assert len(set(world.folders())) == len(world.folders())


def test_own_object_that_another_has_removed_is_gone_even_if_no_listing_has_shown_it(
    owner: Owner, world: World
) -> None:
    """What a listing does not show yet is looked up, not taken for granted."""
    store = owner.open()
    store.put("config", BytesPayload(b"x"))
    world.hide_new_for = 1000
    store.put("locks/1", BytesPayload(b"x"))
    assert names(store) == ["config", "locks/1"]
    world.remove(world.accounts[0], world.named("1")[0])
    assert names(store) == ["config"]


def test_deleted_object_stays_away_though_a_listing_still_shows_it(store: Store, world: World) -> None:
    """What this client has deleted is gone for it at once."""
    store.put("index/a", BytesPayload(b"x"))
    store.put("index/b", BytesPayload(b"x"))
    (ghost,) = world.named("a")
    store.delete("index/a")
    world.accounts[0].files[ghost.id] = ghost
    assert names(store) == ["index/b"]
    with pytest.raises(NotFound):
        store.stat("index/a")


def test_file_that_is_listed_before_its_folder(owner: Owner, world: World) -> None:
    """An object whose folder no listing shows yet is found by asking for the folder."""
    owner.open().put("data/3f/a", BytesPayload(b"x"))
    for name in ("data", "3f"):
        world.named(name)[0].listed_from = 1_000_000
    assert names(owner.open()) == ["data/3f/a"]


def test_files_outside_cost_one_question(owner: Owner, world: World) -> None:
    """A file of the same program elsewhere in the Drive is asked about once, not at every listing."""
    store = owner.open()
    store.put("config", BytesPayload(b"x"))
    for number in range(20):
        copy(world, world.named("config")[0], name=f"stray{number}", parent=TOP)
    names(store)
    before = world.count("files.get")
    for _ in range(5):
        names(store)
    assert world.count("files.get") == before


# Costs


def methods(world: World, since: int) -> list[str]:
    return [call.method for call in world.calls[since:]]


def test_one_listing_answers_for_all_that_a_run_asks_at_its_beginning(owner: Owner, world: World) -> None:
    """Config, keys, locks, index and snapshots cost one listing together."""
    with owner.open() as store:
        for name in ("config", "keys/1", "index/1", "index/2", "snapshots/1", "data/aa/1", "data/bb/2"):
            store.put(name, BytesPayload(b"x"))
    store, before = owner.open(), len(world.calls)
    assert store.stat("config").size == 1
    for prefix, count in (("keys/", 1), ("locks/", 0), ("index/", 2), ("snapshots/", 1)):
        assert len(names(store, prefix)) == count
    assert methods(world, before) == ["files.list"]
    assert store.get("config") == b"x"
    assert methods(world, before) == ["files.list", "files.download"]
    names(store, "index/")
    assert methods(world, before)[2:] == ["files.list"]


def test_listing_is_never_handed_out_for_what_was_put_after_it(owner: Owner) -> None:
    """Own puts and deletes end it, and a second question about the same names wants a new one."""
    one, two = owner.open(), owner.open()
    assert names(one, "keys/") == []
    one.put("index/1", BytesPayload(b"x"))
    assert names(one, "index/") == ["index/1"]
    two.put("index/2", BytesPayload(b"x"))
    assert names(one, "index/") == ["index/1", "index/2"]
    with pytest.raises(NotFound):
        one.stat("snapshots/1")
    two.put("snapshots/1", BytesPayload(b"x"))
    assert one.stat("snapshots/1").size == 1


def test_old_listing_answers_for_nothing(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds a listing is asked for again."""
    store, clock = owner.open(), [0.0]
    monkeypatch.setattr(store._catalogue, "_elapsed", lambda: clock[0])
    names(store, "keys/")
    for seconds, prefix, lists in ((9.0, "index/", 1), (1.5, "snapshots/", 2), (9.0, "locks/", 2)):
        clock[0] += seconds
        names(store, prefix)
        assert owner.server.world.lists == lists


def test_packs_are_listed_only_by_who_asks_for_them(owner: Owner, world: World) -> None:
    """A listing of everything but packs has no pack in it, so that a large repository costs a backup no more calls."""
    world.page_cap = 10
    with owner.open() as store:
        store.put("config", BytesPayload(b"x"))
        for number in range(40):
            store.put(f"data/aa/{number:064x}", BytesPayload(b"x"))
    store, before = owner.open(), world.lists
    names(store, "keys/")
    assert world.lists == before + 1
    assert len(names(store, "data/")) == 40
    assert world.lists == before + 6
    store.get(f"data/aa/{7:064x}")
    assert world.lists == before + 6


def test_new_object_named_by_its_hash_costs_one_call(owner: Owner, world: World) -> None:
    """Nothing is asked before or after putting what can only be itself."""
    with owner.open() as store:
        for name in ("index/1", "data/aa/1"):
            store.put(name, BytesPayload(b"x"))
        before = len(world.calls)
        for number in range(3):
            data = some(1000, number)
            store.put(named(data, "index"), BytesPayload(data))
        assert methods(world, before) == ["files.create"] * 3


def test_units_are_counted(owner: Owner, world: World) -> None:
    """The store knows what it has cost, in calls and in Google's units."""
    with owner.open() as store:
        store.put("config", BytesPayload(b"x"))
        store.get("config")
        store.stat("config")
        store.space()
        store.delete("config")
        assert dict(store.usage.calls) == {
            method: world.count(method) for method in {call.method for call in world.calls}
        }
        costs = {"files.list": 100, "files.download": 200, "files.create": 50, "files.delete": 50}
        assert store.usage.units == sum(costs.get(call.method, 5) for call in world.calls)
