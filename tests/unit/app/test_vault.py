"""The vault: only keyrings that encrypt, never for longer than its patience, and a secret never shows itself."""

import sys
import threading
import traceback
from types import ModuleType

import pytest

from traybackup.app.vault import (
    BACKENDS,
    SERVICE,
    KeyringVault,
    NoVault,
    Secret,
    find_keyring,
    open_vault,
    within,
)


class Ring:
    """A keyring in memory that counts its calls."""

    priority = 5.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class KeyringLocked(Exception):
    """What a locked keyring raises."""


def test_a_secret_is_kept_and_forgotten() -> None:
    """What was set is got back; deleting what is not there is fine."""
    ring = Ring()
    vault = KeyringVault(lambda: ring)
    assert vault.get("a") is None
    assert vault.set("a", Secret("s"))
    got = vault.get("a")
    assert got is not None
    assert got.reveal() == "s"
    assert ring.kept == {(SERVICE, "a"): "s"}
    vault.delete("a")
    vault.delete("a")
    assert ring.kept == {}
    assert vault.trouble == ""


def test_a_keyring_that_forgets_at_once_does_not_count() -> None:
    """Kept means read back."""

    class Forgetful(Ring):
        def set_password(self, service: str, username: str, password: str) -> None:
            pass

    assert not KeyringVault(Forgetful).set("a", Secret("s"))


def test_no_keyring_is_a_reason_and_no_error() -> None:
    """Without a usable keyring nothing is kept, and the reason is known."""
    vault = KeyringVault(lambda: None)
    assert not vault.set("a", Secret("s"))
    assert vault.get("a") is None
    assert vault.trouble == "none"


@pytest.mark.parametrize(("error", "trouble"), [(KeyringLocked(), "locked"), (RuntimeError("boom"), "failed")])
def test_a_keyring_that_fails_is_asked_only_once(error: Exception, trouble: str) -> None:
    """After the first trouble it is left alone for the rest of the command."""

    class Failing(Ring):
        def get_password(self, service: str, username: str) -> str | None:
            super().get_password(service, username)
            raise error

    ring = Failing()
    vault = KeyringVault(lambda: ring)
    assert vault.get("a") is None
    assert vault.get("b") is None
    assert vault.trouble == trouble
    assert ring.calls == 1


def test_a_keyring_that_waits_for_ever_is_left_behind() -> None:
    """A keyring that asks somebody to unlock it does not hold up the backup."""
    release = threading.Event()

    class Hanging(Ring):
        def get_password(self, service: str, username: str) -> str | None:
            release.wait(30)
            return super().get_password(service, username)

    vault = KeyringVault(Hanging, patience=0.05)
    assert vault.get("a") is None
    assert vault.trouble == "no-answer"
    release.set()


def test_only_keyrings_on_the_list_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain text keyring that some package brought along is never touched, even if it is all there is."""
    plain = ModuleType("keyrings.alt.file")
    plain.PlaintextKeyring = Ring  # type: ignore[attr-defined]  # a stand-in module
    monkeypatch.setitem(sys.modules, "keyrings.alt.file", plain)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyrings.alt.file.PlaintextKeyring")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    assert find_keyring() is None
    assert all("alt" not in module and "plain" not in name.lower() for module, name in BACKENDS)


def test_a_backend_that_does_not_work_here_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first backend on the list that says it can work is taken."""

    class Elsewhere(Ring):
        @property
        def priority(self) -> float:  # type: ignore[override]  # as the library's backends do it
            raise RuntimeError

    module = ModuleType("rings")
    module.A, module.B = Elsewhere, Ring  # type: ignore[attr-defined]  # a stand-in module
    module.A = type("A", (Ring,), {"priority": -1})
    monkeypatch.setitem(sys.modules, "rings", module)
    found = find_keyring((("no.such.module", "X"), ("rings", "A"), ("rings", "Missing"), ("rings", "B")))
    assert type(found) is Ring


@pytest.mark.parametrize("word", ["off", "OFF", "none", "0"])
def test_the_keyring_can_be_switched_off(word: str) -> None:
    """TRAYBACKUP_KEYRING=off keeps the program away from it."""
    vault = open_vault({"TRAYBACKUP_KEYRING": word})
    assert isinstance(vault, NoVault)
    assert vault.trouble == "off"
    assert not vault.set("a", Secret("s"))
    assert vault.get("a") is None
    vault.delete("a")


def test_opening_a_vault_asks_nobody() -> None:
    """The keyring library is not even imported before it is needed."""
    before = set(sys.modules)
    assert isinstance(open_vault({}), KeyringVault)
    assert not {name for name in set(sys.modules) - before if name.startswith(("keyring", "secretstorage"))}


def test_a_secret_does_not_show_itself() -> None:
    """Neither text nor traceback of a secret holds it."""
    secret = Secret("canary-7")
    assert "canary" not in repr(secret) + str(secret) + f"{secret}"
    assert secret
    assert not Secret("")
    assert "canary" not in "".join(traceback.format_exception(ValueError(secret)))


def test_what_a_call_raises_arrives() -> None:
    """An exception crosses the thread."""

    def fail() -> None:
        raise KeyError(1)

    with pytest.raises(KeyError):
        within(5, fail)
