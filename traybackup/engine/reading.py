"""Reading: the content of one file of a snapshot, without restoring it."""

from collections.abc import Iterator

from traybackup.api.errors import NotFound, RepositoryDamaged, StoreDamaged
from traybackup.engine.codec import BlobKind
from traybackup.engine.pack import PackedBlob, open_blobs
from traybackup.engine.repository import Repository
from traybackup.engine.tree import Node
from traybackup.engine.walk import any_copy

_AT_ONCE = 4 << 20


def read_file(repo: Repository, node: Node) -> Iterator[bytes]:
    """Yield the content of a file piece by piece, each verified. The index must be loaded.

    Raises:
        RepositoryDamaged: A part of it is lost; what came before is right.
    """
    run: list[PackedBlob] = []
    pack = end = -1
    for blob_id in node.content or []:
        location = repo.index.locate(BlobKind.DATA, blob_id)
        if location is None:
            raise RepositoryDamaged(kind="data", id=blob_id.hex(), why="not-indexed")
        number, offset, length, plain_length = location
        if run and (number != pack or offset != end or end - run[0].offset >= _AT_ONCE):
            yield from _read(repo, pack, run)
            run = []
        run.append(PackedBlob(BlobKind.DATA, blob_id, offset, length, plain_length))
        pack, end = number, offset + length
    if run:
        yield from _read(repo, pack, run)


def _read(repo: Repository, pack: int, run: list[PackedBlob]) -> Iterator[bytes]:
    start = run[0].offset
    try:
        data = repo.read_pack(repo.index.pack_id(pack), start, run[-1].offset + run[-1].length - start)
    except (NotFound, StoreDamaged):
        data = b""
    for blob, plain in open_blobs(repo.key, data, start, run):
        yield plain if isinstance(plain, bytes) else any_copy(repo, BlobKind.DATA, blob.id)
