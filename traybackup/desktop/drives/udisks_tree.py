"""From UDisks2's objects to drives. Pure: what ``GetManagedObjects`` returned comes in, `Drive`s come out.

Source: the D-Bus interfaces ``org.freedesktop.UDisks2.{Drive,Block,Filesystem,Encrypted,Swapspace}`` in UDisks2's
reference manual. A USB disk says Ejectable false and MediaRemovable false, and Removable true only because of its bus;
a stick says true to all three.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from traybackup.desktop.drives.model import Drive, Volume, external

PREFIX = "org.freedesktop.UDisks2"
DRIVE, BLOCK, FILESYSTEM = f"{PREFIX}.Drive", f"{PREFIX}.Block", f"{PREFIX}.Filesystem"

Variant = tuple[str, object]
Properties = Mapping[str, Variant]
Objects = Mapping[str, Mapping[str, Properties]]

_SYSTEM_MOUNTS = frozenset({"/", "/boot", "/boot/efi", "/efi", "/home", "/usr", "/var"})
_NOTHING = "/"


@dataclass(frozen=True, slots=True)
class _Block:
    path: str
    drive: str
    backing: str
    hint_system: bool
    volume: Volume
    has_files: bool
    size: int


def drives_of(objects: Objects) -> tuple[Drive, ...]:
    """Return the drives, in the order of their names in the system; optical ones are left out."""
    blocks = {path: _block(path, found) for path, found in objects.items() if BLOCK in found}
    return tuple(
        _drive(path, found[DRIVE], [one for one in blocks.values() if _drive_of(one, blocks) == path])
        for path, found in sorted(objects.items())
        if DRIVE in found and not _flag(found[DRIVE], "Optical") and not _is_optical(found[DRIVE])
    )


def _drive_of(block: _Block, blocks: Mapping[str, _Block]) -> str:
    """Return the drive a block device is on; what was unlocked is on that of what it is unlocked from."""
    for _ in range(len(blocks)):
        if block.drive != _NOTHING or block.backing not in blocks:
            break
        block = blocks[block.backing]
    return block.drive


def _drive(path: str, found: Properties, blocks: list[_Block]) -> Drive:
    bus = _text(found, "ConnectionBus")
    removable = _flag(found, "Removable") or _flag(found, "MediaRemovable")
    volumes = tuple(one.volume for one in sorted(blocks, key=lambda one: one.path) if one.has_files)
    mounted = {mount for one in volumes for mount in one.mounts}
    return Drive(
        id=path,
        name=" ".join(f"{_text(found, 'Vendor')} {_text(found, 'Model')}".split()),
        device=min((one.volume.device for one in blocks), key=len, default=""),
        bus=bus,
        size=_number(found, "Size") or max((one.size for one in blocks), default=0),
        plugged=str(_number(found, "TimeMediaDetected") or _number(found, "TimeDetected") or ""),
        external=external(removable=removable, bus=bus),
        system=bool(mounted & _SYSTEM_MOUNTS) or (not removable and any(one.hint_system for one in blocks)),
        medium=_flag(found, "MediaAvailable") and any(one.size for one in blocks),
        can_power_off=_flag(found, "CanPowerOff"),
        can_eject=_flag(found, "Ejectable"),
        volumes=volumes,
    )


def _block(path: str, found: Mapping[str, Properties]) -> _Block:
    block, files = found[BLOCK], found.get(FILESYSTEM)
    return _Block(
        path=path,
        drive=_text(block, "Drive") or _NOTHING,
        backing=_text(block, "CryptoBackingDevice") or _NOTHING,
        hint_system=_flag(block, "HintSystem"),
        has_files=files is not None and not _flag(block, "HintIgnore"),
        size=_number(block, "Size"),
        volume=Volume(
            id=path,
            device=_path(block, "PreferredDevice") or _path(block, "Device"),
            mounts=tuple(_mounts(files or {})),
            label=_text(block, "IdLabel"),
            filesystem=_text(block, "IdType"),
            serial=_text(block, "IdUUID"),
            size=_number(block, "Size"),
            read_only=_flag(block, "ReadOnly"),
        ),
    )


def _mounts(files: Properties) -> Iterator[str]:
    """Yield the mount folders, in the file system's own bytes; each ends with a zero."""
    found = files.get("MountPoints", ("aay", []))[1]
    for one in found if isinstance(found, list | tuple) else ():
        yield _decoded(one)


def _is_optical(found: Properties) -> bool:
    kinds = found.get("MediaCompatibility", ("as", []))[1]
    return isinstance(kinds, list | tuple) and any(str(kind).startswith("optical") for kind in kinds)


def _decoded(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return bytes(value).rstrip(b"\0").decode("utf-8", "surrogateescape")
    if isinstance(value, list | tuple):
        return bytes(value).rstrip(b"\0").decode("utf-8", "surrogateescape")
    return ""


def _path(found: Properties, name: str) -> str:
    return _decoded(found.get(name, ("ay", b""))[1])


def _text(found: Properties, name: str) -> str:
    value = found.get(name, ("s", ""))[1]
    return value if isinstance(value, str) else ""


def _flag(found: Properties, name: str) -> bool:
    return found.get(name, ("b", False))[1] is True


def _number(found: Properties, name: str) -> int:
    value = found.get(name, ("t", 0))[1]
    return value if isinstance(value, int) else 0
