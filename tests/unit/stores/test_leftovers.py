"""Temporary names, and which of them are dead."""

import os
import subprocess
import sys

import pytest

from traybackup.api.errors import InvalidName
from traybackup.api.store import check_name
from traybackup.stores import leftovers

DAY = 24 * 3600.0


def last(name: str) -> str:
    return name.rpartition("/")[2]


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as done:
        pass
    return done.pid


@pytest.mark.parametrize("name", ["config", "data/3f/" + "3f" * 32, "x" * 100])
def test_temporary_name_is_beside_the_object_and_no_object(name: str) -> None:
    """A temporary name is in the object's folder, differs each time, fits a FAT entry, and is no object's name."""
    made = {leftovers.temporary(name) for _ in range(100)}
    assert len(made) == 100
    for temporary in made:
        assert temporary.rpartition("/")[0] == name.rpartition("/")[0]
        assert len(last(temporary)) <= 255
        assert leftovers.object_of(last(temporary)) == last(name)
        with pytest.raises(InvalidName):
            check_name(temporary)


@pytest.mark.parametrize("name", ["config", ".tmp", ".tmp-12", ".tmp-0123abcd-1-x", ".DS_Store", "a.tmp-1", ""])
def test_other_names_are_nobodys_leftovers(name: str) -> None:
    """Whatever is not exactly of our making is never called dead, however old."""
    assert leftovers.object_of(name) is None
    assert not leftovers.is_dead(name, 1000 * DAY)


def test_living_writer_is_never_dead() -> None:
    """A temporary file of a process that runs is not dead, however old the clock says it is."""
    assert not leftovers.is_dead(last(leftovers.temporary("config")), 1000 * DAY)


def test_killed_writer_is_dead_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary file of a process of this boot that is gone is dead, however young."""
    monkeypatch.setattr(os, "getpid", dead_pid)
    assert leftovers.is_dead(last(leftovers.temporary("config")), 0.0)


def test_another_computers_file_is_dead_after_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Process numbers of another boot say nothing: only age counts, and it is more than any put takes."""
    monkeypatch.setattr(leftovers, "_boot", lambda: "0123abcd")
    theirs = last(leftovers.temporary("config"))
    monkeypatch.setattr(leftovers, "_boot", lambda: "9876fedc")
    assert not leftovers.is_dead(theirs, DAY)
    assert not leftovers.is_dead(theirs, -1000 * DAY)
    assert leftovers.is_dead(theirs, 4 * DAY)
