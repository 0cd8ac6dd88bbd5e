"""Chunking: where a file is cut into blobs.

Database files are written page by page, so they are cut into fixed blocks on the page grid: one changed page costs one
block. Other files are cut by content (FastCDC), so that an insertion moves no later cut. Either is legal in restic's
format, where a file's blobs are whatever its node lists.

The content-defined cuts depend on a secret of the repository: otherwise the lengths of blobs would tell somebody who
sees the packs which well-known files are in them.

Source: W. Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems"
(2020); measurements in the project's benchmarks.
"""

import hashlib
from collections.abc import Callable, Iterator

from pyfastcdc import FastCDC

MIN_CHUNK = 512 << 10
MEAN_CHUNK = 1 << 20
MAX_CHUNK = 4 << 20
BLOCK = 16 << 10
"""Bytes of a database block: small enough that a day's changes stay small, large enough for the index."""

SEGMENT = 1 << 20
"""Bytes of a database read at a time and handed to a worker: 64 blocks."""

_WINDOW = 8 << 20


def block_size(page_size: int) -> int:
    """Return the block for a database with pages of *page_size* bytes: a multiple of it, near `BLOCK`."""
    return max(page_size, BLOCK // page_size * page_size)


def content_cuts(secret: bytes) -> Callable[[Callable[[int], bytes]], Iterator[memoryview]]:
    """Return a function that cuts a stream, given as a read function, by content.

    The same secret and content give the same chunks, whatever the sizes the stream is read in.
    """
    # 63 bits: the library shifts it once within 64
    seed = int.from_bytes(hashlib.sha256(b"traybackup chunker" + secret).digest()[:8], "little") >> 1

    def cut(read: Callable[[int], bytes]) -> Iterator[memoryview]:
        # FastCDC's mean comes on top of the minimum; a chunk is decided by the bytes up to its maximum
        chunker = FastCDC(MEAN_CHUNK // 2, min_size=MIN_CHUNK, max_size=MAX_CHUNK, seed=seed)
        rest = memoryview(b"")
        ended = False
        while not ended:
            fresh, ended = _fill(read, _WINDOW - len(rest))
            # views into one buffer instead of copies: they keep it alive while chunks are under way
            buffer = b"".join((rest, fresh)) if rest else fresh
            used = 0
            for chunk in chunker.cut_buf(buffer):
                if not ended and len(buffer) - chunk.offset < MAX_CHUNK:
                    break  # more to come could move this cut
                used = chunk.offset + chunk.length
                yield chunk.data
            rest = memoryview(buffer)[used:]

    return cut


def _fill(read: Callable[[int], bytes], size: int) -> tuple[bytes, bool]:
    """Read *size* bytes, and say whether the stream ended before."""
    data = read(size)
    pieces = [data]
    held = len(data)
    while data and held < size:
        data = read(size - held)
        pieces.append(data)
        held += len(data)
    return (b"".join(pieces) if len(pieces) > 1 else pieces[0]), not data
