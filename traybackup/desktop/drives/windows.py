"""Drives on Windows, by its own calls; none of them needs an administrator.

A stick is locked, which fails while any file on it is open, dismounted, and ejected; a USB disk, and what is still
there afterwards, is asked to leave through the device above it. The letter decides: only when it is gone is the drive
gone. Meanwhile nobody of ours looks: a mere look mounts what was dismounted.
Functions are looked up when they are called, so that a system that lacks one lacks only that.

Source: Microsoft's documentation of FSCTL_LOCK_VOLUME, FSCTL_DISMOUNT_VOLUME, IOCTL_STORAGE_EJECT_MEDIA and
CM_Request_Device_EjectW. Not yet run on a real Windows; what is understood of it is in `windows_facts`.
"""

import ctypes
import os
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from traybackup.api.errors import DriveBusy, DriveError, DriveGone, DriveRefused, DriveStillThere
from traybackup.desktop.drives.model import Changed, Drive, Drives, Released, Volume, Watch
from traybackup.desktop.drives.polling import Polling, wait_until
from traybackup.desktop.drives.windows_facts import (
    FIXED,
    REMOVABLE,
    VETOES,
    Device,
    Letter,
    device_of,
    drives_of,
    holder_of,
    letters,
)
from traybackup.desktop.holders import holders

EVERY = 2.0
_QUERY, _NUMBER = 0x2D1400, 0x2D1080
_LOCK, _DISMOUNT = 0x90018, 0x90020
_ALLOW, _EJECT = 0x2D4804, 0x2D4808
_READ, _SHARE, _EXISTING = 0x80000000, 3, 3
_INVALID = ctypes.c_void_p(-1).value
_NO_BOXES = 1
_READ_ONLY = 0x80000
_LOCK_TRIES, _LOCK_PAUSE = 20, 0.5
_GONE_WITHIN = 10.0
_VETO_SAYS_WHO, _VETO_NO_RIGHT, _VETO_GONE = (2, 3, 4, 5), 12, 13
_EVENT = "*[System[Provider[@Name='Microsoft-Windows-Kernel-PnP'] and EventID=225]]"


def _library(name: str) -> Any:
    return getattr(ctypes, "windll")[name]  # noqa: B009 - only Windows has it, and the type checker may not be there


class WindowsDrives(Drives):
    """The drives that have letters."""

    def __init__(self) -> None:
        self._quiet = threading.Lock()
        _library("kernel32").SetErrorMode(_NO_BOXES)  # an empty card reader must not open a window

    def list(self) -> tuple[Drive, ...]:
        with self._quiet:
            found = [_letter(one) for one in letters(_library("kernel32").GetLogicalDrives())]
        return drives_of((one for one in found if one is not None), os.environ.get("SYSTEMDRIVE", "C:")[:1].upper())

    def watch(self, changed: Changed) -> Watch:
        return Polling(self.list, changed, EVERY)

    def mount(self, volume: Volume) -> str:
        if not os.path.isdir(volume.mounts[0]):
            raise DriveGone(drive=volume.label or volume.device)
        return volume.mounts[0]

    def release(self, drive: Drive) -> Released:
        with self._quiet:
            return self._release(drive)

    def _release(self, drive: Drive) -> Released:
        name = next((one.label for one in drive.volumes if one.label), drive.name)
        here = [one.id for one in drive.volumes]
        for letter in here:
            if _library("kernel32").GetDriveTypeW(f"{letter}:\\") == REMOVABLE:
                _let_go(letter, name)
        if not wait_until(lambda: not _are_there(here), 1.0):
            _ask_to_leave(drive, name)
        if not wait_until(lambda: not _are_there(here), _GONE_WITHIN):
            raise DriveStillThere(drive=name)
        return Released.EJECTED


def _letter(letter: str) -> Letter | None:
    kernel = _library("kernel32")
    kind = kernel.GetDriveTypeW(f"{letter}:\\")
    if kind not in (REMOVABLE, FIXED):
        return None
    device, disk = _device(letter)
    label, files = ctypes.create_unicode_buffer(261), ctypes.create_unicode_buffer(261)
    serial, longest, flags = ctypes.c_uint32(), ctypes.c_uint32(), ctypes.c_uint32()
    known = kernel.GetVolumeInformationW(
        f"{letter}:\\", label, 261, ctypes.byref(serial), ctypes.byref(longest), ctypes.byref(flags), files, 261
    )
    if not known:
        return Letter(letter, kind, device, disk)
    total = ctypes.c_uint64()
    kernel.GetDiskFreeSpaceExW(f"{letter}:\\", None, ctypes.byref(total), None)
    return Letter(
        letter,
        kind,
        device,
        disk,
        label.value,
        serial.value,
        files.value,
        total.value,
        bool(flags.value & _READ_ONLY),
    )


def _device(letter: str) -> tuple[Device, int | None]:
    try:
        with _opened(f"\\\\.\\{letter}:", 0) as handle:
            said = _control(handle, _QUERY, struct.pack("<II4x", 0, 0), 1024)
            number = _control(handle, _NUMBER, b"", 12)
    except OSError:
        return Device(), None
    return device_of(said), struct.unpack("<III", number)[1] if len(number) == struct.calcsize("<III") else None


@contextmanager
def _opened(path: str, access: int) -> Iterator[Any]:
    kernel = _library("kernel32")
    kernel.CreateFileW.restype = ctypes.c_void_p
    handle = kernel.CreateFileW(path, access, _SHARE, None, _EXISTING, 0, None)
    if handle in (None, _INVALID):
        raise OSError(kernel.GetLastError(), path)
    try:
        yield ctypes.c_void_p(handle)
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))


def _control(handle: Any, code: int, data: bytes, room: int) -> bytes:
    """Ask a device for something.

    Raises:
        OSError: It says no.
    """
    kernel, got, buffer = _library("kernel32"), ctypes.c_uint32(), ctypes.create_string_buffer(max(1, room))
    if not kernel.DeviceIoControl(handle, code, data or None, len(data), buffer, room, ctypes.byref(got), None):
        raise OSError(kernel.GetLastError(), hex(code))
    return buffer.raw[: got.value]


def _let_go(letter: str, name: str) -> None:
    """Lock, dismount and eject a volume. It is never dismounted unlocked: that would pull files from under others."""
    try:
        with _opened(f"\\\\.\\{letter}:", _READ) as handle:
            for left in reversed(range(_LOCK_TRIES)):
                try:
                    _control(handle, _LOCK, b"", 0)
                    break
                except OSError as error:
                    if not left:
                        raise DriveBusy(drive=name, programs=", ".join(holders([f"{letter}:\\"]))) from error
                    time.sleep(_LOCK_PAUSE)
            _control(handle, _DISMOUNT, b"", 0)
            _control(handle, _ALLOW, b"\0", 0)
            _control(handle, _EJECT, b"", 0)
    except OSError as error:
        raise DriveError(drive=name, reason=str(error)) from error


def _are_there(wanted: list[str]) -> bool:
    """Say whether one of the letters can still be read."""
    kernel = _library("kernel32")
    there = set(letters(kernel.GetLogicalDrives()))
    return any(
        one in there and kernel.GetVolumeInformationW(f"{one}:\\", None, 0, None, None, None, None, 0) for one in wanted
    )


def _ask_to_leave(drive: Drive, name: str) -> None:
    """Ask the device above a disk to leave.

    Raises:
        DriveBusy, DriveRefused, DriveError
    """
    from traybackup.desktop.drives.windows_devices import above  # noqa: PLC0415 - only for this

    node = above(int(drive.id.removeprefix("disk"))) if drive.id.startswith("disk") else None
    if node is None:
        raise DriveError(drive=name, reason="no device")
    veto, words = ctypes.c_int(), ctypes.create_unicode_buffer(260)
    for _ in range(3):
        code = _library("cfgmgr32").CM_Request_Device_EjectW(node, ctypes.byref(veto), words, 260, 0)
        if (code == 0 and veto.value == 0) or veto.value == _VETO_GONE:
            return
        time.sleep(_LOCK_PAUSE)
    if veto.value in _VETO_SAYS_WHO:
        who = holders(drive.mounts) or ((_last_holder(),) if _last_holder() else ())
        raise DriveBusy(drive=name, programs=", ".join(who))
    kind = DriveRefused if veto.value == _VETO_NO_RIGHT else DriveError
    raise kind(drive=name, reason=VETOES.get(veto.value, str(code)))


def _last_holder() -> str:
    """Return the program that the event log names as the one that kept a device."""
    words = ["wevtutil", "qe", "System", "/c:1", "/rd:true", "/f:xml", f"/q:{_EVENT}"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=10)  # noqa: S603 - Windows' own
    return holder_of(done.stdout)
