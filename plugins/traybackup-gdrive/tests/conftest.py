"""What the plugin's tests start from: a server of Google's kind on this computer, and a signed-in owner."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from drive_owner import Owner
from drive_server import DriveServer, World
from traybackup_gdrive.provider import GoogleDrive

from traybackup.api import Store
from traybackup.testing import MemoryVault


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no proxy of the tester's computer come in between."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[DriveServer]:
    with DriveServer() as server:
        yield server


@pytest.fixture
def world(server: DriveServer) -> World:
    return server.world


@pytest.fixture
def stranger(server: DriveServer) -> Owner:
    """Somebody who has not signed in yet."""
    client = server.world.clients["traybackup.apps.googleusercontent.com"]
    settings = {
        "folder": "TrayBackup",
        "client_id": client.id,
        "client_secret": client.secret,
        "endpoint": server.url,
    }
    return Owner(server, settings, MemoryVault(), GoogleDrive(now=server.world.now))


@pytest.fixture
def owner(stranger: Owner) -> Owner:
    stranger.sign_in()
    return stranger


@pytest.fixture
def open_store(owner: Owner) -> Iterator[Callable[[], Store]]:
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(owner.open())
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return a function that finds a program on PATH, or skips the test by its name."""

    def find(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"missing: {name}")
        return found

    return find
