"""Catalogue: what was listed, and which questions that may still answer.

Dropbox tells a program that has listed a folder once what has changed in it since, in one call however much there is.
So the place is listed whole when it is first asked about, and only the changes after that. A listing that has not been
handed out yet answers, for some seconds, for every name: whoever opens a repository asks for config, keys and locks one
after another.
Source: https://www.dropbox.com/developers/documentation/http/documentation#files-list_folder-continue.
"""

import threading
import time
from collections.abc import Callable

from traybackup.api import NotFound
from traybackup_dropbox.answers import Refused
from traybackup_dropbox.folder import Folder
from traybackup_dropbox.service import File, Service

_FRESH = 10.0
"""Seconds for which a listing counts as made just now."""


class Catalogue:
    """Names and files of one place, as last listed. Safe from threads.

    Args:
        elapsed: Seconds on a clock that nobody can set.
    """

    def __init__(self, service: Service, folder: Folder, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._service, self._folder, self._elapsed = service, folder, elapsed
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._paths: dict[str, File] = {}
        self._cursor = self._listed = ""
        self._asked = False
        self._names: dict[str, File] = {}
        self._until = 0.0
        self._served: list[str] = []
        self._changes = 0

    def fresh(self, name: str) -> tuple[bool, File | None]:
        """Return whether a listing of this moment can tell about a name, and what it shows."""
        with self._asking:
            if not self._asked:
                self._refresh()
        with self._lock:
            if not self._answers(name):
                return False, None
            self._served.append(name)
            return True, self._names.get(name)

    def entries(self, prefix: str) -> list[tuple[str, File]]:
        """Return every object whose name starts with *prefix*."""
        with self._asking:
            if not self._answers(prefix):
                self._refresh()
            with self._lock:
                self._served.append(prefix)
                return [(name, file) for name, file in self._names.items() if name.startswith(prefix)]

    def changed(self) -> None:
        """Hand out no listing that is older than what this client has done."""
        with self._lock:
            self._changes += 1
            self._until = 0.0

    def _answers(self, prefix: str) -> bool:
        """Say whether the last listing may answer for *prefix*, once."""
        if self._elapsed() >= self._until:
            return False
        return not any(prefix.startswith(one) or one.startswith(prefix) for one in self._served)

    def _refresh(self) -> None:
        """List the place, or what has changed in it.

        Raises:
            FilesInvisible, PlaceInTrash: It was there once.
        """
        changes, began = self._changes, self._elapsed()
        try:
            self._list()
        except NotFound:
            self._cursor, self._paths = "", {}
            if self._folder.moved():
                self._list()
        names = {self._folder.name_of(file): file for file in self._paths.values()}
        names.pop("", None)
        if self._paths:
            self._folder.seen("config" if "config" in names else "")
        with self._lock:
            self._names, self._served, self._asked = names, [], True
            if changes == self._changes:
                self._until = began + _FRESH

    def _list(self) -> None:
        path = self._folder.path_of("")
        if self._cursor and self._listed == path:
            try:
                self._cursor = self._service.changes(self._cursor, self._paths)
            except (Refused, NotFound):  # the service does not remember, or the folder is another
                pass
            else:
                return
        self._listed = path
        self._paths = {}
        self._cursor = self._service.listing(path, self._paths)
