"""What the plugin's tests start from: a server of Dropbox's kind on this computer, and a signed-in owner."""

import os
from collections.abc import Callable, Iterator

import pytest
from dropbox_owner import Owner
from dropbox_server import DropboxServer, World
from traybackup_dropbox.provider import Dropbox
from traybackup_dropbox.store import DropboxStore

from traybackup.api import Store
from traybackup.testing import MemoryVault


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no proxy of the tester's computer come in between."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[DropboxServer]:
    with DropboxServer() as server:
        yield server


@pytest.fixture
def world(server: DropboxServer) -> World:
    return server.world


@pytest.fixture
def stranger(server: DropboxServer) -> Owner:
    """Somebody who has not signed in yet."""
    settings = {"folder": "TrayBackup", "app_key": "traybackupkey1", "endpoint": server.url}
    return Owner(server, settings, MemoryVault(), Dropbox(now=server.world.now))


@pytest.fixture
def owner(stranger: Owner) -> Owner:
    stranger.sign_in()
    stranger.server.world.calls.clear()
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


@pytest.fixture
def quick(owner: Owner, world: World) -> DropboxStore:
    """A store that waits for nothing between its tries."""
    owner.provider = Dropbox(now=world.now, pause=lambda _: None)
    return owner.open()
