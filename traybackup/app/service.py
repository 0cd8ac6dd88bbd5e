"""The service: every use case by one method. The only thing that a face calls.

*build* puts it together; whatever it needs from outside is a parameter there.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from traybackup.api.progress import Cancel, Progress
from traybackup.app import backup, check, context, forget, keys, listing, locking, prune, restore, status
from traybackup.app.backup import Backup, BackupRequest
from traybackup.app.check import Check, CheckRequest
from traybackup.app.context import Clock, Context, Waiting
from traybackup.app.demo.steps import Step, Story
from traybackup.app.forget import ForgetRequest, Forgotten
from traybackup.app.keys import KeyChanged, KeyList, NewKey
from traybackup.app.listing import Contents, Filter, SnapshotList
from traybackup.app.locking import LockFile
from traybackup.app.opening import Access, NewRepository
from traybackup.app.prune import Pruned, PruneRequest
from traybackup.app.restore import Restoration, RestoreRequest
from traybackup.app.status import PlaceStatus


class Service:
    """The use cases, in the surroundings given."""

    def __init__(self, surroundings: Context) -> None:
        self._context = surroundings

    def back_up(
        self,
        request: BackupRequest,
        *,
        progress: Progress,
        cancel: Cancel,
        made: Callable[[NewRepository], None],
        estimate: bool = False,
    ) -> Backup:
        """Save paths as one snapshot."""
        return backup.back_up(self._context, request, progress=progress, cancel=cancel, made=made, estimate=estimate)

    def list_snapshots(self, access: Access, wanted: Filter, latest: int = 0) -> SnapshotList:
        """Return the snapshots of a place."""
        return listing.list_snapshots(self._context, access, wanted, latest)

    def contents(
        self, access: Access, wanted: str, path: str, *, which: Filter, recursive: bool
    ) -> AbstractContextManager[Contents]:
        """Open a snapshot to list what it holds."""
        return listing.contents(self._context, access, wanted, path, which=which, recursive=recursive)

    def file_content(
        self, access: Access, wanted: str, path: str, *, which: Filter
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file of a snapshot to read its content."""
        return listing.file_content(self._context, access, wanted, path, which=which)

    def bring_back(self, request: RestoreRequest, *, progress: Progress, cancel: Cancel) -> Restoration:
        """Bring files back from a snapshot."""
        return restore.bring_back(self._context, request, progress=progress, cancel=cancel)

    def forget(self, request: ForgetRequest, *, progress: Progress, cancel: Cancel) -> Forgotten:
        """Remove snapshots."""
        return forget.forget(self._context, request, progress=progress, cancel=cancel)

    def prune(self, request: PruneRequest, *, progress: Progress, cancel: Cancel) -> Pruned:
        """Free the room of what no snapshot needs."""
        return prune.prune(self._context, request, progress=progress, cancel=cancel)

    def check(self, request: CheckRequest, *, progress: Progress, cancel: Cancel) -> Check:
        """Check a place."""
        return check.check(self._context, request, progress=progress, cancel=cancel)

    def status(self, access: Access) -> PlaceStatus:
        """Tell how a place is doing."""
        return status.status(self._context, access)

    def unlock(self, access: Access, *, remove_all: bool = False) -> tuple[LockFile, ...]:
        """Remove locks that nobody holds any more, or all; return them."""
        return locking.unlock(self._context, access, remove_all=remove_all)

    def demonstrate(self, *, parent: Path | None, clean: bool, step: Callable[[Step], None], cancel: Cancel) -> Story:
        """Show it all on a sample till."""
        from traybackup.app.demo import story  # noqa: PLC0415 - nobody else pays for the sample till

        return story.tell(self._context, parent=parent, clean=clean, step=step, cancel=cancel)

    def list_keys(self, access: Access) -> KeyList:
        """Return the keys of a place."""
        return keys.list_keys(self._context, access)

    def add_key(self, access: Access, new: NewKey) -> KeyChanged:
        """Add a password to a place."""
        return keys.add_key(self._context, access, new)

    def remove_key(self, access: Access, wanted: str) -> str:
        """Remove a password of a place; return the id of its key."""
        return keys.remove_key(self._context, access, wanted)

    def change_password(self, access: Access, new: NewKey) -> KeyChanged:
        """Replace the password that opened the place."""
        return keys.change_password(self._context, access, new)


def build(
    environment: Mapping[str, str] | None = None,
    clock: Clock = context.utc_now,
    waiting: Waiting = context.nobody_is_told,
) -> Service:
    """Put the service of this process together.

    Args:
        environment: The variables of the process; None: its own.
        waiting: Is told who is in the way of a lock, before each wait.
    """
    return Service(context.build(environment, clock, waiting))
