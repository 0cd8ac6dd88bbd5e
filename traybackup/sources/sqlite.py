"""Databases: SQLite files found inside a folder by their header, saved as one consistent copy each.

The copy is made in the scratch folder and checked, in threads of their own, so that whoever asked can go on with other
files. What is small, or looks wrong, is checked before it is handed out, so that a damaged database is saved as it is,
to the byte; a large one is checked while its copy is read, and if it is damaged then, the copy has the damaged pages.

The files beside a database (``-wal``, ``-shm``, ``-journal``) are left out then: what they hold is in the
copy. If there can be no copy, because the deadline passed or there is no room, the files are saved raw: database, WAL
and journal as they are, put aside together first if there is room, and ``sqlite-saved-raw`` says so.

**Metadata.** A run takes a file over from the snapshot before if times, size and inode are the same. What a database
holds may be in its WAL, so the times of a database are the newest of both, in the listing (`Databases.look_beside`) as
well as in what is stored. The copy's size is the one that the database had if its WAL was written back; the listing
takes it from the WAL's index, and where that is out of date the database is merely copied once more. What was saved
raw, or recovered from a hot journal, is stored with a change time of 0, which no file has, so that the next run tries
again.

Source: https://sqlite.org/walformat.html, 2.1, for the index's header.
"""

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from traybackup.api.errors import SourceUnreadable
from traybackup.api.progress import Cancel
from traybackup.api.source import Content, Finding, Item, Kind, Metadata
from traybackup.sources.files import READ, Handles, PlainFiles, unreadable
from traybackup.sources.metadata import Describer
from traybackup.sources.scratch import Scratch
from traybackup.sources.sqlite_check import FULL_CHECK, Check, NotChecked
from traybackup.sources.sqlite_copy import Failed, Moment, Stop, copy, copy_raw, is_database, page_size, read_head

BLOCK = 16 << 10
"""Bytes of a block: a day's traffic touches few pages; smaller ones would cost more in the index than they save."""

_MARGIN = 16 << 20  # bytes that stay free in the scratch folder
_COPIES_AT_ONCE = 2  # more would only keep the disk's head moving
_DAMAGED = "sqlite-damaged"
_INDEX_COPY = 48  # bytes of the WAL index's header, which is there twice


@dataclass(slots=True)
class _Saved:
    """What became of a database.

    Attributes:
        raw: It is the file as it is, and its WAL and journal are wanted as well.
        unchecked: The copy, if it is still to be checked.
    """

    content: Content
    findings: list[Finding]
    raw: bool = False
    unchecked: bytes | None = None


class Databases:
    """The databases of one source. Safe from several threads.

    Attributes:
        copying: Devices and inodes of the databases that are being copied. Nobody may open or close these files
            meanwhile, because that would drop SQLite's locks; `wait_until_free` waits.
    """

    def __init__(
        self,
        scratch: Scratch,
        handles: Handles,
        files: PlainFiles,
        describer: Describer,
        *,
        deadline: float,
        cancel: Cancel,
    ) -> None:
        """Prepare; nothing is started before the first database is opened.

        Args:
            deadline: Seconds to go on trying when a database is in use.
        """
        self.copying: dict[tuple[int, int], threading.Event] = {}
        self._scratch, self._handles, self._files, self._describer = scratch, handles, files, describer
        self._deadline = deadline
        self._cancel = cancel
        self._limit = threading.Semaphore(_COPIES_AT_ONCE)
        self._database_of: dict[bytes, bytes] = {}
        self._opened: dict[bytes, DatabaseContent] = {}
        self._put_aside: dict[bytes, bytes] = {}

    def look_beside(self, items: Iterable[Item], names: Iterable[bytes], folder: int) -> None:
        """Find databases among *items* that have files beside them; let their times and sizes take these into account.

        Args:
            names: Those of the folder's entries that end like a file beside a database.
            folder: An open handle.
        """
        files = {item.name: item for item in items if item.metadata.kind is Kind.FILE}
        for name in names:
            base, _, suffix = name.rpartition(b"-")
            item = files.get(base)
            if item is None or not self._is_database(item, folder):
                continue
            self._database_of[item.path + b"-" + suffix] = item.path
            if suffix == b"wal":
                with suppress(OSError):
                    wal = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if wal.st_size:
                        _add_wal(item.metadata, wal)
                        item.metadata.size = _size_with_wal(base, folder) or item.metadata.size

    def left_out(self, path: bytes) -> bool:
        """Say whether the file at *path* lies beside a database whose copy holds all that it could tell."""
        database = self._database_of.get(path)
        if database is None:
            return False
        content = self._opened.get(database)
        return content is None or path.endswith(b"-shm") or not content.is_raw()

    def wait_until_free(self, listed: Metadata) -> None:
        """Wait until a file may be opened: not while it is a database that is copied under this or another name."""
        if done := self.copying.get((listed.device_id, listed.inode)):
            done.wait()

    def open_put_aside(self, item: Item) -> Content | None:
        """Return the WAL or journal that was put aside together with its database; None if *item* is none."""
        target = self._put_aside.get(item.path)
        return None if target is None else _File(target, item.path, _again_next_time(item.metadata))

    def open(self, item: Item, head: bytes) -> Content:
        """Begin to copy the database *item*, which starts with *head*."""
        identity = (item.metadata.device_id, item.metadata.inode)
        done = self.copying[identity] = threading.Event()

        def save(stop: Stop) -> _Saved:
            try:
                with self._limit:
                    return self._save(item, stop)
            finally:
                del self.copying[identity]
                done.set()

        content = DatabaseContent(item, save, self._cancel)
        content.block_size = max(BLOCK, page_size(head))
        self._opened[item.path] = content
        return content

    def close(self) -> None:
        """Stop what is under way; closing twice is fine."""
        for content in self._opened.values():
            content.close()

    def _is_database(self, item: Item, folder: int) -> bool:
        self.wait_until_free(item.metadata)
        try:
            return is_database(read_head(item.name, folder))
        except OSError:
            return False

    def _save(self, item: Item, stop: Stop) -> _Saved:
        try:
            target = self._scratch.new_path()
            self._expect_room(item)
            moment, doubtful = copy(item.path, target, deadline=self._deadline, stop=stop)
        except Failed as failure:
            return self._save_raw(item, failure, stop)
        except OSError as error:
            return self._save_raw(item, Failed(os.strerror(error.errno or 0)), stop)
        size = os.stat(target).st_size
        at_once = size <= FULL_CHECK or (moment.wal is None and size != moment.database.st_size)
        findings = _check(item, target) if at_once else []
        if any(finding.code == _DAMAGED for finding in findings):
            os.unlink(target)
            return self._save_raw(item, Failed(findings[0].detail, damaged=True), stop)
        found = self._describer.describe(moment.database)
        found.xattrs = item.metadata.xattrs
        if moment.wal is not None:
            _add_wal(found, moment.wal)
        content = _File(target, item.path, _again_next_time(found) if doubtful else found)
        return _Saved(content, findings, unchecked=None if at_once else target)

    def _save_raw(self, item: Item, failure: Failed, stop: Stop) -> _Saved:
        findings = [Finding(_DAMAGED if failure.damaged else "sqlite-saved-raw", item.path, failure.reason)]
        try:
            self._expect_room(item)
            target = self._scratch.new_path()
            beside = copy_raw(item.path, target, stop)
        except OSError:  # no room, or no right: read it where it is, which will tell
            return _Saved(self._files.open(item, *self._handles.regular(item)), findings, raw=True)
        self._put_aside.update((item.path + suffix, target + suffix) for suffix in beside)
        return _Saved(_File(target, item.path, item.metadata), findings, raw=True)

    def _expect_room(self, item: Item) -> None:
        moment = Moment.of(item.path)
        needed = moment.database.st_size + (moment.wal.st_size if moment.wal else 0)
        if self._scratch.room() < needed + _MARGIN:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class DatabaseContent(Content):
    """A database's copy, or its file as it is. Made by a thread of its own, which then checks it.

    `read` waits until there is something to read, `check` until it is checked.
    """

    def __init__(self, item: Item, save: Callable[[Stop], _Saved], cancel: Cancel) -> None:
        self._item = item
        self._cancel = cancel
        self._closed = False
        self._saved: _Saved | None = None
        self._error: BaseException | None = None
        self._findings: list[Finding] = []
        self._check: Check | None = None
        self._has_saved = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(save,), name="database", daemon=True)
        self._thread.start()

    def is_raw(self) -> bool:
        """Say, as soon as that is known, whether the file is saved as it is."""
        try:
            return self._result().raw
        except SourceUnreadable:
            return True

    def ready(self) -> bool:
        return self._has_saved.is_set()

    def read(self, size: int) -> bytes:
        return self._result().content.read(size)

    def metadata(self) -> Metadata | None:
        saved = self._result()
        found = saved.content.metadata()
        return found if not saved.raw else _again_next_time(found or self._item.metadata)

    def check(self) -> Sequence[Finding]:
        self._thread.join()
        return self._findings

    def close(self) -> None:
        self._closed = True
        if self._check is not None:
            self._check.interrupt()
        self._thread.join()
        if self._saved is not None:
            self._saved.content.close()

    def _stopped(self) -> bool:
        return self._closed or self._cancel.is_set()

    def _result(self) -> _Saved:
        self._has_saved.wait()
        if self._saved is None:
            raise self._error or SourceUnreadable(path=os.fsdecode(self._item.path))
        return self._saved

    def _work(self, save: Callable[[Stop], _Saved]) -> None:
        try:
            saved = self._saved = save(self._stopped)
        except OSError as error:  # it vanished, or cannot be read any more
            self._error = unreadable(self._item.path, error)
            return
        except BaseException as error:  # noqa: BLE001 - raised again where somebody reads
            self._error = error
            return
        finally:
            self._has_saved.set()
        self._findings = saved.findings
        if saved.unchecked is not None and not self._stopped():
            self._findings += _check(self._item, saved.unchecked, self._begin)

    def _begin(self, check: Check) -> None:
        self._check = check


class _File(Content):
    """A file in the scratch folder, removed when it is closed."""

    def __init__(self, target: bytes, path: bytes, metadata: Metadata) -> None:
        self._target = target
        self._path = path
        self._handle = os.open(target, READ)
        self._metadata = replace(metadata, size=os.fstat(self._handle).st_size)

    def read(self, size: int) -> bytes:
        try:
            return os.read(self._handle, size)
        except OSError as error:
            raise unreadable(self._path, error) from error

    def metadata(self) -> Metadata:
        return self._metadata

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
            with suppress(FileNotFoundError):
                os.unlink(self._target)


def _check(item: Item, target: bytes, begin: Callable[[Check], object] = lambda _: None) -> list[Finding]:
    """Check the copy *target*, and say what is wrong with the database *item*; *begin* hears of the check before."""
    try:
        check = Check(target)
        begin(check)
        faults = check.run(full=os.stat(target).st_size <= FULL_CHECK)
    except (NotChecked, OSError) as error:
        return [Finding("sqlite-not-checked", item.path, str(error))]
    return [Finding(_DAMAGED, item.path, "; ".join(faults))] if faults else []


def _again_next_time(found: Metadata) -> Metadata:
    """Return *found* such that the next run will not take the file for unchanged."""
    return replace(found, changed=0)


def _add_wal(found: Metadata, wal: os.stat_result) -> None:
    """Let the times of a database be those of its WAL where these are newer.

    The WAL's change time says nothing: SQLite renews it whenever root opens the database, even read-only.
    """
    found.modified = max(found.modified, wal.st_mtime_ns)
    found.changed = max(found.changed, wal.st_mtime_ns)


def _size_with_wal(name: bytes, folder: int) -> int:
    """Return the size that a database had if its WAL was written back, as the WAL's index says; 0 if it does not."""
    try:
        handle = os.open(name + b"-shm", READ, dir_fd=folder)
    except OSError:
        return 0
    try:
        header = os.pread(handle, 2 * _INDEX_COPY, 0)
    except OSError:
        return 0
    finally:
        os.close(handle)
    if len(header) < 2 * _INDEX_COPY or header[:_INDEX_COPY] != header[_INDEX_COPY:] or not header[12]:
        return 0
    page, pages = (int.from_bytes(header[at:end], sys.byteorder) for at, end in ((14, 16), (20, 24)))
    return pages * (65536 if page == 1 else page)
