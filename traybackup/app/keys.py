"""Keys: the passwords that open a repository, listed, added, removed, changed."""

from dataclasses import dataclass
from pathlib import Path

from traybackup.api.errors import PasswordMissing, RepositoryDamaged
from traybackup.app import recovery
from traybackup.app.context import Context
from traybackup.app.locking import locked
from traybackup.app.opening import Access, Opened, as_password, opened
from traybackup.app.vault import Secret
from traybackup.engine import keys
from traybackup.engine.keys import KeyInfo
from traybackup.engine.repository import Repository


@dataclass(frozen=True, slots=True)
class KeyList:
    """The keys of a repository, the one that opened it, and what is wrong with the others."""

    keys: tuple[KeyInfo, ...]
    current: str
    damaged: tuple[RepositoryDamaged, ...]


@dataclass(frozen=True, slots=True)
class NewKey:
    """What the new password should be.

    Attributes:
        file: Where it is; None: asked for.
        generate: A recovery code is generated instead.
        host, user: Written into the key in place of ours.
    """

    file: Path | None = None
    generate: bool = False
    host: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """A key that was added.

    Attributes:
        recovery_code: If it was generated.
        kept: Whether the keyring keeps its password.
        vault_trouble: Why not, as a keyword of `traybackup.app.vault.Vault`.
        removed: The key it replaces; empty: none.
    """

    id: str
    recovery_code: Secret | None
    kept: bool
    vault_trouble: str
    removed: str = ""


def list_keys(context: Context, access: Access) -> KeyList:
    """Return the keys of a repository."""
    with opened(context, access) as target:
        found = list(keys.list_keys(target.store))
    return KeyList(
        keys=tuple(one for one in found if isinstance(one, KeyInfo)),
        current=target.repository.key_id,
        damaged=tuple(one for one in found if isinstance(one, RepositoryDamaged)),
    )


def add_key(context: Context, access: Access, new: NewKey) -> KeyChanged:
    """Add a password.

    Raises:
        PasswordMissing: None was given and there is nobody to ask.
    """
    with opened(context, access) as target:
        secret = _chosen(target, new)
        with locked(context, target.repository, exclusive=False):
            key_id = _add(context, target, secret, new)
        kept = new.generate and target.passwords.keep(key_id, secret)
        return KeyChanged(key_id, secret if new.generate else None, kept, target.passwords.vault.trouble)


def remove_key(context: Context, access: Access, wanted: str) -> str:
    """Remove the key whose id begins with *wanted*; return its id.

    Raises:
        NoSuchKey: Not exactly one begins so.
        KeyInUse: It is the one that opened the repository.
    """
    with opened(context, access) as target, locked(context, target.repository, exclusive=True):
        removed = keys.remove_key(target.store, wanted, in_use=target.repository.key_id)
        target.passwords.forget(removed)
    return removed


def change_password(context: Context, access: Access, new: NewKey) -> KeyChanged:
    """Replace the password that opened the repository: the old key goes only once the new one has opened it."""
    with opened(context, access) as target:
        old = target.repository.key_id
        secret = _chosen(target, new)
        with locked(context, target.repository, exclusive=True):
            key_id = _add(context, target, secret, new)
            was_kept = any(found == old for found, _ in target.passwords.kept([old], target.place.identity))
            kept = (new.generate or was_kept) and target.passwords.keep(key_id, secret)
            keys.remove_key(target.store, old, in_use=key_id)
            target.passwords.forget(old)
        code = secret if new.generate else None
        return KeyChanged(key_id, code, kept, target.passwords.vault.trouble, removed=old)


def _chosen(target: Opened, new: NewKey) -> Secret:
    if new.generate:
        return Secret(recovery.generate())
    secret = target.passwords.chosen(new.file)
    if secret is None:
        raise PasswordMissing
    return secret


def _add(context: Context, target: Opened, secret: Secret, new: NewKey) -> str:
    """Add the key, and prove that it opens the repository."""
    key_id = keys.add_key(
        target.store,
        target.repository.key,
        as_password(secret),
        now=context.clock(),
        host=new.host or context.host,
        user=new.user or context.user,
    )
    Repository.open(target.store, as_password(secret), hint=key_id)
    return key_id
