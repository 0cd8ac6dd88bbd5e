"""A vault in memory, for tests of providers."""

from traybackup.api.errors import SignInNeeded


class MemoryVault:
    """One destination's secrets, by name; gone with the process."""

    def __init__(self, **secrets: str) -> None:
        self._secrets = dict(secrets)

    def __repr__(self) -> str:
        return f"MemoryVault({', '.join(sorted(self._secrets))})"

    def get(self, name: str) -> str:
        """Return the secret *name*.

        Raises:
            SignInNeeded: There is none.
        """
        try:
            return self._secrets[name]
        except KeyError:
            raise SignInNeeded(name=name) from None

    def set(self, name: str, value: str) -> None:
        """Keep *value* under *name*."""
        self._secrets[name] = value

    def delete(self, name: str) -> None:
        """Forget the secret; fine if there is none."""
        self._secrets.pop(name, None)
