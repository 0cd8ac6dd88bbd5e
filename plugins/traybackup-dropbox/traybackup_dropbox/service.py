"""Service: the few methods of Dropbox's API that a place needs, each one call.

A *File* is what Dropbox says about what lies at a path. Paths begin with a slash and are in small letters where Dropbox
tells them; an id (``id:…``) may stand for a path.
Source: https://www.dropbox.com/developers/documentation/http/documentation.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

from dropbox import files  # type: ignore[import-untyped]  # it comes without types

from traybackup.api import Account, NotFound, NotTheService, Space, StoreDamaged
from traybackup_dropbox.answers import Refused
from traybackup_dropbox.body import Body
from traybackup_dropbox.client import Client, Streamed, sense

_PAGE = 2000


@dataclass(frozen=True, slots=True)
class File:
    """What Dropbox says about a file or folder.

    Attributes:
        path: With slashes and in small letters; empty for what is not mounted.
        id: Its unchanging id.
        size: Bytes; None for a folder.
        checksum: ``dropbox:…``, as Dropbox computed it.
        rev: What this content is called.
        is_deleted: It was there, and can be taken back for some weeks.
    """

    path: str
    id: str = ""
    size: int | None = None
    checksum: str | None = None
    rev: str = ""
    is_deleted: bool = False

    @classmethod
    def of(cls, found: Any) -> Self:
        """Read one from what the library returns."""
        path = found.path_lower or ""
        if isinstance(found, files.DeletedMetadata):
            return cls(path, is_deleted=True)
        if isinstance(found, files.FolderMetadata):
            return cls(path, found.id)
        checksum = f"dropbox:{found.content_hash}" if found.content_hash else None
        return cls(path, found.id, found.size, checksum, found.rev)


@dataclass(frozen=True, slots=True)
class Commit:
    """Where content goes, and whether it takes the place of what is there."""

    path: str
    overwrite: bool

    @property
    def words(self) -> dict[str, Any]:
        """As the library's methods want it: what is there already is a conflict, even if it is the same."""
        mode = files.WriteMode.overwrite if self.overwrite else files.WriteMode.add
        return {"path": self.path, "mode": mode, "mute": True, "strict_conflict": not self.overwrite}


Content = Callable[[], bytes | Body]
"""Makes the body of a request, anew for each attempt."""


class Service:
    """The methods. Safe from threads. Each raises `answers.Refused` for what it is refused and does not expect."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def listing(self, path: str, found: dict[str, File]) -> str:
        """Put everything below a folder, over all pages, into *found*, by path; return what `changes` goes on from.

        Raises:
            NotFound: There is no such folder.
        """
        with _asked():
            return self._pages(self._client.files_list_folder(path, recursive=True, limit=_PAGE), found)

    def changes(self, cursor: str, found: dict[str, File]) -> str:
        """Bring *found* up to date; return what goes on from there.

        Raises:
            Refused, NotFound: Everything must be listed anew.
        """
        with _asked():
            return self._pages(self._client.files_list_folder_continue(cursor), found)

    def _pages(self, page: Any, found: dict[str, File]) -> str:
        cursors: set[str] = set()
        while True:
            for file in map(File.of, page.entries):
                _take(found, file)
            cursor = str(page.cursor)
            if not page.has_more:
                return cursor
            if not cursor or cursor in cursors:
                raise NotTheService
            cursors.add(cursor)
            page = self._client.files_list_folder_continue(cursor)

    def metadata(self, path: str, *, deleted: bool = False) -> File | None:
        """Return what there is at a path; None if there is nothing.

        Args:
            deleted: Tell what was deleted, too.
        """
        try:
            with _asked():
                return File.of(self._client.files_get_metadata(path, include_deleted=deleted))
        except NotFound:
            return None

    def content(self, path: str, offset: int, end: int | None) -> bytes:
        """Return the bytes of a file from *offset* to before *end*.

        Raises:
            NotFound: There is no such file.
            StoreDamaged: The range is not wholly inside it.
        """
        span = ""
        if offset or end is not None:
            span = f"bytes={offset}-{'' if end is None else end - 1}"
        with _asked():
            found, response = self._client.files_download(path, extra_headers={"Range": span} if span else None)
            size: int = found.size
            body: bytes = response.content
        if response.status_code == HTTPStatus.OK:  # the whole, also if only a part was asked for
            if len(body) != size:
                raise StoreDamaged
            offset_in_body, first = offset, 0
        else:
            offset_in_body, first = 0, offset
            if response.headers.get("Content-Range", "") != f"bytes {first}-{first + len(body) - 1}/{size}":
                raise NotTheService
        wanted = (size if end is None else end) - offset
        part = body[offset_in_body : offset_in_body + wanted]
        if offset > size or len(part) != wanted:
            raise StoreDamaged
        return part

    def delete(self, path: str, rev: str | None = None) -> bool:
        """Delete what is at a path, as far as Dropbox lets an app; return whether there was anything.

        Args:
            rev: Delete only this content.
        """
        try:
            with _asked():
                self._client.files_delete_v2(path, parent_rev=rev)
        except NotFound:
            return False
        return True

    def upload(self, content: Content, commit: Commit) -> File:
        """Send a file in one request."""
        with sense():
            return File.of(self._client.files_upload(Streamed(content), **commit.words))

    def begin(self, content: Content) -> str:
        """Begin a session with its first bytes; return its id."""
        with sense():
            return str(self._client.files_upload_session_start(Streamed(content)).session_id)

    def append(self, session: str, offset: int, content: Content) -> None:
        """Send further bytes of a session; none to see whether *offset* is how many it has."""
        with sense():
            self._client.files_upload_session_append_v2(
                Streamed(content), files.UploadSessionCursor(session_id=session, offset=offset)
            )

    def finish(self, session: str, size: int, commit: Commit) -> File:
        """Make a file of a session."""
        with sense():
            return File.of(
                self._client.files_upload_session_finish(
                    b"", files.UploadSessionCursor(session_id=session, offset=size), files.CommitInfo(**commit.words)
                )
            )

    def space(self) -> Space:
        """Return the room in the account, or in the team it belongs to."""
        with sense():
            found = self._client.users_get_space_usage()
            if found.allocation.is_individual():
                total, used = found.allocation.get_individual().allocated, found.used
            elif found.allocation.is_team():
                team = found.allocation.get_team()
                total, used = team.allocated, team.used
            else:
                return Space()
        return Space(total=total, free=max(0, total - used)) if total else Space()

    def account(self) -> Account:
        """Return whose Dropbox it is."""
        with sense():
            found = self._client.users_get_current_account()
            return Account(name=str(found.email), id=str(found.account_id))

    def revoke(self) -> None:
        """Give the sign-in back."""
        with sense():
            self._client.auth_token_revoke()


@contextmanager
def _asked() -> Iterator[None]:
    """Tell what is missing as such."""
    try:
        with sense():
            yield
    except Refused as refused:
        if refused.is_missing:
            raise NotFound from refused
        raise


def _take(found: dict[str, File], file: File) -> None:
    """Take over one entry of a listing: the later one counts."""
    if not file.is_deleted:
        found[file.path] = file
        return
    for path in [one for one in found if one == file.path or one.startswith(f"{file.path}/")]:
        del found[path]
