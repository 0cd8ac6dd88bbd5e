"""One program run, measured: wall time, processor time and peak memory of it and of every process it starts.

Memory is the larger of two figures: the exact peak of the largest single process (`ru_maxrss` of the ended child and of
those it waited for), and, looked at every tenth of a second, what all of its processes hold at once: all of the largest
one, and of the others what they do not share. Linux counts into a child's peak what its parent held when it was
started, so the process that measures stays small: corpora are made and results compared in processes of their own.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RSS_UNIT = 1024  # Linux counts KiB
_TAKE_MEMORY = """
import mmap, os, sys
size = min(int(sys.argv[1]), os.sysconf("SC_AVPHYS_PAGES") * mmap.PAGESIZE // 2)
with mmap.mmap(-1, size) as memory:
    for page in range(0, size, mmap.PAGESIZE):
        memory[page] = 1
"""
INTERVAL = 0.1  # seconds between looks at all processes of the program


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


def family(pid: int) -> Iterator[int]:
    """Yield *pid* and the processes it started that are alive, and theirs."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text("ascii").split():
            yield from family(int(child))


def held(pid: int) -> int:
    """Return the bytes that *pid* and the processes below it hold at this moment; what they share counts once."""
    whole, own = [], []
    try:
        for each in family(pid):
            status = Path(f"/proc/{each}/status").read_text("utf-8", "replace")
            fields = dict(line.split(":", 1) for line in status.splitlines() if line.endswith(" kB"))
            sizes = {name: int(fields.get(name, "0 kB").split()[0]) * 1024 for name in ("VmRSS", "RssAnon", "RssShmem")}
            whole.append(sizes["VmRSS"])
            own.append(sizes["RssAnon"] + sizes["RssShmem"])
    except (FileNotFoundError, ProcessLookupError):  # one ended while it was looked at: the next look will do
        return 0
    largest = whole.index(max(whole))
    return whole[largest] + sum(own) - own[largest]


class Watch(threading.Thread):
    """Looks at a program's processes until it is told to stop; `peak` is the most they held at once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(INTERVAL):
            self.peak = max(self.peak, held(self.pid))

    def stop(self) -> int:
        """Stop looking and return the peak."""
        self.ended.set()
        self.join()
        return self.peak


def measure(
    command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path, *, durable: bool = False
) -> Usage:
    """Run *command* in *folder* with its output into *log*, and return what it took.

    Args:
        durable: The clock goes on until what it wrote is on the disk.

    Raises:
        RunFailed: It did not end with 0.
    """
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=folder
        )
        watch = Watch(process.pid)
        watch.start()
        _, status, used = os.wait4(process.pid, 0)
        if durable:
            os.sync()
        wall = time.perf_counter() - started
        peak = max(used.ru_maxrss * RSS_UNIT, watch.stop())
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RunFailed(command, process.returncode, log.read_text("utf-8", "replace")[-2000:])
    return Usage(wall, used.ru_utime + used.ru_stime, peak)


def settle(*, drop_caches: bool, memory: int = 0) -> None:
    """Wait until the disk has what was written before, and forget what was read if *drop_caches*.

    A virtual machine may have given memory that lay idle back to its host, and gets it back page by page when it is
    used again, at a cost of seconds for whoever happens to use it: so *memory* bytes are used before.
    """
    os.sync()
    if drop_caches:
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    if memory:
        subprocess.run([sys.executable, "-c", _TAKE_MEMORY, str(memory)], check=True)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below *folder*."""
    return sum(os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(folder) for name in names)
