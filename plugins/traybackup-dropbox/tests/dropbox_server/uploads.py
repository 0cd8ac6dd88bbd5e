"""Uploads: a file in one request, or in a session that survives cuts.

Source: https://www.dropbox.com/developers/documentation/http/documentation#files-upload_session-start.
"""

import hashlib
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from dropbox_server import arguments, files
from dropbox_server.messages import Refused, Reply, Request, refused
from dropbox_server.world import Grant, Stored, World

_LARGEST_PIECE = 150 << 20
_BLOCK = 4 << 20


class LineCut(Exception):
    """The connection is to be reset: the line was cut."""


Body = Callable[[], Iterator[bytes]]
"""Reads the body piece by piece; may raise `LineCut`."""


@dataclass(slots=True)
class Session:
    """An upload session."""

    grant: Grant
    data: bytearray = field(default_factory=bytearray)
    closed: bool = False


def content_hash(data: bytes) -> str:
    """Return Dropbox's content hash, from its definition."""
    blocks = [data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)]
    return hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in blocks)).hexdigest()


class Uploads:
    """Everything that takes content."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.sessions: dict[str, Session] = {}

    def answer(
        self, method: str, grant: Grant, request: Request, given: dict[str, Any], body: Body, faults: AbstractSet[str]
    ) -> Reply:
        """Answer a method with content."""
        if int(request.headers.get("Content-Length") or 0) > _LARGEST_PIECE:
            raise refused("payload_too_large")
        if method == "files/upload":
            return self._at_once(grant, given, body, faults)
        if method == "files/upload_session/start":
            return self._start(grant, given, body)
        if method == "files/upload_session/append_v2":
            return self._append(grant, given, body)
        return self._finish(grant, given, body, faults)

    def _at_once(self, grant: Grant, given: dict[str, Any], body: Body, faults: AbstractSet[str]) -> Reply:
        data = b"".join(body())
        _check_hash(given, data)
        with files.said_by_upload():
            return self._commit("files/upload", grant, given, data, faults)

    def _start(self, grant: Grant, given: dict[str, Any], body: Body) -> Reply:
        data = b"".join(body())
        _check_hash(given, data)
        with self._world.lock:
            word = f"pid_upload_session:{self._world.word(60)}"
            self.sessions[word] = Session(grant, bytearray(data), given.get("close", False))
        return Reply.json({"session_id": word})

    def _append(self, grant: Grant, given: dict[str, Any], body: Body) -> Reply:
        session = self._session(grant, given["cursor"], body)
        received = bytearray()
        try:
            for piece in body():
                received += piece
        except LineCut:
            keep = self._world.keep_of_cut
            session.data += received[: len(received) // keep * keep] if keep else b""
            raise
        _check_hash(given, bytes(received))
        session.data += received
        session.closed = given.get("close", False)
        return Reply.json(None)

    def _finish(self, grant: Grant, given: dict[str, Any], body: Body, faults: AbstractSet[str]) -> Reply:
        cursor = given["cursor"]
        try:
            session = self._session(grant, cursor, body)
        except Refused as error:
            words = str(error.reply.body).partition('"error_summary": "')[2].partition("/..")[0]
            more = {} if "incorrect" not in words else {"correct_offset": len(self.sessions[cursor["session_id"]].data)}
            raise refused(f"lookup_failed/{words}", **more) from None
        session.data += b"".join(body())
        reply = self._commit("files/upload_session/finish", grant, given["commit"], bytes(session.data), faults)
        with self._world.lock:
            self.sessions.pop(cursor["session_id"])
        return reply

    def _session(self, grant: Grant, cursor: dict[str, Any], body: Body) -> Session:
        """Return the session that a cursor stands for, at its end, or refuse."""
        session = self.sessions.get(cursor["session_id"])
        wrong = ""
        if session is None or session.grant.account is not grant.account:
            wrong = "not_found"
        elif session.closed:
            wrong = "closed"
        elif cursor["offset"] != len(session.data):
            wrong = "incorrect_offset"
        if session is None or wrong:
            b"".join(body())
            more = {"correct_offset": len(session.data)} if session and wrong == "incorrect_offset" else {}
            raise refused(wrong, **more)
        return session

    def _commit(self, method: str, grant: Grant, given: dict[str, Any], data: bytes, faults: AbstractSet[str]) -> Reply:
        """Make a file of what has arrived."""
        if "short" in faults:
            data = data[:-1]
        if "other" in faults:
            data = bytes(len(data))
        made = Stored("", "", content=data, hash=content_hash(data))
        if "flip" in faults and data:
            made.content = data[:-1] + bytes([data[-1] ^ 1])
        with self._world.committing():
            stored = files.write(self._world, grant, given, arguments.mode(method, given), made)
            told = files.shown(stored)
        del told[".tag"]
        return Reply.json(told)


def _check_hash(given: dict[str, Any], data: bytes) -> None:
    if "content_hash" in given and given["content_hash"] != content_hash(data):
        raise refused("content_hash_mismatch")
