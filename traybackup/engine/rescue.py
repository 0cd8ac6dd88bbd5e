"""Rescue: finding blobs again whose index file is lost. Every pack lists its own, so nothing but time is needed."""

from traybackup.api.errors import NotFound, StoreDamaged, StoreFailed
from traybackup.api.progress import Cancel
from traybackup.engine.codec import FileKind
from traybackup.engine.pack import PackedBlob, decode_header, split_header
from traybackup.engine.repository import FileEntry, Repository

_TAIL = 64 << 10
"""Bytes at the end of a pack that are read first: most headers are shorter."""


def complete_index(repo: Repository, cancel: Cancel | None = None) -> int:
    """Make the blobs of packs known that no index file names, in memory only, and return how many packs there were.

    A pack whose header is not sound is left out.
    """
    known = repo.index.packs()
    found = 0
    for entry in repo.ids(FileKind.PACK):
        pack_id = bytes.fromhex(entry.id)
        if pack_id in known:
            continue
        if cancel is not None:
            cancel.check()
        try:
            blobs = _blobs(repo, pack_id, entry)
        except (ValueError, NotFound, StoreDamaged, StoreFailed):
            continue
        repo.index.add_pack(pack_id, blobs)
        found += 1
    return found


def _blobs(repo: Repository, pack_id: bytes, entry: FileEntry) -> list[PackedBlob]:
    """Read the header of a pack.

    Raises:
        ValueError: It is broken, or does not fit the file.
    """
    size = min(_TAIL, entry.size)
    length, sealed = split_header(repo.read_pack(pack_id, entry.size - size, size), entry.size)
    if len(sealed) < length:
        sealed = repo.read_pack(pack_id, entry.size - length - 4, length)
    blobs = decode_header(repo.key.open(sealed))
    if sum(blob.length for blob in blobs) + length + 4 != entry.size:
        raise ValueError(entry.size)
    return blobs
