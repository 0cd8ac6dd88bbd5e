"""The scene of the campaign: a tiny till, a tiny repository with a history, and the oracle.

*Golden* is made once: a repository whose snapshots are known byte by byte, among them some that a rule forgets and
some that are forgotten already, so that pruning has packs to delete and packs to repack. A trial works on a copy.

The oracle after a fault: plain restic's ``check --read-data`` is content at once, every acknowledged snapshot restores
byte-identical by restic, and the next backup works without anybody's help.
"""

import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.medium import copy
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.repository import Repository
from traybackup.stores.local import LocalStore

PASSWORD = "till and stick"  # noqa: S105 - of repositories that live for a test
CHEAP = KdfParameters(n=1 << 4, r=1, p=1)
"""So that opening a repository costs nothing; what is tested here is not its strength."""

Manifest = Mapping[str, tuple[object, ...]]


def traybackup(*arguments: str | Path) -> list[str | Path]:
    """Return the command line of the installed program."""
    return [Path(sys.executable).with_name("traybackup"), *arguments]


def environment(home: Path) -> dict[str, str]:
    """Return the variables a run needs; its own state goes below *home*."""
    return {"TRAYBACKUP_PASSWORD": PASSWORD, "TRAYBACKUP_HOME": str(home), "TRAYBACKUP_KEYRING": "off"}


def manifest(folder: Path) -> Manifest:
    """Return everything below *folder* that a restore must bring back, by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        content = None
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        elif not path.is_dir():
            content = "special"
        # a link's mode means nothing
        mode = stat.S_IFMT(info.st_mode) if path.is_symlink() else info.st_mode
        found[str(path.relative_to(folder))] = (mode, content, info.st_mtime_ns, info.st_uid, info.st_gid)
    return found


class Till:
    """A tiny till in *folder* that lives through a few versions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def become(self, version: int) -> None:
        """Turn into *version*; each differs from the others, and shares most with its neighbours."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "receipts").mkdir(parents=True)
        for number in range(6 + 2 * version):
            self._write(f"receipts/{number:03d}.txt", f"receipt {number}: {number * 7.30:.2f} €\n".encode() * 9)
        self._write("journal.dep", b"".join(b"signed line %06d\n" % line for line in range(400 * (version + 1))))
        self._write("pictures.bin", random.Random(1).randbytes(60_000))
        self._write(f"only in {version}.bin", random.Random(version).randbytes(50_000))
        self._write("empty", b"")
        self._write("Menü größe\n.txt", b"umlauts and a line break")
        (self.folder / "empty folder").mkdir()
        (self.folder / "newest").symlink_to(f"receipts/{5 + 2 * version:03d}.txt")
        os.link(self.folder / "journal.dep", self.folder / "journal again.dep")
        (self.folder / "receipts" / "000.txt").chmod(0o640)
        for number, path in enumerate([*self.folder.rglob("*"), self.folder]):
            when = 1_700_000_000_123_456_789 + 1_000_000_007 * (number + 100 * version)
            os.utime(path, ns=(when, when), follow_symlinks=False)

    def _write(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)


@dataclass(frozen=True, slots=True)
class Golden:
    """The repository before each trial.

    Attributes:
        repository: Its folder, to be copied.
        till: The till, now in a version that is not saved yet.
        snapshots: What each snapshot holds, by id, oldest first.
        next: What the next snapshot will hold.
    """

    repository: Path
    till: Path
    snapshots: Mapping[str, Manifest]
    next: Manifest


def make_golden(folder: Path, restic: str) -> Golden:
    """Make a repository with a history: one snapshot forgotten, three to keep, and a till that went on."""
    till = Till(folder / "till")
    repository = folder / "repository"
    repository.mkdir()
    with LocalStore(repository) as store:
        Repository.create(store, PASSWORD, now=datetime(2026, 1, 1, tzinfo=UTC), cost=CHEAP)
    known: dict[str, Manifest] = {}
    for version in range(4):
        till.become(version)
        done = checked(traybackup("backup", till.folder, "--to", repository, "--json"), folder / "home")
        known[summary(done)["snapshot_id"]] = manifest(till.folder)
    oldest = next(iter(known))
    checked([restic, "-r", repository, "--no-cache", "forget", oldest], folder / "home")
    del known[oldest]
    till.become(4)
    return Golden(repository, till.folder, known, manifest(till.folder))


def checked(command: Sequence[str | Path], home: Path) -> str:
    """Run *command*, which must succeed, and return its output."""
    done = run(command, home)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def run(command: Sequence[str | Path], home: Path) -> subprocess.CompletedProcess[str]:
    """Run *command* on a sound medium."""
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment(home), "RESTIC_PASSWORD": PASSWORD},
    )


def summary(output: str) -> dict[str, str]:
    """Return the last JSON line of *output*."""
    return json.loads(output.splitlines()[-1])


class Trial:
    """A copy of the golden repository on which something goes wrong, and the questions asked afterwards.

    Attributes:
        turn: Which of the older snapshots is restored.
    """

    turn = 0

    def __init__(self, golden: Golden, folder: Path, restic: str) -> None:
        self.golden = golden
        self.folder = folder
        folder.mkdir()
        self.repository = copy(golden.repository, folder / "repository")
        self.home = folder / "home"
        self._restic = restic

    def restic(self, *arguments: str | Path) -> str:
        """Run restic, which must succeed, without taking a lock: a dead run's may still be there."""
        command = [self._restic, "-r", self.repository, "--no-cache", "--no-lock", *arguments]
        return checked(command, self.home)

    def check(self, acknowledged: Mapping[str, Manifest]) -> None:
        """State that restic finds no fault, and that all of *acknowledged* are there and restore byte-identical.

        restic's check opens every snapshot, whose id is its hash, and every blob it leads to. So two restores suffice:
        of the newest, and of one of the others by turns.
        """
        assert "no errors were found" in self.restic("check", "--read-data")
        assert acknowledged.keys() <= self.snapshots()
        *others, newest = acknowledged or [""]
        for snapshot in {newest, others[self.turn % len(others)] if others else newest} - {""}:
            assert self.restored(snapshot) == acknowledged[snapshot]

    def restored(self, snapshot: str) -> Manifest:
        """Return what restic brings back of *snapshot*."""
        target = self.folder / "restored"
        shutil.rmtree(target, ignore_errors=True)
        self.restic("restore", snapshot, "--target", target)
        return manifest(target / self.golden.till.relative_to("/"))

    def go_on(self) -> None:
        """State that the next backup works without help, is whole, and leaves nothing of the dead run but packs."""
        done = checked(traybackup("backup", self.golden.till, "--to", self.repository, "--json"), self.home)
        assert self.restored(summary(done)["snapshot_id"]) == self.golden.next
        assert list(self.temporary()) == []
        restic = [self._restic, "-r", self.repository, "--no-cache"]
        checked([*restic, "unlock"], self.home)
        assert "no errors were found" in checked([*restic, "check", "--read-data"], self.home)

    def temporary(self) -> Iterator[Path]:
        """Yield what is no file of a repository."""
        return (path for path in self.repository.rglob(".*"))

    def snapshots(self) -> set[str]:
        """Return the ids of the snapshots that are there."""
        return {path.name for path in self.repository.glob("snapshots/[0-9a-f]*")}

    def remove(self) -> None:
        """Free the room."""
        shutil.rmtree(self.folder)
