"""What every use case needs from outside: the folders, the clock, the vault, who and where we are."""

import getpass
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from traybackup.api.errors import RepositoryLocked
from traybackup.app.paths import Paths, find
from traybackup.app.vault import Vault, open_vault

Clock = Callable[[], datetime]
"""Returns the time: aware, UTC."""

Waiting = Callable[[RepositoryLocked], object]
"""Is told, before each wait, who is in the way."""


@dataclass(frozen=True, slots=True)
class Context:
    """The surroundings of a use case.

    Attributes:
        environment: The variables of the process that matter.
        host, user: Who makes backups here, as snapshots, keys and locks will say.
    """

    environment: Mapping[str, str]
    paths: Paths
    vault: Vault
    clock: Clock
    host: str
    user: str
    waiting: Waiting


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def nobody_is_told(_error: RepositoryLocked) -> None:
    """Tell nobody."""


def build(
    environment: Mapping[str, str] | None = None, clock: Clock = utc_now, waiting: Waiting = nobody_is_told
) -> Context:
    """Return the surroundings of this process."""
    environment = os.environ if environment is None else environment
    return Context(
        environment=environment,
        paths=find(environment),
        vault=open_vault(environment),
        clock=clock,
        host=socket.gethostname(),
        user=_user(),
        waiting=waiting,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user, as in bare containers
        return ""
