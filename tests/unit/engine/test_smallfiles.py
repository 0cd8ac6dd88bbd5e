"""Small files of a place that may be hostile: no more of them is read than they can honestly be."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from traybackup.api.errors import NotFound, RepositoryDamaged
from traybackup.api.store import BytesPayload
from traybackup.engine import lockfiles, smallfiles
from traybackup.engine.codec import FileKind, object_name
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.repository import Repository
from traybackup.stores.local import LocalStore
from traybackup.testing import MemoryStore

ID = "ab" * 32
HUGE = 1 << 50
PASSWORD = "x"  # noqa: S105 - of repositories that live for one test


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place in a folder, with a repository in it."""
    Repository.create(LocalStore(tmp_path), PASSWORD, now=datetime.now(UTC), cost=KdfParameters(n=2, r=1))
    return tmp_path


def swell(path: Path, size: int = HUGE) -> None:
    """Make a file as large as nothing here could read; it takes no room."""
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        path.chmod(0o600)
    with path.open("ab") as stream:
        try:
            os.truncate(stream.fileno(), size)
        except OSError:
            os.truncate(stream.fileno(), 1 << 40)


@pytest.mark.parametrize("kind", [kind for kind in FileKind if kind is not FileKind.PACK])
def test_what_is_far_too_large_is_not_read(folder: Path, kind: FileKind) -> None:
    """A sparse file of a terabyte takes no room on a stick, and would take all memory here."""
    swell(folder / object_name(kind, ID))
    with pytest.raises(RepositoryDamaged) as caught:
        smallfiles.read(LocalStore(folder), kind, ID)
    assert (caught.value.kind, caught.value.why) == (kind.word, "too-large")


@pytest.mark.parametrize(("size", "fine"), [(64 << 10, True), ((64 << 10) + 1, False)])
def test_elsewhere_the_size_shows_when_it_is_there(size: int, fine: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A place that is not a folder is not asked for the size first; its answer is measured all the same."""
    store = MemoryStore()
    store.put(f"locks/{ID}", BytesPayload(bytes(size)))
    if fine:
        assert smallfiles.read(store, FileKind.LOCK, ID) == bytes(size)
        return
    with pytest.raises(RepositoryDamaged, match="too-large"):
        smallfiles.read(store, FileKind.LOCK, ID)


def test_what_is_not_there_is_not_there(folder: Path) -> None:
    """It is no damage: others remove their locks while we look."""
    with pytest.raises(NotFound):
        smallfiles.read(LocalStore(folder), FileKind.LOCK, ID)


def test_a_huge_config_is_a_damaged_one(folder: Path) -> None:
    """Opening says so in the words for a config, instead of taking all memory."""
    swell(folder / "config")
    with pytest.raises(RepositoryDamaged) as caught:
        Repository.open(LocalStore(folder), PASSWORD)
    assert (caught.value.kind, caught.value.why) == ("config", "bad-config")


def test_huge_keys_and_locks_stop_nobody(folder: Path) -> None:
    """The sound key opens, and the lock is one that cannot be read; its name may even be right."""
    for kind in (FileKind.KEY, FileKind.LOCK):
        swell(folder / object_name(kind, hashlib.sha256(kind.word.encode()).hexdigest()))
    repo = Repository.open(LocalStore(folder), PASSWORD)
    (lock,) = lockfiles.read_all(repo)
    assert (lock.time, lock.why) == (None, "too-large")
