"""The index against a plain dict, against hostile files, under concurrent readers, and against its memory bound."""

import json
import random
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from traybackup.api.errors import RepositoryDamaged
from traybackup.engine import index as index_module
from traybackup.engine.codec import BlobKind
from traybackup.engine.index import Index, decode_index, encode_index
from traybackup.engine.pack import PackedBlob

Packs = list[tuple[bytes, list[PackedBlob]]]

U32 = st.integers(0, (1 << 32) - 1)
# few different bytes, so that ids begin alike, are the same, and turn up across the border of two others
IDS = st.lists(st.sampled_from([0, 1, 255]), min_size=32, max_size=32).map(bytes) | st.sampled_from(
    [bytes(32), b"\1" * 32, b"\0\1" * 16, b"\1\0" * 16, bytes(31) + b"\1", b"\xff" * 32]
)
BLOBS = st.builds(PackedBlob, st.sampled_from(BlobKind), IDS, U32, U32, U32)
PACKS = st.lists(
    st.tuples(st.integers(0, 30).map(lambda number: number.to_bytes(32, "big")), st.lists(BLOBS, max_size=8)),
    max_size=4,
)


def blob(number: int, offset: int = 0, kind: BlobKind = BlobKind.DATA) -> PackedBlob:
    return PackedBlob(kind, number.to_bytes(4, "big") * 8, offset, 100, 0)


def pack_id(number: int) -> bytes:
    return number.to_bytes(32, "big")


def random_packs(count: int, each: int, seed: int = 1) -> Packs:
    random_bytes = random.Random(seed).randbytes
    return [
        (
            random_bytes(32),
            [PackedBlob(BlobKind.DATA, random_bytes(32), at * 300, 300, 500) for at in range(each)],
        )
        for _ in range(count)
    ]


# Against a plain dict


class Model(RuleBasedStateMachine):
    """Packs and files are added in any order; whatever is asked, the index answers as a dict would."""

    @initialize(merge_at=st.integers(1, 12))
    def begin(self, merge_at: int) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(index_module, "_MERGE_AT", merge_at)
        self.index = Index()
        self.known: set[tuple[BlobKind, bytes, bytes, int, int, int]] = set()
        self.packs: set[bytes] = set()

    def teardown(self) -> None:
        self._patch.undo()

    def _note(self, packs: Packs) -> None:
        for pack, blobs in packs:
            self.packs.add(pack)
            self.known |= {(one.kind, one.id, pack, *one[2:]) for one in blobs}

    @rule(packs=PACKS)
    def packs_are_stored(self, packs: Packs) -> None:
        for pack, blobs in packs:
            if pack not in self.packs:  # ids of packs are hashes with a nonce in them: no pack is stored twice
                self.index.add_pack(pack, blobs)
                self._note([(pack, blobs)])

    @rule(files=st.lists(PACKS, max_size=3))
    def files_are_loaded(self, files: list[Packs]) -> None:
        self.index.add_files(iter(files))
        for packs in files:
            self._note(packs)

    @rule(kind=st.sampled_from(BlobKind), blob_id=IDS)
    def a_blob_is_looked_up(self, kind: BlobKind, blob_id: bytes) -> None:
        wanted = {entry[2:] for entry in self.known if entry[:2] == (kind, blob_id)}
        assert self.index.has(kind, blob_id) == bool(wanted)
        some = [entry[1] for entry in self.known if entry[0] is kind][:5]
        assert self.index.has_all(kind, some)
        assert self.index.has_all(kind, [*some, blob_id]) == bool(wanted)
        found = self.index.locate(kind, blob_id)
        if found is None:
            assert not wanted
        else:
            assert (self.index.pack_id(found[0]), *found[1:]) in wanted
        everywhere = [(self.index.pack_id(number), *rest) for number, *rest in self.index.locations(kind, blob_id)]
        assert Counter(everywhere) == Counter(wanted)  # each once

    @invariant()
    def everything_is_there_once(self) -> None:
        if not hasattr(self, "index"):
            return
        found = [(kind, one, self.index.pack_id(pack), *rest) for kind, one, pack, *rest in self.index.entries()]
        assert Counter(found) == Counter(self.known)
        assert len(self.index) >= len(self.known)
        numbers = self.index.packs()
        assert set(numbers) == self.packs
        assert all(self.index.pack_id(number) == pack for pack, number in numbers.items())


Model.TestCase.settings = settings(max_examples=30, stateful_step_count=10, deadline=None)
TestModel = Model.TestCase
TestModel.__doc__ = "The index answers as a dict would, whatever was added in whatever order."


@given(PACKS)
def test_ranks_number_the_blobs_in_the_order_of_the_entries(packs: Packs) -> None:
    """The rank of a blob is the place of its first copy among all entries."""
    index = Index()
    index.add_files(iter([packs]))
    order = [(kind, blob_id) for kind, blob_id, *_ in index.entries()]
    for kind, blob_id in order:
        assert index.rank(kind, blob_id) == order.index((kind, blob_id))
    assert index.rank(BlobKind.DATA, b"\x77" * 32) is None


def test_copies_of_a_blob_in_several_packs_are_all_listed() -> None:
    """A blob may lie in several packs, as after an interrupted repacking; each place is kept."""
    index = Index()
    for number in range(3):
        index.add_pack(pack_id(number), [blob(7, offset=number)])
    index.add_files(iter([[(pack_id(3), [blob(7, offset=3)])]]))
    assert sorted(entry[3] for entry in index.entries()) == [0, 1, 2, 3]
    found = index.locate(BlobKind.DATA, blob(7).id)
    assert found is not None
    assert index.pack_id(found[0]) == pack_id(found[1])


def test_data_and_trees_are_apart() -> None:
    """The same id can be a blob of data and a tree; one does not stand for the other."""
    index = Index()
    index.add_pack(pack_id(1), [blob(7)])
    assert index.has(BlobKind.DATA, blob(7).id)
    assert not index.has(BlobKind.TREE, blob(7).id)
    index.add_pack(pack_id(2), [blob(7, 5, BlobKind.TREE)])
    assert index.locate(BlobKind.TREE, blob(7).id) == (1, 5, 100, 0)


def test_a_pack_that_two_files_speak_of_has_what_both_say() -> None:
    """While an index is replaced its packs are listed twice; what only one of the lists knows is not lost."""
    index = Index()
    files = [[(pack_id(1), [blob(1), blob(2, 100)])], [(pack_id(1), [blob(2, 100), blob(3, 200)])]]
    index.add_files(iter(files))
    assert sorted(entry[3] for entry in index.entries()) == [0, 100, 200]
    assert all(index.has(BlobKind.DATA, blob(number).id) for number in (1, 2, 3))
    index.add_files(iter(files))
    assert len(list(index.entries())) == 3


def test_a_blob_that_is_twice_in_one_pack_is_no_problem() -> None:
    """Nobody should write such a pack, but it can be read."""
    index = Index()
    index.add_pack(pack_id(1), [blob(1), blob(1, 100)])
    assert sorted(entry[3] for entry in index.entries()) == [0, 100]


def test_what_lies_in_a_lost_pack_counts_as_unknown_until_it_is_stored_again() -> None:
    """Its old places stay known, for one of them might still open."""
    index = Index()
    index.add_pack(pack_id(1), [blob(1), blob(2, 100)])
    index.add_pack(pack_id(2), [blob(2), blob(3, 100)])
    index.lose(BlobKind.DATA, blob(1).id)
    assert [index.has(BlobKind.DATA, blob(number).id) for number in (1, 2, 3)] == [False, True, True]
    assert not index.has_all(BlobKind.DATA, [blob(3).id, blob(1).id])
    assert index.has_all(BlobKind.DATA, [blob(2).id, blob(3).id])
    assert index.locate(BlobKind.DATA, blob(1).id) == (0, 0, 100, 0)
    index.add_pack(pack_id(3), [blob(1)])
    assert index.has_all(BlobKind.DATA, [blob(3).id, blob(1).id])
    assert index.has(BlobKind.DATA, blob(1).id)
    assert len(index.locations(BlobKind.DATA, blob(1).id)) == 2
    index.lose(BlobKind.DATA, blob(9).id)
    assert index.has(BlobKind.DATA, blob(3).id)


# Files


@given(PACKS)
def test_an_index_file_comes_back(packs: Packs) -> None:
    """Encoding is undone by decoding, and is plain compact JSON as restic orders it."""
    data = encode_index(packs)
    assert decode_index(data, "x") == packs
    assert data == json.dumps(json.loads(data), separators=(",", ":")).encode()


def test_an_index_file_has_restics_fields() -> None:
    """The uncompressed length is left out where there is none."""
    first, second = bytes(range(32)), bytes(range(32, 64))
    packs = [(first, [PackedBlob(BlobKind.TREE, second, 7, 8, 9), PackedBlob(BlobKind.DATA, first, 15, 40, 0)])]
    assert encode_index(packs).decode() == (
        f'{{"packs":[{{"id":"{first.hex()}","blobs":['
        f'{{"id":"{second.hex()}","type":"tree","offset":7,"length":8,"uncompressed_length":9}},'
        f'{{"id":"{first.hex()}","type":"data","offset":15,"length":40}}]}}]}}'
    )
    assert encode_index([]) == b'{"packs":[]}'


def test_restics_other_fields_are_ignored() -> None:
    """A list of superseded files, which restic 0.9 and older wrote, says nothing about blobs."""
    data = b'{"supersedes":["' + b"a" * 64 + b'"],"packs":[],"more":{"x":1}}'
    assert decode_index(data, "x") == []


GOOD_BLOB = '{"id":"%s","type":"data","offset":0,"length":40}' % ("a" * 64)


def with_blob(text: str) -> str:
    return f'{{"packs":[{{"id":"{"b" * 64}","blobs":[{text}]}}]}}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"packs":{}}',
        '{"packs":[null]}',
        '{"packs":[{"id":"%s"}]}' % ("b" * 64),
        '{"packs":[{"id":"../../etc/passwd","blobs":[]}]}',
        '{"packs":[{"id":"%s","blobs":[]}]}' % ("B" * 64),
        '{"packs":[{"id":"%s","blobs":[]}]}' % ("b" * 63),
        with_blob(GOOD_BLOB)[:-1],
        with_blob("null"),
        with_blob(GOOD_BLOB.replace("a" * 64, "a" * 62 + "/.")),
        with_blob(GOOD_BLOB.replace('"data"', '"Data"')),
        with_blob(GOOD_BLOB.replace('"data"', "0")),
        with_blob(GOOD_BLOB.replace('"offset":0', '"offset":-1')),
        with_blob(GOOD_BLOB.replace('"offset":0', '"offset":4294967296')),
        with_blob(GOOD_BLOB.replace('"offset":0', '"offset":1e400')),
        with_blob(GOOD_BLOB.replace('"offset":0', '"offset":0.5')),
        with_blob(GOOD_BLOB.replace('"offset":0', '"offset":"0"')),
        with_blob(GOOD_BLOB.replace('"offset":0', '"offset":' + "9" * 5000)),
        with_blob(GOOD_BLOB.replace("40", "-40")),
        with_blob(GOOD_BLOB.replace("40", "4294967296")),
        with_blob(GOOD_BLOB.replace("40}", '40,"uncompressed_length":-1}')),
        with_blob(GOOD_BLOB.replace("40}", '40,"uncompressed_length":4294967296}')),
        with_blob(GOOD_BLOB.replace(',"length":40', "")),
        '{"packs":' + "[" * 100_000,
        '{"packs":[{"id":"\\ud800","blobs":[]}]}',
    ],
    ids=lambda text: text[-60:].replace("a" * 20, "a").replace("b" * 20, "b"),
)
def test_hostile_index_files_are_damage(text: str) -> None:
    """Whatever is not exactly an index is reported with the file's id, and nothing of it gets in."""
    with pytest.raises(RepositoryDamaged) as caught:
        decode_index(text.encode(), "the id")
    assert (caught.value.kind, caught.value.id, caught.value.why) == ("index", "the id", "bad-index")


@given(st.binary(max_size=80) | st.text(alphabet='{}[]":,packsidbloffetyngh0123456789', max_size=80).map(str.encode))
def test_no_bytes_make_decoding_fail_in_another_way(data: bytes) -> None:
    """Any bytes are an index or damage."""
    try:
        decode_index(data, "x")
    except RepositoryDamaged:
        return


def test_nothing_gets_in_when_a_file_is_damaged_half_way() -> None:
    """Loading ends with the error, and the blobs of the files before it are not known by halves."""

    def files() -> Iterator[Packs]:
        yield [(pack_id(1), [blob(1)])]
        raise RepositoryDamaged(kind="index")

    index = Index()
    with pytest.raises(RepositoryDamaged):
        index.add_files(files())
    assert not index.has(BlobKind.DATA, blob(1).id)
    assert list(index.entries()) == []


# Threads and memory


def together(*calls: Callable[[], object]) -> list[BaseException]:
    """Run *calls* at the same time; return what they raised."""
    raised: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


@pytest.fixture
def _impatient_interpreter() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_impatient_interpreter")
def test_readers_never_miss_a_blob_while_others_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known stays known through every merge, for readers that take no lock."""
    monkeypatch.setattr(index_module, "_MERGE_AT", 40)
    index, packs = Index(), random_packs(60, 20)
    index.add_pack(*packs[0])
    added, over = [packs[0]], threading.Event()

    def write(mine: Sequence[tuple[bytes, list[PackedBlob]]]) -> None:
        for pack, blobs in mine:
            index.add_pack(pack, blobs)
            added.append((pack, blobs))

    def read() -> None:
        while not over.is_set():
            for pack, blobs in added[:]:
                for one in blobs:
                    found = index.locate(BlobKind.DATA, one.id)
                    assert found is not None
                    assert (index.pack_id(found[0]), *found[1:]) == (pack, *one[2:])
                    assert not index.has(BlobKind.DATA, one.id[::-1])

    def write_all() -> None:
        try:
            assert together(lambda: write(packs[1::2]), lambda: write(packs[2::2])) == []
        finally:
            over.set()

    assert together(write_all, read, read) == []
    assert sum(1 for _ in index.entries()) == 60 * 20


@pytest.mark.usefixtures("_impatient_interpreter")
def test_ranks_and_locations_may_be_asked_for_while_blobs_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking merges, and merging in a reader loses and doubles nothing."""
    monkeypatch.setattr(index_module, "_MERGE_AT", 1000)
    index, packs = Index(), random_packs(60, 20, seed=2)
    over = threading.Event()

    def write() -> None:
        try:
            for pack, blobs in packs:
                index.add_pack(pack, blobs)
        finally:
            over.set()

    def read() -> None:
        while not over.is_set():
            index.locations(BlobKind.DATA, packs[0][1][0].id)
            index.rank(BlobKind.DATA, packs[0][1][0].id)

    assert together(write, read, read) == []
    for _, blobs in packs:
        assert all(len(index.locations(BlobKind.DATA, one.id)) == 1 for one in blobs)


def test_forty_thousand_blobs_take_their_share_of_the_memory_bound() -> None:
    """48 bytes a blob and little more: a million stays far below 150 MB, loaded or added."""
    packs = random_packs(160, 250)
    for fill in (lambda index: index.add_files(iter([packs])), lambda index: [index.add_pack(*one) for one in packs]):
        tracemalloc.start()
        index = Index()
        fill(index)
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(index) == 40_000
        assert kept < 7 << 20
        assert peak < 15 << 20


@pytest.mark.campaign
def test_a_million_blobs_fit_into_150_megabytes(peak_memory: Callable[[str], int]) -> None:
    """Index files of 50,000 blobs are read one after the other, as a repository of some 20 to 60 GB has them."""
    grown = peak_memory(
        """
        import os
        from traybackup.engine.codec import BlobKind
        from traybackup.engine.index import Index, decode_index, encode_index
        from traybackup.engine.pack import PackedBlob
        def files():
            for _ in range(20):
                packs = [(os.urandom(32), [PackedBlob(BlobKind.DATA, os.urandom(32), at * 9000, 9000, 16384)
                                           for at in range(1000)]) for _ in range(50)]
                yield decode_index(encode_index(packs), "x")
        next(files())
        start()
        index = Index()
        index.add_files(files())
        assert len(index) == 1_000_000
        """
    )
    assert grown < 150 << 20
