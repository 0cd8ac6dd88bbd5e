"""Source: what is saved, as a tree of items that stays consistent while it is open.

*Metadata* is what a file system knows about an item besides its content, *Item* is one entry of a directory,
*Content* an opened file or stream, *Source* the tree. Names are bytes, as the file system has them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Self


class Kind(Enum):
    """What an item is; the values are restic's node types."""

    FILE = "file"
    DIRECTORY = "dir"
    SYMLINK = "symlink"
    BLOCK_DEVICE = "dev"
    CHARACTER_DEVICE = "chardev"
    FIFO = "fifo"
    SOCKET = "socket"

    __hash__ = object.__hash__  # the one of enumerations is written in Python, and a run asks for it a million times


@dataclass(slots=True)
class Metadata:
    """Everything about an item but its name and content.

    Attributes:
        mode: Permission, setuid, setgid and sticky bits as in POSIX (no file type).
        modified, accessed, changed: Nanoseconds since 1970, UTC.
        link_target: For a symlink, the bytes it holds.
        device: For a device node, its number (``st_rdev``).
        xattrs: Name and value of each extended attribute.
        generic: Attributes of other systems as restic's ``generic_attributes`` keeps them, JSON values by name.
    """

    kind: Kind
    mode: int = 0o600
    modified: int = 0
    accessed: int = 0
    changed: int = 0
    uid: int = 0
    gid: int = 0
    user: str = ""
    group: str = ""
    inode: int = 0
    device_id: int = 0
    size: int = 0
    links: int = 1
    link_target: bytes = b""
    device: int = 0
    xattrs: tuple[tuple[str, bytes], ...] = ()
    generic: dict[str, object] | None = None


@dataclass(slots=True)
class Item:
    """One entry of a directory.

    Attributes:
        name: As the file system has it; empty for the root.
        path: Where it is on this computer, for messages and for the Source itself.
    """

    name: bytes
    path: bytes
    metadata: Metadata


@dataclass(slots=True)
class Finding:
    """Something worth telling about an item that was saved all the same (or left out on purpose).

    Attributes:
        code: Key of its text, such as ``changed-while-read``, ``sqlite-saved-raw``, ``sqlite-damaged``.
        detail: The system's own word, if any.
    """

    code: str
    path: bytes
    detail: str = ""


class Content(ABC):
    """The bytes of one file, opened.

    Attributes:
        block_size: Cut into blocks of this many bytes because the file is written page by page (a database); None:
            cut by content.
    """

    block_size: int | None = None

    @abstractmethod
    def read(self, size: int) -> bytes:
        """Return up to *size* bytes; empty at the end.

        Raises:
            SourceUnreadable: The rest cannot be read.
        """

    def ready(self) -> bool:
        """Say whether `read` can begin at once: a database's copy may still be under way, with others to read first."""
        return True

    def metadata(self) -> Metadata | None:
        """Return the metadata that belong to the bytes read; None: those of the item as listed.

        Called after the last `read`.
        """
        return None

    def check(self) -> Sequence[Finding]:
        """Check what was read, in a thread of the caller's choice, before `close`.

        One that raises is told as not done; what was read is saved all the same.
        """
        return ()

    @abstractmethod
    def close(self) -> None:
        """Let go of the file; closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Source(ABC):
    """What is saved. Opened by its kind, closed after the run; the tree stays consistent in between.

    Attributes:
        findings: What was noticed on the way; the runner reads it at the end.
    """

    findings: list[Finding]

    @property
    @abstractmethod
    def paths(self) -> Sequence[str]:
        """The paths that name this source in a snapshot, absolute and sorted."""

    @abstractmethod
    def root(self) -> Item:
        """Return the item whose children are the top of the tree."""

    @abstractmethod
    def children(self, directory: Item) -> Sequence[Item]:
        """Return the items of *directory*, sorted by name, without those that are excluded.

        Raises:
            SourceUnreadable: It cannot be listed.
        """

    def count(self) -> Iterator[tuple[int, int]]:
        """Yield numbers of files and of bytes that lie ahead, piece by piece, for people to see how long it will take.

        An estimate. May run in another thread beside everything else, and disturbs nothing. The default knows nothing.
        """
        return iter(())

    def wanted(self, item: Item) -> bool:  # noqa: ARG002 - an optional method of the contract
        """Say at the last moment whether *item* is saved: a database's ``-wal`` is not once its copy succeeded.

        To be asked when every earlier item of the same directory was either opened (`open` has returned) or found
        unchanged and not opened at all.
        """
        return True

    def read_small(self, item: Item, limit: int) -> bytes | None:  # noqa: ARG002 - an optional method of the contract
        """Return all of a plain file of at most *limit* bytes in one call, or None if it wants `open`.

        A short cut for masses of tiny files; raises what `open` raises. The default never takes it.
        """
        return None

    @abstractmethod
    def open(self, item: Item) -> Content:
        """Open a file.

        Raises:
            SourceUnreadable: It cannot be opened.
            FileNotFoundError: It vanished since it was listed, which is no fault.
        """

    def close(self) -> None:
        """Remove what was made for the run (copies of databases); closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Selection:
    """What a folder source leaves out.

    Attributes:
        exclude: Patterns as in gitignore, matched against absolute paths.
        exclude_larger_than: Bytes; None: no limit.
        exclude_caches: Leave out directories with a valid ``CACHEDIR.TAG`` (but keep the tag).
        exclude_if_present: Leave out directories that hold a file of this name.
        one_file_system: Do not descend into other file systems.
    """

    exclude: tuple[str, ...] = ()
    exclude_larger_than: int | None = None
    exclude_caches: bool = False
    exclude_if_present: tuple[str, ...] = ()
    one_file_system: bool = False


@dataclass(slots=True)
class Unreadable:
    """An item that could not be saved; *reason* is the operating system's word."""

    path: bytes
    reason: str


@dataclass(slots=True)
class Report:
    """What a run met in its source besides content."""

    unreadable: list[Unreadable] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
