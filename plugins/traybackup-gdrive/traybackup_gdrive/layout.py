"""Layout: the folders of one place and their paths, worked out of what Drive lists in any order.

Folders of one name in one folder count as one: what is in any of them is there, and new files go to the oldest.
"""

from collections.abc import Iterable, Mapping, Sequence

from traybackup.api import InvalidName, check_name
from traybackup_gdrive.drive import File


class Layout:
    """Paths and ids of folders; ``""`` is the place itself. Not for several threads."""

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}
        self._folders: dict[str, list[File]] = {}

    @classmethod
    def below(cls, root: File | None, folders: Iterable[File]) -> "Layout":
        """Return the layout of *root* with those of *folders* that are below it."""
        layout = cls()
        inside: dict[str, list[File]] = {}
        for one in folders:
            if "/" not in one.name:  # which Drive allows
                inside.setdefault(one.parent, []).append(one)
        todo = [("", root)] if root else []
        while todo:
            path, folder = todo.pop()
            if folder.id not in layout._paths:
                layout.place(path, folder)
                todo += [(joined(path, one.name), one) for one in inside.get(folder.id, ())]
        return layout

    def place(self, path: str, folder: File) -> None:
        """Add a folder."""
        self._paths[folder.id] = path
        others = [one for one in self._folders.get(path, ()) if one.id != folder.id]
        self._folders[path] = sorted([*others, folder], key=age)

    def remove(self, path: str) -> list[File]:
        """Take the folders of a path out, and return them."""
        gone = self._folders.pop(path, [])
        for one in gone:
            self._paths.pop(one.id, None)
        return gone

    def folders(self, path: str) -> list[File]:
        """Return the folders of a path, the one for new files first."""
        return list(self._folders.get(path, ()))

    def doubles(self) -> dict[str, list[File]]:
        """Return the paths that have several folders."""
        return {path: list(folders) for path, folders in self._folders.items() if len(folders) > 1}

    def path(self, folder_id: str) -> str | None:
        """Return a folder's path, None if it is not here."""
        return self._paths.get(folder_id)

    def name(self, file: File) -> str:
        """Return the name of the object that a file is; empty if it is none."""
        path = self._paths.get(file.parent)
        if path is None or file.size is None or "/" in file.name:
            return ""
        try:
            return check_name(joined(path, file.name))
        except InvalidName:
            return ""


def way(steps: Sequence[str], folders: Mapping[str, File]) -> list[File]:
    """Return the folders that lead to a place, as far as they are there; of several of one name the oldest.

    Args:
        steps: Their names, outermost first.
        folders: All that can be seen, by id. The owner's own top folder cannot.
    """
    found: list[File] = []
    inside = [one for one in folders.values() if one.parent not in folders]
    for step in steps:
        folder = min((one for one in inside if one.name == step), key=age, default=None)
        if folder is None:
            break
        found.append(folder)
        inside = [one for one in folders.values() if one.parent == folder.id]
    return found


def joined(path: str, name: str) -> str:
    """Return the path of what is called *name* in the folder *path*."""
    return f"{path}/{name}" if path else name


def age(file: File) -> tuple[str, str]:
    """Return what sorts files from the oldest on, the same for everybody."""
    return file.created, file.id
