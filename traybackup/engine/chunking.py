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


def content_cuts(secret: bytes) -> Callable[[Callable[[int], bytes]], Iterator[bytes]]:
    """Return a function that cuts a stream, given as a read function, by content.

    The same secret and content give the same chunks, whatever the sizes the stream is read in.
    """
    seed = int.from_bytes(hashlib.sha256(b"traybackup chunker" + secret).digest()[:8], "little")

    def cut(read: Callable[[int], bytes]) -> Iterator[bytes]:
        # FastCDC's mean comes on top of the minimum; a chunk is decided by the bytes up to its maximum
        chunker = FastCDC(MEAN_CHUNK // 2, min_size=MIN_CHUNK, max_size=MAX_CHUNK, seed=seed)
        buffer = b""
        ended = False
        while not ended:
            pieces = [buffer]
            held = len(buffer)
            while held < _WINDOW and not ended:
                piece = read(min(SEGMENT, _WINDOW - held))
                ended = not piece
                pieces.append(piece)
                held += len(piece)
            buffer = b"".join(pieces)
            used = 0
            for chunk in chunker.cut_buf(buffer):
                if not ended and held - chunk.offset < MAX_CHUNK:
                    break  # more to come could move this cut
                used = chunk.offset + chunk.length
                yield bytes(chunk.data)
            buffer = buffer[used:]

    return cut
