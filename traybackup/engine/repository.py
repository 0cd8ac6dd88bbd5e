"""Repository: a Store with a key, and everything in it by kind and id.

The one class that the rest of the program holds. It creates and opens, reads and writes the small files (index,
snapshots, locks), finds blobs, and hands out the `BlobSaver` that writes packs.

Source: restic's doc/design.rst.
"""

import hashlib
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from traybackup.api.errors import (
    AlreadyExists,
    NoRepository,
    NotFound,
    RepositoryDamaged,
    RepositoryExists,
    RepositoryTooNew,
    StoreDamaged,
    StoreFailed,
    WrongPassword,
)
from traybackup.api.progress import Cancel, Progress
from traybackup.api.store import BytesPayload, Store
from traybackup.engine import keys, smallfiles
from traybackup.engine.codec import BlobKind, FileKind, compress, decompress, is_id, object_name
from traybackup.engine.crypto import KdfParameters, MasterKey
from traybackup.engine.index import Index, Location, decode_index
from traybackup.engine.pack import PackedBlob, open_blobs
from traybackup.engine.polynomial import random_irreducible
from traybackup.engine.saver import BlobSaver
from traybackup.engine.verify import put_verified

VERSION = 2
"""The format version that is written. Version 1 (no compression) can be read and added to."""


class _Config(msgspec.Struct):
    version: int
    id: str
    chunker_polynomial: str


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of the repository: its id in hex, and its bytes as stored."""

    id: str
    size: int


class Repository:
    """An open repository. Safe from several threads.

    Attributes:
        store: The place it is in.
        id: Its own id, 64 hex digits: the same for every copy of it.
        version: Its format version.
        key_id: The key file that opened it.
        index: Where every blob lies; empty until `load_index`.
        guard: Called before anything is acknowledged (an index or snapshot file) or removed; raises `LockLost` where
            the lock is gone. Who holds a lock sets it, so that nobody can forget it: an index file of a writer that
            slept through the loss of its lock could name packs that were removed meanwhile.
        fence: The same for every attempt of one call, which a place may repeat after a long sleep. It is called from
            within the call, so it asks nothing of the place.
    """

    def __init__(self, store: Store, key_id: str, key: MasterKey, config: _Config) -> None:
        self.store = store
        self.key_id = key_id
        self.key = key
        self.id = config.id
        self.version = config.version
        self.chunker_secret = config.chunker_polynomial.encode()
        self.index = Index()
        self.guard: Callable[[], None] = _unguarded
        self.fence: Callable[[], None] = _unguarded

    @classmethod
    def create(
        cls,
        store: Store,
        password: str,
        *,
        now: datetime,
        host: str = "",
        user: str = "",
        version: int = VERSION,
        cost: KdfParameters | None = None,
    ) -> "Repository":
        """Make a new repository: key first, config last, so that half of one is no repository yet.

        What an earlier attempt left behind (a key without config) is completed if the password fits it, else removed:
        nothing can have been saved with it.

        Raises:
            RepositoryExists: There is one.
            RepositoryDamaged: There is none, but things of one: never make a new key over somebody's data.
        """
        if _exists(store, "config"):
            raise RepositoryExists
        for kind in (FileKind.SNAPSHOT, FileKind.INDEX, FileKind.PACK):
            if next(store.entries(kind.value + "/"), None) is not None:
                raise RepositoryDamaged(kind="config", why="config-missing")
        try:
            key_id, master = keys.find_key(store, password)
        except (WrongPassword, RepositoryDamaged):
            for left in keys.key_ids(store):
                if _exists(store, "config"):  # somebody else was faster, and this is the way in
                    raise RepositoryExists from None
                store.delete(object_name(FileKind.KEY, left))
            master = MasterKey.generate()
            key_id = keys.add_key(store, master, password, now=now, host=host, user=user, cost=cost)
        config = _Config(version=version, id=secrets.token_hex(32), chunker_polynomial=random_irreducible())
        try:
            put_verified(store, "config", BytesPayload(master.seal(msgspec.json.encode(config))))
        except AlreadyExists as error:
            raise RepositoryExists from error
        return cls(store, key_id, master, config)

    @classmethod
    def open(cls, store: Store, password: str, *, hint: str = "") -> "Repository":
        """Open the repository in *store*.

        Args:
            hint: The id of the key to try first.

        Raises:
            NoRepository: There is none.
            WrongPassword: No key opens with it.
            RepositoryTooNew: Written by a newer program.
            RepositoryDamaged: Key files or config are broken.
        """
        try:
            sealed = smallfiles.read(store, FileKind.CONFIG)
        except NotFound as error:
            raise NoRepository from error
        except RepositoryDamaged as error:
            raise RepositoryDamaged(kind="config", why="bad-config") from error
        key_id, master = keys.find_key(store, password, hint=hint)
        try:
            config = msgspec.json.decode(master.open(sealed), type=_Config)
        except (ValueError, RecursionError) as error:
            raise RepositoryDamaged(kind="config", why="bad-config") from error
        if config.version > VERSION:
            raise RepositoryTooNew(version=config.version)
        if config.version < 1 or not is_id(config.id):
            raise RepositoryDamaged(kind="config", why="bad-config")
        return cls(store, key_id, master, config)

    @staticmethod
    def exists(store: Store) -> bool:
        """Say whether *store* holds a repository."""
        return _exists(store, "config")

    def ids(self, kind: FileKind) -> list[FileEntry]:
        """Return the files of a kind, sorted by id; what is not named like one is not ours."""
        entries = (
            FileEntry(entry.name.rpartition("/")[2], entry.size) for entry in self.store.entries(kind.value + "/")
        )
        return sorted((entry for entry in entries if is_id(entry.id)), key=lambda entry: entry.id)

    def load(self, kind: FileKind, file_id: str) -> bytes:
        """Return the plain content of an index, snapshot or lock file.

        Raises:
            NotFound: There is no such file.
            RepositoryDamaged: It is not the one its name promises, or cannot be opened.
        """
        data = smallfiles.read(self.store, kind, file_id)
        if hashlib.sha256(data).hexdigest() != file_id:
            # a fault of the line or the memory is gone at the second look; one of the medium stays
            data = smallfiles.read(self.store, kind, file_id)
            if hashlib.sha256(data).hexdigest() != file_id:
                raise RepositoryDamaged(kind=kind.word, id=file_id, why="wrong-hash")
        try:
            return decompress(self.key.open(data))
        except ValueError as error:
            raise RepositoryDamaged(kind=kind.word, id=file_id, why="damaged") from error

    def load_or_note(self, kind: FileKind, file_id: str, damaged: list[RepositoryDamaged] | None) -> bytes | None:
        """Do as `load`, but note in *damaged*, if it is given, what is wrong with a file, and return None.

        A bad sector under one file is a fault of that file, as long as others can be read.

        Raises:
            StoreError: The place itself failed.
        """
        try:
            return self.load(kind, file_id)
        except RepositoryDamaged as error:
            _note(error, damaged)
        except (StoreDamaged, StoreFailed) as error:
            if damaged is None:
                raise
            self.store.get("config")
            unreadable = RepositoryDamaged(kind=kind.word, id=file_id, why="unreadable")
            unreadable.__cause__ = error
            damaged.append(unreadable)
        return None

    def save(self, kind: FileKind, data: bytes) -> str:
        """Write an index, snapshot or lock file, verified, and return its id.

        Raises:
            LockLost: Nothing was written.
        """
        sealed = self.key.seal(compress(data) if self.version > 1 else data)
        if decompress(self.key.open(sealed)) != data:
            raise RepositoryDamaged(kind=kind.word, why="not-reproducible")
        file_id = hashlib.sha256(sealed).hexdigest()
        name = object_name(kind, file_id)
        if kind is FileKind.LOCK:  # lives for minutes, proves nothing: not worth reading back
            self.store.put(name, BytesPayload(sealed))
        else:
            self.guard()
            put_verified(self.store, name, _Fenced(sealed, self.fence), guard=self.guard)
        return file_id

    def remove(self, kind: FileKind, file_id: str) -> None:
        """Delete a file; fine if there is none.

        Raises:
            LockLost: Nothing was deleted.
        """
        if kind is not FileKind.LOCK:
            self.guard()
        self.store.delete(object_name(kind, file_id))

    def load_index(
        self,
        *,
        cancel: Cancel | None = None,
        damaged: list[RepositoryDamaged] | None = None,
        check_packs: bool = False,
    ) -> None:
        """Read all index files.

        Args:
            damaged: Collects what is wrong with files that cannot be read; without it the first one raises.
            check_packs: Compare with a listing of the packs, and leave out what lay in those that are gone or too
                short: a backup stores it again where the source still has it.
        """
        index = Index()
        index.add_files(self._index_files(cancel, damaged, check_packs=check_packs))
        self.index = index

    def _index_files(
        self, cancel: Cancel | None, damaged: list[RepositoryDamaged] | None, *, check_packs: bool
    ) -> Iterator[list[tuple[bytes, list[PackedBlob]]]]:
        listed = self.ids(FileKind.INDEX)
        # the packs after the index: what is named by then is there already, whoever else is at work
        sizes = {entry.id: entry.size for entry in self.ids(FileKind.PACK)} if check_packs else None
        for entry in listed:
            if cancel is not None:
                cancel.check()
            data = self.load_or_note(FileKind.INDEX, entry.id, damaged)
            if data is None:
                continue
            try:
                packs = decode_index(data, entry.id)
            except RepositoryDamaged as error:
                _note(error, damaged)
                continue
            yield packs if sizes is None else [pack for pack in packs if self._is_whole(*pack, sizes, damaged)]

    def _is_whole(
        self, pack_id: bytes, blobs: list[PackedBlob], sizes: dict[str, int], damaged: list[RepositoryDamaged] | None
    ) -> bool:
        """Say whether the pack is there and long enough for its blobs."""
        size = sizes.get(pack_id.hex())
        if size is None:  # a listing may lag behind: ask for this one
            with suppress(NotFound):
                size = self.store.stat(object_name(FileKind.PACK, pack_id.hex())).size
        if size is None:
            _note(RepositoryDamaged(kind="pack", id=pack_id.hex(), why="missing"), damaged)
        elif size <= max((blob.offset + blob.length for blob in blobs), default=0):
            _note(RepositoryDamaged(kind="pack", id=pack_id.hex(), why="wrong-size"), damaged)
        else:
            return True
        return False

    def read_pack(self, pack_id: bytes, offset: int = 0, length: int | None = None) -> bytes:
        """Return a part of a pack as it is stored.

        Raises:
            NotFound: There is no such pack.
            StoreDamaged: It is shorter.
        """
        return self.store.get(object_name(FileKind.PACK, pack_id.hex()), offset, length)

    def blob(self, kind: BlobKind, blob_id: bytes) -> bytes:
        """Return the plain bytes of one blob, of any copy that opens.

        Raises:
            RepositoryDamaged: Not in the index, its pack is missing, or it does not open.
        """
        location = self.index.locate(kind, blob_id)
        if location is None:
            raise RepositoryDamaged(kind=kind.word, id=blob_id.hex(), why="not-indexed")
        try:
            return self._blob_at(kind, blob_id, location)
        except RepositoryDamaged:
            for other in self.index.locations(kind, blob_id):
                if other != location:
                    with suppress(RepositoryDamaged):
                        return self._blob_at(kind, blob_id, other)
            raise

    def _blob_at(self, kind: BlobKind, blob_id: bytes, location: Location) -> bytes:
        number, offset, length, plain_length = location
        blob = PackedBlob(kind, blob_id, offset, length, plain_length)
        try:
            data = self.read_pack(self.index.pack_id(number), offset, length)
        except (NotFound, StoreDamaged) as error:
            raise RepositoryDamaged(kind=kind.word, id=blob_id.hex(), why="pack-missing") from error
        ((_, plain),) = open_blobs(self.key, data, offset, [blob])
        if isinstance(plain, RepositoryDamaged):
            raise plain
        return plain

    @contextmanager
    def writing(
        self, *, progress: Progress | None = None, level: int | None = None, folder: Path | None = None
    ) -> Iterator[BlobSaver]:
        """Yield a saver of blobs. At a clean exit its packs are stored and indexed; only then may a snapshot follow.

        Args:
            level: zstd's; 0 stores as is. None is the default.
            folder: Where packs grow before they are put; None: a new private folder.
        """
        with tempfile.TemporaryDirectory(prefix="traybackup-", dir=folder) as private:
            saver = BlobSaver(
                store=self.store,
                key=self.key,
                index=self.index,
                save_index=lambda data: self.save(FileKind.INDEX, data),
                folder=Path(private),
                level=0 if self.version == 1 else level,
                progress=progress or Progress(),
            )
            try:
                yield saver
                saver.finish()
            except BaseException as error:
                saver.abandon(error)
                raise


class _Fenced(BytesPayload):
    """Bytes that nobody gets to send who has lost the right to."""

    def __init__(self, data: bytes, fence: Callable[[], None]) -> None:
        super().__init__(data)
        self._fence = fence

    def open(self, offset: int = 0) -> BinaryIO:
        self._fence()
        return super().open(offset)


def _unguarded() -> None:
    """Let everything pass: nobody holds a lock."""


def _note(error: RepositoryDamaged, damaged: list[RepositoryDamaged] | None) -> None:
    """Collect *error*, or raise it where nobody collects."""
    if damaged is None:
        raise error
    damaged.append(error)


def _exists(store: Store, name: str) -> bool:
    try:
        store.stat(name)
    except NotFound:
        return False
    return True
