"""Plugins of strangers in the installed program: whatever they do, the run tells the truth and other places go on."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import install

BAD = {
    "missing-library": "plugin “missing-library”",
    "exits": "plugin “exits”",
    "open-raises": "plugin “open-raises”",
    "open-exits": "plugin “open-exits”",
    "put-exits": "plugin “put-exits”",
    "entries-junk": "plugin “entries-junk”",
    "get-short": "does not count",
}
"""A few of those that the tests of the host know all about."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def shop(program_here: Any, site: Path) -> Any:
    """Return the program as it is where plugins are installed in *site*."""
    path = os.pathsep.join([str(site), str(Path(__file__).resolve().parents[2])])
    return program_here.given(PYTHONPATH=path)


def test_a_strangers_place_keeps_a_backup(shop: Any, site: Path, till: Path) -> None:
    """A plugin that was only installed is listed and used; its place is in memory, so one command has it all."""
    install(site, "good")
    said = shop("plugins", "--json")
    assert "good" in [one["name"] for one in said.records[0]["accepted"]]
    said = shop("backup", till, "--to", "good:x", "--json")
    assert said.code == 0, said.err
    assert said.record("summary")["files_new"] == 5
    assert shop.given(TRAYBACKUP_PLUGINS="")("backup", till, "--to", "good:x").code == 1


@pytest.mark.parametrize("name", BAD)
def test_a_bad_plugin_costs_its_own_place_only(shop: Any, site: Path, till: Path, tmp_path: Path, name: str) -> None:
    """The run fails with a line that names the plugin, and a run to a stick beside it succeeds."""
    install(site, name)
    said = shop("backup", till, "--to", f"{name}:x")
    assert said.code == 1, said.out
    assert BAD[name] in said.err
    assert len(said.err.splitlines()) == 1
    assert "Traceback" not in said.err
    (tmp_path / "stick").mkdir()
    assert shop("backup", till, "--to", tmp_path / "stick").code == 0


def test_what_a_plugin_prints_reaches_nobody(shop: Any, site: Path, till: Path) -> None:
    """Neither its prints nor those of programs it starts spoil the JSON or tell the password, which it could read."""
    install(site, "prints")
    said = shop("backup", till, "--to", "prints:x", "--json", "-v")
    assert said.code == 0
    assert said.record("summary")
    assert "LEAK" not in said.out + said.err
    assert "correct horse" not in said.out + said.err
    assert "LEAK" not in shop("plugins").out
    assert "LEAK" in shop.given(TRAYBACKUP_DEBUG="1")("plugins").out


def test_a_thread_that_stays_holds_nobody_up(shop: Any, site: Path, till: Path) -> None:
    """The program ends with its exit code although a plugin's thread would run for an hour."""
    install(site, "thread-stays")
    began = time.monotonic()
    assert shop("backup", till, "--to", "thread-stays:x").code == 0
    assert shop("snapshots", "--from", "thread-stays:x").code == 10
    assert time.monotonic() - began < 60


def test_handles_that_a_plugin_leaks_end_with_the_run(shop: Any, site: Path, till: Path) -> None:
    """A store that loses handles at every call still gets a whole backup done."""
    install(site, "stat-leaks")
    assert shop("backup", till, "--to", "stat-leaks:x").code == 0


def test_no_plugin_is_imported_for_a_folder(shop: Any, site: Path, till: Path, tmp_path: Path) -> None:
    """A run to a stick starts nobody's code, and looking at the help neither."""
    install(site, "tells", f"open({str(tmp_path / 'imported')!r}, 'w').close()\n")
    (tmp_path / "stick").mkdir()
    for words in (
        ["backup", till, "--to", tmp_path / "stick"],
        ["snapshots", "--from", tmp_path / "stick"],
        ["--help"],
    ):
        assert shop(*words).code == 0
    assert not (tmp_path / "imported").exists()
    shop("plugins")
    assert (tmp_path / "imported").exists()
