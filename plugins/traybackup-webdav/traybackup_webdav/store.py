"""WebDavStore: the promise of a place, kept by a WebDAV server.

A PUT that breaks leaves half a file on many servers. So an object is sent to ``Uploads/`` under a name that no object
can have, and moved to its own when all of it has arrived.

"Move, unless there is one" is not one step on most servers: they look, and then they rename. Making a folder is, so who
makes a certain folder first may go on (a *claim*). LOCK would be the protocol's own way, but few servers have it, and
Apache's forgets locks when several clients come at once.
"""

import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus as Is
from urllib.parse import unquote, urlsplit

from traybackup.api import (
    AlreadyExists,
    Capabilities,
    Entry,
    InvalidName,
    NotFound,
    Payload,
    SettingInvalid,
    Space,
    Store,
    StoreDamaged,
    StoreError,
    StoreFailed,
    check_name,
)
from traybackup_webdav import multistatus
from traybackup_webdav.client import Client, Content
from traybackup_webdav.multistatus import Resource
from traybackup_webdav.provider import Config

_UPLOADS = "Uploads"
_DAY = 86_400.0
_CLAIM = 60.0  # seconds; an older one is that of somebody who was killed
_TRIES, _PAUSE = 200, 0.05
_LOOK_AGAIN = (0.02, 0.1, 0.3)  # seconds
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_NOT_MADE = (Is.FORBIDDEN, Is.METHOD_NOT_ALLOWED, Is.CONFLICT, Is.LOCKED, Is.INTERNAL_SERVER_ERROR)
"""What servers answer to MKCOL if the folder is there, or another client was quicker by a moment."""


class WebDavStore(Store):
    """A folder on a WebDAV server."""

    capabilities = Capabilities(parallel=3)

    def __init__(self, config: Config) -> None:
        self._client = Client(config)
        self._root = config.folder
        self._made: set[str] = set()
        self._swept = False

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        check_name(name)
        self._refuse(name, overwrite=overwrite)  # before all of it has been sent for nothing
        folder, upload = name.rpartition("/")[0], f"{_UPLOADS}/{secrets.token_hex(16)}"
        try:
            self._prepare(folder)
            checksum = self._upload(upload, name, payload)
            if overwrite:
                self._move(upload, name, "T")
            else:
                with self._alone(name):
                    self._refuse(name, overwrite=False)
                    self._move(upload, name, "F")
        except BaseException:  # Ctrl-C, too, leaves nothing behind
            self._made.clear()  # somebody may have removed a folder
            with suppress(StoreError):
                self._client.send("DELETE", self._root + upload, Is.OK, Is.NO_CONTENT)
            raise
        return Entry(name, payload.size, checksum)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if offset < 0 or (length is not None and length < 0):
            raise StoreDamaged(name=check_name(name))
        check_name(name)
        for pause in _LOOK_AGAIN:
            try:
                return self._read(name, offset, length)
            except NotFound:  # many servers overwrite by removing first: for a moment there is nothing
                time.sleep(pause)
            except SettingInvalid:  # whoever asks for a folder is sent elsewhere
                self.stat(name)
                raise
        return self._read(name, offset, length)

    def stat(self, name: str) -> Entry:
        found = self._look(check_name(name))
        if found is None or found.folder:
            raise NotFound(name=name)
        return _entry(name, found)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        folder = prefix.rpartition("/")[0]
        yield from self._walk(check_name(folder) if folder else "", prefix)

    def delete(self, name: str) -> None:
        found = self._look(check_name(name))
        if found is not None and not found.folder:  # DELETE on a folder would take everything in it
            with suppress(NotFound):
                self._client.send("DELETE", self._root + name, Is.OK, Is.NO_CONTENT, name=name)

    def space(self) -> Space:
        try:
            answer = self._client.propfind(self._root, 0, wanted=multistatus.ROOM)
        except NotFound:  # not made yet
            answer = self._client.propfind("", 0, wanted=multistatus.ROOM)
        one = multistatus.read(answer.body)[0]
        return Space(total=None if one.used is None or one.free is None else one.used + one.free, free=one.free)

    def discard(self) -> None:
        if self._root and self._is_empty(""):
            with suppress(NotFound):  # of "a/b" only b is the place
                self._client.send("DELETE", self._root, Is.OK, Is.NO_CONTENT)

    def close(self) -> None:
        self._client.close()

    # Writing

    def _refuse(self, name: str, *, overwrite: bool) -> None:
        found = self._look(name)
        if found is not None and found.folder:  # MOVE onto a folder would take everything in it
            raise StoreFailed(name=name, reason="folder")
        if found is not None and not overwrite:
            raise AlreadyExists(name=name)

    def _upload(self, upload: str, name: str, payload: Payload) -> str | None:
        """Send *payload* and return its checksum as the server computed it, if it does: Nextcloud, when asked."""
        headers = {"Content-Type": "application/octet-stream", "X-Hash": "sha256"}
        with closing(Content(payload)) as content:
            body = content if len(content) else b"".join(content)  # without a length requests would not send one
            answer = self._client.send(
                "PUT", self._root + upload, Is.OK, Is.CREATED, Is.NO_CONTENT, name=name, headers=headers, body=body
            )
        computed = answer.headers.get("X-Hash-SHA256", "").lower()
        return f"sha256:{computed}" if computed else None

    def _move(self, upload: str, name: str, overwrite: str) -> None:
        goal = {"Destination": self._client.address + self._root + name, "Overwrite": overwrite}
        self._client.send("MOVE", self._root + upload, Is.CREATED, Is.NO_CONTENT, name=name, headers=goal)

    def _prepare(self, folder: str) -> None:
        """Make the folders that are missing, each looked for once in the life of this store."""
        places = [self._root + step for step in (_UPLOADS, *_ways(folder))]
        for path in (f"{place}/" for place in (*_ways(self._root), *places)):
            if path not in self._made and not self._list(path, 0):
                answer = self._client.send("MKCOL", path, Is.CREATED, *_NOT_MADE)
                if answer.status != Is.CREATED and not self._list(path, 0):
                    raise self._client.refusal(answer)
            self._made.add(path)
        if not self._swept:
            self._swept = True
            self._sweep()

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Be the only one who makes an object of that name."""
        claim = f"{self._root}{_UPLOADS}/{hashlib.sha256(name.encode()).hexdigest()[:32]}/"
        for attempt in range(_TRIES):
            answer = self._client.send("MKCOL", claim, Is.CREATED, *_NOT_MADE)
            if answer.status == Is.CREATED:
                break
            if attempt % 20 == 0:
                self._sweep()
            time.sleep(_PAUSE)
        else:
            raise self._client.refusal(answer)
        try:
            yield
        finally:
            with suppress(StoreError):  # it is swept some day
                self._client.send("DELETE", claim, Is.OK, Is.NO_CONTENT)

    def _sweep(self) -> None:
        """Remove what killed runs left, by the server's clock: claims, and what was half-sent a day ago or earlier."""
        uploads = f"{self._root}{_UPLOADS}/"
        with suppress(StoreError):  # some servers stumble over what vanishes while they list it; another time, then
            answer = self._client.propfind(uploads, 1)
            now = multistatus.seconds(answer.headers.get("Date", "")) or 0.0
            for name, one in self._children(uploads, multistatus.read(answer.body)):
                if one.modified is not None and one.modified < now - (_CLAIM if one.folder else _DAY):
                    self._client.send("DELETE", uploads + name, Is.OK, Is.NO_CONTENT, Is.NOT_FOUND)

    # Reading

    def _read(self, name: str, offset: int, length: int | None) -> bytes:
        if length == 0:  # a range of HTTP has at least one byte
            if offset > self.stat(name).size:
                raise StoreDamaged(name=name)
            return b""
        last = "" if length is None else str(offset + length - 1)
        headers = {"Range": f"bytes={offset}-{last}"} if offset or last else {}
        expected = (Is.OK, Is.PARTIAL_CONTENT, Is.REQUESTED_RANGE_NOT_SATISFIABLE)
        answer = self._client.send("GET", self._root + name, *expected, name=name, headers=headers)
        if answer.status == Is.REQUESTED_RANGE_NOT_SATISFIABLE:
            if length is None and offset == self.stat(name).size:
                return b""
            raise StoreDamaged(name=name)
        if answer.status == Is.OK:  # all of it, from a server that knows no ranges, too
            data = answer.body[offset:] if length is None else answer.body[offset : offset + length]
            right = offset <= len(answer.body)
        else:
            data, told = answer.body, _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            right = (
                told is not None and int(told[1]) == offset and (length is not None or int(told[2]) + 1 == int(told[3]))
            )
        if not right or (length is not None and len(data) != length):
            raise StoreDamaged(name=name)
        return data

    def _look(self, name: str) -> Resource | None:
        """Return what is called *name*, None if nothing is."""
        found = self._list(self._root + name, 0)
        return found[0] if found else None

    def _list(self, path: str, depth: int) -> list[Resource]:
        """Return what is at *path*, nothing if nothing is."""
        try:
            return multistatus.read(self._client.propfind(path, depth).body)
        except NotFound:
            return []

    def _children(self, path: str, listed: list[Resource]) -> Iterator[tuple[str, Resource]]:
        """Yield the names of what is listed in the folder at *path*, which is itself in the list."""
        itself = unquote(urlsplit(self._client.address + path).path).rstrip("/")
        for one in listed:
            if one.path != itself:
                yield one.path.rpartition("/")[2], one  # no more: a server behind another may not know its own path

    def _inside(self, folder: str) -> Iterator[tuple[str, Resource]]:
        """Yield name and facts of what is in a folder."""
        path = f"{self._root}{folder}/" if folder else self._root
        for last, one in self._children(path, self._list(path, 1)):
            yield f"{folder}/{last}" if folder else last, one

    def _walk(self, folder: str, prefix: str) -> Iterator[Entry]:
        """Yield the objects in *folder* and below whose names start with *prefix*."""
        for name, one in self._inside(folder):
            if not _is_legal(name):
                continue
            if not one.folder and name.startswith(prefix):
                yield _entry(name, one)
            elif one.folder and f"{name}/".startswith(prefix):
                yield from self._walk(name, prefix)

    def _is_empty(self, folder: str) -> bool:
        inside = self._inside(folder)  # what is half-sent is nobody's object
        return all(name == _UPLOADS or (one.folder and self._is_empty(name)) for name, one in inside)


def _ways(path: str) -> list[str]:
    """Return the folders on the way to a folder, and itself: ``a/b`` has ``a`` and ``a/b``."""
    steps = path.rstrip("/").split("/") if path else []
    return ["/".join(steps[: number + 1]) for number in range(len(steps))]


def _entry(name: str, resource: Resource) -> Entry:
    if resource.size is None:
        raise StoreFailed(name=name, reason="getcontentlength")
    return Entry(name, resource.size)


def _is_legal(name: str) -> bool:
    try:
        check_name(name)
    except InvalidName:
        return False
    return True
