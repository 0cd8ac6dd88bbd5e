"""The benchmarks measure what they say: same corpora every time, honest comparison, figures that add up."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks import clouds, report
from tests.benchmarks.corpora import CORPORA, ROOT, differences, listing
from tests.benchmarks.measure import RunFailed, Usage, measure, size_of
from tests.benchmarks.programs import Program, Restic, Traybackup

SCALE = 0.0005


@pytest.mark.parametrize("name", CORPORA)
def test_corpus_is_the_same_every_time(tmp_path: Path, name: str) -> None:
    """Made twice, a corpus has the same files with the same bytes, and so has what a business day makes of it."""
    one, other = tmp_path / "one", tmp_path / "other"
    for root in (one, other):
        root.mkdir()
        CORPORA[name].make(root, SCALE)
    assert len(listing(one)) > 5
    assert differences(one, other) == []

    CORPORA[name].next_day(one, SCALE, 1)
    assert differences(one, other) != []
    CORPORA[name].next_day(other, SCALE, 1)
    assert differences(one, other) == []
    CORPORA[name].next_day(one, SCALE, 2)
    assert differences(one, other) != []


def test_till_is_a_sound_database_in_wal_mode(tmp_path: Path) -> None:
    """The till's database is whole before and after a business day, has what was sold, and counts stock down."""
    CORPORA["till"].make(tmp_path, SCALE)
    question = "SELECT (SELECT count(*) FROM receipts), (SELECT sum(sold) FROM articles)"
    answers = []
    for day in (1, 2):
        database = sqlite3.connect(tmp_path / "data" / "till.db")
        answers.append(database.execute(question).fetchone())
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        database.close()
        CORPORA["till"].next_day(tmp_path, SCALE, day)
    assert answers[1][0] - answers[0][0] == 300
    assert answers[0][1] == 0 < answers[1][1]
    exports = [json.loads(path.read_text()) for path in (tmp_path / "export").iterdir()]
    listed = sum(len(export["Belege-Gruppe"][0]["Belege-kompakt"]) for export in exports)
    assert listed == answers[1][0] + 300


def test_comparison_sees_every_difference(tmp_path: Path) -> None:
    """A changed byte, a missing file and a file too many are named; counters in a SQLite header are no difference."""
    one, other = tmp_path / "one", tmp_path / "other"
    database = b"SQLite format 3\0" + bytes(8176)
    for root in (one, other):
        root.mkdir()
        for name in ("same", "changed", "longer"):
            (root / name).write_bytes(bytes(3_000_000))
        (root / "counted.db").write_bytes(database)
        (root / "damaged.db").write_bytes(database)
    with (other / "changed").open("r+b") as file:
        file.seek(2_999_999)
        file.write(b"x")
    with (other / "longer").open("ab") as file:
        file.write(b"x")
    (other / "counted.db").write_bytes(database[:24] + b"\1" + database[25:])
    (other / "damaged.db").write_bytes(database[:5000] + b"\1" + database[5001:])
    (one / "missing").write_bytes(b"")
    (other / "added").write_bytes(b"")
    assert differences(one, other) == ["added", "changed", "damaged.db", "longer", "missing"]


def test_memory_of_children_counts(tmp_path: Path) -> None:
    """The peak is that of the largest process, also if the program that was started did its work in a child."""
    hungry = "x = b'x' * 150_000_000"
    work = f'import subprocess, sys; subprocess.run([sys.executable, "-c", "{hungry}"], check=True)'
    used = measure([sys.executable, "-c", work], os.environ, tmp_path / "log", tmp_path)
    assert used.rss > 150_000_000


def test_memory_of_processes_at_once_adds_up(tmp_path: Path) -> None:
    """What a program and its helper hold at the same time counts together, and what they share only once."""
    helper = "import sys; x = b'x' * 100_000_000; print(1, flush=True); sys.stdin.read()"
    work = (
        "import subprocess, sys, time; p = subprocess.PIPE\n"
        f'child = subprocess.Popen([sys.executable, "-c", "{helper}"], stdin=p, stdout=p)\n'
        "child.stdout.readline(); x = b'x' * 100_000_000; time.sleep(1); child.communicate()"
    )
    # from a small process: Linux counts what a process held before it became the program, so what pytest held here
    harness = (
        "import json, os, pathlib, sys; from tests.benchmarks.measure import measure\n"
        "folder = pathlib.Path(sys.argv[2])\n"
        "print(measure([sys.executable, '-c', sys.argv[1]], os.environ, folder / 'log', folder).rss)"
    )
    said = subprocess.run(
        [sys.executable, "-c", harness, work, tmp_path], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert 200_000_000 < int(said) < 260_000_000


def test_failing_program_ends_the_benchmark(tmp_path: Path) -> None:
    """A program that ends with an error is never measured as a fast one; its last words are shown."""
    with pytest.raises(RunFailed, match=r"ended with 3:\nno room left"):
        measure(["sh", "-c", "echo no room left; exit 3"], os.environ, tmp_path / "log", tmp_path)


def test_round_runs_every_phase(tmp_path: Path, restic: str) -> None:
    """A round measures each phase of each program once, stores something, compares what it restored, and cleans up."""
    assert restic
    runner = bench.Bench("till", SCALE, tmp_path / "work")
    runner.round(1, [Restic, Traybackup])
    assert [record["phase"] for record in runner.records] == [phase for phase in report.PHASES for _ in range(2)]
    assert all(record["wall"] > 0 and record["rss"] > 0 for record in runner.records)
    for program in (Restic, Traybackup):
        stored = {record["phase"]: record["stored"] for record in runner.records if record["program"] == program.name}
        assert stored["first"] > stored["day"] > stored["unchanged"] > 0
    assert os.listdir(tmp_path / "work") == ["till"]


def test_restore_that_differs_ends_the_benchmark(tmp_path: Path, restic: str) -> None:
    """A program that brings back something else gets no figure."""
    assert restic

    class Forgetful(Restic):
        def restore(self, target: Path) -> list[str]:
            return [*super().restore(target), "--exclude", "*7.dat"]

    runner = bench.Bench("tiny", SCALE, tmp_path / "work")
    program: Program = Forgetful(runner.folder / "restic")
    runner.backup(1, "first", program)
    with pytest.raises(bench.RestoreDiffers):
        runner.restore(1, program)


def test_calls_of_a_day_are_counted() -> None:
    """The benchmark saves days to both stand-ins, and each with at most three new packs costs no more than the goal."""
    said = clouds.figures()
    assert list(said) == ["Google Drive", "Dropbox"]
    for words in said.values():
        least, most = map(int, words.split(" calls")[0].split(" to "))
        assert 5 <= least <= most <= clouds.GOAL


def test_sizes_are_those_of_all_files(tmp_path: Path) -> None:
    """What a repository takes is the sum of its files, however deep; one that is not there yet takes nothing."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_bytes(bytes(10))
    (tmp_path / "a" / "b" / "two").write_bytes(bytes(5))
    assert size_of(tmp_path) == 15
    assert size_of(tmp_path / "nowhere") == 0


def test_usage_of_two_commands_adds_up() -> None:
    """Time adds up; memory is that of the larger one, for they do not run at once."""
    assert Usage(1, 2, 30) + Usage(10, 20, 3) == Usage(11, 22, 30)


def test_table_shows_medians_ratios_and_goals() -> None:
    """The table takes medians, divides restic's time by ours, and tells a goal that is missed from one that is met."""
    times = {"traybackup": [10.0, 11.0, 30.0], "restic": [22.0, 20.0, 33.0], "borg": [40.0, 44.0, 48.0]}
    records = [
        {"corpus": "till", "round": n, "phase": phase, "program": program}
        | {"wall": wall, "cpu": wall * 2, "rss": 10**8, "stored": 5 * 10**7}
        for program, walls in times.items()
        for phase in report.PHASES
        for n, wall in enumerate(walls)
    ]
    result = {
        "programs": {"traybackup": "0.1", "restic": "0.14.0", "borg": "1.2.4"},
        "machine": report.machine(Path("/")),
        "scale": 1,
        "rounds": 3,
        "drop_caches": False,
        "corpora": ["till"],
        "records": records,
        "micro": {"an answer": "0.1 s"},
    }
    text = report.markdown(result)
    first = "| first run, new repository | 11.0 s (22.0 s CPU) | 22.0 s (44.0 s CPU) | 44.0 s (88.0 s CPU) |"
    assert f"{first} 2.00 x | ≥ 1.5 met |" in text
    assert "| added by the business day | 50 MB | 50 MB | 50 MB | 1.00 x | ≥ 12 **missed** |" in text
    assert "| peak memory | 100 MB | 100 MB | 100 MB | 1.00 x | ≤ 1.3 met |" in text
    assert "- an answer: 0.1 s" in text


def test_choices_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown corpus is refused before anything is made, with the names that there are."""
    with pytest.raises(SystemExit) as ended:
        bench.main(["--only", "huge"])
    assert ended.value.code == 2
    assert "huge: there are till, large, tiny" in capsys.readouterr().err
