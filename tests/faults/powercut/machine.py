"""A computer whose power can be cut: QEMU with Debian's kernel, this system's files read-only, and a stick.

The stick is recorded write by write, with its flushes (QEMU's ``blklogwrites``, the format of the kernel's
dm-log-writes), so that every moment at which the power might have failed can be looked at afterwards. It has two
partitions: a FAT file system, and a witness on which the guest notes each object that the program calls durable.
"""

import gzip
import io
import os
import re
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
WITNESS_SECTORS = 8192
MODULES = ("virtio_pci", "virtio_blk", "9p", "9pnet_virtio", "vfat", "nls_ascii", "nls_cp437", "nls_utf8")
BOOT_SECONDS = 900
INIT = """#!/bin/sh
/bin/busybox mkdir -p /proc /sys /dev /host
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t sysfs none /sys
/bin/busybox mount -t devtmpfs none /dev
for module in {modules}; do /bin/busybox insmod /modules/$module.ko; done
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144 host /host
/bin/busybox mount --bind /dev /host/dev
/bin/busybox mount --bind /proc /host/proc
/bin/busybox mount --bind /sys /host/sys
/bin/busybox mount -t tmpfs none /host/mnt
/bin/busybox mkdir /host/mnt/stick
/bin/busybox mount -t vfat -o {options} /dev/vda1 /host/mnt/stick
/bin/busybox chroot /host /bin/sh -c '{command}; echo GUEST-ENDED-WITH $?'
/bin/busybox poweroff -f
"""


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked ``linux-image`` package."""

    image: Path
    modules: Path

    def needed(self, names: Sequence[str]) -> list[Path]:
        """Return the module files for *names* with all they depend on, in the order of loading."""
        files = {path.name.removesuffix(".ko").replace("-", "_"): path for path in self.modules.rglob("*.ko")}
        order: list[Path] = []

        def load(name: str) -> None:
            path = files.get(name.replace("-", "_"))
            if path is None or path in order:  # built in, or loaded already
                return
            found = re.search(rb"depends=([^\0]*)\0", path.read_bytes())
            for other in found[1].decode().split(",") if found else ():
                load(other)
            order.append(path)

        for name in names:
            load(name)
        return order


def find_kernel(folder: Path) -> Kernel | None:
    """Return the kernel in an unpacked package below *folder*, the newest one."""
    images = sorted(folder.glob("boot/vmlinuz-*"))
    for image in reversed(images):
        modules = folder / "lib/modules" / image.name.removeprefix("vmlinuz-")
        if modules.is_dir():
            return Kernel(image, modules)
    return None


def _archive(files: dict[str, tuple[int, bytes]]) -> bytes:
    """Return a cpio archive ("newc") as the kernel unpacks it."""
    out = io.BytesIO()
    for number, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0")
        out.write(bytes(-out.tell() % 4))
        out.write(data)
        out.write(bytes(-out.tell() % 4))
    return out.getvalue()


def make_stick(path: Path, megabytes: int, fat: Sequence[str]) -> None:
    """Make an image with a FAT partition, made with mkfs.vfat's options *fat*, and a witness partition after it."""
    sectors = megabytes * 2048
    start = 2048
    entry = struct.Struct("<B3sB3sII")
    table = entry.pack(0, b"\0\0\0", 0x0C, b"\0\0\0", start, sectors)
    table += entry.pack(0, b"\0\0\0", 0xDA, b"\0\0\0", start + sectors, WITNESS_SECTORS)
    with path.open("wb") as image:
        image.truncate((start + sectors + WITNESS_SECTORS) * SECTOR)
        image.seek(446)
        image.write(table + bytes(32) + b"\x55\xaa")
    part = path.with_suffix(".part")
    with part.open("wb") as image:
        image.truncate(sectors * SECTOR)
    subprocess.run(["mkfs.vfat", *fat, "-n", "STICK", part], check=True, capture_output=True)
    with path.open("r+b") as image:
        image.seek(start * SECTOR)
        image.write(part.read_bytes())
    part.unlink()


def run_guest(kernel: Kernel, stick: Path, log: Path, command: str, options: str) -> str:
    """Boot, mount the stick with *options*, run *command* in this system's files, cut the power; return the console."""
    modules = kernel.needed(MODULES)
    script = INIT.format(modules=" ".join(path.stem for path in modules), command=command, options=options)
    files = {"init": (0o100755, script.encode())}
    files |= {"bin": (0o040755, b""), "modules": (0o040755, b"")}
    files["bin/busybox"] = (0o100755, Path("/bin/busybox").read_bytes())
    files["bin/sh"] = (0o120777, b"busybox")
    files |= {f"modules/{path.name}": (0o100644, path.read_bytes()) for path in modules}
    initrd = log.with_name("initrd.gz")
    initrd.write_bytes(gzip.compress(_archive(files), 1))
    log.touch()
    qemu: list[str | Path] = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "768", "-display", "none"]
    qemu += ["-serial", "stdio", "-monitor", "none", "-no-reboot", "-kernel", kernel.image, "-initrd", initrd]
    qemu += ["-append", "console=ttyS0 quiet panic=1"]
    qemu += ["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]
    qemu += ["-blockdev", f"driver=file,filename={stick},node-name=disk"]
    qemu += ["-blockdev", f"driver=file,filename={log},node-name=log"]
    qemu += ["-blockdev", "driver=blklogwrites,file=disk,log=log,node-name=recorded"]
    qemu += ["-device", "virtio-blk-pci,drive=recorded,write-cache=on"]
    done = subprocess.run(
        qemu,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=BOOT_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout + done.stderr


@dataclass(frozen=True, slots=True)
class Write:
    """A recorded write. *flush*: everything before it was to reach the medium first."""

    offset: int
    data: bytes
    flush: bool


def recorded(log: Path) -> Iterator[Write]:
    """Yield the writes in a log (linux: drivers/md/dm-log-writes.c)."""
    with log.open("rb") as stream:
        magic, _, count, size = struct.unpack("<QQQI", stream.read(28))
        assert magic == 0x6A736677736872
        stream.seek(size)
        for _ in range(count):
            sector, sectors, flags, length = struct.unpack("<QQQQ", stream.read(32))
            stream.seek(size - 32, os.SEEK_CUR)
            data = b"" if flags & 4 else stream.read(sectors * size)
            del length
            yield Write(sector * size, data, bool(flags & 1))
