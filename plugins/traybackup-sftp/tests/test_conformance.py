"""A folder on Debian's SSH server keeps the promise of a place."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sftp_servers import Sshd
from traybackup_sftp.provider import Sftp

from traybackup.api import Store
from traybackup.testing import Ground, MemoryVault, StoreConformance
from traybackup.testing.facts.atomicity import full_place


class TestSftp(StoreConformance):
    @pytest.fixture
    def open_store(self, debian: Sshd, tmp_path: Path) -> Callable[[], Store]:
        return lambda: Sftp().open(debian.settings(str(tmp_path / "place")), MemoryVault())


@pytest.fixture
def small_disk(debian: Sshd, tmp_path: Path) -> Iterator[Ground]:
    """Return a place on a file system whose size can be set."""
    made = subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("only root may mount")

    def limit(capacity: int | None) -> None:
        subprocess.run(["mount", "-o", f"remount,size={capacity or 0}", tmp_path], check=True)

    try:
        with Ground(
            lambda: Sftp().open(debian.settings(str(tmp_path / "place")), MemoryVault()), limit=limit
        ) as ground:
            yield ground
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_full_disk(small_disk: Ground) -> None:
    """A full disk of the server is told from other failures, and nothing of what did not fit is left."""
    full_place(small_disk)
