"""The service: every use case by one method. The only thing that a face calls.

*build* puts it together; whatever it needs from outside is a parameter there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from traybackup.app import context

if TYPE_CHECKING:  # whoever starts pays only for what is asked of it
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from traybackup.api.progress import Cancel, Progress
    from traybackup.api.provider import Account, Field
    from traybackup.app.backup import Backup, BackupRequest
    from traybackup.app.check import Check, CheckRequest
    from traybackup.app.config import Config
    from traybackup.app.context import Clock, Context, Trying, Waiting
    from traybackup.app.demo.steps import Step, Story
    from traybackup.app.destinations import Added, Listed, NewDestination, Tried
    from traybackup.app.events import Tell
    from traybackup.app.findings import Finding, Stated
    from traybackup.app.forget import ForgetRequest, Forgotten
    from traybackup.app.invitation import Invitation, Paste
    from traybackup.app.keys import KeyChanged, KeyList, NewKey
    from traybackup.app.language import Language
    from traybackup.app.listing import Contents, Filter, SnapshotList
    from traybackup.app.locking import LockFile
    from traybackup.app.looking import Looked
    from traybackup.app.opening import Access, NewRepository
    from traybackup.app.placestatus import PlaceStatus
    from traybackup.app.plugins import Survey
    from traybackup.app.prune import Pruned, PruneRequest
    from traybackup.app.restore import Restoration, RestoreRequest
    from traybackup.app.tidying import Tidying
    from traybackup.app.vault import Secret


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
        from traybackup.app import backup

        return backup.back_up(self._context, request, progress=progress, cancel=cancel, made=made, estimate=estimate)

    def run_job(self, name: str, tidying: Tidying, *, tell: Tell, cancel: Cancel) -> int:
        """Run a job in this process, and tell what happens as events; return the exit code."""
        from traybackup.app import runner

        return runner.run(self._context, name, tidying, tell=tell, cancel=cancel)

    def look(self, found: Config) -> tuple[Looked, ...]:
        """Look into the destinations of all jobs for their newest snapshots."""
        from traybackup.app import looking

        return looking.look(self._context, found)

    def list_snapshots(self, access: Access, wanted: Filter, latest: int = 0) -> SnapshotList:
        """Return the snapshots of a place."""
        from traybackup.app import listing

        return listing.list_snapshots(self._context, access, wanted, latest)

    def contents(
        self, access: Access, wanted: str, path: str, *, which: Filter, recursive: bool
    ) -> AbstractContextManager[Contents]:
        """Open a snapshot to list what it holds."""
        from traybackup.app import listing

        return listing.contents(self._context, access, wanted, path, which=which, recursive=recursive)

    def file_content(
        self, access: Access, wanted: str, path: str, *, which: Filter
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file of a snapshot to read its content."""
        from traybackup.app import listing

        return listing.file_content(self._context, access, wanted, path, which=which)

    def bring_back(self, request: RestoreRequest, *, progress: Progress, cancel: Cancel) -> Restoration:
        """Bring files back from a snapshot."""
        from traybackup.app import restore

        return restore.bring_back(self._context, request, progress=progress, cancel=cancel)

    def forget(self, request: ForgetRequest, *, progress: Progress, cancel: Cancel) -> Forgotten:
        """Remove snapshots."""
        from traybackup.app import forget

        return forget.forget(self._context, request, progress=progress, cancel=cancel)

    def prune(self, request: PruneRequest, *, progress: Progress, cancel: Cancel) -> Pruned:
        """Free the room of what no snapshot needs."""
        from traybackup.app import prune

        return prune.prune(self._context, request, progress=progress, cancel=cancel)

    def check(self, request: CheckRequest, *, progress: Progress, cancel: Cancel) -> Check:
        """Check a place."""
        from traybackup.app import check

        return check.check(self._context, request, progress=progress, cancel=cancel)

    def status(self, access: Access) -> PlaceStatus:
        """Tell how a place is doing."""
        from traybackup.app import placestatus

        return placestatus.status(self._context, access)

    def unlock(self, access: Access, *, remove_all: bool = False) -> tuple[LockFile, ...]:
        """Remove locks that nobody holds any more, or all; return them."""
        from traybackup.app import locking

        return locking.unlock(self._context, access, remove_all=remove_all)

    def demonstrate(self, *, parent: Path | None, clean: bool, step: Callable[[Step], None], cancel: Cancel) -> Story:
        """Show it all on a sample till."""
        from traybackup.app.demo import story

        return story.tell(self._context, parent=parent, clean=clean, step=step, cancel=cancel)

    def list_keys(self, access: Access) -> KeyList:
        """Return the keys of a place."""
        from traybackup.app import keys

        return keys.list_keys(self._context, access)

    def add_key(self, access: Access, new: NewKey) -> KeyChanged:
        """Add a password to a place."""
        from traybackup.app import keys

        return keys.add_key(self._context, access, new)

    def remove_key(self, access: Access, wanted: str) -> str:
        """Remove a password of a place; return the id of its key."""
        from traybackup.app import keys

        return keys.remove_key(self._context, access, wanted)

    def change_password(self, access: Access, new: NewKey) -> KeyChanged:
        """Replace the password that opened the place."""
        from traybackup.app import keys

        return keys.change_password(self._context, access, new)

    def plugins(self) -> Survey:
        """Load every plugin and tell what became of each."""
        return self._context.plugins.survey()

    def allow_plugins(self, names: Sequence[str]) -> tuple[str, ...]:
        """Allow these plugins as they are now, besides those that are allowed already; return all that are.

        Raises:
            PluginRejected: One is not installed.
        """
        from traybackup.app import allowlist

        return allowlist.allow(self._context.paths, self._context.plugins.installed(), names)

    def allow_all_plugins(self) -> None:
        """Do away with the list of allowed plugins."""
        from traybackup.app import allowlist

        allowlist.unpin(self._context.paths)

    def add_destination(self, new: NewDestination) -> Added:
        """Give a place a name."""
        from traybackup.app import destinations

        return destinations.add(self._context, new)

    def required_secrets(self, place: str) -> tuple[Field, ...]:
        """Return the settings of a place to be that must be given and belong into the keyring."""
        from traybackup.app import destinations

        return destinations.required_secrets(self._context, place)

    def destinations(self) -> tuple[Listed, ...]:
        """Return the places that have names."""
        from traybackup.app import destinations

        return destinations.list_all(self._context)

    def remove_destination(self, name: str) -> None:
        """Forget a destination; what is saved there stays."""
        from traybackup.app import destinations

        destinations.remove(self._context, name)

    def try_out(self, place: str, *, cancel: Cancel) -> Tried:
        """Write, read and remove a small object at a place."""
        from traybackup.app import destinations

        return destinations.try_out(self._context, place, cancel=cancel)

    def sign_in(
        self,
        target: str,
        *,
        settings: Mapping[str, str],
        secret_settings: Mapping[str, Secret],
        tell: Callable[[Invitation], object],
        paste: Paste | None,
        cancel: Cancel,
    ) -> Account:
        """Sign in for a destination or a provider through the browser."""
        from traybackup.app import signin

        return signin.sign_in(
            self._context,
            target,
            settings=settings,
            secret_settings=secret_settings,
            tell=tell,
            paste=paste,
            cancel=cancel,
        )

    def sign_out(self, target: str) -> bool:
        """Give a sign-in back and forget it; return whether there was any."""
        from traybackup.app import signin

        return signin.sign_out(self._context, target)

    def examine(self) -> Iterator[Finding]:
        """Look whether this computer is ready."""
        from traybackup.app import doctor

        return doctor.examine(self._context)

    def state_facts(self, place: str, *, cancel: Cancel, stated: Callable[[Stated], object]) -> bool:
        """See whether a real place keeps its promise."""
        from traybackup.app import doctor

        return doctor.state_facts(self._context, place, cancel=cancel, stated=stated)


def build(
    environment: Mapping[str, str] | None = None,
    clock: Clock = context.utc_now,
    waiting: Waiting = context.nobody_is_told,
    *,
    trying: Trying = context.no_failure_is_told,
    before_plugins: Callable[[], object] = context.nothing,
    language: Language | None = None,
) -> Service:
    """Put the service of this process together.

    Args:
        environment: The variables of the process; None: its own.
        waiting: Is told who is in the way of a lock, before each wait.
        trying: Is told of a failure of a place that is not the last word.
        before_plugins: Called before the first line of a plugin runs.
        language: What the owner reads; None: what the environment, the configuration or the system says.
    """
    surroundings = context.build(
        environment, clock, waiting, trying=trying, before_plugins=before_plugins, language=language
    )
    return Service(surroundings)
