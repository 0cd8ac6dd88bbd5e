"""A vault in memory, for tests of providers."""

from traybackup.api.provider import MAX_SECRET, Vault


class MemoryVault(Vault):
    """One destination's secrets, by name; gone with the process."""

    def __init__(self, **secrets: str) -> None:
        self._secrets = dict(secrets)

    def __repr__(self) -> str:
        return f"MemoryVault({', '.join(sorted(self._secrets))})"

    def get(self, key: str) -> str | None:
        return self._secrets.get(key)

    def set(self, key: str, value: str) -> None:
        if len(value) > MAX_SECRET:
            raise ValueError(key)  # as Windows would
        self._secrets[key] = value

    def delete(self, key: str) -> None:
        self._secrets.pop(key, None)
