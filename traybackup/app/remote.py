"""Remote places: those that plugins open, with all that the host puts around them.

A *Remote* is a place ready to be opened: its provider, its settings, its secrets, and the guard of its plugin. *Use*
says what it is opened for.
"""

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from traybackup.api.errors import Cancelled, SettingInvalid, StoreError
from traybackup.api.progress import Cancel, Progress
from traybackup.api.provider import Field, FieldKind
from traybackup.api.store import Store
from traybackup.app import config, limits
from traybackup.app.config import Settings
from traybackup.app.context import Context, Trying
from traybackup.app.hosting import Hosted
from traybackup.app.limits import Timetable
from traybackup.app.places import ProviderPlace
from traybackup.app.scopes import Scope, ScopedVault
from traybackup.stores.caching import CachingStore
from traybackup.stores.counting import Counts
from traybackup.stores.guarding import Guard
from traybackup.stores.retrying import Patience, persist
from traybackup.stores.throttled import Rate
from traybackup.stores.wrapping import Manner, wrap

_SOON = Patience(budget=30.0)
"""Somebody sits there and waits."""

_CONFIG_EVERY = 2.0
"""Seconds after which a changed limit counts."""

_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,9})?")


class Use(Enum):
    """What a place is opened for."""

    LOOK = "look"
    """To tell somebody something, soon or not at all."""

    READ = "read"
    CHANGE = "change"

    BACKUP = "backup"
    """As a backup reads: of the packs only those that hold folders, so a whole one is worth keeping."""

    CHECK = "check"
    """To see what is really there: nothing comes from the cache."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A place that can be opened."""

    place: ProviderPlace
    hosted: Hosted
    settings: Settings
    vault: ScopedVault
    guard: Guard


def find(context: Context, place: ProviderPlace, *, cancel: Cancel | None = None) -> Remote:
    """Load the plugin of a place and see whether the settings can be right.

    Raises:
        ProviderUnknown, PluginRejected, PluginCrashed
        SettingInvalid: One of them cannot.
    """
    hosted = context.plugins.provider(place.provider)
    guard = Guard(hosted.plugin or hosted.id, cancel=cancel, redact=context.redact)
    vault = ScopedVault(context.vault, _scope(context, place, hosted), context.redact)
    return Remote(place, hosted, settings_of(place, hosted), vault, guard)


def open_place(
    context: Context,
    place: ProviderPlace,
    *,
    use: Use,
    cancel: Cancel,
    progress: Progress,
    counts: Counts | None = None,
) -> Store:
    """Open a place; *counts* gets what is asked of it.

    Raises:
        StoreError, Cancelled
    """
    remote = find(context, place, cancel=cancel)
    store = wrapped(context, remote, use=use, cancel=cancel, progress=progress, counts=counts)
    if use is Use.CHECK:
        return store
    name = hashlib.sha256(place.identity.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return CachingStore(store, context.paths.cache / "places" / name, backup=use is Use.BACKUP)


def wrapped(
    context: Context,
    remote: Remote,
    *,
    use: Use,
    cancel: Cancel,
    progress: Progress,
    counts: Counts | None = None,
) -> Store:
    """Open a place without a cache."""
    patience = _SOON if use is Use.LOOK else Patience()
    up, down = _rates(context, remote.place.destination)
    noticed = teller(context, remote.place)
    manner = Manner(
        cancel=cancel,
        progress=progress,
        up=up,
        down=down,
        patience=patience,
        noticed=noticed,
        counts=counts or Counts(),
    )
    inner = persist(
        lambda: remote.hosted.open(remote.settings, remote.vault, remote.guard),
        patience,
        wait=cancel.wait,
        noticed=noticed,
    )
    try:
        return wrap(inner, remote.guard, manner)
    except StoreError:
        with suppress(StoreError, Cancelled):
            remote.guard.call(lambda _: inner.close(), patience=10.0)
        raise


def teller(context: Context, place: ProviderPlace) -> Trying:
    """Return what tells of failures that are not the last word, with the place named in them."""

    def tell(error: StoreError, seconds: float) -> None:
        error.place = error.place or place.text
        context.trying(error, seconds)

    return tell


def settings_of(place: ProviderPlace, hosted: Hosted) -> Settings:
    """Return the settings of a place, defaults included.

    Raises:
        SettingInvalid: One of them cannot be right.
    """
    given = {key: value for key, value in place.settings.items() if value != ""}
    if place.location:
        given[hosted.location_field] = place.location
    return checked(hosted, given)


def checked(hosted: Hosted, given: Settings) -> dict[str, str]:
    """Return *given* with defaults, checked as far as the fields say what is right.

    Raises:
        SettingInvalid: An unknown one, a missing one, a secret, or a value that cannot be.
    """
    fields = {hosted.location_field: Field(hosted.location_field, "")}  # which need not be declared
    fields |= {one.key: one for one in hosted.fields}
    for key in given:
        if key not in fields:
            raise SettingInvalid(field=key, allowed=", ".join(fields))
        if fields[key].kind is FieldKind.SECRET:
            raise SettingInvalid(field=key, allowed=f"--secret {key}")
    found = {key: one.default for key, one in fields.items() if one.default and one.kind is not FieldKind.SECRET}
    found |= given
    for key, one in fields.items():
        if one.kind is not FieldKind.SECRET:
            _check(one, found.get(key, ""))
    return found


def check_secrets(hosted: Hosted, given: Iterable[str]) -> None:
    """See whether settings for the keyring are such.

    Raises:
        SettingInvalid: One is none.
    """
    known = hosted.secret_keys()
    for key in given:
        if key not in known:
            raise SettingInvalid(field=key, allowed=", ".join(sorted(known)))


def _check(one: Field, value: str) -> None:
    if not value:
        if one.required:
            raise SettingInvalid(field=one.key, why="missing")
        return
    allowed = ""
    if one.kind is FieldKind.CHOICE and value not in one.choices:
        allowed = ", ".join(one.choices)
    elif one.kind is FieldKind.SWITCH and value not in ("true", "false"):
        allowed = "true, false"
    elif one.kind is FieldKind.NUMBER and not _NUMBER.fullmatch(value):
        allowed = "123"
    if allowed:
        raise SettingInvalid(field=one.key, allowed=allowed)


def scope_of(place: ProviderPlace) -> Scope:
    """Return whose secrets a place has of its own."""
    return Scope("destination", place.destination) if place.destination else Scope("provider", place.provider)


def _scope(context: Context, place: ProviderPlace, hosted: Hosted) -> Scope:
    """Return whose secrets a place uses: without a sign-in and settings of its own, those of all of the provider's."""
    own = scope_of(place)
    shared = Scope("provider", place.provider)
    if own == shared or hosted.redirects is None or set(place.own) - {hosted.location_field}:
        return own
    if ScopedVault(context.vault, own, context.redact).signed_in:
        return own
    return shared if ScopedVault(context.vault, shared, context.redact).signed_in else own


def _rates(context: Context, destination: str) -> tuple[Rate, Rate]:
    """Return what says how fast a destination may be used at this moment; a changed configuration counts at once."""
    watched = _Limits(context, destination)
    now = context.clock
    return limits.rate(lambda: watched.now()[0], now), limits.rate(lambda: watched.now()[1], now)


class _Limits:
    """The limits of a destination, read again when the configuration was changed."""

    def __init__(self, context: Context, destination: str) -> None:
        self._paths, self._clock, self._destination = context.paths, context.clock, destination
        self._file: Path = config.file_of(context.paths)
        self._seen = self._stamp()
        self._looked = context.clock()
        self._limits = config.load_or_earlier(context.paths).config.limits(destination)

    def now(self) -> tuple[Timetable, Timetable]:
        """Return the limits up and down; those of before while the file cannot be understood."""
        moment = self._clock()
        if abs((moment - self._looked).total_seconds()) >= _CONFIG_EVERY:
            self._looked = moment
            stamp = self._stamp()
            if stamp != self._seen:
                with suppress(Exception):  # an editor may be half-way
                    self._limits = config.load(self._paths).limits(self._destination)
                    self._seen = stamp
        return self._limits

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
