"""Choice: which part of a snapshot is wanted, as a tree of names, and how much that is."""

import os
from collections.abc import Sequence

from traybackup.api.errors import NotInSnapshot
from traybackup.engine.batch import Failed, Restored
from traybackup.engine.repository import Repository
from traybackup.engine.walk import Measure, TreeReader, find, measure, split_path

Selection = dict[bytes, "Selection | None"]
"""What is wanted below a directory, by name; None: all of it."""


def select(
    repo: Repository, reader: TreeReader, root: bytes, only: Sequence[str], restored: Restored
) -> tuple[Selection | None, Measure]:
    """Return what is wanted and how much it is; paths that the snapshot does not hold are noted as failed."""
    if not only:
        return None, measure(reader, root)
    selection: Selection = {}
    total = Measure()
    known: dict[bytes, Measure] = {}
    for path in only:
        try:
            node = find(repo, root, path, reader)
            names = split_path(path)
        except NotInSnapshot:
            restored.failed.append(Failed(os.fsencode(path), "not-in-snapshot"))
            continue
        if not names:
            return None, measure(reader, root, known)
        size = node.metadata.size
        total += Measure(1, 0, size, size) if node.subtree is None else measure(reader, node.subtree, known)
        _want(selection, names)
    if not selection:
        raise NotInSnapshot(path=only[0])
    return selection, total


def _want(selection: Selection, names: list[bytes]) -> None:
    for name in names[:-1]:
        below = selection.setdefault(name, {})
        if below is None:
            return  # all of it is wanted already
        selection = below
    selection[names[-1]] = None
