"""What the tests of sources share: a folder to save, a way to walk it, and another user to be."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from traybackup.api.source import Item, Kind, Selection
from traybackup.sources.folder import FolderSource

NOBODY = 65534

Opener = Callable[..., FolderSource]
Walker = Callable[[FolderSource], dict[bytes, Item]]


@pytest.fixture
def shop() -> Iterator[Path]:
    """Make a folder to save, which every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="shop-"))
    folder.chmod(0o755)
    yield folder
    # Python's own ways give up on paths as deep as some of these
    subprocess.run(["chmod", "-R", "u+rwX", folder], check=True)
    subprocess.run(["rm", "-rf", folder], check=True)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return where copies of databases are made."""
    return tmp_path / "work"


@pytest.fixture
def source_of(work: Path) -> Iterator[Opener]:
    """Return a function that opens a source; every one is closed after the test."""
    opened = []

    def make(
        *paths: Path | bytes, avoid: tuple[Path, ...] = (), deadline: float = 30, **chosen: object
    ) -> FolderSource:
        source = FolderSource(paths, Selection(**chosen), work_dir=work, avoid=avoid, deadline=deadline)
        opened.append(source)
        return source

    yield make
    for source in opened:
        source.close()


@pytest.fixture(scope="session")
def walk() -> Walker:
    """Return a function that lists everything in a source, by path, as deep as it goes."""

    def everything(source: FolderSource) -> dict[bytes, Item]:
        found = {}
        waiting = [source.root()]
        while waiting:
            item = waiting.pop()
            found[item.path] = item
            if item.metadata.kind is Kind.DIRECTORY:
                waiting.extend(source.children(item))
        return found

    return everything


@pytest.fixture
def below(walk: Walker, shop: Path) -> Callable[[FolderSource], dict[bytes, Item]]:
    """Return a function that lists what a source has below the shop's folder, by the path from there."""
    top = os.fsencode(shop) + b"/"

    def inside(source: FolderSource) -> dict[bytes, Item]:
        found = walk(source).items()
        return {path.removeprefix(top): item for path, item in found if path.startswith(top)}

    return inside


@pytest.fixture
def somebody_else() -> Callable[[], AbstractContextManager[None]]:
    """Return a context in which the tests are not root, so that rights mean something."""

    @contextmanager
    def be() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return be
