"""Repositories: made so that any cut can be mended, opened only when sound, read with every byte checked."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from traybackup.api.errors import (
    Cancelled,
    NoRepository,
    NotFound,
    Offline,
    RepositoryDamaged,
    RepositoryExists,
    RepositoryTooNew,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreFull,
    WrongPassword,
)
from traybackup.api.progress import Cancel
from traybackup.api.store import BytesPayload, Entry, Payload, Store
from traybackup.engine import snapshots
from traybackup.engine.codec import BlobKind, FileKind
from traybackup.engine.crypto import KdfParameters, MasterKey
from traybackup.engine.polynomial import is_irreducible
from traybackup.engine.repository import VERSION, Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.stores.local import LocalStore
from traybackup.testing import Do, Fault, FaultyStore, MemoryStore

NOW = datetime(2026, 3, 1, 19, 30, tzinfo=UTC)
CHEAP = KdfParameters(n=2, r=1, p=1)
PASSWORD = "Sesam, öffne dich"  # noqa: S105 - of repositories that live for one test
FILES = [FileKind.INDEX, FileKind.SNAPSHOT, FileKind.LOCK]
ID = "ab" * 32

DATA, TREE = BlobKind


def create(store: Store, password: str = PASSWORD, version: int = VERSION) -> Repository:
    return Repository.create(store, password, now=NOW, host="till", user="owner", cost=CHEAP, version=version)


def memory(repo: Repository) -> dict[str, bytes]:
    assert isinstance(repo.store, MemoryStore)
    return repo.store.place.objects


def config_of(store: MemoryStore, key: MasterKey) -> dict[str, object]:
    found: dict[str, object] = json.loads(key.open(store.get("config")))
    return found


def run(restic: str, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [restic, "--no-cache", "-r", str(place), *arguments],
        env={"RESTIC_PASSWORD": PASSWORD, "PATH": "/usr/bin:/bin", "HOME": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )


# Making one


@pytest.mark.parametrize("version", [1, 2])
def test_a_new_repository_opens(version: int) -> None:
    """What `create` returns is what `open` finds, and the config says what restic wants to find."""
    store = MemoryStore()
    made, opened = create(store, version=version), Repository.open(store, PASSWORD)
    assert (made.id, made.version, made.key_id, made.key) == (opened.id, version, opened.key_id, opened.key)
    assert made.chunker_secret == opened.chunker_secret
    config = config_of(store, made.key)
    assert list(config) == ["version", "id", "chunker_polynomial"]
    assert (config["version"], config["id"]) == (version, made.id)
    assert is_irreducible(int(str(config["chunker_polynomial"]), 16))
    assert sorted(name.partition("/")[0] for name in store.place.objects) == ["config", "keys"]


def test_the_key_is_written_before_the_config() -> None:
    """A config that no key opens would look like a repository and lock everybody out."""
    store = FaultyStore(MemoryStore())
    create(store)
    names = [name.partition("/")[0] for method, name in store.calls if method == "put"]
    assert names == ["keys", "config"]


def test_no_two_repositories_are_alike() -> None:
    """Id, keys and polynomial are random."""
    one, two = create(MemoryStore()), create(MemoryStore())
    assert one.id != two.id
    assert one.key != two.key
    assert one.chunker_secret != two.chunker_secret


def test_a_repository_is_never_made_over_another() -> None:
    """Not even with the right password."""
    store = MemoryStore()
    create(store)
    before = dict(store.place.objects)
    for password in (PASSWORD, "other"):
        with pytest.raises(RepositoryExists):
            create(store, password)
    assert store.place.objects == before


@pytest.mark.parametrize("name", [f"snapshots/{ID}", f"index/{ID}", f"data/ab/{ID}", "data/ab/junk"])
def test_nothing_is_made_where_a_repository_has_lost_its_config(name: str) -> None:
    """A new key over somebody's data would bury it for good."""
    store = MemoryStore()
    store.put(name, BytesPayload(b"precious"))
    with pytest.raises(RepositoryDamaged) as caught:
        create(store)
    assert (caught.value.kind, caught.value.why) == ("config", "config-missing")
    assert list(store.place.objects) == [name]


def test_other_files_in_the_folder_are_left_alone() -> None:
    """A folder may hold a note; nothing of it is touched."""
    store = MemoryStore()
    store.put("readme.txt", BytesPayload(b"note"))
    create(store)
    assert store.get("readme.txt") == b"note"


def calls_of_create() -> int:
    store = FaultyStore(MemoryStore())
    create(store)
    return len(store.calls)


@pytest.mark.parametrize("again", [PASSWORD, "another one"])
@pytest.mark.parametrize("do", [Do.ERROR, Do.CUT, Do.LOST])
@pytest.mark.parametrize("call", range(1, calls_of_create() + 1))
def test_making_can_be_cut_off_at_every_call_and_begun_again(call: int, do: Do, again: str) -> None:
    """After a place that died at any call, the next attempt ends with one repository that opens, or finds it made."""
    place = MemoryStore()
    with pytest.raises(StoreError):
        create(FaultyStore(place, [Fault("*", call, do, Offline(), lasting=True)]))
    try:
        made = create(place, again)
    except RepositoryExists:
        made = Repository.open(place, PASSWORD)
    else:
        assert Repository.open(place, again).key == made.key
        assert len(made.ids(FileKind.KEY)) == 1
    with made.writing() as saver:
        saver.save(DATA, b"content")


@pytest.mark.parametrize("do", [Do.FLIP, Do.LIE])
@pytest.mark.parametrize("call", [1, 2])
def test_a_lying_place_gets_no_repository(call: int, do: Do) -> None:
    """Key and config are read back from the medium: once bad is mended, bad for good is told."""
    place = MemoryStore()
    create(FaultyStore(place, [Fault("put", call, do)]))
    Repository.open(place, PASSWORD)
    with pytest.raises(StoreDamaged):
        create(FaultyStore(MemoryStore(), [Fault("put", call, do, lasting=True)]))


def test_who_comes_second_finds_it_made() -> None:
    """When two computers make one at the same time, the later one is told so, and the first one's stays."""
    place = MemoryStore()

    class Slow(MemoryStore):
        def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
            if name == "config" and name not in self.place.objects:
                super().put(name, BytesPayload(b"of the other computer"))
            return super().put(name, payload, overwrite=overwrite)

    with pytest.raises(RepositoryExists):
        create(Slow(place.place))
    assert place.get("config") == b"of the other computer"


def test_broken_keys_of_an_earlier_attempt_are_cleared_away() -> None:
    """Without a config nothing can have been saved with them."""
    store = MemoryStore()
    store.put(f"keys/{ID}", BytesPayload(b"half of a k"))
    made = create(store)
    assert [entry.id for entry in made.ids(FileKind.KEY)] == [made.key_id]


def test_keys_are_not_cleared_away_once_somebody_has_finished() -> None:
    """While passwords were tried another computer wrote its config: its key is the only way in and stays."""
    place = MemoryStore()
    first = create(place, "of the other computer")
    config = place.place.objects.pop("config")

    class Watching(MemoryStore):
        def entries(self, prefix: str = "") -> Iterator[Entry]:
            found = list(super().entries(prefix))
            if prefix == "keys/":
                self.place.objects["config"] = config
            yield from found

    with pytest.raises(RepositoryExists):
        create(Watching(place.place))
    assert Repository.open(place, "of the other computer").key == first.key


# Opening one


def test_where_there_is_no_config_there_is_no_repository(repo: Repository) -> None:
    """An empty folder and a folder with a key alone are none."""
    for store in (MemoryStore(), repo.store):
        store.delete("config")
        assert not Repository.exists(store)
        with pytest.raises(NoRepository):
            Repository.open(store, PASSWORD)


def test_it_exists_once_it_is_made(repo: Repository) -> None:
    """The config decides."""
    assert Repository.exists(repo.store)


def test_a_wrong_password_does_not_open(repo: Repository) -> None:
    """And changes nothing."""
    before = dict(memory(repo))
    with pytest.raises(WrongPassword):
        Repository.open(repo.store, "wrong")
    assert memory(repo) == before


def test_every_changed_byte_of_the_config_is_noticed() -> None:
    """It is not named by a hash, but it is sealed."""
    store = MemoryStore()
    create(store)
    sound = store.get("config")
    for broken in [
        *(sound[:at] + bytes([sound[at] ^ 4]) + sound[at + 1 :] for at in range(len(sound))),
        *(sound[:length] for length in (0, 1, 31, 32, 33, len(sound) - 1)),
        sound + b"\0",
    ]:
        store.place.objects["config"] = broken
        with pytest.raises(RepositoryDamaged) as caught:
            Repository.open(store, PASSWORD)
        assert (caught.value.kind, caught.value.why) == ("config", "bad-config")


def test_the_config_of_another_repository_does_not_open(repo: Repository) -> None:
    """A config that was swapped is damage, not a wrong password."""
    memory(repo)["config"] = create(MemoryStore(), PASSWORD).store.get("config")
    with pytest.raises(RepositoryDamaged):
        Repository.open(repo.store, PASSWORD)


CONFIGS: list[tuple[object, type[Exception]]] = [
    ({"version": 3}, RepositoryTooNew),
    ({"version": 1 << 60}, RepositoryTooNew),
    ({"version": 0}, RepositoryDamaged),
    ({"version": -1}, RepositoryDamaged),
    ({"version": "2"}, RepositoryDamaged),
    ({"id": "../x"}, RepositoryDamaged),
    ({"id": ""}, RepositoryDamaged),
    ({"id": None}, RepositoryDamaged),
    ({"chunker_polynomial": None}, RepositoryDamaged),
    ({"chunker_polynomial": 5}, RepositoryDamaged),
]


@pytest.mark.parametrize(("change", "error"), CONFIGS, ids=str)
def test_a_config_that_says_something_else_does_not_open(
    repo: Repository, change: dict[str, object], error: type[Exception]
) -> None:
    """A newer version is told as that, anything else is damage; nothing is written."""
    assert isinstance(repo.store, MemoryStore)
    config = config_of(repo.store, repo.key) | change
    memory(repo)["config"] = repo.key.seal(json.dumps(config).encode())
    before = dict(memory(repo))
    with pytest.raises(error) as caught:
        Repository.open(repo.store, PASSWORD)
    if isinstance(caught.value, RepositoryTooNew):
        assert caught.value.version == change["version"]
    assert memory(repo) == before


@pytest.mark.parametrize("plain", [b"", b"{}", b"[]", b"no json", b"[" * 50_000, b"\xff"])
def test_a_config_that_is_none_does_not_open(repo: Repository, plain: bytes) -> None:
    """What a sound seal holds is not trusted either."""
    memory(repo)["config"] = repo.key.seal(plain)
    with pytest.raises(RepositoryDamaged):
        Repository.open(repo.store, PASSWORD)


# Its files


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", FILES)
def test_what_is_saved_can_be_loaded(kind: FileKind, version: int) -> None:
    """Files are named by the hash of their sealed bytes, and compressed in version 2."""
    repo = create(MemoryStore(), version=version)
    plain = json.dumps({"text": "x" * 5000}).encode()
    file_id = repo.save(kind, plain)
    assert repo.load(kind, file_id) == plain
    stored = repo.store.get(f"{kind.value}/{file_id}")
    assert hashlib.sha256(stored).hexdigest() == file_id
    assert (len(stored) < 200) == (version == 2)
    assert (repo.key.open(stored)[:1] == b"\x02") == (version == 2)
    assert [(entry.id, entry.size) for entry in repo.ids(kind)] == [(file_id, len(stored))]
    repo.remove(kind, file_id)
    repo.remove(kind, file_id)
    with pytest.raises(NotFound):
        repo.load(kind, file_id)


@pytest.mark.parametrize("kind", FILES)
def test_every_changed_byte_of_a_file_is_noticed(repo: Repository, kind: FileKind) -> None:
    """Flipped, cut, longer or exchanged: the name tells."""
    file_id = repo.save(kind, b'{"a":1}')
    name = f"{kind.value}/{file_id}"
    sound = memory(repo)[name]
    other = memory(repo)[f"{kind.value}/{repo.save(kind, b'{}')}"]
    for broken in [
        *(sound[:at] + bytes([sound[at] ^ 32]) + sound[at + 1 :] for at in range(len(sound))),
        *(sound[:length] for length in range(len(sound))),
        sound + b"\0",
        other,
    ]:
        memory(repo)[name] = broken
        with pytest.raises(RepositoryDamaged) as caught:
            repo.load(kind, file_id)
        assert (caught.value.kind, caught.value.id, caught.value.why) == (kind.word, file_id, "wrong-hash")


@pytest.mark.parametrize("plain", [b"", b"neither", b"\x02broken frame", b"\x03"])
def test_a_file_with_the_right_name_and_nonsense_in_it_is_damage(repo: Repository, plain: bytes) -> None:
    """Sealed nonsense, and bytes that are not sealed at all."""
    for stored in (repo.key.seal(plain), plain, MasterKey.generate().seal(b"{}")):
        file_id = hashlib.sha256(stored).hexdigest()
        repo.store.put(f"index/{file_id}", BytesPayload(stored), overwrite=True)
        with pytest.raises(RepositoryDamaged) as caught:
            repo.load(FileKind.INDEX, file_id)
        assert caught.value.why == "damaged"


@pytest.mark.parametrize("file_id", ["", "../config", "ab", ID.upper()])
def test_what_is_no_id_is_never_looked_for(repo: Repository, file_id: str) -> None:
    """No path is made of it."""
    repo.store = FaultyStore(repo.store)
    for call in (repo.load, repo.remove):
        with pytest.raises(RepositoryDamaged):
            call(FileKind.SNAPSHOT, file_id)
    assert repo.store.calls == []


def test_a_fault_of_the_line_is_gone_at_the_second_look(repo: Repository) -> None:
    """A flipped bit on the way is no damage; one on the medium stays."""
    file_id = repo.save(FileKind.SNAPSHOT, b"{}")
    place = repo.store
    repo.store = FaultyStore(place, [Fault("get", 1, Do.FLIP)])
    assert repo.load(FileKind.SNAPSHOT, file_id) == b"{}"
    repo.store = FaultyStore(place, [Fault("get", 1, Do.FLIP, lasting=True)])
    with pytest.raises(RepositoryDamaged):
        repo.load(FileKind.SNAPSHOT, file_id)


@pytest.mark.parametrize(("kind", "reads"), [(FileKind.INDEX, 1), (FileKind.SNAPSHOT, 1), (FileKind.LOCK, 0)])
def test_files_are_read_back_but_for_locks(repo: Repository, kind: FileKind, reads: int) -> None:
    """A lock lives for minutes and is not worth a second trip."""
    store = repo.store = FaultyStore(repo.store)
    repo.save(kind, b"{}")
    assert sum(method == "read_back" for method, _ in store.calls) == reads


def test_a_lying_place_is_found_out_when_a_file_is_saved(repo: Repository) -> None:
    """Once is mended, for good is told."""
    place = repo.store
    for do in (Do.FLIP, Do.LIE):
        repo.store = FaultyStore(place, [Fault("put", 1, do)])
        file_id = repo.save(FileKind.SNAPSHOT, b'{"a":1}')
        repo.store = place
        assert repo.load(FileKind.SNAPSHOT, file_id) == b'{"a":1}'
        repo.store = FaultyStore(place, [Fault("put", 1, do, lasting=True)])
        with pytest.raises(StoreDamaged):
            repo.save(FileKind.SNAPSHOT, b'{"a":2}')


def test_a_fault_of_memory_is_found_before_a_file_goes_out(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not open to the same bytes is not written."""
    monkeypatch.setattr("traybackup.engine.repository.compress", lambda data: b"\x02" + data)
    with pytest.raises((RepositoryDamaged, ValueError)):
        repo.save(FileKind.SNAPSHOT, b"{}")
    monkeypatch.setattr("traybackup.engine.repository.compress", lambda _: b'{"another":1}')
    with pytest.raises(RepositoryDamaged) as caught:
        repo.save(FileKind.SNAPSHOT, b"{}")
    assert caught.value.why == "not-reproducible"
    assert repo.ids(FileKind.SNAPSHOT) == []


def test_only_files_that_are_named_like_one_are_ours(repo: Repository) -> None:
    """Left-overs and notes are no snapshots."""
    file_id = repo.save(FileKind.SNAPSHOT, b"{}")
    for name in ("snapshots/readme", f"snapshots/{file_id}.tmp", f"snapshots/{file_id[:-1]}", f"data/ab/{ID}-tmp-1"):
        repo.store.put(name, BytesPayload(b""))
    assert [entry.id for entry in repo.ids(FileKind.SNAPSHOT)] == [file_id]
    assert repo.ids(FileKind.PACK) == []


# The index and the blobs


@pytest.fixture
def filled(repo: Repository) -> Repository:
    """A repository with three index files."""
    for number in range(3):
        with repo.writing() as saver:
            saver.save(DATA, b"content %d" % number)
            saver.save(TREE, b"tree %d" % number)
    return Repository.open(repo.store, PASSWORD)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_the_index_is_empty_until_it_is_loaded(filled: Repository) -> None:
    """Opening costs no reading of index files."""
    assert len(filled.index) == 0
    filled.load_index()
    assert len(filled.index) == 6
    assert filled.blob(DATA, sha(b"content 2")) == b"content 2"
    filled.load_index()
    assert len(list(filled.index.entries())) == 6


def test_a_damaged_index_file_is_raised_or_collected(filled: Repository) -> None:
    """A backup goes on without it, a prune does not."""
    victim = filled.ids(FileKind.INDEX)[1].id
    memory(filled)[f"index/{victim}"] = b"damaged"
    with pytest.raises(RepositoryDamaged) as caught:
        filled.load_index()
    assert (caught.value.kind, caught.value.id) == ("index", victim)
    assert len(filled.index) == 0  # the old one stays when loading fails
    damaged: list[RepositoryDamaged] = []
    filled.load_index(damaged=damaged)
    assert [error.id for error in damaged] == [victim]
    assert len(filled.index) == 4


def pack_names(repo: Repository) -> list[str]:
    return sorted(name for name in memory(repo) if name.startswith("data/"))


def test_packs_that_are_gone_or_cut_can_be_left_out(filled: Repository) -> None:
    """What lay in them counts as unknown, so that a backup stores it again; the others stay."""
    gone, empty, cut, *_ = pack_names(filled)
    del memory(filled)[gone]
    memory(filled)[empty] = b""
    memory(filled)[cut] = memory(filled)[cut][:30]
    with pytest.raises(RepositoryDamaged):
        filled.load_index(check_packs=True)
    damaged: list[RepositoryDamaged] = []
    filled.load_index(damaged=damaged, check_packs=True)
    assert {(error.kind, error.id, error.why) for error in damaged} == {
        ("pack", gone[-64:], "missing"),
        ("pack", empty[-64:], "wrong-size"),
        ("pack", cut[-64:], "wrong-size"),
    }
    assert len(filled.index) == 3
    filled.load_index()
    assert len(filled.index) == 6


def test_a_listing_that_lags_behind_makes_no_pack_missing(filled: Repository) -> None:
    """Some clouds list a fresh file minutes late: what is not listed is asked for by name."""

    class Lagging(MemoryStore):
        def entries(self, prefix: str = "") -> Iterator[Entry]:
            yield from () if prefix == "data/" else super().entries(prefix)

    assert isinstance(filled.store, MemoryStore)
    filled.store = Lagging(filled.store.place)
    filled.load_index(check_packs=True)
    assert len(filled.index) == 6


def test_packs_of_another_computer_at_work_are_not_missing(filled: Repository) -> None:
    """The packs are listed after the index files, so that whatever is named is there."""
    filled.store = FaultyStore(filled.store)
    filled.load_index(check_packs=True)
    assert [name for method, name in filled.store.calls if method == "entries"] == ["index/", "data/"]


def test_loading_the_index_can_be_stopped(filled: Repository) -> None:
    """Between two files."""
    cancel = Cancel()
    filled.store = FaultyStore(filled.store)
    cancel.set()
    with pytest.raises(Cancelled):
        filled.load_index(cancel=cancel)
    assert [method for method, _ in filled.store.calls] == ["entries"]


def test_a_place_that_fails_while_the_index_is_read_is_no_damage(filled: Repository) -> None:
    """Being offline must not look like an empty repository."""
    filled.store = FaultyStore(filled.store, [Fault("get", 2, error=Offline())])
    with pytest.raises(Offline):
        filled.load_index(damaged=[])


def test_a_blob_that_is_not_there_is_told_with_the_reason(filled: Repository) -> None:
    """Not in the index, pack gone, pack cut, pack spoiled."""
    filled.load_index()
    blob_id = sha(b"content 1")
    with pytest.raises(RepositoryDamaged) as caught:
        filled.blob(TREE, blob_id)
    assert (caught.value.kind, caught.value.id, caught.value.why) == ("tree", blob_id.hex(), "not-indexed")
    location = filled.index.locate(DATA, blob_id)
    assert location is not None
    pack = filled.index.pack_id(location[0]).hex()
    name = f"data/{pack[:2]}/{pack}"
    sound = memory(filled)[name]
    for broken, why in [
        (None, "pack-missing"),
        (b"", "pack-missing"),
        (sound[:20], "pack-missing"),
        (bytes([sound[0] ^ 1]) + sound[1:], "damaged"),
    ]:
        memory(filled).pop(name, None)
        if broken is not None:
            memory(filled)[name] = broken
        with pytest.raises(RepositoryDamaged) as caught:
            filled.blob(DATA, blob_id)
        assert (caught.value.id, caught.value.why) == (blob_id.hex(), why)


def test_a_place_that_fails_while_a_blob_is_read_is_no_damage(filled: Repository) -> None:
    """The blob is fine; the line is not."""
    filled.load_index()
    filled.store = FaultyStore(filled.store, [Fault("get", 1, error=Offline())])
    with pytest.raises(Offline):
        filled.blob(DATA, sha(b"content 1"))


def test_of_several_copies_any_sound_one_will_do(repo: Repository) -> None:
    """A blob that lies in two packs survives the loss of either."""
    plain = b"twice"
    for _ in range(2):
        index = repo.index
        repo.index = type(index)()
        with repo.writing() as saver:
            saver.save(DATA, plain)
    repo.load_index()
    for name in pack_names(repo):
        sound = memory(repo)[name]
        for broken in (bytes(len(sound)), b"", None):
            memory(repo).pop(name)
            if broken is not None:
                memory(repo)[name] = broken
            assert repo.blob(DATA, sha(plain)) == plain
            memory(repo)[name] = sound
    for name in pack_names(repo):
        memory(repo)[name] = b""
    with pytest.raises(RepositoryDamaged):
        repo.blob(DATA, sha(plain))


def test_parts_of_a_pack_can_be_read(filled: Repository) -> None:
    """From an offset, to the end or for a length."""
    (entry, *_) = filled.ids(FileKind.PACK)
    pack = bytes.fromhex(entry.id)
    whole = filled.read_pack(pack)
    assert len(whole) == entry.size
    assert filled.read_pack(pack, 5) == whole[5:]
    assert filled.read_pack(pack, 5, 7) == whole[5:12]
    with pytest.raises(StoreDamaged):
        filled.read_pack(pack, 5, entry.size)
    with pytest.raises(NotFound):
        filled.read_pack(bytes(32))


def test_an_error_of_the_place_is_never_swallowed(repo: Repository) -> None:
    """Writing ends with it, and nothing is indexed."""
    error = StoreFull(needed=1)
    repo.store = FaultyStore(repo.store, [Fault("put", 1, error=error)])
    with pytest.raises(StoreFull) as caught, repo.writing() as saver:
        saver.save(DATA, b"content")
    assert caught.value is error
    assert repo.ids(FileKind.INDEX) == []


# With the real restic


def test_a_repository_that_restic_made_is_read(golden: dict[str, object], golden_store: MemoryStore) -> None:
    """Config, index and blobs are what restic says they are."""
    repo = Repository.open(golden_store, str(golden["password"]))
    config = golden["config"]
    assert isinstance(config, dict)
    assert (repo.id, repo.version) == (config["id"], config["version"])
    assert repo.chunker_secret.decode() == config["chunker_polynomial"]
    repo.load_index()
    assert repo.blob(DATA, sha(b"hello till\n")) == b"hello till\n"
    assert sorted(kind for kind, *_ in repo.index.entries()) == [DATA, TREE, TREE, TREE]


@pytest.mark.restic
@pytest.mark.parametrize("version", [1, 2])
def test_restic_accepts_and_reads_what_we_make(restic: str, tmp_path: Path, version: int) -> None:
    """Its own check of all data is content, and blobs, index and config come out as we wrote them."""
    repo = create(LocalStore(tmp_path), version=version)
    with repo.writing() as saver:
        tree = saver.save(TREE, b'{"nodes":[]}\n')
        blob = saver.save(DATA, b"text " * 1000)
    said = json.loads(run(restic, tmp_path, "cat", "config").stdout)
    assert (said["version"], said["id"]) == (version, repo.id)
    assert run(restic, tmp_path, "cat", "blob", blob.hex()).stdout == "text " * 1000
    (index,) = repo.ids(FileKind.INDEX)
    listed = msgspec.json.decode(run(restic, tmp_path, "cat", "index", index.id).stdout)
    assert {one["id"] for pack in listed["packs"] for one in pack["blobs"]} == {tree.hex(), blob.hex()}
    checked = run(restic, tmp_path, "check", "--read-data")
    assert checked.returncode == 0, checked.stderr
    assert "no errors were found" in checked.stdout


@pytest.mark.restic
def test_restics_empty_index_is_an_index(restic: str, tmp_path: Path) -> None:
    """What `rebuild-index` leaves in an empty repository is read."""
    repo = create(LocalStore(tmp_path))
    assert run(restic, tmp_path, "rebuild-index").returncode == 0
    repo.load_index()
    assert len(repo.index) == 0


class BadSector(MemoryStore):
    """A medium that cannot read what it holds under some names."""

    bad: frozenset[str] = frozenset()

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if name in self.bad or "*" in self.bad:
            raise StoreFailed(name=name, reason="Input/output error")
        return super().get(name, offset, length)


def test_a_bad_sector_costs_one_file(filled: Repository) -> None:
    """An index file or snapshot under which the medium fails is noted like a damaged one, and the others are read."""
    assert isinstance(filled.store, MemoryStore)
    lost = snapshots.save(filled, Snapshot(time=NOW, tree=bytes(32), paths=("/a",), hostname="till"))
    kept = snapshots.save(filled, Snapshot(time=NOW, tree=bytes(32), paths=("/b",), hostname="till"))
    index = filled.ids(FileKind.INDEX)[0].id
    store = BadSector(filled.store.place)
    repo = Repository.open(store, PASSWORD)
    store.bad = frozenset({f"index/{index}", f"snapshots/{lost.id}"})
    with pytest.raises(StoreFailed):
        repo.load_index()
    damaged: list[RepositoryDamaged] = []
    repo.load_index(damaged=damaged)
    assert snapshots.load_all(repo, damaged) == [kept]
    assert [(error.kind, error.id, error.why) for error in damaged] == [
        ("index", index, "unreadable"),
        ("snapshot", lost.id, "unreadable"),
    ]


def test_a_medium_that_fails_altogether_is_no_damage(filled: Repository) -> None:
    """Where nothing can be read any more, the place has failed, not one file after the other."""
    assert isinstance(filled.store, MemoryStore)
    store = BadSector(filled.store.place)
    repo = Repository.open(store, PASSWORD)
    store.bad = frozenset("*")
    damaged: list[RepositoryDamaged] = []
    with pytest.raises(StoreFailed):
        repo.load_index(damaged=damaged)
    assert damaged == []
