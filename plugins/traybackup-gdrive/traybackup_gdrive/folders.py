"""Folders: makes those that new objects need, and joins what two clients made at the same moment.

Drive lets two clients make two folders of one name. Whoever makes one looks afterwards; the oldest wins, and the
loser's maker deletes his own while nobody has put anything in. A client that holds a lock and has seen nobody else's
does not look: it would cost a call for every new folder, and two folders of one name do no harm until they are joined.
Source for the ids: https://developers.google.com/workspace/drive/api/guides/manage-uploads.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

from traybackup.api import NotFound
from traybackup_gdrive.catalogue import Catalogue, escaped, is_wrong
from traybackup_gdrive.drive import FOLDER, Drive, File
from traybackup_gdrive.layout import age

_TOP = "root"
"""Drive's alias for the owner's own top folder."""

_DATA = "data"
_PACK_FOLDERS = tuple(f"{number:02x}" for number in range(256))
_MAKERS = 3


class Ids:
    """Ids for files to be created, so that a call whose answer was lost can be repeated. Safe from threads."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._lock = threading.Lock()
        self._ids: list[str] = []

    def take(self) -> str:
        """Return an id that was never used."""
        with self._lock:
            if not self._ids:
                self._ids = self._drive.generate_ids()
            return self._ids.pop()


class Folders:
    """The folders of one place. Safe from threads.

    Args:
        steps: The names of the folders that lead to the place, outermost first.
    """

    def __init__(self, drive: Drive, catalogue: Catalogue, ids: Ids, steps: tuple[str, ...]) -> None:
        self._drive, self._catalogue, self._ids, self._steps = drive, catalogue, ids, steps
        self._making = threading.Lock()
        self._own: set[str] = set()
        self._data_is_new = False
        self._taken: dict[tuple[str, str], str] = {}

    def of(self, path: str) -> str:
        """Return the id of the folder for new objects of *path*; it is made if it is not there."""
        known = self._catalogue.folders(path)
        if known:
            return known[0].id
        with self._making:
            return self._of(path)

    def _of(self, path: str) -> str:
        known = self._catalogue.folders(path)
        if known:
            return known[0].id
        if not path:
            return self._place()
        above, _, name = path.rpartition("/")
        parent = self._of(above)
        try:
            folder = self._make(name, parent)
        except NotFound:  # somebody has removed the folder above
            self._catalogue.folder_gone(above)
            folder = self._make(name, self._of(above))
        self._catalogue.made_folder(path, folder)
        self._data_is_new |= path == _DATA
        return folder.id

    def _place(self) -> str:
        """Make the place's own folder, and those that lead to it."""
        self._catalogue.refresh(packs=False)
        known = self._catalogue.folders("")
        if known:
            return known[0].id
        way = self._catalogue.way
        parent = way[-1].id if way else _TOP
        for step in self._steps[len(way) :]:
            folder = self._make(step, parent)
            parent = folder.id
        self._catalogue.made_folder("", folder)
        return folder.id

    def furnish(self) -> None:
        """Make the folders for packs that are still missing, if this client has begun the repository.

        Done once, at the end of the first run: a day's backup then need not make one for almost every pack.
        """
        data = self._catalogue.folders(_DATA)
        if not self._data_is_new or not data:
            return
        self._data_is_new = False
        missing = [name for name in _PACK_FOLDERS if not self._catalogue.folders(f"{_DATA}/{name}")]

        def make(name: str) -> None:
            folder = self._drive.make_folder(self._ids.take(), name, data[0].id)
            self._own.add(folder.id)
            self._catalogue.made_folder(f"{_DATA}/{name}", folder)

        with ThreadPoolExecutor(_MAKERS) as pool:
            try:
                for made in [pool.submit(make, name) for name in missing]:
                    made.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self._catalogue.refresh(packs=False)

    def _make(self, name: str, parent: str) -> File:
        if (parent, name) not in self._taken:  # else an earlier call may have arrived
            self._taken[parent, name] = self._ids.take()
        folder = self._drive.make_folder(self._taken[parent, name], name, parent)
        del self._taken[parent, name]
        self._own.add(folder.id)
        return folder if self._catalogue.alone else self._settled(folder, name, parent)

    def _settled(self, own: File, name: str, parent: str) -> File:
        """Return the oldest folder of that name; delete our own if it is another one."""
        query = f"trashed = false and mimeType = '{FOLDER}' and name = '{escaped(name)}' and '{parent}' in parents"
        found = {one.id: one for one in self._drive.search(query) if one.name == name}
        oldest = min((found | {own.id: own}).values(), key=age)
        if oldest.id != own.id and self._is_empty(own):
            self._drive.delete(own.id)
        return oldest

    def join(self) -> None:
        """Join folders of one name, and remove files that are another's copy or not what their name says."""
        for name, files in self._catalogue.doubles().items():
            right = files[0]
            for other in files[1:]:
                same = other.size == right.size and other.checksum == right.checksum is not None
                if same or (is_wrong(name, other) and not is_wrong(name, right)):
                    self._drive.delete(other.id)
                    self._catalogue.deleted(name, other.id)
        for folders in self._catalogue.double_folders().values():
            for loser in folders[1:]:
                for file in self._inside(loser):
                    self._drive.move(file.id, loser.id, folders[0].id)
                if loser.id in self._own and self._is_empty(loser):
                    self._drive.throw_away(loser.id)

    def discard(self) -> None:
        """Throw the place's folder away, if nothing is left in it or in those below it."""
        self._catalogue.refresh(packs=True)
        if self._catalogue.is_empty:
            for root in self._catalogue.folders(""):
                self._drive.throw_away(root.id)
            self._catalogue.place_gone()

    def _inside(self, folder: File) -> list[File]:
        return list(self._drive.search(f"trashed = false and '{folder.id}' in parents"))

    def _is_empty(self, folder: File) -> bool:
        return not self._inside(folder)
