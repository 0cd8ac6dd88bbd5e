"""Uploads: content in one multipart request, or in a session that survives cuts.

Source: https://developers.google.com/workspace/drive/api/guides/manage-uploads.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from drive_server import files
from drive_server.messages import Refused, Reply, Request, bad_request
from drive_server.world import Grant, Stored, World

_UNIT = 256 << 10
_SMALL = 5 << 20
_LARGEST = 1 << 30
_PATH = "/upload/drive/v3/files"
_SPAN = re.compile(r"bytes (?:([0-9]+)-([0-9]+)|\*)/([0-9]+|\*)")


class LineCut(Exception):
    """The connection is to be reset: the line was cut."""


Body = Callable[[], Iterator[bytes]]
"""Reads the body piece by piece; may raise `LineCut`."""


@dataclass(slots=True)
class Session:
    """A resumable upload.

    Attributes:
        replaces: The id of the file whose content is replaced; empty: a new one is made.
        fields: What the last answer shall show.
        done: The file once all has arrived.
    """

    grant: Grant
    given: dict[str, object]
    replaces: str
    fields: str
    total: int | None
    kind: str
    faults: frozenset[str] = frozenset()
    data: bytearray = field(default_factory=bytearray)
    done: Stored | None = None


class Uploads:
    """Everything below ``/upload/drive/v3/files``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sessions: dict[str, Session] = {}

    def begin(self, grant: Grant, request: Request, file_id: str, body: Body, faults: AbstractSet[str]) -> Reply:
        """Answer files.create or files.update with content."""
        kind = request.params.get("uploadType")
        if kind == "multipart":
            return self._multipart(grant, request, file_id, body, faults)
        if kind == "resumable":
            return self._resumable(grant, request, file_id, body, faults)
        raise bad_request("Invalid upload request: unknown uploadType", "uploadType")

    def _multipart(self, grant: Grant, request: Request, file_id: str, body: Body, faults: AbstractSet[str]) -> Reply:
        files.check_params(request, files.WRITE)
        if request.content_type != "multipart/related":
            raise Refused(400, "badContent", "Multipart uploads want multipart/related")
        text, kind, content = _parts(str(request.headers.get_param("boundary") or ""), b"".join(body()))
        if len(content) > _SMALL:
            raise Refused(413, "uploadTooLarge", "A multipart upload is for 5 MB or less.")
        with self._world.lock:
            given = files.metadata(text)
            file = self._finish(Session(grant, given, file_id, "", len(content), kind, frozenset(faults)), content)
            return files.shown(self._world, grant, file, request)

    def _resumable(self, grant: Grant, request: Request, file_id: str, body: Body, faults: AbstractSet[str]) -> Reply:
        files.check_params(request, files.WRITE)
        if request.content_type != "application/json":
            raise Refused(400, "badContent", "The metadata must be JSON")
        total = request.headers.get("X-Upload-Content-Length", "")
        if total and not total.isdecimal():
            raise bad_request("Invalid X-Upload-Content-Length")
        data = b"".join(body())
        with self._world.lock:
            given = files.metadata(data or b"{}")
            if file_id:
                self._world.file(grant, file_id)
            else:
                files.new_file(self._world, grant, given, content=True)
            self._check_room(grant, int(total or 0), file_id)
            word = self._world.word(120)
            self.sessions[word] = Session(
                grant,
                given,
                file_id,
                request.params.get("fields", "kind,id,name,mimeType"),
                int(total) if total else None,
                request.headers.get("X-Upload-Content-Type", "application/octet-stream"),
                frozenset(faults),
            )
        path = f"{_PATH}/{file_id}" if file_id else _PATH
        query = urlencode({"uploadType": "resumable", "upload_id": word})
        return Reply(
            200, headers={"Location": f"https://www.googleapis.com{path}?{query}", "X-GUploader-UploadID": word}
        )

    def go_on(self, request: Request, body: Body) -> Reply:
        """Answer a PUT to a session: a piece, or the question how much has arrived."""
        session = self.sessions.get(request.params.get("upload_id", ""))
        if session is None:
            return Reply.text("Not Found", 404)
        span = _SPAN.fullmatch(request.headers.get("Content-Range", ""))
        if span is None:
            b"".join(body())
            return Reply.text("Failed to parse Content-Range header.", 400)
        if session.done is not None:
            b"".join(body())
            return self._shown(session)
        if span[1] is None:
            b"".join(body())
            return self._status(session)
        return self._piece(session, int(span[1]), int(span[2]), span[3], request, body)

    def _piece(self, session: Session, first: int, last: int, total: str, request: Request, body: Body) -> Reply:
        wrong = ""
        length = int(request.headers.get("Content-Length", "0"))
        if length != last - first + 1:
            wrong = "Content-Range does not fit Content-Length."
        elif total != "*" and session.total not in (None, int(total)):
            wrong = "The total size changed."
        elif last + 1 != session.total and length % _UNIT:
            wrong = "Pieces must be multiples of 262144 bytes."
        if wrong:
            b"".join(body())
            return Reply.text(wrong, 400)
        if first != len(session.data):
            b"".join(body())
            return Reply.text(
                f"Invalid request. According to the Content-Range header, the upload offset is {first} byte(s), "
                f"which exceeds already uploaded size of {len(session.data)} byte(s).",
                503,
            )
        received = bytearray()
        try:
            for piece in body():
                received += piece
        except LineCut:
            keep = self._world.keep_of_cut
            session.data += received[: len(received) // keep * keep] if keep else b""
            raise
        session.data += received
        if len(session.data) == session.total:
            with self._world.lock:
                session.done = self._finish(session, bytes(session.data))
            return self._shown(session)
        return self._status(session)

    def end(self, request: Request) -> Reply:
        """Answer the DELETE of a session, which nobody will go on with."""
        if self.sessions.pop(request.params.get("upload_id", ""), None) is None:
            return Reply.text("Not Found", 404)
        return Reply(499)

    def _status(self, session: Session) -> Reply:
        reply = Reply(308)
        if session.data:
            reply.headers["Range"] = f"bytes=0-{len(session.data) - 1}"
        return reply

    def _shown(self, session: Session) -> Reply:
        with self._world.lock:
            assert session.done is not None
            asked = Request("GET", "", {"fields": session.fields}, None)  # type: ignore[arg-type]  # not looked at
            return files.shown(self._world, session.grant, session.done, asked)

    def _finish(self, session: Session, content: bytes) -> Stored:
        """Store what has arrived whole."""
        world, grant = self._world, session.grant
        if "short" in session.faults:
            content = content[:-1]
        self._check_room(grant, len(content), session.replaces)
        if session.replaces:
            file = world.file(grant, session.replaces)
        else:
            file = files.new_file(world, grant, {"mimeType": session.kind} | session.given, content=True)
        file.md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        file.sha256 = hashlib.sha256(content).hexdigest()
        file.content = content
        if "flip" in session.faults and content:
            file.content = content[:-1] + bytes([content[-1] ^ 1])
        if not session.replaces:
            files.keep(world, grant, file)
            if "duplicate" in session.faults:
                files.keep(world, grant, replace(file, id=f"1{world.word(32)}"))
        return file

    def _check_room(self, grant: Grant, size: int, replaces: str) -> None:
        account = grant.account
        old = account.files.get(replaces)
        used = account.usage - len((old.content if old else None) or b"")
        if size > _LARGEST or (account.limit is not None and used + size > account.limit):
            raise Refused(403, "storageQuotaExceeded", "The user's Drive storage quota has been exceeded.")


def _parts(boundary: str, body: bytes) -> tuple[bytes, str, bytes]:
    """Return the metadata, and kind and bytes of the content, of a multipart body."""
    mark = f"--{boundary}".encode()
    if not boundary or not body.startswith(mark + b"\r\n") or not body.rstrip(b"\r\n").endswith(b"\r\n" + mark + b"--"):
        raise Refused(400, "badContent", "Malformed multipart body.")
    inner = body[len(mark) + 2 : body.rindex(b"\r\n" + mark + b"--")]
    head, separator, tail = inner.partition(b"\r\n" + mark + b"\r\n")
    first_kind, found_first, text = head.partition(b"\r\n\r\n")
    second_kind, found_second, content = tail.partition(b"\r\n\r\n")
    if not separator or not found_first or not found_second:
        raise Refused(400, "badContent", "A multipart upload has exactly two parts.")
    if not re.fullmatch(rb"(?i)content-type: *application/json(; *charset=utf-8)?", first_kind.strip()):
        raise Refused(400, "badContent", "The first part must be application/json; charset=UTF-8.")
    kind = re.search(rb"(?i)content-type: *([^\r\n;]+)", second_kind)
    if kind is None:
        raise Refused(400, "badContent", "The media part needs a Content-Type.")
    return text, kind[1].decode("ascii"), content
