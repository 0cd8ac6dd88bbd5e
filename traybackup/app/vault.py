"""The vault: passwords in the operating system's own keyring, and nowhere else.

Only the keyrings that encrypt are used, by name. The `keyring` library would otherwise fall back to a plain text file
as soon as some other package brings one along, without a word. Every call is given ten seconds: a keyring that asks
the user to unlock it may wait for ever when nobody sits there.
"""

import importlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

SERVICE = "traybackup"
SWITCH_VARIABLE = "TRAYBACKUP_KEYRING"
"""Set to ``off`` it keeps the program away from the keyring."""

PATIENCE = 10.0
"""Seconds that a keyring may take to answer."""

BACKENDS: tuple[tuple[str, str], ...] = (
    ("keyring.backends.Windows", "WinVaultKeyring"),
    ("keyring.backends.macOS", "Keyring"),
    ("keyring.backends.SecretService", "Keyring"),
    ("keyring.backends.kwallet", "DBusKeyring"),
    ("keyring.backends.libsecret", "Keyring"),
)
"""The keyrings that encrypt, by module and class, in order of preference."""

T = TypeVar("T")


class Secret:
    """A password that does not show itself in logs, tracebacks or a debugger's list of variables."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the password itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._value)


class Vault(ABC):
    """Keeps secrets by name. A vault that cannot be used says why and forgets everything; it never raises.

    Attributes:
        trouble: Empty while it works, else a keyword: ``off``, ``none``, ``locked``, ``no-answer``, ``failed``.
    """

    trouble: str = ""

    @abstractmethod
    def get(self, name: str) -> Secret | None:
        """Return the secret called *name*, None if there is none or the vault cannot be used."""

    @abstractmethod
    def set(self, name: str, secret: Secret) -> bool:
        """Keep *secret*; say whether it is really kept."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Forget the secret; fine if there is none."""


class NoVault(Vault):
    """No vault at all, and the reason for it."""

    def __init__(self, trouble: str) -> None:
        self.trouble = trouble

    def get(self, name: str) -> Secret | None:  # noqa: ARG002 - keeps nothing
        return None

    def set(self, name: str, secret: Secret) -> bool:  # noqa: ARG002 - keeps nothing
        return False

    def delete(self, name: str) -> None:
        pass


class Keyring(Protocol):
    """What is used of a backend of the `keyring` library."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


class KeyringVault(Vault):
    """A vault in the operating system's keyring, looked for at the first use."""

    def __init__(self, find: Callable[[], Keyring | None] | None = None, patience: float = PATIENCE) -> None:
        self._find = find or find_keyring
        self._patience = patience
        self._keyring: Keyring | None = None
        self._looked = False

    def get(self, name: str) -> Secret | None:
        value = self._ask(lambda ring: ring.get_password(SERVICE, name))
        return Secret(value) if value else None

    def set(self, name: str, secret: Secret) -> bool:
        def keep(ring: Keyring) -> bool:
            ring.set_password(SERVICE, name, secret.reveal())
            return ring.get_password(SERVICE, name) == secret.reveal()

        return bool(self._ask(keep))

    def delete(self, name: str) -> None:
        def forget(ring: Keyring) -> None:
            if ring.get_password(SERVICE, name) is not None:
                ring.delete_password(SERVICE, name)

        self._ask(forget)

    def _ask(self, question: Callable[[Keyring], T]) -> T | None:
        """Put *question* to the keyring in a thread of its own; after the first trouble it is not asked again."""
        if self.trouble:
            return None

        def answer() -> T | None:
            if not self._looked:
                self._keyring = self._find()
                self._looked = True
            if self._keyring is None:
                self.trouble = "none"
                return None
            return question(self._keyring)

        try:
            return within(self._patience, answer)
        except TimeoutError:
            self.trouble = "no-answer"
        except Exception as error:  # noqa: BLE001 - each backend has exceptions of its own; none may end a backup
            self.trouble = "locked" if "locked" in type(error).__name__.lower() else "failed"
        return None


def open_vault(environment: Mapping[str, str]) -> Vault:
    """Return the vault of this user; nothing is imported or asked before it is used."""
    if environment.get(SWITCH_VARIABLE, "").lower() in {"off", "none", "0"}:
        return NoVault("off")
    return KeyringVault()


def find_keyring(backends: Sequence[tuple[str, str]] = BACKENDS) -> Keyring | None:
    """Return the first of *backends* that works here, None if none does."""
    for module_name, class_name in backends:
        try:
            backend = getattr(importlib.import_module(module_name), class_name)
            if backend.priority > 0:
                keyring: Keyring = backend()
                return keyring
        except Exception:  # noqa: BLE001, S112 - a backend for another system fails in ways of its own
            continue
    return None


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what *call* returns, or raise what it raises.

    Raises:
        TimeoutError: It took longer than *seconds*; it is left behind in its thread.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            failure.append(error)

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise TimeoutError
    return outcome[0]
