"""The power fails at any moment, or a stick is pulled without a word: what was called durable is on the medium.

Part of the campaign only: it needs QEMU, mkfs.vfat, a static busybox and an unpacked Debian ``linux-image`` package,
whose folder ``TRAYBACKUP_KERNEL`` names; and it takes minutes.
"""

import os
import random
import shutil
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.powercut.fat import Fat
from tests.faults.powercut.guest import content, deleted, name
from tests.faults.powercut.machine import (
    SECTOR,
    Kernel,
    Write,
    find_kernel,
    make_stick,
    recorded,
    run_guest,
)

KERNEL = os.environ.get("TRAYBACKUP_KERNEL", "")  # before the environment is cleaned
MEGABYTES = 48
START = 2048 * SECTOR
WITNESS = START + MEGABYTES * (1 << 20)
OBJECTS = 90
CUTS = 1000
FOLDER = "repository/"


@dataclass(frozen=True, slots=True)
class Recording:
    """What a stick went through.

    Attributes:
        notes: At which write each object was noted as durable, in order.
    """

    base: bytes
    writes: list[Write]
    notes: list[int]

    def image(self, cut: int, chance: random.Random) -> bytearray:
        """Return the medium if the power had failed after *cut* writes.

        All writes before the last flush are there; of later ones each sector by chance, as a drive's cache has it.
        """
        image = bytearray(self.base)
        flushed = max((at for at in range(cut) if self.writes[at].flush), default=0)
        for at in range(cut):
            write = self.writes[at]
            for sector in range(0, len(write.data), SECTOR):
                if at < flushed or chance.random() < 0.5:
                    piece = write.data[sector : sector + SECTOR]
                    image[write.offset + sector : write.offset + sector + len(piece)] = piece
        return image


def state(done: int) -> dict[str, int]:
    """Return which object each name holds after the first *done* were put."""
    held: dict[str, int] = {}
    for number in range(done):
        held[name(number)] = number
        gone = deleted(number)
        if gone is not None:
            del held[name(gone)]
    return held


def troubles(image: bytearray, done: int) -> tuple[list[str], int]:
    """Return what was called durable and is not there, and how many names nobody vouched for hold half an object."""
    fat = Fat(image, START)
    there = {path.removeprefix(FOLDER): fat.content(first, size) for path, first, size in fat.files()}
    before, after = state(done), state(min(done + 1, OBJECTS))
    lost, halves = [], 0
    for wanted in before.keys() | after.keys():
        right = {content(number) for number in (before.get(wanted), after.get(wanted)) if number is not None}
        optional = wanted not in before or wanted not in after
        if wanted in there and there[wanted] not in right:
            if wanted in before:
                lost.append(f"{wanted} has {len(there[wanted])} bytes that are not its own")
            else:
                halves += 1
        if wanted not in there and not optional:
            lost.append(f"{wanted} is missing")
    gone = {name(number) for number in range(done)} - before.keys() - after.keys()
    lost += [f"{other} was deleted and is back" for other in gone & there.keys()]
    return lost, halves


Figures = Callable[[str, str, int, int, int], None]


def record(folder: Path, kernel: Kernel, fat: Sequence[str], options: str, before: str = "") -> Recording:
    """Let the guest do its work on a stick, after the statement *before*, and return what the stick went through."""
    stick, log, base = folder / "stick", folder / "log", folder / "base"
    make_stick(stick, MEGABYTES, fat)
    shutil.copyfile(stick, base)
    here = Path(__file__).resolve().parents[3]
    script = f"{before}from tests.faults.powercut.guest import main; main()"
    command = f'cd {here} && {sys.executable} -c "{script}" /mnt/stick/repository /dev/vda2 {OBJECTS}'
    console = run_guest(kernel, stick, log, command, options)
    assert "ALL-PUT" in console, console[-3000:]
    writes = list(recorded(log))
    notes = [at for at, write in enumerate(writes) if write.offset > WITNESS]
    assert len(notes) == OBJECTS
    return Recording(base.read_bytes(), writes, notes)


def cut_at_random(recording: Recording, cuts: int) -> tuple[int, int, list[str]]:
    """Cut the power at *cuts* moments; return how many objects were vouched for, scraps of others, and what is lost."""
    chance = random.Random(1)
    moments = range(recording.notes[0], len(recording.writes))
    lost: list[str] = []
    vouched = halves = 0
    for cut in sorted(chance.sample(moments, min(cuts, len(moments)))):
        done = bisect_right(recording.notes, cut - 1)
        found, half = troubles(recording.image(cut, chance), done)
        lost += [f"cut at {cut}, {done} durable: {one}" for one in found]
        vouched += len(state(done))
        halves += half
    return vouched, halves, lost


@pytest.fixture(scope="session")
def kernel(program: Callable[[str], str]) -> Kernel:
    """Return the guest's kernel, where everything needed is there."""
    for needed in ("qemu-system-x86_64", "mkfs.vfat", "busybox"):
        program(needed)
    found = find_kernel(Path(KERNEL)) if KERNEL else None
    if found is None:
        pytest.skip("TRAYBACKUP_KERNEL names no unpacked linux-image package")
    return found


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.parametrize("options", ["utf8=1", "utf8=1,flush,shortname=mixed"])
@pytest.mark.parametrize("fat", [("-F", "32", "-s", "1"), ("-F", "16", "-s", "4")])
def test_what_is_durable_survives(
    scratch: Path, kernel: Kernel, figures: Figures, fat: tuple[str, ...], options: str
) -> None:
    """Whenever the power fails, what a put or a delete has returned for is so, on a FAT stick, too."""
    vouched, halves, lost = cut_at_random(record(scratch, kernel, fat, options), CUTS)
    figures(f"power cut, FAT{fat[1]}, {options}", f"{halves} scraps of others", vouched, CUTS, len(lost))
    assert not lost, "\n".join([f"{len(lost)} of {vouched}", *lost[:20]])


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    "omitted",
    [
        "from traybackup.stores.handles import Root; Root.sync_file = lambda self, name: None; ",
        "from traybackup.stores.handles import Root; Root.sync_folder = lambda self, name: None; ",
    ],
    ids=["second flush", "flush of the folder"],
)
def test_every_flush_is_needed(scratch: Path, kernel: Kernel, omitted: str) -> None:
    """Without the second flush, or without that of the folder, much is lost: the cuts do find what is not durable."""
    vouched, _, lost = cut_at_random(record(scratch, kernel, ("-F", "32", "-s", "1"), "utf8=1", omitted), 50)
    assert len(lost) > vouched / 20


def test_reader_reads_what_linux_wrote(tmp_path: Path, program: Callable[[str], str]) -> None:
    """The FAT reader finds an empty file system in a new image, in every width."""
    program("mkfs.vfat")
    for options in (("-F", "32", "-s", "1"), ("-F", "16", "-s", "4")):
        stick = tmp_path / "stick"
        make_stick(stick, MEGABYTES, options)
        assert list(Fat(bytearray(stick.read_bytes()), START).files()) == []
