"""Sealing and key derivation against published vectors, against objects that restic sealed, and against damage."""

import base64
import hashlib
import json
import os
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.engine import crypto
from traybackup.engine.crypto import (
    OVERHEAD,
    KdfParameters,
    MasterKey,
    Opener,
    SealBroken,
    Sealer,
    calibrate,
    derive,
)

KEY = MasterKey(encrypt=bytes(range(32)), mac_k=bytes(range(32, 48)), mac_r=bytes(range(48, 64)))
INT_MAX = (1 << 31) - 1

# D. J. Bernstein, "The Poly1305-AES message-authentication code", appendix B: message, r, k, nonce, tag.
POLY1305_AES = [
    (
        "f3f6",
        "851fc40c3467ac0be05cc20404f3f700",
        "ec074c835580741701425b623235add6",
        "fb447350c4e868c52ac3275cf9d4327e",
        "f4c633c3044fc145f84f335cb81953de",
    ),
    (
        "",
        "a0f3080000f46400d0c7e9076c834403",
        "75deaa25c09f208e1dc4ce6b5cad3fbf",
        "61ee09218d29b0aaed7e154a2c5509cc",
        "dd3fab2251f11ac759f0887129cc2ee7",
    ),
    (
        "663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136",
        "48443d0bb0d21109c89a100b5ce2c208",
        "6acb5f61a7176dd320c5c1eb2edcdc74",
        "ae212a55399729595dea458bc621ff0e",
        "0ee1c16bb73f0f4fd19881753c01cdbe",
    ),
    (
        (
            "ab0812724a7f1e342742cbed374d94d136c6b8795d45b3819830f2c04491faf0"
            "990c62e48b8018b2c3e4a0fa3134cb67fa83e158c994d961c4cb21095c1bf9"
        ),
        "12976a08c4426d0ce8a82407c4f48207",
        "e1a5668a4d5b66a5f68cc5424ed5982d",
        "9ae831e743978d3a23527c7128149e3a",
        "5154ad0d2cb26e01274fc51148491f1b",
    ),
]


def unhex(*texts: str) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


# Known answers


@pytest.mark.parametrize("vector", POLY1305_AES, ids=["two bytes", "empty", "32 bytes", "63 bytes"])
def test_the_tag_is_poly1305_aes(vector: tuple[str, ...]) -> None:
    """The published vectors open, and none of them with one bit of the tag changed."""
    message, r, k, nonce, tag = unhex(*vector)
    opener = Opener(MasterKey(encrypt=bytes(32), mac_k=k, mac_r=r))
    opener.open(nonce + message + tag)
    with pytest.raises(SealBroken):
        opener.open(nonce + message + bytes([tag[0] ^ 1]) + tag[1:])


def test_the_cipher_is_aes_256_in_counter_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vector of NIST SP 800-38A, F.5.5, nonce and all."""
    key, counter, plain, ciphertext = unhex(
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17"
        "ad2b417be66c3710",
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada6"
        "13c2dd08457941a6",
    )
    monkeypatch.setattr(os, "urandom", lambda size: counter[:size])
    sealed = MasterKey(encrypt=key, mac_k=KEY.mac_k, mac_r=KEY.mac_r).seal(plain)
    assert sealed[:-16] == counter + ciphertext


def test_what_restic_sealed_opens_and_is_sealed_the_same_way(
    golden: dict[str, dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With restic's master key its config opens, and under the same nonce we seal it to the same bytes."""
    mac = golden["masterkey"]["mac"]
    encrypt, k, r = (base64.b64decode(text) for text in (golden["masterkey"]["encrypt"], mac["k"], mac["r"]))
    key = MasterKey(encrypt=encrypt, mac_k=k, mac_r=r)
    sealed = base64.b64decode(golden["files"]["config"])
    plain = key.open(sealed)
    assert json.loads(plain) == golden["config"]
    monkeypatch.setattr(os, "urandom", lambda size: sealed[:size])
    assert key.seal(plain) == sealed


def test_the_key_derivation_is_scrypt() -> None:
    """The vector of RFC 7914, section 12, cut into the three keys."""
    (wanted,) = unhex(
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d"
        "8360cbdfa2cc0640"
    )
    key = derive("password", b"NaCl", KdfParameters(n=1024, r=8, p=16))
    assert key.encrypt + key.mac_k + key.mac_r == wanted


# Sealing


@given(st.binary(max_size=300))
def test_what_is_sealed_opens(plain: bytes) -> None:
    """Sealing costs exactly 32 bytes and is undone by opening."""
    sealed = KEY.seal(plain)
    assert len(sealed) == len(plain) + OVERHEAD == len(plain) + 32
    assert KEY.open(sealed) == plain


def test_one_sealer_and_one_opener_do_many_pieces_of_any_kind() -> None:
    """Pieces of all sizes go through the same contexts, views as well as bytes, one after the other."""
    sealer, opener = Sealer(KEY), Opener(KEY)
    pieces = [bytes([size % 251]) * size for size in (0, 1, 15, 16, 17, 4096, 100_001)] * 3
    sealed = [sealer.seal(memoryview(piece)) for piece in pieces]
    assert [opener.open(memoryview(one)) for one in reversed(sealed)] == pieces[::-1]


def test_every_changed_bit_is_noticed() -> None:
    """Nonce, ciphertext and tag are all covered."""
    opener, sealed = Opener(KEY), KEY.seal(b"a small piece")
    for at in range(len(sealed)):
        for bit in range(8):
            broken = bytearray(sealed)
            broken[at] ^= 1 << bit
            with pytest.raises(SealBroken):
                opener.open(bytes(broken))
    assert opener.open(sealed) == b"a small piece"  # and a failure spoils nothing


def test_every_other_length_is_noticed() -> None:
    """Nothing opens that is shorter or longer than what was sealed."""
    sealed = KEY.seal(b"a small piece")
    for broken in [sealed[:length] for length in range(len(sealed))] + [sealed + b"\0", sealed[1:], sealed * 2]:
        with pytest.raises(SealBroken):
            KEY.open(broken)


@pytest.mark.parametrize("part", ["encrypt", "mac_k", "mac_r"])
def test_another_key_does_not_open(part: str) -> None:
    """Another tag key is noticed; another cipher key alone, which no tag covers, gives other bytes."""
    parts = {name: getattr(KEY, name) for name in ("encrypt", "mac_k", "mac_r")}
    other = MasterKey(**parts | {part: bytes(len(parts[part]))})
    if part == "encrypt":
        assert other.open(KEY.seal(b"secret")) != b"secret"
    else:
        with pytest.raises(SealBroken):
            other.open(KEY.seal(b"secret"))


def test_nothing_is_decrypted_before_the_tag_was_verified() -> None:
    """An opener whose cipher must not be touched still refuses what is damaged."""
    opener = Opener(KEY)
    opener._cipher = None
    with pytest.raises(SealBroken):
        opener.open(KEY.seal(b"secret")[:-1] + b"\0\0")


def test_a_key_does_not_show_itself() -> None:
    """Neither repr nor str of a key holds any of it."""
    shown = f"{KEY!r} {KEY}"
    for part in (KEY.encrypt, KEY.mac_k, KEY.mac_r):
        assert repr(part)[2:-1] not in shown
        assert part.hex() not in shown


def test_generated_keys_are_random_and_whole() -> None:
    """Two keys share nothing and have the lengths of the format."""
    one, two = MasterKey.generate(), MasterKey.generate()
    assert [len(part) for part in (one.encrypt, one.mac_k, one.mac_r)] == [32, 16, 16]
    assert not {one.encrypt, one.mac_k, one.mac_r} & {two.encrypt, two.mac_k, two.mac_r}


# Nonces


def test_a_million_nonces_of_one_sealer_are_all_different() -> None:
    """Drawing ahead repeats nothing, at the seams of the batches neither."""
    sealer, seen, drawn = Sealer(KEY, nonces=50_000), set(), 0
    while drawn < 1_000_000:
        sealer.seal(b"")
        nonces = [nonce for nonce, _ in sealer._ready]
        sealer._ready.clear()
        seen.update(nonces)
        drawn += len(nonces)
    assert len(seen) == drawn


def test_nonces_of_many_sealers_in_many_threads_are_all_different() -> None:
    """Every thread has its own sealer, and no two seal under one nonce."""
    found: list[list[bytes]] = []

    def work() -> None:
        sealer = Sealer(KEY)
        found.append([sealer.seal(b"x")[:16] for _ in range(20_000)])

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({nonce for nonces in found for nonce in nonces}) == 100_000


def test_every_nonce_comes_from_the_operating_system_and_is_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the bytes that were drawn turn up as nonces, each in one object."""
    drawn = bytearray()
    real = os.urandom

    def record(size: int) -> bytes:
        drawn.extend(real(size))
        return bytes(drawn[-size:])

    monkeypatch.setattr(os, "urandom", record)
    sealer = Sealer(KEY, nonces=7)
    used = {sealer.seal(b"same plain")[:16] for _ in range(70)}
    assert used == {bytes(drawn[at : at + 16]) for at in range(0, len(drawn), 16)}
    assert len(drawn) == 70 * 16


# Cost


@pytest.mark.parametrize(
    "cost",
    [
        (0, 8, 1),
        (1, 8, 1),
        (-2, 8, 1),
        (3, 8, 1),
        ((1 << 15) + 1, 8, 1),
        (1 << 21, 1, 1),
        (1 << 40, 8, 1),
        (1 << 200, 8, 1),
        (1 << 15, 0, 1),
        (1 << 15, -1, 1),
        (1 << 15, 33, 1),
        (1 << 15, 8, 0),
        (1 << 15, 8, 17),
        (1 << 15, 8, 1 << 31),
        (1 << 20, 9, 1),
        (1 << 19, 32, 1),
    ],
)
def test_costs_that_no_honest_program_chooses_are_refused_before_any_work(
    cost: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bounds are checked before scrypt is called."""
    monkeypatch.delattr(hashlib, "scrypt")
    with pytest.raises(ValueError):  # noqa: PT011 - the contract says no more
        derive("x", bytes(64), KdfParameters(*cost))


@pytest.mark.parametrize("cost", [(2, 32, 16), (1024, 32, 16), (1 << 15, 8, 1), (16, 1, 1)])
def test_costs_within_the_bounds_can_be_paid(cost: tuple[int, int, int]) -> None:
    """What is allowed also works: the memory that scrypt is granted is enough."""
    assert derive("x", bytes(64), KdfParameters(*cost)) != derive("y", bytes(64), KdfParameters(*cost))


def test_the_dearest_allowed_cost_stays_within_what_scrypt_can_be_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that asks for the whole gibibyte is opened, and not refused because a number got too large."""
    asked: list[int] = []

    def scrypt(*_: object, maxmem: int, **__: object) -> bytes:
        asked.append(maxmem)
        return bytes(64)

    monkeypatch.setattr(hashlib, "scrypt", scrypt)
    for cost in (KdfParameters(1 << 20, 8, 16), KdfParameters(1 << 18, 32, 16)):
        derive("x", bytes(64), cost)
        # OpenSSL counts N + 2 blocks of 128 r bytes and p more of them
        assert 128 * cost.r * (cost.n + 2 + cost.p) <= asked[-1] <= INT_MAX


def test_calibrating_never_goes_below_restics_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the computer, N is 2^15; however fast, p stays within what we open ourselves."""
    clock = iter(range(100))
    monkeypatch.setattr(crypto.time, "perf_counter", lambda: next(clock))
    assert calibrate() == KdfParameters(n=1 << 15, r=8, p=1)
    monkeypatch.setattr(crypto.time, "perf_counter", lambda: 0)
    fastest = calibrate(budget=1000.0)
    assert fastest == KdfParameters(n=1 << 15, r=8, p=16)
    fastest.check()


def test_calibrating_uses_the_time_it_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one pass takes 0.1 s, three fit into 0.35 s."""
    clock = iter([0.0, 0.1])
    monkeypatch.setattr(crypto.time, "perf_counter", lambda: next(clock))
    assert calibrate(budget=0.35).p == 3


def test_scrypt_of_the_default_cost_takes_little_memory(peak_memory: Callable[[str], int]) -> None:
    """Opening an ordinary key stays near its 32 MiB."""
    grown = peak_memory(
        """
        from traybackup.engine.crypto import KdfParameters, derive
        start()
        derive("x", bytes(64), KdfParameters())
        """
    )
    assert grown < 48 << 20
