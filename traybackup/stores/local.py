"""A folder or a stick as a place, in restic's local layout.

*LocalStore* writes so that a stick may be pulled out the moment a put has returned: write under a temporary name,
flush, rename, flush the file **once more**, flush the folder. Without the second flush Linux's vfat keeps an empty
file, because the renamed entry gets its size and first cluster only with the inode. After a failed flush the object is
written anew: the kernel has already dropped the pages, and a second flush of the same file would report success.

Layout and modes are those of restic's local backend: ``data/xx`` for packs, folders 0700, objects 0400 (with the
group's rights added where ``config`` has them).
"""

import contextlib
import errno
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from traybackup.api.errors import (
    AccessDenied,
    AlreadyExists,
    InvalidName,
    NotFound,
    PlaceGone,
    PlaceMissing,
    StoreDamaged,
    StoreError,
    StoreFailed,
)
from traybackup.api.store import Capabilities, Entry, Payload, Space, Store, check_name
from traybackup.stores import leftovers
from traybackup.stores.filesystems import is_consistent, largest_file
from traybackup.stores.handles import Root, sync
from traybackup.stores.oserrors import DENIED, store_error
from traybackup.stores.presence import Marker, Presence
from traybackup.stores.transfer import PIECE, pump, read_exactly, try_direct, write_all

_PACK_FOLDERS = tuple(f"data/{number:02x}" for number in range(256))
_FOLDERS = ("", "index", "keys", "locks", "snapshots", *_PACK_FOLDERS)
_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)  # a FIFO would wait for its writer for ever
_NO_OBJECT = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO})


class LocalStore(Store):
    """The folder *root*, which must be there already; with *marker*, only while it is on that drive.

    Raises:
        PlaceMissing: There is no such folder, or no marker.
        PlaceSwapped: It is on another drive.
        AccessDenied: It cannot be read.
    """

    capabilities = Capabilities(local=True)

    def __init__(self, root: Path, *, marker: Marker | None = None) -> None:
        self.place = os.path.abspath(root)
        try:
            self._root = Root(self.place)
        except OSError as error:
            if error.errno in DENIED:
                raise AccessDenied(place=self.place) from error
            raise PlaceMissing(place=self.place) from error
        try:
            self._presence = Presence(self.place, self._root.device, marker)
            self._folder_mode, self._file_mode = self._modes()
        except BaseException:
            self._root.close()
            raise
        device = self._root.device
        self.capabilities = replace(
            self.capabilities, largest_object=largest_file(device), consistent=is_consistent(device)
        )
        self._lock = threading.Lock()
        self._ready: set[str] = set()
        self._swept = False

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        check_name(name)
        size = payload.size
        largest = self.capabilities.largest_object
        if largest is not None and size > largest:
            raise StoreFailed(place=self.place, name=name, reason=os.strerror(errno.EFBIG))
        with self._root.held():
            self._presence.check()
            taken = self._size_of(name) is not None
            if taken and not overwrite:
                raise AlreadyExists(place=self.place, name=name)
            try:
                self._prepare(name, size)
                self._write(name, payload, overwrite=overwrite, taken=taken)
            except StoreError as failed:
                if _number(failed) not in (errno.EIO, errno.ENOENT):
                    raise
                self._write_anew(name, payload, overwrite=overwrite, taken=taken)
        return Entry(name, size)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        with self._reading(name) as (fd, size):
            wanted = size - offset if length is None else length
            if offset < 0 or wanted < 0 or offset + wanted > size:
                raise StoreDamaged(place=self.place, name=name)
            os.lseek(fd, offset, os.SEEK_SET)
            data = read_exactly(fd, wanted)
        if len(data) != wanted:
            raise StoreDamaged(place=self.place, name=name)
        return data

    def stat(self, name: str) -> Entry:
        check_name(name)
        with self._root.held():
            size = self._size_of(name)
            if size is None:
                self._presence.check()
                raise NotFound(place=self.place, name=name)
        return Entry(name, size)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        folder = prefix.rpartition("/")[0]
        if "/" in prefix:
            check_name(folder)
        with self._root.held():
            self._presence.check()
        for name, size in self._walk(folder):
            if name.startswith(prefix):
                yield Entry(name, size)

    def delete(self, name: str) -> None:
        check_name(name)
        with self._root.held():
            self._presence.check()
            with self._told(name):
                lists_others = not name.startswith("data/")
                try:
                    with self._root.kept(name if lists_others else ""):
                        self._root.remove(name)
                        if lists_others:
                            # Must be gone before the packs it speaks of are removed. A pack is the last in that
                            # order, and one that comes back after a power cut does no harm.
                            self._root.sync_folder(name.rpartition("/")[0])
                except (FileNotFoundError, NotADirectoryError):
                    self._presence.check()

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        with self._reading(name) as (fd, size):
            if hasattr(os, "posix_fadvise"):
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            direct = self._open_direct(name)
            try:
                got = pump(fd if direct is None else direct, size, consume)
            finally:
                if direct is not None:
                    os.close(direct)
        if got != size:
            raise StoreDamaged(place=self.place, name=name)

    def space(self) -> Space:
        with self._root.held(), self._told(""):
            return self._root.space()

    def close(self) -> None:
        self._root.close()

    # Writing

    def _write_anew(self, name: str, payload: Payload, *, overwrite: bool, taken: bool) -> None:
        """Write once more after a fault of the medium, or after somebody removed the folder; there is no third time."""
        self._presence.check()
        self._ready.clear()
        try:
            self._prepare(name, payload.size)
            self._write(name, payload, overwrite=overwrite, taken=taken)
        except NotFound as error:
            raise PlaceGone(place=self.place, name=name) from error

    def _write(self, name: str, payload: Payload, *, overwrite: bool, taken: bool) -> None:
        """Write *payload* and make it *name*; on any failure leave nothing behind that was not there before.

        Args:
            taken: There is an old object; if the last flush fails it is gone, and the new one is better than none.
        """
        temporary = leftovers.temporary(name)
        scrap = temporary
        with self._told(name, payload.size):
            fd = self._root.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._file_mode)
        try:
            try:
                self._copy(fd, name, payload)
                with self._told(name, payload.size):
                    self._protect(fd)
                    sync(fd)
            finally:
                with self._told(name, payload.size):  # network folders may tell only now
                    os.close(fd)
            self._presence.check()
            with self._told(name, payload.size), self._root.kept(name if taken else ""):
                self._root.rename(temporary, name, replace=overwrite)
                scrap = "" if taken else name
                self._root.sync_file(name)
                self._root.sync_folder(name.rpartition("/")[0])
        except BaseException:
            if scrap:
                with contextlib.suppress(OSError):
                    self._root.remove(scrap)
            raise

    def _copy(self, fd: int, name: str, payload: Payload) -> None:
        """Copy *payload*; its own errors pass as they are, they are not the place's."""
        left = payload.size
        with payload.open() as stream:
            while piece := stream.read(PIECE):
                left -= len(piece)
                if left < 0:
                    break
                with self._told(name, payload.size):
                    write_all(fd, piece)
                self._presence.check()
        if left:
            raise StoreDamaged(place=self.place, name=name)

    def _protect(self, fd: int) -> None:
        """Take the right to write away, against accidents; FAT knows no rights."""
        if sys.platform != "win32":
            with contextlib.suppress(OSError):
                os.fchmod(fd, self._file_mode & 0o444)

    def _prepare(self, name: str, size: int) -> None:
        """Make the folder of *name*, durably, once in the life of this store."""
        folder = name.rpartition("/")[0]
        if folder in self._ready:
            return
        with self._lock, self._told(name, size):
            if not self._swept:
                self._sweep()
                self._swept = True
            if folder and folder not in self._ready:
                self._make_folders(folder)
            self._ready.add(folder)

    def _make_folders(self, folder: str) -> None:
        above = folder.rpartition("/")[0]
        if above and above not in self._ready:
            self._make_folders(above)
        if folder in self._ready:  # one of those made with ``data``
            return
        made = self._root.make_folder(folder, self._folder_mode)
        if made and folder == "data":
            for pack_folder in _PACK_FOLDERS:  # all at once: one flush instead of 256
                self._root.make_folder(pack_folder, self._folder_mode)
            self._root.sync_folder(folder)
            self._ready.update(_PACK_FOLDERS)
        self._root.sync_folder(above)  # even if it was there: whoever made it may have been killed before this
        self._ready.add(folder)

    def _sweep(self) -> None:
        """Remove what killed runs left half-written.

        One whose object is there stays: after a power cut in the middle of a rename both names may own the same
        clusters of a FAT medium, and removing one would free the other's.
        """
        now = time.time()
        for folder in _FOLDERS:
            for name, info in self._files(folder):
                target = leftovers.object_of(name)
                if target is None or not leftovers.is_dead(name, now - info.st_mtime):
                    continue
                prefix = f"{folder}/" if folder else ""
                if self._size_of(prefix + target) is None:
                    with contextlib.suppress(OSError):
                        self._root.remove(prefix + name)

    # Reading

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[tuple[int, int]]:
        """Open the object *name*; yield its handle and size."""
        check_name(name)
        with self._root.held():
            try:
                with self._told(name):
                    fd = self._root.open(name, _READING)
            except StoreError as error:
                if _number(error) not in _NO_OBJECT | {errno.ENOENT}:
                    raise
                self._presence.check()
                raise NotFound(place=self.place, name=name) from error
            try:
                info = os.fstat(fd)
                if not stat.S_ISREG(info.st_mode):
                    raise NotFound(place=self.place, name=name)
                with self._told(name):
                    yield fd, info.st_size
            finally:
                os.close(fd)

    def _open_direct(self, name: str) -> int | None:
        """Open *name* for reading past the page cache; None where the file system cannot."""
        if not hasattr(os, "O_DIRECT"):
            return None
        fd = None
        try:
            fd = self._root.open(name, os.O_RDONLY | os.O_DIRECT)
            try_direct(fd)
        except OSError:
            if fd is not None:
                os.close(fd)
            return None
        return fd

    def _size_of(self, name: str) -> int | None:
        """Return the size of the object *name*; None if there is none."""
        with self._told(name):
            try:
                info = self._root.stat(name)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return info.st_size if stat.S_ISREG(info.st_mode) else None

    def _walk(self, folder: str) -> Iterator[tuple[str, int]]:
        """Yield name and size of every object below *folder*; no handle is open in between."""
        prefix = f"{folder}/" if folder else ""
        for last, info in self._files(folder):
            name = prefix + last
            if not _is_object_name(name):
                continue
            if stat.S_ISREG(info.st_mode):
                yield name, info.st_size
            elif stat.S_ISDIR(info.st_mode):
                yield from self._walk(name)

    def _files(self, folder: str) -> list[tuple[str, os.stat_result]]:
        """Return names and facts of what is in *folder*; nothing if it is not there."""
        with self._root.held(), self._told(folder):
            try:
                return self._root.scan(folder)
            except OSError as error:
                if error.errno not in _NO_OBJECT | {errno.ENOENT}:
                    raise
            self._presence.check()
            return []

    def _modes(self) -> tuple[int, int]:
        """Return the modes of folders and files: the owner's only, and the group's if ``config`` has it so."""
        shared = False
        with contextlib.suppress(OSError):
            shared = bool(self._root.stat("config").st_mode & stat.S_IRGRP)
        return (0o770, 0o660) if shared else (0o700, 0o600)

    @contextlib.contextmanager
    def _told(self, name: str, needed: int | None = None) -> Iterator[None]:
        """Turn the system's errors into the place's."""
        try:
            yield
        except FileExistsError as error:
            raise AlreadyExists(place=self.place, name=name) from error
        except OSError as error:
            told = store_error(error, self.place, name, needed)
            if error.errno == errno.EIO:
                self._presence.check()
            raise told from error


def _is_object_name(name: str) -> bool:
    try:
        check_name(name)
    except InvalidName:
        return False
    return True


def _number(failed: StoreError) -> int | None:
    return failed.__cause__.errno if isinstance(failed.__cause__, OSError) else None
