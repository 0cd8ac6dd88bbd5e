"""The programs that are compared, each told to do the same: encrypt, compress at zstd's usual level, keep on this disk.

restic uses format version 2 with its automatic compression (zstd at its default level), borg ``repokey-blake2`` with
``zstd,3``. Each round starts with new repositories and empty caches. What a program does to be durable stays on: restic
flushes each pack file, borg flushes at each commit, traybackup flushes each object twice and reads it back.
"""

import os
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.corpora import ROOT

PASSWORD = "benchmark"  # noqa: S105 - protects nothing


class Program(ABC):
    """A backup program with a repository below *folder*, which is its own."""

    name: str
    executable: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = str(folder / "repository")
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE") if name in os.environ}
        self.environment = kept | {"HOME": str(folder / "home"), **self.settings()}
        (folder / "home").mkdir(parents=True)

    @classmethod
    def available(cls) -> bool:
        """Say whether it is installed."""
        return shutil.which(cls.executable) is not None

    @classmethod
    def version(cls) -> str:
        """Return its version as it says it, in one word."""
        said = subprocess.run([cls.executable, *cls.ask_version], check=True, capture_output=True, text=True).stdout
        return next(word for word in said.replace(",", " ").split() if word[0].isdigit())

    ask_version: Sequence[str] = ("--version",)

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """Return its environment variables."""

    def create(self) -> Sequence[str] | None:
        """Return the command that makes the repository; None: the first backup does."""
        return None

    @abstractmethod
    def backup(self, source: Path) -> Sequence[str]:
        """Return the command that saves *source*."""

    @abstractmethod
    def restore(self, target: Path) -> Sequence[str]:
        """Return the command that brings the newest snapshot back into the folder *target*, where it is started."""

    @abstractmethod
    def check(self) -> Sequence[str]:
        """Return the command that reads and checks everything stored."""


def install(folder: Path) -> str:
    """Install this checkout in a new environment, as an owner has it, and return its command.

    Without plugins: their libraries may hold back the versions of others, cryptography's above all.
    """
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    pip = [scripts / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, ROOT], check=True)
    return str(scripts / "traybackup")


class Traybackup(Program):
    """Ours, from this checkout's environment unless `install` made one."""

    name = "traybackup"
    executable = str(Path(sys.executable).with_name("traybackup"))

    def settings(self) -> dict[str, str]:
        home = str(self.folder / "home")
        return {"TRAYBACKUP_PASSWORD": PASSWORD, "TRAYBACKUP_HOME": home, "TRAYBACKUP_KEYRING": "off"}

    def backup(self, source: Path) -> Sequence[str]:
        return [self.executable, "backup", str(source), "--to", self.repository]

    def restore(self, target: Path) -> Sequence[str]:
        return [self.executable, "restore", "latest", "--from", self.repository, "--into", str(target)]

    def check(self) -> Sequence[str]:
        return [self.executable, "check", "--read-data", "--from", self.repository]


class Restic(Program):
    """The program whose repository format ours is."""

    name = "restic"
    executable = "restic"
    ask_version = ("version",)

    def settings(self) -> dict[str, str]:
        return {"RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": self.repository}

    def create(self) -> Sequence[str]:
        return [self.executable, "init", "--repository-version", "2"]

    def backup(self, source: Path) -> Sequence[str]:
        return [self.executable, "backup", str(source)]

    def restore(self, target: Path) -> Sequence[str]:
        return [self.executable, "restore", "latest", "--target", str(target)]

    def check(self) -> Sequence[str]:
        return [self.executable, "check", "--read-data"]


class Borg(Program):
    """The other program that people know."""

    name = "borg"
    executable = "borg"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.archives = 0

    def settings(self) -> dict[str, str]:
        return {
            "BORG_PASSPHRASE": PASSWORD,
            "BORG_REPO": self.repository,
            "BORG_BASE_DIR": str(self.folder / "home"),
        }

    def create(self) -> Sequence[str]:
        return [self.executable, "init", "--encryption", "repokey-blake2"]

    def backup(self, source: Path) -> Sequence[str]:
        self.archives += 1
        return [self.executable, "create", "--compression", "zstd,3", f"::run-{self.archives}", str(source)]

    def restore(self, target: Path) -> Sequence[str]:  # noqa: ARG002 - borg restores where it is started
        return [self.executable, "extract", f"::run-{self.archives}"]

    def check(self) -> Sequence[str]:
        return [self.executable, "check", "--verify-data"]


PROGRAMS: tuple[type[Program], ...] = (Traybackup, Restic, Borg)
