"""Facts about one object and one client."""

import hashlib
import random

from traybackup.api.errors import AlreadyExists, InvalidName, NotFound, StoreDamaged
from traybackup.api.store import BytesPayload, Entry
from traybackup.testing.ground import Ground, raising

NAME = "data/3f/3f9a00"
LEGAL = (
    "config",
    "0",
    "a.b-c_d",
    "a-b-c-d",
    "a.b.c.d",
    "a_b_c_d",
    "keys/" + "0123456789abcdef" * 4,
    "data/00/" + "f" * 64,
    "x" * 100,
    "1/2/3/4/5/6/7/8",
    "console/com10",
)
ILLEGAL = (
    "",
    "/",
    "/config",
    "config/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    ".hidden",
    "CONFIG",
    "a b",
    "a\\b",
    "a:b",
    "a\nb",
    "a\0b",
    "a%2fb",
    "a~1",
    "ä",
    "a.",
    "con",
    "a/aux.txt",
    "x" * 101,
    "1/2/3/4/5/6/7/8/9",
)


def some(size: int, seed: int = 0) -> bytes:
    """Return *size* bytes that look random and are always the same."""
    return random.Random(f"{size} {seed}").randbytes(size)  # noqa: S311 - content, no secret


def told_short(data: bytes) -> tuple[int, str]:
    """Return what tells *data* from other bytes without printing megabytes of it."""
    return len(data), hashlib.sha256(data).hexdigest()


def round_trip(ground: Ground) -> None:
    """What was put is what is got, at every size."""
    store = ground.open()
    for size in (0, 1, 4095, 4096, 4097, 1 << 20, (5 << 20) + 3):
        name, data = f"data/aa/{size}", some(size)
        store.put(name, BytesPayload(data))
        got = store.get(name)
        assert type(got) is bytes
        assert told_short(got) == told_short(data)


def entry_tells_the_truth(ground: Ground) -> None:
    """Put, stat and the listing agree on name and size, and a checksum is the right one."""
    store = ground.open()
    data = some(70_001)
    entry = store.put(NAME, BytesPayload(data))
    assert (entry.name, entry.size) == (NAME, len(data))
    for other in (store.stat(NAME), *store.entries()):
        assert (other.name, other.size) == (NAME, len(data))
    kind = store.capabilities.checksum
    if kind is not None:
        assert entry.checksum is not None
        assert entry.checksum.startswith(f"{kind}:")
        if kind in hashlib.algorithms_available:
            assert entry.checksum == f"{kind}:{hashlib.new(kind, data).hexdigest()}"


def ranges(ground: Ground) -> None:
    """A range is exactly what was asked for, at both ends and in the middle."""
    store = ground.open()
    size = 200_003
    data = some(size)
    store.put(NAME, BytesPayload(data))
    store.put("data/00/empty", BytesPayload(b""))
    for offset, length in (
        (0, 0),
        (0, 1),
        (0, size),
        (0, None),
        (1, None),
        (1, size - 1),
        (size - 1, 1),
        (size - 1, None),
        (size, 0),
        (size, None),
        (65_535, 65_538),
    ):
        end = size if length is None else offset + length
        assert told_short(store.get(NAME, offset, length)) == told_short(data[offset:end]), (offset, length)
    assert store.get("data/00/empty") == b""
    assert store.get("data/00/empty", 0, 0) == b""
    assert store.get("data/00/empty", 0, None) == b""


def ranges_outside(ground: Ground) -> None:
    """A range that is not wholly inside the object is an error, never a short answer, and not "not found"."""
    store = ground.open()
    store.put(NAME, BytesPayload(some(1000)))
    store.put("data/00/empty", BytesPayload(b""))
    for offset, length in ((0, 1001), (999, 2), (1000, 1), (1001, 0), (1001, None), (5000, 10), (0, 1 << 40)):
        with raising(StoreDamaged):
            store.get(NAME, offset, length)
    with raising(StoreDamaged):
        store.get("data/00/empty", 0, 1)


def read_back_is_whole(ground: Ground) -> None:
    """Reading back hands over the whole object in order, and nothing of an empty one."""
    store = ground.open()
    for size in (0, 1, 4096, 1 << 20, (3 << 20) + 17):
        name, data, pieces = f"data/aa/{size}", some(size), bytearray()
        store.put(name, BytesPayload(data))
        store.read_back(name, pieces.extend)
        assert told_short(bytes(pieces)) == told_short(data)


def missing_is_not_found(ground: Ground) -> None:
    """Every call that reads tells a missing object apart from every other failure, and names it."""
    store = ground.open()
    for turn in range(2):  # in an empty place, and beside another object
        for name in ("config", "data/3f/none", "keys/none"):
            for read in (store.get, lambda name: store.get(name, 1, 1), store.stat):
                with raising(NotFound) as caught:
                    read(name)
                assert [getattr(error, "name", None) for error in caught] == [name]
            with raising(NotFound):
                store.read_back(name, len)
        store.put(f"data/3f/{turn}", BytesPayload(b"x"))


def folder_is_no_object(ground: Ground) -> None:
    """A name that is only the beginning of others is not found."""
    store = ground.open()
    store.put(NAME, BytesPayload(b"x"))
    for name in ("data", "data/3f", "data/3f/3f9a"):
        with raising(NotFound):
            store.stat(name)
        with raising(NotFound):
            store.get(name)


def put_refuses_a_taken_name(ground: Ground) -> None:
    """Without overwriting a taken name is refused and the old object stays, even if the new one were the same."""
    store = ground.open()
    store.put(NAME, BytesPayload(b"old"))
    for data in (b"new", b"newer", b"", b"old"):
        with raising(AlreadyExists):
            store.put(NAME, BytesPayload(data))
        assert store.get(NAME) == b"old"
    assert [entry.size for entry in store.entries()] == [3]


def overwrite_replaces(ground: Ground) -> None:
    """With overwriting the new object is there whole, longer, shorter, empty or the same, and the old is gone."""
    store = ground.open()
    for data in (b"first", some(70_000), b"short", b"", b"last", b"last"):
        entry = store.put(NAME, BytesPayload(data), overwrite=True)
        assert entry.size == len(data)
        assert store.get(NAME) == data
        assert store.stat(NAME).size == len(data)
        assert list(map(_name_and_size, store.entries())) == [(NAME, len(data))]


def delete_removes(ground: Ground) -> None:
    """A deleted object is gone for every call, its neighbours are not, and deleting again is fine."""
    store = ground.open()
    names = [NAME, NAME + "0", NAME[:-1], "config"]
    for name in names:
        store.put(name, BytesPayload(name.encode()))
    store.delete(NAME)
    store.delete(NAME)
    store.delete("data/00/never-was")
    store.delete("nowhere/never-was")
    with raising(NotFound):
        store.get(NAME)
    with raising(NotFound):
        store.stat(NAME)
    assert sorted(entry.name for entry in store.entries()) == sorted(names[1:])
    assert [store.get(name) for name in names[1:]] == [name.encode() for name in names[1:]]


def name_is_free_again(ground: Ground) -> None:
    """After deleting, the name can be put again, with other content, without overwriting."""
    store = ground.open()
    for data in (b"one", b"three", b""):
        store.put(NAME, BytesPayload(data))
        assert store.get(NAME) == data
        store.delete(NAME)


def legal_names(ground: Ground) -> None:
    """Every legal name is an object of its own, however alike they look."""
    store = ground.open()
    for name in LEGAL:
        store.put(name, BytesPayload(name.encode()))
    for name in LEGAL:
        assert store.get(name) == name.encode()
        assert store.stat(name).size == len(name)
    assert sorted(entry.name for entry in store.entries()) == sorted(LEGAL)


def illegal_names(ground: Ground) -> None:
    """Every other name is refused by every call before anything happens."""
    store = ground.open()
    for name in ILLEGAL:
        with raising(InvalidName):
            store.put(name, BytesPayload(b"x"))
        with raising(InvalidName):
            store.put(name, BytesPayload(b"x"), overwrite=True)
        with raising(InvalidName):
            store.get(name)
        with raising(InvalidName):
            store.stat(name)
        with raising(InvalidName):
            store.delete(name)
        with raising(InvalidName):
            store.read_back(name, len)
    assert list(store.entries()) == []


def close_and_reopen(ground: Ground) -> None:
    """Closing twice is fine, and a new client finds everything."""
    store = ground.open()
    store.put(NAME, BytesPayload(b"kept"))
    store.close()
    store.close()
    with ground.open() as again:
        assert again.get(NAME) == b"kept"


def room_makes_sense(ground: Ground) -> None:
    """The room left is unknown, or between nothing and all there is."""
    space = ground.open().space()
    assert space.total is None or space.total >= 0
    assert space.free is None or space.free >= 0
    assert None in (space.total, space.free) or (space.free or 0) <= (space.total or 0)


def capabilities_make_sense(ground: Ground) -> None:
    """What the place says about itself can be worked with."""
    can = ground.open().capabilities
    assert can.parallel >= 1
    assert can.best_object > 0
    assert can.largest_object is None or can.largest_object >= can.best_object


def _name_and_size(entry: Entry) -> tuple[str, int]:
    return entry.name, entry.size


FACTS = (
    round_trip,
    entry_tells_the_truth,
    ranges,
    ranges_outside,
    read_back_is_whole,
    missing_is_not_found,
    folder_is_no_object,
    put_refuses_a_taken_name,
    overwrite_replaces,
    delete_removes,
    name_is_free_again,
    legal_names,
    illegal_names,
    close_and_reopen,
    room_makes_sense,
    capabilities_make_sense,
)
