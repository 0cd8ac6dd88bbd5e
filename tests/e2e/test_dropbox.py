"""A repository in Dropbox: what a day costs, what plain restic makes of it, and the story in the installed program.

The engine, the plugin, the vendor's library, the keyring and restic are real; only Dropbox is a stand-in on this
computer, and the browser a script that says yes.
"""

import hashlib
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dropbox_owner import Owner, copied_code
from dropbox_server import DropboxServer, Fault, World
from traybackup_dropbox.provider import PORTS, Dropbox

from tests.clouddesk import desktop_with_browser
from traybackup.api.errors import StoreError
from traybackup.api.source import Selection
from traybackup.api.store import FilePayload, Store
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
    """A till and its owner's Dropbox."""

    owner: Owner
    till: Path
    work: Path
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    days: int = 0

    @property
    def world(self) -> World:
        return self.owner.server.world

    @property
    def calls(self) -> int:
        """All calls so far, those for tokens included."""
        return len(self.world.calls) + len(self.world.oauth_calls)

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

    def packs(self) -> dict[str, int]:
        """Return name and size of every pack."""
        return {
            name: len(content) for name, content in self.world.tree().items() if name.startswith("TrayBackup/data/")
        }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose till has been saved for some days."""
    base = tmp_path_factory.mktemp("shop")
    with DropboxServer() as server:
        settings = {"app_key": "traybackupkey1", "endpoint": server.url}
        owner = Owner(server, settings, MemoryVault(), Dropbox())
        owner.sign_in()
        (base / "till").mkdir()
        (base / "work").mkdir()
        shop = Shop(owner, base / "till", base / "work")
        shop.open_for_business()
        shop.back_up()
        yield shop


def test_a_day_costs_at_most_twelve_calls(shop: Shop) -> None:
    """With one to three new packs, small or large, a day's backup takes no more than twelve calls, token included."""
    told, largest = set(), 0
    for size in (50_000, 300_000, 1_500_000, 3 * MIB, 12 * MIB, 20 * MIB):
        shop.trade(size)
        before, known = shop.calls, shop.packs()
        methods = len(shop.world.calls)
        shop.back_up()
        new = {name: size for name, size in shop.packs().items() if name not in known}
        told.add(len(new))
        if len(new) <= 3:
            largest = max(largest, sum(new.values()))
            assert shop.calls - before <= 12, [call.method for call in shop.world.calls[methods:]]
    assert told & {1, 2, 3}
    assert largest > 10 * MIB


def test_nothing_is_there_twice(shop: Shop) -> None:
    """After some days every object is what its name says, and every folder is one that restic knows."""
    for path, content in shop.world.tree().items():
        if path != "TrayBackup/config":
            assert path.rpartition("/")[2] == hashlib.sha256(content).hexdigest()
    assert {path.split("/")[1] for path in shop.world.folders() if "/" in path} == {
        "data",
        "index",
        "keys",
        "locks",
        "snapshots",
    }


@pytest.fixture
def run(shop: Shop, restic: str, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs restic on the folder as it lies in Dropbox, downloaded."""
    environment = {"RESTIC_PASSWORD": PASSWORD, "HOME": str(tmp_path), "PATH": os.defpath}

    def run(*words: object, good: int = 0) -> str:
        for path, content in shop.world.tree().items():
            file = tmp_path / "downloaded" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        command = [restic, "--no-cache", "-r", str(tmp_path / "downloaded" / "TrayBackup"), *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)
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
    """Restic finds no fault in what is in Dropbox, and brings the whole till back."""
    assert "no errors were found" in run("check", "--read-data")
    run("restore", "latest", "--target", tmp_path / "back")
    assert contents(tmp_path / "back" / shop.till.relative_to("/")) == contents(shop.till)


def test_what_restic_adds_is_seen(shop: Shop, run: Callable[..., str], tmp_path: Path) -> None:
    """A snapshot that restic has made, uploaded by hand, is listed, and the next run goes on from it."""
    (tmp_path / "note").write_text("by restic")
    run("backup", "--host", "elsewhere", tmp_path / "note")
    theirs = tmp_path / "downloaded"
    with shop.owner.open() as store:
        for file in sorted(theirs.rglob("*")):
            name = str(file.relative_to(theirs / "TrayBackup")) if file.is_file() else ""
            if name and f"TrayBackup/{name}" not in shop.world.tree():
                store.put(name, FilePayload(file, file.stat().st_size, hashlib.sha256(file.read_bytes()).digest()))
    shop.trade(1000)
    shop.back_up()
    with shop.owner.open() as store:
        found = snapshots.load_all(Repository.open(store, PASSWORD))
    assert [one.hostname for one in found].count("elsewhere") == 1
    assert found[-1].hostname in ("till", "elsewhere")


def test_folder_that_vanishes_during_a_run_gets_no_snapshot(shop: Shop) -> None:
    """When its owner throws the folder away meanwhile, the run ends with an error, and it can be taken back."""
    place = shop.world.place
    kept = dict(place.files)
    shop.trade(1000)

    def back_up() -> None:
        shop.world.faults.append(_Vanishing(shop.world))
        shop.back_up()

    with pytest.raises(StoreError) as told:
        back_up()
    assert told.value.code == "place-in-trash"
    shop.world.faults.clear()
    place.files.clear()
    place.files.update(kept)
    place.deleted.clear()
    shop.back_up()


class _Vanishing(Fault):
    """The owner deletes the folder just before the first pack arrives."""

    def __init__(self, world: World) -> None:
        super().__init__("files/upload", "503", times=0, skip=1)
        self.world = world

    def takes(self, method: str) -> bool:
        if method == "files/upload":
            self.skip -= 1
            if self.skip == -1:
                self.world.remove("TrayBackup")
        return False


def test_bit_that_the_service_lost_is_found(shop: Shop, run: Callable[..., str]) -> None:
    """A service that damages what it keeps, and whose own hash hides it, is caught by reading."""
    shop.trade(200_000)
    before = set(shop.world.tree())
    shop.world.faults.append(Fault("files/upload", "flip", skip=1))  # the first is the lock
    shop.back_up()
    shop.world.faults.clear()
    changed = [
        path
        for path, content in shop.world.tree().items()
        if path not in before and path.rpartition("/")[2] != hashlib.sha256(content).hexdigest()
    ]
    assert len(changed) == 1
    run("check", "--read-data", good=1)


@pytest.fixture
def box() -> Iterator[DropboxServer]:
    with DropboxServer() as server:
        yield server


@pytest.fixture
def desk(program_here: Any, tmp_path: Path, program: Callable[[str], str]) -> Iterator[Any]:
    """Return the installed program on a desktop with a keyring and a browser."""
    with desktop_with_browser(tmp_path, program) as variables:
        yield program_here.given(**variables).without("TRAYBACKUP_PASSWORD")


@pytest.mark.skipif(sys.platform != "linux", reason="the keyring of the tests is GNOME's")
def test_the_whole_story(
    desk: Any, box: DropboxServer, till: Path, tmp_path: Path, facts_of: Callable[[Path], Any]
) -> None:
    """Sign in, save, check, bring back, sign out: the data comes back, and the sign-in is given back."""
    words = ["--set", f"app_key={next(iter(box.world.apps))}", "--set", f"endpoint={box.url}"]
    said = desk("sign-in", "dropbox", *words)
    assert said.code == 0, said.err
    assert f"Signed in as {box.world.accounts[0].email}." in said.out
    said = desk("backup", till, "--to", "dropbox:TrayBackup")
    assert said.code == 0, said.err
    (till / "data" / "sales.txt").write_bytes(b"one\ntwo\nthree\n")
    before = len(box.world.calls) + len(box.world.oauth_calls)
    assert desk("backup", till, "--to", "dropbox:TrayBackup").code == 0
    assert len(box.world.calls) + len(box.world.oauth_calls) - before <= 12
    (found,) = desk("snapshots", "--from", "dropbox:TrayBackup", "--json").records
    assert len(found) == 2
    assert desk("check", "--from", "dropbox:TrayBackup", "--read-data").code == 0
    assert desk("restore", "latest", "--from", "dropbox:TrayBackup", "--into", tmp_path / "back").code == 0
    assert facts_of(tmp_path / "back" / till.relative_to("/")) == facts_of(till)
    assert desk("sign-out", "dropbox").code == 0
    assert all(grant.revoked for grant in box.world.refresh_tokens.values())
    assert "sign-in" in desk("snapshots", "--from", "dropbox:TrayBackup").err


@pytest.mark.skipif(sys.platform != "linux", reason="the keyring of the tests is GNOME's")
def test_code_is_pasted_where_no_registered_port_is_free(desk: Any, box: DropboxServer, program: Any) -> None:
    """Another program has all three ports: the page shows a code, which is copied into the terminal."""
    words = ["sign-in", "dropbox", "--json", "--set", "app_key=traybackupkey1", "--set", f"endpoint={box.url}"]
    command = [program("setsid"), "--ctty", "--wait", sys.executable, "-m", "traybackup", *words]
    leader, follower = os.openpty()
    with ExitStack() as taken:
        for port in PORTS:
            with suppress(OSError):  # somebody else has it already
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
        with subprocess.Popen(command, env=desk.environment, stdin=follower, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            asked = json.loads(process.stdout.readline())
            assert "redirect_uri" not in asked["address"]
            os.write(leader, copied_code(asked["address"]).encode() + b"\n")
            said = process.stdout.read()
        assert process.returncode == 0, said
    os.close(leader)
    os.close(follower)
    assert json.loads(said)["account"] == box.world.accounts[0].email


@pytest.mark.skipif(sys.platform != "linux", reason="the keyring of the tests is GNOME's")
def test_doctor_states_every_fact(desk: Any, box: DropboxServer, till: Path) -> None:
    """Over the real plugin, in a folder that is gone afterwards, while the backups beside it stay."""
    words = ["--set", f"app_key={next(iter(box.world.apps))}", "--set", f"endpoint={box.url}"]
    assert desk("sign-in", "dropbox", *words).code == 0
    assert desk("backup", till, "--to", "dropbox:TrayBackup").code == 0
    before, folders = sorted(box.world.tree()), box.world.folders()
    said = desk("doctor", "dropbox:TrayBackup", "--json")
    assert said.code == 0, [one for one in said.records if one["holds"] is False]
    assert len(said.records) > 30
    assert (sorted(box.world.tree()), box.world.folders()) == (before, folders)
