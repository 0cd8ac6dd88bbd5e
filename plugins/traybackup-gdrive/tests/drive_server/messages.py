"""Messages: a request as it was read, a reply to be written, and *Refused*, which becomes Google's JSON of an error."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qsl


@dataclass(slots=True)
class Request:
    """A request without its body, which is read when the method wants it.

    Attributes:
        params: From the query; a parameter given twice is refused where it matters.
        token: The access token that came with it.
    """

    verb: str
    path: str
    params: dict[str, str]
    headers: Message
    token: str = ""

    @classmethod
    def of(cls, verb: str, target: str, headers: Message) -> "Request":
        path, _, query = target.partition("?")
        kind, _, token = headers.get("Authorization", "").partition(" ")
        return cls(
            verb, path, dict(parse_qsl(query, keep_blank_values=True)), headers, token if kind == "Bearer" else ""
        )

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


@dataclass(slots=True)
class Reply:
    """What goes back.

    Attributes:
        cut: Bytes of the body after which the connection is reset; None: all are sent.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None

    @classmethod
    def json(cls, value: Mapping[str, object], status: int = 200) -> "Reply":
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=UTF-8"})

    @classmethod
    def html(cls, text: str, status: int = 200) -> "Reply":
        page = f"<!DOCTYPE html><html lang=en><title>{text}</title><p>{text}</html>"
        return cls(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})

    @classmethod
    def text(cls, text: str, status: int) -> "Reply":
        return cls(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})


class Refused(Exception):
    """The request is refused, in the words of Drive's errors."""

    def __init__(self, status: int, reason: str, message: str, **extra: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason, self.message, self.extra = status, reason, message, extra

    def reply(self) -> Reply:
        detail = {"message": self.message, "domain": "global", "reason": self.reason} | self.extra
        reply = Reply.json(
            {"error": {"code": self.status, "message": self.message, "errors": [detail]}}, status=self.status
        )
        if self.status == 401:
            reply.headers["WWW-Authenticate"] = 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
        return reply


def bad_request(message: str, location: str = "") -> Refused:
    """Return the refusal of a request that cannot be right."""
    extra = {"location": location, "locationType": "parameter"} if location else {}
    return Refused(400, "invalid", message, **extra)


def not_found(file_id: str) -> Refused:
    """Return the refusal of an id under which this client can see nothing."""
    return Refused(404, "notFound", f"File not found: {file_id}.", location="fileId", locationType="parameter")
