"""Drives by UDisks2, the desktop's own way to mount, eject and switch off. *UDisks* is the interface over the bus.

Three habits of it are dealt with here. Mounting right after plugging in may fail because it clears up the mount folder
it has just made: that is tried again. Switching off after ejecting fails and leaves a doubt: one or the other is done,
never both. And an answer is not the end: only when its objects say that the drive or its medium is gone is it gone.

Source: UDisks2's reference manual, and its issues 640 and 687 on GitHub.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from traybackup.api.errors import DriveBusy, DriveError, DriveGone, DriveRefused, DriveStillThere
from traybackup.desktop.drives.bus import ANSWER_WITHIN, Bus, BusError
from traybackup.desktop.drives.model import Changed, Drive, Drives, Released, Volume, Watch
from traybackup.desktop.drives.udisks_tree import DRIVE, FILESYSTEM, PREFIX, drives_of
from traybackup.desktop.holders import holders

SLOW = 300.0
"""Seconds that unmounting may take: a slow stick still has to write what the system holds back."""

LET_GO_WITHIN = 20.0
"""Seconds from the answer until the drive must be gone."""

SETTLE = 0.15
"""Seconds within which several signals are one change."""

_ROOT = "/org/freedesktop/UDisks2"
_MANAGER = "org.freedesktop.DBus.ObjectManager"
_RULES = (
    f"type='signal',sender='{PREFIX}',path_namespace='{_ROOT}'",
    f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{PREFIX}'",
)
_TRIES = 5
_PAUSE = 0.4
_ANEW = 5.0
_BUSY = f"{PREFIX}.Error.DeviceBusy"
_NOT_MOUNTED = f"{PREFIX}.Error.NotMounted"
_MOUNTED = f"{PREFIX}.Error.AlreadyMounted"
_REFUSED = (f"{PREFIX}.Error.NotAuthorized", "org.freedesktop.DBus.Error.AccessDenied")
_NO_OBJECT = (
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.DBus.Error.UnknownObject",
    "org.freedesktop.DBus.Error.UnknownInterface",
)


class UDisks(Drives):
    """The drives as UDisks2 has them.

    Args:
        connect: Opens the bus; a new connection for every call and every watch.
        pause: Waits for seconds between two attempts.
    """

    def __init__(self, connect: Callable[[], Bus] = Bus, pause: Callable[[float], object] = time.sleep) -> None:
        self._connect, self._pause = connect, pause

    def list(self) -> tuple[Drive, ...]:
        try:
            with self._connect() as bus:
                return _list(bus)
        except BusError as error:
            raise DriveError(reason=error.words or error.name) from error

    def watch(self, changed: Changed) -> Watch:
        return _Watching(self._connect, changed)

    def mount(self, volume: Volume) -> str:
        try:
            with self._connect() as bus:
                return self._mount(bus, volume)
        except BusError as error:
            raise _told(error, volume.label or volume.device) from error

    def _mount(self, bus: Bus, volume: Volume) -> str:
        for left in reversed(range(_TRIES)):
            now = _volume(_list(bus), volume.id)
            if now is None:
                raise DriveGone(drive=volume.label or volume.device)
            if now.mounts:
                return now.mounts[0]
            try:
                (folder,) = bus.call((PREFIX, volume.id, FILESYSTEM), "Mount", "a{sv}", ({},), seconds=SLOW)
            except BusError as error:
                if error.name in _REFUSED or error.name.startswith(_REFUSED[0]) or not left:
                    raise
                self._pause(_PAUSE)
            else:
                return str(folder)
        raise DriveError(drive=volume.label or volume.device)

    def release(self, drive: Drive) -> Released:
        name = _name(drive)
        try:
            with self._connect() as bus:
                self._unmount_all(bus, drive)
                now = _drive(_list(bus), drive.id)
                if now is None:
                    return Released.OFF
                if now.can_power_off:
                    bus.call((PREFIX, drive.id, DRIVE), "PowerOff", "a{sv}", ({},), seconds=SLOW)
                    self._until(bus, drive, lambda found: found is None)
                    return Released.OFF
                if now.can_eject:
                    bus.call((PREFIX, drive.id, DRIVE), "Eject", "a{sv}", ({},), seconds=SLOW)
                    self._until(bus, drive, lambda found: found is None or not found.medium)
                    return Released.EJECTED
                return Released.UNMOUNTED
        except BusError as error:
            if error.name == _BUSY:
                raise DriveBusy(drive=name, programs=", ".join(holders(drive.mounts))) from error
            raise _told(error, name) from error

    def _unmount_all(self, bus: Bus, drive: Drive) -> None:
        """Unmount every volume at every folder; what is busy only for a moment is waited for."""
        left = _TRIES
        while (now := _drive(_list(bus), drive.id)) is not None and now.mounts:
            volume = next(one for one in now.volumes if one.mounts)
            try:
                bus.call((PREFIX, volume.id, FILESYSTEM), "Unmount", "a{sv}", ({},), seconds=SLOW)
            except BusError as error:
                left -= 1
                if error.name == _NOT_MOUNTED or error.name in _NO_OBJECT:
                    left = min(left, _TRIES - 1)
                if left <= 0 or error.name in _REFUSED or error.name.startswith(_REFUSED[0]):
                    raise
                self._pause(_PAUSE)
        if now is None:
            raise DriveGone(drive=_name(drive))

    def _until(self, bus: Bus, drive: Drive, gone: Callable[[Drive | None], bool]) -> None:
        """Wait until the drive has left.

        Raises:
            DriveStillThere: It does not.
        """
        for _ in range(round(LET_GO_WITHIN / _PAUSE)):
            if gone(_drive(_list(bus), drive.id)):
                return
            self._pause(_PAUSE)
        raise DriveStillThere(drive=_name(drive))


class _Watching(Watch):
    """Listens in a thread of its own. If the bus or UDisks2 goes away, it waits for it to come back."""

    def __init__(self, connect: Callable[[], Bus], changed: Changed) -> None:
        self._connect, self._changed = connect, changed
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._told: tuple[Drive, ...] | None = None
        self._bus: Bus | None = self._open()
        self._thread = threading.Thread(target=self._run, name="drives", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        with self._lock:
            if self._bus is not None:
                self._bus.shut()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _open(self) -> Bus:
        try:
            bus = self._connect()
            try:
                bus.listen(*_RULES)
            except BaseException:
                bus.close()
                raise
        except BusError as error:
            raise DriveError(reason=error.words or error.name) from error
        return bus

    def _run(self) -> None:
        while not self._end.is_set():
            bus = self._bus
            if bus is None:
                with suppress(DriveError), self._lock:
                    self._bus = self._open()
                if self._bus is None:
                    self._end.wait(_ANEW)
                continue
            self._look(bus)
            bus.signals(lambda bus=bus: self._look(bus), settle=SETTLE)  # type: ignore[misc]  # this turn's bus
            with self._lock:
                self._bus = None
            bus.close()

    def _look(self, bus: Bus) -> None:
        try:
            found = _list(bus)
        except BusError:
            return  # it is just ending or starting: the next signal comes
        if found != self._told and not self._end.is_set():
            self._told = found
            self._changed(found)


def _list(bus: Bus) -> tuple[Drive, ...]:
    (objects,) = bus.call((PREFIX, _ROOT, _MANAGER), "GetManagedObjects", seconds=ANSWER_WITHIN)
    return drives_of(objects)


def _drive(drives: tuple[Drive, ...], wanted: str) -> Drive | None:
    return next((one for one in drives if one.id == wanted), None)


def _volume(drives: tuple[Drive, ...], wanted: str) -> Volume | None:
    return next((one for drive in drives for one in drive.volumes if one.id == wanted), None)


def _name(drive: Drive) -> str:
    labels = [one.label for one in drive.volumes if one.label]
    return labels[0] if labels else drive.name


def _told(error: BusError, name: str) -> DriveError:
    kind: Any = DriveError
    if error.name in _REFUSED or error.name.startswith(_REFUSED[0]):
        kind = DriveRefused
    elif error.name in _NO_OBJECT:
        kind = DriveGone
    found: DriveError = kind(drive=name, reason=error.words or error.name)
    return found
