"""Details that only show in rare situations."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from traybackup.api.errors import RepositoryDamaged, RepositoryLocked
from traybackup.api.source import Kind, Metadata
from traybackup.app.check import Check, CheckResult, Damage, Problem
from traybackup.app.language import Language
from traybackup.app.prune import Pruned, PruneFigures
from traybackup.cli import check as check_command
from traybackup.cli import ls as ls_command
from traybackup.cli.news import tell_code
from traybackup.cli.options import asker, moment
from traybackup.cli.output import Output
from traybackup.cli.prune import tell_pruned
from traybackup.cli.services import service
from traybackup.engine.snapshots import Snapshot

NOW = datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_who_waits_is_told_once_what_for(capsys: pytest.CaptureFixture[str]) -> None:
    """While a doubted lock is watched, its holder is named once, not at every look."""
    error = RepositoryLocked(host="till\x07", user="anna", pid=7, since=NOW.isoformat(), lock="ab" * 32)
    for _ in range(3):
        service(Output())
    waiting = service(Output())._context.waiting
    waiting(error)
    waiting(error)
    told = capsys.readouterr().err
    assert told.count("Waiting") == 1
    assert "anna on till\\x07" in told
    service(Output(json=True))._context.waiting(error)
    assert json.loads(capsys.readouterr().out)["message_type"] == "waiting"


def test_a_kept_code_says_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """It is in the keyring, and to be written down all the same."""
    tell_code(Output(), "CODE", kept=True)
    assert "kept in this computer's keyring" in capsys.readouterr().out
    tell_code(Output(quiet=True), "CODE", kept=False, trouble="locked")
    assert "The keyring cannot be used: it is locked." in capsys.readouterr().out
    tell_code(Output(json=True), "CODE", kept=False)
    assert capsys.readouterr().out == ""


def test_nobody_is_asked_when_the_password_comes_by_the_input() -> None:
    """``--password-file -`` and a missing terminal both mean: ask nobody."""
    assert asker(Path("-")) is None
    assert asker() is None


def test_a_time_without_offset_is_local() -> None:
    """With one it is taken as it is."""
    context, parameter = click.Context(click.Command("x")), click.Option(["--time"])
    assert moment(context, parameter, None) is None
    plain = moment(context, parameter, "2026-07-01 13:00")
    offset = moment(context, parameter, "2026-07-01T13:00:00+02:00")
    assert plain == offset == datetime(2026, 7, 1, 11, tzinfo=UTC)


def damage(count: int) -> tuple[Damage, ...]:
    one = Snapshot(time=NOW, tree=bytes(32), paths=("/x",), id="ab" * 32)
    other = dataclasses.replace(one, time=NOW.replace(month=4), id="cd" * 32)
    return tuple(Damage(f"/file-{number}".encode(), (one, other)[: number % 2 + 1]) for number in range(count))


def test_a_long_list_of_damage_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty files are named with their dates, -v names all, and it is said if even those are not all."""
    problem = Problem("pack", "ab" * 32, "missing", 25, damage(25), more=True)
    done = Check(CheckResult(problems=[problem], unsteady=["cd" * 32], unindexed=2), 100, 1.0)
    check_command._show(Output(), problem)
    check_command._tell(Output(), done)
    said = capsys.readouterr()
    assert said.err.count("cannot be restored") == 20
    assert "/file-0 (2026-03-01 12:00)" in said.err
    assert "/file-1 (2 snapshots, 2026-03-01 12:00 to 2026-04-01 13:00)" in said.err
    assert "and 5 more" in said.err
    assert "and many more" in said.err
    assert "read wrongly once" in said.err
    assert "cut short" in said.out
    assert "1 error was found" in said.out
    check_command._show(Output(verbose=1), problem)
    assert capsys.readouterr().err.count("cannot be restored") == 25


def test_what_a_prune_leaves_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Within the limits something may stay unused."""
    tell_pruned(
        Output(), Pruned(PruneFigures(freed_size=5_000_000, used_size=10, left_unused_size=3000), dry_run=False)
    )
    assert capsys.readouterr().out == "Freed 5.00 MB; 10 bytes are in use.\n3.00 kB stay unused, within the limit.\n"


def test_ls_goes_on_after_damage(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is lost is told in its place, the rest is listed, and the exit code is 1."""
    snapshot = Snapshot(time=NOW, tree=bytes(32), paths=("/x",), id="ab" * 32)
    lost = RepositoryDamaged(kind="tree", id="cd" * 32, why="wrong-hash")
    node = ls_command.Contents(snapshot, iter([(b"/x", lost)]))
    assert ls_command._show(Output(), node, long=False) == 1
    assert capsys.readouterr().err.startswith("/x: The folder list cdcdcdcd is damaged")
    node = ls_command.Contents(snapshot, iter([(b"/x", lost)]))
    assert ls_command._show(Output(json=True), node, long=False) == 1
    assert json.loads(capsys.readouterr().err)["item"] == "/x"


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "1970-01-01 01:00"), (-(10**18), "1938-04-24"), (10**22, "????-??-?? ??:??"), (-(10**22), "????-??-?? ??:??")],
)
def test_times_that_no_calendar_has_are_listed(nanoseconds: int, text: str) -> None:
    """A file system can hold any number; a listing never fails for it."""
    facts = ls_command._facts(Metadata(Kind.FILE, mode=0o644, modified=nanoseconds), Language())
    assert text in facts


def test_a_place_on_a_drive_is_called_a_drive(shell: Any) -> None:
    """A folder with our name tag is a backup drive."""
    (shell.place / "TrayBackup").mkdir()
    (shell.place / "TrayBackup" / "drive.json").write_text('{"id": "d-1"}')
    assert shell.backup().code == 0
    assert "is a backup drive with 1 snapshot" in shell.at("status").out
