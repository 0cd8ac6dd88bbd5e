"""Temporary names, and what may be removed of those that a killed run left behind.

A *temporary name* starts with a dot, so it is neither an object's name nor an id, and restic passes over it. It says
which boot of which system and which process made it; only when that process is certainly dead, or the file is days
old, is it a *leftover*.
"""

import hashlib
import os
import platform
import re
import secrets
from functools import cache
from pathlib import Path

_TEMPORARY = re.compile(r"\.tmp-([0-9a-f]{8})-([0-9]{1,10})-[0-9a-f]{8}-(.+)")
OLD = 3 * 24 * 3600.0
"""Seconds after which a temporary file of another computer counts as dead: no single put lasts that long."""


@cache
def _boot() -> str:
    """Return a word that only processes which can see each other's ids share.

    A cloned disk has the same host name and machine id, but another boot; a container has the same boot, but
    another numbering of processes.
    """
    try:
        seed = Path("/proc/sys/kernel/random/boot_id").read_text("ascii") + os.readlink("/proc/self/ns/pid")
    except OSError:
        import psutil  # noqa: PLC0415 - starts are measured, and Linux gets by without it

        seed = f"{platform.node()} {psutil.boot_time():.0f}"
    return hashlib.sha256(seed.encode()).hexdigest()[:8]


def temporary(name: str) -> str:
    """Return a new temporary name in the folder of the object *name*."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}.tmp-{_boot()}-{os.getpid()}-{secrets.token_hex(4)}-{last}"


def object_of(file_name: str) -> str | None:
    """Return the last part of the object's name that the temporary *file_name* was made for; None: no such name."""
    match = _TEMPORARY.fullmatch(file_name)
    return match[3] if match else None


def is_dead(file_name: str, age: float) -> bool:
    """Say whether the temporary *file_name*, *age* seconds old, can have no living writer."""
    match = _TEMPORARY.fullmatch(file_name)
    if match is None:
        return False
    if match[1] == _boot():
        import psutil  # noqa: PLC0415 - starts are measured, and leftovers are rare

        return not psutil.pid_exists(int(match[2]))
    return age > OLD
