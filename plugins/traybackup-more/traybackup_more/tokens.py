"""Tokens: a refresh token in the keyring, in as many parts as it needs."""

from collections.abc import Iterator

from traybackup.api import MAX_SECRET, Vault

SCOPES = ("Files.ReadWrite", "offline_access", "User.Read")
"""What a sign-in is asked for: the files, to last, and whose account it is."""
_PARTS = 4


def _keys() -> Iterator[str]:
    return (f"refresh_token_{part}" if part else "refresh_token" for part in range(_PARTS))


def keep(vault: Vault, token: str) -> None:
    """Keep a refresh token."""
    for number, key in enumerate(_keys()):
        part = token[number * MAX_SECRET : (number + 1) * MAX_SECRET]
        if part:
            vault.set(key, part)
        else:
            vault.delete(key)


def load(vault: Vault) -> str:
    """Return the refresh token; empty if there is none."""
    found = ""
    for key in _keys():
        part = vault.get(key)
        if not part:
            break
        found += part
    return found


def forget(vault: Vault) -> None:
    """Remove the refresh token."""
    for key in _keys():
        vault.delete(key)
