"""A reader of FAT images that stops at nothing: what a computer would find after the power came back.

Source: Microsoft, "FAT: General Overview of On-Disk Format" 1.03.
"""

import struct
from collections.abc import Iterator


class Fat:
    """The file system in *image*, which starts at *start*."""

    def __init__(self, image: bytearray, start: int) -> None:
        self._image, self._start = image, start
        boot = image[start : start + 512]
        sector, self._per_cluster, reserved, copies, roots, total16 = struct.unpack_from("<HBHBHH", boot, 11)
        (fat16,) = struct.unpack_from("<H", boot, 22)
        total32, fat32 = struct.unpack_from("<II", boot, 32)
        per_fat = fat16 or fat32
        self._sector = sector
        self._table = start + reserved * sector
        self._roots = self._table + copies * per_fat * sector
        self._data = self._roots + roots * 32
        clusters = ((total16 or total32) * sector - (self._data - start)) // (self._per_cluster * sector)
        self._wide = clusters >= 65525
        self._root_entries = roots
        (self._root,) = struct.unpack_from("<I", boot, 44)

    def _next(self, cluster: int) -> int:
        if self._wide:
            return struct.unpack_from("<I", self._image, self._table + cluster * 4)[0] & 0x0FFFFFFF
        value = struct.unpack_from("<H", self._image, self._table + cluster * 2)[0]
        return value | 0x0FFF0000 if value >= 0xFFF0 else value

    def chain(self, cluster: int) -> list[int]:
        """Return the clusters of a file; a chain that ends in nothing or in itself ends there."""
        found: list[int] = []
        seen: set[int] = set()
        while 2 <= cluster < 0x0FFFFFF0 and cluster not in seen:
            seen.add(cluster)
            found.append(cluster)
            cluster = self._next(cluster)
        return found

    def _bytes(self, cluster: int) -> bytes:
        size = self._per_cluster * self._sector
        data = b"".join(
            self._image[self._data + (one - 2) * size : self._data + (one - 1) * size] for one in self.chain(cluster)
        )
        return bytes(data)

    def _entries(self, table: bytes) -> Iterator[tuple[str, int, int, int]]:
        long: dict[int, str] = {}
        for at in range(0, len(table) - 31, 32):
            entry = table[at : at + 32]
            if entry[0] == 0:
                return
            if entry[0] == 0xE5:
                long.clear()
            elif entry[11] == 0x0F:
                text = (entry[1:11] + entry[14:26] + entry[28:32]).decode("utf-16-le", "replace")
                long[entry[0] & 0x3F] = text.partition("\0")[0]
            elif not entry[11] & 8:
                base, extension = entry[:8].decode("latin-1").rstrip(), entry[8:11].decode("latin-1").rstrip()
                short = f"{base}.{extension}" if extension else base
                name = "".join(long[key] for key in sorted(long)) or short.lower()
                high, low, size = struct.unpack("<H", entry[20:22]) + struct.unpack("<HI", entry[26:32])
                long.clear()
                yield name, entry[11], low | high << 16 if self._wide else low, size
            else:
                long.clear()

    def files(self, cluster: int | None = None, prefix: str = "") -> Iterator[tuple[str, int, int]]:
        """Yield path, first cluster and size of every file."""
        if cluster is None:
            table = self._bytes(self._root) if self._wide else bytes(self._image[self._roots : self._data])
        else:
            table = self._bytes(cluster)
        for name, kind, first, size in self._entries(table):
            if name in (".", ".."):
                continue
            if kind & 16:
                yield from self.files(first, f"{prefix}{name}/")
            else:
                yield prefix + name, first, size

    def content(self, cluster: int, size: int) -> bytes:
        """Return the bytes of a file, as many as there are."""
        return self._bytes(cluster)[:size]
