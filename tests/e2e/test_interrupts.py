"""Interrupts: whoever stops the program finds everything sound, unlocked, and is told so."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals to other processes are POSIX")

PATIENCE = 2.0


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a source that takes a while to save: 300 MB that do not compress, in 60 files."""
    folder = tmp_path / "large"
    folder.mkdir()
    block = os.urandom(5_000_000)
    for number in range(60):
        (folder / f"{number:02}").write_bytes(number.to_bytes(4, "big") + block[number:] + block[:number])
    return folder


def wait_for(condition: Any, process: Any) -> None:
    """Wait until *condition* holds, while the process lives."""
    until = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)


def stopped(process: Any, number: signal.Signals) -> tuple[str, str]:
    """Send a signal, and return what was said; the process must end in time and with 130."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - began < PATIENCE * slowness()
    assert process.returncode == 130, err
    return out, err


def slowness() -> float:
    """Return by how much this computer is too busy to be timed."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def packs(place: Path) -> int:
    return sum(1 for path in place.glob("data/*/*") if len(path.name) == 64)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_backup_that_is_stopped_leaves_all_sound_and_goes_on_there(
    number: signal.Signals, program_here: Any, real_restic: Any, large: Path, tmp_path: Path
) -> None:
    """In two seconds, exit code 130, no lock, no snapshot; restic agrees, and nothing is stored twice."""
    place = tmp_path / "place"
    process = program_here.start("backup", large, "--to", place)
    wait_for(lambda: packs(place) >= 2, process)
    _, err = stopped(process, number)
    assert "Everything saved before is safe" in err
    assert "Traceback" not in err
    assert list((place / "locks").iterdir()) == []
    assert list((place / "snapshots").glob("*")) == []
    assert not [path for path in place.rglob("*") if path.is_file() and path.name.startswith("tmp")]
    assert real_restic(place, "check", "--read-data").code == 0
    stored = packs(place)
    done = program_here("backup", large, "--to", place, "--json")
    assert done.code == 0
    added = done.record("summary")["data_added_packed"]
    assert added <= 300_000_000 - (stored - 2) * 16_000_000 + 20_000_000
    assert real_restic(place, "check", "--read-data").code == 0


def test_a_second_interrupt_is_heard(program_here: Any, large: Path, tmp_path: Path) -> None:
    """Ctrl-C twice ends it, without a traceback, and the next run just works."""
    place = tmp_path / "place"
    process = program_here.start("backup", large, "--to", place)
    wait_for(lambda: packs(place) >= 1, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert program_here("backup", large / "00", "--to", place).code == 0


def test_a_killed_backup_does_not_lock_the_next_one_out(
    program_here: Any, real_restic: Any, large: Path, tmp_path: Path
) -> None:
    """After SIGKILL the dead process's lock and its work folder go by themselves."""
    place = tmp_path / "place"
    process = program_here.start("backup", large, "--to", place)
    wait_for(lambda: packs(place) >= 2, process)
    process.kill()
    process.communicate()
    work = tmp_path / "home" / "traybackup" / "cache" / "work"
    assert list(work.iterdir())
    assert program_here("backup", large / "00", "--to", place).code == 0
    assert list(work.iterdir()) == []
    assert program_here("forget", "--keep-last", "1", "--from", place, "--prune").code == 0
    assert list((place / "locks").iterdir()) == []
    checked = real_restic(place, "check", "--read-data")
    assert checked.code == 0, checked.err


def test_a_restore_that_is_stopped_leaves_only_whole_files(program_here: Any, large: Path, tmp_path: Path) -> None:
    """What has its name is whole; started again, it goes on and ends well."""
    place, out = tmp_path / "place", tmp_path / "out"
    program_here("backup", large, "--to", place)
    process = program_here.start("restore", f"latest:{large}", "--from", place, "--into", out)
    wait_for(lambda: out.exists() and any(out.iterdir()), process)
    _, err = stopped(process, signal.SIGINT)
    assert "Traceback" not in err
    whole = [path for path in out.iterdir() if len(path.name) == 2]
    for path in whole:
        assert path.read_bytes() == (large / path.name).read_bytes()
    done = program_here("restore", f"latest:{large}", "--from", place, "--into", out, "--json")
    assert done.code == 0, done.err
    assert done.record("summary")["files_skipped"] >= len(whole)
    assert sorted(path.name for path in out.iterdir()) == [f"{number:02}" for number in range(60)]


def test_a_check_that_is_stopped_gives_its_lock_back(program_here: Any, large: Path, tmp_path: Path) -> None:
    """Reading stops at once."""
    place = tmp_path / "place"
    program_here("backup", large, "--to", place)
    process = program_here.start("check", "--read-data", "--from", place)
    wait_for(lambda: any((place / "locks").iterdir()), process)
    stopped(process, signal.SIGTERM)
    assert list((place / "locks").iterdir()) == []


def test_a_drive_that_goes_away_is_told(program_here: Any, large: Path, tmp_path: Path) -> None:
    """The folder of the place vanishes in the middle: the run fails with a clear line, not with a new empty place."""
    place = tmp_path / "place"
    process = program_here.start("backup", large, "--to", place)
    wait_for(lambda: packs(place) >= 1, process)
    place.rename(tmp_path / "pulled")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.count("\n") == 1
    assert not place.exists()
    shutil.rmtree(tmp_path / "pulled")
