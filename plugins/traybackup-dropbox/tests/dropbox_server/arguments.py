"""Arguments: what each method takes, checked as the service does it: nothing unknown, nothing of a wrong kind.

Source: https://www.dropbox.com/developers/documentation/http/documentation.
"""

import json
import re
from typing import Any, NamedTuple

from dropbox_server.messages import Request, bad_request

_PATH = re.compile(r"/(?s:.*)|id:.*|rev:[0-9a-f]{9,}|ns:[0-9]+(?:/.*)?")
_ROOT_OR_PATH = re.compile(rf"(?:{_PATH.pattern})?")
_HASH = re.compile(r"[0-9a-f]{64}")
_REV = re.compile(r"[0-9a-f]{9,}")
_ANY = re.compile(r"(?s:.+)")


class Field(NamedTuple):
    """One argument: its type, the pattern of a text, and whether it must be there."""

    kind: type
    pattern: re.Pattern[str] | None = None
    needed: bool = False


_COMMIT = {
    "path": Field(str, _PATH, needed=True),
    "mode": Field(object),
    "autorename": Field(bool),
    "client_modified": Field(str, _ANY),
    "mute": Field(bool),
    "property_groups": Field(list),
    "strict_conflict": Field(bool),
}
_CURSOR = {"session_id": Field(str, _ANY, needed=True), "offset": Field(int, needed=True)}
ROUTES: dict[str, dict[str, Field] | None] = {
    "files/upload": _COMMIT | {"content_hash": Field(str, _HASH)},
    "files/upload_session/start": {
        "close": Field(bool),
        "session_type": Field(object),
        "content_hash": Field(str, _HASH),
    },
    "files/upload_session/append_v2": {
        "cursor": Field(dict, needed=True),
        "close": Field(bool),
        "content_hash": Field(str, _HASH),
    },
    "files/upload_session/finish": {
        "cursor": Field(dict, needed=True),
        "commit": Field(dict, needed=True),
        "content_hash": Field(str, _HASH),
    },
    "files/download": {"path": Field(str, _PATH, needed=True), "rev": Field(str, _REV)},
    "files/get_metadata": {
        "path": Field(str, _PATH, needed=True),
        "include_media_info": Field(bool),
        "include_deleted": Field(bool),
        "include_has_explicit_shared_members": Field(bool),
    },
    "files/list_folder": {
        "path": Field(str, _ROOT_OR_PATH, needed=True),
        "recursive": Field(bool),
        "include_media_info": Field(bool),
        "include_deleted": Field(bool),
        "include_has_explicit_shared_members": Field(bool),
        "include_mounted_folders": Field(bool),
        "limit": Field(int),
        "include_non_downloadable_files": Field(bool),
        "include_restorable_info": Field(bool),
    },
    "files/list_folder/continue": {"cursor": Field(str, _ANY, needed=True)},
    "files/delete_v2": {"path": Field(str, _PATH, needed=True), "parent_rev": Field(str, _REV)},
    "files/create_folder_v2": {"path": Field(str, _PATH, needed=True), "autorename": Field(bool)},
    "users/get_current_account": None,
    "users/get_space_usage": None,
    "auth/token/revoke": None,
}
SCOPES = {
    "files/upload": "files.content.write",
    "files/upload_session/start": "files.content.write",
    "files/upload_session/append_v2": "files.content.write",
    "files/upload_session/finish": "files.content.write",
    "files/delete_v2": "files.content.write",
    "files/create_folder_v2": "files.content.write",
    "files/download": "files.content.read",
    "files/get_metadata": "files.metadata.read",
    "files/list_folder": "files.metadata.read",
    "files/list_folder/continue": "files.metadata.read",
    "users/get_current_account": "account_info.read",
    "users/get_space_usage": "account_info.read",
}
UPLOADS = frozenset(route for route in ROUTES if "upload" in route)
CONTENT = UPLOADS | {"files/download"}
"""The methods whose arguments come in a header, and that live on the other host."""


def read(method: str, request: Request, body: bytes) -> dict[str, Any]:
    """Return the arguments of a call, or refuse. *body* is read for methods without content."""
    text = _text(method, request, body)
    fields = ROUTES[method]
    if fields is None:
        if text != "null":
            raise bad_request(method, "request body: expected null, got object")
        return {}
    try:
        given = json.loads(text)
    except ValueError:
        raise bad_request(method, "request body: could not decode input as JSON") from None
    checked(method, given, fields)
    if "cursor" in given and isinstance(given["cursor"], dict):
        checked(method, given["cursor"], _CURSOR)
    if "commit" in given:
        checked(method, given["commit"], _COMMIT)
    return dict(given)


def _text(method: str, request: Request, body: bytes) -> str:
    """Return the JSON of the arguments, which come in a header where there is content."""
    if method in CONTENT:
        text = request.headers.get("Dropbox-API-Arg", "")
        if not text.isascii():
            raise bad_request(method, 'HTTP header "Dropbox-API-Arg": could not decode input as JSON')
        wanted = ("application/octet-stream",) if method in UPLOADS else ("", "text/plain", "application/octet-stream")
        if request.content_type not in wanted:
            raise bad_request(method, f'Bad HTTP "Content-Type" header: "{request.content_type}".')
        if method == "files/download" and body:
            raise bad_request(method, "This endpoint takes no body.")
    else:
        text = body.decode("utf-8", "replace")
        if request.content_type != "application/json":
            raise bad_request(method, f'Bad HTTP "Content-Type" header: "{request.content_type}".')
    return text


def checked(method: str, given: object, fields: dict[str, Field]) -> None:
    """Refuse what is no object of these fields."""
    if not isinstance(given, dict):
        raise bad_request(method, "request body: expected object")
    for name, value in given.items():
        field = fields.get(name)
        if field is None:
            raise bad_request(method, f"request body: unknown field '{name}'")
        if not isinstance(value, field.kind) or (isinstance(value, bool) and field.kind is int):
            raise bad_request(method, f"request body: {name}: expected {field.kind.__name__}")
        if field.pattern and not field.pattern.fullmatch(value):
            raise bad_request(
                method, f"request body: {name}: '{value}' did not match pattern '{field.pattern.pattern}'"
            )
    missing = [name for name, field in fields.items() if field.needed and name not in given]
    if missing:
        raise bad_request(method, f"request body: missing required field '{missing[0]}'")


def mode(method: str, given: dict[str, Any]) -> str:
    """Return the write mode of a commit: add or overwrite."""
    said = given.get("mode", "add")
    found = said.get(".tag") if isinstance(said, dict) else said
    if found not in ("add", "overwrite"):
        raise bad_request(method, f"request body: mode: unknown tag '{found}'")
    return str(found)
