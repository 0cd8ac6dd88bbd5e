"""Restorer: a snapshot, or parts of it, becomes files again.

The tree is walked once in one thread, which makes directories and gathers files into a *Batch*; a full batch is written
by the `FileWriter`, then come its hard links, then symlinks and devices, and at last the metadata of the directories
that are complete. So memory depends on the batch, not on the snapshot.

Nothing is ever written outside the target, no existing file is touched unless the owner said so, and what is damaged in
the repository costs only the files that need it. A restore that was cut short is simply started again: what is there
already is compared and kept.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from traybackup.api.errors import RepositoryDamaged, RestoreError, RestoreIncomplete, TargetUnusable
from traybackup.api.progress import Cancel, Progress
from traybackup.api.source import Kind
from traybackup.engine import preflight
from traybackup.engine.batch import Batch, File, Original, Restored
from traybackup.engine.choice import Selection, select
from traybackup.engine.codec import BlobKind
from traybackup.engine.crypto import OVERHEAD
from traybackup.engine.filesystem import (
    Abilities,
    Folder,
    Identity,
    flush,
)
from traybackup.engine.filewriter import STOPPING, FileWriter
from traybackup.engine.finisher import Finisher
from traybackup.engine.index import Index
from traybackup.engine.placing import (
    Directory,
    Folders,
    Overwrite,
    Verdict,
    enter,
    judge,
    look_around,
    sweep,
    target_names,
)
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.engine.tree import Node
from traybackup.engine.walk import Measure, TreeReader

_MOST_FILES = 8_192
_MOST_GROWING = 96
"""Files of several blobs in one batch: each may be open at the same time."""

_MOST_BLOBS = 32_768

_LARGE_SIZE, _LARGE_COUNT = 64 << 20, 4_000
_SMALL_BLOB = 256 << 10


def restore(
    repo: Repository,
    what: Snapshot | bytes,
    target: Path,
    *,
    only: Sequence[str] = (),
    overwrite: Overwrite = Overwrite.NEVER,
    trust_times: bool = False,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Restored:
    """Bring a snapshot back below *target*, which is made if it is not there. The index must be loaded.

    Args:
        what: A snapshot, or the id of a tree: then what is in that directory.
        only: Paths in the snapshot; nothing else is brought back.
        trust_times: What is there with the same size and time is taken to be the same, without reading it.

    Returns:
        What was done. Whether all is well, `problem` says.

    Raises:
        TargetUnusable: The target is no folder, may not be written, has no room, or fails on the way.
        NotInSnapshot: None of the paths is in the snapshot.
        RepositoryDamaged: Not even the top of the snapshot can be read.
        StoreError: The place of the repository is not to be reached.
        Cancelled: Somebody asked to stop. What is complete stays.
    """
    root_tree = what.tree if isinstance(what, Snapshot) else what
    progress, cancel = progress or Progress(), cancel or Cancel()
    reader = TreeReader(repo, rescue=True, cancel=cancel)
    reader.load(root_tree)
    progress.phase("scan")
    restored = Restored()
    selection, expected = select(repo, reader, root_tree, only, restored)
    place = os.fspath(target)
    with preflight.opened(place) as folder:
        preflight.check(repo, reader, root_tree, only, expected, folder, place)
        progress.expect(expected.entries, expected.size)
        progress.phase("restore")
        large = _is_large(expected, repo.index)
        with _named(place):
            run = _Restore(
                repo, reader, folder, place, overwrite, restored, progress, cancel, trust_times=trust_times, large=large
            )
            run.run(root_tree, selection)
            progress.phase("flush")
            flush(folder)
    return restored


@contextmanager
def _named(place: str) -> Iterator[None]:
    """Say of a target that fails which one it is."""
    try:
        yield
    except OSError as error:
        raise TargetUnusable(path=place, why=STOPPING.get(error.errno or 0, "gone")) from error


def problem(restored: Restored) -> RestoreError | None:
    """Return what a finished restore has to complain about: nothing, some items, or that it brought nothing back."""
    if not restored.failed:
        return None
    failed = len(restored.failed)
    done = restored.files + restored.others + restored.skipped
    if not done:
        return RestoreError(path=os.fsdecode(restored.failed[0].path))
    return RestoreIncomplete(failed=failed, total=failed + done + restored.directories)


def _is_large(expected: Measure, index: Index) -> bool:
    """Say whether a second process is worth its start: there is much to do, and most of it in small blobs.

    Opening large ones is done in calls that let other threads run.
    """
    much = expected.size >= _LARGE_SIZE or expected.entries >= _LARGE_COUNT
    return much and expected.size < _SMALL_BLOB * len(index)


class _Last:
    """What has to wait for the files of a batch.

    Attributes:
        links: Further names of files.
        specials: Symlinks, FIFOs and devices.
        left: Directories that the walk has left; each comes after those in it.
    """

    def __init__(self) -> None:
        self.links: list[tuple[Directory, bytes, Node, Original, Verdict]] = []
        self.specials: list[tuple[Directory, bytes, Node, Verdict]] = []
        self.left: list[Directory] = []


class _Restore:
    """One restore under way."""

    def __init__(
        self,
        repo: Repository,
        reader: TreeReader,
        folder: Folder,
        place: str,
        policy: Overwrite,
        restored: Restored,
        progress: Progress,
        cancel: Cancel,
        *,
        trust_times: bool,
        large: bool,
    ) -> None:
        self._repo, self._reader, self._place = repo, reader, place
        self._policy, self._restored, self._progress, self._cancel = policy, restored, progress, cancel
        self._trust_times = trust_times
        self._us = Identity.current()
        self._top = Directory(None, b"", b"")
        look_around(folder, self._top)
        self._abilities = Abilities.of(folder)
        self._folders = Folders(folder)
        self._writer = FileWriter(
            repo,
            folder,
            place,
            policy=policy,
            us=self._us,
            restored=restored,
            progress=progress,
            cancel=cancel,
            large=large,
        )
        self._finish = Finisher(self._folders, self._writer, policy, self._us, restored, progress)
        self._originals: dict[tuple[int, int], Original] = {}
        self._batch = Batch()
        self._growing = 0
        self._next, self._last = _Last(), _Last()

    def run(self, root: bytes, selection: Selection | None) -> None:
        try:
            stack = [(self._top, self._children(self._top, root, selection))]
            while stack:
                directory, children = stack[-1]
                self._cancel.check()
                for name, node, wanted in children:
                    if node.subtree is not None and node.metadata.kind is Kind.DIRECTORY:
                        below = self._enter(directory, name, node, wanted)
                        if below is not None:
                            stack.append((below, self._children(below, node.subtree, wanted)))
                            break
                    else:
                        self._item(directory, name, node)
                else:
                    stack.pop()
                    self._next.left.append(directory)
            self._flush()
            self._settle()
        except BaseException:
            self._writer.stop()
            raise
        finally:
            self._folders.close()
            self._writer.close()

    def _children(
        self, directory: Directory, tree: bytes, selection: Selection | None
    ) -> Iterator[tuple[bytes, Node, Selection | None]]:
        """Yield the wanted nodes of a tree, each with its name in the target and what is wanted below it."""
        faults: list[str] = []
        try:
            nodes = self._reader.nodes(tree, faults)
        except RepositoryDamaged as error:
            self._finish.fail(directory.path or b"/", "damaged")
            if directory.above is None:
                raise error from None
            return
        for _ in faults:
            self._finish.fail(directory.path or b"/", "damaged")
        others = target_names(nodes, self._abilities)
        if directory.found:
            self._guarded_sweep(directory, nodes)
        for node in nodes:
            if selection is not None and node.name not in selection:
                continue
            name = others.get(node.name, node.name)
            if name != node.name:
                self._restored.renamed.append((directory.path + b"/" + node.name, name))
            yield name, node, None if selection is None else selection[node.name]

    def _guarded_sweep(self, directory: Directory, nodes: list[Node]) -> None:
        try:
            sweep(self._folders[directory], directory, frozenset(node.name for node in nodes))
        except OSError:
            return  # what cannot be tidied does no harm

    def _enter(self, above: Directory, name: bytes, node: Node, wanted: Selection | None) -> Directory | None:
        directory = Directory(above, name, above.path + b"/" + node.name, node.metadata)
        try:
            aside = enter(self._folders, directory, self._policy)
        except OSError as error:
            self._finish.failed(directory.path, error)
            return None
        if aside:
            self._restored.aside.append((directory.path, aside))
        if directory.existed and wanted is not None:
            directory.metadata = None  # it only leads to what is wanted
        self._restored.directories += 1
        return directory

    def _item(self, directory: Directory, name: bytes, node: Node) -> None:
        metadata = node.metadata
        path = directory.path + b"/" + node.name
        if metadata.kind is Kind.SOCKET:
            self._restored.unset["socket"] += 1  # the program that had it makes a new one
            return
        try:
            verdict = self._judge(directory, name, node)
        except OSError as error:
            self._finish.failed(path, error)
            return
        if verdict is Verdict.KEEP:
            self._finish.fail(path, "exists")
        elif metadata.kind is not Kind.FILE:
            if verdict is Verdict.SAME:
                self._finish.skip(path, 0)
            else:
                self._next.specials.append((directory, name, node, verdict))
        else:
            self._file(directory, name, node, verdict)

    def _file(self, directory: Directory, name: bytes, node: Node, verdict: Verdict) -> None:
        metadata, content = node.metadata, node.content or []
        path = directory.path + b"/" + node.name
        original = None
        if metadata.links > 1 and metadata.inode:
            key = (metadata.device_id, metadata.inode)
            digest = hashlib.sha256(b"".join(content)).digest()
            original = self._originals.get(key)
            if original is not None and original.content == digest and verdict is not Verdict.SAME:
                self._next.links.append((directory, name, node, original, verdict))
                return
            if original is None or original.content != digest:
                original = self._originals[key] = Original(directory, name, digest)
        if verdict is Verdict.SAME:
            if original is not None and original.found is None:
                there = self._folders[directory].look(name)
                original.found = (there.st_ino, there.st_size) if there else None
            self._finish.again(directory, name, metadata)
            self._finish.skip(path, metadata.size)
            return
        file = File(directory, name, path, metadata, len(content), verdict)
        file.original = original
        self._growing += len(content) > 1
        self._plan(self._batch, file, content)
        if len(self._batch.files) >= _MOST_FILES or self._growing >= _MOST_GROWING:
            self._flush()

    def _plan(self, batch: Batch, file: File, content: Sequence[bytes]) -> None:
        """Add a file to a batch; a very large one goes on in the next."""
        batch.files.append(file)
        locate = self._reader.locate
        for blob_id in content:
            location = locate(BlobKind.DATA, blob_id)
            if location is None:
                file.failed = True
                self._finish.fail(file.path, "damaged")
                break
            batch.need(file, blob_id, location)
            if len(batch.requests) >= _MOST_BLOBS and batch is self._batch:
                self._write(unfinished=file)
                batch = self._batch

    def _write(self, unfinished: File | None = None) -> None:
        """Begin to write what has been gathered, while the walk goes on."""
        self._settle()
        self._writer.start(self._batch, unfinished)
        self._batch = Batch()
        if unfinished is not None:
            self._batch.files.append(unfinished)
        self._growing = len(self._batch.files)

    def _flush(self) -> None:
        """Have everything finished that has been gathered; what was left in the walk is complete then."""
        self._write()
        self._last, self._next = self._next, _Last()

    def _settle(self) -> None:
        """Finish what has to wait until the files of the last batch are there."""
        self._writer.wait()
        last, self._last = self._last, _Last()
        copies = Batch()
        for directory, name, node, original, verdict in last.links:
            self._cancel.check()
            if not self._finish.link(directory, name, node, original, verdict):
                content = node.content or []
                file = File(directory, name, directory.path + b"/" + node.name, node.metadata, len(content), verdict)
                self._plan(copies, file, content)
        if copies.files:
            self._writer.start(copies)
            self._writer.wait()
        for directory, name, node, verdict in last.specials:
            self._cancel.check()
            self._finish.special(directory, name, node, verdict)
        for directory in last.left:
            self._finish.close(directory)

    def _judge(self, directory: Directory, name: bytes, node: Node) -> Verdict:
        if not directory.found:
            return Verdict.NEW

        def same(folder: Folder, name: bytes, there: os.stat_result) -> bool:
            if node.metadata.kind is Kind.FILE:
                return self._same_content(folder, name, there, node)
            if node.metadata.kind is Kind.SYMLINK:
                return folder.link_target(name) == node.metadata.link_target
            return node.metadata.kind is Kind.FIFO or there.st_rdev == node.metadata.device

        folder = self._folders[directory]
        return judge(folder, directory, name, node.metadata, self._policy, self._abilities, same)

    def _same_content(self, folder: Folder, name: bytes, there: os.stat_result, node: Node) -> bool:
        """Compare a file with what would be written, by the hashes of its parts."""
        parts = []
        for blob_id in node.content or []:
            location = self._repo.index.locate(BlobKind.DATA, blob_id)
            if location is None:
                return False
            parts.append((location[3] or location[2] - OVERHEAD, blob_id))
        if sum(size for size, _ in parts) != there.st_size:
            return False
        if self._trust_times and there.st_mtime_ns == node.metadata.modified:
            return True
        fd = folder.read(name)
        with os.fdopen(fd, "rb", buffering=0) as stream:
            for size, blob_id in parts:
                self._cancel.check()
                if hashlib.sha256(stream.read(size)).digest() != blob_id:
                    return False
        return True
