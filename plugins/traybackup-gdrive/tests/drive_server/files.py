"""Files: the methods of Drive v3 that carry no content, and downloads.

Source: https://developers.google.com/workspace/drive/api/reference/rest/v3/files.
"""

import json
import re
from collections.abc import Iterable, Mapping

from drive_server import masks, query
from drive_server.messages import Refused, Reply, Request, bad_request, not_found
from drive_server.world import FOLDER, TOP, Grant, Stored, World

COMMON = {"fields", "alt", "prettyPrint", "key", "quotaUser", "supportsAllDrives", "supportsTeamDrives"}
_LIST = {"q", "pageSize", "pageToken", "spaces", "corpora", "orderBy", "includeItemsFromAllDrives"}
WRITE = {"uploadType", "upload_id", "keepRevisionForever", "enforceSingleParent"}
_WRITABLE = {
    "trashed",
    "id",
    "name",
    "mimeType",
    "parents",
    "createdTime",
    "modifiedTime",
    "description",
    "appProperties",
}
# fmt: off
_KNOWN = frozenset({
    "kind", "id", "name", "mimeType", "parents", "size", "md5Checksum", "sha1Checksum", "sha256Checksum",
    "createdTime", "modifiedTime", "trashed", "explicitlyTrashed", "description", "appProperties", "properties",
    "owners", "shared", "webViewLink", "webContentLink", "exportLinks", "shortcutDetails", "driveId",
    "teamDriveId", "version", "capabilities", "permissions", "headRevisionId", "resourceKey", "starred", "files",
    "nextPageToken", "incompleteSearch", "user", "emailAddress", "displayName", "permissionId", "storageQuota",
    "limit", "usage", "usageInDrive", "usageInDriveTrash", "importFormats", "exportFormats", "targetId",
    "targetMimeType",
})
# fmt: on
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_MOST_IDS = 1000


def resource(world: World, grant: Grant, file: Stored) -> dict[str, object]:
    """Return everything Drive says about a file."""
    found: dict[str, object] = {
        "kind": "drive#file",
        "id": file.id,
        "name": file.name,
        "mimeType": file.kind,
        "parents": [file.parent],
        "createdTime": file.created_text,
        "modifiedTime": file.created_text,
        "trashed": world.is_trashed(grant, file),
        "explicitlyTrashed": file.trashed,
    }
    if file.content is not None:
        found |= {"size": str(len(file.content)), "md5Checksum": file.md5, "sha256Checksum": file.sha256}
    return found


def shown(world: World, grant: Grant, file: Stored, request: Request) -> Reply:
    """Return the answer that speaks of one file: by default four fields."""
    mask = masks.parsed(request.params.get("fields") or "kind,id,name,mimeType")
    return Reply.json(masks.selected(mask, resource(world, grant, file), _KNOWN))


def check_params(request: Request, *allowed: Iterable[str]) -> None:
    """Refuse parameters that the method does not know."""
    unknown = set(request.params) - COMMON.union(*allowed)
    if unknown:
        name = min(unknown)
        raise bad_request(f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.', name)


def list_files(world: World, grant: Grant, request: Request) -> Reply:
    """Answer files.list: one page, at most as large as asked for."""
    check_params(request, _LIST)
    if request.params.get("spaces", "drive") != "drive" or request.params.get("corpora", "user") != "user":
        raise bad_request("Invalid Value", "spaces")
    size = request.params.get("pageSize", "100")
    if not size.isdecimal() or not 1 <= int(size) <= 1000:
        raise bad_request("Invalid value. Values must be within the range: [1, 1000]", "pageSize")
    asked = request.params.get("q", "")
    test = query.compiled(asked, kinds_known=world.kinds_known)
    offset, of = _page(request.params.get("pageToken", ""))
    if of not in ("", asked):
        raise bad_request("Invalid Value", "pageToken")
    world.lists += 1
    fitting = [
        one for one in world.seen(grant) if one.listed_from <= world.lists and test(one, world.is_trashed(grant, one))
    ]
    fitting.sort(key=lambda one: -one.created)
    end = offset + min(int(size), world.page_cap)
    found: dict[str, object] = {
        "kind": "drive#fileList",
        "incompleteSearch": False,
        "files": [resource(world, grant, one) for one in fitting[offset:end]],
    }
    if end < len(fitting):
        found["nextPageToken"] = json.dumps([end, asked])
    default = "kind,incompleteSearch,nextPageToken,files(kind,id,name,mimeType)"
    return Reply.json(masks.selected(masks.parsed(request.params.get("fields") or default), found, _KNOWN))


def _page(token: str) -> tuple[int, str]:
    if not token:
        return 0, ""
    try:
        offset, asked = json.loads(token)
    except ValueError:
        raise bad_request("Invalid Value", "pageToken") from None
    return int(offset), str(asked)


def get_file(world: World, grant: Grant, request: Request, file_id: str) -> Reply:
    """Answer files.get: what is known about a file, or its content."""
    check_params(request, {"acknowledgeAbuse"})
    file = world.file(grant, file_id)
    if request.params.get("alt", "json") != "media":
        return shown(world, grant, file, request)
    if file.content is None:
        raise Refused(403, "fileNotDownloadable", "Only files with binary content can be downloaded.")
    return _content(file.content, file.kind, request.headers.get("Range", ""))


def _content(content: bytes, kind: str, span: str) -> Reply:
    headers = {"Content-Type": kind, "Accept-Ranges": "bytes"}
    if not span:
        return Reply(200, content, headers)
    found = _RANGE.fullmatch(span)
    if found is None:
        raise bad_request("Invalid range")
    first, last = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
    if first > last:
        page = Reply.html("Requested range not satisfiable", 416)
        page.headers["Content-Range"] = f"bytes */{len(content)}"
        return page
    return Reply(206, content[first : last + 1], headers | {"Content-Range": f"bytes {first}-{last}/{len(content)}"})


def metadata(body: bytes) -> dict[str, object]:
    """Read the JSON of a file to be created or changed.

    Raises:
        Refused: It is none, or names a field that cannot be set.
    """
    try:
        found = json.loads(body)
    except ValueError:
        raise Refused(400, "parseError", "Parse Error") from None
    if not isinstance(found, dict):
        raise Refused(400, "parseError", "Parse Error")
    unknown = set(found) - _WRITABLE
    if unknown:
        raise bad_request(f'Invalid JSON payload received. Unknown name "{min(unknown)}"')
    return found


def new_file(world: World, grant: Grant, given: Mapping[str, object], *, content: bool) -> Stored:
    """Return a file as it is to be created; it is not stored yet.

    Raises:
        Refused: The id is taken or was never generated, or the folder is not there.
    """
    file_id = given.get("id") or world.word(33)
    issued = grant.account.issued
    if "id" in given and file_id in grant.account.used:
        raise Refused(409, "fileIdInUse", "A file already exists with the provided ID.")
    if "id" in given and file_id not in issued:
        raise bad_request("The provided file ID is not usable.")
    parents = given.get("parents", ["root"])
    if not isinstance(parents, list) or len(parents) != 1:
        raise Refused(403, "cannotAddParent", "A file must have exactly one parent.")
    parent = str(parents[0])
    if parent not in ("root", TOP):
        folder = world.file(grant, parent)
        if folder.kind != FOLDER:
            raise not_found(parent)
    kind = str(given.get("mimeType", "application/octet-stream" if content else "application/x-empty"))
    if content and kind.startswith("application/vnd.google-apps."):
        raise bad_request("Invalid MIME type provided for the uploaded content.")
    return Stored(
        id=str(file_id),
        name=str(given.get("name", "Untitled")),
        kind=kind,
        parent=TOP if parent == "root" else parent,
        client=grant.client.id,
        created=0,
    )


def keep(world: World, grant: Grant, file: Stored) -> None:
    """Store a new file."""
    file.created = world.created()
    file.listed_from = world.lists + world.hide_new_for + 1
    grant.account.files[file.id] = file
    grant.account.used.add(file.id)


def create_folder(world: World, grant: Grant, request: Request, body: bytes) -> Reply:
    """Answer files.create without content."""
    check_params(request, WRITE)
    if request.content_type != "application/json":
        raise Refused(415, "badContent", "Unsupported content with type")
    given = metadata(body)
    file = new_file(world, grant, given, content=False)
    file.content = None if file.kind == FOLDER else b""
    keep(world, grant, file)
    return shown(world, grant, file, request)


def update_file(world: World, grant: Grant, request: Request, file_id: str, body: bytes) -> Reply:
    """Answer files.update without content: a new name, a new folder."""
    check_params(request, WRITE, {"addParents", "removeParents"})
    file = world.file(grant, file_id)
    given = metadata(body)
    if "parents" in given:
        raise Refused(403, "fieldNotWritable", "The parents field is not directly writable in update requests.")
    if "addParents" in request.params:
        folder = world.file(grant, request.params["addParents"])
        if folder.kind != FOLDER or request.params.get("removeParents") != file.parent:
            raise Refused(403, "cannotAddParent", "A file cannot have more than one parent.")
        file.parent = folder.id
    file.name = str(given.get("name", file.name))
    file.trashed = bool(given.get("trashed", file.trashed))
    return shown(world, grant, file, request)


def delete_file(world: World, grant: Grant, request: Request, file_id: str) -> Reply:
    """Answer files.delete: past the trash, a folder with all that is in it."""
    check_params(request, {"enforceSingleParent"})
    world.remove(grant.account, world.file(grant, file_id))
    return Reply(204)


def generate_ids(world: World, grant: Grant, request: Request) -> Reply:
    """Answer files.generateIds."""
    check_params(request, {"count", "space", "type"})
    count = request.params.get("count", "10")
    if not count.isdecimal() or not 1 <= int(count) <= _MOST_IDS:
        raise bad_request("Invalid value. Values must be within the range: [1, 1000]", "count")
    ids = [f"1{world.word(32)}" for _ in range(int(count))]
    grant.account.issued.update(ids)
    return Reply.json({"kind": "drive#generatedIds", "space": "drive", "ids": ids})


def about(grant: Grant, request: Request) -> Reply:
    """Answer about.get, which wants to be told what about."""
    check_params(request)
    if "fields" not in request.params:
        raise Refused(400, "required", "The 'fields' parameter is required for this method.", location="fields")
    quota = {"usage": str(grant.account.usage), "usageInDrive": str(grant.account.usage), "usageInDriveTrash": "0"}
    if grant.account.limit is not None:
        quota["limit"] = str(grant.account.limit)
    user = {"kind": "drive#user", "emailAddress": grant.account.email, "permissionId": grant.account.sub}
    found = {"kind": "drive#about", "user": user, "storageQuota": quota}
    return Reply.json(masks.selected(masks.parsed(request.params["fields"]), found, _KNOWN))
