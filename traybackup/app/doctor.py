"""Doctor: is this computer ready, and does a real place keep its promise?

Without a place it looks at what every run relies on: keyring, plugins, configuration, clock. With one it states the
facts of `traybackup.testing` about it, in a scratch folder that is empty again, and gone, afterwards.
"""

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from traybackup.api.errors import Cancelled, ConfigError, SettingInvalid, StoreError, TraybackupError
from traybackup.api.progress import Cancel
from traybackup.api.provider import Vault
from traybackup.api.store import Store
from traybackup.app import config, remote
from traybackup.app.context import Context
from traybackup.app.destinations import try_out
from traybackup.app.findings import Finding, Level, Stated
from traybackup.app.opening import find_place, named
from traybackup.app.places import FolderPlace, ProviderPlace
from traybackup.app.vault import Secret
from traybackup.stores.guarding import Guard
from traybackup.stores.local import LocalStore
from traybackup.stores.retrying import Patience
from traybackup.stores.wrapping import Manner, wrap
from traybackup.testing import FACTS, Ground, NotApplicable

_MANY_FAR = 40
_MANY_NEAR = 300
_PROBE = "doctor"
_DAY = 86_400.0
_PATIENCE = Patience(budget=5.0)


def examine(context: Context) -> Iterator[Finding]:
    """Look at this computer; nothing is changed."""
    yield _configuration(context)
    yield _clock(context)
    yield _keyring(context)
    try:
        survey = context.plugins.survey()
    except ConfigError as error:
        yield Finding(Level.ERROR, "plugins-unreadable", error.file)
        return
    for accepted in survey.accepted:
        yield Finding(Level.OK, "plugin", f"{accepted.plugin.name} ({accepted.plugin.version})")
    for rejected in survey.rejected:
        yield Finding(Level.WARNING, "plugin-rejected", rejected.plugin.name, rejected.why.value)


def _configuration(context: Context) -> Finding:
    file = str(config.file_of(context.paths))
    try:
        known = config.load(context.paths)
    except ConfigError as error:
        return Finding(Level.ERROR, "config-wrong", file, str(error.params.get("path") or error.params.get("reason")))
    return Finding(Level.OK, "config", f"{len(known.destinations)}")


def _clock(context: Context) -> Finding:
    """Compare the clock with the youngest file of the program itself, which was installed before now."""
    now = context.clock()
    program = Path(__file__).parent
    with suppress(OSError):
        if now.timestamp() < program.stat().st_mtime - _DAY:
            return Finding(Level.ERROR, "clock-behind", now.isoformat(timespec="minutes"))
    return Finding(Level.OK, "clock", now.isoformat(timespec="minutes"))


def _keyring(context: Context) -> Finding:
    """Keep something, read it, and forget it."""
    probe = Secret(secrets.token_hex(8))
    kept = context.vault.set(_PROBE, probe)
    if kept:
        context.vault.delete(_PROBE)
    if kept and not context.vault.trouble:
        return Finding(Level.OK, "keyring")
    return Finding(Level.WARNING, "keyring-unusable", why=context.vault.trouble or "failed")


def state_facts(context: Context, text: str, *, cancel: Cancel, stated: Callable[[Stated], object]) -> bool:
    """State every fact about a place and return whether all hold; the scratch folder is removed.

    Args:
        stated: Told of each fact.

    Raises:
        StoreError: The place does not work at all.
        Cancelled: Somebody asked to stop; the scratch folder is removed.
    """
    if not __debug__:  # the facts are assertions
        raise SettingInvalid(field="PYTHONOPTIMIZE", allowed="0")
    try_out(context, text, cancel=cancel)
    with named(text):
        place = find_place(context, text)
        opening = _folder(place) if isinstance(place, FolderPlace) else _remote(context, place, cancel)
        with opening as (open_store, many):
            holds = True
            for fact in FACTS:
                cancel.check()
                found = _stated(fact, open_store, many)
                holds = holds and found.holds is not False
                stated(found)
                with open_store() as store:
                    _wipe(store)
    return holds


def _stated(fact: Callable[[Ground], None], open_store: Callable[[], Store], many: int) -> Stated:
    name, says = fact.__name__, " ".join((fact.__doc__ or "").split())
    try:
        with Ground(open_store, many=many) as ground:
            fact(ground)
    except NotApplicable:
        return Stated(name, says, None)
    except Cancelled:
        raise
    except TraybackupError as error:
        return Stated(name, says, holds=False, detail=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the fact does not hold
        return Stated(name, says, holds=False, detail=f"{type(error).__name__}: {error}".removesuffix(": "))
    return Stated(name, says, holds=True)


@contextmanager
def _folder(place: FolderPlace) -> Iterator[tuple[Callable[[], Store], int]]:
    scratch = place.folder / f"doctor-{secrets.token_hex(4)}"
    scratch.mkdir(mode=0o700)
    try:
        yield lambda: LocalStore(scratch, marker=place.marker), _MANY_NEAR
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _remote(context: Context, place: ProviderPlace, cancel: Cancel) -> Iterator[tuple[Callable[[], Store], int]]:
    found = remote.find(context, place, cancel=cancel)
    settings = found.hosted.scratch(found.settings, f"doctor-{secrets.token_hex(4)}", found.guard)
    vault = AskedOnce(found.vault)
    manner = Manner(cancel=cancel, patience=_PATIENCE, noticed=remote.teller(context, place))

    def open_store() -> Store:
        guard = Guard(found.guard.plugin, cancel=cancel, redact=context.redact)
        return wrap(found.hosted.open(settings, vault, guard), guard, manner)

    try:
        yield open_store, _MANY_FAR
    finally:
        with suppress(StoreError, Cancelled), open_store() as store:
            _wipe(store)
            store.discard()


class AskedOnce(Vault):
    """A vault that asks the keyring for each secret once: the place is opened a hundred times."""

    def __init__(self, inner: Vault) -> None:
        self._inner = inner
        self._known: dict[str, str | None] = {}

    def get(self, key: str) -> str | None:
        if key not in self._known:
            self._known[key] = self._inner.get(key)
        return self._known[key]

    def set(self, key: str, value: str) -> None:
        self._inner.set(key, value)
        self._known[key] = value

    def delete(self, key: str) -> None:
        self._inner.delete(key)
        self._known[key] = None


def _wipe(store: Store) -> None:
    """Remove every object; places that list late are asked a second time."""
    for attempt in range(2):
        for entry in list(store.entries()):
            store.delete(entry.name)
        if not list(store.entries()):
            return
        time.sleep(attempt)
