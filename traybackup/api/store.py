"""Store: an opened place that keeps named, immutable byte objects.

*Provider* is a kind of place, *Store* an opened one, *Entry* what it says about an object, *Payload* what is to be put.
Names are restic's own paths (``config``, ``keys/…``, ``data/3f/3f9a…``): parts of ``[a-z0-9._-]`` joined by ``/``. So a
folder, a stick or a cloud folder is a plain restic repository.

The promise of a Store, which `traybackup.testing.StoreConformance` checks:

* **durable** when `Store.put` returns; a flush that is still owed would be a lie;
* **read-after-write**, from another client too;
* **atomic**: nobody ever sees half an object, whatever happens to the writer;
* **whole reads**: a range that is not wholly inside the object is an error, never a short answer;
* **idempotent**: deleting twice is fine, a retried put leaves one object;
* **safe from threads**: `Capabilities.parallel` calls may run at once.

Retries, pacing, hashing, throttling and verification are the host's work; a Store does none of them.
Source: the promises of restic's internal/backend and kopia's repo/blob, in our words.
"""

import hashlib
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from traybackup.api.errors import InvalidName

_PART = r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[./]|$))[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9_-])?"
"""One part: no device of Windows, and no dot at the end, which FAT drops."""
_NAME = re.compile(rf"{_PART}(?:/{_PART}){{0,7}}")


def check_name(name: str) -> str:
    """Return *name* if it is a legal object name.

    Raises:
        InvalidName: It is not. Checked before any use as a path, so that an id from a hostile index cannot climb out.
    """
    if not _NAME.fullmatch(name):
        raise InvalidName(name=name)
    return name


@dataclass(frozen=True, slots=True)
class Entry:
    """What a Store says about one object.

    Attributes:
        checksum: ``kind:hex`` as the service itself computed it (``sha256:…``, ``md5:…``, ``dropbox:…``); None if it
            computes none.
    """

    name: str
    size: int
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Space:
    """Room at the place; None is unknown or unlimited."""

    total: int | None = None
    free: int | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the host should know to treat the place well.

    Attributes:
        parallel: How many calls may run at once.
        best_object: The object size at which it works best, bytes.
        largest_object: The largest it takes, bytes; None if there is no such limit.
        checksum: The kind of `Entry.checksum` that a put returns; None means the host must read back.
        interval: Seconds that should lie between the beginnings of two calls.
        local: A path of this computer, where calls cost no round trip.
        consistent: A listing shows what any other client has put before, with no delay at all.
    """

    parallel: int = 2
    best_object: int = 16 << 20
    largest_object: int | None = None
    checksum: str | None = None
    local: bool = False
    interval: float = 0.0
    consistent: bool = False


class Payload(ABC):
    """Bytes to be put: they know their size and hash, and can be opened again at any offset so that a put can resume.

    The stream carries progress, throttling and cancelling: a `read` may sleep, and raises
    `traybackup.api.errors.Cancelled` when somebody asked to stop. A Store lets it pass and leaves nothing behind.
    """

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes in all."""

    @property
    @abstractmethod
    def sha256(self) -> bytes:
        """The hash of all of it, 32 bytes."""

    @abstractmethod
    def open(self, offset: int = 0) -> BinaryIO:
        """Return a stream that starts at *offset*; the caller closes it."""


class BytesPayload(Payload):
    """A payload held in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._sha256 = hashlib.sha256(data).digest()

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def sha256(self) -> bytes:
        return self._sha256

    def open(self, offset: int = 0) -> BinaryIO:
        return io.BytesIO(self._data[offset:] if offset else self._data)


class FilePayload(Payload):
    """A payload in a file whose size and hash are known already."""

    def __init__(self, path: Path, size: int, sha256: bytes) -> None:
        self._path = path
        self._size = size
        self._sha256 = sha256

    @property
    def size(self) -> int:
        return self._size

    @property
    def sha256(self) -> bytes:
        return self._sha256

    def open(self, offset: int = 0) -> BinaryIO:
        stream = self._path.open("rb")
        stream.seek(offset)
        return stream


class Store(ABC):
    """An opened place. The module's docstring is its promise; every method may raise a `StoreError`."""

    capabilities: Capabilities = Capabilities()

    @abstractmethod
    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        """Keep *payload* under *name*, durably, before returning.

        Raises:
            AlreadyExists: The name is taken and *overwrite* is false; the old object is untouched.
            StoreFull, StoreReadOnly, AccessDenied, Offline, …: Nothing is visible under *name* that was not before.
        """

    @abstractmethod
    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return *length* bytes of the object, starting at *offset*; without *length*, to the end.

        Raises:
            NotFound: There is no such object.
            StoreDamaged: The range is not wholly inside the object.
        """

    @abstractmethod
    def stat(self, name: str) -> Entry:
        """Return the entry of *name*, or raise `NotFound`."""

    @abstractmethod
    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield every object whose name starts with *prefix*, in any order, all pages."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove the object; fine if there is none."""

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        """Hand the whole object to *consume* piece by piece, as the medium holds it: past every cache of this computer.

        The default reads it by `get`, which is right for places that cache nothing here.
        """
        consume(self.get(name))

    def space(self) -> Space:
        """Return the room there is; the default knows nothing."""
        return Space()

    def discard(self) -> None:
        """Remove the place's own folder and those in it, as far as nothing is in them; never an object.

        The default leaves them: places without folders have none.
        """

    def close(self) -> None:
        """Let go of every handle, so that a drive can be ejected. Closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
