"""The work folder: private, gone afterwards, and cleared of what killed runs left behind."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from traybackup.api.errors import WorkFolderUnusable
from traybackup.app.paths import find
from traybackup.app.workfolder import work_folder


def test_it_is_private_and_goes_with_the_run(tmp_path: Path) -> None:
    """The folder is in the cache, only for this user, and removed with what is in it."""
    paths = find({"TRAYBACKUP_HOME": str(tmp_path)})
    with work_folder(paths, {}) as folder:
        assert folder.parent == paths.cache / "work"
        assert sys.platform == "win32" or stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "copy.db").write_bytes(b"till")
    assert list((paths.cache / "work").iterdir()) == []


def test_tmpdir_moves_it(tmp_path: Path) -> None:
    """Who has little room in his home sets TMPDIR."""
    (tmp_path / "big").mkdir()
    with work_folder(find({"TRAYBACKUP_HOME": str(tmp_path)}), {"TMPDIR": str(tmp_path / "big")}) as folder:
        assert folder.parent == tmp_path / "big"


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """Copies of the till's data in clear do not stay; those of a run at work do, and so does what is not ours."""
    base = tmp_path / "tmp"
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead, alive, odd = (
        base / f"traybackup-work-{name}" for name in (f"{int(ended.stdout)}-a", f"{os.getppid()}-b", "x-c")
    )
    for folder in (dead, alive, odd, base / "other"):
        folder.mkdir(parents=True)
        (folder / "copy.db").write_bytes(b"till")
    with work_folder(find({"TRAYBACKUP_HOME": str(tmp_path)}), {"TMPDIR": str(base)}):
        pass
    assert sorted(folder.name for folder in base.iterdir()) == sorted(["other", alive.name, odd.name])


def test_a_full_disk_of_this_computer_is_told_as_such(tmp_path: Path) -> None:
    """No room for temporary files is neither the place's fault nor the source's."""
    with pytest.raises(WorkFolderUnusable) as caught, work_folder(find({}), {"TMPDIR": str(tmp_path)}):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.folder == str(tmp_path)
    assert "No space" in caught.value.reason
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file in its way is told with the system's word."""
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkFolderUnusable), work_folder(find({}), {"TMPDIR": str(tmp_path / "file")}):
        raise AssertionError


def test_a_reader_who_has_gone_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    """The output's broken pipe passes."""
    with pytest.raises(BrokenPipeError), work_folder(find({}), {"TMPDIR": str(tmp_path)}):
        raise BrokenPipeError
