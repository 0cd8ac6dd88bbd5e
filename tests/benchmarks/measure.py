"""One program run, measured: wall time, processor time and peak memory of it and of every process it starts.

Memory is the peak of the largest single process (`ru_maxrss` of the ended child and of those it waited for). Linux
counts into a child's peak what its parent held when it was started, so the process that measures stays small: corpora
are made and results compared in processes of their own.
"""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RSS_UNIT = 1024  # Linux counts KiB


@dataclass(frozen=True)
class Usage:
    """What a run took: seconds on the clock, seconds of processor time, bytes of memory."""

    wall: float
    cpu: float
    rss: int

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.wall + other.wall, self.cpu + other.cpu, max(self.rss, other.rss))


class RunFailed(Exception):
    """A program that is measured ended with an error; *tail* is the end of what it said."""

    def __init__(self, command: Sequence[str], code: int, tail: str) -> None:
        super().__init__(f"{' '.join(command)} ended with {code}:\n{tail}")


def measure(command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> Usage:
    """Run *command* in *folder* with its output into *log*, and return what it took.

    Raises:
        RunFailed: It did not end with 0.
    """
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=folder
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RunFailed(command, process.returncode, log.read_text("utf-8", "replace")[-2000:])
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * RSS_UNIT)


def settle(*, drop_caches: bool) -> None:
    """Wait until the disk has what was written before, and forget what was read if *drop_caches*."""
    os.sync()
    if drop_caches:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")


def size_of(folder: Path) -> int:
    """Return the bytes of all files below *folder*."""
    return sum(os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(folder) for name in names)
