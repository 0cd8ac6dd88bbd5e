"""Upload: content to Dropbox, in one request as long as the line holds, else in a session that goes on after every cut.

An *Attempt* is one object on its way. It keeps its session when the line breaks, so that whoever tries again goes on
where it ended, and an object that arrived although its answer was lost is recognised by its hash. Content may flow side
by side; a *Lane* lets one request after the other become a file, because Dropbox refuses several at once. The request
that makes the file waits for its turn with its last bytes in hand.
Source: https://developers.dropbox.com/dbx-performance-guide and
https://www.dropbox.com/developers/documentation/http/documentation#files-upload_session-start.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from dropbox.content_hash import DropboxContentHasher  # type: ignore[import-untyped]  # it comes without types

from traybackup.api import AlreadyExists, NotTheService, Offline, Payload, StoreDamaged
from traybackup_dropbox.answers import Refused
from traybackup_dropbox.body import Body
from traybackup_dropbox.service import Commit, Content, File, Service
from traybackup_dropbox.usage import Usage

PIECE = 24 << 20
"""Bytes in one request, more than a pack has: as long as the line holds, an object is one call."""

PIECE_AFTER_CUT = 2 << 20
"""All that a further cut can cost, even if the service keeps nothing of it."""

_PAUSES = (0.0, 0.2, 0.5, 1.0, 1.0, 1.0, 1.0)
"""Seconds before each further try that follows one without progress."""

_MOST_SESSIONS = 3


class _Hasher(Protocol):
    """As in hashlib, as far as it is used."""

    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> "_Hasher": ...


class Hash:
    """The hash of what went to the line, each byte once, however often it was sent."""

    def __init__(self) -> None:
        self._hasher: _Hasher = DropboxContentHasher()
        self.size = 0

    def see(self, offset: int, piece: bytes) -> None:
        """Take the bytes from *offset* on, as far as they are new."""
        if offset <= self.size < offset + len(piece):
            self._hasher.update(piece[self.size - offset :])
            self.size = offset + len(piece)

    @property
    def text(self) -> str:
        """As a Store tells it."""
        return f"dropbox:{self._hasher.copy().hexdigest()}"


@dataclass(slots=True)
class Attempt:
    """One object on its way.

    Attributes:
        content: Size and hash of the payload that it is for.
        session: Where to go on; empty: nothing has begun.
        arrived: How many bytes the session has; None: to be asked.
        broken: A request that makes the file has broken after all was sent: it may have arrived.
        hash: Of what was sent, which is all of it if *broken*.
    """

    commit: Commit
    content: tuple[int, bytes]
    session: str = field(default="", repr=False)
    arrived: int | None = None
    broken: bool = False
    hash: Hash = field(default_factory=Hash, repr=False)


class Lane:
    """Lets one after the other make a change. Safe from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[Callable[[], None]]:
        """Yield a function that waits for this one's turn, which is over with the block."""
        held: list[bool] = []

        def take() -> None:
            if not held:
                self._lock.acquire()
                held.append(True)

        try:
            yield take
        finally:
            if held:
                self._lock.release()


class Uploader:
    """Sends payloads.

    Args:
        pause: Sleeps some seconds.
    """

    def __init__(self, service: Service, lane: Lane, usage: Usage, pause: Callable[[float], object]) -> None:
        self._service, self._lane, self._usage, self._pause = service, lane, usage, pause
        self.piece = PIECE

    def send(self, attempt: Attempt, payload: Payload) -> File:
        """Send the payload and return the file.

        Raises:
            AlreadyExists: The name is taken.
            StoreDamaged: It is longer or shorter than it says, or something else arrived; then it is gone again.
            StoreError: It failed; *attempt* knows how to go on.
        """
        found = _Sending(self, attempt, payload).run()
        if found.size == payload.size and found.checksum in (None, attempt.hash.text):
            self.piece = min(self.piece * 2, PIECE)
            return found
        self._service.delete(attempt.commit.path, found.rev or None)
        raise StoreDamaged

    def take_back(self, attempt: Attempt) -> None:
        """Delete what was never told as put, if it has arrived all the same."""
        if attempt.broken and not attempt.commit.overwrite:
            found = self.look(attempt)
            if found is not None:
                self._service.delete(found.path, found.rev)

    # One request each, for `_Sending`

    def at_once(self, attempt: Attempt, payload: Payload) -> File:
        """Send all of it in the request that makes the file."""
        with self._lane.turn() as take, self._bodies(attempt, payload, take) as body_of:
            try:
                return self._service.upload(body_of(0, payload.size), attempt.commit)
            except Offline:
                attempt.broken |= attempt.hash.size == payload.size
                raise

    def begin(self, attempt: Attempt, payload: Payload) -> None:
        """Begin a session with the first piece."""
        end = min(self.piece, payload.size)
        with self._bodies(attempt, payload) as body_of:
            attempt.session = self._service.begin(body_of(0, end))
        attempt.arrived = end

    def go_on(self, attempt: Attempt, payload: Payload, offset: int) -> None:
        """Send the next piece of a session."""
        end = min(offset + self.piece, payload.size)
        with self._bodies(attempt, payload) as body_of:
            self._service.append(attempt.session, offset, body_of(offset, end))
        attempt.arrived = end

    def ask(self, attempt: Attempt) -> None:
        """Ask how many bytes a session has, by sending none."""
        self._service.append(attempt.session, attempt.hash.size, lambda: b"")
        attempt.arrived = attempt.hash.size

    def finish(self, attempt: Attempt) -> File:
        """Make the file."""
        with self._lane.turn() as take:
            take()
            try:
                return self._service.finish(attempt.session, attempt.content[0], attempt.commit)
            except Offline:
                attempt.broken = True
                raise

    def look(self, attempt: Attempt) -> File | None:
        """Return the file if it has arrived although its answer was lost."""
        found = self._service.metadata(attempt.commit.path)
        same = found is not None and (found.size, found.checksum) == (attempt.content[0], attempt.hash.text)
        return found if same else None

    def cut(self) -> None:
        """Send less at once: the line does not hold."""
        self.piece = PIECE_AFTER_CUT

    def wait(self, stuck: int) -> bool:
        """Wait before trying again; return whether that makes sense."""
        if stuck >= len(_PAUSES):
            return False
        self._pause(_PAUSES[stuck])
        return True

    @contextmanager
    def _bodies(
        self, attempt: Attempt, payload: Payload, last: Callable[[], object] = lambda: None
    ) -> Iterator[Callable[[int, int], Content]]:
        """Yield a function that says how to make a body; all made are closed at the end, and their errors raised."""
        made: list[Body] = []

        def see(offset: int, piece: bytes) -> None:
            self._usage.count_sent(len(piece))
            attempt.hash.see(offset, piece)

        def make(offset: int, end: int) -> bytes | Body:
            made.append(Body(payload, offset, end, seen=see, last=last))
            return made[-1] if len(made[-1]) else made[-1].drain()  # none would go out as if its length was unknown

        try:
            yield lambda offset, end: lambda: make(offset, end)
        finally:
            for body in made:
                body.close()
            failed = next((body.failed for body in made if body.failed), None)
            if failed is not None:
                raise failed


class _Sending:
    """One payload: step by step, until it is a file."""

    def __init__(self, uploader: Uploader, attempt: Attempt, payload: Payload) -> None:
        self._uploader, self._attempt, self._payload = uploader, attempt, payload
        self._look = attempt.broken
        self._furthest = attempt.arrived or 0
        self._stuck = self._sessions = 0
        attempt.arrived = None

    def run(self) -> File:
        while True:
            try:
                found = self._step()
            except NotTheService:
                raise
            except Offline:
                if not self._is_worth_it or not self._uploader.wait(self._stuck):
                    raise
                self._uploader.cut()
                self._attempt.arrived = None
                self._look = self._attempt.broken
                self._stuck += 1
                continue
            if found is not None:
                return found
            if (self._attempt.arrived or 0) > self._furthest:
                self._furthest, self._stuck = self._attempt.arrived or 0, 0

    @property
    def _is_worth_it(self) -> bool:
        """Whether going on from here saves sending anything again; else whoever asked may ask again."""
        return bool(self._attempt.session) or self._payload.size > PIECE_AFTER_CUT

    def _step(self) -> File | None:
        """Do the next thing; return the file when it is there."""
        attempt, payload, uploader = self._attempt, self._payload, self._uploader
        if self._look:
            found = uploader.look(attempt)
            self._look = False
            if found is not None:
                return found
        try:
            if not attempt.session and payload.size <= uploader.piece:
                return uploader.at_once(attempt, payload)
            if not attempt.session:
                self._begin()
            elif attempt.arrived is None:
                uploader.ask(attempt)
            elif attempt.arrived < payload.size:
                uploader.go_on(attempt, payload, attempt.arrived)
            else:
                return uploader.finish(attempt)
        except Refused as refused:
            return self._refused(refused)
        return None

    def _begin(self) -> None:
        if self._sessions == _MOST_SESSIONS:
            raise Offline
        self._uploader.begin(self._attempt, self._payload)
        self._sessions += 1

    def _refused(self, refused: Refused) -> File | None:
        """Go on from what the service says; return the file if it is there already."""
        offset = refused.correct_offset
        if offset is not None:
            if not 0 <= offset <= self._payload.size:
                raise NotTheService from refused
            self._stuck += 1  # a service that corrects itself for ever is not fed for ever
            if self._stuck > len(_PAUSES):
                raise Offline from refused
            self._attempt.arrived = offset
            return None
        taken = refused.why[-2:] == ("conflict", "file")
        over = bool(self._attempt.session) and ("closed" in refused.why or refused.is_missing)
        if (taken or over) and self._attempt.broken:
            found = self._uploader.look(self._attempt)
            if found is not None:
                return found
        if taken:
            raise AlreadyExists from refused
        if not over:
            raise refused
        self._attempt.session, self._attempt.arrived = "", None
        return None
