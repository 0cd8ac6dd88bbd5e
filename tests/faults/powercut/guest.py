"""What runs on the computer whose power is cut: puts, deletes and overwrites, each noted once it is called durable.

Usage: guest.py FOLDER WITNESS COUNT
"""

import mmap
import os
import random
import sys
from pathlib import Path

from traybackup.api.store import BytesPayload
from traybackup.stores.local import LocalStore

SECTOR = 512


def content(number: int) -> bytes:
    """Return what object *number* holds."""
    source = random.Random(number)
    return source.randbytes(source.choice((0, 40, 500, 5_000, 30_000, 96_000)))


def name(number: int) -> str:
    """Return the name of object *number*; every seventh is the same, and overwritten."""
    if number % 7 == 6:
        return "config"
    digits = random.Random(-number).randbytes(32).hex()
    return f"data/{digits[:2]}/{digits}" if number % 3 else f"index/{digits}"


def deleted(number: int) -> int | None:
    """Return which object is deleted after *number* was put: an index, now and then."""
    return number - 12 if number % 24 == 12 and (number - 12) % 7 != 6 else None


def main() -> None:
    """Do the work."""
    folder, witness, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    folder.mkdir()
    os.sync()
    note = os.open(witness, os.O_WRONLY | os.O_DIRECT)
    with LocalStore(folder) as store, mmap.mmap(-1, SECTOR) as sector:
        for number in range(count):
            store.put(name(number), BytesPayload(content(number)), overwrite=True)
            gone = deleted(number)
            if gone is not None:
                store.delete(name(gone))
            sector[:8] = number.to_bytes(8, "little")
            os.pwritev(note, [sector], (number + 1) * SECTOR)
    sys.stdout.write("ALL-PUT\n")


if __name__ == "__main__":
    main()
