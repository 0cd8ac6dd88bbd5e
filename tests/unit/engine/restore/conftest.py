"""What the tests of restoring share: trees planted by hand, down to nodes that no honest program writes."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from traybackup.api.source import Kind, Metadata
from traybackup.engine.codec import BlobKind
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.repository import Repository
from traybackup.engine.saver import BlobSaver
from traybackup.engine.tree import encode_node, encode_tree
from traybackup.testing import MemoryStore

NOW = datetime(2026, 3, 1, 19, 30, tzinfo=UTC)
TIME = 1_700_000_000_123_456_789
US = {"uid": os.geteuid(), "gid": os.getegid()} if hasattr(os, "geteuid") else {}


@dataclass
class Entry:
    """An entry of a planted tree: content as blobs, or a tree below, or neither; *raw* is the node's JSON as it is."""

    metadata: Metadata
    blobs: Sequence[bytes] = ()
    below: "Tree | None" = None
    raw: bytes | None = None


Tree = dict[bytes, "bytes | Entry | Tree"]


def _file(*blobs: bytes, **changes: object) -> Entry:
    plain = {"mode": 0o644, "modified": TIME, "accessed": TIME - 7, "changed": TIME, **US}
    return Entry(Metadata(Kind.FILE, **{**plain, "size": sum(map(len, blobs)), **changes}), blobs)


def _folder(below: Tree, **changes: object) -> Entry:
    plain = {"mode": 0o750, "modified": TIME + 3, "accessed": TIME - 9, **US}
    return Entry(Metadata(Kind.DIRECTORY, **{**plain, **changes}), below=below)


def _special(kind: Kind, **changes: object) -> Entry:
    plain = {"mode": 0o640, "modified": TIME + 5, "accessed": TIME, **US}
    return Entry(Metadata(kind, **{**plain, **changes}))


@dataclass
class Made:
    """A repository with planted trees.

    Attributes:
        packs: How often blobs begin a new pack: after each file, so that damage can be aimed.
    """

    repo: Repository
    store: MemoryStore
    each_in_its_pack: bool = False
    trees: list[bytes] = field(default_factory=list)

    def plant(self, tree: Tree) -> bytes:
        """Store *tree* and return its id."""
        if self.each_in_its_pack:
            return self._plant_apart(tree)
        with self.repo.writing() as saver:
            return self._plant(saver, tree)

    def _plant(self, saver: BlobSaver, tree: Tree) -> bytes:
        return saver.save(BlobKind.TREE, self._encode(tree, saver.save))

    def _plant_apart(self, tree: Tree) -> bytes:
        def save(kind: BlobKind, plain: bytes) -> bytes:
            with self.repo.writing() as saver:
                return saver.save(kind, plain)

        return save(BlobKind.TREE, self._encode(tree, save))

    def _encode(self, tree: Tree, save: Callable[[BlobKind, bytes], bytes]) -> bytes:
        nodes = []
        for name, found in sorted(tree.items()):
            entry = _file(found) if isinstance(found, bytes) else found
            entry = _folder(entry) if isinstance(entry, dict) else entry
            if entry.raw is not None:
                nodes.append(entry.raw)
                continue
            subtree = None
            if entry.below is not None:
                subtree = save(BlobKind.TREE, self._encode(entry.below, save))
            content = [save(BlobKind.DATA, blob) for blob in entry.blobs if blob]
            nodes.append(encode_node(name, entry.metadata, content, subtree))
        return encode_tree(nodes)

    def objects(self, folder: str) -> dict[str, bytes]:
        """Return the files of the repository below *folder*, to be spoiled at will."""
        return {name: data for name, data in self.store.place.objects.items() if name.startswith(folder)}


@pytest.fixture
def made() -> Made:
    """A new repository in memory, with its store."""
    store = MemoryStore()
    return Made(Repository.create(store, "x", now=NOW, cost=KdfParameters(n=2)), store)


@pytest.fixture(scope="session")
def file() -> Callable[..., Entry]:
    """A function that makes a file of blobs; keyword arguments are fields of its metadata."""
    return _file


@pytest.fixture(scope="session")
def folder() -> Callable[..., Entry]:
    """A function that makes a directory with metadata of its own."""
    return _folder


@pytest.fixture(scope="session")
def special() -> Callable[..., Entry]:
    """A function that makes a symlink, FIFO, socket or device."""
    return _special


@pytest.fixture(scope="session")
def raw() -> Callable[..., Entry]:
    """A function that makes an entry of a node's JSON as it is."""
    return lambda text: Entry(Metadata(Kind.FILE), raw=text)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """An empty place to restore into, beside a canary that must not change."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_bytes(b"sings")
    target = tmp_path / "target"
    yield target
    assert sorted(os.listdir(tmp_path)) == ["outside", "target"] or sorted(os.listdir(tmp_path)) == ["outside"]
    assert os.listdir(outside) == ["canary"]
    assert (outside / "canary").read_bytes() == b"sings"


@pytest.fixture(scope="session")
def listing() -> Callable[[Path], dict[str, bytes | None]]:
    """A function that returns everything below a folder: a file's bytes, None for a directory."""

    def look(root: Path) -> dict[str, bytes | None]:
        return {
            str(path.relative_to(root)): None if path.is_dir() and not path.is_symlink() else path.read_bytes()
            for path in sorted(root.rglob("*"))
            if not path.is_symlink()
        }

    return look
