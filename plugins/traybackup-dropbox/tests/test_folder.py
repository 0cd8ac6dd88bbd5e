"""The place and its folder: made as needed, moved, thrown away, not to be seen any more; large and small letters."""

from collections.abc import Callable

import pytest
from dropbox_owner import Owner
from dropbox_payloads import Watched, named, some
from dropbox_server import World
from dropbox_server.world import Stored
from traybackup_dropbox.record import Record

from traybackup.api import (
    AlreadyExists,
    BytesPayload,
    FilesInvisible,
    NotFound,
    PlaceGone,
    PlaceInTrash,
    Store,
    StoreFailed,
)
from traybackup.testing import MemoryVault

CALLS: list[Callable[[Store], object]] = [
    lambda store: store.stat("config"),
    lambda store: store.get("config"),
    lambda store: list(store.entries()),
    lambda store: store.put("config", BytesPayload(b"new")),
    lambda store: store.put("keys/1", BytesPayload(b"new"), overwrite=True),
]


def names(store: Store, prefix: str = "") -> list[str]:
    return sorted(entry.name for entry in store.entries(prefix))


@pytest.fixture
def used(owner: Owner) -> Owner:
    """An owner whose place has been written to."""
    with owner.open() as store:
        store.put("config", BytesPayload(b"kept"))
        store.put("data/3f/3f00", BytesPayload(b"pack"))
    return owner


@pytest.mark.usefixtures("used")
def test_layout_is_restic_s_in_real_folders(world: World) -> None:
    """What is stored can be seen in Dropbox as a folder tree, made as needed."""
    assert world.tree() == {"TrayBackup/config": b"kept", "TrayBackup/data/3f/3f00": b"pack"}
    assert world.folders() == ["TrayBackup", "TrayBackup/data", "TrayBackup/data/3f"]


def test_place_may_lie_deeper(owner: Owner, world: World) -> None:
    """The setting may be a path, with spaces, quotes and umlauts in its names; two places do not see each other."""
    for folder in ('Shop\'s "best"/Till 1', "Größe/ÇA ☕ İ"):
        owner.settings["folder"] = folder
        with owner.open() as store:
            store.put("config", BytesPayload(folder.encode()))
            store.put("keys/1", BytesPayload(b"k"))
            assert names(store) == ["config", "keys/1"]
            assert store.get("config") == folder.encode()
        with owner.open() as store:
            assert names(store, "keys/") == ["keys/1"]
    assert len(world.tree()) == 4


def test_large_and_small_letters_are_the_same(used: Owner, world: World) -> None:
    """A setting in other letters is the same place, and what is there in other letters is the object."""
    used.settings["folder"] = "TRAYbackup"
    world.place.files["/traybackup/config"].path = "/TrayBackup/CONFIG"
    with used.open() as store:
        assert store.get("config") == b"kept"
        assert names(store) == ["config", "data/3f/3f00"]
        assert store.stat("config").size == 4
        with pytest.raises(AlreadyExists):
            store.put("config", BytesPayload(b"other"))
    assert Record.load(used.vault).root("traybackup").startswith("id:")
    assert len(Record.load(used.vault).roots) == 1


def test_what_is_no_object_is_left_alone(used: Owner, world: World) -> None:
    """Files that somebody has put there by hand, or Dropbox after a conflict, are neither listed nor touched."""
    for path in ("/TrayBackup/config (conflicted copy)", "/TrayBackup/read me.txt", "/Elsewhere/config"):
        world.place.add(Stored(path, f"id:{world.word(22)}", "500000001", b"x", "0" * 64))
    assert names(used.open()) == ["config", "data/3f/3f00"]


def test_folder_of_an_object_s_name_is_never_deleted(used: Owner, world: World) -> None:
    """Deleting the object "data" does nothing where that is a folder with everything in it."""
    store = used.open()
    for name in ("data", "data/3f"):
        store.delete(name)
        with pytest.raises(StoreFailed):
            store.put(name, BytesPayload(b"x"))
        with pytest.raises(StoreFailed):
            store.put(name, BytesPayload(b"x"), overwrite=True)
    with pytest.raises(StoreFailed):
        store.put("config/below", BytesPayload(b"x"))
    assert len(world.tree()) == 2


def test_object_that_changed_since_it_was_looked_at_is_not_deleted(used: Owner, world: World) -> None:
    """Deleting removes the content that was seen, not what somebody has put there meanwhile."""
    store = used.open()
    real = store._service.delete

    def slow(path: str, rev: str | None = None) -> bool:
        used.open().put("config", BytesPayload(b"newer"), overwrite=True)
        return real(path, rev)

    store._service.delete = slow  # type: ignore[method-assign]  # somebody is faster
    with pytest.raises(StoreFailed):
        store.delete("config")
    assert world.tree()["TrayBackup/config"] == b"newer"


def test_renamed_and_moved_place_is_still_the_place(used: Owner, world: World) -> None:
    """The owner may tidy his Dropbox: the folder is known by its id."""
    world.move("TrayBackup", "Old things/Backups")
    for call in CALLS[:3]:
        call(used.open())
    with used.open() as store:
        store.put("keys/1", BytesPayload(b"k"))
        assert names(store) == ["config", "data/3f/3f00", "keys/1"]
        assert store.stat("config").size == 4
    assert "Old things/Backups/keys/1" in world.tree()
    assert "TrayBackup" not in world.folders()


@pytest.mark.parametrize("call", CALLS)
def test_place_in_the_trash(used: Owner, world: World, call: Callable[[Store], object]) -> None:
    """A folder that was thrown away by hand is told as such, by every call, and nothing new is begun in its place."""
    world.remove("TrayBackup")
    with pytest.raises(PlaceInTrash) as told:
        call(used.open())
    assert told.value.folder == "TrayBackup"
    assert world.tree() == {}


@pytest.mark.parametrize("call", CALLS)
def test_place_that_cannot_be_seen_any_more(used: Owner, world: World, call: Callable[[Store], object]) -> None:
    """A place that was there and of which nothing is left to see is no empty place."""
    world.remove("TrayBackup")
    world.place.deleted.clear()
    world.place.journal.clear()
    with pytest.raises(FilesInvisible):
        call(used.open())
    assert world.tree() == {}


def test_app_folder_that_is_gone_with_everything_in_it(used: Owner, world: World) -> None:
    """The same when the folder of the whole app was thrown away."""
    for name in ("TrayBackup",):
        world.remove(name)
    with pytest.raises(PlaceInTrash):
        used.open().stat("config")


def test_other_app_sees_nothing_of_what_is_there(used: Owner, world: World) -> None:
    """Changing the app orphans the backups, and that is told instead of beginning a second place."""
    used.settings["app_key"] = "ownkey2"
    used.sign_in()
    for call in CALLS:
        with pytest.raises(FilesInvisible):
            call(used.open())
    assert len(world.tree()) == 2


def test_place_that_was_put_back_is_the_place_again(used: Owner, world: World) -> None:
    """Also if it has got a new id."""
    world.place.files["/traybackup"].id = f"id:{world.word(22)}"
    with used.open() as store:
        store._folder._there = False
        assert store._folder.moved() is False
        assert store.get("config") == b"kept"
    assert Record.load(used.vault).root("traybackup") == world.place.files["/traybackup"].id


def test_new_computer_finds_the_place_by_its_name(used: Owner) -> None:
    """With an empty vault the folder of that name is the place."""
    used.vault = MemoryVault()
    used.sign_in()
    assert used.open().get("config") == b"kept"


def test_other_setting_is_another_place(used: Owner) -> None:
    """What is remembered belongs to the setting it was remembered for."""
    used.settings["folder"] = "Another"
    assert names(used.open()) == []


@pytest.mark.parametrize("trash", [True, False])
def test_snapshot_is_not_put_where_the_repository_has_gone(used: Owner, world: World, *, trash: bool) -> None:
    """Dropbox would make the folder anew: a run during which it was thrown away ends without a snapshot."""
    with used.open() as store:
        store.stat("config")
        world.remove("TrayBackup")
        if not trash:
            world.place.deleted.clear()
        data = some(100)
        with pytest.raises(PlaceInTrash if trash else PlaceGone):
            store.put(named(data, "snapshots"), BytesPayload(data))
    assert not [name for name in world.tree() if "snapshots" in name]


def test_snapshots_need_no_config_where_there_never_was_one(store: Store) -> None:
    """The last look is for a repository that was begun, and not for the name."""
    store.put("snapshots/1", BytesPayload(b"x"))
    store.put("config", BytesPayload(b"x"))
    store.put("snapshots/2", BytesPayload(b"x"))
    store.delete("config")
    store.put("snapshots/3", BytesPayload(b"x"))


def test_place_is_thrown_away_only_when_nothing_is_in_it(owner: Owner, world: World) -> None:
    """A scratch place leaves no folder behind; one with anything in it stays, and so does the folder above."""
    scratch = owner.provider.scratch(owner.settings, "doctor-1")
    with owner.open() as store:
        store.put("config", BytesPayload(b"kept"))
    with owner.provider.open(scratch, owner.vault) as store:
        store.put("data/00/x", BytesPayload(b"x"))
        store.discard()
        assert names(store) == ["data/00/x"]
        store.delete("data/00/x")
        store.discard()
        assert names(store) == []
        store.discard()
    assert world.folders() == ["TrayBackup"]
    with owner.provider.open(scratch, owner.vault) as store:  # not missed: it was thrown away on purpose
        assert names(store) == []
    with owner.open() as store:
        store.discard()
    assert world.tree() == {"TrayBackup/config": b"kept"}


def test_vault_remembers_the_folders_of_several_places(owner: Owner) -> None:
    """Places that share a sign-in are each known by their id; as many are remembered as a keyring holds."""
    for number in range(40):
        owner.settings["folder"] = f"Place {number}"
        with owner.open() as store:
            store.put("config", Watched(b"x", lambda _: None))
    known = Record.load(owner.vault)
    assert known.root("place 39").startswith("id:")
    assert 5 < len(known.roots) < 40
    assert len(owner.vault.get("account") or "") <= 1280


def test_file_thrown_away_by_hand_is_missing(used: Owner, world: World) -> None:
    """An object that was deleted is not there, and may be put again."""
    store = used.open()
    assert store.get("data/3f/3f00") == b"pack"
    world.remove("TrayBackup/data/3f/3f00")
    with pytest.raises(NotFound):
        store.get("data/3f/3f00")
    store.put("data/3f/3f00", BytesPayload(b"again"))
    assert store.get("data/3f/3f00") == b"again"


def test_deleting_what_is_not_there_is_fine(used: Owner, world: World) -> None:
    """An object named by its hash is deleted in one call, and one that is gone already, too."""
    name = named(b"x", "locks")
    store = used.open()
    store.put(name, BytesPayload(b"x"))
    for _ in range(2):
        before = len(world.calls)
        store.delete(name)
        assert [call.method for call in world.calls[before:]] == ["files/delete_v2"]
    assert len(world.tree()) == 2
