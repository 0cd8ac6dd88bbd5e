"""Sticks that are plugged in and pulled out: loop devices, made and removed while everything runs.

Source: loop(4). UDisks2 makes a drive of a device only when it hears of it as added, so the device is made anew each
time that it is plugged in. An open file keeps a device from being removed; it is asked again for a while.
"""

import contextlib
import errno
import fcntl
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.desktop.lab.room import Room
from tests.desktop.lab.udisks import FIRST, LAST
from tests.session import wait_until

SIZE = 600 << 20
"""Bytes; sparse, so only what is written takes room."""

_ADD, _REMOVE = 0x4C80, 0x4C81
_MAKERS = {
    "ext4": ("mkfs.ext4", "-q", "-m", "0", "-F", "-L"),
    "ntfs": ("mkfs.ntfs", "-q", "-Q", "-F", "-L"),
}


@dataclass
class Stick:
    """A stick: its image, and where it is plugged in, if it is."""

    room: Room
    image: Path
    label: str
    number: int = -1
    _covered: list[str] = field(default_factory=list)

    @property
    def device(self) -> str:
        return f"/dev/loop{self.number}"

    def plug(self, *, read_only: bool = False) -> None:
        """Plug it in."""
        self.number = next(number for number in range(FIRST, LAST + 1) if _add(number))
        says = self.room.root / f"run/removable-{self.number}"
        says.write_text("1\n")
        removable = f"/sys/devices/virtual/block/loop{self.number}/removable"
        self.room.run("mount", "--bind", f"/run/removable-{self.number}", removable)
        self._covered.append(removable)
        more = ("--read-only",) if read_only else ()
        self.room.run("losetup", "--partscan", *more, self.device, self.image)
        self.room.run("udevadm", "settle", "--timeout=20")

    def pull(self) -> None:
        """Pull it out, whatever is going on."""
        if self.number < 0:
            return
        Path(f"/sys/class/block/loop{self.number}/uevent").write_text("remove")  # what is mounted is told only later
        for folder in self._mounts():
            self.room.run("umount", "--lazy", folder, check=False)
        self.room.run("losetup", "--detach", self.device, check=False)
        for removable in self._covered:
            self.room.run("umount", "--lazy", removable, check=False)
        self._covered.clear()
        wait_until(self._removed)
        self.number = -1

    def _mounts(self) -> list[str]:
        done = self.room.run("findmnt", "--noheadings", "--output", "TARGET", "--source", self.device, check=False)
        return done.stdout.split("\n")[:-1]

    def mounted_at(self) -> str:
        """Return the folder it is mounted at; empty: it is not."""
        return next(iter(self._mounts()), "")

    def _removed(self) -> bool:
        try:
            with control() as loops:
                fcntl.ioctl(loops, _REMOVE, self.number)
        except OSError as error:
            if error.errno not in (errno.ENODEV, errno.EBUSY):
                raise
            return error.errno == errno.ENODEV
        return True


def _add(number: int) -> bool:
    """Make a loop device; return False if that number is taken."""
    try:
        with control() as loops:
            fcntl.ioctl(loops, _ADD, number)
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def control() -> Iterator[int]:
    """Open the door through which loop devices are made and removed."""
    descriptor = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make(room: Room, label: str, *, kind: str = "ext4", size: int = SIZE, file: str = "") -> Stick:
    """Make a stick with a file system of a kind; without a kind it is blank."""
    image = room.folder / f"{file or label}.img"
    with image.open("wb") as stream:
        stream.truncate(size)
    if kind:
        subprocess.run([*_MAKERS[kind], label, str(image)], check=True, capture_output=True)
    return Stick(room, image, label)
