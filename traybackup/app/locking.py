"""Locking as the use cases want it: whoever only reads also gets on where nothing can be written."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from traybackup.api.errors import AccessDenied, StoreReadOnly
from traybackup.api.progress import Cancel
from traybackup.app.context import Context
from traybackup.app.opening import Access, opened
from traybackup.engine import locks
from traybackup.engine.identity import this_process
from traybackup.engine.lockfiles import LockFile
from traybackup.engine.locks import Lock
from traybackup.engine.repository import Repository

__all__ = ["LockFile", "locked", "locked_for_reading", "unlock"]


@contextmanager
def locked(
    context: Context, repo: Repository, *, exclusive: bool, cancel: Cancel | None = None, wait: float = 0
) -> Iterator[Lock]:
    """Hold a lock while the block runs.

    Raises:
        RepositoryLocked: Somebody else is at work.
    """
    with locks.locked(
        repo,
        exclusive=exclusive,
        identity=this_process(),
        now=context.clock,
        pause=locks.cancellable(cancel or Cancel()),
        wait=wait,
        waiting=lambda lock: context.waiting(lock.error()),
    ) as lock:
        yield lock


@contextmanager
def locked_for_reading(context: Context, repo: Repository, *, cancel: Cancel | None = None) -> Iterator[None]:
    """Hold a shared lock while the block reads; go without where the medium is write-protected or not ours.

    Raises:
        RepositoryLocked: Somebody is removing things.
    """
    with ExitStack() as stack:
        with suppress(StoreReadOnly, AccessDenied):  # then nobody can remove anything there either
            stack.enter_context(locked(context, repo, exclusive=False, cancel=cancel))
        yield


def unlock(context: Context, access: Access, *, remove_all: bool) -> tuple[LockFile, ...]:
    """Remove locks whose holders are dead or silent for long, and return them.

    Args:
        remove_all: Those of the living, too: the owner is sure that nobody is at work.
    """
    with opened(context, access) as target:
        found = locks.unlock(target.repository, identity=this_process(), now=context.clock(), remove_all=remove_all)
    return tuple(found)
