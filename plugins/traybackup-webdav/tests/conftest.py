"""What the plugin's tests start from: a server on this computer, and stores that are opened there."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dav_servers import PASSWORD, Dav, apache, find_apache, settings, wsgidav
from traybackup_webdav.provider import WebDav

from traybackup.api import BytesPayload, Store
from traybackup.testing import MemoryVault


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no proxy of the tester's computer come in between."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def dav(tmp_path: Path) -> Iterator[Dav]:
    """Return a server with an empty folder."""
    (tmp_path / "served").mkdir()
    with wsgidav(tmp_path / "served") as running:
        yield running


@pytest.fixture(scope="session")
def apache2() -> str:
    """Return the path of the real apache2."""
    found = find_apache()
    if found is None:
        pytest.skip("missing: apache2")
    return found


@pytest.fixture(scope="session")
def real_apache(apache2: str) -> Iterator[Dav]:
    """Return one Apache for all tests that ask; each uses a folder of its own."""
    with apache(apache2) as running:
        yield running


@pytest.fixture
def open_at() -> Iterator[Callable[..., Store]]:
    """Return a function that opens a place on a server; all are closed at the end."""
    opened: list[Store] = []

    def open_one(dav: Dav, *, password: str = PASSWORD, **more: str) -> Store:
        opened.append(WebDav().open(settings(dav, **more), MemoryVault(password=password)))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(dav: Dav, open_at: Callable[..., Store]) -> Store:
    """Return a place with one object in it."""
    store = open_at(dav)
    store.put("data/00/old", BytesPayload(b"old"))
    return store
