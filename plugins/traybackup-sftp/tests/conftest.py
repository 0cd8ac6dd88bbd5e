"""What the plugin's tests start from: Debian's sshd on this computer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sftp_servers import Open, Sshd, missing, sshd
from traybackup_sftp.provider import Sftp

from traybackup.api import Store
from traybackup.testing import MemoryVault


@pytest.fixture(autouse=True)
def _no_agent(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let no agent and no key of the tester help."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Return a server that all tests share."""
    if missing():
        pytest.skip(f"missing: {missing()}")
    base = tmp_path_factory.mktemp("sshd")
    with sshd(base / "server", base / "home") as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of the place, which is not there yet."""
    return tmp_path / "shop" / "place"


@pytest.fixture
def open_place(debian: Sshd, folder: Path) -> Iterator[Open]:
    """Return a function that opens the place, with other settings if some are given."""
    opened = []

    def open_one(vault: MemoryVault | None = None, **settings: str) -> Store:
        known = debian.settings(str(folder)) | settings
        store = Sftp().open({key: value for key, value in known.items() if value}, vault or MemoryVault())
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()
