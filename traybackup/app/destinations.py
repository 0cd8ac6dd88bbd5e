"""Destinations: places that have a name, added, listed, removed, tried out."""

import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from traybackup.api.errors import (
    Cancelled,
    ConfigInvalid,
    DestinationExists,
    DestinationInUse,
    DestinationUnknown,
    SettingInvalid,
    StoreDamaged,
    StoreError,
)
from traybackup.api.progress import Cancel
from traybackup.api.provider import Field, FieldKind
from traybackup.api.store import BytesPayload, Space
from traybackup.app import config, places, remote
from traybackup.app.builtin import FOLDER, PATH
from traybackup.app.config import DRIVE, Destination
from traybackup.app.context import Context
from traybackup.app.opening import find_place, named, open_place
from traybackup.app.places import FolderPlace, ProviderPlace
from traybackup.app.scopes import Scope, ScopedVault
from traybackup.app.vault import Secret
from traybackup.engine.repository import Repository

_PROBE_SIZE = 4096
_LOCAL = (FOLDER, DRIVE)


@dataclass(frozen=True, slots=True)
class NewDestination:
    """What to add.

    Attributes:
        place: A folder, or ``provider:location``.
        settings: Besides the location.
        secrets: Settings for the keyring.
    """

    name: str
    place: str
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Added:
    """A destination that was added; *sign_in*: it wants a sign-in first."""

    destination: Destination
    sign_in: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A destination, and who signed in for it; empty: nobody, or nobody knows."""

    destination: Destination
    account: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A place that was tried out.

    Attributes:
        seconds: How long it took to write, read and remove a small object.
        repository: Whether there are backups in it.
    """

    place: str
    space: Space
    seconds: float
    repository: bool


def add(context: Context, new: NewDestination) -> Added:
    """Give a place a name; the place itself is not touched.

    Raises:
        DestinationExists: The name is taken.
        ConfigInvalid: It cannot be a name.
        ProviderUnknown, PluginRejected, SettingInvalid, VaultUnavailable
    """
    if not config.NAME.fullmatch(new.name):
        file = str(config.file_of(context.paths))
        raise ConfigInvalid(file=file, path=f"destinations.{new.name}", allowed=config.NAME.pattern)
    known = config.load(context.paths)
    if new.name in known.destinations:
        raise DestinationExists(name=new.name)
    with named(new.place):
        place = places.parse(new.place, known)
        if isinstance(place, FolderPlace):
            return _add_folder(context, new, place)
        return _add_remote(context, new, place)


def _add_folder(context: Context, new: NewDestination, place: FolderPlace) -> Added:
    for key in (*new.settings, *new.secrets):
        raise SettingInvalid(field=key, allowed=PATH)
    folder = place.folder
    if place.marker is not None:  # the drive, not the repository on it
        folder = place.marker.file.parent.parent
    return Added(_write(context, Destination(new.name, FOLDER, {PATH: str(folder)})), sign_in=False)


def _add_remote(context: Context, new: NewDestination, place: ProviderPlace) -> Added:
    hosted = context.plugins.provider(place.provider)
    own = dict(new.settings)
    if place.location:
        own[hosted.location_field] = place.location
    remote.checked(hosted, {**place.settings, **own})
    remote.check_secrets(hosted, new.secrets)
    for one in hosted.fields:
        if one.kind is FieldKind.SECRET and one.required and one.key not in new.secrets:
            raise SettingInvalid(field=one.key, why="missing-secret")
    vault = ScopedVault(context.vault, Scope("destination", new.name), context.redact)
    try:
        for key, secret in new.secrets.items():
            vault.set(key, secret.reveal())
        added = _write(context, Destination(new.name, hosted.id, own))
    except BaseException:
        with suppress(StoreError):
            if new.secrets:
                vault.empty()
        raise
    found = ProviderPlace(new.name, hosted.id, "", {**place.settings, **own}, own, new.name)
    return Added(added, sign_in=hosted.redirects is not None and _account(context, found) == "")


def required_secrets(context: Context, text: str) -> tuple[Field, ...]:
    """Return the settings of a place that must be given and belong into the keyring, in the owner's language."""
    with named(text):
        place = places.parse(text, config.load(context.paths))
        if isinstance(place, FolderPlace):
            return ()
        fields = context.plugins.provider(place.provider).fields_in(context.language.code)
    return tuple(one for one in fields if one.required and one.kind is FieldKind.SECRET)


def _write(context: Context, new: Destination) -> Destination:
    def edit(document: dict[str, Any]) -> None:
        known = document.setdefault("destinations", {})
        if new.name in known:
            raise DestinationExists(name=new.name)
        known[new.name] = {"provider": new.provider, "settings": dict(new.settings)}

    config.change(context.paths, edit)
    return new


def list_all(context: Context) -> tuple[Listed, ...]:
    """Return the destinations; no plugin is loaded."""
    known = config.load(context.paths)
    found = []
    for name, destination in known.destinations.items():
        place = places.parse(name, known) if destination.provider not in _LOCAL else None
        account = _account(context, place) if isinstance(place, ProviderPlace) else ""
        found.append(Listed(destination, account))
    return tuple(found)


def _account(context: Context, place: ProviderPlace) -> str:
    """Return who signed in for a place, for itself or for all of the provider's."""
    for scope in (remote.scope_of(place), Scope("provider", place.provider)):
        with suppress(StoreError):
            signed_in = ScopedVault(context.vault, scope, context.redact).signed_in
            if signed_in is not None:
                return signed_in.name
    return ""


def remove(context: Context, name: str) -> None:
    """Forget a destination, with its sign-in and its secrets. What is saved there stays.

    Raises:
        DestinationUnknown: There is none of that name.
        DestinationInUse: A job saves to it.
    """
    known = config.load(context.paths)
    if name not in known.destinations:
        raise DestinationUnknown(name=name)
    for job in known.jobs.values():
        if job.destination == name:
            raise DestinationInUse(name=name, job=job.name)
    if known.destinations[name].provider not in _LOCAL:
        place = places.parse(name, known)
        if isinstance(place, ProviderPlace):
            from traybackup.app import signin  # noqa: PLC0415 - brings an HTTP server

            signin.forget(context, place)

    def edit(document: dict[str, Any]) -> None:
        document.get("destinations", {}).pop(name, None)

    config.change(context.paths, edit)


def try_out(context: Context, text: str, *, cancel: Cancel | None = None) -> Tried:
    """Write a small object at a place, read it, and remove it.

    Raises:
        StoreError: It does not work; the object is removed if it was written.
    """
    with named(text):
        place = find_place(context, text)
        name, data = f"traybackup-test-{secrets.token_hex(4)}", secrets.token_bytes(_PROBE_SIZE)
        with open_place(context, place, cancel=cancel) as store:
            began = time.monotonic()
            try:
                store.put(name, BytesPayload(data))
                _compare(store.get(name), data, name)
            except BaseException:
                with suppress(StoreError, Cancelled):
                    store.delete(name)
                raise
            store.delete(name)
            seconds = time.monotonic() - began
            return Tried(text, store.space(), seconds, Repository.exists(store))


def _compare(got: bytes, wanted: bytes, name: str) -> None:
    if got != wanted:
        raise StoreDamaged(name=name)
