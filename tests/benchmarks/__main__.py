"""Measure traybackup against restic and borg: ``python installer/dev.py bench``.

Each round gives every program a new repository. In each phase the programs take turns, starting with another one each
round; the file system is the same for all, and before the clock starts, what was written is flushed, and memory is
taken and given back, so that nobody pays for what a virtual machine's host has to fetch. A restore counts only if what
came back is the same, byte by byte. The table goes to standard output, and with the raw figures into the output folder.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import clouds, micro, report
from tests.benchmarks.corpora import CORPORA, ROOT, apart
from tests.benchmarks.measure import Usage, measure, settle, size_of
from tests.benchmarks.programs import PROGRAMS, Program, Traybackup, install

QUICK_SCALE = 0.02
MEMORY = 4 << 30
"""Bytes to be taken and given back before each run; as much as one uses with its part of the page cache."""
REST = 65
"""Seconds after a round, for what the file system remembers of deleted files to be forgotten."""


class RestoreDiffers(Exception):
    """What a program brought back is not what it was given: its figures would mean nothing."""


class Bench:
    """One corpus on disk, and the programs that save it round by round."""

    def __init__(self, corpus: str, scale: float, folder: Path, *, drop_caches: bool = False, rest: float = 0) -> None:
        self.corpus = corpus
        self.scale = scale
        self.folder = folder
        self.drop_caches = drop_caches
        self.rest = rest
        self.source = folder / corpus
        self.records: list[dict[str, Any]] = []
        self.source.mkdir(parents=True)
        apart("make", corpus, self.source, str(scale))

    def round(self, number: int, programs: Sequence[type[Program]]) -> None:
        """Run all phases once with every program; the *number* of the round (from 1) decides who starts."""
        turn = number % len(programs)
        opened = [program(self.folder / program.name) for program in [*programs[turn:], *programs[:turn]]]
        for program in opened:
            self.backup(number, "first", program)
        for program in opened:
            self.backup(number, "unchanged", program)
        apart("next-day", self.corpus, self.source, str(self.scale), str(number))
        for program in opened:
            self.backup(number, "day", program)
        for program in opened:
            self.restore(number, program)
        for program in opened:
            self.note(number, "check", program, self.run(program, program.check()))
        # Only now: ext4 hands out no number of a file deleted within the last minute, and whoever restores next would
        # pay for searching others.
        for program in opened:
            shutil.rmtree(program.folder)
        os.sync()
        if self.rest:
            time.sleep(self.rest)

    def run(
        self, program: Program, command: Sequence[str], folder: Path | None = None, *, durable: bool = False
    ) -> Usage:
        settle(drop_caches=self.drop_caches, memory=int(MEMORY * self.scale))
        log = program.folder / "log"
        return measure(command, program.environment, log, folder or program.folder, durable=durable)

    def backup(self, number: int, phase: str, program: Program) -> None:
        before = size_of(Path(program.repository))
        usage = Usage(0, 0, 0)
        create = program.create()
        if phase == "first" and create:
            usage = self.run(program, create)
        usage += self.run(program, program.backup(self.source))
        self.note(number, phase, program, usage, size_of(Path(program.repository)) - before)

    def restore(self, number: int, program: Program) -> None:
        target = program.folder / "restored"
        target.mkdir()
        # A restore is over when the power may fail. Only traybackup sees to that itself, so all are given the time.
        self.note(number, "restore", program, self.run(program, program.restore(target), target, durable=True))
        deep = target / self.source.relative_to(self.source.anchor)
        restored = next(path for path in (deep, target / self.corpus, target) if path.is_dir())
        if found := apart("compare", self.source, restored):
            raise RestoreDiffers(program.name, found)

    def note(self, number: int, phase: str, program: Program, usage: Usage, stored: int = 0) -> None:
        record = {"corpus": self.corpus, "round": number, "phase": phase, "program": program.name, **vars(usage)}
        self.records.append(record | {"stored": stored})
        figures = f"{usage.wall:.2f} s, {usage.cpu:.2f} s CPU, {usage.rss / 1e6:.0f} MB"
        print(f"{self.corpus}, round {number}, {phase}, {program.name}: {figures}", file=sys.stderr, flush=True)


def names(text: str) -> list[str]:
    """Read a comma-separated list of corpora."""
    chosen = text.split(",")
    if unknown := set(chosen) - set(CORPORA):
        message = f"{', '.join(sorted(unknown))}: there are {', '.join(CORPORA)}"
        raise argparse.ArgumentTypeError(message)
    return chosen


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    command = argparse.ArgumentParser(prog="python installer/dev.py bench", description=__doc__.split("\n\n")[0])
    command.add_argument("--quick", action="store_true", help="corpora at a fiftieth of their size, one round")
    command.add_argument("--only", type=names, default=list(CORPORA), metavar="NAMES", help=f"of {','.join(CORPORA)}")
    command.add_argument("--rounds", type=int, help="default: 3, with --quick 1")
    command.add_argument("--scale", type=float, help="size of the corpora; 1 is the real thing")
    command.add_argument("--without", default="", metavar="PROGRAMS", help="programs to leave out, such as borg")
    command.add_argument("--drop-caches", action="store_true", help="forget what was read before each run (root)")
    command.add_argument("--work", type=Path, help="where to work, 20 GB free; default: a temporary folder")
    command.add_argument("--output", type=Path, default=ROOT / "build" / "benchmarks", help="default: %(default)s")
    return command


def main(arguments: Sequence[str]) -> int:
    """Measure what the command line asks for, print the table and keep it."""
    chosen = parser().parse_args(arguments)
    scale = chosen.scale or (QUICK_SCALE if chosen.quick else 1)
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    programs = [each for each in PROGRAMS if each.name not in chosen.without.split(",") and each.available()]
    records: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="traybackup-bench-", dir=chosen.work) as work:
        about = report.machine(Path(work).resolve())
        if Traybackup in programs:
            Traybackup.executable = install(Path(work) / "environment")
        for corpus in chosen.only:
            rest = 0 if chosen.quick else REST
            bench = Bench(
                corpus, scale, Path(work).resolve() / f"on-{corpus}", drop_caches=chosen.drop_caches, rest=rest
            )
            for number in range(1, rounds + 1):
                bench.round(number, programs)
            records += bench.records
            shutil.rmtree(bench.folder)
        versions = {program.name: program.version() for program in programs}
        small = micro.figures(3 if chosen.quick else 11) | clouds.figures() if Traybackup in programs else {}
    result = {
        "programs": versions,
        "machine": about,
        "scale": scale,
        "rounds": rounds,
        "drop_caches": chosen.drop_caches,
        "corpora": chosen.only,
        "records": records,
        "micro": small,
    }
    text = report.markdown(result)
    chosen.output.mkdir(parents=True, exist_ok=True)
    (chosen.output / "result.md").write_text(text, "utf-8")
    (chosen.output / "result.json").write_text(json.dumps(result, indent=1), "utf-8")
    print(f"\n{text}\nKept in {chosen.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
