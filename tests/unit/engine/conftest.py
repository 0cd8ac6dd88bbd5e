"""What the engine's tests share: cheap keys, a repository in memory, one that restic made, a scripted source."""

import base64
import hashlib
import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from traybackup.api.errors import SourceUnreadable
from traybackup.api.source import Content, Finding, Item, Kind, Metadata, Source
from traybackup.api.store import BytesPayload
from traybackup.engine import snapshots
from traybackup.engine.codec import BlobKind
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.repository import Repository
from traybackup.engine.saver import BlobSaver
from traybackup.engine.snapshots import Snapshot
from traybackup.engine.tree import encode_node, encode_tree
from traybackup.testing import MemoryStore

NOW = datetime(2026, 3, 1, 19, 30, tzinfo=UTC)
CHEAP = KdfParameters(n=1 << 10)
PASSWORD = "Sesam, öffne dich"  # noqa: S105 - of repositories that live for one test


@pytest.fixture
def repo() -> Repository:
    """A new repository in memory."""
    return Repository.create(MemoryStore(), PASSWORD, now=NOW, cost=CHEAP)


@pytest.fixture(scope="session")
def golden() -> dict[str, object]:
    """A repository that restic 0.14 made, as JSON: its files in Base64, and what restic itself says about it."""
    found: dict[str, object] = json.loads((Path(__file__).parent / "data" / "restic-0.14.json").read_text())
    return found


@pytest.fixture
def golden_store(golden: dict[str, dict[str, str]]) -> MemoryStore:
    """The files of the repository that restic made."""
    store = MemoryStore()
    for name, content in golden["files"].items():
        store.put(name, BytesPayload(base64.b64decode(content)))
    return store


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    """Fail if a thread outlives the test."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert left == []


@pytest.fixture
def peak_memory() -> Callable[[str], int]:
    """Return a function that runs Python text in a process of its own and says by how many bytes its peak rose.

    The text prints ``start`` where measuring begins; what it prints besides is ignored.
    """
    frame = """
        import resource, sys
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        def start():
            global began
            began = peak()
        {text}
        print(peak() - began)
    """

    def run(text: str) -> int:
        pytest.importorskip("resource", reason="Windows has no peak of its own to ask for")
        indented = textwrap.indent(textwrap.dedent(text).strip(), " " * 8).strip()
        script = textwrap.dedent(frame.format(text=indented))
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return int(done.stdout.split()[-1])

    return run


# Snapshots by hand ---------------------------------------------------------------------------------------------------

Tree = dict[bytes, "bytes | list[bytes] | Tree"]


def _save_tree(saver: BlobSaver, tree: Tree) -> bytes:
    nodes = []
    for name, found in sorted(tree.items()):
        if isinstance(found, dict):
            nodes.append(encode_node(name, Metadata(Kind.DIRECTORY, 0o755), None, _save_tree(saver, found)))
            continue
        blobs = [found] if isinstance(found, bytes) else found
        content = saver.save_many(BlobKind.DATA, [blob for blob in blobs if blob])
        nodes.append(encode_node(name, Metadata(Kind.FILE, 0o644, size=sum(map(len, blobs))), content))
    return saver.save(BlobKind.TREE, encode_tree(nodes))


def _save_by_hand(repo: Repository, tree: Tree, time: datetime = NOW, hostname: str = "till") -> Snapshot:
    with repo.writing() as saver:
        root = _save_tree(saver, tree)
    return snapshots.save(repo, Snapshot(time=time, tree=root, paths=("/till",), hostname=hostname))


@pytest.fixture(scope="session")
def save_by_hand() -> Callable[..., Snapshot]:
    """A function that saves a dict of names as a snapshot: a file is its bytes or the list of its blobs."""
    return _save_by_hand


# A source by script --------------------------------------------------------------------------------------------------


@dataclass
class File:
    """A file of a `ScriptedSource`.

    Attributes:
        block_size: As of a database; None: cut by content.
        breaks_at: Reading fails once this many bytes were read.
        locked: It cannot be opened.
        gone: It vanished since it was listed.
        findings: What checking it finds.
        on_read: Called before every read, with the number of bytes read so far.
    """

    data: bytes = b""
    modified: int = 1_700_000_000_000_000_000
    kind: Kind = Kind.FILE
    block_size: int | None = None
    breaks_at: int | None = None
    locked: bool = False
    gone: bool = False
    findings: Sequence[Finding] = ()
    grown: int | None = None
    on_read: Callable[[int], object] = lambda _: None


@dataclass
class Unlistable:
    """A directory that cannot be listed."""


class ScriptedContent(Content):
    """The content of one `File`; the source counts how many are open."""

    def __init__(self, source: "ScriptedSource", file: File, item: Item) -> None:
        self._source, self._file, self._item = source, file, item
        self._at = 0
        self._closed = False
        self.block_size = file.block_size
        source.open_now += 1

    def read(self, size: int) -> bytes:
        file = self._file
        file.on_read(self._at)
        if file.breaks_at is not None:
            if self._at >= file.breaks_at:
                raise SourceUnreadable(path="x", reason="Input/output error")
            size = min(size, file.breaks_at - self._at)
        piece = file.data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def metadata(self) -> Metadata | None:
        if self._file.grown is None:
            return None
        found = self._item.metadata
        return Metadata(found.kind, found.mode, self._file.grown, inode=found.inode, size=self._at)

    def check(self) -> Sequence[Finding]:
        assert not self._closed
        return self._file.findings

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._source.open_now -= 1


@dataclass
class ScriptedSource(Source):
    """A tree of dicts, in memory: a value is a directory (dict), a file (bytes or `File`) or `Unlistable`.

    Attributes:
        opened: The paths that were read, in order.
        open_now: How many contents are open.
        small: Give out small files by `read_small`.
        excluded: Paths that are refused at the last moment.
        on_list: Called with the path of every directory that is listed.
    """

    tree: dict[bytes, object]
    small: bool = True
    excluded: frozenset[bytes] = frozenset()
    on_list: Callable[[bytes], object] = lambda _: None
    opened: list[bytes] = field(default_factory=list)
    open_now: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def paths(self) -> Sequence[str]:
        return sorted("/" + name.decode() for name in self.tree)

    def root(self) -> Item:
        return self._item(b"", b"/", self.tree)

    def children(self, directory: Item) -> Sequence[Item]:
        self.on_list(directory.path)
        found = self._at(directory.path)
        if isinstance(found, Unlistable):
            raise SourceUnreadable(path=directory.path.decode(), reason="Permission denied")
        assert isinstance(found, dict)
        prefix = directory.path.rstrip(b"/") + b"/"
        return [self._item(name, prefix + name, found[name]) for name in sorted(found)]

    def wanted(self, item: Item) -> bool:
        return item.path not in self.excluded

    def read_small(self, item: Item, limit: int) -> bytes | None:
        file = self._file(item)
        if not self.small or file != File(file.data, file.modified) or len(file.data) > limit:
            return None
        self.opened.append(item.path)
        return file.data

    def open(self, item: Item) -> Content:
        file = self._file(item)
        if file.gone:
            raise FileNotFoundError(item.path)
        self.opened.append(item.path)
        if file.locked:
            raise SourceUnreadable(path=item.path.decode(), reason="Permission denied")
        return ScriptedContent(self, file, item)

    def _at(self, path: bytes) -> object:
        found: object = self.tree
        for name in path.split(b"/"):
            if name:
                assert isinstance(found, dict)
                found = found[name]
        return found

    def _file(self, item: Item) -> File:
        found = self._at(item.path)
        return found if isinstance(found, File) else File(found)

    @staticmethod
    def _item(name: bytes, path: bytes, found: object) -> Item:
        inode = int.from_bytes(hashlib.sha256(path).digest()[:4], "big")
        if isinstance(found, dict | Unlistable):
            return Item(name, path, Metadata(Kind.DIRECTORY, 0o755, 1, 1, 1, inode=inode))
        file = found if isinstance(found, File) else File(found)
        times = (file.modified,) * 3
        size = len(file.data) if file.kind is Kind.FILE else 0
        return Item(name, path, Metadata(file.kind, 0o644, *times, inode=inode, size=size))


@dataclass(frozen=True)
class Scripted:
    """The names a test needs for a source by script (test files cannot import from one another)."""

    Source: type[ScriptedSource] = ScriptedSource
    File: type[File] = File
    Unlistable: type[Unlistable] = Unlistable


@pytest.fixture(scope="session")
def scripted() -> Scripted:
    """The classes of a source by script."""
    return Scripted()
