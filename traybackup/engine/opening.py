"""Opening: many blobs of a pack at once, for whoever reads a lot.

The work of a batch lies in a few long calls into C that let other threads run (decompressing a megabyte of small frames
is one), so two threads really are nearly twice as fast. Memory for what is decrypted is used again and again; fresh
memory costs more than the cipher itself.

Whatever is not as it should be makes the batch be opened again blob by blob, which tells the sound from the damaged.
"""

import hashlib
import hmac
import struct
from collections.abc import Iterator, Sequence

import zstandard
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

from traybackup.api.errors import RepositoryDamaged
from traybackup.engine.codec import MAX_BLOB
from traybackup.engine.crypto import NONCE, OVERHEAD, TAG, MasterKey
from traybackup.engine.pack import PackedBlob, open_blobs

_BATCH = 1 << 20
"""Bytes of sealed blobs opened together: they fit the processor's cache."""

_MOST_PLAIN = 32 << 20
_SLACK = 16  # the cipher may ask for a block more than it writes
_SEGMENT = struct.Struct("=QQ")

Opened = tuple[PackedBlob, memoryview | RepositoryDamaged]


class BatchOpener:
    """Opens blobs by the batch; for one thread."""

    def __init__(self, key: MasterKey) -> None:
        self._key = key
        self._r = key.mac_r
        self._cipher = Cipher(algorithms.AES(key.encrypt), modes.CTR(bytes(NONCE))).encryptor()
        # a one-block permutation as Poly1305-AES defines it, not a mode for messages
        self._ecb = Cipher(algorithms.AES(key.mac_k), modes.ECB()).encryptor()  # noqa: S305
        self._decompressor = zstandard.ZstdDecompressor()
        self._scratch = memoryview(bytearray(_BATCH + _SLACK))

    def open(self, data: bytes | memoryview, base: int, blobs: Sequence[PackedBlob]) -> Iterator[list[Opened]]:
        """Yield *blobs* batch by batch, each with its plain bytes or with what is wrong with it.

        The bytes are only valid until the next batch is asked for.

        Args:
            data: A part of the pack.
            base: Where in the pack *data* starts.
        """
        batch: list[PackedBlob] = []
        sealed = plain = 0
        for blob in blobs:
            size = max(blob.plain_length, blob.length)
            if batch and (sealed + blob.length > _BATCH or plain + size > _MOST_PLAIN):
                yield self._open(data, base, batch)
                batch, sealed, plain = [], 0, 0
            batch.append(blob)
            sealed += blob.length
            plain += size
        if batch:
            yield self._open(data, base, batch)

    def _open(self, data: bytes | memoryview, base: int, batch: list[PackedBlob]) -> list[Opened]:
        try:
            return self._quickly(data, base, batch)
        except (ValueError, zstandard.ZstdError):
            return [
                (blob, memoryview(plain) if isinstance(plain, bytes) else plain)
                for blob, plain in open_blobs(self._key, bytes(data), base, batch)
            ]

    def _quickly(self, data: bytes | memoryview, base: int, batch: list[PackedBlob]) -> list[Opened]:
        """Open blobs that are all sound.

        Raises:
            ValueError, ZstdError: One is not.
        """
        payloads = self._decrypt(data, base, batch)
        frames = [
            (start, length, blob.plain_length)
            for blob, (start, length) in zip(batch, payloads, strict=True)
            if blob.plain_length
        ]
        plains: Iterator[memoryview] = iter(self._decompress(frames) if frames else ())
        opened: list[Opened] = []
        sha256 = hashlib.sha256
        for blob, (start, length) in zip(batch, payloads, strict=True):
            plain = next(plains) if blob.plain_length else self._scratch[start : start + length]
            if sha256(plain).digest() != blob.id:
                raise ValueError(blob.id)
            opened.append((blob, plain))
        return opened

    def _decrypt(self, data: bytes | memoryview, base: int, batch: list[PackedBlob]) -> list[tuple[int, int]]:
        """Verify and decrypt into the scratch memory, and return where there each payload is."""
        needed = sum([blob.length for blob in batch])
        if needed > MAX_BLOB + OVERHEAD or min([blob.offset for blob in batch]) < base:
            raise ValueError(needed)
        if len(self._scratch) < needed + _SLACK:
            self._scratch = memoryview(bytearray(needed + _SLACK))
        view, scratch, r = memoryview(data), self._scratch, self._r
        nonces = b"".join([data[blob.offset - base : blob.offset - base + NONCE] for blob in batch])
        masks = self._ecb.update(nonces)
        tag, equal = Poly1305.generate_tag, hmac.compare_digest
        reset, update = self._cipher.reset_nonce, self._cipher.update_into
        payloads: list[tuple[int, int]] = []
        at = position = 0
        for blob in batch:
            start = blob.offset - base
            end = start + blob.length
            ciphertext = view[start + NONCE : end - TAG]
            if len(ciphertext) != blob.length - OVERHEAD:
                raise ValueError(blob.length)
            if not equal(tag(r + masks[at : at + NONCE], ciphertext), view[end - TAG : end]):  # type: ignore[arg-type]  # any buffer will do
                raise ValueError(blob.id)
            reset(nonces[at : at + NONCE])
            at += NONCE
            length = update(ciphertext, scratch[position:])  # type: ignore[arg-type]  # any buffer will do
            payloads.append((position, length))
            position += length
        return payloads

    def _decompress(self, frames: list[tuple[int, int, int]]) -> Iterator[memoryview]:
        """Decompress frames in the scratch memory, given by place, length and plain length, all in one call."""
        for start, length, plain_length in frames:
            # the library makes room for whatever it is told, so look first at what the frame itself says
            said = zstandard.frame_content_size(self._scratch[start : start + length])
            if said != plain_length or said > MAX_BLOB:
                raise ValueError(plain_length)
        segments = b"".join(_SEGMENT.pack(start, length) for start, length, _ in frames)
        sizes = struct.pack(f"={len(frames)}Q", *(plain_length for _, _, plain_length in frames))
        together = zstandard.BufferWithSegments(self._scratch, segments)
        opened = self._decompressor.multi_decompress_to_buffer(together, decompressed_sizes=sizes)
        return (memoryview(opened[number]) for number in range(len(frames)))  # type: ignore[arg-type]  # has a buffer
