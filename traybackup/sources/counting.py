"""Counting: how many files and bytes lie ahead, as fast as the file system tells.

It is an estimate for people to look at, made beside the run in another thread. Only names and sizes are looked at and
nothing is opened, so that nothing is disturbed that the run has open, such as a database that is being copied.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence

Listing = list["os.DirEntry[str]"]


def count(tops: Sequence[bytes], choose: Callable[[str, Listing], Listing]) -> Iterator[tuple[int, int]]:
    """Yield how many files each folder holds, and their bytes; what cannot be listed is passed over.

    Args:
        choose: Returns those entries of a folder that are not left out.
    """
    ahead = []
    for top in map(os.fsdecode, tops):
        try:
            status = os.lstat(top)
        except OSError:
            continue  # the run will tell
        if stat.S_ISDIR(status.st_mode):
            ahead.append(top)
        elif stat.S_ISREG(status.st_mode):
            yield 1, status.st_size
    while ahead:
        files = size = 0
        for entry in _entries(ahead.pop(), choose):
            if entry.is_dir(follow_symlinks=False):
                ahead.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                files += 1
                size += _size(entry)
        yield files, size


def _entries(folder: str, choose: Callable[[str, Listing], Listing]) -> Listing:
    try:
        with os.scandir(folder) as entries:
            return choose(folder, list(entries))
    except OSError:
        return []


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0
