"""Scratch: copies of the owner's data lie in a private folder and outlive no run for long."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

from traybackup.sources.scratch import Scratch

RUN = """
import sys
from pathlib import Path
from traybackup.sources.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
Path(scratch.new_path().decode()).write_bytes(b"receipts")
print(scratch.new_path().decode(), flush=True)
sys.stdin.read()
"""


def another_run(work: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    run = subprocess.Popen([sys.executable, "-c", RUN, work], stdin=pipe, stdout=pipe, text=True)
    assert run.stdout is not None
    assert run.stdout.readline()
    return run


def finish(run: subprocess.Popen[str]) -> None:
    run.communicate()


def test_nothing_is_made_in_advance(work: Path) -> None:
    """A run that copies nothing makes no folder, and can be closed twice."""
    scratch = Scratch(work)
    scratch.close()
    scratch.close()
    assert not work.exists()


def test_private(work: Path) -> None:
    """Only the user who runs it can enter the folder; every copy has its own name there, and all go at the end."""
    scratch = Scratch(work)
    paths = {scratch.new_path() for _ in range(10)}
    assert len(paths) == 10
    (folder,) = {os.path.dirname(path) for path in paths}
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert stat.S_IMODE(work.stat().st_mode) == 0o700
    assert scratch.room() > 0
    for path in paths:
        Path(os.fsdecode(path)).write_bytes(b"receipts")
    scratch.close()
    assert list(work.iterdir()) == []


def test_leftovers_of_a_killed_run(work: Path) -> None:
    """What a killed run left is removed by the next one; a run that is still going on keeps what it has."""
    killed, going_on = another_run(work), another_run(work)
    assert len(list(work.iterdir())) == 2
    killed.send_signal(signal.SIGKILL)
    finish(killed)
    scratch = Scratch(work)
    mine = Path(os.fsdecode(scratch.new_path())).parent
    (others,) = set(work.iterdir()) - {mine}
    assert [path.read_bytes() for path in others.iterdir()] == [b"receipts"]
    finish(going_on)
    scratch.close()
    Scratch(work).new_path()
    assert len(list(work.iterdir())) == 1


def test_only_its_own(work: Path, tmp_path: Path) -> None:
    """Neither other files in the work folder nor what a planted link leads to is ever removed."""
    (work / "copies").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"mine")
    (work / "traybackup-copies-link").symlink_to(tmp_path / "data")
    (work / "traybackup-copies-file").write_bytes(b"mine")
    scratch = Scratch(work)
    scratch.new_path()
    scratch.close()
    assert (tmp_path / "data" / "file").read_bytes() == b"mine"
    assert sorted(path.name for path in work.iterdir()) == [
        "copies",
        "traybackup-copies-file",
        "traybackup-copies-link",
    ]
