"""FolderSource: folders and files of this computer, as a tree.

*Tops* are the paths that the owner named; *ways* are the folders that lead to them. The tree starts at the root of the
file system, as in a snapshot by restic: of a way's entries only those that lead to a top are in it, of a top everything
that `Selection` does not leave out. A top is never left out, even if it lies in something that is.

A link is saved as a link, a top as well (``source-is-link`` is found then, for what it leads to is not saved); only the
ways are followed. FIFOs and devices are listed and never opened. Sockets are left out: nothing could bring them back.

Source: restic's internal/archiver (tree.go, archiver.go, exclude.go) for the shape of the tree and for what happens at
mount points and to the contents of marked folders.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from traybackup.api.errors import SourceIsPlace, SourceMissing
from traybackup.api.progress import Cancel
from traybackup.api.source import Content, Finding, Item, Kind, Metadata, Selection, Source
from traybackup.sources.counting import count
from traybackup.sources.files import PATH_LIMIT, READ, Handles, PlainFiles, unreadable
from traybackup.sources.metadata import Describer
from traybackup.sources.scratch import SCRATCH_PREFIX, Scratch
from traybackup.sources.selection import CACHE_SIGNATURE, CACHE_TAG, Rules
from traybackup.sources.sqlite import Databases
from traybackup.sources.sqlite_copy import HEADER, SIBLINGS, is_database

AnyPath = bytes | str | os.PathLike[str] | os.PathLike[bytes]
Listing = list[tuple[bytes, os.DirEntry[str]]]

_ENCODING, _ERRORS = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()


class FolderSource(Source):
    """Folders and files of this computer. `children` is called by one thread; opening is safe from several."""

    def __init__(
        self,
        paths: Sequence[AnyPath],
        selection: Selection | None = None,
        *,
        work_dir: Path,
        avoid: Sequence[AnyPath] = (),
        deadline: float = 30.0,
        cancel: Cancel | None = None,
    ) -> None:
        """Look whether everything is there.

        Args:
            paths: What to save; relative ones start at the current folder.
            work_dir: Where copies of databases may be made, in a folder of their own that is removed by `close`.
            avoid: What is never saved: the place that is saved to, and this program's own files.
            deadline: Seconds to go on trying to get a consistent copy of a database that is in use.
            cancel: Ends the copying of databases early; everything else ends where it is listed or opened.

        Raises:
            SourceMissing: One of *paths* is not there.
            SourceUnreadable: One of them cannot even be looked at.
            SourceIsPlace: One of them is in *avoid* or lies below it.
            PatternInvalid: The selection has a pattern that is none.
        """
        self.findings = []
        self._selection = selection or Selection()
        self._rules = Rules(self._selection.exclude) if self._selection.exclude else None
        self._markers = {os.fsencode(name) for name in self._selection.exclude_if_present}
        self._scratch = Scratch(work_dir)
        self._avoided = _Avoided(avoid)
        self._tops = sorted({os.path.abspath(os.fsencode(path)) for path in paths})
        self._devices = {top: self._look_at(top) for top in self._tops}
        self._ways: dict[bytes, set[bytes]] = {}
        for top in self._tops:
            self._lay_way(top)
        self._only_ways = {way for way in self._ways if self._top_of(way) is None}
        self._describer = Describer(self.findings)
        self._handles = Handles(self._tops)
        self._files = PlainFiles(self._handles, self._describer, self.findings)
        self._databases = Databases(
            self._scratch, self._handles, self._files, self._describer, deadline=deadline, cancel=cancel or Cancel()
        )
        self._unreachable: dict[bytes, OSError] = {}

    @property
    def paths(self) -> Sequence[str]:
        return [os.fsdecode(top) for top in self._tops]

    def root(self) -> Item:
        return self._way_item(b"", b"/")

    def children(self, directory: Item) -> Sequence[Item]:
        path = directory.path
        if path in self._only_ways or self._is_foreign(directory):
            return self._leading_on(path)
        try:
            handle = self._handles.directory(directory)
            try:
                with os.scandir(handle) as entries:
                    listing = sorted([(entry.name.encode(_ENCODING, _ERRORS), entry) for entry in entries])
                beside = [name for name, _ in listing if name.endswith(SIBLINGS)]
                if self._markers or self._selection.exclude_caches:
                    listing = self._unmarked(listing, handle)
                if self._rules:
                    listing = self._selected(listing, path, self._rules)
                items = self._items(listing, path, handle)
                if beside:
                    self._databases.look_beside(items, beside, handle)
                return items
            finally:
                os.close(handle)
        except FileNotFoundError:
            if path in self._devices:
                raise SourceMissing(path=os.fsdecode(path)) from None
            return []  # vanished since it was listed, which is no fault
        except OSError as error:
            raise unreadable(path, error) from error

    def count(self) -> Iterator[tuple[int, int]]:
        outermost = [top for top in self._tops if top == b"/" or self._top_of(os.path.dirname(top)) is None]
        return count(outermost, self._countable)

    def open(self, item: Item) -> Content:
        if item.path in self._unreachable:
            raise unreadable(item.path, self._unreachable[item.path])
        if (put_aside := self._databases.open_put_aside(item)) is not None:
            return put_aside
        self._databases.wait_until_free(item.metadata)
        handle, status = self._handles.regular(item)
        try:
            head = os.pread(handle, HEADER, 0)
        except OSError as error:
            os.close(handle)
            raise unreadable(item.path, error) from error
        if is_database(head):
            os.close(handle)
            return self._databases.open(item, head)
        return self._files.open(item, handle, status)

    def read_small(self, item: Item, limit: int) -> bytes | None:
        copying = self._databases.copying
        if copying and (item.metadata.device_id, item.metadata.inode) in copying:
            return None
        return self._handles.small(item, limit)

    def wanted(self, item: Item) -> bool:
        return not self._databases.left_out(item.path)

    def close(self) -> None:
        self._databases.close()
        self._scratch.close()

    # -- the paths that were named, and those that lead to them ------------------------------------------------------

    def _look_at(self, top: bytes) -> int:
        """Return the device of *top*, or say why it cannot be saved."""
        if (avoided := self._avoided.above(top)) is not None:
            raise SourceIsPlace(path=os.fsdecode(top), place=os.fsdecode(avoided))
        try:
            status = os.lstat(top)
            if os.path.islink(top):
                self.findings.append(Finding("source-is-link", top, os.fsdecode(os.readlink(top))))
        except (FileNotFoundError, NotADirectoryError):
            raise SourceMissing(path=os.fsdecode(top)) from None
        except OSError as error:
            raise unreadable(top, error) from error
        return status.st_dev

    def _lay_way(self, top: bytes) -> None:
        folder, name = os.path.split(top)
        while name:
            self._ways.setdefault(folder, set()).add(name)
            folder, name = os.path.split(folder)

    def _top_of(self, path: bytes) -> bytes | None:
        """Return the nearest top that is *path* or lies above it."""
        while path not in self._devices:
            above = os.path.dirname(path)
            if above == path:
                return None
            path = above
        return path

    def _is_foreign(self, directory: Item) -> bool:
        """Say whether another file system is mounted there and must not be entered."""
        if not self._selection.one_file_system:
            return False
        top = self._top_of(directory.path)
        return top is not None and directory.metadata.device_id != self._devices[top]

    def _leading_on(self, way: bytes) -> Sequence[Item]:
        """Return those entries of a way that lead to a top, or are one."""
        items = [self._way_item(name, os.path.join(way, name)) for name in sorted(self._ways.get(way, ()))]
        self._only_ways.update(item.path for item in items if item.path not in self._devices)
        return items

    def _way_item(self, name: bytes, path: bytes) -> Item:
        try:
            if path not in self._devices:
                return Item(name, path, self._describer.describe(os.stat(path)))
            found = self._describer.describe(os.lstat(path))
            if found.kind is Kind.SYMLINK:
                found.link_target = os.readlink(path)
            self._describer.add_xattrs(path, path, found)
        except (FileNotFoundError, NotADirectoryError):
            raise SourceMissing(path=os.fsdecode(path)) from None
        except OSError as error:
            raise unreadable(path, error) from error
        return Item(name, path, found)

    # -- listing a folder --------------------------------------------------------------------------------------------

    def _items(self, listing: Listing, folder: bytes, handle: int) -> Sequence[Item]:
        """Return the items of *listing*. This is the hot path: 100,000 files should cost half a second."""
        prefix = folder if folder.endswith(b"/") else folder + b"/"
        limit = self._selection.exclude_larger_than
        describe, add_xattrs = self._describer.describe, self._describer.add_xattrs
        avoided = self._avoided.inodes
        items = []
        for name, entry in listing:
            path = prefix + name
            try:
                found = describe(entry.stat(follow_symlinks=False))
                kind = found.kind
                if kind is Kind.SYMLINK:
                    found.link_target = os.readlink(name, dir_fd=handle)
            except FileNotFoundError:
                continue  # vanished, which is no fault
            except OSError as error:
                self._unreachable[path] = error
                found = Metadata(Kind.FILE)  # whoever opens it is told
                items.append(Item(name, path, found))
                continue
            if kind is Kind.SOCKET or (limit is not None and found.size > limit and path not in self._devices):
                continue
            if (found.inode in avoided or kind is Kind.DIRECTORY) and self._avoided.is_one(path, found):
                self.findings.append(Finding("left-out-own-data", path))
                continue
            if kind is Kind.DIRECTORY and name.startswith(SCRATCH_PREFIX) and self._scratch.is_one(path):
                continue
            add_xattrs(path, path if len(path) < PATH_LIMIT else b"/proc/self/fd/%d/%b" % (handle, name), found)
            items.append(Item(name, path, found))
        return items

    def _selected(self, listing: Listing, folder: bytes, rules: Rules) -> Listing:
        """Return *listing* without what the patterns leave out, but with what leads to a top."""
        shown = os.fsdecode(folder).strip("/")
        shown = f"{shown}/" if shown else ""
        kept = []
        for name, entry in listing:
            if rules.leave_out(entry.name, shown, directory=entry.is_dir(follow_symlinks=False)):
                path = os.path.join(folder, name)
                if path in self._ways and path not in self._devices:
                    self._only_ways.add(path)
                elif path not in self._devices:
                    continue
            kept.append((name, entry))
        return kept

    def _countable(self, folder: str, entries: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
        """Return those of *entries* that will be listed, without looking closer than a name tells."""
        marks = {os.fsdecode(name) for name in self._markers}
        if self._selection.exclude_caches:
            marks.add(os.fsdecode(CACHE_TAG))
        if marks and any(entry.name in marks for entry in entries):
            return [entry for entry in entries if entry.name in marks]
        if self._rules is not None:
            shown = folder.strip("/") + "/" if folder != "/" else ""
            rules = self._rules
            entries = [
                e for e in entries if not rules.leave_out(e.name, shown, directory=e.is_dir(follow_symlinks=False))
            ]
        if self._selection.one_file_system:
            devices = set(self._devices.values())
            entries = [e for e in entries if not e.is_dir(follow_symlinks=False) or os.lstat(e).st_dev in devices]
        return [entry for entry in entries if entry.inode() not in self._avoided.inodes]

    def _unmarked(self, listing: Listing, handle: int) -> Listing:
        """Return *listing*, or only the marks themselves if there are marks that say to leave the rest out."""
        marks = [(name, entry) for name, entry in listing if name in self._markers]
        if self._selection.exclude_caches:
            marks += [(name, entry) for name, entry in listing if name == CACHE_TAG and _is_cache_tag(handle)]
        return sorted(dict(marks).items()) if marks else listing


def _is_cache_tag(folder: int) -> bool:
    """Say whether the ``CACHEDIR.TAG`` in *folder* is one."""
    try:
        handle = os.open(CACHE_TAG, READ, dir_fd=folder)
    except OSError:
        return False
    try:
        return os.pread(handle, len(CACHE_SIGNATURE), 0) == CACHE_SIGNATURE
    except OSError:  # a folder or a pipe of that name
        return False
    finally:
        os.close(handle)


class _Avoided:
    """What is never saved. Known by path and, whatever way leads there, by device and inode.

    Attributes:
        inodes: So that only an item with one of these numbers has to be looked at closely.
    """

    def __init__(self, paths: Sequence[AnyPath]) -> None:
        self._paths = {os.path.abspath(os.fsencode(path)) for path in paths}
        self._paths |= {os.path.realpath(path) for path in self._paths}
        self._ids = set()
        for path in self._paths:
            try:
                status = os.stat(path)
            except OSError:
                continue  # not there yet; its path is enough then
            self._ids.add((status.st_dev, status.st_ino))
        self.inodes = {inode for _, inode in self._ids}

    def is_one(self, path: bytes, found: Metadata) -> bool:
        return path in self._paths or (found.device_id, found.inode) in self._ids

    def above(self, path: bytes) -> bytes | None:
        """Return what is avoided and is *path* or lies above it."""
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        for avoided in self._paths:
            for candidate in (path, real):
                if candidate == avoided or candidate.startswith(avoided.rstrip(b"/") + b"/"):
                    return avoided
        return None
