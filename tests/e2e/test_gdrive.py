"""A repository in Google Drive: what a day's backup costs, and that plain restic can check, restore and add to it.

The engine and the plugin are real, and so are restic and rclone; only Google is a stand-in on this computer, which they
reach as a proxy for Google's own names.
"""

import hashlib
import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from drive_owner import Owner
from drive_server import DriveServer, Fault, World
from drive_server.tls import certificate
from traybackup_gdrive.provider import GoogleDrive

from traybackup.api.source import Selection
from traybackup.api.store import Store
from traybackup.engine import snapshots
from traybackup.engine.archiver import Counts, archive
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.identity import this_process
from traybackup.engine.locks import Timing, locked
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.sources.folder import FolderSource
from traybackup.stores.caching import CachingStore
from traybackup.testing import MemoryVault

PASSWORD = "correct horse"  # noqa: S105 - of repositories that live for one test
START = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)
MIB = 1 << 20


@dataclass
class Shop:
    """A till and its owner's Drive."""

    owner: Owner
    till: Path
    work: Path
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    days: int = 0
    believed: Path = Path()

    @property
    def world(self) -> World:
        return self.owner.server.world

    def open_for_business(self) -> None:
        """Fill the till: a database, documents in folders."""
        (self.till / "shop.db").write_bytes(self.chance.randbytes(24 * MIB))
        for folder in range(10):
            (self.till / f"receipts{folder}").mkdir()
            for number in range(12):
                path = self.till / f"receipts{folder}" / f"{number}.pdf"
                path.write_bytes(self.chance.randbytes(9000 + number))

    def trade(self, size: int) -> None:
        """Let a day pass that changes *size* bytes."""
        with (self.till / "shop.db").open("r+b") as database:
            database.seek(4096 * self.chance.randrange(100))
            database.write(self.chance.randbytes(size))
        (self.till / "receipts3" / f"day{self.days}.pdf").write_bytes(self.chance.randbytes(12_345))

    def back_up(self) -> Counts:
        """Make one run, as the program does: open, lock, read the index, compare, store, write the snapshot."""
        store: Store = CachingStore(self.owner.open(), self.work / "cache", backup=True)
        now = START + timedelta(days=self.days)
        self.days += 1
        with store:
            if Repository.exists(store):
                repo = Repository.open(store, PASSWORD)
            else:
                repo = Repository.create(store, PASSWORD, now=now, cost=KdfParameters(1 << 10, 1, 1))
            with (
                locked(
                    repo,
                    exclusive=False,
                    identity=this_process(),
                    now=lambda: datetime.now(UTC),
                    timing=Timing(settle=0),
                ),
                FolderSource((os.fsencode(self.till),), Selection(), work_dir=self.work) as source,
            ):
                repo.load_index()
                parent = snapshots.latest(snapshots.load_all(repo))
                done = archive(repo, source, parent=parent.tree if parent else None, folder=self.work)
                snapshots.save(repo, Snapshot(time=now, tree=done.tree, paths=tuple(source.paths), hostname="till"))
        return done.counts

    def packs(self) -> int:
        return sum(name.startswith("TrayBackup/data/") for name in self.world.tree())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose till has been saved for some days."""
    base = tmp_path_factory.mktemp("shop")
    context, believed = certificate(base)
    with DriveServer(tls=context) as server:
        client = next(iter(server.world.clients.values()))
        settings = {"client_id": client.id, "client_secret": client.secret, "endpoint": server.url}
        owner = Owner(server, settings, MemoryVault(), GoogleDrive())
        owner.sign_in()
        (base / "till").mkdir()
        (base / "work").mkdir()
        shop = Shop(owner, base / "till", base / "work", believed=believed)
        shop.open_for_business()
        shop.back_up()
        yield shop


def test_a_day_costs_at_most_twelve_calls(shop: Shop) -> None:
    """With two or three new packs (one is always of trees) a day takes at most twelve calls, and 1,000 quota units."""
    told = set()
    for size in (50_000, 300_000, 1_500_000, 3 * MIB, 12 * MIB, 24 * MIB):
        shop.trade(size)
        before, packs = len(shop.world.calls), shop.packs()
        shop.back_up()
        new = shop.packs() - packs
        calls = [call.method for call in shop.world.calls[before:]]
        told.add(new)
        assert len(calls) <= 12, calls
    assert told == {2, 3}


def test_nothing_is_there_twice(shop: Shop) -> None:
    """After some days every folder and every object has one file, under the name that restic gives it."""
    assert len(set(shop.world.folders())) == len(shop.world.folders())
    for path, content in shop.world.tree().items():
        if path != "TrayBackup/config":
            assert path.rpartition("/")[2] == hashlib.sha256(content).hexdigest()


@pytest.fixture
def run(shop: Shop, restic: str, program: Callable[[str], str], tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a program in whose world Google is the stand-in, and returns what it says."""
    owner = shop.owner
    token = {"access_token": "", "token_type": "Bearer", "refresh_token": owner.vault.get("refresh_token")}
    environment = {
        "PATH": os.pathsep.join([str(Path(program("rclone")).parent), str(Path(restic).parent), os.defpath]),
        "HOME": str(tmp_path),
        "HTTPS_PROXY": owner.server.url,
        "RCLONE_CA_CERT": str(shop.believed),
        "RCLONE_CONFIG": str(tmp_path / "rclone.conf"),
        "RCLONE_CONFIG_DRIVE_TYPE": "drive",
        "RCLONE_CONFIG_DRIVE_SCOPE": "drive.file",
        "RCLONE_CONFIG_DRIVE_CLIENT_ID": owner.settings["client_id"],
        "RCLONE_CONFIG_DRIVE_CLIENT_SECRET": owner.settings["client_secret"],
        "RCLONE_CONFIG_DRIVE_TOKEN": json.dumps(token | {"expiry": "2020-01-01T00:00:00Z"}),
        "RESTIC_PASSWORD": PASSWORD,
        "RESTIC_REPOSITORY": "rclone:drive:TrayBackup",
    }

    def run(*command: object, good: int = 0) -> str:
        words = [str(word) for word in command]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == good, done.stderr
        return done.stdout

    return run


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_plain_restic_checks_and_restores_it(shop: Shop, run: Callable[..., str], tmp_path: Path) -> None:
    """restic, through rclone, finds no fault in what is in Drive, and brings the whole till back."""
    assert "no errors were found" in run("restic", "check", "--read-data")
    run("restic", "restore", "latest", "--target", tmp_path / "back")
    assert contents(tmp_path / "back" / shop.till.relative_to("/")) == contents(shop.till)


def test_what_restic_adds_is_seen(shop: Shop, run: Callable[..., str], tmp_path: Path) -> None:
    """A snapshot that restic has made is listed, and the next run goes on from it; restic removes one of ours."""
    (tmp_path / "note").write_text("by restic")
    run("restic", "backup", "--host", "elsewhere", tmp_path / "note")
    shop.trade(1000)
    shop.back_up()
    with shop.owner.open() as store:
        found = snapshots.load_all(Repository.open(store, PASSWORD))
    assert [one.hostname for one in found].count("elsewhere") == 1
    ours = [one for one in found if one.hostname == "till"]
    run("restic", "forget", ours[0].id, "--prune")
    with shop.owner.open() as store:
        left = snapshots.load_all(Repository.open(store, PASSWORD))
    assert ours[0].id not in [one.id for one in left]
    assert len(left) == len(found) - 1
    assert "no errors were found" in run("restic", "check", "--read-data")


def test_copied_out_tree_is_a_repository(shop: Shop, restic: str, tmp_path: Path) -> None:
    """The folder, downloaded as it is, is a repository that restic opens."""
    for path, content in shop.world.tree().items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    command = [restic, "--no-cache", "-r", str(tmp_path / "TrayBackup"), "check", "--read-data"]
    environment = {"RESTIC_PASSWORD": PASSWORD, "HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert "no errors were found" in done.stdout, done.stderr


def test_bit_that_the_service_lost_is_found(shop: Shop, run: Callable[..., str]) -> None:
    """A service that damages what it keeps, and whose own checksum hides it, is caught by reading."""
    shop.trade(200_000)
    before = set(shop.world.tree())
    shop.world.faults.append(Fault("files.create", "flip", skip=1))  # the first is the lock
    shop.back_up()
    shop.world.faults.clear()
    changed = [
        path
        for path, content in shop.world.tree().items()
        if path not in before and path.rpartition("/")[2] != hashlib.sha256(content).hexdigest()
    ]
    assert len(changed) == 1
    run("restic", "check", "--read-data", good=1)
