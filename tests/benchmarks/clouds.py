"""What a business day costs in calls: the real plugins of Google Drive and Dropbox over HTTP against their stand-ins.

python -m tests.benchmarks.clouds       prints, as JSON, the calls of each day and how many packs it added, by cloud

Counted is every request that reaches the service from opening the place to the snapshot, those for a token included.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks.corpora import ROOT
from traybackup.api.source import Selection
from traybackup.api.store import Store
from traybackup.engine import snapshots
from traybackup.engine.archiver import archive
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.identity import this_process
from traybackup.engine.locks import Timing, locked
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import Snapshot
from traybackup.sources.folder import FolderSource
from traybackup.stores.caching import CachingStore
from traybackup.testing import MemoryVault

CLOUDS = {"gdrive": "Google Drive", "dropbox": "Dropbox"}
GOAL = 12
DATABASE = 24 << 20
CHANGES = (50_000, 300_000, 1_500_000, 4_000_000, 12_000_000)
"""Bytes of the database that change on each day."""


def owner_of(cloud: str) -> Any:
    """Return somebody who has signed in to the stand-in of *cloud*; whoever calls closes `server`."""
    if cloud == "gdrive":
        from drive_owner import Owner as Googler  # noqa: PLC0415 - found only where `figures` puts it on the path
        from drive_server import DriveServer  # noqa: PLC0415
        from traybackup_gdrive.provider import GoogleDrive  # noqa: PLC0415

        google = DriveServer().__enter__()
        client = next(iter(google.world.clients.values()))
        settings = {"client_id": client.id, "client_secret": client.secret, "endpoint": google.url}
        return Googler(google, settings, MemoryVault(), GoogleDrive())
    from dropbox_owner import Owner as Boxer  # noqa: PLC0415
    from dropbox_server import DropboxServer  # noqa: PLC0415
    from traybackup_dropbox.provider import Dropbox  # noqa: PLC0415

    box = DropboxServer().__enter__()
    settings = {"app_key": next(iter(box.world.apps)), "endpoint": box.url}
    return Boxer(box, settings, MemoryVault(), Dropbox())


def save(opened: Store, till: Path, work: Path, now: datetime) -> None:
    """Make one run, as the program does: open, lock, read the index, compare, store, write the snapshot."""
    identity, timing = this_process(), Timing(settle=0)
    with CachingStore(opened, work / "cache", backup=True) as store:
        if Repository.exists(store):
            repo = Repository.open(store, "password")
        else:
            repo = Repository.create(store, "password", now=now, cost=KdfParameters(1 << 10, 1, 1))
        with (
            locked(repo, exclusive=False, identity=identity, now=lambda: datetime.now(UTC), timing=timing),
            FolderSource((os.fsencode(till),), Selection(), work_dir=work) as source,
        ):
            repo.load_index()
            parent = snapshots.latest(snapshots.load_all(repo))
            done = archive(repo, source, parent=parent.tree if parent else None, folder=work)
            snapshots.save(repo, Snapshot(time=now, tree=done.tree, paths=tuple(source.paths), hostname="till"))


def days(cloud: str, folder: Path) -> list[tuple[int, int]]:
    """Save a till once and then after each of some days; return calls and new packs of each day."""
    chance, start = random.Random(7), datetime(2026, 3, 2, 18, 30, tzinfo=UTC)
    till, work = folder / "till", folder / "work"
    for each in (till, work):
        each.mkdir(parents=True)
    (till / "till.db").write_bytes(chance.randbytes(DATABASE))
    owner = owner_of(cloud)
    owner.sign_in()
    world, found = owner.server.world, []

    def state() -> tuple[int, int]:
        return len(world.calls) + len(world.oauth_calls), sum("/data/" in name for name in world.tree())

    save(owner.open(), till, work, start)
    for number, size in enumerate(CHANGES, 1):
        with (till / "till.db").open("r+b") as database:
            database.seek(4096 * chance.randrange(100))
            database.write(chance.randbytes(size))
        (till / f"{number}.pdf").write_bytes(chance.randbytes(12_345))
        calls, packs = state()
        save(owner.open(), till, work, start + timedelta(days=number))
        found.append((state()[0] - calls, state()[1] - packs))
    owner.server.__exit__(None, None, None)
    return found


def figures() -> dict[str, str]:
    """Return the calls of a day in words, by cloud."""
    path = os.pathsep.join(str(ROOT / "plugins" / f"traybackup-{cloud}" / "tests") for cloud in CLOUDS)
    command = [sys.executable, "-m", "tests.benchmarks.clouds"]
    environment = os.environ | {"PYTHONPATH": path}
    said = subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True).stdout
    found = {}
    for cloud, measured in json.loads(said).items():
        counted = [calls for calls, packs in measured if packs <= 3]
        words = f"{min(counted)} to {max(counted)} calls a day with one to three new packs (goal: at most {GOAL})"
        found[CLOUDS[cloud]] = words
    return found


def main(arguments: Sequence[str]) -> int:
    """Do what the module's docstring says."""
    if arguments:
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({cloud: days(cloud, Path(folder, cloud)) for cloud in CLOUDS}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
