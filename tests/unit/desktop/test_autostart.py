"""Autostart: what is written is what starts the program, and what is there is what is shown."""

import plistlib
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from traybackup.desktop import autostart

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the registry is Windows'")


def test_it_is_switched_on_and_off(tmp_path: Path) -> None:
    """What is shown is whether the file is there and not hidden."""
    here = {"HOME": str(tmp_path)}
    assert not autostart.is_on(here)
    assert autostart.switch(here, on=True)
    assert autostart.is_on(here)
    file = autostart.file_of(here)
    file.write_text(file.read_text() + "Hidden=true\n")
    assert not autostart.is_on(here)
    assert autostart.switch(here, on=False)
    assert not file.exists()
    assert autostart.switch(here, on=False)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """It is not claimed that it is on when it is not."""
    (tmp_path / ".config").write_text("in the way")
    assert not autostart.switch({"HOME": str(tmp_path)}, on=True)


@pytest.mark.parametrize("word", ["plain", "with blank", 'a"quote', "back\\slash", "dollar$x", "`tick`", "100%"])
def test_words_come_out_as_they_went_in(word: str) -> None:
    """A shell, which unquotes as the desktop does, gets each word whole; percents are doubled for the desktop."""
    line = next(line for line in autostart.entry([word]).splitlines() if line.startswith("Exec="))
    unescaped = line.removeprefix("Exec=").replace("\\\\", "\\")
    done = subprocess.run(["sh", "-c", f"printf %s {unescaped}"], check=True, capture_output=True, text=True)
    assert done.stdout.replace("%%", "%") == word


def test_macos_gets_a_list_of_words() -> None:
    """The LaunchAgent has the words as they are, and starts them at logging on."""
    found = plistlib.loads(autostart.agent(["/opt/tray backup", "tray"]))
    assert found["ProgramArguments"] == ["/opt/tray backup", "tray"]
    assert found["RunAtLoad"] is True


def test_windows_gets_one_line() -> None:
    """Blanks are quoted as Windows has it."""
    assert autostart.subprocess_line(["C:\\Tray Backup\\t.exe", "tray"]) == '"C:\\Tray Backup\\t.exe" tray'


def test_the_command_starts_this_program() -> None:
    """The words are this Python, and the program knows them."""
    words = autostart.command()
    assert words[0] == sys.executable
    assert shlex.join(words[1:]) == "-m traybackup tray --at-login"
