"""A folder keeps the promise of a place."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from traybackup.api.store import Store
from traybackup.stores import handles
from traybackup.stores.local import LocalStore
from traybackup.testing import FACTS, Ground, StoreConformance
from traybackup.testing.facts.atomicity import full_place


class TestLocalStore(StoreConformance):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Callable[[], Store]:
        return lambda: LocalStore(tmp_path)


class TestLocalStoreWithoutHandles(TestLocalStore):
    """As on Windows, which has no calls relative to a directory."""

    @pytest.fixture(autouse=True)
    def _no_handles(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(handles, "_HAS_HANDLES", False)


class TestLocalStoreInMemory:
    """On a file system whose size can be set."""

    @pytest.fixture
    def ground(self, tmp_path: Path) -> Iterator[Ground]:
        made = subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=False, capture_output=True)
        if made.returncode:
            pytest.skip("only root may mount")

        def limit(capacity: int | None) -> None:
            subprocess.run(["mount", "-o", f"remount,size={capacity or 0}", tmp_path], check=True)

        try:
            with Ground(lambda: LocalStore(tmp_path), limit=limit) as ground:
                yield ground
        finally:
            subprocess.run(["umount", tmp_path], check=True)

    def test_full_place(self, ground: Ground) -> None:
        """A full folder keeps the promise, too, and its handles are all closed so that it can be unmounted."""
        assert full_place in FACTS
        full_place(ground)
