"""What the tests of sources share: a folder to save, a way to walk it, and another user to be."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import pytest

from traybackup.api.source import Item, Kind, Metadata, Selection
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


class Till:
    """A till in another process, with 100 receipts written and whatever more it was told to do."""

    def __init__(self, database: Path, journal_mode: str, what: str) -> None:
        self.database = database
        script = Path(__file__).with_name("till.py")
        command = [sys.executable, script, database, journal_mode, what]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._told: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._is_ready = threading.Event()
        self._reader.start()
        self._is_ready.wait()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._told.append(line.strip())
            if self._told[-1] == "ready":
                self._is_ready.set()
        self._is_ready.set()  # it has crashed, as told

    @property
    def receipts(self) -> int:
        """How many are committed by now, for certain."""
        return sum(line.isdecimal() for line in tuple(self._told))

    @property
    def refused(self) -> int:
        """How often it could not write."""
        return self._told.count("refused")

    def writes_on(self, beyond: int = 0) -> bool:
        """Wait until one more receipt is committed, and more than *beyond*."""
        before = max(self.receipts, beyond)
        give_up_at = time.monotonic() + 60
        while self.receipts <= before and time.monotonic() < give_up_at:
            time.sleep(0.001)
        return self.receipts > before

    def stop(self) -> None:
        with suppress(BrokenPipeError):
            (self._process.stdin or sys.stdin).close()
        self._process.wait()
        self._reader.join()
        (self._process.stdout or sys.stdout).close()


@pytest.fixture
def till(shop: Path) -> Iterator[Callable[[str, str], Till]]:
    """Return a function that starts a till."""
    started: list[Till] = []

    def start(journal_mode: str, what: str, name: str | bytes = "till.db") -> Till:
        started.append(Till(Path(os.fsdecode(os.path.join(os.fsencode(shop), os.fsencode(name)))), journal_mode, what))
        return started[-1]

    yield start
    for one in started:
        one.stop()


class Saved:
    """A file as a source hands it over."""

    def __init__(self, source: FolderSource, item: Item) -> None:
        assert source.read_small(item, 1 << 30) is None
        with source.open(item) as content:
            self.data = b"".join(iter(lambda: content.read(1 << 20), b""))
            self.metadata: Metadata = content.metadata() or item.metadata
            self.findings = list(content.check())
            self.block_size = content.block_size
        assert self.metadata.size == len(self.data)

    def count(self, folder: Path) -> int:
        """Check the database through and through; return how many receipts it holds, each with its three lines."""
        path = folder / "restored.db"
        path.write_bytes(self.data)
        with closing(sqlite3.connect(path)) as restored:
            assert restored.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert restored.execute("PRAGMA foreign_key_check").fetchall() == []
            (receipts,) = restored.execute("SELECT count(*) FROM receipt").fetchone()
            (lines,) = restored.execute("SELECT count(*) FROM line").fetchone()
        assert lines == 3 * receipts
        path.unlink()
        return int(receipts)


@pytest.fixture(scope="session")
def save() -> type[Saved]:
    """Return a function that reads a database from a source."""
    return Saved
