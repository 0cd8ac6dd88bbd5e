"""Two corpora that are no till: very many tiny files, and a few large ones.

Content comes from seeded generators, so the same version makes the same bytes. Half of the tiny files and about half of
the large bytes are random, as pictures and archives are; the rest is text, and a disk image with holes of zeros.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

TINY_FILES = 100_000
LARGE_BYTES = 2_000_000_000
WORDS = (
    "kunde",
    "artikel",
    "menge",
    "preis",
    "summe",
    "konto",
    "beleg",
    "datum",
    "lager",
    "kassa",
    "bar",
    "karte",
    "rabatt",
)
PIECE = 1 << 20


def make_tiny(root: Path, scale: float) -> None:
    """Write the tiny files, up to 4 KB each, a hundred to a folder."""
    for number in range(round(TINY_FILES * scale)):
        write_tiny(root, number, 0)


def write_tiny(root: Path, number: int, version: int) -> None:
    """Write one tiny file."""
    chance = random.Random(f"tiny {number} {version}")
    size = int(chance.random() ** 2 * 4096)
    content = (
        chance.randbytes(size) if number % 2 else f"{number} {' '.join(chance.choices(WORDS, k=size // 7))}".encode()
    )
    path = root / f"{number // 10_000:03}" / f"{number // 100 % 100:02}" / f"{number:07}.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    moment = 1_500_000_000 + number
    os.utime(path, (moment, moment))


def tiny_next_day(root: Path, scale: float, day: int) -> None:
    """Change two files in a thousand, add one in a thousand and remove one in two thousand."""
    count = round(TINY_FILES * scale)
    chance = random.Random(f"tiny day {day}")
    for number in chance.sample(range(count), max(1, count // 500)):
        write_tiny(root, number, day)
        os.utime(root / f"{number // 10_000:03}" / f"{number // 100 % 100:02}" / f"{number:07}.dat")
    for number in range(count // 1000 + 1):
        write_tiny(root, count + day * 1_000_000 + number, day)
    files = sorted(root.glob("*/*/*.dat"))
    for path in chance.sample(files, max(1, count // 2000)):
        path.unlink()


def noise(chance: random.Random, size: int) -> Iterator[bytes]:
    """Yield *size* bytes that do not compress."""
    for start in range(0, size, PIECE):
        yield chance.randbytes(min(PIECE, size - start))


def text(chance: random.Random, size: int) -> Iterator[bytes]:
    """Yield *size* bytes of lines as an accounting export has them; they compress to about a sixth."""
    lines = [";".join([*chance.choices(WORDS, k=6), f"{chance.random():.8f}"]).encode() + b"\r\n" for _ in range(5000)]
    number = 0
    while size > 0:
        number += 1
        piece = b"%d;%d\r\n" % (number, chance.getrandbits(64)) + b"".join(chance.choices(lines, k=15_000))
        yield piece[:size]
        size -= len(piece)


def disk(chance: random.Random, size: int) -> Iterator[bytes]:
    """Yield *size* bytes of a disk image: by turns zeros, text, noise and what stood there before."""
    before = b""
    while size > 0:
        kind = chance.randrange(4)
        length = min(size, chance.randrange(PIECE // 2, 4 * PIECE) // 4096 * 4096)
        piece = [b"", b"".join(text(chance, length)), b"".join(noise(chance, length)), before][kind][:length]
        piece = piece.ljust(length, b"\0")
        yield piece
        before, size = piece, size - length


LARGE = {  # name: content, share of the whole
    "film-1.mp4": (noise, 0.16),
    "film-2.mp4": (noise, 0.12),
    "archive.zip": (noise, 0.12),
    "ledger-1.csv": (text, 0.15),
    "ledger-2.csv": (text, 0.15),
    "ledger-3.csv": (text, 0.10),
    "computer.img": (disk, 0.20),
}


def make_large(root: Path, scale: float) -> None:
    """Write the large files."""
    for name, (content, share) in LARGE.items():
        with (root / name).open("wb") as file:
            for piece in content(random.Random(name), round(LARGE_BYTES * scale * share)):
                file.write(piece)


def large_next_day(root: Path, scale: float, day: int) -> None:
    """Append to one export, insert a line early in another, change sectors of the image, and add a film."""
    chance = random.Random(f"large day {day}")
    with (root / "ledger-1.csv").open("ab") as file:
        file.writelines(text(chance, round(5_000_000 * scale)))
    insert(root / "ledger-2.csv", 1000, f"inserted on day {day}\r\n".encode())
    with (root / "computer.img").open("r+b") as file:
        sectors = file.seek(0, os.SEEK_END) // 4096
        for sector in sorted(chance.sample(range(sectors), min(64, sectors))):
            file.seek(sector * 4096)
            file.write(chance.randbytes(4096))
    with (root / f"film-of-day-{day}.mp4").open("wb") as file:
        file.writelines(noise(chance, round(20_000_000 * scale)))


def insert(path: Path, at: int, addition: bytes) -> None:
    """Insert *addition* at the byte *at*, so that everything behind it moves."""
    changed = path.with_name("new")
    with path.open("rb") as old, changed.open("wb") as new:
        new.write(old.read(at))
        new.write(addition)
        while piece := old.read(PIECE):
            new.write(piece)
    changed.replace(path)
