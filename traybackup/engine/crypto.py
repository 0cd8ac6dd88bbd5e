"""Crypto: sealing and opening as restic does, and the key derivation.

*Sealed* is nonce(16) ‖ AES-256-CTR ciphertext ‖ Poly1305-AES tag(16): 32 bytes more than the plain ones. The one-time
Poly1305 key is r ‖ AES-128-k(nonce); r is masked by the Poly1305 implementation itself. The tag is verified before
anything is decrypted. A nonce is 16 bytes from the operating system's generator and never used twice.

Source: restic's doc/design.rst, "Keys, Encryption and MAC"; D. J. Bernstein, "The Poly1305-AES message-authentication
code".
"""

import hashlib
import hmac
import os
import time
from dataclasses import dataclass
from typing import NamedTuple, cast

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

NONCE = 16
TAG = 16
OVERHEAD = NONCE + TAG
"""Bytes that sealing adds."""

_NONCES_AT_ONCE = 1024


class SealBroken(ValueError):
    """The sealed bytes were damaged, or sealed with another key."""


class KdfParameters(NamedTuple):
    """scrypt's cost: N (a power of two), r, p. Memory is 128 · N · r bytes."""

    n: int = 1 << 15
    r: int = 8
    p: int = 1

    @property
    def memory(self) -> int:
        """Bytes that deriving a key takes."""
        return 128 * self.n * self.r

    def check(self) -> None:
        """Refuse what a hostile key file could ask for.

        Raises:
            ValueError: More than a gibibyte of memory or a cost no honest program chooses.
        """
        power_of_two = self.n >= 2 and self.n & (self.n - 1) == 0  # noqa: PLR2004 - scrypt's own floor
        if not power_of_two or self.n > 1 << 20 or not 1 <= self.r <= 32 or not 1 <= self.p <= 16:  # noqa: PLR2004 - the bounds
            raise ValueError(self)
        if self.memory > 1 << 30:
            raise ValueError(self)


def calibrate(budget: float = 0.25) -> KdfParameters:
    """Return the strongest cost that stays within *budget* seconds here, never below N = 2^15 and 32 MiB."""
    least = KdfParameters()
    started = time.perf_counter()
    derive("calibration", bytes(64), least)
    once = max(time.perf_counter() - started, 0.001)
    return least._replace(p=max(1, min(16, int(budget / once))))


def derive(password: str, salt: bytes, cost: KdfParameters) -> "MasterKey":
    """Derive the key that seals a key file.

    Raises:
        ValueError: The cost is out of bounds.
    """
    cost.check()
    # OpenSSL refuses its own default maxmem for restic's usual cost, so say what is needed: a little more than the
    # table itself, and below 2 GiB, which is all that can be said
    raw = hashlib.scrypt(
        password.encode(), salt=salt, n=cost.n, r=cost.r, p=cost.p, maxmem=cost.memory + (1 << 20), dklen=64
    )
    return MasterKey(encrypt=raw[:32], mac_k=raw[32:48], mac_r=raw[48:64])


@dataclass(frozen=True, slots=True, repr=False)
class MasterKey:
    """The keys that seal a repository. Its repr shows nothing."""

    encrypt: bytes
    mac_k: bytes
    mac_r: bytes

    @classmethod
    def generate(cls) -> "MasterKey":
        """Return a new random key."""
        return cls(encrypt=os.urandom(32), mac_k=os.urandom(16), mac_r=os.urandom(16))

    def seal(self, plain: bytes) -> bytes:
        """Encrypt and authenticate *plain*."""
        return Sealer(self, nonces=1).seal(plain)

    def open(self, sealed: bytes) -> bytes:
        """Verify and decrypt.

        Raises:
            SealBroken: The tag does not match.
        """
        return Opener(self).open(sealed)


def _stream(key: MasterKey) -> CipherContext:
    return Cipher(algorithms.AES(key.encrypt), modes.CTR(bytes(NONCE))).encryptor()


def _masks(key: MasterKey) -> CipherContext:
    # a one-block permutation as Poly1305-AES defines it, not a mode for messages
    return Cipher(algorithms.AES(key.mac_k), modes.ECB()).encryptor()  # noqa: S305


class Sealer:
    """Seals many pieces; for one thread.

    Contexts and nonces are prepared ahead because setting them up costs more than sealing a small piece.
    """

    def __init__(self, key: MasterKey, nonces: int = _NONCES_AT_ONCE) -> None:
        self._r = key.mac_r
        self._cipher = _stream(key)
        self._ecb = _masks(key)
        self._batch = nonces
        self._ready: list[tuple[bytes, bytes]] = []

    def _draw(self) -> None:
        nonces = os.urandom(NONCE * self._batch)
        masks = self._ecb.update(nonces)
        self._ready = [
            (nonces[i : i + NONCE], self._r + masks[i : i + NONCE]) for i in range(0, NONCE * self._batch, NONCE)
        ]

    def seal(self, plain: bytes | memoryview) -> bytes:
        """Encrypt and authenticate *plain* under a nonce of its own."""
        if not self._ready:
            self._draw()
        nonce, one_time_key = self._ready.pop()
        self._cipher.reset_nonce(nonce)
        ciphertext = self._cipher.update(cast("bytes", plain))
        return b"".join((nonce, ciphertext, Poly1305.generate_tag(one_time_key, ciphertext)))


class Opener:
    """Opens many pieces; for one thread."""

    def __init__(self, key: MasterKey) -> None:
        self._r = key.mac_r
        self._cipher = _stream(key)
        self._ecb = _masks(key)

    def open(self, sealed: bytes | memoryview) -> bytes:
        """Verify, then decrypt.

        Raises:
            SealBroken: Too short, or the tag does not match; nothing was decrypted.
        """
        if len(sealed) < OVERHEAD:
            raise SealBroken(len(sealed))
        nonce = bytes(sealed[:NONCE])
        ciphertext = sealed[NONCE:-TAG]
        tag = Poly1305.generate_tag(self._r + self._ecb.update(nonce), cast("bytes", ciphertext))
        if not hmac.compare_digest(tag, sealed[-TAG:]):
            raise SealBroken(len(sealed))
        self._cipher.reset_nonce(nonce)
        return self._cipher.update(cast("bytes", ciphertext))
