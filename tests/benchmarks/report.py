"""Figures to read: medians over the rounds, ratios against restic, and the goals they are measured by.

A ratio is written so that more is better for us in time and bytes (restic's median divided by ours), and for memory as
ours divided by restic's, where less is better.
"""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.corpora import CORPORA

PHASES = {
    "first": "first run, new repository",
    "unchanged": "second run, nothing changed",
    "day": "one business day later",
    "restore": "restore everything",
    "check": "check, all data read",
}
STORED = {"first": "stored by the first run", "day": "added by the business day"}
AT_LEAST = {
    ("till", "first"): 1.5,
    ("large", "first"): 2.0,
    ("tiny", "first"): 0.9,
    ("till", "day"): 2.0,
    ("till", "restore"): 1.2,
    ("large", "restore"): 1.8,
    **{(corpus, phase): 1.2 for corpus in CORPORA for phase in ("unchanged", "check")},
}
BYTES_AT_LEAST = {("till", "day"): 12.0}
MEMORY_AT_MOST = 1.3

Record = Mapping[str, Any]


def machine(folder: Path) -> dict[str, str | int]:
    """Describe the computer and the file system of *folder*, as far as figures depend on them."""
    processors = [
        line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if line.startswith("model name")
    ]
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    inside = [mount for mount in mounts if folder.is_relative_to(mount[1])]
    return {
        "processor": processors[0].partition(": ")[2] if processors else platform.machine(),
        "cores": os.cpu_count() or 0,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "file_system": max(inside, key=lambda mount: len(mount[1]))[2] if inside else "unknown",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def median(records: Sequence[Record], field: str, **wanted: str) -> float | None:
    """Return the median of *field* over the records whose other fields are as *wanted*; None if there are none."""
    values = [r[field] for r in records if all(r[name] == value for name, value in wanted.items())]
    return statistics.median(values) if values else None


def markdown(result: Mapping[str, Any]) -> str:
    """Return the whole result as Markdown."""
    programs: Mapping[str, str] = result["programs"]
    about = result["machine"]
    full = result["scale"] == 1
    heads = [f"{name} {version}" for name, version in programs.items()]
    lines = [
        f"{about['processor']}, {about['cores']} cores, {about['memory'] / 2**30:.0f} GiB, {about['file_system']}, "
        f"{about['system']}, Python {about['python']}; medians of {result['rounds']} alternating rounds, caches "
        f"{'dropped before each run' if result['drop_caches'] else 'warm'}"
        + ("" if full else f"; corpora at {result['scale']:g} of their size, so start-up weighs more than in earnest")
        + ".",
    ]
    for corpus in result["corpora"]:
        records = [record for record in result["records"] if record["corpus"] == corpus]
        lines += ["", f"| {CORPORA[corpus].words} | {' | '.join(heads)} | against restic | goal |"]
        lines.append("|---" * (len(heads) + 3) + "|")
        lines += [row(cells) for cells in rows(corpus, records, list(programs), goals=full)]
    lines += ["", *(f"- {name}: {value}" for name, value in result["micro"].items())]
    return "\n".join(lines) + "\n"


def row(cells: Sequence[str]) -> str:
    """Return one line of a table."""
    return f"| {' | '.join(cells)} |"


def rows(corpus: str, records: Sequence[Record], programs: Sequence[str], *, goals: bool) -> list[list[str]]:
    """Return a corpus's rows: times, then bytes, then memory."""
    table = []
    for phase, words in PHASES.items():
        walls = [median(records, "wall", phase=phase, program=program) for program in programs]
        cpus = [median(records, "cpu", phase=phase, program=program) for program in programs]
        cells = [f"{seconds(wall)} ({seconds(cpu)} CPU)" for wall, cpu in zip(walls, cpus, strict=True)]
        table.append([words, *cells, *verdict(walls, programs, AT_LEAST.get((corpus, phase)) if goals else None)])
    for phase, words in STORED.items():
        sizes = [median(records, "stored", phase=phase, program=program) for program in programs]
        goal = BYTES_AT_LEAST.get((corpus, phase)) if goals else None
        table.append([words, *map(megabytes, sizes), *verdict(sizes, programs, goal)])
    peaks = [peak(records, program) for program in programs]
    goal = MEMORY_AT_MOST if goals else None
    table.append(["peak memory", *map(megabytes, peaks), *verdict(peaks, programs, goal, less=True)])
    return table


def peak(records: Sequence[Record], program: str) -> float | None:
    """Return the median memory of a program's hungriest phase."""
    found = [median(records, "rss", phase=phase, program=program) for phase in PHASES]
    return max((value for value in found if value is not None), default=None)


def verdict(
    values: Sequence[float | None], programs: Sequence[str], goal: float | None, *, less: bool = False
) -> list[str]:
    """Return the ratio against restic and whether it meets the goal, as two cells."""
    by_name = dict(zip(programs, values, strict=True))
    ours, theirs = by_name.get("traybackup"), by_name.get("restic")
    if not ours or not theirs:
        return ["", ""]
    ratio = ours / theirs if less else theirs / ours
    if goal is None:
        return [f"{ratio:.2f} x", ""]
    met = ratio <= goal if less else ratio >= goal
    return [f"{ratio:.2f} x", f"{'≤' if less else '≥'} {goal:g} {'met' if met else '**missed**'}"]


def seconds(value: float | None) -> str:
    """Return a time to read."""
    return "-" if value is None else f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def megabytes(value: float | None) -> str:
    """Return a size to read, in millions of bytes."""
    return "-" if value is None else f"{value / 1e6:,.0f} MB" if value >= 1e7 else f"{value / 1e6:.2f} MB"
