"""Files: what lies at which path, listings, deleting, reading, and the account.

Source: https://www.dropbox.com/developers/documentation/http/documentation#files.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unicodedata import normalize

from dropbox_server.messages import Refused, Reply, Request, bad_request, refused
from dropbox_server.world import Cursor, Grant, Place, Stored, World

_LONGEST = 255
_MOST = 2000
_IGNORED = {"desktop.ini", "thumbs.db", ".ds_store", ".dropbox", ".dropbox.attr", "icon\r"}
_SPAN = re.compile(r"bytes=([0-9]+)-([0-9]*)")


def shown(stored: Stored) -> dict[str, object]:
    """Return the metadata of a file or folder."""
    common: dict[str, object] = {
        "name": stored.path.rpartition("/")[2],
        "path_lower": stored.path.lower(),
        "path_display": stored.path,
        "id": stored.id,
    }
    if stored.content is None:
        return {".tag": "folder"} | common
    moment = datetime.fromtimestamp(stored.modified, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        ".tag": "file",
        "client_modified": moment,
        "server_modified": moment,
        "rev": stored.rev,
        "size": len(stored.content),
        "is_downloadable": True,
        "content_hash": stored.hash,
    } | common


def gone(stored: Stored) -> dict[str, object]:
    """Return the metadata of what was deleted."""
    name = stored.path.rpartition("/")[2]
    return {".tag": "deleted", "name": name, "path_lower": stored.path.lower(), "path_display": stored.path}


def find(place: Place, path: str) -> Stored | None:
    """Return what is at a path, or under an id."""
    if path.startswith("id:"):
        return next((one for one in place.files.values() if one.id == path), None)
    return place.files.get(normalize("NFC", path).lower().rstrip("/"))


def check_path(path: str) -> list[str]:
    """Return the parts of a path for something new, or refuse."""
    parts = path.split("/")[1:]
    if not all(parts) or any("\\" in one or one != one.rstrip() or len(one) > _LONGEST for one in parts):
        raise refused("path/malformed_path")
    if any(one.lower() in _IGNORED for one in parts):
        raise refused("path/disallowed_name")
    return parts


def write(world: World, grant: Grant, given: dict[str, Any], mode: str, made: Stored) -> Stored:
    """Put *made* at the path of a commit, with the folders above it, or refuse."""
    place, path = grant.place, normalize("NFC", given["path"])
    parts = check_path(path)
    there = place.files.get(path.lower())
    if there is not None:
        same = there.content is not None and there.hash == made.hash
        if there.content is None:
            raise refused("path/conflict/folder")
        if mode == "add" and not (same and not given.get("strict_conflict", False)):
            raise refused("path/conflict/file")
        if same:
            return there
    for depth in range(1, len(parts)):
        folder = "/" + "/".join(parts[:depth])
        known = place.files.get(folder.lower())
        if known is None:
            higher = place.files.get(folder.lower().rpartition("/")[0])
            place.add(Stored(f"{higher.path if higher else ''}/{parts[depth - 1]}", f"id:{world.word(22)}"))
        elif known.content is not None:
            raise refused("path/conflict/file_ancestor")
    room = len(made.content or b"") - len((there.content if there else None) or b"")
    if grant.account.limit is not None and grant.account.usage + room > grant.account.limit:
        raise refused("path/insufficient_space")
    above = place.files.get(path.lower().rpartition("/")[0])
    shown_in = above.path if above else ""  # folders keep the letters that they were made with
    made.path = there.path if there else f"{shown_in}/{parts[-1]}"
    made.rev, made.modified = world.rev(), world.now()
    made.id = there.id if there else f"id:{world.word(22)}"
    place.add(made)
    return made


def list_folder(world: World, grant: Grant, given: dict[str, Any]) -> Reply:
    """Answer files/list_folder."""
    if not 1 <= given.get("limit", _MOST) <= _MOST:
        raise bad_request("files/list_folder", "request body: limit: not in 1..2000")
    place, path = grant.place, given["path"]
    if path == "/":
        raise bad_request("files/list_folder", "request body: path: Specify the root folder as an empty string")
    start = ""
    if path:
        folder = find(place, path)
        if folder is None:
            raise refused("path/not_found")
        if folder.content is not None:
            raise refused("path/not_folder")
        start = folder.path.lower()
    found = []
    if start and given.get("recursive"):
        found.append(shown(place.files[start]))
    for key, stored in sorted(place.files.items()):
        below = key.removeprefix(f"{start}/") if key.startswith(f"{start}/") else ""
        if below and (given.get("recursive") or "/" not in below):
            found.append(shown(stored))
    if given.get("include_deleted"):
        found += [gone(one) for key, one in place.deleted.items() if key.startswith(f"{start}/")]
    limit = min(given.get("limit", _MOST), world.page_cap)
    return _page(world, Cursor(found, place, start, len(place.journal)), limit)


def list_more(world: World, grant: Grant, given: dict[str, Any]) -> Reply:
    """Answer files/list_folder/continue: the rest of a listing, or what has changed since."""
    cursor = world.cursors.get(given["cursor"])
    if cursor is None or cursor.place is not grant.place:
        raise refused("reset")
    left, since = list(cursor.left), cursor.since
    if not left:
        place = cursor.place
        since = len(place.journal)
        left = [
            shown(place.files[key]) if key in place.files else gone(place.deleted[key])
            for key in dict.fromkeys(place.journal[cursor.since :])
            if key == cursor.start or key.startswith(f"{cursor.start}/")
        ]
    return _page(world, Cursor(left, cursor.place, cursor.start, since), world.page_cap)


def _page(world: World, cursor: Cursor, limit: int) -> Reply:
    word = f"AA{world.word(80)}"
    world.cursors[word] = Cursor(cursor.left[limit:], cursor.place, cursor.start, cursor.since)
    return Reply.json({"entries": cursor.left[:limit], "cursor": word, "has_more": len(cursor.left) > limit})


def get_metadata(world: World, grant: Grant, given: dict[str, Any]) -> Reply:  # noqa: ARG001 - as every method
    """Answer files/get_metadata."""
    found = find(grant.place, given["path"])
    if found is not None:
        return Reply.json(shown(found))
    deleted = grant.place.deleted.get(given["path"].lower())
    if deleted is not None and given.get("include_deleted"):
        return Reply.json(gone(deleted))
    raise refused("path/not_found")


def delete(world: World, grant: Grant, given: dict[str, Any]) -> Reply:  # noqa: ARG001 - as every method
    """Answer files/delete_v2: a folder goes with all that is in it."""
    found = find(grant.place, given["path"])
    if found is None:
        raise refused("path_lookup/not_found")
    if "parent_rev" in given and given["parent_rev"] != found.rev:
        raise refused("path_write/conflict/file" if found.content is not None else "path_write/conflict/folder")
    grant.place.remove(found.path.lower())
    return Reply.json({"metadata": shown(found)})


def create_folder(world: World, grant: Grant, given: dict[str, Any]) -> Reply:
    """Answer files/create_folder_v2."""
    path = normalize("NFC", given["path"])
    check_path(path)
    if path.lower() in grant.place.files:
        raise refused("path/conflict/folder")
    made = Stored(path, f"id:{world.word(22)}")
    grant.place.add(made)
    return Reply.json({"metadata": {key: value for key, value in shown(made).items() if key != ".tag"}})


def download(grant: Grant, given: dict[str, Any], request: Request) -> Reply:
    """Answer files/download."""
    found = find(grant.place, given["path"])
    if found is None:
        raise refused("path/not_found")
    if found.content is None:
        raise refused("path/not_file")
    data = found.content
    result = {key: value for key, value in shown(found).items() if key != ".tag"}
    headers = {"Content-Type": "application/octet-stream", "Dropbox-API-Result": json.dumps(result)}
    asked = request.headers.get("Range")
    if asked is None:
        return Reply(200, data, headers)
    span = _SPAN.fullmatch(asked)
    if span is None:
        return Reply(200, data, headers)
    first, last = int(span[1]), min(int(span[2] or len(data)), len(data) - 1)
    if first >= len(data) or (span[2] and int(span[2]) < first):
        return Reply(416, b"", {"Content-Type": "text/plain; charset=utf-8", "Content-Range": f"bytes */{len(data)}"})
    return Reply(206, data[first : last + 1], headers | {"Content-Range": f"bytes {first}-{last}/{len(data)}"})


def current_account(world: World, grant: Grant, given: dict[str, Any]) -> Reply:  # noqa: ARG001 - as every method
    """Answer users/get_current_account."""
    name = grant.account.email.partition("@")[0]
    told = {"given_name": name, "surname": "", "familiar_name": name, "display_name": name, "abbreviated_name": "O"}
    return Reply.json(
        {
            "account_id": grant.account.id,
            "name": told,
            "email": grant.account.email,
            "email_verified": True,
            "disabled": False,
            "locale": "en",
            "referral_link": "https://db.tt/x",
            "is_paired": False,
            "account_type": {".tag": "basic"},
            "root_info": {".tag": "user", "root_namespace_id": "1", "home_namespace_id": "1"},
        }
    )


def space_usage(world: World, grant: Grant, given: dict[str, Any]) -> Reply:  # noqa: ARG001 - as every method
    """Answer users/get_space_usage."""
    account = grant.account
    limit = account.limit or 0
    allocation: dict[str, object] = {".tag": "individual", "allocated": limit}
    if account.team:
        allocation = {
            ".tag": "team",
            "used": account.usage + 1000,
            "allocated": limit,
            "user_within_team_space_allocated": 0,
            "user_within_team_space_limit_type": {".tag": "off"},
            "user_within_team_space_used_cached": 0,
        }
    return Reply.json({"used": account.usage, "allocation": allocation})


def revoke(world: World, grant: Grant, given: dict[str, Any]) -> Reply:  # noqa: ARG001 - as every method
    """Answer auth/token/revoke: the refresh token behind the access token is over, too."""
    grant.revoked = True
    return Reply.json(None)


PLAIN: dict[str, Callable[[World, Grant, dict[str, Any]], Reply]] = {
    "files/list_folder": list_folder,
    "files/list_folder/continue": list_more,
    "files/get_metadata": get_metadata,
    "files/delete_v2": delete,
    "files/create_folder_v2": create_folder,
    "users/get_current_account": current_account,
    "users/get_space_usage": space_usage,
    "auth/token/revoke": revoke,
}
CHANGES = frozenset({"files/delete_v2", "files/create_folder_v2"})


@contextmanager
def said_by_upload() -> Iterator[None]:
    """Put refusals into the shape that files/upload has."""
    try:
        yield
    except Refused as error:
        if error.reply.status != 409:
            raise
        value = json.loads(error.reply.body)
        if value["error"].get(".tag") == "path":
            reason = value["error"]["path"]
            value["error"] = {".tag": "path", "reason": reason, "upload_session_id": "pid_upload_session:x"}
        raise Refused(Reply.json(value, 409)) from None
