"""Where the program keeps its own files."""

import os
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from traybackup.app import crashlog
from traybackup.app.paths import find, open_private, private_folder

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_home_variable_moves_all_three(tmp_path: Path) -> None:
    """TRAYBACKUP_HOME moves configuration, state and cache, and nothing is created by asking."""
    found = find({"TRAYBACKUP_HOME": str(tmp_path / "home")})
    assert {found.config.parent, found.state.parent, found.cache.parent} == {tmp_path / "home"}
    assert not (tmp_path / "home").exists()


def test_without_it_the_system_decides() -> None:
    """Else they are three folders of this user, all of our name."""
    found = find({})
    assert len({found.config, found.state, found.cache}) == 3
    assert all("traybackup" in str(folder) for folder in (found.config, found.state, found.cache))


@posix
def test_folders_and_files_are_private(tmp_path: Path) -> None:
    """Folders are 0700 and files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        folder = private_folder(tmp_path / "a" / "b")
        os.close(open_private(folder / "c" / "log"))
    finally:
        os.umask(before)
    assert [mode(tmp_path / "a"), mode(folder), mode(folder / "c")] == [0o700] * 3
    assert mode(folder / "c" / "log") == 0o600


@posix
def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    """A link where the log should be is refused, not written through."""
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "log").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic link"):
        open_private(tmp_path / "log")
    assert (tmp_path / "victim").read_text() == "mine"


def test_an_unexpected_fault_is_logged_with_its_traceback(tmp_path: Path) -> None:
    """The log has time, version and traceback, but no values of variables."""
    paths = find({"TRAYBACKUP_HOME": str(tmp_path)})

    def fail(password: str) -> None:
        raise KeyError(len(password))

    try:
        fail("canary")
    except KeyError as error:
        log = crashlog.record(paths, error, datetime(2026, 3, 1, tzinfo=UTC))
    assert log is not None
    text = log.read_text()
    assert "2026-03-01T00:00:00+00:00 traybackup" in text
    assert "KeyError: 6" in text
    assert "in fail" in text


def test_a_log_that_cannot_be_written_does_not_hide_the_fault(tmp_path: Path) -> None:
    """Where the state folder cannot be made, there is no log and no second fault."""
    (tmp_path / "state").write_text("in the way")
    paths = find({"TRAYBACKUP_HOME": str(tmp_path)})
    assert crashlog.record(paths, ValueError(), datetime(2026, 3, 1, tzinfo=UTC)) is None


def test_a_large_log_makes_room(tmp_path: Path) -> None:
    """A log of more than a megabyte is set aside once and begun anew."""
    paths = find({"TRAYBACKUP_HOME": str(tmp_path)})
    private_folder(paths.state)
    paths.log.write_bytes(b"x" * (2 << 20))
    crashlog.record(paths, ValueError(), datetime(2026, 3, 1, tzinfo=UTC))
    assert paths.log.stat().st_size < 10_000
    assert paths.log.with_suffix(".old").stat().st_size == 2 << 20
