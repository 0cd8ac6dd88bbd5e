"""What the plugin's tests start from: an S3 server on this computer."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_servers import SECRET, Door, S3Server, door, rclone_s3

from traybackup.testing import MemoryVault


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no proxy and no account of the tester's computer come in between."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("AWS_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Return a server that all tests share."""
    with rclone_s3(tmp_path_factory.mktemp("s3") / "buckets") as server:
        yield server


@pytest.fixture
def shop(rclone: S3Server) -> Iterator[Door]:
    """Return the door before it."""
    with door(rclone) as shown:
        yield shown


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault(secret_access_key=SECRET)


@pytest.fixture
def location(tmp_path: Path) -> str:
    """Return a folder that no other test uses."""
    return f"chain/{tmp_path.name}"
