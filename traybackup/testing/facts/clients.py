"""Facts about several clients and threads."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

from traybackup.api.errors import AlreadyExists, NotFound
from traybackup.api.store import BytesPayload, Store
from traybackup.testing.facts.objects import NAME, some
from traybackup.testing.ground import Ground, raising


def other_client_sees_puts(ground: Ground) -> None:
    """When put returns, a client that was open before and has already looked sees the object in every way."""
    one, two = ground.open(), ground.open()
    assert list(two.entries()) == []
    with raising(NotFound):
        two.stat(NAME)
    one.put(NAME, BytesPayload(b"hello"))
    assert two.get(NAME) == b"hello"
    assert two.stat(NAME).size == 5
    assert [entry.name for entry in two.entries()] == [NAME]
    with raising(AlreadyExists):
        two.put(NAME, BytesPayload(b"other"))


def other_client_sees_changes(ground: Ground) -> None:
    """Another client sees what was overwritten and what was deleted, though it had read the old."""
    one, two = ground.open(), ground.open()
    one.put(NAME, BytesPayload(b"old"))
    assert two.get(NAME) == b"old"
    assert [entry.size for entry in two.entries()] == [3]
    one.put(NAME, BytesPayload(b"newer"), overwrite=True)
    assert two.get(NAME) == b"newer"
    assert two.stat(NAME).size == 5
    assert [entry.size for entry in two.entries()] == [5]
    one.delete(NAME)
    with raising(NotFound):
        two.get(NAME)
    assert list(two.entries()) == []
    two.put(NAME, BytesPayload(b"again"))
    assert one.get(NAME) == b"again"


def other_client_deletes(ground: Ground) -> None:
    """What one client put, another can delete and put anew."""
    one, two = ground.open(), ground.open()
    one.put(NAME, BytesPayload(b"one"))
    two.delete(NAME)
    with raising(NotFound):
        one.stat(NAME)
    one.delete(NAME)
    one.put(NAME, BytesPayload(b"two"))
    assert two.get(NAME) == b"two"


def parallel_puts(ground: Ground) -> None:
    """Puts of several threads and clients, into new folders, all arrive whole."""
    stores = [ground.open(), ground.open()]
    wanted = {f"data/{number % 5:02x}/{number:03d}": some(3000 + number, number) for number in range(40)}

    def put(item: tuple[int, str]) -> None:
        number, name = item
        stores[number % 2].put(name, BytesPayload(wanted[name]))

    with _threads(stores[0]) as pool:
        list(pool.map(put, enumerate(wanted)))
        got = dict(zip(wanted, pool.map(stores[0].get, wanted), strict=True))
    assert got == wanted
    assert {entry.name: entry.size for entry in stores[1].entries()} == {name: len(wanted[name]) for name in wanted}


def parallel_reads(ground: Ground) -> None:
    """Ranges read by several threads at once are each the right ones."""
    store = ground.open()
    data = some(300_000)
    store.put(NAME, BytesPayload(data))

    def read(number: int) -> bool:
        return (
            store.get(NAME, number * 7919 % 250_000, 1000 + number) == data[number * 7919 % 250_000 :][: 1000 + number]
        )

    with _threads(store) as pool:
        assert all(pool.map(read, range(80)))


def one_of_many_wins(ground: Ground) -> None:
    """Of several that put the same name at once, one succeeds, the others are refused, and its object is there."""
    stores = [ground.open(), ground.open()]
    for turn in range(8):
        name = f"locks/{turn}"

        def put(number: int, name: str = name) -> int | None:
            with contextlib.suppress(AlreadyExists):
                stores[number % 2].put(name, BytesPayload(some(20_000, number)))
                return number
            return None

        with _threads(stores[0]) as pool:
            winners = [number for number in pool.map(put, range(6)) if number is not None]
        assert len(winners) == 1
        assert [store.get(name) == some(20_000, winners[0]) for store in stores] == [True, True]
        assert [entry.name for entry in stores[0].entries(name)] == [name]


def readers_see_whole_objects(ground: Ground) -> None:
    """Whoever reads while others overwrite gets one of the whole versions."""
    one, two = ground.open(), ground.open()
    versions = [some(100_000 + 5000 * number, number) for number in range(6)]
    one.put(NAME, BytesPayload(versions[0]))

    def write() -> None:
        for version in versions[1:]:
            one.put(NAME, BytesPayload(version), overwrite=True)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            assert two.get(NAME) in versions
        writing.result()
    assert two.get(NAME) == versions[-1]


def _threads(store: Store) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(2, store.capabilities.parallel))


FACTS = (
    other_client_sees_puts,
    other_client_sees_changes,
    other_client_deletes,
    parallel_puts,
    parallel_reads,
    one_of_many_wins,
    readers_see_whole_objects,
)
