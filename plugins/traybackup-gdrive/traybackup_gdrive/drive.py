"""Drive: the few methods of Drive v3 that a place needs, each one call, with what it costs counted.

A *File* is what Drive says about one of its files or folders. Its id is its key; names may repeat.
Source: https://developers.google.com/workspace/drive/api/reference/rest/v3.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

from traybackup.api import NotFound, NotTheService, Offline, StoreDamaged, StoreError, StoreFailed
from traybackup_gdrive import answers
from traybackup_gdrive.addresses import Addresses
from traybackup_gdrive.answers import Answer
from traybackup_gdrive.credentials import Credentials
from traybackup_gdrive.transport import TIMEOUTS, Content, Transport
from traybackup_gdrive.usage import Usage

FOLDER = "application/vnd.google-apps.folder"
PACK = "application/x-restic-pack"
"""The type that packs get, so that a listing of everything else need not name them all."""

OTHER = "application/octet-stream"
FIELDS = "id,name,mimeType,parents,size,md5Checksum,sha256Checksum,createdTime,trashed"

_PAGE = "1000"
_MOST_IDS = 100
_LARGEST_OBJECT = 1 << 31
_JSON = {"Content-Type": "application/json; charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class File:
    """What Drive says about a file or folder.

    Attributes:
        size: Bytes; None for a folder or a document of Google's own kind.
        checksum: ``sha256:…``, else ``md5:…``, as Drive computed it.
        created: Drive's own time, as text that sorts.
    """

    id: str
    name: str
    parent: str = ""
    size: int | None = None
    checksum: str | None = None
    created: str = ""
    is_folder: bool = False
    trashed: bool = False

    @classmethod
    def of(cls, found: object) -> Self:
        """Read one from JSON.

        Raises:
            NotTheService: It is none.
        """
        if not isinstance(found, dict) or not isinstance(found.get("id"), str):
            raise NotTheService
        size, parents = str(found.get("size", "")), found.get("parents")
        checksum = next(
            (
                f"{kind}:{found[key]}"
                for kind, key in (("sha256", "sha256Checksum"), ("md5", "md5Checksum"))
                if found.get(key)
            ),
            None,
        )
        return cls(
            id=found["id"],
            name=str(found.get("name", "")),
            parent=str(parents[0]) if isinstance(parents, list) and parents else "",
            size=int(size) if size.isdecimal() else None,
            checksum=checksum,
            created=str(found.get("createdTime", "")),
            is_folder=found.get("mimeType") == FOLDER,
            trashed=found.get("trashed") is True,
        )


class Drive:
    """The methods. Safe from threads."""

    def __init__(self, transport: Transport, credentials: Credentials, addresses: Addresses, usage: Usage) -> None:
        self._transport, self._credentials, self._usage = transport, credentials, usage
        self.addresses = addresses

    def search(self, query: str) -> Iterator[File]:
        """Yield every file that fits *query*, each once, over all pages."""
        params = {"q": query, "fields": f"nextPageToken,files({FIELDS})", "pageSize": _PAGE, "spaces": "drive"}
        seen: set[str] = set()
        pages: set[str] = set()
        while True:
            page = self._json("files.list", "GET", "/files", params=params)
            found = page.get("files")
            if not isinstance(found, list):
                raise NotTheService
            for file in map(File.of, found):
                if file.id not in seen and not file.trashed:
                    seen.add(file.id)
                    yield file
            token = page.get("nextPageToken")
            if not token:
                return
            if not isinstance(token, str) or token in pages:
                raise NotTheService
            pages.add(token)
            params["pageToken"] = token

    def metadata(self, file_id: str) -> File | None:
        """Return what there is under an id, also from the trash; None if nothing can be seen."""
        try:
            return File.of(self._json("files.get", "GET", f"/files/{file_id}", params={"fields": FIELDS}))
        except NotFound:
            return None

    def content(self, file_id: str, offset: int, end: int | None) -> Answer:
        """Return the answer to a request for the bytes from *offset* to before *end*; status 200, 206 or 416.

        Raises:
            NotFound: There is no such file, or none to see.
        """
        headers = {}
        if offset or end is not None:
            headers["Range"] = f"bytes={offset}-{'' if end is None else end - 1}"
        answer = self.call(
            "files.download",
            "GET",
            f"{self.addresses.drive}/files/{file_id}",
            params={"alt": "media"},
            headers=headers,
            largest=_LARGEST_OBJECT,
            good=(HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
        )
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return answer
        if answer.headers.get("Content-Type", "").startswith(("text/html", "application/json")):
            raise NotTheService
        if "Content-Length" not in answer.headers and "Transfer-Encoding" not in answer.headers:
            raise Offline  # nobody can say whether that is all
        return answer

    def make_folder(self, file_id: str, name: str, parent: str) -> File:
        """Make a folder; one that a lost call has made already is fine."""
        body = {"id": file_id, "name": name, "mimeType": FOLDER, "parents": [parent]}
        try:
            return File.of(self._json("files.create", "POST", "/files", params={"fields": FIELDS}, body=body))
        except IdTaken:
            found = self.metadata(file_id)
            if found is None or found.trashed:
                raise
            return found

    def move(self, file_id: str, old: str, new: str) -> None:
        """Put a file into another folder."""
        params = {"addParents": new, "removeParents": old, "fields": "id"}
        self._json("files.update", "PATCH", f"/files/{file_id}", params=params, body={})

    def throw_away(self, folder_id: str) -> None:
        """Move a folder to the trash, where the owner finds whatever of his own he may have put in."""
        params = {"fields": "id"}
        self._json("files.update", "PATCH", f"/files/{folder_id}", params=params, body={"trashed": True})

    def generate_ids(self) -> list[str]:
        """Return ids for files that are about to be created."""
        params = {"count": str(_MOST_IDS), "space": "drive", "type": "files"}
        found = self._json("files.generateIds", "GET", "/files/generateIds", params=params).get("ids")
        if not isinstance(found, list) or not found:
            raise NotTheService
        return [str(one) for one in found]

    def delete(self, file_id: str) -> bool:
        """Delete for good, past the trash; return whether there was anything."""
        try:
            answer = self.call(
                "files.delete",
                "DELETE",
                f"{self.addresses.drive}/files/{file_id}",
                good=(HTTPStatus.NO_CONTENT, HTTPStatus.OK),
            )
        except NotFound:
            return False
        answers.acknowledged(answer)
        return True

    def quota(self) -> Mapping[str, str]:
        """Return ``limit`` and ``usage`` in bytes, as far as Drive says."""
        found = self._json("about.get", "GET", "/about", params={"fields": "storageQuota(limit,usage)"})
        quota = found.get("storageQuota")
        return quota if isinstance(quota, dict) else {}

    def _json(
        self, method: str, verb: str, path: str, *, params: Mapping[str, str], body: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        data = None if body is None else answers.dump(body)
        answer = self.call(
            method,
            verb,
            self.addresses.drive + path,
            params=params,
            headers=_JSON if data is not None else None,
            body=None if data is None else lambda: data,
        )
        return answers.parsed(answer)

    def call(
        self,
        method: str,
        verb: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Callable[[], bytes | Content] | None = None,
        largest: int = 16 << 20,
        good: tuple[int, ...] = (HTTPStatus.OK,),
        timeouts: tuple[float, float] = TIMEOUTS,
    ) -> Answer:
        """Call a method and return its answer; with a renewed token once more if the token was refused.

        Args:
            method: Its name in `UNITS`.
            body: Makes the body anew for each attempt.
            good: The statuses that are an answer; every other is a refusal.
        """
        token = self._credentials.token()
        for may_renew in (True, False):
            self._usage.count(method)
            answer = self._transport.send(
                verb,
                url,
                params=params,
                headers=headers,
                body=body() if body else None,
                token=token,
                largest=largest,
                timeouts=timeouts,
            )
            if answer.status != HTTPStatus.UNAUTHORIZED or not may_renew:
                break
            token = self._credentials.renewed(token)
        if answer.status in good:
            return answer
        raise _refused(answer)


class IdTaken(StoreFailed):
    """There is a file of this id already: an earlier call arrived, though its answer did not."""


def _refused(answer: Answer) -> StoreError:
    found = answers.refusal(answer)
    return (
        IdTaken(reason=found.reason)
        if answer.status == HTTPStatus.CONFLICT and isinstance(found, StoreFailed)
        else found
    )


def check_range(answer: Answer, offset: int, end: int | None) -> bytes:
    """Return the bytes that were asked for out of an answer of `Drive.content`.

    Raises:
        StoreDamaged: The range is not wholly inside the object.
        NotTheService: The answer is to another question.
    """
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise StoreDamaged
    if answer.status == HTTPStatus.OK:  # the whole, also if only a part was asked for
        if len(answer.body) < (offset if end is None else end):
            raise StoreDamaged
        return answer.body[offset:end]
    said = answer.headers.get("Content-Range", "")
    if not said.startswith(f"bytes {offset}-{offset + len(answer.body) - 1}/"):
        raise NotTheService
    if end is not None and len(answer.body) != end - offset:
        raise StoreDamaged
    return answer.body
