"""From the number of a disk to the device above it, which is what leaves when a drive is unplugged.

Source: Microsoft's documentation of SetupDiGetClassDevsW, SetupDiEnumDeviceInterfaces, SetupDiGetDeviceInterfaceDetailW
and CM_Get_Parent. Not yet run on a real Windows.
"""

import ctypes
import struct
import uuid
from collections.abc import Iterator
from typing import Any

_DISKS = uuid.UUID("53F56307-B6BF-11D0-94F2-00A0C91EFB8B").bytes_le
_PRESENT, _INTERFACES = 2, 16
_NUMBER = 0x2D1080
_INVALID = ctypes.c_void_p(-1).value
_LONGEST = 4096
_DETAIL_HEAD = 8 if ctypes.sizeof(ctypes.c_void_p) == ctypes.sizeof(ctypes.c_uint64) else 6


class _Interface(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("kind", ctypes.c_byte * 16),
        ("flags", ctypes.c_uint32),
        ("reserved", ctypes.c_void_p),
    )


class _Node(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_uint32),
        ("kind", ctypes.c_byte * 16),
        ("instance", ctypes.c_uint32),
        ("reserved", ctypes.c_void_p),
    )


def above(disk: int) -> int | None:
    """Return the device above the disk of a number; None: there is none."""
    for path, instance in _disks():
        if _number(path) == disk:
            parent = ctypes.c_uint32()
            failed = _library("cfgmgr32").CM_Get_Parent(ctypes.byref(parent), instance, 0)
            return None if failed else parent.value
    return None


def _disks() -> Iterator[tuple[str, int]]:
    """Yield each disk's path and its place in the tree of devices."""
    setup = _library("setupapi")
    setup.SetupDiGetClassDevsW.restype = ctypes.c_void_p
    found = setup.SetupDiGetClassDevsW(_DISKS, None, None, _PRESENT | _INTERFACES)
    if found in (None, _INVALID):
        return
    listing = ctypes.c_void_p(found)
    try:
        for number in range(256):
            one = _Interface(size=ctypes.sizeof(_Interface))
            if not setup.SetupDiEnumDeviceInterfaces(listing, None, _DISKS, number, ctypes.byref(one)):
                return
            node, detail = _Node(size=ctypes.sizeof(_Node)), ctypes.create_string_buffer(_LONGEST)
            struct.pack_into("<I", detail, 0, _DETAIL_HEAD)
            known = setup.SetupDiGetDeviceInterfaceDetailW(
                listing, ctypes.byref(one), detail, _LONGEST, None, ctypes.byref(node)
            )
            if known:
                yield detail.raw[4:].decode("utf-16-le", "replace").partition("\0")[0], node.instance
    finally:
        setup.SetupDiDestroyDeviceInfoList(listing)


def _number(path: str) -> int | None:
    kernel = _library("kernel32")
    kernel.CreateFileW.restype = ctypes.c_void_p
    handle = kernel.CreateFileW(path, 0, 3, None, 3, 0, None)
    if handle in (None, _INVALID):
        return None
    buffer, got = ctypes.create_string_buffer(12), ctypes.c_uint32()
    try:
        if not kernel.DeviceIoControl(ctypes.c_void_p(handle), _NUMBER, None, 0, buffer, 12, ctypes.byref(got), None):
            return None
    finally:
        kernel.CloseHandle(ctypes.c_void_p(handle))
    return int(struct.unpack("<III", buffer.raw)[1])


def _library(name: str) -> Any:
    return getattr(ctypes, "windll")[name]  # noqa: B009 - only Windows has it, and the type checker may not be there
