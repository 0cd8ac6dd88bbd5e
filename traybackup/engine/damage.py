"""Damage: what is lost, in the owner's terms: which files, in the snapshots of which dates.

*Lost* names the blobs that cannot be had and the fault each belongs to; *Damage* is one path with the snapshots in
which it is touched. Looked for only where something is lost, by reading every tree once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from traybackup.api.errors import AccessDenied, RepositoryDamaged, StoreFailed
from traybackup.api.progress import Cancel
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.engine.walk import TreeReader

MOST_PATHS = 10_000
"""Paths that are named; it is said if there are more."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A path that cannot be brought back whole.

    Attributes:
        path: As in the snapshot; with a slash at its end: a directory, of which all or some entries are lost.
        snapshots: In which it is touched, oldest first.
    """

    path: bytes
    snapshots: tuple[Snapshot, ...]


@dataclass(slots=True)
class Lost:
    """Blobs that cannot be had, each with the number of the fault it belongs to.

    Attributes:
        trees: Those that cannot be read, or hold entries that cannot be brought back.
    """

    data: dict[bytes, int] = field(default_factory=dict)
    trees: dict[bytes, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.data or self.trees)


_Touched = Sequence[tuple[bytes, int]]
"""Paths below a tree, each with the fault that touches it."""


class DamageReport:
    """Finds what is touched by faults.

    Attributes:
        unnamed: Faults that touch more paths than are named.
    """

    def __init__(self, repo: Repository, lost: Lost, cancel: Cancel) -> None:
        self._lost, self._cancel = lost, cancel
        self._reader = TreeReader(repo)
        self._known: dict[bytes, _Touched] = {}
        self.unnamed: set[int] = set()

    def tell(self, snapshots: Sequence[Snapshot]) -> dict[int, list[Damage]]:
        """Return what each fault touches, sorted by path."""
        found: dict[tuple[int, bytes], list[Snapshot]] = {}
        for snapshot in snapshots:
            for path, fault in self._below(snapshot.tree):
                if (fault, path) in found or len(found) < MOST_PATHS:
                    found.setdefault((fault, path), []).append(snapshot)
                else:
                    self.unnamed.add(fault)
        told: dict[int, list[Damage]] = {}
        for (fault, path), touched in sorted(found.items(), key=lambda one: one[0]):
            told.setdefault(fault, []).append(Damage(path, tuple(touched)))
        return told

    def _below(self, root: bytes) -> _Touched:
        """Return what is touched below a tree; each tree is looked into once, however often it occurs."""
        opened: dict[bytes, tuple[list[tuple[bytes, int]], list[tuple[bytes, bytes]]]] = {}
        stack = [root]
        while stack:
            self._cancel.check()
            tree = stack[-1]
            if tree in self._known:
                stack.pop()
                continue
            if tree not in opened:
                opened[tree] = self._look(tree)
                children = [child for _, child in opened[tree][1] if child not in self._known]
                if children:
                    stack += children
                    continue
            touched, below = opened.pop(tree)
            for name, child in below:
                touched += [(name + path, fault) for path, fault in self._known[child]]
            self.unnamed.update(fault for _, fault in touched[MOST_PATHS:])
            self._known[tree] = touched[:MOST_PATHS] if touched else ()
        return self._known[root]

    def _look(self, tree: bytes) -> tuple[list[tuple[bytes, int]], list[tuple[bytes, bytes]]]:
        """Return what is touched in the directory itself, and its directories by name."""
        touched = [(b"/", self._lost.trees[tree])] if tree in self._lost.trees else []
        below: list[tuple[bytes, bytes]] = []
        try:
            nodes = self._reader.nodes(tree, faults=[])
        except (RepositoryDamaged, StoreFailed, AccessDenied):
            return touched, below
        lost = self._lost.data
        for node in nodes:
            name = b"/" + node.name
            if node.content and not lost.keys().isdisjoint(node.content):
                touched += [(name, fault) for fault in {lost[blob] for blob in node.content if blob in lost}]
            if node.subtree is not None:
                below.append((name, node.subtree))
        return touched, below
