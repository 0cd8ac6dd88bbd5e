"""Packing for one thread, and joining what several threads have left over."""

import os
import random
from pathlib import Path

import pytest

from traybackup.api.errors import RepositoryDamaged
from traybackup.engine.codec import BlobKind
from traybackup.engine.crypto import MasterKey
from traybackup.engine.pack import FinishedPack, open_blobs, read_header
from traybackup.engine.packer import LocalPacker, Order, joined

KEY = MasterKey.generate()
DATA, TREE = BlobKind


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(KEY, tmp_path, 1, 64 << 10)


def packed(order: Order, kind: BlobKind, *sizes: int) -> FinishedPack:
    """Return a pack of noise, one blob of each size."""
    packer = LocalPacker(order)
    packer.take(kind, [random.Random(size).randbytes(size) for size in sizes])
    packer.pack(range(len(sizes)))
    (pack,) = packer.finish()
    return pack


def content(pack: FinishedPack) -> dict[bytes, bytes | RepositoryDamaged]:
    with pack.payload.open() as stream:
        data = stream.read()
    assert read_header(KEY, data, pack.id.hex()) == pack.blobs
    return {blob.id: plain for blob, plain in open_blobs(KEY, data, 0, pack.blobs)}


def test_small_packs_become_one(order: Order) -> None:
    """What fits into one pack is joined, kind by kind; every blob opens, and only the files of what is left remain."""
    packs = [
        packed(order, DATA, 5_000, 300),
        packed(order, TREE, 400),
        packed(order, DATA, 20_000),
        packed(order, DATA, 60_000),
        packed(order, TREE, 500, 600),
    ]
    wanted = {blob_id: plain for pack in packs for blob_id, plain in content(pack).items()}
    left = joined(order, packs)
    assert sorted((pack.blobs[0].kind, len(pack.blobs)) for pack in left) == [(DATA, 1), (DATA, 3), (TREE, 3)]
    assert all(len({blob.kind for blob in pack.blobs}) == 1 for pack in left)
    assert {blob_id: plain for pack in left for blob_id, plain in content(pack).items()} == wanted
    assert {pack.path for pack in left} == set(order.folder.iterdir())
    assert all(pack.payload.size <= order.pack_size for pack in left)


def test_what_does_not_fit_stays_as_it_is(order: Order) -> None:
    """Packs that are too large together, and a single one, are handed on untouched."""
    packs = [packed(order, DATA, 40_000), packed(order, DATA, 30_000), packed(order, TREE, 100)]
    assert sorted(joined(order, packs)) == sorted(packs)
    assert joined(order, []) == []


def test_a_temporary_file_that_changed_is_no_pack(order: Order) -> None:
    """A bit that flips while a pack waits is found, and what was begun is tidied up."""
    packs = [packed(order, DATA, 5_000), packed(order, DATA, 6_000)]
    with packs[1].path.open("r+b") as file:
        file.seek(100)
        byte = file.read(1)
        file.seek(100)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(RepositoryDamaged) as caught:
        joined(order, packs)
    assert (caught.value.kind, caught.value.id) == ("pack", packs[1].id.hex())
    assert set(order.folder.iterdir()) == {pack.path for pack in packs}


def test_a_full_disk_leaves_nothing_begun(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the joined pack cannot be written, the error arrives and the others are as they were."""
    packs = [packed(order, DATA, 5_000), packed(order, DATA, 6_000)]

    def full(_fd: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        joined(order, packs)
    assert set(order.folder.iterdir()) == {pack.path for pack in packs}
