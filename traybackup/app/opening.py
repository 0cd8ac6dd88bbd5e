"""Opening a repository: find the place, find the password, make the repository if there is none and that is wanted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from traybackup.api.errors import (
    NoRepository,
    PasswordMissing,
    PlaceMissing,
    RecoveryCodeMistyped,
    StoreError,
    WrongPassword,
)
from traybackup.api.progress import Cancel, Progress
from traybackup.api.store import Store
from traybackup.app import config, places, recovery, remote
from traybackup.app.context import Context
from traybackup.app.passwords import Ask, Passwords, Question
from traybackup.app.places import FolderPlace, Place
from traybackup.app.remote import Use
from traybackup.app.vault import Secret
from traybackup.engine import keys
from traybackup.engine.repository import Repository
from traybackup.stores.counting import Counts

_TRIES = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """Which repository, and how to get in.

    Attributes:
        place: As written by the user.
        password_file: Where the password is, if named.
        ask: Asks the user; None: there is nobody to ask.
    """

    place: str
    password_file: Path | None = None
    ask: Ask | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NewRepository:
    """What there is to tell about a repository that was just made.

    Attributes:
        recovery_code: The generated password; None if one was given.
        kept: Whether the keyring keeps it.
        vault_trouble: Why not, as a keyword of `traybackup.app.vault.Vault`.
    """

    place: str
    id: str
    recovery_code: Secret | None
    kept: bool
    vault_trouble: str


@dataclass(frozen=True, slots=True)
class Opened:
    """An open repository, the place it is in, and the news if it was just made.

    Attributes:
        asked: What was asked of a place that is not on this computer, up to now.
    """

    place: Place
    store: Store
    repository: Repository
    passwords: Passwords
    made: NewRepository | None = None
    asked: Counts = field(default_factory=Counts)


@contextmanager
def opened(
    context: Context,
    access: Access,
    *,
    use: Use = Use.LOOK,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> Iterator[Opened]:
    """Open the repository at a place; closed at exit.

    Args:
        use: What for: how long to wait for a place that does not answer, and what may be taken from the cache.
        progress: Told of what goes over a line.

    Raises:
        NoRepository, WrongPassword, PasswordMissing, RepositoryDamaged, RepositoryTooNew, StoreError
    """
    asked = Counts()
    with named(access.place):
        place = find_place(context, access.place)
        with open_place(context, place, use=use, cancel=cancel, progress=progress, counts=asked) as store:
            passwords = _passwords(context, access)
            yield Opened(place, store, _open(store, place, passwords), passwords, asked=asked)


@contextmanager
def opened_or_made(
    context: Context, access: Access, *, cancel: Cancel | None = None, progress: Progress | None = None
) -> Iterator[Opened]:
    """Open the repository at a place for a backup, or make it if the place has none; closed at exit."""
    with named(access.place):
        place = find_place(context, access.place)
        passwords = _passwords(context, access)
        passwords.given()  # a wrong file name is told before anything is made
        new_folder = place.folder if isinstance(place, FolderPlace) and places.make_folder(place) else None
        asked = Counts()
        try:
            with open_place(context, place, use=Use.BACKUP, cancel=cancel, progress=progress, counts=asked) as store:
                if Repository.exists(store):
                    yield Opened(place, store, _open(store, place, passwords), passwords, asked=asked)
                    return
                repository, made = _make(context, store, place, passwords)
                new_folder = None
                yield Opened(place, store, repository, passwords, made, asked)
        finally:
            if new_folder is not None:
                _remove_if_empty(new_folder)


def find_place(context: Context, text: str) -> Place:
    """Understand what somebody wrote as a place, names of destinations included.

    Raises:
        ConfigError: The configuration cannot be right, and the earlier version of it knows no such destination.
    """
    known = config.load_or_earlier(context.paths)
    if known.problem is not None and text not in known.config.destinations:
        raise known.problem
    return places.parse(text, known.config)


def open_place(
    context: Context,
    place: Place,
    *,
    use: Use = Use.LOOK,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
    counts: Counts | None = None,
) -> Store:
    """Open a place, with all that the host puts around it; *counts* gets what is asked of one that is elsewhere."""
    if isinstance(place, FolderPlace):
        return places.open_folder(place)
    cancel, progress = cancel or Cancel(), progress or Progress()
    return remote.open_place(context, place, use=use, cancel=cancel, progress=progress, counts=counts)


@contextmanager
def named(text: str) -> Iterator[None]:
    """Name the place in errors of the store and in those of the repository that speak of one."""
    try:
        yield
    except PlaceMissing as error:
        error.place = text
        raise
    except (StoreError, NoRepository) as error:
        error.place = error.place or text
        raise


def _passwords(context: Context, access: Access) -> Passwords:
    return Passwords(environment=context.environment, vault=context.vault, file=access.password_file, ask=access.ask)


def _open(store: Store, place: Place, passwords: Passwords) -> Repository:
    if not Repository.exists(store):
        raise NoRepository(place=place.text)
    given = passwords.given()
    if given:
        return try_password(store, given)
    for key_id, secret in passwords.kept(keys.key_ids(store), place.identity):
        try:
            repository = try_password(store, secret, hint=key_id)
        except WrongPassword:
            continue
        if not key_id and passwords.keep(repository.key_id, secret):
            passwords.forget_pending(place.identity)
        return repository
    if not passwords.can_ask:
        raise PasswordMissing
    question = Question.PASSWORD
    for _ in range(_TRIES - 1):
        try:
            return try_password(store, passwords.asked(question))
        except WrongPassword:
            question = Question.AGAIN
    return try_password(store, passwords.asked(question))


def try_password(store: Store, secret: Secret, *, hint: str = "") -> Repository:
    """Open the repository with a password or a recovery code, however the code was typed.

    Raises:
        RecoveryCodeMistyped: It was meant as a code and has a mistake.
        WrongPassword: No key opens with it.
    """
    try:
        return Repository.open(store, as_password(secret), hint=hint)
    except WrongPassword:
        if not recovery.looks_like_code(secret.reveal()):
            raise
        try:
            recovery.normal_form(secret.reveal())
        except recovery.MistypedCode as error:
            raise RecoveryCodeMistyped(groups=", ".join(map(str, error.groups))) from None
        raise


def as_password(secret: Secret) -> str:
    """Return what the key is derived from: a right recovery code in its normal form, anything else as it is."""
    try:
        return recovery.normal_form(secret.reveal())
    except recovery.MistypedCode:
        return secret.reveal()


def _make(context: Context, store: Store, place: Place, passwords: Passwords) -> tuple[Repository, NewRepository]:
    """Make a repository with the password given, else with a new recovery code."""
    given = passwords.given()
    where = place.identity
    if given:
        secret, code = given, None
    else:
        secret = code = passwords.pending(where) or Secret(recovery.generate())
        passwords.keep_pending(where, secret)
    repository = Repository.create(
        store, as_password(secret), now=context.clock(), host=context.host, user=context.user
    )
    kept = False
    if code:
        kept = passwords.keep(repository.key_id, code)
        if kept:
            passwords.forget_pending(where)
    _log.info("made repository %s in %s", repository.id, place.text)
    return repository, NewRepository(place.text, repository.id, code, kept, passwords.vault.trouble)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        _log.info("left %s as it is", folder)
