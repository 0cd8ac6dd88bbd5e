"""Walking a snapshot: paths are found, everything is listed, damage is told and not the end."""

from collections.abc import Callable
from typing import Any

import pytest

from traybackup.api.errors import NotInSnapshot, RepositoryDamaged
from traybackup.api.source import Kind
from traybackup.engine import walk as walking
from traybackup.engine.codec import BlobKind
from traybackup.engine.reading import read_file
from traybackup.engine.walk import Measure, TreeReader, any_copy, find, measure, split_path, walk

Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", []),
        ("", []),
        ("/srv/till", [b"srv", b"till"]),
        ("srv//till/./", [b"srv", b"till"]),
        ("C:\\Kasse\\db", [b"C", b"Kasse", b"db"]),
        ("c:/Kasse", [b"c", b"Kasse"]),
        ("D:", [b"D"]),
        ("back\\slash", [b"back\\slash"]),
        ("bad\udcff", [b"bad\xff"]),
    ],
)
def test_paths_are_split_into_names(path: str, names: list[bytes]) -> None:
    """Slashes at the ends, drives of Windows and names that are no UTF-8 are all understood."""
    assert split_path(path) == names


@pytest.mark.parametrize("path", ["..", "/a/../b", "/nothing", "/d/f/below a file", "/d/nothing"])
def test_what_is_not_there_is_told(made: Any, path: str) -> None:
    """A path that leads nowhere, or out, is named in the error."""
    tree = made.plant({b"d": {b"f": b"1"}})
    with pytest.raises(NotInSnapshot) as caught:
        find(made.repo, tree, path)
    assert caught.value.path == path


def test_nodes_are_found_by_their_path(made: Any) -> None:
    """A file, a directory and the top itself are found."""
    tree = made.plant({b"d": {b"f": b"content"}})
    assert b"".join(read_file(made.repo, find(made.repo, tree, "/d/f"))) == b"content"
    top = find(made.repo, tree, "/")
    assert (top.name, top.subtree, top.metadata.kind) == (b"", tree, Kind.DIRECTORY)
    assert find(made.repo, tree, "d").subtree is not None


def test_everything_is_listed_in_order(made: Any) -> None:
    """Directories come before what is in them, with whole paths."""
    tree = made.plant({b"a": b"1", b"b": {b"c": {b"d": b"2"}, b"e": {}}, b"f": b"3"})
    paths = [path for path, _ in walk(TreeReader(made.repo), tree)]
    assert paths == [b"/a", b"/b", b"/b/c", b"/b/c/d", b"/b/e", b"/f"]
    assert next(walk(TreeReader(made.repo), tree, b"/top"))[0] == b"/top/a"


def test_damage_is_listed_and_passed(made: Any, raw: Make) -> None:
    """A tree that is lost, or holds a node that is not sound, is an entry of the list."""
    bad = b'{"name":"x","type":"dir","mtime":"2026-11-22T13:29:09Z","content":null,"subtree":"%s"}' % (b"0" * 64)
    worse = b'{"name":"..","type":"file","mtime":"2026-11-22T13:29:09Z","content":[]}'
    tree = made.plant({b"a": b"1", b"x": raw(bad), b"y": raw(worse), b"z": b"2"})
    listed = list(walk(TreeReader(made.repo), tree))
    assert [path for path, found in listed if isinstance(found, RepositoryDamaged)] == [b"/x", b"/"]
    assert [path for path, found in listed if not isinstance(found, RepositoryDamaged)] == [b"/a", b"/x", b"/z"]


def test_sums_are_right_and_shared_trees_count_each_time(made: Any) -> None:
    """Entries, directories, bytes and the largest file are added up, without looking at a tree twice."""
    same = {b"f": b"x" * 10, b"g": b"y" * 5}
    tree = made.plant({b"a": same, b"b": same, b"c": b"z" * 100})
    known: dict[bytes, Measure] = {}
    assert measure(TreeReader(made.repo), tree, known) == Measure(5, 2, 130, 100)
    assert len(known) == 2
    assert measure(TreeReader(made.repo), tree, known) == Measure(5, 2, 130, 100)


def test_what_cannot_be_measured_counts_as_nothing(made: Any, raw: Make) -> None:
    """Lost trees and nonsense do not stop the measuring; they are reported by who restores them."""
    bad = b'{"name":"x","type":"dir","content":null,"subtree":"%s"}' % (b"0" * 64)
    tree = made.plant({b"a": b"123", b"x": raw(bad)})
    assert measure(TreeReader(made.repo), tree) == Measure(1, 1, 3, 3)


def test_trees_are_read_with_few_reads(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred directories cost a read or two, and a second look none."""
    tree = made.plant({b"%03d" % number: {b"f": b"%d" % number} for number in range(100)})
    reads: list[int] = []
    real = made.repo.read_pack
    monkeypatch.setattr(made.repo, "read_pack", lambda *given: reads.append(1) or real(*given))
    reader = TreeReader(made.repo)
    assert len(list(walk(reader, tree))) == 200
    assert len(reads) <= 2
    assert len(list(walk(reader, tree))) == 200
    assert len(reads) <= 2


def test_little_memory_is_kept(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees that do not fit what may be kept are read again."""
    monkeypatch.setattr(walking, "_KEEP", 100)
    tree = made.plant({b"d": {b"f": b"1"}})
    reader = TreeReader(made.repo)
    assert len(list(walk(reader, tree))) == len(list(walk(reader, tree))) == 2
    assert reader._kept == {}


def test_trees_in_damaged_packs_are_read_one_by_one(made: Any) -> None:
    """If the stretch around a tree cannot be read, the tree itself may still be."""
    tree = made.plant({b"d": {b"f": b"1"}, b"e": {b"g": b"2"}})
    pack = made.repo.index.pack_id(made.repo.index.locate(BlobKind.TREE, tree)[0]).hex()
    name = f"data/{pack[:2]}/{pack}"
    data = bytearray(made.store.place.objects[name])
    data[20] ^= 1  # the tree that was written first
    made.store.place.objects[name] = bytes(data)
    listed = [path for path, found in walk(TreeReader(made.repo), tree) if isinstance(found, RepositoryDamaged)]
    assert listed == [b"/d"]


def test_a_lost_blob_is_an_error(made: Any, file: Make) -> None:
    """A file is read up to the part that is lost, then the error says which one."""
    tree = made.plant({b"f": file(b"first" * 100, b"second" * 100)})
    node = find(made.repo, tree, "f")
    assert b"".join(read_file(made.repo, node)) == b"first" * 100 + b"second" * 100
    location = made.repo.index.locate(BlobKind.DATA, node.content[1])
    pack = made.repo.index.pack_id(location[0]).hex()
    name = f"data/{pack[:2]}/{pack}"
    data = bytearray(made.store.place.objects[name])
    data[location[1] + 20] ^= 1
    made.store.place.objects[name] = bytes(data)
    pieces = read_file(made.repo, node)
    assert next(pieces) == b"first" * 100
    with pytest.raises(RepositoryDamaged) as caught:
        next(pieces)
    assert caught.value.id == node.content[1].hex()
    del made.store.place.objects[name]
    with pytest.raises(RepositoryDamaged):
        b"".join(read_file(made.repo, node))
    node.content[0] = bytes(32)
    with pytest.raises(RepositoryDamaged, match="not-indexed"):
        b"".join(read_file(made.repo, node))


def test_another_copy_is_as_good(made: Any) -> None:
    """A blob is taken from whichever pack has it whole; if none has, that is damage."""
    made.each_in_its_pack = True
    made.plant({b"f": b"precious"})
    index, made.repo.index = made.repo.index, type(made.repo.index)()
    made.plant({b"f": b"precious"})
    del index
    made.repo.load_index()
    blob_id = next(blob_id for kind, blob_id, *_ in made.repo.index.entries() if kind is BlobKind.DATA)
    packs = [
        made.repo.index.pack_id(location[0]).hex() for location in made.repo.index.locations(BlobKind.DATA, blob_id)
    ]
    assert len(packs) == 2
    for pack in packs:
        assert any_copy(made.repo, BlobKind.DATA, blob_id) == b"precious"
        del made.store.place.objects[f"data/{pack[:2]}/{pack}"]
    with pytest.raises(RepositoryDamaged):
        any_copy(made.repo, BlobKind.DATA, blob_id)


def test_large_files_are_read_in_pieces(made: Any, file: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours are read together, up to a limit, and the pieces are in order."""
    monkeypatch.setattr("traybackup.engine.reading._AT_ONCE", 3000)
    blobs = [bytes([number]) * 1000 for number in range(30)]
    node = find(made.repo, made.plant({b"f": file(*blobs, *blobs)}), "f")
    assert b"".join(read_file(made.repo, node)) == b"".join(blobs * 2)
