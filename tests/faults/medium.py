"""A failing medium for one process: *Fault* says what goes wrong and when, *Medium* runs programs on it.

The work is done by ``shim.c``, preloaded into the program: it counts every call that changes something below a folder,
across all threads, and at the one that is named it kills, fails, lies, flips a bit or takes the medium away. That costs
next to nothing, so that every single operation can have its turn. (strace's injection counts per thread, FUSE is
slower.)
"""

import errno
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
CHANGES = "create,write,fsync,truncate,rename,link,unlink,rmdir,mkdir,mknod,chmod,chown,times,xattr"
NEEDS_ROOM = "create,write,mkdir,fsync,link,rename"
LONGEST = 60.0
"""Seconds after which a run counts as hanging."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: see ``shim.c``. It strikes at the operation whose number the run is given."""

    name: str
    mode: str
    number: int = 0
    lasts: bool = False
    ops: str = CHANGES

    def __str__(self) -> str:
        return self.name


NOTHING = Fault("nothing", "count")
KILL = Fault("kill -9", "kill")
FULL = Fault("ENOSPC from there on", "fail", errno.ENOSPC, lasts=True, ops=NEEDS_ROOM)
FULL_ONCE = Fault("ENOSPC once", "fail", errno.ENOSPC, ops=NEEDS_ROOM)
BROKEN = Fault("EIO from there on", "fail", errno.EIO, lasts=True)
BROKEN_ONCE = Fault("EIO once", "fail", errno.EIO)
READ_ONLY = Fault("EROFS from there on", "fail", errno.EROFS, lasts=True)
UNFLUSHED = Fault("fsync fails for good", "fail", errno.EIO, lasts=True, ops="fsync")
UNFLUSHED_ONCE = Fault("fsync fails once", "fail", errno.EIO, ops="fsync")
GONE = Fault("medium vanishes", "gone", errno.EIO)
GONE_ENODEV = Fault("medium vanishes (ENODEV)", "gone", errno.ENODEV)
LIE_ONCE = Fault("a write is dropped", "lie", ops="write")
LIE = Fault("all writes are dropped", "lie", lasts=True, ops="write")
FLIP_ONCE = Fault("a bit flips in a write", "flip", ops="write")
FLIP = Fault("bits flip in all writes", "flip", lasts=True, ops="write")

ERRORS = (FULL, FULL_ONCE, BROKEN, BROKEN_ONCE, READ_ONLY, UNFLUSHED, UNFLUSHED_ONCE, GONE, GONE_ENODEV)
LIES = (LIE_ONCE, LIE, FLIP_ONCE, FLIP)


@dataclass(frozen=True, slots=True)
class Run:
    """A program that ran.

    Attributes:
        code: Its exit code, negative for the signal that ended it.
        operations: What it did below the folder, in order: a word and a path each.
    """

    code: int
    out: str
    err: str
    operations: tuple[str, ...]

    @property
    def killed(self) -> bool:
        """Whether it was killed, by us."""
        return self.code == -9


class Medium:
    """Runs programs for which the medium fails. *shim* is the compiled ``shim.c``."""

    def __init__(self, shim: Path, scratch: Path) -> None:
        self._shim = shim
        self._log = scratch / "operations"

    def run(
        self,
        command: Sequence[str | Path],
        root: Path,
        fault: Fault = NOTHING,
        at: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        """Run *command*; *fault* strikes at operation *at* (from 1) of those below *root*."""
        self._log.unlink(missing_ok=True)
        plan = {
            "LD_PRELOAD": str(self._shim),
            "FAULT_ROOT": os.path.realpath(root),
            "FAULT_MODE": fault.mode,
            "FAULT_AT": str(at),
            "FAULT_ERRNO": str(fault.number),
            "FAULT_OPS": fault.ops,
            "FAULT_LOG": str(self._log),
        }
        if fault.lasts:
            plan["FAULT_LASTS"] = "1"
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST,
            env={**os.environ, **(environment or {}), **plan},
        )
        lines = self._log.read_text("utf-8", "replace").splitlines() if self._log.exists() else []
        operations = tuple(line.partition(" ")[2] for line in lines)
        return Run(done.returncode, done.stdout, done.stderr, operations)


def build(folder: Path, compiler: str) -> Path:
    """Compile the shim into *folder*."""
    library = folder / "shim.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library, SOURCE, "-ldl"]
    subprocess.run(command, check=True)
    return library


def copy(folder: Path, target: Path) -> Path:
    """Copy a folder with everything that belongs to it; return *target*."""
    shutil.copytree(folder, target, symlinks=True)
    return target
