"""Facts about puts that do not succeed: nobody ever sees half an object."""

import functools

from traybackup.api.errors import Cancelled, NotFound, StoreError, StoreFull
from traybackup.api.store import BytesPayload, Payload, Store
from traybackup.testing.facts.objects import NAME, some
from traybackup.testing.ground import Ground, Script, Unwell, raising

SIZE = (2 << 20) + 11


def _raise(error: type[BaseException]) -> None:
    raise error


def _fails_and_leaves_nothing(ground: Ground, payload: Payload, error: type[BaseException]) -> None:
    """State that putting *payload* raises *error*, on a free and on a taken name, and changes nothing."""
    store, other = ground.open(), ground.open()
    for overwrite in (False, True):
        with raising(error):
            store.put(NAME, payload, overwrite=overwrite)
        for client in (store, other):
            with raising(NotFound):
                client.stat(NAME)
            assert list(client.entries()) == []
    store.put(NAME, BytesPayload(b"old"))
    with raising(error):
        store.put(NAME, payload, overwrite=True)
    for client in (store, other):
        assert client.get(NAME) == b"old"
        assert [(entry.name, entry.size) for entry in client.entries()] == [(NAME, 3)]
    store.put(NAME, BytesPayload(b"new"), overwrite=True)
    assert other.get(NAME) == b"new"
    store.delete(NAME)


def failing_source(ground: Ground) -> None:
    """An error of the source passes as it is, wherever it happens, and nothing is left behind."""
    for at in (0, 1, SIZE // 2, SIZE - 1):
        script = Script(some(SIZE), at=at, happens=functools.partial(_raise, Unwell))
        _fails_and_leaves_nothing(ground, script, Unwell)


def cancelled_source(ground: Ground) -> None:
    """Stopping in the middle passes as it is and leaves nothing behind."""
    for at in (0, SIZE // 2):
        script = Script(some(SIZE), at=at, happens=functools.partial(_raise, Cancelled))
        _fails_and_leaves_nothing(ground, script, Cancelled)


def short_source(ground: Ground) -> None:
    """A source that has less than it says is an error, and nothing is left behind."""
    for missing in (1, SIZE // 2, SIZE):
        _fails_and_leaves_nothing(ground, Script(some(SIZE - missing), size=SIZE), StoreError)


def long_source(ground: Ground) -> None:
    """A source that has more than it says is an error, and nothing is left behind."""
    for more in (1, 1 << 20):
        _fails_and_leaves_nothing(ground, Script(some(SIZE + more), size=SIZE), StoreError)
    _fails_and_leaves_nothing(ground, Script(b"x", size=0), StoreError)


def not_seen_before_it_is_whole(ground: Ground) -> None:
    """While an object is on its way nobody sees it, not even by its size; when overwriting, the old one is seen."""
    one, two = ground.open(), ground.open()
    looked = []

    def look_for_nothing() -> None:
        with raising(NotFound):
            two.stat(NAME)
        with raising(NotFound):
            two.get(NAME)
        assert list(two.entries()) == []
        looked.append(1)

    for at in (0, SIZE // 2, SIZE - 1):
        one.put(NAME, Script(some(SIZE), at=at, happens=look_for_nothing))
        assert two.get(NAME) == some(SIZE)
        one.delete(NAME)

    def look_for_the_old() -> None:
        assert two.get(NAME) == b"old"
        assert [entry.size for entry in two.entries()] == [3]
        looked.append(2)

    for at in (0, SIZE // 2, SIZE - 1):
        one.put(NAME, BytesPayload(b"old"), overwrite=True)
        one.put(NAME, Script(some(SIZE), at=at, happens=look_for_the_old), overwrite=True)
        assert two.get(NAME) == some(SIZE)
    assert set(looked) == {1, 2}


def source_is_closed(ground: Ground) -> None:
    """Every stream that a put opens it closes, whether it succeeds or not."""
    store = ground.open()
    good = Script(some(SIZE))
    store.put(NAME, good)
    bad = Script(some(SIZE), at=SIZE // 2, happens=functools.partial(_raise, Unwell))
    with raising(Unwell):
        store.put(NAME + "0", bad)
    assert good.opened == good.closed > 0
    assert bad.opened == bad.closed > 0


def full_place(ground: Ground) -> None:
    """A full place says so, shows nothing of what did not fit, keeps what it has, and takes more when there is room."""
    ground.limit(3 << 20)
    store = ground.open()
    kept = []
    with raising(StoreFull):
        for number in range(20):
            name = f"data/00/{number:02d}"
            store.put(name, BytesPayload(some(300_000, number)))
            kept.append(name)
    assert kept
    assert sorted(entry.name for entry in store.entries()) == kept
    with raising(StoreFull):
        store.put(kept[0], BytesPayload(bytes(SIZE * 2)), overwrite=True)
    _all_there(store, kept)
    for name in kept[len(kept) // 2 :]:
        store.delete(name)
    store.put("data/00/after", BytesPayload(some(300_000)))
    assert store.get("data/00/after") == some(300_000)
    _all_there(store, kept[: len(kept) // 2])


def _all_there(store: Store, names: list[str]) -> None:
    assert [store.get(name) == some(300_000, int(name[-2:])) for name in names] == [True] * len(names)


FACTS = (
    failing_source,
    cancelled_source,
    short_source,
    long_source,
    not_seen_before_it_is_whole,
    source_is_closed,
    full_place,
)
