"""Archiver: a Source becomes trees and blobs.

It walks the source depth first in one thread, takes over what has not changed since the parent snapshot, gives the rest
to the `FileSaver`, and writes each directory's tree once all of its children are known. The run's result is a tree id;
the snapshot that names it is written by the caller, last of all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty

from traybackup.api.errors import RepositoryDamaged, SourceUnreadable
from traybackup.api.progress import Cancel, Progress
from traybackup.api.source import Item, Kind, Report, Source, Unreadable
from traybackup.engine.codec import BlobKind
from traybackup.engine.filesaver import SMALL, FileSaver, Slot
from traybackup.engine.parent import Parent
from traybackup.engine.repository import Repository
from traybackup.engine.saver import BlobSaver
from traybackup.engine.tree import Node, decode_tree, encode_head, encode_node, encode_tree

_MOST_ON_THE_WAY = 1024
"""Files read but not stored yet: bounds memory whatever the size of the source."""


@dataclass(slots=True)
class Counts:
    """What a run met and stored; names and meaning are those of restic's summary."""

    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    dirs_new: int = 0
    dirs_changed: int = 0
    dirs_unmodified: int = 0
    data_blobs: int = 0
    tree_blobs: int = 0
    data_added: int = 0
    data_added_packed: int = 0
    total_files_processed: int = 0
    total_bytes_processed: int = 0


@dataclass(slots=True)
class Archived:
    """The result of a run.

    Attributes:
        tree: Id of the root tree; every blob it needs is stored and indexed.
        report: What could not be read, and what was noticed.
    """

    tree: bytes
    counts: Counts = field(default_factory=Counts)
    report: Report = field(default_factory=Report)


class _Directory:
    """A directory under way: *nodes* has a place for every child, *open* counts those still without a node."""

    __slots__ = ("before", "item", "nodes", "open", "parent", "place", "tree_before")

    def __init__(self, item: Item, parent: "_Directory | None", place: int, tree_before: bytes | None) -> None:
        self.item = item
        self.parent = parent
        self.place = place
        self.tree_before = tree_before
        self.before: Parent | None = None
        self.nodes: list[bytes | None] = []
        self.open = 1  # the listing itself


_Files = FileSaver[tuple[_Directory, int]]


def archive(
    repo: Repository,
    source: Source,
    *,
    parent: bytes | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    read_all: bool = False,
    level: int | None = None,
    folder: Path | None = None,
) -> Archived:
    """Store everything in *source* and return the tree.

    Args:
        parent: Root tree of the snapshot whose unchanged files are taken over without reading them.
        read_all: Read every file, whatever its times say.
        level: zstd's; 0 stores as is.
        folder: Where packs grow before they are put.

    Raises:
        StoreError: The destination failed; nothing may name the tree.
        SourceMissing: A path to save is not there.
        Cancelled: Somebody asked to stop.
    """
    progress, cancel = progress or Progress(), cancel or Cancel()
    with repo.writing(progress=progress, level=level, folder=folder) as saver:
        files: _Files = FileSaver(saver, repo.chunker_secret, progress, cancel)
        walk = _Walk(repo, source, saver, files, progress, cancel, read_all=read_all)
        try:
            result = walk.run(parent)
            files.finish()
        except BaseException as error:
            files.abandon(error)
            raise
    counts = result.counts
    counts.data_blobs, counts.tree_blobs = saver.new_blobs[BlobKind.DATA], saver.new_blobs[BlobKind.TREE]
    counts.data_added = sum(saver.added.values())
    counts.data_added_packed = sum(saver.added_packed.values())
    return result


class _Walk:
    """One run's walk over the source."""

    def __init__(
        self,
        repo: Repository,
        source: Source,
        saver: BlobSaver,
        files: _Files,
        progress: Progress,
        cancel: Cancel,
        *,
        read_all: bool,
    ) -> None:
        self._repo, self._source, self._saver, self._files = repo, source, saver, files
        self._progress, self._cancel = progress, cancel
        self._read_all = read_all
        self._on_the_way = 0
        self._result = Archived(tree=b"")
        self._counts = self._result.counts

    def run(self, parent: bytes | None) -> Archived:
        root = _Directory(self._source.root(), None, 0, parent)
        stack = [(root, self._list(root))]
        while stack:
            directory, children = stack[-1]
            for place, item in children:
                if item.metadata.kind is Kind.DIRECTORY:
                    below = _Directory(item, directory, place, _subtree(self._node_before(directory, item)))
                    stack.append((below, self._list(below)))
                    break
                self._item(directory, place, item)
            else:
                stack.pop()
                self._child_done(directory)
                self._cancel.check()
        self._files.flush()
        while self._on_the_way:
            self._collect(wait=True)
        self._result.report.findings.extend(self._source.findings)
        return self._result

    def _list(self, directory: _Directory) -> Iterator[tuple[int, Item]]:
        try:
            items = self._source.children(directory.item)
        except SourceUnreadable as error:
            self._unreadable(directory.item, error)
            if directory.parent is None:
                raise
            directory.nodes = []
            directory.item.metadata.size = -1  # marks it as left out
            return iter(())
        directory.nodes = [None] * len(items)
        directory.open += len(items)
        directory.before = self._parent(directory.tree_before) if items else None
        return iter(enumerate(items))

    def _parent(self, tree: bytes | None) -> Parent | None:
        if tree is None:
            return None
        try:
            return Parent(self._repo.blob(BlobKind.TREE, tree), tree)
        except RepositoryDamaged:
            # an old tree is lost: read the files again and store it anew, with those that lay beside it
            self._repo.index.lose(BlobKind.TREE, tree)
            return None

    def _node_before(self, directory: _Directory, item: Item) -> Node | None:
        try:
            return directory.before.node(item.name) if directory.before is not None else None
        except RepositoryDamaged:
            return None  # what is wrong with it is not written again

    def _item(self, directory: _Directory, place: int, item: Item) -> None:
        if item.metadata.kind is not Kind.FILE:
            directory.nodes[place] = encode_node(item.name, item.metadata)
            self._child_done(directory)
            return
        if not self._source.wanted(item):
            self._child_done(directory)
            return
        if self._takes_over(directory, place, item):
            self._progress.advance(item.metadata.size)
            self._child_done(directory)
            self._cancel.check()
            return
        before = self._node_before(directory, item)
        state = "new" if before is None or before.metadata.kind is not Kind.FILE else "changed"
        self._read(directory, place, item, state)
        while self._on_the_way:
            if not self._collect(wait=self._on_the_way > _MOST_ON_THE_WAY):
                break

    def _takes_over(self, directory: _Directory, place: int, item: Item) -> bool:
        """Take the content of a file from the snapshot before, without reading it, if it is the same."""
        if directory.before is None or self._read_all:
            return False
        head = encode_head(item.name, item.metadata)
        index = self._repo.index
        same = directory.before.unchanged(head)
        if same is not None and index.has_all(BlobKind.DATA, same[1]):
            directory.nodes[place] = same[0]
        else:
            before = self._node_before(directory, item)
            if before is None or not self._unchanged(item, before):
                return False
            directory.nodes[place] = encode_node(item.name, item.metadata, before.content)
        self._count(item, "unchanged", item.metadata.size)
        return True

    def _unchanged(self, item: Item, before: Node) -> bool:
        now, then = item.metadata, before.metadata
        return (
            then.kind is Kind.FILE
            and now.modified == then.modified
            and now.size == then.size
            and now.changed == then.changed
            and now.inode == then.inode
            and before.content is not None
            and self._repo.index.has_all(BlobKind.DATA, before.content)
        )

    def _read(self, directory: _Directory, place: int, item: Item, state: str) -> None:
        slot = Slot((directory, place), item, state)
        try:
            data = self._source.read_small(item, SMALL) if item.metadata.size <= SMALL else None
            if data is not None:
                self._on_the_way += 1
                self._progress.advance(len(data))
                self._files.small(slot, data)
                return
            content = self._source.open(item)
        except FileNotFoundError:
            self._child_done(directory)  # gone since it was listed
        except SourceUnreadable as error:
            self._unreadable(item, error)
            self._child_done(directory)
        else:
            self._on_the_way += 1
            self._files.stream(slot, content)

    def _collect(self, *, wait: bool) -> bool:
        """Take one complete file back; return whether there was one."""
        if wait:
            self._files.flush()
        try:
            # neither a worker that failed nor a request to stop puts anything into the queue: look up now and then
            slot = self._files.done.get(timeout=0.5) if wait else self._files.done.get_nowait()
        except Empty:
            self._files.check()
            self._cancel.check()
            return False
        self._on_the_way -= 1
        directory, place = slot.key
        if slot.failed is not None:
            self._unreadable(slot.item, slot.failed)
        else:
            metadata = slot.metadata
            metadata.size = slot.size
            directory.nodes[place] = encode_node(slot.item.name, metadata, slot.content)
            self._result.report.findings.extend(slot.findings)
            self._count(slot.item, slot.state, slot.size)
        self._child_done(directory)
        return True

    def _count(self, item: Item, state: str, size: int) -> None:
        counts = self._counts
        counts.total_files_processed += 1
        counts.total_bytes_processed += size
        if state == "new":
            counts.files_new += 1
        elif state == "changed":
            counts.files_changed += 1
        else:
            counts.files_unmodified += 1
        self._progress.item(item.path, state, size)

    def _unreadable(self, item: Item, error: SourceUnreadable) -> None:
        self._result.report.unreadable.append(Unreadable(item.path, error.reason))
        self._progress.trouble(item.path, error.reason)

    def _child_done(self, directory: _Directory) -> None:
        """One thing less to wait for; write the trees that are complete now, upwards."""
        directory.open -= 1
        while directory.open == 0:
            node = self._tree_node(directory)
            above = directory.parent
            if above is None:
                return
            above.nodes[directory.place] = node
            above.open -= 1
            directory = above

    def _tree_node(self, directory: _Directory) -> bytes | None:
        if directory.item.metadata.size < 0:
            return None  # could not be listed
        tree = self._saver.save(BlobKind.TREE, encode_tree([node for node in directory.nodes if node is not None]))
        directory.nodes = []
        if directory.parent is None:
            self._result.tree = tree
            return None
        counts = self._counts
        if directory.tree_before is None:
            counts.dirs_new += 1
        elif directory.tree_before == tree:
            counts.dirs_unmodified += 1
        else:
            counts.dirs_changed += 1
        return encode_node(directory.item.name, directory.item.metadata, subtree=tree)


def _subtree(node: Node | None) -> bytes | None:
    return node.subtree if node is not None else None


def emptied(repo: Repository, paths: Sequence[str], before: bytes, after: bytes) -> list[str]:
    """Return those of *paths* that were directories with something in them in the tree *before* and are empty now."""
    found = []
    for path in paths:
        names = [name for name in path.encode(errors="surrogateescape").split(b"/") if name]
        old, new = _directory_at(repo, before, names), _directory_at(repo, after, names)
        if old and new == []:
            found.append(path)
    return found


def _directory_at(repo: Repository, tree: bytes, names: Sequence[bytes]) -> list[Node] | None:
    nodes = decode_tree(repo.blob(BlobKind.TREE, tree), tree)
    for name in names:
        subtree = _subtree(next((node for node in nodes if node.name == name), None))
        if subtree is None:
            return None
        nodes = decode_tree(repo.blob(BlobKind.TREE, subtree), subtree)
    return nodes
