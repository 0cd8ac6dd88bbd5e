"""The error tree: what can go wrong, without a sentence of prose.

::

    TraybackupError                  code, exit_code, retry, params
    ├── StoreError                   the only family a Store may raise; ends the run
    │   ├── NotFound                 no object of that name
    │   ├── AlreadyExists            put without overwrite, and the name is taken
    │   ├── InvalidName              not a legal object name
    │   ├── PlaceMissing             (10) the folder or drive is not there
    │   │   └── PlaceInTrash         (10) its owner moved it to the service's trash, where it can be taken out again
    │   ├── PlaceUnusable            it is there, but is no folder that can hold a repository
    │   ├── ProviderUnknown          no such kind of place is installed
    │   ├── PlaceGone                it was there and vanished during the run
    │   ├── PlaceSwapped             another drive answers at the same path
    │   ├── StoreFull                no room left
    │   ├── StoreReadOnly            write-protected or remounted read-only
    │   ├── AccessDenied             no right to read or write
    │   │   └── CredentialsRefused   the user name, password or key in the settings is not accepted
    │   ├── HostKeyUnknown           a server whose key nobody has confirmed yet
    │   ├── HostKeyChanged           a server with another key than the one that was confirmed
    │   ├── StoreDamaged             what was read is not what was written
    │   ├── Offline                  no connection, time-out, a server's 5xx
    │   │   └── NotTheService        something else answered: a network's own page, a proxy
    │   ├── RateLimited              asked to slow down, with the time to wait
    │   ├── SignInNeeded             there is no valid sign-in
    │   │   ├── SignInExpired        it was valid once
    │   │   │   └── SignInShortLived ended by the service after some days, because the app is not published
    │   │   ├── ScopeMissing         the owner did not tick what is needed
    │   │   ├── WrongAccount         somebody else's
    │   │   ├── SignInRefused        the owner, or the service, said no in the browser
    │   │   ├── SignInUnanswered     nothing came back from the browser in time
    │   │   └── SignInImpossible     nobody can be asked here, or the place knows no sign-in
    │   ├── VaultUnavailable         the keyring that keeps the place's secrets cannot be used
    │   │   └── VaultLocked          it is locked, and stayed so
    │   ├── FilesInvisible           what was stored can no longer be seen
    │   ├── ClockWrong               refused because of this computer's clock
    │   ├── SettingInvalid           a setting that cannot be right
    │   ├── PluginRejected           the plugin that the place needs cannot be used
    │   ├── PluginCrashed            a plugin did what no place may do; only its own places are affected
    │   └── StoreFailed              any other failure of the place, with the system's words
    ├── RepositoryError
    │   ├── NoRepository             (10)
    │   ├── RepositoryExists         create where one is already
    │   ├── RepositoryLocked         (11)
    │   ├── WrongPassword            (12)
    │   │   └── RecoveryCodeMistyped (12) meant as a recovery code, and its check symbols say where it is wrong
    │   ├── PasswordMissing          (12) none was given, none is kept, and nobody can be asked
    │   ├── PasswordUnusable         (12) the file it should come from cannot be read, or it is empty
    │   ├── RepositoryDamaged        an object fails its hash, seal or grammar
    │   ├── RepositoryTooNew         a format version this program does not know
    │   ├── LockLost                 our lock was removed or could not be refreshed
    │   ├── NoSuchSnapshot           no snapshot matches
    │   ├── AmbiguousSnapshot        more than one does
    │   ├── NoSuchKey                no key matches
    │   ├── KeyInUse                 the key that opened the repository cannot be removed
    │   ├── PruneRefused             a doubt: nothing was deleted
    │   └── ClockDoubtful            the clock is older than the newest snapshot: nothing is decided
    ├── SourceError                  never raised for the destination
    │   ├── SourceMissing            a path to save is not there
    │   ├── SourceEmpty              it had content last time and has none now
    │   ├── PatternInvalid           an exclude pattern that means nothing
    │   ├── SourceIsPlace            it is the repository that it should be saved into
    │   ├── SourceUnusable           nothing of it can be read
    │   └── SourceUnreadable         one item: recorded, the run becomes PARTIAL
    ├── ConfigError
    │   ├── ConfigInvalid            a field of the configuration cannot be right
    │   ├── ConfigTooNew             written by a newer program; it is left untouched
    │   ├── ConfigUnusable           the file cannot be read or written
    │   ├── DestinationUnknown       no destination of that name
    │   ├── DestinationExists        the name is taken
    │   ├── DestinationInUse         a job saves to it
    │   ├── JobUnknown               no job of that name
    │   └── JobExists                the name is taken
    ├── RunError                     a run as a process, not what it saves
    │   ├── RunBusy                  (11) another run is at work for the same destination
    │   ├── RunHung                  it gave no sign of life for long, and was ended
    │   ├── RunTooLarge              it took more memory than it may, and was ended
    │   ├── RunInterrupted           it ended without a word: killed, crashed, or the power went off
    │   └── RunSkipped               it did not take place; the reason is told
    ├── DriveError                   a removable drive as a thing that is plugged in, not what is kept on it
    │   ├── DriveUnknown             none that is plugged in is called so
    │   ├── DriveUnsuitable          it cannot be made a backup drive; the reason is told
    │   ├── DriveFake                it loses what is written to it: worn out, or smaller than it says
    │   ├── DriveBusy                it cannot be ejected, because something on it is in use
    │   ├── DriveRefused             the system does not let this user do that to it
    │   ├── DriveStillThere          it was ejected, and yet the system still has it
    │   └── DriveGone                it was unplugged meanwhile
    ├── StateUnusable                this computer's own notes on past runs cannot be kept
    ├── WorkFolderUnusable           this computer's own folder for temporary files failed
    └── RestoreError
        ├── NotInSnapshot            no such path in the snapshot
        ├── NotAFile                 it holds something else there
        ├── TargetUnusable           the folder to restore into cannot take it
        ├── RestoreIncomplete        (3) some files could not be brought back
        └── LatestDoubtful           (3) a damaged backup may be newer
    Cancelled                        not an error: somebody asked to stop (130)

Every class carries ``code`` (the key of its texts in the catalogues), ``exit_code`` (restic's where restic has one) and
``retry``: whether trying again can help. Parameters are annotated fields with a default, so that a text can name them.
A destination error is never a source error: see borg pull request 9853 for what happens otherwise.
"""

from enum import Enum
from typing import ClassVar, dataclass_transform


class Retry(Enum):
    """Whether the same call can succeed later."""

    NEVER = "never"
    LATER = "later"
    AFTER_OWNER_ACTS = "after-owner-acts"


@dataclass_transform(kw_only_default=True, eq_default=False)
class TraybackupError(Exception):
    """The root of everything this program raises on purpose.

    Fields work as in a dataclass, without its cost: generating the methods of fifty classes took longer than all the
    rest of ``traybackup --help``.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1
    retry: ClassVar[Retry] = Retry.NEVER
    fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        own = cls.__annotations__  # not from __dict__: Python 3.14 has them elsewhere
        cls.fields += tuple(name for name, kind in own.items() if "ClassVar" not in str(kind))

    def __init__(self, **params: str | float | None) -> None:
        unknown = params.keys() - set(self.fields)
        if unknown:
            raise TypeError(unknown)
        super().__init__()
        self.__dict__.update(params)

    @property
    def params(self) -> dict[str, str | int | float | None]:
        """The values a text about this error can name."""
        return {name: getattr(self, name) for name in self.fields}

    def __str__(self) -> str:
        """For logs and tests; people read the catalogue's text instead."""
        known = ", ".join(f"{k}={v!r}" for k, v in self.params.items() if v not in ("", None))
        return f"{self.code}({known})"


class StoreError(TraybackupError):
    """The destination failed. The run ends and no snapshot is written after it."""

    code: ClassVar[str] = "store-failed"
    place: str = ""
    name: str = ""


class NotFound(StoreError):
    """There is no object of that name."""

    code: ClassVar[str] = "not-found"


class AlreadyExists(StoreError):
    """The name is taken and overwriting was not asked for; the old content is intact."""

    code: ClassVar[str] = "already-exists"


class InvalidName(StoreError):
    """Not a legal object name (see `traybackup.api.store.check_name`)."""

    code: ClassVar[str] = "invalid-name"


class PlaceMissing(StoreError):
    """The folder or drive is not there; it is never created by us. *why* is ``service`` where a plugin says so."""

    code: ClassVar[str] = "place-missing"
    exit_code: ClassVar[int] = 10
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    why: str = ""


class PlaceInTrash(PlaceMissing):
    """The folder *folder* is in the service's trash; the owner can take it out again, for some weeks."""

    code: ClassVar[str] = "place-in-trash"
    folder: str = ""


class PlaceUnusable(StoreError):
    """What is at the path cannot hold a repository; *why* is a short keyword."""

    code: ClassVar[str] = "place-unusable"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    why: str = ""


class ProviderUnknown(StoreError):
    """The place is named ``provider:location`` and no such provider is installed."""

    code: ClassVar[str] = "provider-unknown"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    provider: str = ""


class PlaceGone(StoreError):
    """The drive vanished during the run; what was saved before is safe."""

    code: ClassVar[str] = "place-gone"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class PlaceSwapped(StoreError):
    """A different drive answers at the path; nothing was written to it."""

    code: ClassVar[str] = "place-swapped"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class StoreFull(StoreError):
    """No room left. *needed* is in bytes, None if unknown."""

    code: ClassVar[str] = "store-full"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    needed: int | None = None


class StoreReadOnly(StoreError):
    """Write-protected, or set read-only by the system after a fault."""

    code: ClassVar[str] = "store-read-only"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class AccessDenied(StoreError):
    """No right to do this at the destination."""

    code: ClassVar[str] = "access-denied"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class CredentialsRefused(AccessDenied):
    """The place does not accept what the settings and the keyring hold to identify *user*."""

    code: ClassVar[str] = "credentials-refused"
    user: str = ""


class HostKeyUnknown(StoreError):
    """Nobody has confirmed yet that *host* is the right server; *fingerprint* is that of the key it shows.

    Nothing was sent, no password either. Once the owner has said yes, the fingerprint goes into the settings.
    """

    code: ClassVar[str] = "host-key-unknown"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    host: str = ""
    fingerprint: str = ""


class HostKeyChanged(StoreError):
    """*host* shows the key *fingerprint* instead of *expected*: it was set up anew, or is another server."""

    code: ClassVar[str] = "host-key-changed"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    host: str = ""
    fingerprint: str = ""
    expected: str = ""


class StoreDamaged(StoreError):
    """What was read back differs from what was written, or a read came short."""

    code: ClassVar[str] = "store-damaged"


class Offline(StoreError):
    """No connection, a time-out, or a failure on the server's side."""

    code: ClassVar[str] = "offline"
    retry: ClassVar[Retry] = Retry.LATER


class RateLimited(StoreError):
    """Asked to slow down. *retry_after* is in seconds, None if not said."""

    code: ClassVar[str] = "rate-limited"
    retry: ClassVar[Retry] = Retry.LATER
    retry_after: float | None = None


class SignInNeeded(StoreError):
    """The sign-in is missing, has expired or was revoked."""

    code: ClassVar[str] = "sign-in-needed"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class ScopeMissing(SignInNeeded):
    """The owner signed in, but did not tick what is needed."""

    code: ClassVar[str] = "scope-missing"


class SignInExpired(SignInNeeded):
    """The sign-in was good and is no longer: revoked, unused for long, or of an app that is still in testing."""

    code: ClassVar[str] = "sign-in-expired"


class SignInShortLived(SignInExpired):
    """Over *days* days after signing in, as services end it for an app that its maker has not published yet."""

    code: ClassVar[str] = "sign-in-short-lived"
    days: int = 0


class WrongAccount(SignInNeeded):
    """Signed in as *account*, but the destination belongs to *expected*."""

    code: ClassVar[str] = "wrong-account"
    account: str = ""
    expected: str = ""


class SignInRefused(SignInNeeded):
    """Somebody said no in the browser; *reason* is the service's word for it, such as ``access_denied``."""

    code: ClassVar[str] = "sign-in-refused"
    reason: str = ""


class SignInUnanswered(SignInNeeded):
    """Nothing came back from the browser within *seconds* seconds: it was closed, or never opened."""

    code: ClassVar[str] = "sign-in-unanswered"
    seconds: float = 0.0


class SignInImpossible(SignInNeeded):
    """No sign-in can be had here; *why* is a keyword: ``not-offered``, ``ports-taken``, ``nobody-to-ask``."""

    code: ClassVar[str] = "sign-in-impossible"
    why: str = ""


class VaultUnavailable(StoreError):
    """The keyring cannot be used; *why* is a keyword: ``off``, ``none``, ``no-answer``, ``failed``, ``too-long``."""

    code: ClassVar[str] = "vault-unavailable"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    why: str = ""


class VaultLocked(VaultUnavailable):
    """The keyring is locked, or its owner did not want to unlock it."""

    code: ClassVar[str] = "vault-locked"


class FilesInvisible(StoreError):
    """The service answers, but what was stored there can no longer be seen: other app id, or access withdrawn."""

    code: ClassVar[str] = "files-invisible"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class NotTheService(Offline):
    """Something else answered: a sign-in page of the network, a proxy, a wrong address."""

    code: ClassVar[str] = "not-the-service"


class ClockWrong(StoreError):
    """The service refuses because this computer's clock is off by *seconds*."""

    code: ClassVar[str] = "clock-wrong"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    seconds: float = 0.0


class SettingInvalid(StoreError):
    """The setting *field* cannot be right; *allowed* says what is.

    *why* is ``missing``, or ``missing-secret`` for one that belongs into the keyring, if it is not there at all.
    """

    code: ClassVar[str] = "setting-invalid"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    field: str = ""
    allowed: str = ""
    why: str = ""


class PluginRejected(StoreError):
    """The plugin *plugin* cannot be used; *why* is a keyword, *reason* its own words without secrets.

    The keywords are those of ``traybackup plugins``: ``switched-off``, ``not-allowed``, ``changed``, ``import``,
    ``no-answer``, ``needs-newer``, ``signature``, ``raised``, ``junk``, ``empty``.
    """

    code: ClassVar[str] = "plugin-rejected"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    plugin: str = ""
    why: str = ""
    reason: str = ""


class PluginCrashed(StoreError):
    """The plugin *plugin* broke its promise; *why* is a keyword, *reason* its own words without secrets.

    The keywords: ``raised`` (an exception that is no error of a place), ``exit`` (it wanted to end the program),
    ``junk`` (an answer that is none), ``no-answer`` (it hangs).
    """

    code: ClassVar[str] = "plugin-crashed"
    plugin: str = ""
    why: str = ""
    reason: str = ""


class StoreFailed(StoreError):
    """Any other failure of the place; *reason* is the operating system's or the service's own word."""

    code: ClassVar[str] = "store-failed"
    retry: ClassVar[Retry] = Retry.LATER
    reason: str = ""


class RepositoryError(TraybackupError):
    """The repository as a whole cannot be used as asked."""

    code: ClassVar[str] = "repository-failed"


class NoRepository(RepositoryError):
    """The place holds no repository."""

    code: ClassVar[str] = "no-repository"
    exit_code: ClassVar[int] = 10
    place: str = ""


class RepositoryExists(RepositoryError):
    """There is one already; it is never created over."""

    code: ClassVar[str] = "repository-exists"
    place: str = ""


class RepositoryLocked(RepositoryError):
    """Somebody else is at work since *since* (an ISO time).

    *lock* is the id of the lock file; without *host* it is unreadable.
    """

    code: ClassVar[str] = "repository-locked"
    exit_code: ClassVar[int] = 11
    retry: ClassVar[Retry] = Retry.LATER
    host: str = ""
    user: str = ""
    pid: int = 0
    since: str = ""
    lock: str = ""


class WrongPassword(RepositoryError):
    """No key of the repository opens with it."""

    code: ClassVar[str] = "wrong-password"
    exit_code: ClassVar[int] = 12
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class RecoveryCodeMistyped(WrongPassword):
    """A recovery code with a mistake in the *groups* named, such as ``3`` or ``2, 5``; empty: nobody knows where."""

    code: ClassVar[str] = "recovery-code-mistyped"
    groups: str = ""


class PasswordMissing(RepositoryError):
    """No password was given, none is kept, and there is nobody to ask."""

    code: ClassVar[str] = "password-missing"
    exit_code: ClassVar[int] = 12
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class PasswordUnusable(RepositoryError):
    """The password cannot be read from *source*, or is empty; *why* is a short keyword or the system's word."""

    code: ClassVar[str] = "password-unusable"
    exit_code: ClassVar[int] = 12
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    source: str = ""
    why: str = ""


class RepositoryDamaged(RepositoryError):
    """The object *id* is not sound; *why* is a short keyword.

    *kind* is one of config, key, index, pack, blob, tree, snapshot, lock.
    """

    code: ClassVar[str] = "repository-damaged"
    kind: str = ""
    id: str = ""
    why: str = ""


class RepositoryTooNew(RepositoryError):
    """Written by a newer program; reading on could lose something."""

    code: ClassVar[str] = "repository-too-new"
    version: int = 0


class LockLost(RepositoryError):
    """Our lock is gone or too old to trust; nothing more is written."""

    code: ClassVar[str] = "lock-lost"
    retry: ClassVar[Retry] = Retry.LATER


class NoSuchSnapshot(RepositoryError):
    """Nothing matches *wanted*."""

    code: ClassVar[str] = "no-such-snapshot"
    wanted: str = ""


class AmbiguousSnapshot(RepositoryError):
    """*wanted* matches *count* snapshots."""

    code: ClassVar[str] = "ambiguous-snapshot"
    wanted: str = ""
    count: int = 0


class NoSuchKey(RepositoryError):
    """No single key matches *wanted*."""

    code: ClassVar[str] = "no-such-key"
    wanted: str = ""


class KeyInUse(RepositoryError):
    """The key that opened the repository cannot remove itself: the last way in would be lost."""

    code: ClassVar[str] = "key-in-use"
    id: str = ""


class PruneRefused(RepositoryError):
    """Something does not add up, so nothing was deleted. *why* is a short keyword, *what* an object's name."""

    code: ClassVar[str] = "prune-refused"
    why: str = ""
    what: str = ""


class ClockDoubtful(RepositoryError):
    """The clock says *now*, but the snapshot of *newest* is there already; both are ISO times. Nothing is decided."""

    code: ClassVar[str] = "clock-doubtful"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    now: str = ""
    newest: str = ""


class SourceError(TraybackupError):
    """What should be saved cannot be read."""

    code: ClassVar[str] = "source-failed"
    path: str = ""


class SourceMissing(SourceError):
    """The path is not there: no snapshot is written, so that retention cannot push out the good ones."""

    code: ClassVar[str] = "source-missing"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class SourceEmpty(SourceError):
    """The path held something at the last backup and is empty now: no snapshot is written."""

    code: ClassVar[str] = "source-empty"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class SourceIsPlace(SourceError):
    """The path lies in the repository's own folders: it would be saved into itself."""

    code: ClassVar[str] = "source-is-place"
    place: str = ""


class PatternInvalid(SourceError):
    """*pattern* is no gitignore pattern, so nobody can say what it would leave out; *path* is empty."""

    code: ClassVar[str] = "pattern-invalid"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    pattern: str = ""


class SourceUnusable(SourceError):
    """Nothing of *path* can be read, so no snapshot is written; *reason* is the operating system's word."""

    code: ClassVar[str] = "source-unusable"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    reason: str = ""


class SourceUnreadable(SourceError):
    """One item that could not be saved; *reason* is the operating system's word."""

    code: ClassVar[str] = "source-unreadable"
    exit_code: ClassVar[int] = 3
    reason: str = ""


class ConfigError(TraybackupError):
    """The configuration *file* cannot be used as it is."""

    code: ClassVar[str] = "config-failed"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    file: str = ""


class ConfigInvalid(ConfigError):
    """The field at *path*, such as ``destinations.cloud.provider``, cannot be right; *allowed* says what is.

    *line* is where it stands in the file, 0 if it does not.
    """

    code: ClassVar[str] = "config-invalid"
    path: str = ""
    allowed: str = ""
    line: int = 0


class ConfigTooNew(ConfigError):
    """Written by a newer program, in version *version*; it is left untouched."""

    code: ClassVar[str] = "config-too-new"
    version: int = 0


class ConfigUnusable(ConfigError):
    """The file cannot be read, is no TOML, or cannot be written; *reason* is the system's or the parser's word."""

    code: ClassVar[str] = "config-unusable"
    reason: str = ""


class DestinationUnknown(ConfigError):
    """There is no destination called *name*."""

    code: ClassVar[str] = "destination-unknown"
    name: str = ""


class DestinationExists(ConfigError):
    """There is a destination called *name* already."""

    code: ClassVar[str] = "destination-exists"
    name: str = ""


class DestinationInUse(ConfigError):
    """The destination *name* cannot go, because the job *job* saves to it."""

    code: ClassVar[str] = "destination-in-use"
    name: str = ""
    job: str = ""


class JobUnknown(ConfigError):
    """There is no job called *name*."""

    code: ClassVar[str] = "job-unknown"
    name: str = ""


class JobExists(ConfigError):
    """There is a job called *name* already."""

    code: ClassVar[str] = "job-exists"
    name: str = ""


class RunError(TraybackupError):
    """A run of *job* did not come to its end as a process; what was saved before is sound."""

    code: ClassVar[str] = "run-failed"
    retry: ClassVar[Retry] = Retry.LATER
    job: str = ""


class RunBusy(RunError):
    """Another run is at work for *destination*; this one did not begin."""

    code: ClassVar[str] = "run-busy"
    exit_code: ClassVar[int] = 11
    destination: str = ""


class RunHung(RunError):
    """It gave no sign of life for *seconds*, and was ended."""

    code: ClassVar[str] = "run-hung"
    seconds: float = 0.0


class RunTooLarge(RunError):
    """It took *size* bytes of memory, more than it may, and was ended."""

    code: ClassVar[str] = "run-too-large"
    size: int = 0


class RunInterrupted(RunError):
    """It ended without a word: killed by signal *number*, crashed, or the power went off (0: nobody knows)."""

    code: ClassVar[str] = "run-interrupted"
    number: int = 0


class RunSkipped(RunError):
    """It did not take place, and *missed* more before it; *why*: ``off``, ``paused``, ``not-there``, ``busy``.

    ``off``: the computer, or this program, was off or asleep.
    """

    code: ClassVar[str] = "run-skipped"
    why: str = ""
    missed: int = 0


class DriveError(TraybackupError):
    """The *drive*, named as its owner knows it, could not be used as asked; *reason* is the system's word."""

    code: ClassVar[str] = "drive-failed"
    retry: ClassVar[Retry] = Retry.LATER
    drive: str = ""
    reason: str = ""


class DriveUnknown(DriveError):
    """No drive that is plugged in is called *drive*, or *count* are."""

    code: ClassVar[str] = "drive-unknown"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    count: int = 0


class DriveUnsuitable(DriveError):
    """It cannot be made a backup drive; *why* is a keyword, *needed* the bytes that it should have.

    The keywords: ``system`` (this computer starts from it), ``built-in``, ``source`` (what should be saved is on it),
    ``no-medium``, ``no-filesystem``, ``read-only``, ``too-small``, ``full``, ``no-right``.
    """

    code: ClassVar[str] = "drive-unsuitable"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    why: str = ""
    needed: int | None = None


class DriveFake(DriveError):
    """What was written came back altered, or not at all; nothing beyond *size* bytes is sure."""

    code: ClassVar[str] = "drive-fake"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    size: int = 0


class DriveBusy(DriveError):
    """Files on it are open in *programs*; empty if nobody knows. Nothing is lost, it is still plugged in."""

    code: ClassVar[str] = "drive-busy"
    programs: str = ""


class DriveRefused(DriveError):
    """The system does not let this user mount or eject it."""

    code: ClassVar[str] = "drive-refused"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS


class DriveStillThere(DriveError):
    """It was ejected, and yet the system still has it; nothing on it is in use any more."""

    code: ClassVar[str] = "drive-still-there"


class DriveGone(DriveError):
    """It was unplugged meanwhile."""

    code: ClassVar[str] = "drive-gone"


class StateUnusable(TraybackupError):
    """The *file* with the notes on past runs cannot be used; *reason* is the system's or the database's word."""

    code: ClassVar[str] = "state-unusable"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    file: str = ""
    reason: str = ""


class WorkFolderUnusable(TraybackupError):
    """Where packs grow before they are stored, on this computer, there is no room or no right to write."""

    code: ClassVar[str] = "work-folder-unusable"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    folder: str = ""
    reason: str = ""


class RestoreError(TraybackupError):
    """The restore could not do what was asked."""

    code: ClassVar[str] = "restore-failed"
    path: str = ""


class NotInSnapshot(RestoreError):
    """The snapshot holds nothing at *path*."""

    code: ClassVar[str] = "not-in-snapshot"


class NotAFile(RestoreError):
    """What the snapshot holds at *path* has no content that could be written out."""

    code: ClassVar[str] = "not-a-file"


class TargetUnusable(RestoreError):
    """The folder to restore into is missing a right or the room, or is not a folder; *why* is a short keyword."""

    code: ClassVar[str] = "target-unusable"
    retry: ClassVar[Retry] = Retry.AFTER_OWNER_ACTS
    why: str = ""
    needed: int | None = None


class RestoreIncomplete(RestoreError):
    """*failed* of *total* items could not be brought back; they are listed."""

    code: ClassVar[str] = "restore-incomplete"
    exit_code: ClassVar[int] = 3
    failed: int = 0
    total: int = 0


class LatestDoubtful(RestoreError):
    """Another backup may be the latest: *damaged*, which cannot be read. *latest* is the newest that can."""

    code: ClassVar[str] = "latest-doubtful"
    exit_code: ClassVar[int] = 3
    damaged: str = ""
    latest: str = ""


class Cancelled(Exception):
    """Somebody asked to stop; everything acknowledged so far is sound."""

    exit_code: ClassVar[int] = 130
