"""Folder: the place's own folder, wherever its owner has put it.

Dropbox makes folders as they are needed, and would make this one anew, empty, after its owner has thrown it away. So
its id is remembered, and where something is not found although the folder was there once, that is looked into first.
"""

from collections.abc import Callable

from traybackup.api import FilesInvisible, InvalidName, PlaceGone, PlaceInTrash, check_name
from traybackup_dropbox.service import File, Service

_ID = "id:"


class Folder:
    """The folder of one place. Safe from threads.

    Args:
        path: Where the owner's setting says that it is.
        known: Its id, if it was there once.
        found: Told the id when it becomes known, and an empty one when it was removed.
    """

    def __init__(self, service: Service, path: str, known: str, found: Callable[[str], object]) -> None:
        self._service, self._path, self._found = service, path, found
        self._id = known if known.startswith(_ID) else ""
        self._there = self._begun = False

    def path_of(self, name: str) -> str:
        """Return the path of an object, or of a folder; of the place itself for an empty name."""
        return f"{self._path}/{name}" if name else self._path

    def name_of(self, file: File) -> str:
        """Return the name of the object that a file is; empty if it is none.

        Only how deep it lies counts: Dropbox has its own way to write a path in small letters.
        """
        parts = file.path.split("/")[self._path.count("/") + 1 :]
        try:
            return check_name("/".join(parts)) if file.size is not None else ""
        except InvalidName:
            return ""

    def seen(self, name: str) -> None:
        """Note that something was there: an object of that name, or only the folder."""
        self._there = True
        self._begun |= name == "config"

    def gone(self, name: str) -> None:
        """Note that something was deleted here."""
        self._begun &= name != "config"

    def moved(self) -> bool:
        """Find out where the place is, if it was not seen yet; return whether it is elsewhere than thought.

        Raises:
            PlaceInTrash: Its owner has deleted it.
            FilesInvisible: It was there, and nothing can be seen of it any more.
        """
        if self._there or not self._id:
            return False
        found = self._service.metadata(self._id)
        if found is not None and found.size is None and found.path:
            before, self._path, self._there = self._path, found.path, True
            return self._path != before.lower()
        found = self._service.metadata(self._path, deleted=True)
        if found is None:
            raise FilesInvisible
        if found.is_deleted:
            raise PlaceInTrash(folder=self._path.strip("/"))
        self._there = True  # somebody has put it back, or another in its place
        self._keep(found.id)
        return False

    def confirm(self) -> None:
        """Make sure, before a snapshot tells that all is there, that the repository is still where it was begun.

        Raises:
            PlaceInTrash, PlaceGone: It was removed meanwhile.
        """
        if not self._begun or self._service.metadata(self.path_of("config")) is not None:
            return
        found = self._service.metadata(self.path_of("config"), deleted=True)
        if found is not None:
            raise PlaceInTrash(folder=self._path.strip("/"))
        raise PlaceGone

    def learn(self) -> None:
        """Remember the folder's id, so that it is known the next time."""
        if not self._id:
            found = self._service.metadata(self._path)
            if found is not None:
                self._keep(found.id)

    def discard(self) -> None:
        """Delete the folder, if no object and no other file is left in it."""
        found: dict[str, File] = {}
        self._service.listing(self._path, found)
        if all(one.size is None for one in found.values()):
            self._service.delete(self._path)
            self._there = self._begun = False
            self._keep("")

    def _keep(self, folder_id: str) -> None:
        self._id = folder_id
        self._found(folder_id)
