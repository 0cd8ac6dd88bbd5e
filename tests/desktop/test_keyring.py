"""The real keyring of a desktop: unlocked, locked, missing, cancelled, silent; and never a plain text file instead."""

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.foreign import install
from tests.session import Prompter, keyring, lock, session
from traybackup.api.errors import VaultLocked, VaultUnavailable
from traybackup.app.redaction import Redactor
from traybackup.app.scopes import Scope, ScopedVault
from traybackup.app.vault import KeyringVault, Secret

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's"),
    # the library leaves its connection open when the keyring stays locked
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _connections_are_collected_here() -> Iterator[None]:
    """Let go of what the library leaves open while its warnings are ours, and not in somebody else's test."""
    yield
    for thread in threading.enumerate():
        if thread.name == "keyring":  # it was left behind, and ends with the session
            thread.join(10)
    gc.collect()


@pytest.fixture
def desktop(tmp_path: Path, program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Return a session without a keyring, which is this process's too."""
    program("dbus-daemon")
    with session(tmp_path / "session") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield variables


@pytest.fixture
def unlocked(desktop: dict[str, str], program: Callable[[str], str]) -> Iterator[dict[str, str]]:
    """Return the session with GNOME's keyring, unlocked."""
    program("gnome-keyring-daemon")
    with keyring(desktop):
        yield desktop


@pytest.fixture
def asked(unlocked: dict[str, str]) -> Iterator[Callable[[bool], Prompter]]:
    """Return a function that puts somebody before the desktop."""
    there: list[Prompter] = []

    def sit_down(cancels: bool) -> Prompter:  # noqa: FBT001 - what he does
        there.append(Prompter(unlocked, cancels=cancels))
        return there[-1]

    yield sit_down
    for one in there:
        one.close()


@pytest.mark.usefixtures("unlocked")
def test_an_unlocked_keyring_keeps_secrets() -> None:
    """What was set is got back by another process's vault, as long as a refresh token is, and forgotten on demand."""
    vault = KeyringVault()
    long = "t" * 1280
    assert vault.set("provider gdrive refresh_token", Secret(long))
    found = KeyringVault().get("provider gdrive refresh_token")
    assert found is not None
    assert found.reveal() == long
    assert vault.set("provider gdrive refresh_token", Secret("anew"))
    vault.delete("provider gdrive refresh_token")
    assert KeyringVault().get("provider gdrive refresh_token") is None
    assert vault.trouble == ""


@pytest.mark.usefixtures("unlocked")
def test_secrets_are_sealed_on_the_disk(tmp_path: Path) -> None:
    """No file of the session holds the secret in clear."""
    assert KeyringVault().set("a", Secret("canary-in-clear"))
    files = [path for path in (tmp_path / "session").rglob("*") if path.is_file()]
    assert any("keyring" in path.name for path in files)
    assert not [path for path in files if b"canary-in-clear" in path.read_bytes()]


def test_a_locked_keyring_is_told_once(unlocked: dict[str, str]) -> None:
    """Nobody is there to unlock it: the trouble is known, it is not asked again, and what is kept is not lost."""
    assert KeyringVault().set("a", Secret("kept"))
    lock(unlocked)
    vault = KeyringVault()
    assert vault.get("a") is None
    assert vault.trouble == "locked"
    assert not vault.set("b", Secret("x"))
    with pytest.raises(VaultLocked):
        ScopedVault(vault, Scope("provider", "gdrive"), Redactor()).get("refresh_token")


def test_who_cancels_is_not_asked_again(unlocked: dict[str, str], asked: Callable[[bool], Prompter]) -> None:
    """The window that asks for the password comes once in a run, however many secrets are wanted."""
    assert KeyringVault().set("a", Secret("kept"))
    lock(unlocked)
    somebody = asked(True)
    vault = KeyringVault()
    for name in ("a", "b", "c"):
        assert vault.get(name) is None
    assert not vault.set("d", Secret("x"))
    assert vault.trouble == "locked"
    assert somebody.asked == 1


def test_who_does_not_answer_holds_nobody_up(unlocked: dict[str, str], asked: Callable[[bool], Prompter]) -> None:
    """After its patience the run goes on without the keyring, and does not ask again."""
    assert KeyringVault().set("a", Secret("kept"))
    lock(unlocked)
    somebody = asked(False)
    vault = KeyringVault(patience=1.0)
    began = time.monotonic()
    for name in ("a", "b"):
        assert vault.get(name) is None
    assert time.monotonic() - began < 5
    assert vault.trouble == "no-answer"
    assert somebody.asked == 1
    with pytest.raises(VaultUnavailable) as caught:
        ScopedVault(vault, Scope("provider", "gdrive"), Redactor()).set("refresh_token", "x")
    assert caught.value.why == "no-answer"


@pytest.mark.usefixtures("desktop")
def test_a_desktop_without_a_keyring_has_none() -> None:
    """A bus on which nobody keeps secrets."""
    vault = KeyringVault()
    assert not vault.set("a", Secret("x"))
    assert vault.trouble == "none"


@pytest.mark.parametrize("address", [None, "unix:path=/nowhere", "nonsense"])
def test_without_a_desktop_there_is_none(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    """A server, a service, a broken variable."""
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nowhere")
    if address is not None:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    vault = KeyringVault()
    assert vault.get("a") is None
    assert vault.trouble == "none"


PLAIN = """
import os
from keyring.backend import KeyringBackend
from keyring.compat import properties

class PlaintextKeyring(KeyringBackend):
    @properties.classproperty
    def priority(cls):
        return 0.5

    def get_password(self, service, username):
        return None

    def set_password(self, service, username, password):
        open(os.environ["PLAIN_FILE"], "a").write(password)
"""


def test_a_plain_text_keyring_is_never_used(tmp_path: Path) -> None:
    """A package with one may be installed, and the library would choose it where there is no desktop; we refuse."""
    site = tmp_path / "site"
    install(site, "plain", PLAIN)
    (entry_points,) = site.glob("*.dist-info/entry_points.txt")
    entry_points.write_text("[keyring.backends]\nplain = foreign_plain\n")
    code = (
        "import keyring\n"
        "print(type(keyring.get_keyring()).__name__)\n"
        "from traybackup.app.vault import KeyringVault, Secret\n"
        "vault = KeyringVault()\n"
        "print(vault.set('a', Secret('canary')), vault.trouble)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DBUS_SESSION_BUS_ADDRESS"}
    environment |= {"PYTHONPATH": str(site), "PLAIN_FILE": str(tmp_path / "plain"), "XDG_RUNTIME_DIR": "/nowhere"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["PlaintextKeyring", "False none"]
    assert not (tmp_path / "plain").exists()
