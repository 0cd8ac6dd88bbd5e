"""World: accounts, apps, tokens and files, the clock, and what a test wants to happen."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dropbox_server.faults import Fault
from dropbox_server.messages import Refused, Reply, refused

SCOPES = frozenset({"account_info.read", "files.metadata.read", "files.content.read", "files.content.write"})
PORTS = (53_781, 53_782, 53_783)
_ID = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"


@dataclass(slots=True)
class Stored:
    """One file or folder.

    Attributes:
        path: As it was written.
        content: None for a folder.
        hash: Dropbox's content hash, as computed when it arrived.
    """

    path: str
    id: str
    rev: str = ""
    content: bytes | None = None
    hash: str = ""
    modified: float = 0.0


@dataclass(slots=True)
class Place:
    """The folder of one app in one account. Keys are paths in small letters.

    Attributes:
        journal: The keys of all that was changed, in order.
    """

    files: dict[str, Stored] = field(default_factory=dict)
    deleted: dict[str, Stored] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)

    def add(self, stored: Stored) -> None:
        """Put something at its path."""
        key = stored.path.lower()
        self.files[key] = stored
        self.deleted.pop(key, None)
        self.journal.append(key)

    def remove(self, key: str) -> None:
        """Delete what is at a path, with all that is below it."""
        for one in [one for one in self.files if one == key or one.startswith(f"{key}/")]:
            self.deleted[one] = self.files.pop(one)
            self.journal.append(one)


@dataclass(slots=True)
class Cursor:
    """How far a listing has come: what of it is still to be told, and where in the journal there may be more."""

    left: list[dict[str, object]]
    place: Place
    start: str
    since: int


@dataclass(slots=True)
class Account:
    """A Dropbox account."""

    email: str
    id: str
    limit: int | None = 2 << 30
    team: bool = False
    places: dict[str, Place] = field(default_factory=dict)

    @property
    def usage(self) -> int:
        return sum(len(one.content or b"") for place in self.places.values() for one in place.files.values())


@dataclass(slots=True)
class App:
    """A registered app with access to its own folder."""

    key: str
    redirects: frozenset[str] = frozenset(f"http://localhost:{port}/" for port in PORTS)
    scopes: frozenset[str] = SCOPES


@dataclass(slots=True)
class Grant:
    """A sign-in: what a refresh token stands for."""

    account: Account
    app: App
    scopes: frozenset[str]
    revoked: bool = False

    @property
    def place(self) -> Place:
        return self.account.places.setdefault(self.app.key, Place())


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as it was answered."""

    method: str
    status: int


class World:
    """What the server knows. One lock guards it; tests may change it between calls.

    Attributes:
        policy: What the owner does in the browser: accept, cancel, less (grants less than asked), hang, ask (shows a
            page to click on).
        chosen: Whom he signs in as; None: the first account.
        lifetime: Seconds an access token lives.
        page_cap: Most entries on a page of a listing, whatever was asked for.
        keep_of_cut: What remains of a piece whose upload was cut: whole multiples of so many bytes; 0: nothing.
        cut_marks: Bytes of content received, in all, after which the line is cut, each once.
        commit_seconds: How long a change takes; if that is any time, a second one meanwhile is refused.
        skew: Seconds by which the server's clock, as it tells it, is ahead.
        hosts: Every ``Host`` that was called.
        received: Bytes of content that arrived, those of cut calls included.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.accounts = [
            Account("owner@shop.example", "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRoOwner"),
            Account("other@shop.example", "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRoOther"),
        ]
        self.apps = {one.key: one for one in (App("traybackupkey1"), App("ownkey2"))}
        self.policy = "accept"
        self.chosen: Account | None = None
        self.lifetime = 14_400
        self.page_cap = 2000
        self.keep_of_cut = 4 << 20
        self.cut_marks: list[int] = []
        self.commit_seconds = 0.0
        self.skew = 0.0
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.hosts: set[str] = set()
        self.oauth_calls: list[str] = []
        self.received = 0
        self.codes: dict[str, tuple[Grant, dict[str, str]]] = {}
        self.refresh_tokens: dict[str, Grant] = {}
        self.access_tokens: dict[str, tuple[Grant, float]] = {}
        self.cursors: dict[str, Cursor] = {}
        self._committing = threading.Semaphore()
        self._later = 0.0
        self._random = random.Random(20_261_121)
        self._revs = 0x5_0000_0000

    # Time and chance

    def now(self) -> float:
        """Return the seconds since 1970 in this world."""
        return time.time() + self._later

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._later += seconds

    def word(self, length: int) -> str:
        """Return something that looks like an id or a token."""
        return "".join(self._random.choices(_ID, k=length))

    def rev(self) -> str:
        """Return what no content was called before."""
        self._revs += 1
        return f"{self._revs:x}"

    # Who asks

    def granted(self, token: str) -> Grant:
        """Return what an access token stands for, or refuse."""
        grant, until = self.access_tokens.get(token, (None, 0.0))
        if grant is None or grant.revoked:
            raise refused("invalid_access_token", 401)
        if until <= self.now():
            raise refused("expired_access_token", 401)
        return grant

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Make a change. Where that takes time, a second one meanwhile is refused."""
        if not self._committing.acquire(blocking=not self.commit_seconds):
            error = {"reason": {".tag": "too_many_write_operations"}, "retry_after": 1}
            raise Refused(Reply.json({"error_summary": "too_many_write_operations/", "error": error}, 429))
        try:
            if self.commit_seconds:
                time.sleep(self.commit_seconds)
            with self.lock:
                yield
        finally:
            self._committing.release()

    # For tests

    @property
    def place(self) -> Place:
        """The folder of the first app in the first account."""
        return self.accounts[0].places.setdefault(next(iter(self.apps)), Place())

    def tree(self) -> dict[str, bytes]:
        """Return path and content of every file there, without the first slash."""
        return {one.path.strip("/"): one.content for one in self.place.files.values() if one.content is not None}

    def folders(self) -> list[str]:
        """Return the path of every folder there, sorted."""
        return sorted(one.path.strip("/") for one in self.place.files.values() if one.content is None)

    def remove(self, path: str, *, for_good: bool = False) -> None:
        """Delete what is at a path, as its owner may."""
        key = "/" + path.lower().strip("/")
        self.place.remove(key)
        if for_good:
            self.place.deleted.clear()

    def move(self, path: str, to: str) -> None:
        """Move or rename a folder, as its owner may."""
        old, new = "/" + path.strip("/"), "/" + to.strip("/")
        for key in [one for one in self.place.files if one == old.lower() or one.startswith(f"{old.lower()}/")]:
            stored = self.place.files.pop(key)
            stored.path = new + stored.path[len(old) :]
            self.place.journal.append(key)
            self.place.add(stored)

    def revoke_all(self) -> None:
        """End every sign-in."""
        for grant in self.refresh_tokens.values():
            grant.revoked = True

    def count(self, *methods: str) -> int:
        """Return how many calls of the API there were, of all methods or of those named."""
        return sum(not methods or call.method in methods for call in self.calls)
