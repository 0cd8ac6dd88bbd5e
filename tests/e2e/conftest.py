"""What the end-to-end tests share: the installed program as a child process, in an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "correct horse"  # noqa: S105 - of repositories that live for one test


@dataclass
class Said:
    """What the program said."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    def record(self, kind: str) -> Any:
        """Return the last message of this kind."""
        return [one for one in self.records if one.get("message_type") == kind][-1]


@dataclass
class Program:
    """Runs the program in children.

    Attributes:
        environment: Theirs.
        before: Words that come before the command.
    """

    environment: dict[str, str]
    before: tuple[str, ...] = ()

    def start(self, *words: object, **more: Any) -> subprocess.Popen[str]:
        """Start it and return the process."""
        command = [*self.before, sys.executable, "-m", "traybackup", *map(str, words)]
        return subprocess.Popen(
            command,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **more,
        )

    def __call__(self, *words: object) -> Said:
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        return Said(process.returncode, out, err)

    def given(self, **variables: str) -> "Program":
        """Return the program with other variables in its environment."""
        return Program(self.environment | variables, self.before)

    def without(self, *names: str) -> "Program":
        """Return the program without some variables in its environment."""
        return Program({name: value for name, value in self.environment.items() if name not in names}, self.before)


@pytest.fixture
def program_here(tmp_path: Path) -> Program:
    """Return the program with a password in the environment and a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    known = {"TRAYBACKUP_HOME": str(home / "traybackup"), "HOME": str(home), "TRAYBACKUP_PASSWORD": PASSWORD}
    return Program(dict(os.environ) | known)


@pytest.fixture
def real_restic(restic: str, tmp_path: Path) -> Callable[..., Said]:
    """Return a function that runs the real restic on a folder with the same password."""

    def run(
        folder: Path, *words: object, password: str = PASSWORD, environment: Mapping[str, str] | None = None
    ) -> Said:
        command = [restic, "-r", str(folder), "--no-cache", *map(str, words)]
        known = dict(os.environ) | {"RESTIC_PASSWORD": password, "HOME": str(tmp_path)} | dict(environment or {})
        done = subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=120)
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def as_anybody(program_here: Program, program: Callable[[str], str]) -> Program:
    """Return the program as somebody who may not read and write everything, even if the tests run as root."""
    if os.geteuid() == 0:
        program_here.before = (program("setpriv"), "--bounding-set=-dac_override,-dac_read_search")
    return program_here


@pytest.fixture(scope="session")
def saved_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the till and a place with one backup of it, to be copied."""
    folder = tmp_path_factory.mktemp("saved")
    make_till(folder / "till")
    known = {"TRAYBACKUP_HOME": str(folder / "home"), "TRAYBACKUP_PASSWORD": PASSWORD}
    assert Program(dict(os.environ) | known)("backup", folder / "till", "--to", folder / "place").code == 0
    return folder


@pytest.fixture
def till(tmp_path: Path) -> Path:
    """Return a folder with a few files of different kinds."""
    make_till(tmp_path / "till")
    return tmp_path / "till"


def make_till(folder: Path) -> None:
    (folder / "data" / "deep" / "er").mkdir(parents=True)
    (folder / "data" / "sales.txt").write_bytes(b"one\ntwo\n")
    (folder / "data" / "deep" / "er" / "big.bin").write_bytes(os.urandom(3_000_000))
    (folder / "settings.ini").write_bytes(b"[till]\n")
    (folder / "empty").touch()
    (folder / "Größe ☕").write_bytes(b"x" * 1000)
    (folder / "link").symlink_to("settings.ini")
    (folder / "settings.ini").chmod(0o640)
    os.utime(folder / "data" / "sales.txt", ns=(1_600_000_000_123_456_789, 1_600_000_001_987_654_321))


def facts(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return what is known about everything in *folder*, by name."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        known = path.lstat()
        if path.is_symlink():
            content: object = os.readlink(path)
        else:
            content = path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (known.st_mode, known.st_mtime_ns if content is not None else 0, content)
    return found


@pytest.fixture
def facts_of() -> Callable[[Path], dict[str, tuple[object, ...]]]:
    """Return a function that tells everything about a folder, to compare."""
    return facts
