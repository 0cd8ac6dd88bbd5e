"""Messages: a request as it was read, a reply to be written, and what becomes one of Dropbox's refusals."""

import json
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl


@dataclass(slots=True)
class Request:
    """A request without its body, which is read when the method wants it.

    Attributes:
        params: From the query.
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
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


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
    def json(cls, value: object, status: int = 200) -> "Reply":
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    @classmethod
    def html(cls, text: str, status: int = 200) -> "Reply":
        page = f"<!DOCTYPE html><html lang=en><title>{text}</title><p>{text}</html>"
        return cls(status, page.encode(), {"Content-Type": "text/html; charset=utf-8"})

    @classmethod
    def text(cls, text: str, status: int) -> "Reply":
        return cls(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})


class Refused(Exception):
    """The request is refused."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.body[:200]!r}")
        self.reply = reply


def refused(words: str, status: int = 409, **more: Any) -> Refused:
    """Return the refusal that *words*, from the general to the special, stand for: ``path/conflict/file``.

    Args:
        more: Fields of the innermost error.
    """
    *outer, last = words.split("/")
    error: dict[str, Any] = {".tag": last} | more
    for word in reversed(outer):
        error = {".tag": word, word: error}
    return Refused(Reply.json({"error_summary": f"{words}/..", "error": error}, status))


def bad_request(method: str, what: str) -> Refused:
    """Return the refusal of a request that cannot be right, in plain words."""
    return Refused(Reply.text(f'Error in call to API function "{method}": {what}', 400))
