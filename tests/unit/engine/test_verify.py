"""Verified putting against places that lie, flip bits and lose what they were given."""

from collections.abc import Callable

import pytest

from traybackup.api import checksum
from traybackup.api.errors import AlreadyExists, Offline, StoreDamaged, StoreError
from traybackup.api.store import BytesPayload, Entry, Payload
from traybackup.engine.verify import arrived, put_verified
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore

DATA = b"sealed bytes" * 100
NAME = "data/00/pack"


class Service(MemoryStore):
    """A place that computes a checksum of some kind itself, or tells one that is made up."""

    def __init__(self, kind: str = "sha256", told: str | None = None) -> None:
        super().__init__()
        self.kind, self.told = kind, told
        self.read_backs = 0

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        entry = super().put(name, payload, overwrite=overwrite)
        told = self.told or checksum.of_stream(self.kind, BytesPayload(self.get(name)).open())
        return Entry(name, entry.size, told)

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        self.read_backs += 1
        super().read_back(name, consume)


def puts(store: FaultyStore) -> int:
    return sum(method == "put" for method, _ in store.calls)


def test_a_sound_put_is_read_back_once() -> None:
    """Where the place computes no hash, the object is read back from the medium."""
    store = FaultyStore(MemoryStore())
    put_verified(store, NAME, BytesPayload(DATA))
    assert store.calls == [("put", NAME), ("read_back", NAME)]


@pytest.mark.parametrize("kind", ["sha256", "md5", "dropbox"])
def test_the_services_own_hash_is_enough(kind: str) -> None:
    """Where the place tells a hash of what it has, nothing is sent back."""
    store = Service(kind)
    put_verified(store, NAME, BytesPayload(DATA))
    assert store.read_backs == 0


def test_an_unknown_kind_of_hash_is_not_relied_on() -> None:
    """A checksum that cannot be compared leads to reading back."""
    store = Service(told="crc32c:00")
    put_verified(store, NAME, BytesPayload(DATA))
    assert store.read_backs == 1


@pytest.mark.parametrize("kind", ["sha256", "md5", "dropbox"])
def test_a_wrong_hash_of_the_service_is_damage(kind: str) -> None:
    """A service that twice tells another hash is not trusted."""
    with pytest.raises(StoreDamaged) as caught:
        put_verified(Service(told=f"{kind}:{'0' * 64}"), NAME, BytesPayload(DATA))
    assert caught.value.name == NAME


@pytest.mark.parametrize("do", [Do.FLIP, Do.LIE])
def test_one_bad_write_is_written_anew(do: Do) -> None:
    """A flipped bit or a write that never happened is noticed, and the second try counts."""
    store = FaultyStore(MemoryStore(), [Fault("put", 1, do)])
    put_verified(store, NAME, BytesPayload(DATA))
    assert store.inner.get(NAME) == DATA
    assert puts(store) == 2


@pytest.mark.parametrize("do", [Do.FLIP, Do.LIE])
def test_a_medium_that_stays_bad_is_damage(do: Do) -> None:
    """After two bad writes the medium is not trusted, there is no third, and no junk is left under the name."""
    store = FaultyStore(MemoryStore(), [Fault("put", 1, do, lasting=True)])
    with pytest.raises(StoreDamaged) as caught:
        put_verified(store, NAME, BytesPayload(DATA))
    assert caught.value.name == NAME
    assert puts(store) == 2
    assert list(store.entries()) == []


def test_a_medium_that_does_not_even_remove_is_damage() -> None:
    """Where the junk cannot be removed, either, it is the damage that is told."""
    store = FaultyStore(
        MemoryStore(), [Fault("put", 1, Do.FLIP, lasting=True), Fault("delete", 1, error=Offline(name=NAME))]
    )
    with pytest.raises(StoreDamaged):
        put_verified(store, NAME, BytesPayload(DATA))


@pytest.mark.parametrize("do", [Do.FLIP, Do.LIE])
def test_a_bad_reading_back_leads_to_a_second_write(do: Do) -> None:
    """What cannot be read back soundly has not arrived."""
    store = FaultyStore(MemoryStore(), [Fault("read_back", 1, do)])
    put_verified(store, NAME, BytesPayload(DATA))
    assert puts(store) == 2


def test_a_short_answer_is_not_what_was_sent() -> None:
    """A size that differs needs no reading back."""
    store = FaultyStore(MemoryStore())
    store.put(NAME, BytesPayload(DATA))
    assert not arrived(store, Entry(NAME, len(DATA) - 1), BytesPayload(DATA))
    assert store.calls == [("put", NAME)]


def test_damage_found_by_the_place_itself_counts() -> None:
    """A place that finds the object short when reading it back has not kept it."""
    store = FaultyStore(MemoryStore(), [Fault("read_back", 1, error=StoreDamaged(name=NAME))])
    put_verified(store, NAME, BytesPayload(DATA))
    assert puts(store) == 2


@pytest.mark.parametrize("method", ["put", "read_back"])
def test_any_other_error_of_the_place_passes_as_it_is(method: str) -> None:
    """A place that is gone is not called damaged."""
    error: StoreError = Offline(name=NAME)
    store = FaultyStore(MemoryStore(), [Fault(method, 1, error=error)])
    with pytest.raises(Offline) as caught:
        put_verified(store, NAME, BytesPayload(DATA))
    assert caught.value is error


def test_what_is_there_is_only_replaced_on_request() -> None:
    """Without overwrite a taken name is refused, with it the new object is there."""
    store = MemoryStore()
    store.put(NAME, BytesPayload(b"old"))
    with pytest.raises(AlreadyExists):
        put_verified(store, NAME, BytesPayload(DATA))
    assert store.get(NAME) == b"old"
    put_verified(store, NAME, BytesPayload(DATA), overwrite=True)
    assert store.get(NAME) == DATA
