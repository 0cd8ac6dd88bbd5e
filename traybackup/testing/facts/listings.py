"""Facts about listings."""

from traybackup.api.store import BytesPayload
from traybackup.testing.ground import Ground


def empty_place_lists_nothing(ground: Ground) -> None:
    """An empty place lists nothing, with any prefix, also one nobody ever used."""
    store = ground.open()
    for prefix in ("", "data/", "data/3f/", "keys/ab", "config"):
        assert list(store.entries(prefix)) == []


def listing_is_complete(ground: Ground) -> None:
    """A long listing has every object once, with its size, over all pages and folders."""
    store = ground.open()
    wanted = {f"data/{number % 7:02x}/{number:064x}": number % 11 for number in range(ground.many)}
    wanted |= {f"index/{number:02d}": 3 for number in range(20)} | {"config": 1}
    for name, size in wanted.items():
        store.put(name, BytesPayload(bytes(size)))
    found = [(entry.name, entry.size) for entry in store.entries()]
    assert len(found) == len(wanted)
    assert dict(found) == wanted
    inside = {name: size for name, size in wanted.items() if name.startswith("data/")}
    found = [(entry.name, entry.size) for entry in store.entries("data/")]
    assert len(found) == len(inside)
    assert dict(found) == inside


def prefix_is_the_beginning_of_the_name(ground: Ground) -> None:
    """A prefix selects by the first characters, within a folder's or an object's name, too, and nothing else."""
    store = ground.open()
    names = ["config", "data/3e/3e01", "data/3f/3f01", "data/3f/3f02", "data/30/3001", "keys/3f", "key/1", "data.txt"]
    for name in names:
        store.put(name, BytesPayload(b"."))
    for prefix in (
        "",
        "d",
        "data",
        "data/",
        "data/3",
        "data/3f",
        "data/3f/",
        "data/3f/3f02",
        "3f",
        "key",
        "keys/",
        "z",
    ):
        found = sorted(entry.name for entry in store.entries(prefix))
        assert found == sorted(name for name in names if name.startswith(prefix)), prefix


def listing_stands_changes(ground: Ground) -> None:
    """Objects may come and go while a listing is read; those that stay are in it, once."""
    store = ground.open()
    staying = {f"data/{number:02x}/stays" for number in range(40)}
    going = {f"data/{number:02x}/goes" for number in range(40)}
    for name in sorted(staying | going):
        store.put(name, BytesPayload(b"."))
    listing = store.entries("data/")
    found = [next(listing).name]
    for name in sorted(going):
        store.delete(name)
    for number in range(5):
        store.put(f"data/f{number}/new", BytesPayload(b"."))
    found += [entry.name for entry in listing]
    assert len(found) == len(set(found))
    assert staying <= set(found)


FACTS = (
    empty_place_lists_nothing,
    listing_is_complete,
    prefix_is_the_beginning_of_the_name,
    listing_stands_changes,
)
