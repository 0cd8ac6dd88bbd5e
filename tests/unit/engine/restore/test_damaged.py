"""Restoring from a damaged repository: everything undamaged comes back, the rest is listed."""

import hashlib
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import Offline, PlaceGone, RepositoryDamaged, RestoreIncomplete, StoreFailed
from traybackup.engine.codec import BlobKind
from traybackup.engine.pack import read_header
from traybackup.engine.restorer import problem, restore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="restoring on Windows has tests of its own")

Make = Callable[..., Any]
Listing = Callable[[Path], dict[str, bytes | None]]


def spoil(made: Any, name: str, change: Callable[[bytearray], object]) -> None:
    """Change an object behind the repository's back."""
    data = bytearray(made.store.place.objects[name])
    change(data)
    made.store.place.objects[name] = bytes(data)


def tree_of_many(file: Make, folder: Make) -> dict[bytes, Any]:
    chance = random.Random(7)
    blobs = [chance.randbytes(2000 + number) for number in range(30)]
    return {
        b"d%d" % n: folder({b"f%d" % m: file(*blobs[(n * 7 + m) % 30 :][: m % 4 + 1]) for m in range(8)})
        for n in range(4)
    }


def test_every_flipped_byte_costs_only_its_blob(
    made: Any, file: Make, folder: Make, tmp_path: Path, listing: Listing
) -> None:
    """Wherever a data pack is damaged, exactly the files that need the damaged blob are missing, and told."""
    tree = made.plant(tree_of_many(file, folder))
    whole = tmp_path / "whole"
    restore(made.repo, tree, whole)
    expected = listing(whole)
    [(name, data)] = [
        (name, data)
        for name, data in made.objects("data/").items()
        if read_header(made.repo.key, data)[0].kind is BlobKind.DATA
    ]
    blobs = read_header(made.repo.key, data)
    for number, blob in enumerate(blobs[::3]):
        at = blob.offset + blob.length * (number % 3) // 3
        made.store.place.objects[name] = data[:at] + bytes((data[at] ^ 0x40,)) + data[at + 1 :]
        restored = restore(made.repo, tree, tmp_path / str(number))
        found = listing(tmp_path / str(number))
        lost = {item.path.decode().lstrip("/") for item in restored.failed}
        assert lost
        assert {path: content for path, content in expected.items() if path not in lost} == found
        assert all(item.reason == "damaged" for item in restored.failed)
        assert isinstance(problem(restored), RestoreIncomplete)


def test_a_truncated_pack_gives_what_is_left_of_it(made: Any, file: Make, target: Path, listing: Listing) -> None:
    """Files whose blobs lie before the cut come back."""
    tree = made.plant({b"f%02d" % n: file(random.Random(n).randbytes(3000)) for n in range(20)})
    [name] = [name for name, data in made.objects("data/").items() if len(data) > 30_000]
    spoil(made, name, lambda data: data.__delitem__(slice(len(data) // 2, None)))
    restored = restore(made.repo, tree, target)
    assert 5 <= restored.files < 15
    assert restored.files + len(restored.failed) == 20
    for path, content in listing(target).items():
        assert content == random.Random(int(path[1:])).randbytes(3000)


def test_a_missing_pack_costs_its_files(made: Any, target: Path) -> None:
    """Every file of another pack is there."""
    made.each_in_its_pack = True
    tree = made.plant({b"a": b"1" * 100, b"b": b"2" * 100, b"c": b"3" * 100})
    location = made.repo.index.locate(BlobKind.DATA, hashlib.sha256(b"2" * 100).digest())
    pack = made.repo.index.pack_id(location[0]).hex()
    del made.store.place.objects[f"data/{pack[:2]}/{pack}"]
    restored = restore(made.repo, tree, target)
    assert (restored.files, [item.path for item in restored.failed]) == (2, [b"/b"])


def test_a_blob_that_is_not_indexed_costs_its_file(made: Any, raw: Make, target: Path) -> None:
    """A file that names a blob nobody has is listed, even if its other blobs are there."""
    with made.repo.writing() as saver:
        good = saver.save(BlobKind.DATA, b"good").hex()
    missing = b'{"name":"a","type":"file","mtime":"2026-11-22T13:29:09Z","content":["%s","%s"]}' % (
        good.encode(),
        b"0" * 64,
    )
    restored = restore(made.repo, made.plant({b"a": raw(missing), b"b": b"good"}), target)
    assert (restored.files, [item.path for item in restored.failed]) == (1, [b"/a"])
    assert [path.name for path in target.iterdir()] == ["b"]


def test_a_second_copy_of_a_blob_saves_the_file(made: Any, file: Make, target: Path) -> None:
    """If one of two packs that hold a blob is damaged, the other one is used, for data and trees."""
    made.each_in_its_pack = True
    content = {b"d": {b"a": file(b"once", b"twice"), b"b": b"once"}}
    tree = made.plant(content)
    first = set(made.objects("data/"))
    index, made.repo.index = made.repo.index, type(made.repo.index)()
    assert made.plant(content) == tree
    del index
    made.repo.load_index()
    for name in first:
        spoil(made, name, lambda data: data.__setitem__(slice(5, 20), bytes(15)))
    restored = restore(made.repo, tree, target)
    assert (restored.files, restored.failed) == (2, [])
    assert (target / "d" / "a").read_bytes() == b"oncetwice"


def test_a_damaged_directory_costs_what_is_in_it(made: Any, target: Path, listing: Listing) -> None:
    """A tree that cannot be read is listed by its path; all other directories come back."""
    made.each_in_its_pack = True
    lost = {b"x": b"lost"}
    tree = made.plant({b"a": lost, b"b": {b"y": b"kept"}})
    alone = made.plant(lost)
    pack = made.repo.index.pack_id(made.repo.index.locate(BlobKind.TREE, alone)[0]).hex()
    spoil(made, f"data/{pack[:2]}/{pack}", lambda data: data.__setitem__(20, data[20] ^ 1))
    restored = restore(made.repo, tree, target)
    assert listing(target) == {"a": None, "b": None, "b/y": b"kept"}
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/a", "damaged")]


def test_a_damaged_top_is_an_error(made: Any, target: Path) -> None:
    """Without the root tree there is nothing to bring back; the target is not even made."""
    tree = made.plant({b"a": b"1"})
    pack = made.repo.index.pack_id(made.repo.index.locate(BlobKind.TREE, tree)[0]).hex()
    spoil(made, f"data/{pack[:2]}/{pack}", lambda data: data.__setitem__(20, data[20] ^ 1))
    with pytest.raises(RepositoryDamaged):
        restore(made.repo, tree, target)
    assert not target.exists()


@pytest.mark.parametrize("error", [PlaceGone, Offline])
def test_a_place_that_is_gone_ends_the_restore(
    made: Any, file: Make, target: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A drive that was pulled out is not taken for damage, and no half file is left."""
    tree = made.plant({b"f%d" % n: file(random.Random(n).randbytes(4000), b"end") for n in range(9)})
    reads = []
    real = made.repo.read_pack

    def failing(pack_id: bytes, offset: int = 0, length: int | None = None) -> bytes:
        reads.append(pack_id)
        if len(reads) > 2:
            raise error
        return real(pack_id, offset, length)

    monkeypatch.setattr("traybackup.engine.filewriter._JOB_LOCAL", 4096)
    monkeypatch.setattr("traybackup.engine.filewriter._JOB_AFAR", 4096)
    monkeypatch.setattr(made.repo, "read_pack", failing)
    with pytest.raises(error):
        restore(made.repo, tree, target)
    assert all(path.stat().st_size == 4003 for path in target.iterdir())


def test_a_sector_that_cannot_be_read_costs_only_its_blob(
    made: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails on a part of a pack is asked for the rest, piece by piece."""
    tree = made.plant({b"f%d" % n: random.Random(n).randbytes(4000) for n in range(9)})
    real = made.repo.read_pack

    def failing(pack_id: bytes, offset: int = 0, length: int | None = None) -> bytes:
        if length is not None and offset <= 9000 < offset + length:
            raise StoreFailed(reason="Input/output error")
        return real(pack_id, offset, length)

    monkeypatch.setattr(made.repo, "read_pack", failing)
    monkeypatch.setattr(
        "traybackup.engine.walk.TreeReader._read", lambda _, tree_id: made.repo.blob(BlobKind.TREE, tree_id)
    )
    restored = restore(made.repo, tree, target)
    assert (restored.files, len(restored.failed)) == (8, 1)


@pytest.mark.parametrize("how", ["lost", "damaged"])
def test_without_index_files_the_packs_tell_what_is_in_them(
    made: Any, file: Make, folder: Make, target: Path, listing: Listing, how: str
) -> None:
    """A lost or damaged index costs nothing, and packs that nobody can read are passed over."""
    tree = made.plant(tree_of_many(file, folder))
    for name in made.objects("index/"):
        if how == "lost":
            del made.store.place.objects[name]
        else:
            spoil(made, name, lambda data: data.__setitem__(40, data[40] ^ 1))
    made.store.place.objects[f"data/00/{'0' * 64}"] = b"no pack"
    made.store.place.objects[f"data/01/{'01' * 32}"] = bytes(range(200)) + (150).to_bytes(4, "little")
    made.repo.load_index(damaged=[])
    assert len(made.repo.index) == 0
    restored = restore(made.repo, tree, target)
    assert (restored.files, restored.failed) == (32, [])
    assert len([path for path, content in listing(target).items() if content]) == 32


def test_a_pack_with_a_long_header_is_read_too(made: Any, file: Make, target: Path) -> None:
    """The list of thousands of blobs in one pack is fetched in a second read."""
    blobs = [b"%d" % number for number in range(3000)]
    tree = made.plant({b"many": file(*blobs)})
    made.repo.index = type(made.repo.index)()
    restored = restore(made.repo, tree, target)
    assert not restored.failed
    assert (target / "many").read_bytes() == b"".join(blobs)
