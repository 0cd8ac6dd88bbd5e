"""Placing: where in the target an item goes, and what happens to what is there already.

*Directory* is a directory of the target that a restore works in, *Folders* opens them step by step from the target's
root, *Overwrite* is the owner's choice, *Verdict* what it means for one name.
"""

import contextlib
import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import Enum

from traybackup.api.source import Kind, Metadata
from traybackup.engine.filesystem import TEMPORARY, Abilities, Folder, is_kind
from traybackup.engine.names import windows_name
from traybackup.engine.tree import Node

ASIDE = b".before-restore"
"""What the name of a file ends with that had to make room."""

_OPEN_FOLDERS = 48
_LONGEST_NAME = 255


class Overwrite(Enum):
    """What happens to a different item that is in the way. An equal one is never touched."""

    NEVER = "never"
    """It stays, and the new one is reported as not restored."""

    ASIDE = "aside"
    """It gets another name once the new one is complete."""

    REPLACE = "replace"
    """The new one takes its place in one instant, once it is complete."""


class Verdict(Enum):
    """What to do with one name."""

    NEW = 0
    SAME = 1
    OVER = 2
    KEEP = 3


class Directory:
    """A directory of the target.

    Attributes:
        above: The one it is in; None for the target itself.
        name: Its name in the target.
        path: Its path in the snapshot, without a slash at its end.
        metadata: What it gets in the end; None if it is not ours to change.
        existed: It was there before.
        found: Names that were in it before.
    """

    __slots__ = ("above", "existed", "found", "metadata", "name", "path")

    def __init__(self, above: "Directory | None", name: bytes, path: bytes, metadata: Metadata | None = None) -> None:
        self.above = above
        self.name = name
        self.path = path
        self.metadata = metadata
        self.existed = False
        self.found: frozenset[bytes] = frozenset()


class Folders:
    """The open folders of one thread; the least used one is closed when there are too many.

    Every step is taken from an open folder and follows no link, so a path that changes in the meantime leads nowhere.
    """

    def __init__(self, root: Folder) -> None:
        self._root = root
        self._open: OrderedDict[Directory, Folder] = OrderedDict()

    def __getitem__(self, directory: Directory) -> Folder:
        """Return the open folder of *directory*; it stays open until some more have been asked for.

        Raises:
            OSError: A directory on the way is gone, or something else now.
        """
        folder = self._open.get(directory)
        if folder is not None:
            self._open.move_to_end(directory)
            return folder
        missing: list[Directory] = []
        folder, step = None, directory
        while folder is None:
            if step.above is None:
                folder = self._root
            else:
                missing.append(step)
                step = step.above
                folder = self._open.get(step)
        for step in reversed(missing):
            folder = folder.enter(step.name)
            self._open[step] = folder
            if len(self._open) > _OPEN_FOLDERS:
                self._open.popitem(last=False)[1].close()
        return folder

    def forget(self, directory: Directory) -> None:
        """Close one that is not needed any more."""
        folder = self._open.pop(directory, None)
        if folder is not None:
            folder.close()

    def close(self) -> None:
        """Close all but the root."""
        while self._open:
            self._open.popitem()[1].close()


def target_names(nodes: Sequence[Node], abilities: Abilities) -> dict[bytes, bytes]:
    """Return the names that must be others in the target, the same ones at every restore.

    Two names that the target cannot tell apart get different ones.
    """
    if abilities == Abilities():
        return {}
    changed: dict[bytes, bytes] = {}
    taken: set[str] = set()
    for node in nodes:
        name = node.name
        if not abilities.any_bytes:
            name = name.decode(errors="replace").encode()
        if not abilities.any_characters:
            name = windows_name(name)
        wanted, number = name, 1
        while (folded := _folded(name, abilities)) in taken:
            number += 1
            stem, dot, ending = wanted.rpartition(b".")
            name = stem + b" (%d)" % number + dot + ending if stem else wanted + b" (%d)" % number
        taken.add(folded)
        if name != node.name:
            changed[node.name] = name
    return changed


def _folded(name: bytes, abilities: Abilities) -> str:
    text = name.decode(errors="surrogateescape")
    return text if abilities.case else text.casefold()


def judge(
    folder: Folder,
    directory: Directory,
    name: bytes,
    metadata: Metadata,
    policy: Overwrite,
    abilities: Abilities,
    same: Callable[[Folder, bytes, os.stat_result], bool],
) -> Verdict:
    """Decide about one name, looking only at what was there before the restore.

    Args:
        same: Says whether what is there, which is of the right kind, equals what would be restored.
    """
    # where "a" and "A" are one, the list of names does not tell
    there = folder.look(name) if name in directory.found or (directory.found and not abilities.case) else None
    if there is None:
        return Verdict.NEW
    if is_kind(there, metadata.kind):
        if same(folder, name, there):
            return Verdict.SAME
        if _is_empty(there):
            return Verdict.OVER  # an empty file holds nothing to lose: what a power cut leaves of a restore
    return Verdict.KEEP if policy is Overwrite.NEVER else Verdict.OVER


def publish(folder: Folder, temporary: bytes, name: bytes, verdict: Verdict, policy: Overwrite) -> bytes:
    """Give a complete item its name, and return the new name of what was there ("" if nothing was, or it is gone).

    Raises:
        OSError: It cannot be had; what was there is still there.
    """
    if verdict is Verdict.NEW:
        folder.rename_new(temporary, name)
        return b""
    aside = b""
    if policy is Overwrite.ASIDE:
        there = folder.look(name)
        if there is not None and not _is_empty(there):
            aside = set_aside(folder, name)
    folder.rename_over(temporary, name)
    return aside


def _is_empty(there: os.stat_result) -> bool:
    return is_kind(there, Kind.FILE) and there.st_size == 0


def set_aside(folder: Folder, name: bytes) -> bytes:
    """Give what is called *name* another name that is free, and return that."""
    number = 1
    while True:
        ending = ASIDE if number == 1 else ASIDE + b"-%d" % number
        other = name[: _LONGEST_NAME - len(ending)] + ending
        try:
            folder.set_aside(name, other)
        except FileExistsError:
            number += 1
        else:
            return other


def enter(folders: Folders, directory: Directory, policy: Overwrite) -> bytes:
    """Make *directory* or open the one that is there, and note what it holds; return the new name of what had to go.

    Raises:
        FileExistsError: Something else is there and stays.
        OSError: It cannot be made or opened.
    """
    assert directory.above is not None  # noqa: S101 - the target itself is opened by its path
    above = folders[directory.above]
    aside = b""
    if not above.make(directory.name):
        there = above.look(directory.name)
        if there is not None and not is_kind(there, Kind.DIRECTORY):
            if policy is Overwrite.NEVER:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), directory.name)
            aside = set_aside(above, directory.name)
            above.remove(directory.name)
            above.make(directory.name)
        else:
            look_around(folders[directory], directory)
    return aside


def look_around(folder: Folder, directory: Directory) -> None:
    """Note what a directory holds that was there before, and make sure that we can work in it."""
    mode = os.fstat(folder.fd).st_mode
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        with contextlib.suppress(OSError):  # then whatever cannot be done in it is reported
            os.chmod(folder.fd, stat.S_IMODE(mode) | stat.S_IRWXU)
    directory.existed = True
    directory.found = frozenset(folder.names())


def sweep(folder: Folder, directory: Directory, wanted: frozenset[bytes]) -> None:
    """Remove what a restore that was killed has left in a directory, unless the snapshot has a file of that name."""
    for name in directory.found:
        if name.startswith(TEMPORARY) and name not in wanted:
            there = folder.look(name)
            if there is not None and not is_kind(there, Kind.DIRECTORY):
                folder.remove(name)
