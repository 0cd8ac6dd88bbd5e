"""The corpora by name, made and compared in processes of their own, so that the measuring process stays small.

python -m tests.benchmarks.corpora make NAME FOLDER SCALE
python -m tests.benchmarks.corpora next-day NAME FOLDER SCALE DAY
python -m tests.benchmarks.corpora compare FOLDER RESTORED
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import files, till

ROOT = Path(__file__).resolve().parents[2]
PIECE = 1 << 20
SQLITE = b"SQLite format 3\0"
SQLITE_HEADER = 100  # holds counters that SQLite's own copy moves on; everything behind it must be the same


class Corpus(NamedTuple):
    """How a corpus is made, how a business day changes it, and what it is in words."""

    make: Callable[[Path, float], None]
    next_day: Callable[[Path, float, int], None]
    words: str


CORPORA = {
    "till": Corpus(till.make, till.next_day, "a till: 1.0 GB of SQLite, 20,000 documents, fiscal exports"),
    "large": Corpus(files.make_large, files.large_next_day, "2 GB in seven large files"),
    "tiny": Corpus(files.make_tiny, files.tiny_next_day, "100,000 tiny files"),
}


def apart(*arguments: str | Path) -> str:
    """Run this module's command line in a process of its own and return what it says."""
    command = [sys.executable, "-m", "tests.benchmarks.corpora", *arguments]
    return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout


def listing(root: Path) -> dict[str, int]:
    """Return the files below *root* with their sizes."""
    return {
        os.path.relpath(path, root): os.lstat(path).st_size
        for parent, _, names in os.walk(root)
        for path in (os.path.join(parent, name) for name in names)
    }


def differences(root: Path, restored: Path) -> list[str]:
    """Return the names of files that are not in both trees with the same content."""
    here, there = listing(root), listing(restored)
    changed = [name for name in here.keys() & there.keys() if not same(root / name, restored / name)]
    return sorted([*(here.keys() ^ there.keys()), *changed])


def same(one: Path, other: Path) -> bool:
    """Say whether two files have the same content; of SQLite databases, the same pages."""
    with one.open("rb") as first, other.open("rb") as second:
        start, start_too = first.read(SQLITE_HEADER), second.read(SQLITE_HEADER)
        if start != start_too and not start.startswith(SQLITE):
            return False
        while piece := first.read(PIECE):
            if piece != second.read(PIECE):
                return False
        return not second.read(1)


def main(arguments: Sequence[str]) -> int:
    """Do what the module's docstring says."""
    match arguments:
        case ["make", name, folder, scale]:
            CORPORA[name].make(Path(folder), float(scale))
        case ["next-day", name, folder, scale, day]:
            CORPORA[name].next_day(Path(folder), float(scale), int(day))
        case ["compare", folder, restored]:
            print("".join(f"{name}\n" for name in differences(Path(folder), Path(restored))), end="")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
