"""Finisher: what is done to items besides writing the content of files, and how it is told.

Further names of files, symlinks, FIFOs and devices, the metadata of directories once nothing in them changes any more.
"""

import os

from traybackup.api.progress import Progress
from traybackup.api.source import Kind, Metadata
from traybackup.engine.batch import Failed, Original, Restored
from traybackup.engine.filesystem import Folder, Identity, is_kind
from traybackup.engine.filewriter import FileWriter
from traybackup.engine.inodes import set_metadata, set_special_metadata
from traybackup.engine.placing import Directory, Folders, Overwrite, Verdict, publish
from traybackup.engine.tree import Node


class Finisher:
    """Finishes the items of one restore and notes what became of them."""

    def __init__(
        self,
        folders: Folders,
        writer: FileWriter,
        policy: Overwrite,
        us: Identity,
        restored: Restored,
        progress: Progress,
    ) -> None:
        self._folders, self._writer, self._policy, self._us = folders, writer, policy, us
        self._restored, self._progress = restored, progress

    def again(self, directory: Directory, name: bytes, metadata: Metadata) -> None:
        """Set the metadata of a file whose content is right already, where the owner lets us change files."""
        if self._policy is Overwrite.NEVER:
            return
        try:
            fd = self._folders[directory].read(name)
        except OSError:
            self._restored.unset["mode"] += 1
            return
        try:
            self._restored.unset.update(set_metadata(fd, metadata, self._us))
        except OSError as error:
            self.failed(directory.path + b"/" + name, error)
        finally:
            os.close(fd)

    def link(self, directory: Directory, name: bytes, node: Node, original: Original, verdict: Verdict) -> bool:
        """Give a file its further name; false if it has to become a file of its own."""
        path = directory.path + b"/" + node.name
        temporary = self._writer.temporary()
        try:
            folder = self._folders[directory]
            if original.found is None:
                return False
            folder.link(temporary, self._folders[original.directory], original.name)
        except OSError:
            return False  # no hard links there, too many, or somebody is moving things
        try:
            there = folder.look(temporary)
            # a number is given again once a file is gone, so kind and size have to be right as well
            if there is None or not is_kind(there, Kind.FILE) or (there.st_ino, there.st_size) != original.found:
                folder.remove(temporary)
                return False
            self._publish(folder, temporary, name, verdict, path)
        except OSError as error:
            self.failed(path, error)
            folder.remove(temporary)
            return True
        self._restored.files += 1
        self._progress.item(path, "restored", 0)
        return True

    def special(self, directory: Directory, name: bytes, node: Node, verdict: Verdict) -> None:
        """Make a symlink, FIFO or device."""
        path = directory.path + b"/" + node.name
        temporary = self._writer.temporary()
        try:
            folder = self._folders[directory]
            folder.make_special(temporary, node.metadata)
            try:
                self._restored.unset.update(set_special_metadata(folder, temporary, node.metadata, self._us))
                self._publish(folder, temporary, name, verdict, path)
            except BaseException:
                folder.remove(temporary)
                raise
        except OSError as error:
            self.failed(path, error)
            return
        self._restored.others += 1
        self._progress.item(path, "restored", 0)

    def _publish(self, folder: Folder, temporary: bytes, name: bytes, verdict: Verdict, path: bytes) -> None:
        aside = publish(folder, temporary, name, verdict, self._policy)
        if aside:
            self._restored.aside.append((path, aside))

    def close(self, directory: Directory) -> None:
        """Give a directory its metadata, now that nothing in it changes any more."""
        if directory.metadata is not None:
            try:
                self._restored.unset.update(set_metadata(self._folders[directory].fd, directory.metadata, self._us))
            except OSError as error:
                self.failed(directory.path, error)
        self._folders.forget(directory)

    def skip(self, path: bytes, size: int) -> None:
        """Note an item that was there already."""
        self._restored.skipped += 1
        self._restored.skipped_size += size
        self._progress.advance(size)
        self._progress.item(path, "unchanged", size)

    def failed(self, path: bytes, error: OSError) -> None:
        """Note an item that the target does not take; a target that takes nothing any more ends the restore."""
        self.fail(path, self._writer.reason(error))

    def fail(self, path: bytes, reason: str) -> None:
        """Note an item that could not be brought back."""
        self._restored.failed.append(Failed(path, reason))
        self._progress.trouble(path, reason)
        self._progress.item(path, "failed", 0)
