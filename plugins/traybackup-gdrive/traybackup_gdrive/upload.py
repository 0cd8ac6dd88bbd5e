"""Upload: content to Drive, in one request if it is small, else in a session that goes on after every cut.

An *Attempt* is one object on its way. It keeps its id and its session when the line breaks, so that whoever tries
again goes on where it ended, and an object that arrived although its answer was lost is not made twice.
Source: https://developers.google.com/workspace/drive/api/guides/manage-uploads.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple
from uuid import uuid4

from traybackup.api import NotTheService, Offline, Payload, StoreDamaged, StoreError, of_stream
from traybackup_gdrive import answers
from traybackup_gdrive.answers import Answer
from traybackup_gdrive.body import Body
from traybackup_gdrive.drive import FIELDS, Drive, File, IdTaken
from traybackup_gdrive.usage import Usage

SMALL = 5_000_000
"""Bytes up to which Google recommends a single request."""

UNIT = 256 << 10
"""Every piece but the last must be a multiple of this many bytes."""

PIECE = 96 * UNIT
"""24 MiB, more than a pack has: as long as the line holds, a session is two requests."""

PIECE_AFTER_CUT = 8 * UNIT
"""2 MiB: all that a further cut can cost, even if the service keeps nothing of it."""

_PAUSES = (0.0, 0.2, 0.5, 1.0, 1.0, 1.0, 1.0)
"""Seconds before each further try that follows one without progress."""

_RANGE = re.compile(r"bytes=0-([0-9]+)")
_GIVE_UP = (3.0, 3.0)  # time-outs for cleaning up: somebody is waiting
_MOST_SESSIONS = 3


@dataclass(slots=True)
class Attempt:
    """One object on its way.

    Attributes:
        id: The file's, whether it is there or is to be made.
        metadata: What Drive is to know about a new file; None if the content of the file that is there is replaced.
        content: Size and hash of the payload that it is for.
        session: Where to go on; empty: nothing has begun.
    """

    id: str
    metadata: dict[str, object] | None
    content: tuple[int, bytes]
    session: str = field(default="", repr=False)


class _Replaced(NamedTuple):
    """Which request begins an upload."""

    verb: str
    path: str
    method: str


class Uploader:
    """Sends payloads.

    Args:
        pause: Sleeps some seconds.
    """

    def __init__(self, drive: Drive, usage: Usage, pause: Callable[[float], object] = time.sleep) -> None:
        self._drive, self._usage, self._pause = drive, usage, pause

    def send(self, attempt: Attempt, payload: Payload) -> File:
        """Send the payload and return the file.

        Raises:
            StoreDamaged: It is longer or shorter than it says, or something else arrived.
            StoreError: It failed; *attempt* knows how to go on.
        """
        try:
            file = self._send(attempt, payload)
        except IdTaken:
            found = self._drive.metadata(attempt.id)
            if found is None or found.trashed:
                raise
            if is_content(found, payload):
                return found
            attempt.metadata, attempt.session = None, ""
            file = self._send(attempt, payload)
        if file.id != attempt.id:
            raise NotTheService
        if file.size != payload.size:
            raise StoreDamaged
        return file

    def abandon(self, attempt: Attempt) -> None:
        """Drop a session that nobody will go on with; Google would keep it for a week."""
        if attempt.session:
            with suppress(StoreError):
                self._drive.call("files.upload", "DELETE", attempt.session, good=(204, 499), timeouts=_GIVE_UP)
            attempt.session = ""

    def _send(self, attempt: Attempt, payload: Payload) -> File:
        if payload.size <= SMALL and not attempt.session:
            return self._at_once(attempt, payload)
        return _Session(self._drive, self._usage, self._pause, attempt, payload).run()

    def _at_once(self, attempt: Attempt, payload: Payload) -> File:
        """Send metadata and content in one request."""
        boundary = uuid4().hex
        part = f"--{boundary}\r\nContent-Type: "
        metadata = answers.dump(attempt.metadata or {})
        before = (
            f"{part}application/json; charset=UTF-8\r\n\r\n".encode()
            + metadata
            + f"\r\n{part}{_kind(attempt)}\r\n\r\n".encode()
        )
        after = f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/related; boundary={boundary}"}
        verb, path, method = _begins(attempt)
        with _bodies(payload, self._usage) as body_of:
            answer = self._drive.call(
                method,
                verb,
                self._drive.addresses.upload + path,
                params={"uploadType": "multipart", "fields": FIELDS},
                headers=headers,
                body=lambda: body_of(0, payload.size, before, after),
            )
        return File.of(answers.parsed(answer))


class _Session:
    """One resumable upload: begin, send pieces, ask after every cut how much has arrived."""

    def __init__(
        self, drive: Drive, usage: Usage, pause: Callable[[float], object], attempt: Attempt, payload: Payload
    ) -> None:
        self._drive, self._usage, self._pause = drive, usage, pause
        self._attempt, self._payload = attempt, payload
        self._size = payload.size
        self._piece = PIECE
        self._arrived: int | None = None  # unknown
        self._furthest = 0
        self._stuck = 0

    def run(self) -> File:
        sessions = 0
        while True:
            if not self._attempt.session:
                if sessions == _MOST_SESSIONS:
                    raise Offline
                self._begin()
                sessions += 1
            sent = self._arrived is not None
            try:
                answer = self._ask() if self._arrived is None else self._put(self._arrived)
            except Offline as cut:
                self._cut(cut)
                continue
            if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED):
                return File.of(answers.parsed(answer))
            if answer.status == HTTPStatus.PERMANENT_REDIRECT:
                self._advance(answer, sent=sent)
            else:
                self._attempt.session = ""  # it is over

    def _begin(self) -> None:
        verb, path, method = _begins(self._attempt)
        metadata = answers.dump(self._attempt.metadata or {})
        answer = self._drive.call(
            method,
            verb,
            self._drive.addresses.upload + path,
            params={"uploadType": "resumable", "fields": FIELDS},
            headers={
                "Content-Type": "application/json; charset=UTF-8",
                "X-Upload-Content-Type": _kind(self._attempt),
                "X-Upload-Content-Length": str(self._size),
            },
            body=lambda: metadata,
        )
        location = answer.headers.get("Location", "")
        if not location:
            raise NotTheService
        self._attempt.session = self._drive.addresses.session(location)
        self._arrived = self._furthest = 0

    def _put(self, offset: int) -> Answer:
        end = min(offset + self._piece, self._size)
        if end < self._size:
            end -= end % UNIT
        span = {"Content-Range": f"bytes {offset}-{end - 1}/{self._size}"}
        with _bodies(self._payload, self._usage) as body_of:
            return self._call(span, lambda: body_of(offset, end, b"", b""))

    def _ask(self) -> Answer:
        return self._call({"Content-Range": f"bytes */{self._size}"}, lambda: b"")

    def _call(self, headers: dict[str, str], body: Callable[[], bytes | Body]) -> Answer:
        good = (
            HTTPStatus.OK,
            HTTPStatus.CREATED,
            HTTPStatus.PERMANENT_REDIRECT,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.GONE,
        )
        return self._drive.call("files.upload", "PUT", self._attempt.session, headers=headers, body=body, good=good)

    def _advance(self, answer: Answer, *, sent: bool) -> None:
        """Take the service's word for how much it has; it may be less than was sent."""
        said = answer.headers.get("Range", "")
        found = _RANGE.fullmatch(said)
        if said and not found:
            raise NotTheService
        self._arrived = int(found[1]) + 1 if found else 0
        if self._arrived > self._size:
            raise NotTheService
        if self._arrived > self._furthest:
            self._furthest, self._stuck = self._arrived, 0
        elif sent:
            self._wait(Offline())

    def _cut(self, cut: Offline) -> None:
        self._arrived = None
        self._piece = PIECE_AFTER_CUT
        self._wait(cut)

    def _wait(self, cut: Offline) -> None:
        """Wait a little longer each time that nothing more has arrived; at last give up."""
        if self._stuck == len(_PAUSES):
            raise cut
        self._pause(_PAUSES[self._stuck])
        self._stuck += 1


@contextmanager
def _bodies(payload: Payload, usage: Usage) -> Iterator[Callable[[int, int, bytes, bytes], Body]]:
    """Yield a function that makes a body, anew for each attempt; all are closed at the end, and their errors raised."""
    made: list[Body] = []

    def make(offset: int, end: int, before: bytes, after: bytes) -> Body:
        made.append(Body(payload, offset, end, before=before, after=after, sent=usage.count_sent))
        return made[-1]

    try:
        yield make
    finally:
        for body in made:
            body.close()
        failed = next((body.failed for body in made if body.failed), None)
        if failed is not None:
            raise failed


def _begins(attempt: Attempt) -> _Replaced:
    if attempt.metadata is None:
        return _Replaced("PATCH", f"/files/{attempt.id}", "files.update")
    return _Replaced("POST", "/files", "files.create")


def _kind(attempt: Attempt) -> str:
    return str((attempt.metadata or {}).get("mimeType", "application/octet-stream"))


def is_content(file: File, payload: Payload) -> bool:
    """Say whether a file has the payload's content, by Drive's own hash."""
    if file.size != payload.size or not file.checksum:
        return False
    kind = file.checksum.partition(":")[0]
    if kind == "sha256":
        return file.checksum == f"sha256:{payload.sha256.hex()}"
    with payload.open() as stream:
        return file.checksum == of_stream(kind, stream)
