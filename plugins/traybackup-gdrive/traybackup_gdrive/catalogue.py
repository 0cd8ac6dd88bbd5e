"""Catalogue: which Drive files stand for which names.

Drive knows ids; names need not be unique, and a folder is just another file. So one listing of everything the program
can see is turned into paths, ids are remembered, and what this client has made or deleted itself is known better than
by a listing, which may lag behind. Of two files of one name the right one is the object: for an object named by its
hash the one whose hash it is, else the oldest.

A listing costs more than most calls. One that has not been handed out yet answers, for some seconds, for every name:
whoever opens a repository asks for keys, locks, index and snapshots one after another.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from traybackup.api import FilesInvisible, PlaceInTrash, StoreFailed
from traybackup_gdrive.drive import PACK, Drive, File
from traybackup_gdrive.layout import Layout, age, joined, way

_EVERYTHING = "trashed = false"
_NO_PACKS = f"trashed = false and mimeType != '{PACK}'"
_PACKS, _LOCKS = "data/", "locks/"
_FRESH = 10.0
"""Seconds for which a listing counts as made just now. Drive itself promises less."""

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class _Listing:
    """A listing that may still answer questions.

    Attributes:
        packs: Whether packs were listed, too.
        served: Names and prefixes that it has answered for; the next question about them wants a new one.
    """

    packs: bool
    until: float
    served: list[str] = field(default_factory=list)

    def answers(self, prefix: str, now: float) -> bool:
        """Say whether it may answer for *prefix*, once."""
        if now >= self.until or (not self.packs and _with_packs(prefix)):
            return False
        return not any(prefix.startswith(one) or one.startswith(prefix) for one in self.served)


class Catalogue:
    """Names and ids of one place. Safe from threads.

    Args:
        steps: The names of the folders that lead to the place, outermost first.
        root: The id of the last of them, if known.
        found: Told that id when the folder is found or made, and an empty one when it was removed.
        elapsed: Seconds on a clock that nobody can set.
    """

    def __init__(
        self,
        drive: Drive,
        steps: Sequence[str],
        root: str,
        found: Callable[[str], object],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._drive, self._steps, self._elapsed = drive, tuple(steps), elapsed
        self._root, self._found = root, found
        self._lock = threading.RLock()
        self._asking = threading.Lock()
        self._knows_kinds = True
        self._listed = self._packs_listed = False
        self._listing: _Listing | None = None
        self._layout = Layout()
        self._way: list[File] = []
        self._files: dict[str, list[File]] = {}
        self._made: dict[str, File] = {}  # folders that a listing may not show yet
        self._put: set[str] = set()  # names
        self._pending: dict[str, tuple[str, File]] = {}  # objects put here that no listing has shown yet
        self._gone: set[str] = set()  # ids deleted here that a listing may still show
        self._outside: set[str] = set()  # ids of folders that are no part of the place
        self._alone = self._others_are_here = False

    # What is remembered

    def known(self, name: str) -> File | None:
        """Return what is remembered under a name, without asking."""
        with self._lock:
            return next(iter(self._files.get(name, ())), None)

    def copies(self, name: str) -> list[File]:
        """Return all files that are remembered under a name, the right one first."""
        with self._lock:
            return list(self._files.get(name, ()))

    def doubles(self) -> dict[str, list[File]]:
        """Return the names that have several files, the right one first."""
        with self._lock:
            return {name: list(files) for name, files in self._files.items() if len(files) > 1}

    def folders(self, path: str) -> list[File]:
        """Return the folders of that path, the one for new files first."""
        with self._lock:
            return self._layout.folders(path)

    def double_folders(self) -> dict[str, list[File]]:
        """Return the paths that have several folders, the one for new files first."""
        with self._lock:
            return self._layout.doubles()

    @property
    def is_empty(self) -> bool:
        """Whether the last listing showed nothing in the place, neither objects nor anything else."""
        with self._lock:
            return not self._files and not self._others_are_here

    @property
    def way(self) -> list[File]:
        """The folders that lead to the place, as far as they are there."""
        with self._lock:
            return list(self._way)

    @property
    def alone(self) -> bool:
        """Whether this client holds a lock and a listing after that showed nobody else's."""
        with self._lock:
            return self._alone

    # Asking

    def fresh(self, name: str) -> tuple[bool, File | None]:
        """Return whether a listing of this moment can tell about a name, and what it shows."""
        self._list_once(packs=name.startswith(_PACKS))
        with self._lock:
            listing = self._listing
            if listing is None or not listing.answers(name, self._elapsed()):
                return False, None
            listing.served.append(name)
            return True, self.known(name)

    def entries(self, prefix: str) -> list[tuple[str, File]]:
        """Return every object whose name starts with *prefix*."""
        with self._lock:
            listing = self._listing
        if listing is None or not listing.answers(prefix, self._elapsed()):
            self.refresh(packs=_with_packs(prefix))
        with self._lock:
            self._serve(prefix)
            return [(name, files[0]) for name, files in self._files.items() if name.startswith(prefix)]

    def find(self, name: str) -> File | None:
        """Ask Drive for the object of that name."""
        path, _, last = name.rpartition("/")
        if self._list_once(packs=name.startswith(_PACKS)):
            self._serve(name)
            return self.known(name)
        if not self.folders(path):
            self.refresh(packs=False)  # somebody may have made the folder
        parents = " or ".join(f"'{one.id}' in parents" for one in self.folders(path))
        if not parents:
            return None
        asked = f"trashed = false and name = '{escaped(last)}' and ({parents})"
        found = [one for one in self._drive.search(asked) if one.name == last and one.size is not None]
        with self._lock:
            files = {one.id: one for put, one in self._pending.values() if put == name}
            files |= {one.id: one for one in found if one.id not in self._gone}
            self._keep(name, files.values())
            return self.known(name)

    def _list_once(self, *, packs: bool) -> bool:
        """List what was never listed; return whether that was now."""
        if self._listed and (self._packs_listed or not packs):
            return False
        self.refresh(packs=packs)
        return True

    def _serve(self, prefix: str) -> None:
        with self._lock:
            if self._listing is not None:
                self._listing.served.append(prefix)

    # Being told

    def added(self, name: str, file: File) -> None:
        """Remember an object that this client has put."""
        with self._lock:
            self._pending[file.id] = (name, file)
            self._put.add(name)
            self._keep(name, [*(one for one in self.copies(name) if one.id != file.id), file])
            self._changed(name)

    def seen(self, name: str, file: File | None) -> bool:
        """Take over what Drive just said about a remembered file; return whether it still is that object."""
        path, _, last = name.rpartition("/")
        with self._lock:
            homes = {one.id for one in self._layout.folders(path)}
            if file is None or file.trashed or file.name != last or file.parent not in homes:
                return False
            self._keep(name, [file if one.id == file.id else one for one in self.copies(name)])
            return True

    def lost(self, name: str, file_id: str) -> None:
        """Forget one file of a name: it is not there any more."""
        with self._lock:
            self._pending.pop(file_id, None)
            self._keep(name, [one for one in self.copies(name) if one.id != file_id])

    def deleted(self, name: str, file_id: str) -> None:
        """Forget a file that this client has deleted, even if a listing still shows it."""
        with self._lock:
            self._gone.add(file_id)
            self.lost(name, file_id)
            self._changed(name)

    def made_folder(self, path: str, folder: File) -> None:
        """Remember a folder that this client has made."""
        with self._lock:
            self._made[folder.id] = folder
            if not path:
                self._way = []
                self._take_root(folder)
            self._layout.place(path, folder)
            self._listing = None

    def folder_gone(self, path: str) -> None:
        """Forget the folders of a path: they are not there any more."""
        with self._lock:
            for one in self._layout.remove(path):
                self._made.pop(one.id, None)
                self._gone.add(one.id)
            self._listing = None

    def place_gone(self) -> None:
        """Forget the place: this client has thrown it away, and may make it anew."""
        with self._lock:
            self.folder_gone("")
            self._layout, self._files, self._root = Layout(), {}, ""
            self._found("")

    def _changed(self, name: str) -> None:
        """Hand out no listing that is older than what this client has done."""
        self._listing = None
        if name.startswith(_LOCKS):
            self._alone = False

    def _keep(self, name: str, files: Iterable[File]) -> None:
        best = sorted(files, key=lambda one: (is_wrong(name, one), *age(one)))
        if best:
            self._files[name] = best
        else:
            self._files.pop(name, None)

    def _take_root(self, folder: File) -> None:
        if folder.id != self._root:
            self._root = folder.id
            self._found(folder.id)

    # Listing

    def refresh(self, *, packs: bool) -> None:
        """List everything, or everything but packs, and take over what is found.

        Raises:
            FilesInvisible: The place was there once and cannot be seen any more.
            PlaceInTrash: Its folder is in Drive's trash.
        """
        with self._asking:
            packs, found = self._list(packs=packs)
            objects = [one for one in found if not one.is_folder]
            listed = {one.id: one for one in found if one.is_folder}
            with self._lock:
                self._made = {key: one for key, one in self._made.items() if key not in listed}
                folders = {key: one for key, one in (self._made | listed).items() if key not in self._gone}
            root = self._find_root(listed, folders)
            with self._lock:  # other threads may have made folders meanwhile
                folders |= {key: one for key, one in self._made.items() if key not in self._gone}
                self._layout = Layout.below(root, folders.values())
            for stray in {one.parent for one in objects} - folders.keys():
                self._adopt(stray)
            with self._lock:
                doubtful = self._take(objects, packs=packs)
                self._listed, self._packs_listed = True, self._packs_listed or packs
                self._listing = _Listing(packs, self._elapsed() + _FRESH)
                locks = {name for name in self._files if name.startswith(_LOCKS)}
                self._alone = bool(locks) and locks <= self._put
            for name, file in doubtful:
                if not self._lives(file):
                    self.lost(name, file.id)

    def _list(self, *, packs: bool) -> tuple[bool, list[File]]:
        if not packs and self._knows_kinds:
            try:
                return False, list(self._drive.search(_NO_PACKS))
            except StoreFailed:  # a server that does not know this question
                self._knows_kinds = False
        return True, list(self._drive.search(_EVERYTHING))

    def _find_root(self, listed: dict[str, File], folders: dict[str, File]) -> File | None:
        """Return the place's folder: the one it always was, wherever it is now, else the oldest of that name."""
        if self._root in listed:
            return listed[self._root]
        if self._root:  # the listing lags behind, or somebody has removed it
            found = self._drive.metadata(self._root)
            if found is not None and found.trashed:
                raise PlaceInTrash(folder=found.name)
            if found is not None:
                return found
            folders.pop(self._root, None)
        steps = way(self._steps, folders)
        if len(steps) == len(self._steps):
            with self._lock:
                self._take_root(steps[-1])
            return steps[-1]
        if self._root:
            raise FilesInvisible
        with self._lock:
            self._way = steps
        return None

    def _adopt(self, stray: str) -> None:
        """Look up a folder that the listing does not show yet although it shows what is in it."""
        chain: list[File] = []
        at = stray
        while at and self._layout.path(at) is None and at not in self._outside:
            folder = self._drive.metadata(at)
            if folder is None or folder.trashed:
                break
            chain.append(folder)
            at = folder.parent
        with self._lock:
            if self._layout.path(at) is None:
                self._outside |= {stray, *(one.id for one in chain)}
                return
            for folder in reversed(chain):
                self._made[folder.id] = folder
                self._layout.place(joined(self._layout.path(folder.parent) or "", folder.name), folder)

    def _take(self, objects: Iterable[File], *, packs: bool) -> list[tuple[str, File]]:
        """Take over the objects of a listing; return those put here that it should show and does not."""
        files: dict[str, dict[str, File]] = {}
        if not packs:
            files = {
                name: {one.id: one for one in copies} for name, copies in self._files.items() if name.startswith(_PACKS)
            }
        self._others_are_here = False
        for file in objects:
            name = self._layout.name(file)
            self._others_are_here |= not name and self._layout.path(file.parent) is not None
            if name and file.id not in self._gone:
                self._pending.pop(file.id, None)
                files.setdefault(name, {})[file.id] = file
        doubtful = [(name, one) for name, one in self._pending.values() if packs or not name.startswith(_PACKS)]
        for name, file in doubtful:
            files.setdefault(name, {})[file.id] = file
        self._files = {}
        for name, copies in files.items():
            self._keep(name, copies.values())
        return doubtful

    def _lives(self, file: File) -> bool:
        found = self._drive.metadata(file.id)
        return found is not None and not found.trashed


def _with_packs(prefix: str) -> bool:
    return prefix.startswith(_PACKS) or _PACKS.startswith(prefix)


def is_wrong(name: str, file: File) -> bool:
    """Say whether the name is a hash, and not the file's."""
    last, checksum = name.rpartition("/")[2], file.checksum or ""
    return bool(_HASH.fullmatch(last)) and checksum.startswith("sha256:") and checksum != f"sha256:{last}"


def escaped(text: str) -> str:
    """Return *text* as it stands between quotes in a query."""
    return text.replace("\\", "\\\\").replace("'", "\\'")
