"""What every use case needs from outside: the folders, the clock, the vault, who and where we are."""

import getpass
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from traybackup.api.errors import RepositoryLocked, StoreError
from traybackup.app import allowlist, plugins, preference
from traybackup.app.builtin import Folder
from traybackup.app.discovery import installed
from traybackup.app.language import Language
from traybackup.app.passwords import VARIABLE as PASSWORD_VARIABLE
from traybackup.app.paths import Paths, find
from traybackup.app.plugins import PluginHost
from traybackup.app.redaction import Redactor
from traybackup.app.vault import Vault, open_vault

Clock = Callable[[], datetime]
"""Returns the time: aware, UTC."""

Waiting = Callable[[RepositoryLocked], object]
"""Is told, before each wait, who is in the way."""

Trying = Callable[[StoreError, float], object]
"""Is told of a failure of a place that is not the last word, with the seconds until the next attempt."""


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
    plugins: PluginHost = field(default_factory=PluginHost)
    redact: Redactor = field(default_factory=Redactor)
    trying: Trying = lambda _error, _seconds: None
    language: Language = field(default_factory=Language)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def nobody_is_told(_error: RepositoryLocked) -> None:
    """Tell nobody."""


def no_failure_is_told(_error: StoreError, _seconds: float) -> None:
    """Tell nobody."""


def nothing() -> None:
    """Do nothing."""


def build(
    environment: Mapping[str, str] | None = None,
    clock: Clock = utc_now,
    waiting: Waiting = nobody_is_told,
    *,
    trying: Trying = no_failure_is_told,
    before_plugins: Callable[[], object] = nothing,
    language: Language | None = None,
) -> Context:
    """Return the surroundings of this process."""
    environment = os.environ if environment is None else environment
    paths, redact = find(environment), Redactor()
    redact.know(environment.get(PASSWORD_VARIABLE))
    return Context(
        environment=environment,
        paths=paths,
        vault=open_vault(environment),
        clock=clock,
        host=socket.gethostname(),
        user=_user(),
        waiting=waiting,
        plugins=PluginHost(
            installed,
            builtin=[Folder()],
            only=environment.get(plugins.VARIABLE),
            allowed=lambda: allowlist.load(paths),
            redact=redact,
            before=before_plugins,
        ),
        redact=redact,
        trying=trying,
        language=language or preference.find(environment),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user, as in bare containers
        return ""
