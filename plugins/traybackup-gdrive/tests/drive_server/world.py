"""World: accounts, clients, tokens and files, the clock, and what a test wants to happen."""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from drive_server.faults import Fault
from drive_server.messages import Refused, not_found

FOLDER = "application/vnd.google-apps.folder"
SCOPE = "https://www.googleapis.com/auth/drive.file"
TOP = "0AtopOfMyDriveUk9PVA"
_TESTING_DAYS = 7
_ID = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"


@dataclass(slots=True)
class Stored:
    """One file or folder.

    Attributes:
        content: None for a folder.
        md5, sha256: As computed when it arrived.
        client: Who made it; with the scope drive.file nobody else sees it.
        listed_from: The number of the list call from which on listings show it.
    """

    id: str
    name: str
    kind: str
    parent: str
    client: str
    created: int
    content: bytes | None = None
    md5: str = ""
    sha256: str = ""
    trashed: bool = False
    listed_from: int = 0

    @property
    def created_text(self) -> str:
        moment = datetime.fromtimestamp(self.created / 1000, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.created % 1000:03d}Z"


@dataclass(slots=True)
class Account:
    """A Google account with its Drive."""

    email: str
    sub: str
    limit: int | None = 15 << 30
    files: dict[str, Stored] = field(default_factory=dict)
    issued: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    @property
    def usage(self) -> int:
        return sum(len(one.content or b"") for one in self.files.values())


@dataclass(slots=True)
class Client:
    """A registered desktop client. Without *drive_on* its project has Drive's API switched off."""

    id: str
    secret: str
    testing: bool = False
    drive_on: bool = True


@dataclass(slots=True)
class Grant:
    """A sign-in: what a refresh token stands for."""

    account: Account
    client: Client
    scopes: frozenset[str]
    since: float
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call of Drive's API, as it was answered."""

    method: str
    status: int
    target: str


class World:
    """What the server knows. One lock guards it; tests may change it between calls.

    Attributes:
        policy: What the owner does in the browser: accept, cancel, untick, hang, ask (shows a page to click on).
        chosen: Whom he signs in as; None: the first account.
        lifetime: Seconds an access token lives.
        page_cap: Most files on a page of a listing, whatever was asked for.
        hide_new_for: For how many list calls a new file stays out of listings.
        keep_of_cut: What remains of a piece whose upload was cut: whole multiples of so many bytes; 0: nothing.
        cut_marks: Bytes of content received, in all, after which the line is cut, each once.
        kinds_known: Whether a listing may ask for types other than one; the real one can.
        skew: Seconds by which the server's clock, as it tells it, is ahead.
        hosts: Every ``Host`` that was called.
        received: Bytes of content that arrived, those of cut calls included.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.accounts = [Account("owner@shop.example", "10001"), Account("other@shop.example", "10002")]
        self.clients = {
            one.id: one
            for one in (
                Client("traybackup.apps.googleusercontent.com", "GOCSPX-traybackup"),
                Client("own.apps.googleusercontent.com", "GOCSPX-own", testing=True),
            )
        }
        self.policy = "accept"
        self.chosen: Account | None = None
        self.lifetime = 3599
        self.page_cap = 1000
        self.hide_new_for = 0
        self.keep_of_cut = 256 << 10
        self.cut_marks: list[int] = []
        self.kinds_known = True
        self.skew = 0.0
        self.faults: list[Fault] = []
        self.calls: list[Call] = []
        self.hosts: set[str] = set()
        self.oauth_calls: list[str] = []
        self.received = 0
        self.lists = 0
        self.codes: dict[str, tuple[Grant, dict[str, str]]] = {}
        self.refresh_tokens: dict[str, Grant] = {}
        self.access_tokens: dict[str, tuple[Grant, float]] = {}
        self._later = 0.0
        self._random = random.Random(20_261_120)
        self._last_created = 0

    # Time and chance

    def now(self) -> float:
        """Return the seconds since 1970 in this world."""
        return time.time() + self._later

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._later += seconds

    def created(self) -> int:
        """Return the time for a new file, in milliseconds; no two files get the same."""
        self._last_created = max(int(self.now() * 1000), self._last_created + 1)
        return self._last_created

    def word(self, length: int) -> str:
        """Return something that looks like an id or a token."""
        return "".join(self._random.choices(_ID, k=length))

    # Who asks

    def granted(self, token: str) -> Grant:
        """Return what an access token stands for, or refuse."""
        grant, until = self.access_tokens.get(token, (None, 0.0))
        if grant is None or grant.revoked or until <= self.now():
            raise Refused(401, "authError", "Invalid Credentials", location="Authorization", locationType="header")
        if not grant.client.drive_on:
            raise Refused(403, "accessNotConfigured", "Google Drive API has not been used in project 1 before")
        if SCOPE not in grant.scopes:
            raise Refused(403, "insufficientPermissions", "Insufficient Permission")
        return grant

    def is_over(self, grant: Grant) -> bool:
        """Say whether a refresh token has died."""
        return grant.revoked or (grant.client.testing and self.now() - grant.since > _TESTING_DAYS * 86_400)

    # Files

    def seen(self, grant: Grant) -> Iterator[Stored]:
        """Yield the files that a client can see."""
        return (one for one in grant.account.files.values() if one.client == grant.client.id)

    def file(self, grant: Grant, file_id: str) -> Stored:
        """Return a file that the client can see, or refuse."""
        found = grant.account.files.get(file_id)
        if found is None or found.client != grant.client.id:
            raise not_found(file_id)
        return found

    def is_trashed(self, grant: Grant, file: Stored) -> bool:
        """Say whether a file or a folder above it is in the trash."""
        at: Stored | None = file
        while at is not None:
            if at.trashed:
                return True
            at = grant.account.files.get(at.parent)
        return False

    def remove(self, account: Account, file: Stored) -> None:
        """Delete a file, or a folder with all that is in it."""
        for child in [one for one in account.files.values() if one.parent == file.id]:
            self.remove(account, child)
        account.files.pop(file.id, None)

    # For tests

    def tree(self, account: Account | None = None) -> dict[str, bytes]:
        """Return path and content of every file that is not in the trash; of several of one name, the path repeats."""
        account = account or self.accounts[0]
        grant = Grant(account, next(iter(self.clients.values())), frozenset(), 0)
        found: dict[str, bytes] = {}
        for file in account.files.values():
            if file.content is not None and not self.is_trashed(grant, file):
                path = self.path(account, file)
                for number in itertools.count():
                    key = f"{path}#{number}" if number else path
                    if key not in found:
                        found[key] = file.content
                        break
        return found

    def path(self, account: Account, file: Stored) -> str:
        """Return the path of a file from the top."""
        above = account.files.get(file.parent)
        return f"{self.path(account, above)}/{file.name}" if above else file.name

    def folders(self, account: Account | None = None) -> list[str]:
        """Return the path of every folder that is not in the trash, sorted; two of one name are there twice."""
        account = account or self.accounts[0]
        grant = Grant(account, next(iter(self.clients.values())), frozenset(), 0)
        found = [one for one in account.files.values() if one.kind == FOLDER and not self.is_trashed(grant, one)]
        return sorted(self.path(account, one) for one in found)

    def named(self, name: str) -> list[Stored]:
        """Return every file of that name of the first account."""
        return [one for one in self.accounts[0].files.values() if one.name == name]

    def forget(self) -> None:
        """Make every client blind for what it has stored, as Google sometimes does."""
        for account in self.accounts:
            for file in account.files.values():
                file.client = "forgotten"

    def revoke_all(self) -> None:
        """End every sign-in."""
        for grant in self.refresh_tokens.values():
            grant.revoked = True

    def count(self, *methods: str) -> int:
        """Return how many calls of Drive's API there were, of all methods or of those named."""
        return sum(not methods or call.method in methods for call in self.calls)
