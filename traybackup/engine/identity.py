"""Identity: which process of which computer is at work, so that a dead holder of a lock can be told from a living one.

*Identity* names one process exactly: the computer, its present run (from power-on to power-off), the process number in
that run, and when the process began. A name of a computer proves nothing, because cloned disks share it; nor does a
process number alone, because it is given again.
"""

import contextlib
import getpass
import hashlib
import os
import socket
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import psutil

_MULTICAST = 1 << 40
_STAT_STARTED = 19  # field 22 of /proc/PID/stat, counted behind the name, which may hold blanks and brackets


@dataclass(frozen=True, slots=True)
class Identity:
    """One process.

    Attributes:
        machine: Names the hardware with its system; two clones of one disk differ. Empty: unknown.
        boot: Names the time since this computer was switched on, and the process numbers' own space in it. Empty where
            the system has nothing of the kind.
        started: When the process began, in the system's own words.
    """

    hostname: str
    username: str = ""
    pid: int = 0
    uid: int = 0
    gid: int = 0
    machine: str = ""
    boot: str = ""
    started: str = ""


def this_process() -> Identity:
    """Return who we are."""
    username = ""
    with contextlib.suppress(KeyError, OSError, ImportError):  # a user without a name
        username = getpass.getuser()
    posix = os.name == "posix"
    return Identity(
        hostname=socket.gethostname(),
        username=username,
        pid=os.getpid(),
        uid=os.getuid() if posix else 0,
        gid=os.getgid() if posix else 0,
        machine=_machine(),
        boot=_boot(),
        started=process_started(os.getpid()) or "",
    )


def process_started(pid: int) -> str | None:
    """Return when the process with this number began, in the system's own words; None if there is none, "" if hidden.

    A process that has ended but was not yet fetched by its parent is none: it writes no more.
    """
    if not 0 < pid < 1 << 31:
        return None
    if sys.platform == "linux":
        # in ticks since power-on: unlike a date, it does not move when somebody sets the clock
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return "" if _can_be_signalled(pid) else None
        return None if fields[0] in "ZX" else fields[_STAT_STARTED]
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return ""


def _can_be_signalled(pid: int) -> bool:
    """Say whether the process is there although /proc shows nothing: it may be mounted so as to hide other users'."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def uptime() -> float:
    """Return the seconds since this computer was switched on, those in stand-by included where the system counts them.

    It says nothing about the date, and nobody can set it.
    """
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def _machine() -> str:
    """Return a digest of the system's own id and its network cards: a cloned disk brings the first, not the second."""
    parts = [_system_id(), *_network_hardware()]
    if not any(parts):
        return ""
    return hashlib.sha256(" ".join(["traybackup machine", *parts]).encode()).hexdigest()[:32]


def _system_id() -> str:
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415 - there is none elsewhere

        with (
            contextlib.suppress(OSError),
            winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key,
        ):
            return str(winreg.QueryValueEx(key, "MachineGuid")[0])
        return ""
    with contextlib.suppress(OSError):
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    return ""


def _network_hardware() -> list[str]:
    """Return the addresses of built-in network cards: not of those that are plugged in and out or made by software."""
    if sys.platform == "linux":
        found = []
        with contextlib.suppress(OSError):
            for card in sorted(Path("/sys/class/net").iterdir()):
                device = card / "device"
                if device.exists() and "/usb" not in str(device.resolve()):
                    found.append((card / "address").read_text(encoding="ascii").strip())
        return sorted(found)
    node = uuid.getnode()
    return [] if node & _MULTICAST else [f"{node:012x}"]  # that bit marks a number invented for want of a card


def _boot() -> str:
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return ""
