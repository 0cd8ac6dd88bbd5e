"""udev and UDisks2, which take loop devices of one range for USB sticks.

A plain loop device is no drive for UDisks2. A udev rule gives it a maker, a serial number and a bus; that its medium
can be taken out is said by a file of ours, mounted over the kernel's (`tests.desktop.lab.sticks`).
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.desktop.lab.room import Room
from tests.session import wait_until

FIRST, LAST = 40, 49
"""The loop devices that are sticks."""

UDISKS = Path("/usr/libexec/udisks2/udisksd")
UDEV = Path("/lib/systemd/systemd-udevd")

_RULE = (
    'SUBSYSTEM=="block", KERNEL=="loop4[0-9]", ENV{ID_BUS}="usb", ENV{ID_VENDOR}="Lab", ENV{ID_MODEL}="Stick",'
    ' ENV{ID_SERIAL}="lab-%k", ENV{UDISKS_SYSTEM}="0", ENV{UDISKS_AUTO}="1"\n'
)
_EJECT = """#!/bin/sh
# The medium of a loop device goes when it is detached.
for device; do :; done
exec losetup --detach "$device"
"""


@contextlib.contextmanager
def udisks(room: Room) -> Iterator[None]:
    """Run udev and UDisks2 in the room, on whose bus they are."""
    (room.root / "run/udev/rules.d/61-sticks.rules").write_text(_RULE)
    stand_in = room.folder / "bin" / "eject"
    stand_in.write_text(_EJECT)
    stand_in.chmod(0o755)
    room.run("mkdir", "-p", "/var/lib/udisks2")
    room.run("mount", "-t", "tmpfs", "tmpfs", "/var/lib/udisks2")
    log = (room.folder / "udisks.log").open("w")
    with log, room.running(UDEV, stdout=log, stderr=log):
        wait_until((room.root / "run/udev/control").exists)
        room.run("udevadm", "trigger", "--subsystem-match=block", "--action=add")
        room.run("udevadm", "settle", "--timeout=20")
        with room.running(UDISKS, stdout=log, stderr=log):
            wait_until(lambda: _answers(room))
            yield


def _answers(room: Room) -> bool:
    done = room.run("udisksctl", "status", check=False)
    return done.returncode == 0


def missing() -> str:
    """Return which program is not installed; empty: none."""
    return next((one.name for one in (UDISKS, UDEV) if not os.access(one, os.X_OK)), "")
