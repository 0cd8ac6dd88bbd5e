"""Key files: several ways in, none of which can be blocked by a broken or hostile one."""

import base64
import hashlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api.errors import (
    KeyInUse,
    NoSuchKey,
    PlaceGone,
    RepositoryDamaged,
    StoreDamaged,
    StoreFailed,
    WrongPassword,
)
from traybackup.api.store import BytesPayload, Store
from traybackup.engine import keys
from traybackup.engine.crypto import KdfParameters, MasterKey
from traybackup.engine.repository import Repository
from traybackup.stores.local import LocalStore
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore

CHEAP = KdfParameters(n=2, r=1, p=1)
SMALL = KdfParameters(n=1 << 10)
NOW = datetime(2026, 3, 1, 19, 30, tzinfo=UTC)
MASTER = MasterKey.generate()


def add(store: Store, password: str, cost: KdfParameters = CHEAP) -> str:
    return keys.add_key(store, MASTER, password, now=NOW, host="till", user="owner", cost=cost)


def put_raw(store: Store, data: bytes) -> str:
    """Store *data* as a key file under its right name."""
    key_id = hashlib.sha256(data).hexdigest()
    store.put(f"keys/{key_id}", BytesPayload(data))
    return key_id


def fields(store: Store, key_id: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(store.get(f"keys/{key_id}"))
    return found


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> list[KdfParameters]:
    """The costs that were paid, in order."""
    paid: list[KdfParameters] = []
    real = keys.derive

    def derive(password: str, salt: bytes, cost: KdfParameters) -> MasterKey:
        paid.append(cost)
        return real(password, salt, cost)

    monkeypatch.setattr(keys, "derive", derive)
    return paid


# Finding the way in


def test_each_of_several_passwords_opens(store: MemoryStore) -> None:
    """Every key gives the same master key, and is told by its id."""
    ids = {password: add(store, password) for password in ("one", "zwei", "три", "", "a\nb")}
    assert len(set(ids.values())) == 5
    for password, key_id in ids.items():
        assert keys.find_key(store, password) == (key_id, MASTER)


def test_a_key_file_is_what_the_format_says(store: MemoryStore) -> None:
    """Plain JSON with restic's fields, named by its hash, and the master key nowhere in clear."""
    key_id = add(store, "secret")
    data = store.get(f"keys/{key_id}")
    assert hashlib.sha256(data).hexdigest() == key_id
    found = json.loads(data)
    assert list(found) == ["created", "username", "hostname", "kdf", "N", "r", "p", "salt", "data"]
    assert found["created"] == "2026-03-01T19:30:00.000000Z"
    assert (found["kdf"], found["N"], found["r"], found["p"]) == ("scrypt", *CHEAP)
    assert len(base64.b64decode(found["salt"], validate=True)) == 64
    for part in (MASTER.encrypt, MASTER.mac_k, MASTER.mac_r):
        assert base64.b64encode(part) not in data


def test_two_keys_of_one_password_share_no_salt(store: MemoryStore) -> None:
    """Salt is drawn anew for every key."""
    salts = {fields(store, add(store, "same"))["salt"] for _ in range(5)}
    assert len(salts) == 5


def test_the_cost_is_measured_where_none_is_given(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key made for real use is as dear as this computer can bear."""
    monkeypatch.setattr(keys, "calibrate", lambda: KdfParameters(n=4, r=1, p=3))
    found = fields(store, keys.add_key(store, MASTER, "x", now=NOW, host="", user=""))
    assert (found["N"], found["r"], found["p"]) == (4, 1, 3)


@pytest.mark.parametrize("password", ["Secret", "secret ", "secre", "", "\udcff"])
def test_a_wrong_password_opens_nothing(store: MemoryStore, password: str) -> None:
    """Not even nearly right ones do, nor such as cannot be written as UTF-8."""
    add(store, "secret")
    with pytest.raises(WrongPassword):
        keys.find_key(store, password)


def test_without_any_key_no_password_is_right(store: MemoryStore) -> None:
    """A place without keys is no damage here; the config decides what it means."""
    with pytest.raises(WrongPassword):
        keys.find_key(store, "x")


def test_the_hinted_key_is_tried_first(store: MemoryStore, derivations: list[KdfParameters]) -> None:
    """With the hint exactly one key is read and one derivation paid."""
    last = max(add(store, "same") for _ in range(6))
    watched = FaultyStore(store)
    derivations.clear()
    assert keys.find_key(watched, "same", hint=last) == (last, MASTER)
    assert [name for method, name in watched.calls if method == "get"] == [f"keys/{last}"]
    assert len(derivations) == 1


def test_a_hint_that_is_gone_does_no_harm(store: MemoryStore) -> None:
    """The key that was used last may have been removed elsewhere."""
    key_id = add(store, "secret")
    assert keys.find_key(store, "secret", hint="0" * 64)[0] == key_id


def test_only_so_many_keys_are_tried(store: MemoryStore, derivations: list[KdfParameters]) -> None:
    """A place that lists hundreds of keys costs no more than twenty derivations."""
    for number in range(30):
        add(store, f"key {number}")
    derivations.clear()
    with pytest.raises(WrongPassword):
        keys.find_key(store, "another")
    assert len(derivations) == 20


# Broken and hostile key files


def broken_files() -> dict[str, bytes]:
    template = MemoryStore()
    good = fields(template, add(template, "right"))
    sound = json.dumps(good).encode()
    files = {f"cut to {length}": sound[:length] for length in (0, 1, 31, 32, 33, len(sound) // 2, len(sound) - 1)}
    files |= {
        f"without {name}": json.dumps({k: v for k, v in good.items() if k != name}).encode()
        for name in ("kdf", "N", "r", "p", "salt", "data")
    }
    changes: list[dict[str, object]] = [
        {"kdf": "argon2id"},
        {"kdf": 7},
        {"N": 1 << 40},
        {"N": -2},
        {"N": 0},
        {"N": 3},
        {"N": "2"},
        {"N": 10**400},
        {"N": 2.5},
        {"N": None},
        {"r": 0},
        {"r": 1 << 31},
        {"p": 0},
        {"p": 1 << 40},
        {"salt": "%%%"},
        {"salt": 5},
        {"data": None},
        {"data": "*"},
        {"created": 5},
    ]
    files |= {f"with {change}"[:40]: json.dumps(good | change).encode() for change in changes}
    return files | {
        "not JSON": b"\x89PNG\r\n",
        "a list": b"[]",
        "deep": b'{"kdf":' + b"[" * 30_000,
        "bytes of UTF-16": json.dumps(good).encode("utf-16"),
        "giant": json.dumps(good | {"username": "x" * (64 << 10)}).encode(),
    }


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in broken_files().items()])
def test_a_broken_key_is_told_and_blocks_no_other(store: MemoryStore, data: bytes, derivations: list[object]) -> None:
    """Alone it is damage with its id, found without paying for it; next to a sound one that one opens."""
    broken = put_raw(store, data)
    with pytest.raises(RepositoryDamaged) as caught:
        keys.find_key(store, "right")
    assert (caught.value.kind, caught.value.id) == ("key", broken)
    assert derivations == []
    sound = add(store, "right")
    assert keys.find_key(store, "right", hint=broken) == (sound, MASTER)
    with pytest.raises(WrongPassword):
        keys.find_key(store, "wrong")


@pytest.mark.parametrize(
    "sealed",
    [
        b"",
        b"not json",
        b"{}",
        b'{"mac":{"k":"AAAA","r":"AAAA"},"encrypt":"AAAA"}',
        b'{"mac":null,"encrypt":"AAAA"}',
        b"[" * 30_000,
    ],
)
def test_a_key_that_opens_to_nonsense_opens_nothing(store: MemoryStore, sealed: bytes) -> None:
    """What a sound seal holds is looked at as closely as the rest."""
    found = fields(store, add(store, "right"))
    user_key = keys.derive("right", base64.b64decode(found["salt"]), CHEAP)
    other = MemoryStore()
    put_raw(other, json.dumps(found | {"data": base64.b64encode(user_key.seal(sealed)).decode()}).encode())
    with pytest.raises(WrongPassword):
        keys.find_key(other, "right")


def test_every_changed_byte_of_a_key_file_is_noticed(store: MemoryStore) -> None:
    """A key file is named by its hash, so no flipped bit gets as far as being parsed."""
    key_id = add(store, "right")
    sound = store.get(f"keys/{key_id}")
    for at in range(len(sound)):
        store.place.objects[f"keys/{key_id}"] = sound[:at] + bytes([sound[at] ^ 0x10]) + sound[at + 1 :]
        with pytest.raises(RepositoryDamaged) as caught:
            keys.find_key(store, "right")
        assert (caught.value.id, caught.value.why) == (key_id, "wrong-hash")


@given(st.data())
def test_no_key_file_makes_opening_fail_in_another_way(data: st.DataObject) -> None:
    """Whatever stands in the fields, the answer is damage or a wrong password, or the key."""
    junk = st.none() | st.integers(-(1 << 70), 1 << 70) | st.text(max_size=8) | st.floats() | st.lists(st.integers())
    template = MemoryStore()
    good = fields(template, add(template, "right"))
    found = good | data.draw(st.dictionaries(st.sampled_from(sorted(good)), junk, max_size=3))
    store = MemoryStore()
    put_raw(store, json.dumps(found).encode())
    try:
        assert keys.find_key(store, "right")[1] == MASTER
    except (WrongPassword, RepositoryDamaged):
        return


@pytest.mark.parametrize("error", [StoreFailed(reason="Input/output error"), StoreDamaged()])
def test_a_key_that_cannot_be_read_blocks_no_other(store: MemoryStore, error: StoreDamaged | StoreFailed) -> None:
    """A bad sector under one key file leaves the other ways in; if there is no other, the place's error is told."""
    for password in ("one", "two"):
        add(store, password)
    opened = 0
    for password in ("one", "two"):
        try:
            keys.find_key(FaultyStore(store, [Fault("get", 1, error=error)]), password)
        except WrongPassword:
            continue
        opened += 1
    assert opened == 1
    with pytest.raises(type(error)) as caught:
        keys.find_key(FaultyStore(store, [Fault("get", 1, error=error, lasting=True)]), "one")
    assert caught.value is error


def test_a_place_that_is_gone_is_not_called_a_wrong_password(store: MemoryStore) -> None:
    """The drive was pulled: that is what the owner must hear."""
    add(store, "one")
    with pytest.raises(PlaceGone):
        keys.find_key(FaultyStore(store, [Fault("get", 1, error=PlaceGone())]), "one")


def test_a_key_removed_since_it_was_listed_is_no_fault(store: MemoryStore) -> None:
    """Another computer may remove a key at any time."""
    ids = sorted([add(store, "one"), add(store, "one")])
    vanished = FaultyStore(store, [Fault("get", 1, Do.LIE)])
    assert keys.find_key(vanished, "one")[0] == ids[1]
    vanished = FaultyStore(store, [Fault("get", 1, Do.LIE)])
    assert [found.id for found in keys.list_keys(vanished)] == ids[1:]


def test_other_files_among_the_keys_are_ignored(store: MemoryStore) -> None:
    """Only what is named like a key is read."""
    key_id = add(store, "one")
    for name in ("keys/readme.txt", f"keys/{key_id}.bak", f"keys/{key_id[:10]}", f"keys/sub/{key_id}"):
        store.put(name, BytesPayload(b"x"))
    assert keys.key_ids(store) == [key_id]
    assert keys.find_key(store, "one") == (key_id, MASTER)


# Adding, listing, removing


@pytest.mark.parametrize("do", [Do.FLIP, Do.LIE])
def test_a_key_is_read_back_from_the_medium(store: MemoryStore, do: Do) -> None:
    """A key that did not arrive whole would lock everybody out: it is written anew, or the medium is refused."""
    once = FaultyStore(store, [Fault("put", 1, do)])
    key_id = add(once, "one")
    assert keys.find_key(store, "one") == (key_id, MASTER)
    with pytest.raises(StoreDamaged):
        add(FaultyStore(MemoryStore(), [Fault("put", 1, do, lasting=True)]), "two")


def test_listing_tells_what_keys_say_and_which_are_broken(store: MemoryStore) -> None:
    """Broken ones are listed as what they are."""
    key_id = add(store, "one")
    broken = put_raw(store, b"{}")
    found = {one.id: one for one in keys.list_keys(store)}
    assert found[key_id] == keys.KeyInfo(key_id, "2026-03-01T19:30:00.000000Z", "owner", "till")
    assert isinstance(found[broken], RepositoryDamaged)


def test_removing_takes_the_one_key_away(store: MemoryStore) -> None:
    """The beginning of an id is enough if it is the only one."""
    one, two = add(store, "one"), add(store, "two")
    length = next(length for length in range(1, 65) if one[:length] != two[:length])
    assert keys.remove_key(store, one[:length], in_use=two) == one
    assert keys.key_ids(store) == [two]
    with pytest.raises(WrongPassword):
        keys.find_key(store, "one")


@pytest.mark.parametrize("wanted", ["", "zz", "0" * 65])
def test_removing_needs_exactly_one_match(store: MemoryStore, wanted: str) -> None:
    """Nothing that matches none or all is removed."""
    ids = sorted([add(store, "one"), add(store, "two")])
    with pytest.raises(NoSuchKey) as caught:
        keys.remove_key(store, wanted, in_use="")
    assert caught.value.wanted == wanted
    assert keys.key_ids(store) == ids


def test_nothing_stands_for_no_key(store: MemoryStore) -> None:
    """An empty text is no beginning, not even of the only key."""
    key_id = add(store, "one")
    with pytest.raises(NoSuchKey):
        keys.remove_key(store, "", in_use="")
    assert keys.key_ids(store) == [key_id]


def test_an_ambiguous_beginning_removes_nothing(store: MemoryStore) -> None:
    """Of two keys that begin alike neither is guessed at."""
    for start in ("ab", "ac"):
        store.put(f"keys/{start.ljust(64, '0')}", BytesPayload(b"x"))
    with pytest.raises(NoSuchKey):
        keys.remove_key(store, "a", in_use="")
    assert len(keys.key_ids(store)) == 2


def test_the_key_in_use_stays(store: MemoryStore) -> None:
    """The way in that was just used cannot lock itself out."""
    key_id = add(store, "one")
    with pytest.raises(KeyInUse) as caught:
        keys.remove_key(store, key_id[:8], in_use=key_id)
    assert caught.value.id == key_id
    assert keys.key_ids(store) == [key_id]


# With the real restic


def run(restic: str, repository: Path, password: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [restic, "--no-cache", "-r", str(repository), *arguments],
        env={"RESTIC_PASSWORD": password, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_key_of_a_repository_that_restic_made_opens(
    golden: dict[str, dict[str, object]], golden_store: MemoryStore
) -> None:
    """The master key that comes out is the one that restic itself shows."""
    _, master = keys.find_key(golden_store, str(golden["password"]))
    assert base64.b64encode(master.encrypt).decode() == golden["masterkey"]["encrypt"]
    assert base64.b64encode(master.mac_k).decode() == golden["masterkey"]["mac"]["k"]
    assert base64.b64encode(master.mac_r).decode() == golden["masterkey"]["mac"]["r"]


@pytest.mark.restic
def test_keys_work_both_ways_with_restic(restic: str, tmp_path: Path) -> None:
    """Restic opens by our keys and lists them; what it adds opens for us."""
    repo = Repository.create(LocalStore(tmp_path), "one", now=NOW, host="till", user="owner", cost=SMALL)
    second = keys.add_key(repo.store, repo.key, "zwei äöü", now=NOW, host="till", user="owner", cost=SMALL)
    listed = json.loads(run(restic, tmp_path, "zwei äöü", "key", "list", "--json").stdout)
    assert {key["hostName"] for key in listed} == {"till"}
    assert [key["id"] for key in listed if key["current"]] == [second[:8]]
    new = tmp_path.parent / "new-password"
    new.write_text("drei")
    added = run(restic, tmp_path, "one", "key", "add", "--new-password-file", str(new))
    assert added.returncode == 0, added.stderr
    # restic has cleared those bits of r that Poly1305 ignores
    assert keys.find_key(repo.store, "drei")[1].open(repo.key.seal(b"the same key")) == b"the same key"
    assert keys.remove_key(repo.store, second[:8], in_use=repo.key_id) == second
    assert run(restic, tmp_path, "zwei äöü", "key", "list").returncode != 0
    assert run(restic, tmp_path, "one", "key", "list").returncode == 0
