"""The place and its folders: made as needed, made at once by two, moved, thrown away, not to be seen any more."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from drive_owner import Owner
from drive_payloads import named
from drive_seeing import copy, folder, names
from drive_server import Fault, World

from traybackup.api import (
    MAX_SECRET,
    AlreadyExists,
    BytesPayload,
    FilesInvisible,
    NotFound,
    PlaceInTrash,
    Store,
    StoreError,
)
from traybackup.testing import MemoryVault

# Folders


def test_layout_is_restic_s_in_real_folders(store: Store, world: World) -> None:
    """What is stored can be seen in Drive as a folder tree, made as needed."""
    for name in ("config", "keys/aa", "data/3f/3f01", "data/3f/3f02"):
        store.put(name, BytesPayload(name.encode()))
    assert world.folders() == ["TrayBackup", "TrayBackup/data", "TrayBackup/data/3f", "TrayBackup/keys"]
    assert sorted(world.tree()) == [
        "TrayBackup/config",
        "TrayBackup/data/3f/3f01",
        "TrayBackup/data/3f/3f02",
        "TrayBackup/keys/aa",
    ]


def test_place_may_lie_deeper(owner: Owner, world: World) -> None:
    """The setting may be a path, with spaces and quotes in its names; two places do not see each other."""
    owner.settings["folder"] = "Shop's \\ stuff/Till 1"
    with owner.open() as store:
        store.put("config", BytesPayload(b"one"))
    owner.vault = MemoryVault(refresh_token=owner.vault.get("refresh_token") or "")
    owner.settings["folder"] = "/Shop's \\ stuff/Till 2/"
    with owner.open() as store:
        assert names(store) == []
        store.put("config", BytesPayload(b"two"))
    assert world.folders() == ["Shop's \\ stuff", "Shop's \\ stuff/Till 1", "Shop's \\ stuff/Till 2"]
    assert [content for _, content in sorted(world.tree().items())] == [b"one", b"two"]


@pytest.mark.parametrize("turn", range(5))
def test_two_clients_that_make_the_same_folders_at_once_end_with_one(owner: Owner, world: World, turn: int) -> None:
    """Whatever the order, one folder of each name is left, with everything in it."""
    stores = [owner.open(), owner.open()]
    for store in stores:
        names(store)  # both have looked and seen nothing

    def put(number: int) -> None:
        stores[number % 2].put(f"data/{turn}{number // 2}/{number}", BytesPayload(b"x" * number))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(put, range(6)))
    for store in stores:
        store.close()
    assert len(set(world.folders())) == len(world.folders())
    assert names(owner.open()) == sorted(f"data/{turn}{number // 2}/{number}" for number in range(6))


def test_folders_of_one_name_count_as_one_and_are_joined(owner: Owner, world: World) -> None:
    """Two folders that a race has left are read as one; the run of one that made one of them joins them."""
    one = owner.open()
    one.put("data/3f/a", BytesPayload(b"a"))
    two = owner.open()
    names(two)
    (data,) = world.named("data")
    older = folder(world, "3f", data.id)
    older.created = 1
    copy(world, world.named("a")[0], parent=older.id, name="b")
    assert names(two) == ["data/3f/a", "data/3f/b"]
    assert two.get("data/3f/b") == b"a"
    with pytest.raises(AlreadyExists):
        two.put("data/3f/b", BytesPayload(b"x"))
    names(one)
    one.close()
    assert world.folders() == ["TrayBackup", "TrayBackup/data", "TrayBackup/data/3f"]
    assert {stored.parent for stored in (*world.named("a"), *world.named("b"))} == {older.id}
    assert names(owner.open()) == ["data/3f/a", "data/3f/b"]


def test_folder_that_was_removed_is_made_again(store: Store, owner: Owner, world: World) -> None:
    """A client that remembers a folder which another has removed makes it anew and puts the object."""
    store.put("data/3f/a", BytesPayload(b"a"))
    world.remove(world.accounts[0], world.named("data")[0])
    store.put("data/3f/b", BytesPayload(b"b"))
    store.put("data/40/c", BytesPayload(b"c"))
    assert names(owner.open()) == ["data/3f/b", "data/40/c"]
    assert world.folders() == ["TrayBackup", "TrayBackup/data", "TrayBackup/data/3f", "TrayBackup/data/40"]


def test_first_run_makes_the_folders_for_packs_at_its_end(owner: Owner, world: World) -> None:
    """Once a repository's first snapshot is there, no later run needs to make a folder for a pack."""
    with owner.open() as store:
        store.put("data/3f/3f01", BytesPayload(b"x"))
    assert len(world.folders()) == 3  # no run has ended
    world.remove(world.accounts[0], world.named("TrayBackup")[0])
    owner.vault = MemoryVault(refresh_token=owner.vault.get("refresh_token") or "")
    with owner.open() as store:
        store.put("data/3f/3f01", BytesPayload(b"x"))
        store.put("snapshots/01", BytesPayload(b"x"))
    assert len([path for path in world.folders() if path.startswith("TrayBackup/data/")]) == 256
    assert len(set(world.folders())) == len(world.folders())
    before = len(world.calls)
    with owner.open() as store:
        store.put("data/aa/aa01", BytesPayload(b"x"), overwrite=True)
        store.put("snapshots/02", BytesPayload(b"x"))
    assert [call.method for call in world.calls[before:]].count("files.create") == 2


def test_trouble_at_the_end_of_the_first_run_is_nobody_s(owner: Owner, world: World) -> None:
    """What was put is put; folders that could not be made are made when they are needed."""
    store = owner.open()
    store.put("data/3f/3f01", BytesPayload(b"x"))
    store.put("snapshots/01", BytesPayload(b"x"))
    world.faults.append(Fault("files.create", "rate", times=-1, skip=20))
    before = len(world.calls)
    store.close()
    assert 20 < len(world.calls) - before < 100
    world.faults.clear()
    owner.open().put("data/ff/ff01", BytesPayload(b"x"))


# The place itself


def test_renamed_and_moved_place_is_still_the_place(owner: Owner, world: World) -> None:
    """The owner may tidy his Drive: the folder is known by its id."""
    owner.open().put("config", BytesPayload(b"x"))
    (root,) = world.named("TrayBackup")
    root.name, root.parent = "Old things", folder(world, "Attic", client="somebody else").id
    store = owner.open()
    assert store.get("config") == b"x"
    store.put("keys/1", BytesPayload(b"y"))
    assert [stored.parent for stored in world.named("keys")] == [root.id]


def test_new_computer_finds_the_place_by_its_name(owner: Owner, world: World) -> None:
    """With an empty vault the oldest folder of that name is the place."""
    owner.open().put("config", BytesPayload(b"x"))
    folder(world, "TrayBackup")
    owner.vault = MemoryVault()
    owner.sign_in()
    assert owner.open().get("config") == b"x"


def test_other_setting_is_another_place(owner: Owner) -> None:
    """What is remembered belongs to the setting it was remembered for."""
    owner.open().put("config", BytesPayload(b"x"))
    owner.settings["folder"] = "Elsewhere"
    assert names(owner.open()) == []


def test_place_in_the_trash(owner: Owner, world: World) -> None:
    """A folder that was thrown away by hand is told as such, by every call, and is back when it is taken out."""
    owner.open().put("config", BytesPayload(b"x"))
    (root,) = world.named("TrayBackup")
    root.trashed = True
    store = owner.open()
    for call in (lambda: store.get("config"), lambda: store.put("keys/1", BytesPayload(b"y")), lambda: names(store)):
        with pytest.raises(PlaceInTrash) as told:
            call()
        assert told.value.folder == "TrayBackup"
    root.trashed = False
    assert names(owner.open()) == ["config"]


def test_place_thrown_away_in_the_middle_takes_nothing_more(owner: Owner, world: World) -> None:
    """What is put into a folder that is in the trash does not count as put."""
    store = owner.open()
    store.put("config", BytesPayload(b"x"))
    world.named("TrayBackup")[0].trashed = True
    with pytest.raises(PlaceInTrash):
        store.put(named(b"y", "index"), BytesPayload(b"y"))
    with pytest.raises(StoreError):
        store.put("config", BytesPayload(b"z"), overwrite=True)
    assert len(world.named("config")) == 1  # still in the trash, where the owner may take it out


def test_place_that_a_listing_does_not_show_is_not_mistaken_for_another(owner: Owner, world: World) -> None:
    """A second folder of the same name is not the place, as long as the place itself can be seen by its id."""
    owner.open().put("config", BytesPayload(b"x"))
    world.named("TrayBackup")[0].listed_from = 1_000_000
    folder(world, "TrayBackup").created = 1
    store = owner.open()
    assert store.get("config") == b"x"
    world.remove(world.accounts[0], min(world.named("TrayBackup"), key=lambda one: -one.created))
    assert names(owner.open()) == []


def test_files_that_google_has_forgotten(owner: Owner, world: World) -> None:
    """A place that was there and cannot be seen any more is no empty place, and nothing new is begun."""
    owner.open().put("config", BytesPayload(b"x"))
    world.forget()
    store = owner.open()
    for call in (
        lambda: store.stat("config"),
        lambda: store.put("config", BytesPayload(b"y")),
        lambda: names(store),
        lambda: store.delete("config"),
    ):
        with pytest.raises(FilesInvisible):
            call()
    assert len(world.named("TrayBackup")) == 1


def test_file_thrown_away_by_hand_is_missing(store: Store, owner: Owner, world: World) -> None:
    """An object in the trash is not there, for the client that knew it as for a new one."""
    store.put("index/a", BytesPayload(b"x"))
    world.named("a")[0].trashed = True
    for client in (store, owner.open()):
        with pytest.raises(NotFound):
            client.stat("index/a")
        assert names(client) == []


def test_place_is_thrown_away_only_when_nothing_is_in_it(owner: Owner, world: World) -> None:
    """A scratch place leaves no folder behind; one with anything in it stays, and so does the folder above."""
    owner.settings["folder"] = "TrayBackup"
    owner.open().put("config", BytesPayload(b"x"))
    scratch = Owner(owner.server, dict(owner.provider.scratch(owner.settings, "doctor-1")), owner.vault, owner.provider)
    assert scratch.settings["folder"] == "TrayBackup/doctor-1"
    store = scratch.open()
    store.discard()
    store.put("data/3f/a", BytesPayload(b"x"))
    store.put("config", BytesPayload(b"y"))
    store.discard()
    assert names(store) == ["config", "data/3f/a"]
    store.delete("data/3f/a")
    (config,) = [one for one in world.named("config") if one.content == b"y"]
    config.name = "Somebody's notes"
    store.discard()
    assert not world.named("doctor-1")[0].trashed
    config.name = "config"
    store.delete("config")
    store.discard()
    assert world.named("doctor-1")[0].trashed  # and not deleted: the owner may have put in what we cannot see
    assert names(store) == []
    store.put("config", BytesPayload(b"z"))
    assert names(scratch.open()) == ["config"]
    world.forget()
    with pytest.raises(FilesInvisible):
        owner.open().stat("config")


def test_vault_remembers_the_folders_of_several_places(owner: Owner, world: World) -> None:
    """Places that share a sign-in are each known by their id; as many are remembered as a keyring holds."""
    for number in range(40):
        owner.settings["folder"] = f"Place {number}"
        owner.open().put("config", BytesPayload(b"x"))
    assert len(owner.vault.get("account") or "") <= MAX_SECRET
    world.forget()
    for number, error in ((39, FilesInvisible), (30, FilesInvisible), (0, NotFound)):
        owner.settings["folder"] = f"Place {number}"
        with pytest.raises(error):
            owner.open().stat("config")
