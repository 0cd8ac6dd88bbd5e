"""Secrets of destinations: what a plugin may keep in the keyring, each destination apart from all others.

A *Scope* says whose secrets: those of a configured destination, or those of all places of a provider that have none of
their own. Beside them the host keeps a list of their names, so that all can be removed, and the account that signed in.
"""

import json
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from traybackup.api import provider
from traybackup.api.errors import VaultLocked, VaultUnavailable
from traybackup.api.provider import MAX_SECRET, Account
from traybackup.app.redaction import Redactor
from traybackup.app.vault import Secret, Vault

_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_LIST = "*"


class Scope(NamedTuple):
    """Whose secrets. *kind* is ``destination`` or ``provider``."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in; *since* is an ISO time."""

    name: str
    id: str
    since: str


@dataclass(frozen=True, slots=True)
class _Known:
    """What the host keeps of a scope."""

    keys: tuple[str, ...] = ()
    account: SignedIn | None = None


class ScopedVault(provider.Vault):
    """The secrets of one scope."""

    def __init__(self, vault: Vault, scope: Scope, redact: Redactor) -> None:
        self.scope = scope
        self._vault, self._redact = vault, redact

    def __repr__(self) -> str:
        return f"ScopedVault({self.scope.kind} {self.scope.name})"

    def get(self, key: str) -> str | None:
        return self._get(_checked(key))

    def set(self, key: str, value: str) -> None:
        self.check(key, value)
        self._set(key, value)
        known = self._listed()
        if key not in known.keys:
            self._list(replace(known, keys=(*known.keys, key)))

    def delete(self, key: str) -> None:
        self._delete(_checked(key))

    def check(self, key: str, value: str) -> None:
        """See whether a secret could be kept, and take it out of every text from now on.

        Raises:
            VaultUnavailable: It is too long for a keyring.
        """
        self._redact.know(value)
        if len(value) > MAX_SECRET or not _checked(key):
            raise VaultUnavailable(why="too-long")

    def holds_other_than(self, settings: Collection[str]) -> bool:
        """Say whether there is more here than secret *settings*: a sign-in."""
        known = self._listed()
        return known.account is not None or not set(known.keys) <= set(settings)

    @property
    def signed_in(self) -> SignedIn | None:
        """Who signed in, as far as the host knows."""
        return self._listed().account

    def note(self, account: Account, since: str) -> None:
        """Remember who signed in."""
        self._list(replace(self._listed(), account=SignedIn(account.name, account.id, since)))

    def empty(self, keep: Collection[str] = ()) -> None:
        """Forget every secret of the scope, except those to *keep*."""
        known = self._listed().keys
        for key in known:
            if key not in keep:
                self._delete(key)
        kept = tuple(key for key in known if key in keep)
        if kept:
            self._list(_Known(kept))
        else:
            self._delete(_LIST)

    def _listed(self) -> _Known:
        try:
            found = json.loads(self._get(_LIST) or "{}")
            account = found.get("account")
            return _Known(
                tuple(str(key) for key in found.get("keys", ())),
                SignedIn(*(str(account[name]) for name in ("name", "id", "since"))) if account else None,
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return _Known()

    def _list(self, known: _Known) -> None:
        self._set(_LIST, json.dumps(asdict(known)))

    def _get(self, key: str) -> str | None:
        found = self._vault.get(self._name(key))
        self._check()
        if found is None:
            return None
        if key != _LIST:
            self._redact.know(found.reveal())
        return found.reveal()

    def _set(self, key: str, value: str) -> None:
        if key != _LIST:
            self._redact.know(value)
        kept = self._vault.set(self._name(key), Secret(value))
        self._check()
        if not kept:
            raise VaultUnavailable(why="failed")

    def _delete(self, key: str) -> None:
        self._vault.delete(self._name(key))
        self._check()

    def _name(self, key: str) -> str:
        return f"{self.scope.kind} {self.scope.name} {key}"

    def _check(self) -> None:
        """Raise if the keyring is in trouble."""
        if self._vault.trouble in ("locked", "cancelled"):
            raise VaultLocked(why=self._vault.trouble)
        if self._vault.trouble:
            raise VaultUnavailable(why=self._vault.trouble)


def _checked(key: str) -> str:
    """Return *key*: a plugin gets at no other name in the keyring than its own."""
    if not _KEY.fullmatch(key):
        raise ValueError(key)
    return key
