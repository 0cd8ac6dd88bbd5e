"""What the tests of the command line share: cheap keys, a small source, a place, and the program in this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from traybackup.cli.program import run
from traybackup.engine import keys, locks
from traybackup.engine.crypto import KdfParameters

PASSWORD = "correct horse"  # noqa: S105 - of repositories that live for one test


@dataclass
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def errors(self) -> list[Any]:
        return [json.loads(line) for line in self.err.splitlines()]

    def record(self, kind: str) -> Any:
        """Return the last message of this kind."""
        return [one for one in self.records if one.get("message_type") == kind][-1]


@dataclass
class Shell:
    """Runs commands in this process."""

    call: Callable[..., Said]
    source: Path
    place: Path
    made: list[str] = field(default_factory=list)

    def __call__(self, *words: object) -> Said:
        return self.call(*words)

    def backup(self, *more: object) -> Said:
        return self("backup", self.source, "--to", self.place, *more)

    def at(self, command: str, *more: object) -> Said:
        """Run *command* about the place."""
        return self(*command.split(), *more, "--from", self.place)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make keys of a cost that no owner would choose, and do not wait for rivals that a test does not have."""
    timing = locks.Timing(settle=0.005)
    monkeypatch.setattr(keys, "calibrate", lambda: KdfParameters(n=1 << 10))
    monkeypatch.setattr(locks, "Timing", lambda: timing)


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a function that runs the program with these words; the password is in the environment."""
    monkeypatch.setenv("TRAYBACKUP_PASSWORD", PASSWORD)
    source = tmp_path / "till"
    (source / "data").mkdir(parents=True)
    (source / "data" / "sales.txt").write_bytes(b"one\ntwo\n")
    (source / "settings.ini").write_bytes(b"[till]\n")
    (tmp_path / "place").mkdir()

    def call(*words: object) -> Said:
        capfd.readouterr()
        code = run([str(word) for word in words])
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return Shell(call, source, tmp_path / "place")
