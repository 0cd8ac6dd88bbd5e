"""A place that is not asked twice for what never changes.

Keys, index files, snapshots and packs are named by the hash of their content, so a copy in a private folder of this
computer is right if its hash is the name, whatever has happened meanwhile; it is looked at before it is used. The
listings always come from the place: what is not listed any more is dropped here, too. ``config`` is the one name that
says nothing of its content: its copy counts only if the service's own hash of what it has says so.

A backup reads of the packs only those that hold folders, many small ranges of few packs. So it fetches those whole,
once; small packs that it writes itself stay here, because the next run will want those of them that hold folders. It
lists the packs, which most places cannot do faster than listing everything; so one listing, made when its lock is
written and its rivals are looked for, answers what it asks next.

Everything here is as it lies at the place: sealed. Losing it costs time, and nothing else.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from traybackup.api import checksum
from traybackup.api.errors import StoreDamaged
from traybackup.api.store import Entry, Payload, Store
from traybackup.stores.around import Around

_HASH = re.compile(r"(keys|index|snapshots|data/[0-9a-f]{2})/([0-9a-f]{64})")
_CONFIG, _KEYS, _LOCKS, _PACKS = "config", "keys/", "locks/", "data/"
_LISTED = ("keys/", "index/", "snapshots/")
_SAME_MOMENT = 10.0
"""Seconds for which a listing of the keys answers again: opening asks for them twice."""

_ASKED_NEXT = ("index/", "data/", "snapshots/")
_UNDER_LOCK = 600.0
"""Seconds for which a listing made under our lock tells what is there: nobody removes anything meanwhile."""

_SMALL_PACK = 4 << 20
_ROOM = 512 << 20
_UNUSED = 90 * 86_400.0


class CachingStore(Around):
    """*inner*, with copies in *folder*, which belongs to this place alone.

    Args:
        backup: It is used as a backup does: see above.
        room: Bytes that packs may take here.
        elapsed: Seconds that never go back.
    """

    def __init__(
        self,
        inner: Store,
        folder: Path,
        *,
        backup: bool = False,
        room: int = _ROOM,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(inner)
        self._folder, self._backup, self._room, self._elapsed = folder, backup, room, elapsed
        self._fetching = threading.Lock()
        self._sound: set[str] = set()
        self._own_locks: dict[str, bytes] = {}
        self._config: Entry | None = None
        self._keys: tuple[float, list[Entry]] | None = None
        self._listing: list[Entry] = []
        self._listed_at = 0.0
        self._unserved: set[str] = set()

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        if name.startswith(_KEYS):
            self._keys = None
        entry = self.inner.put(name, payload, overwrite=overwrite)
        if name.startswith(_LOCKS):
            self._own_locks[name] = _content(payload)
        elif _is_worth_keeping(name, payload.size):
            self._keep(name, _content(payload))
        return entry

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if name == _CONFIG and offset == 0 and length is None:
            return self._get_config()
        own = self._own_locks.get(name)
        if own is not None:
            return _part(name, own, offset, length)
        if not _HASH.fullmatch(name):
            return self.inner.get(name, offset, length)
        kept = self._kept(name, offset, length)
        if kept is not None:
            return kept
        if name.startswith(_PACKS) and not self._backup:
            return self.inner.get(name, offset, length)
        with self._fetching:
            kept = self._kept(name, offset, length)  # another thread was faster
            if kept is None:
                data = self.inner.get(name)
                self._keep(name, data)
                kept = _part(name, data, offset, length)
        return kept

    def stat(self, name: str) -> Entry:
        if name != _CONFIG:
            return self.inner.stat(name)
        if self._config is None:  # that there is none is asked every time: somebody may just be making it
            self._config = self.inner.stat(name)
        return self._config

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        now = self._elapsed()
        if prefix == _KEYS and self._keys is not None and now - self._keys[0] < _SAME_MOMENT:
            yield from self._keys[1]
            return
        found = self._listed(prefix, now)
        if prefix == _KEYS:
            self._keys = (now, found)
        if prefix in _LISTED:
            self._drop_all_but({entry.name for entry in found}, prefix)
        yield from found

    def _listed(self, prefix: str, now: float) -> list[Entry]:
        """List *prefix*: in a backup, once, from the listing that was made under its lock."""
        if prefix in self._unserved and now - self._listed_at < _UNDER_LOCK:
            self._unserved.discard(prefix)
            return [entry for entry in self._listing if entry.name.startswith(prefix)]
        if not (self._backup and prefix == _LOCKS and self._own_locks):
            return list(self.inner.entries(prefix))
        self._listing, self._listed_at = list(self.inner.entries()), now
        self._unserved = set(_ASKED_NEXT)
        return [entry for entry in self._listing if entry.name.startswith(prefix)]

    def delete(self, name: str) -> None:
        if name.startswith(_KEYS):
            self._keys = None
        if name == _CONFIG:
            self._config = None
        self._own_locks.pop(name, None)
        self._drop(name)
        self.inner.delete(name)

    def discard(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self.inner.discard()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._make_room()
        self.inner.close()

    def _get_config(self) -> bytes:
        kept = self._read(_CONFIG)
        if kept is not None and self.capabilities.checksum is not None:
            entry = self.stat(_CONFIG)
            if entry.size == len(kept) and entry.checksum and entry.checksum == _hash_like(entry.checksum, kept):
                return kept
        data = self.inner.get(_CONFIG)
        self._keep(_CONFIG, data)
        return data

    # The folder. Whatever fails there, the place itself is asked.

    def _path(self, name: str) -> Path:
        return self._folder.joinpath(*name.split("/"))

    def _read(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except OSError:
            return None

    def _kept(self, name: str, offset: int, length: int | None) -> bytes | None:
        """Return a part of the copy, None if there is no sound one."""
        if name in self._sound:
            part = self._part_of_file(name, offset, length)
            if part is not None:
                return part
        data = self._read(name)
        if data is None:
            return None
        if hashlib.sha256(data).hexdigest() != name.rpartition("/")[2]:
            self._drop(name)
            return None
        self._sound.add(name)
        with contextlib.suppress(OSError):
            os.utime(self._path(name))
        return _part(name, data, offset, length)

    def _part_of_file(self, name: str, offset: int, length: int | None) -> bytes | None:
        """Return a part of a copy that was found sound in this run already."""
        try:
            with self._path(name).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                end = size if length is None else offset + length
                if not 0 <= offset <= end <= size:
                    raise StoreDamaged(name=name)
                file.seek(offset)
                data = file.read(end - offset)
        except OSError:
            return None
        return data if len(data) == end - offset else None

    def _keep(self, name: str, data: bytes) -> None:
        """Keep a copy, if it is what its name says."""
        if name != _CONFIG and hashlib.sha256(data).hexdigest() != name.rpartition("/")[2]:
            return
        path = self._path(name)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            self._make_folder(path.parent)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        else:
            self._sound.add(name)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder with those above it, readable by this user alone."""
        for step in reversed([folder, *folder.parents]):
            if not step.exists():
                step.mkdir(mode=0o700, exist_ok=True)

    def _drop(self, name: str) -> None:
        self._sound.discard(name)
        if name == _CONFIG or _HASH.fullmatch(name):
            with contextlib.suppress(OSError):
                self._path(name).unlink(missing_ok=True)

    def _drop_all_but(self, names: set[str], prefix: str) -> None:
        with contextlib.suppress(OSError):
            for path in self._path(prefix.rstrip("/")).iterdir():
                if f"{prefix}{path.name}" not in names and not path.name.startswith("."):
                    self._drop(f"{prefix}{path.name}")

    def _make_room(self) -> None:
        """Remove packs that were not used for long, and the longest unused ones of more than there is room for."""
        now = time.time()
        packs = []
        for path in self._path(_PACKS.rstrip("/")).glob("*/*"):
            found = path.stat()
            packs.append((found.st_mtime, found.st_size, path))
        total = sum(size for _, size, _ in packs)
        for used, size, path in sorted(packs):
            if total <= self._room and now - used < _UNUSED:
                break
            path.unlink(missing_ok=True)
            total -= size


def _is_worth_keeping(name: str, size: int) -> bool:
    if name.startswith(_PACKS) and size > _SMALL_PACK:
        return False
    return name == _CONFIG or bool(_HASH.fullmatch(name))


def _content(payload: Payload) -> bytes:
    with payload.open() as stream:
        return stream.read()


def _part(name: str, data: bytes, offset: int, length: int | None) -> bytes:
    end = len(data) if length is None else offset + length
    if not 0 <= offset <= end <= len(data):
        raise StoreDamaged(name=name)
    return data[offset:end]


def _hash_like(known: str, data: bytes) -> str:
    """Return the hash of *data* of the kind that *known* is of."""
    kind = known.partition(":")[0]
    hasher = checksum.new(kind)
    if hasher is None:
        return ""
    hasher.update(data)
    return f"{kind}:{hasher.hexdigest()}"
