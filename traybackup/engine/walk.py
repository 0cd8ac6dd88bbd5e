"""Walk: reading the trees of a snapshot, for whoever restores, lists or checks it.

*TreeReader* loads trees with few reads, *find* goes to one path, *walk* yields everything below a tree, *measure* says
how much that is.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from traybackup.api.errors import NotFound, NotInSnapshot, RepositoryDamaged, StoreDamaged
from traybackup.api.progress import Cancel
from traybackup.api.source import Kind, Metadata
from traybackup.engine.codec import BlobKind, is_id
from traybackup.engine.index import Location
from traybackup.engine.names import NOT_NAMES
from traybackup.engine.pack import PackedBlob, open_blobs
from traybackup.engine.repository import Repository
from traybackup.engine.rescue import complete_index
from traybackup.engine.tree import Node, decode_tree

_WINDOW = 256 << 10
_WINDOWS = 8
_KEEP = 16 << 20
_DRIVE = re.compile(r"([A-Za-z]):(?=[\\/]|$)")


class TreeReader:
    """Loads trees; for one thread.

    A directory is written after what is in it, and read before: so every read fetches what lies before the wanted tree
    too. Plain trees are kept as long as they are small in sum, because a restore looks at each of them twice.
    """

    def __init__(self, repo: Repository, *, rescue: bool = False, cancel: Cancel | None = None) -> None:
        """Get ready.

        Args:
            rescue: Look into the packs themselves, once, when a blob is not in the index.
        """
        self._repo, self._rescue, self._cancel = repo, rescue, cancel
        self._windows: deque[tuple[int, int, bytes]] = deque(maxlen=_WINDOWS)
        self._kept: dict[bytes, bytes] = {}
        self._room = _KEEP

    def load(self, tree_id: bytes) -> bytes:
        """Return the plain bytes of a tree.

        Raises:
            RepositoryDamaged: No sound copy of it is in the repository.
        """
        plain = self._kept.get(tree_id)
        if plain is None:
            plain = self._read(tree_id)
            if len(plain) <= self._room:
                self._room -= len(plain)
                self._kept[tree_id] = plain
        return plain

    def nodes(self, tree_id: bytes, faults: list[str] | None = None) -> list[Node]:
        """Return the nodes of a tree; *faults* as for `decode_tree`.

        Raises:
            RepositoryDamaged: No sound copy of it is in the repository, or it is not a tree.
        """
        return decode_tree(self.load(tree_id), tree_id, faults)

    def locate(self, kind: BlobKind, blob_id: bytes) -> Location | None:
        """Return where a blob lies, None if it is nowhere."""
        location = self._repo.index.locate(kind, blob_id)
        if location is None and self._rescue:
            self._rescue = False
            complete_index(self._repo, self._cancel)
            location = self._repo.index.locate(kind, blob_id)
        return location

    def _read(self, tree_id: bytes) -> bytes:
        location = self.locate(BlobKind.TREE, tree_id)
        if location is not None:
            pack, offset, length, plain_length = location
            try:
                start, data = self._window(pack, offset, offset + length)
            except (NotFound, StoreDamaged):
                pass
            else:
                blob = PackedBlob(BlobKind.TREE, tree_id, offset, length, plain_length)
                [(_, plain)] = open_blobs(self._repo.key, data, start, [blob])
                if isinstance(plain, bytes):
                    return plain
        return any_copy(self._repo, BlobKind.TREE, tree_id)

    def _window(self, pack: int, offset: int, end: int) -> tuple[int, bytes]:
        for known, start, data in self._windows:
            if known == pack and start <= offset and end <= start + len(data):
                return start, data
        start = max(0, min(offset, end - _WINDOW))
        data = self._repo.read_pack(self._repo.index.pack_id(pack), start, end - start)
        self._windows.append((pack, start, data))
        return start, data


def any_copy(repo: Repository, kind: BlobKind, blob_id: bytes) -> bytes:
    """Return the plain bytes of a blob from whichever pack still has it whole.

    Raises:
        RepositoryDamaged: None has.
    """
    try:
        return repo.blob(kind, blob_id)
    except RepositoryDamaged:
        for pack, offset, length, plain_length in repo.index.locations(kind, blob_id):
            blob = PackedBlob(kind, blob_id, offset, length, plain_length)
            try:
                data = repo.read_pack(repo.index.pack_id(pack), offset, length)
            except (NotFound, StoreDamaged):
                continue
            [(_, plain)] = open_blobs(repo.key, data, offset, [blob])
            if isinstance(plain, bytes):
                return plain
        raise


def split_path(path: str) -> list[bytes]:
    r"""Return the names of a path in a snapshot: ``/srv/till``, ``srv/till/`` and ``C:\\till`` are all understood."""
    if _DRIVE.match(path):
        path = _DRIVE.sub(r"\1", path).replace("\\", "/")
    names = [name for name in path.encode(errors="surrogateescape").split(b"/") if name not in (b"", b".")]
    if NOT_NAMES.intersection(names):
        raise NotInSnapshot(path=path)
    return names


def find(repo: Repository, root: bytes, path: str, reader: TreeReader | None = None) -> Node:
    """Return the node at *path*; for the top of the snapshot, a nameless directory.

    Raises:
        NotInSnapshot: There is nothing of that name.
        RepositoryDamaged: A tree on the way is.
    """
    reader = reader or TreeReader(repo)
    node = Node(b"", Metadata(Kind.DIRECTORY, mode=0o755), None, root)
    for name in split_path(path):
        nodes = [] if node.subtree is None else reader.nodes(node.subtree, faults=[])
        found = next((child for child in nodes if child.name == name), None)
        if found is None:
            raise NotInSnapshot(path=path)
        node = found
    return node


def walk(reader: TreeReader, tree_id: bytes, above: bytes = b"") -> Iterator[tuple[bytes, Node | RepositoryDamaged]]:
    """Yield path and node of everything below a tree, a directory before what is in it.

    A tree that cannot be read is yielded as the error, with the path of its directory; the walk goes on.

    Args:
        above: Path of the tree's directory, without a slash at its end.
    """
    stack = [(above, iter(_sound(reader, tree_id)))]
    while stack:
        path, nodes = stack[-1]
        for node in nodes:
            if isinstance(node, RepositoryDamaged):
                yield path or b"/", node
                continue
            yield path + b"/" + node.name, node
            if node.subtree is not None:
                stack.append((path + b"/" + node.name, iter(_sound(reader, node.subtree))))
                break
        else:
            stack.pop()


def _sound(reader: TreeReader, tree_id: bytes) -> list[Node | RepositoryDamaged]:
    faults: list[str] = []
    found: list[Node | RepositoryDamaged] = []
    try:
        found.extend(reader.nodes(tree_id, faults))
    except RepositoryDamaged as error:
        return [error]
    found.extend(RepositoryDamaged(kind="tree", id=tree_id.hex(), why=why) for why in faults)
    return found


@dataclass(frozen=True, slots=True)
class Measure:
    """How much is below a tree. Hard links count once for each name.

    Attributes:
        entries: Everything that is no directory.
        size: Bytes of the files.
        largest: Bytes of the largest one.
    """

    entries: int = 0
    directories: int = 0
    size: int = 0
    largest: int = 0

    def __add__(self, other: "Measure") -> "Measure":
        return Measure(
            self.entries + other.entries,
            self.directories + other.directories,
            self.size + other.size,
            max(self.largest, other.largest),
        )


class _Entry(msgspec.Struct, gc=False):
    size: int = 0
    subtree: str | None = None


class _Entries(msgspec.Struct):
    nodes: list[_Entry]


_ENTRIES = msgspec.json.Decoder(_Entries)


def measure(reader: TreeReader, tree_id: bytes, known: dict[bytes, Measure] | None = None) -> Measure:
    """Add up what is below a tree; what cannot be read counts as nothing.

    A tree that occurs many times is looked at once, so that one that expands to billions of files costs nothing.

    Args:
        known: Results by tree, to be used again; filled here.
    """
    known = {} if known is None else known
    stack: list[tuple[bytes, Measure, list[bytes], Iterator[bytes]]] = []

    def enter(tree: bytes) -> None:
        known[tree] = Measure()
        own, below = _own(reader, tree)
        stack.append((tree, own, below, iter(below)))

    if tree_id not in known:
        enter(tree_id)
    while stack:
        tree, own, below, children = stack[-1]
        missing = next((child for child in children if child not in known), None)
        if missing is None:
            stack.pop()
            known[tree] = sum((known[child] for child in below), own)
        else:
            enter(missing)
    return known[tree_id]


def _own(reader: TreeReader, tree_id: bytes) -> tuple[Measure, list[bytes]]:
    try:
        entries = _ENTRIES.decode(reader.load(tree_id)).nodes
        below = [bytes.fromhex(entry.subtree) for entry in entries if entry.subtree and is_id(entry.subtree)]
    except (RepositoryDamaged, ValueError, RecursionError):
        return Measure(), []
    sizes = [entry.size for entry in entries if entry.size > 0]
    return Measure(len(entries) - len(below), len(below), sum(sizes), max(sizes, default=0)), below
