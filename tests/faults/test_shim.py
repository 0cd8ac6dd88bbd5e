"""The failing medium is itself tested: it counts what happens, does what it says, and shows up a careless writer."""

import sys
from pathlib import Path

import pytest

from tests.faults.medium import (
    BROKEN,
    BROKEN_ONCE,
    FLIP_ONCE,
    FULL_ONCE,
    GONE,
    KILL,
    LIE_ONCE,
    NOTHING,
    READ_ONLY,
    UNFLUSHED_ONCE,
    Fault,
    Medium,
    Run,
)

CAREFUL = """
import os, sys
root = sys.argv[1]
def put(name, data):
    with open(f"{root}/.new", "wb", buffering=0) as file:
        file.write(data)
        os.fsync(file.fileno())
    os.rename(f"{root}/.new", f"{root}/{name}")
for name in "ab":
    put(name, name.encode() * 1000)
"""
CARELESS = """
import sys
root = sys.argv[1]
for name in "ab":
    with open(f"{root}/{name}", "wb", buffering=0) as file:
        file.write(name.encode() * 1000)
"""
THREADED = """
import sys, threading
root = sys.argv[1]
def put(number):
    with open(f"{root}/{number}", "wb", buffering=0) as file:
        for _ in range(10):
            file.write(b"x")
threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def run(medium: Medium, root: Path, script: str, fault: Fault = NOTHING, at: int = 0) -> Run:
    for file in root.iterdir():
        file.unlink()
    return medium.run([sys.executable, "-c", script, root], root, fault, at)


def test_operations_are_counted_in_order(medium: Medium, root: Path) -> None:
    """Every change below the folder is listed once, with its path, and nothing outside of it."""
    done = run(medium, root, CAREFUL)
    assert done.code == 0
    aside = ("create /.new", "write /.new", "fsync /.new")
    assert done.operations == (*aside, "rename /a", *aside, "rename /b")


def test_threads_share_the_count(medium: Medium, root: Path) -> None:
    """Operations of several threads are numbered together, none twice: the last one can be hit."""
    assert len(run(medium, root, THREADED).operations) == 88
    assert run(medium, root, THREADED, KILL, 88).killed
    assert run(medium, root, THREADED, KILL, 89).code == 0


def test_kill_strikes_before_the_operation_and_halves_a_write(medium: Medium, root: Path) -> None:
    """The process dies at exactly the operation named; a write is half done."""
    assert run(medium, root, CAREFUL, KILL, 2).killed
    assert [(file.name, file.stat().st_size) for file in root.iterdir()] == [(".new", 500)]
    assert run(medium, root, CAREFUL, KILL, 4).killed
    assert [file.name for file in root.iterdir()] == [".new"]
    assert run(medium, root, CAREFUL, KILL, 5).killed
    assert [file.name for file in root.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("fault", "at", "words"),
    [
        (FULL_ONCE, 2, "No space left"),
        (BROKEN_ONCE, 3, "Input/output error"),
        (BROKEN, 1, "Input/output error"),
        (READ_ONLY, 4, "Read-only file system"),
        (UNFLUSHED_ONCE, 1, "Input/output error"),
        (GONE, 3, "Input/output error"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else None,
)
def test_errors_are_the_ones_named(medium: Medium, root: Path, fault: Fault, at: int, words: str) -> None:
    """The operation fails with the error that the fault stands for."""
    done = run(medium, root, CAREFUL, fault, at)
    assert done.code == 1
    assert words in done.err


def test_lies_and_flips_look_like_success(medium: Medium, root: Path) -> None:
    """A dropped write and a flipped bit are not noticed by the writer."""
    assert run(medium, root, CAREFUL, LIE_ONCE, 2).code == 0
    assert (root / "a").read_bytes() == b"a" * 1000
    assert (root / "b").read_bytes() == b""
    assert run(medium, root, CAREFUL, FLIP_ONCE, 1).code == 0
    assert (root / "a").read_bytes() == b"a" * 500 + b"`" + b"a" * 499
    assert (root / "b").read_bytes() == b"b" * 1000


def test_vanished_medium_cannot_be_read(medium: Medium, root: Path) -> None:
    """After the medium is gone nothing of it can be opened, read or listed by name or by handle."""
    script = """
import os, sys
root = sys.argv[1]
open(f"{root}/a", "w").close()
folder, file = os.open(root, os.O_RDONLY), os.open(f"{root}/a", os.O_RDONLY)
for call in (
    lambda: os.mkdir(f"{root}/x"), lambda: os.open(f"{root}/a", os.O_RDONLY), lambda: os.stat(root),
    lambda: os.listdir(root), lambda: os.read(file, 1), lambda: os.open("a", os.O_RDONLY, dir_fd=folder),
    lambda: os.stat("a", dir_fd=folder), lambda: os.scandir(folder), lambda: os.fsync(folder),
    lambda: os.statvfs(folder), lambda: os.stat("/"),
):
    try: call(); print("fine")
    except OSError as error: print(error.errno)
"""
    done = run(medium, root, script, GONE, 2)
    assert done.out.split() == ["5", *["2"] * 3, *["5"] * 6, "fine"]


def test_careless_writer_shows_up(medium: Medium, root: Path) -> None:
    """Killed at every operation, a writer under final names leaves half a file; one that writes aside never does."""

    def halves(script: str) -> int:
        found, at = 0, 1
        while run(medium, root, script, KILL, at).killed:
            found += any(file.stat().st_size != 1000 for file in root.iterdir() if not file.name.startswith("."))
            at += 1
        return found

    assert halves(CAREFUL) == 0
    assert halves(CARELESS) == 2
