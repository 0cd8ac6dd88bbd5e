"""Keys: files that give the master key to whoever knows one of the passwords.

A key file is plain JSON; its ``data`` is the master key, sealed with a key that scrypt derives from the password. A
repository can have several: the recovery code on paper is one of them, nothing special.

Source: restic's doc/design.rst, "Keys, Encryption and MAC".
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from traybackup.api.errors import (
    KeyInUse,
    NoSuchKey,
    NotFound,
    RepositoryDamaged,
    StoreDamaged,
    StoreFailed,
    WrongPassword,
)
from traybackup.api.store import BytesPayload, Store
from traybackup.engine import smallfiles
from traybackup.engine.codec import FileKind, format_datetime, is_id, object_name
from traybackup.engine.crypto import KdfParameters, MasterKey, calibrate, derive
from traybackup.engine.verify import put_verified

_MAX_TRIED = 20
"""Keys tried with one password: each costs a fraction of a second, and a hostile place could list thousands."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What a key file says in clear."""

    id: str
    created: str
    username: str
    hostname: str


class _Mac(msgspec.Struct):
    k: bytes
    r: bytes


class _Master(msgspec.Struct):
    mac: _Mac
    encrypt: bytes


class _KeyFile(msgspec.Struct):
    kdf: str
    N: int
    r: int
    p: int
    salt: bytes
    data: bytes
    created: str = ""
    username: str = ""
    hostname: str = ""


def _load(store: Store, key_id: str) -> _KeyFile:
    """Read one key file.

    Raises:
        RepositoryDamaged: Truncated, altered, or not a key file.
    """
    data = smallfiles.read(store, FileKind.KEY, key_id)
    if hashlib.sha256(data).hexdigest() != key_id:
        raise RepositoryDamaged(kind="key", id=key_id, why="wrong-hash")
    try:
        key_file = msgspec.json.decode(data, type=_KeyFile)
        KdfParameters(key_file.N, key_file.r, key_file.p).check()
    except (ValueError, RecursionError) as error:
        raise RepositoryDamaged(kind="key", id=key_id, why="bad-key") from error
    if key_file.kdf != "scrypt":
        raise RepositoryDamaged(kind="key", id=key_id, why="unknown-kdf")
    return key_file


def _unlock(key_file: _KeyFile, password: str) -> MasterKey | None:
    """Return the master key, or None if the password is another one's."""
    try:
        user_key = derive(password, key_file.salt, KdfParameters(key_file.N, key_file.r, key_file.p))
        master = msgspec.json.decode(user_key.open(key_file.data), type=_Master)
    except (ValueError, RecursionError):
        return None
    if (len(master.encrypt), len(master.mac.k), len(master.mac.r)) != (32, 16, 16):
        return None
    return MasterKey(encrypt=master.encrypt, mac_k=master.mac.k, mac_r=master.mac.r)


def key_ids(store: Store) -> list[str]:
    """Return the ids of all key files, sorted."""
    names = (entry.name.removeprefix("keys/") for entry in store.entries("keys/"))
    return sorted(name for name in names if is_id(name))


def find_key(store: Store, password: str, *, hint: str = "") -> tuple[str, MasterKey]:
    """Return the id and master key of the first key that *password* opens.

    One broken key file never blocks the others.

    Args:
        hint: The id of the key to try first.

    Raises:
        WrongPassword: None opens, though at least one key is sound (or there is none at all).
        RepositoryDamaged, StoreDamaged, StoreFailed: None opens, and no key file could be read.
    """
    damage: RepositoryDamaged | StoreDamaged | StoreFailed | None = None
    sound = 0
    ids = sorted(key_ids(store), key=lambda key_id: key_id != hint)
    for key_id in ids[:_MAX_TRIED]:
        try:
            key_file = _load(store, key_id)
        except (RepositoryDamaged, StoreDamaged, StoreFailed) as error:  # the last: a bad sector under this one file
            damage = error
            continue
        except NotFound:  # removed since it was listed
            continue
        sound += 1
        master = _unlock(key_file, password)
        if master is not None:
            return key_id, master
    if damage is not None and not sound:
        raise damage
    raise WrongPassword


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def add_key(
    store: Store,
    master: MasterKey,
    password: str,
    *,
    now: datetime,
    host: str,
    user: str,
    cost: KdfParameters | None = None,
) -> str:
    """Write a key file for *password*, verified, and return its id.

    Args:
        cost: scrypt's cost; None measures what this computer can bear.
    """
    cost = cost or calibrate()
    salt = os.urandom(64)
    clear = {"mac": {"k": _base64(master.mac_k), "r": _base64(master.mac_r)}, "encrypt": _base64(master.encrypt)}
    sealed = derive(password, salt, cost).seal(json.dumps(clear).encode())
    fields = {
        "created": format_datetime(now),
        "username": user,
        "hostname": host,
        "kdf": "scrypt",
        "N": cost.n,
        "r": cost.r,
        "p": cost.p,
        "salt": _base64(salt),
        "data": _base64(sealed),
    }
    data = json.dumps(fields).encode()
    key_id = hashlib.sha256(data).hexdigest()
    put_verified(store, object_name(FileKind.KEY, key_id), BytesPayload(data))
    return key_id


def list_keys(store: Store) -> Iterator[KeyInfo | RepositoryDamaged]:
    """Yield what each key file says in clear, or what is wrong with it."""
    for key_id in key_ids(store):
        try:
            key_file = _load(store, key_id)
        except RepositoryDamaged as error:
            yield error
        except NotFound:  # removed since it was listed
            continue
        else:
            yield KeyInfo(key_id, key_file.created, key_file.username, key_file.hostname)


def remove_key(store: Store, wanted: str, *, in_use: str) -> str:
    """Remove the key whose id starts with *wanted*, and return its id.

    Raises:
        NoSuchKey: Not exactly one key matches.
        KeyInUse: It is the key that opened the repository.
    """
    matches: Sequence[str] = [key_id for key_id in key_ids(store) if wanted and key_id.startswith(wanted)]
    if len(matches) != 1:
        raise NoSuchKey(wanted=wanted)
    if matches[0] == in_use:
        raise KeyInUse(id=matches[0])
    store.delete(object_name(FileKind.KEY, matches[0]))
    return matches[0]
