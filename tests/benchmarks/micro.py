"""Small figures: the memory of an index of a million blobs, and how soon the program answers.

python -m tests.benchmarks.micro index [BLOBS]      prints resident and peak growth, in bytes
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.corpora import ROOT
from tests.benchmarks.programs import Traybackup

BLOBS = 1_000_000
BLOBS_A_FILE = 50_000
BLOBS_A_PACK = 1_000


def resident(field: str) -> int:
    """Return this process's resident (VmRSS) or peak (VmHWM) memory, bytes."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def index_growth(blobs: int) -> tuple[int, int]:
    """Load an index of *blobs* as a repository's index files hold it; return resident and peak growth, bytes."""
    from traybackup.engine.codec import BlobKind  # noqa: PLC0415 - counted from here on
    from traybackup.engine.index import Index, decode_index, encode_index  # noqa: PLC0415
    from traybackup.engine.pack import PackedBlob  # noqa: PLC0415

    def index_file() -> bytes:
        packs = [
            (os.urandom(32), [PackedBlob(BlobKind.DATA, os.urandom(32), n, 9000, 16384) for n in range(BLOBS_A_PACK)])
            for _ in range(BLOBS_A_FILE // BLOBS_A_PACK)
        ]
        return encode_index(packs)

    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, str(number)) for number in range(0, blobs, BLOBS_A_FILE)]
        for file in files:
            file.write_bytes(index_file())
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # what making the test data took does not count
        before = resident("VmRSS")
        index = Index()
        index.add_files(decode_index(file.read_bytes(), "") for file in files)
    found = len(index)
    if found != blobs:
        raise AssertionError(found)
    return resident("VmRSS") - before, resident("VmHWM") - before


def answer_time(rounds: int) -> float:
    """Return the median seconds of ``traybackup --help``."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run([Traybackup.executable, "--help"], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def figures(rounds: int) -> dict[str, str]:
    """Return the small figures in words."""
    command = [sys.executable, "-m", "tests.benchmarks.micro", "index"]
    said = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    grown, at_peak = (int(word) / 1e6 for word in said.split())
    return {
        "index of one million blobs": f"{grown:.0f} MB, {at_peak:.0f} MB while it is loaded (goal: at most 150)",
        "`traybackup --help`": f"{answer_time(rounds):.3f} s (goal: under 0.2)",
    }


def main(arguments: Sequence[str]) -> int:
    """Do what the module's docstring says."""
    if arguments[:1] != ["index"]:
        print(__doc__)
        return 2
    print(*index_growth(int(arguments[1]) if arguments[1:] else BLOBS))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
