"""The program as a whole: help, unknown words, the one place where exceptions end."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from traybackup import __version__
from traybackup.api.errors import StoreFull
from traybackup.cli import backup as backup_command
from traybackup.cli import snapshots as snapshots_command
from traybackup.cli.program import COMMANDS, program

HEAVY = {
    "babel",
    "rich",
    "cryptography",
    "psutil",
    "keyring",
    "zstandard",
    "msgspec",
    "pathspec",
    "sqlite3",
    "traybackup.engine",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_with_its_help(name: str, shell: Any) -> None:
    """The module of each command holds it under its name, and its own help begins as the overview says."""
    command = importlib.import_module(f"traybackup.cli.{name.replace('-', '_')}").command
    assert isinstance(command, click.Command)
    assert command.name == name
    said = shell(name, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: traybackup {name}")
    assert said.err == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_json(name: str) -> None:
    """--json is everywhere, and so are -q and -v; in a group, in each of its commands."""
    command = importlib.import_module(f"traybackup.cli.{name.replace('-', '_')}").command
    for one in command.commands.values() if isinstance(command, click.Group) else [command]:
        options = {option for parameter in one.params for option in parameter.opts}
        assert {"--json", "--quiet", "--verbose"} <= options


def test_the_help_names_every_command(shell: Any) -> None:
    """Without a word, and with --help, the overview is shown."""
    for said in (shell(), shell("--help"), shell("-h")):
        assert said.code == 0
        assert all(f"  {name} " in said.out for name in COMMANDS)


def test_the_help_imports_nothing_heavy() -> None:
    """What the overview needs is a parser, nothing else."""
    code = "import sys; from traybackup.cli.program import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not {name for name in loaded if name in HEAVY or name.split(".")[0] in HEAVY}


@pytest.mark.skipif(sys.platform == "win32", reason="processor time of children is POSIX")
def test_the_help_is_quick() -> None:
    """The best of five runs takes less than 0.2 seconds of the processor, whatever else this computer does."""
    assert min(processor_time([sys.executable, "-m", "traybackup", "--help"]) for _ in range(5)) < 0.2


def processor_time(command: list[str]) -> float:
    before = os.times()
    subprocess.run(command, capture_output=True, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_a_mistyped_command_is_guessed(shell: Any) -> None:
    """An unknown command is wrong usage, with the nearest one named."""
    said = shell("bakcup")
    assert said.code == 2
    assert "“bakcup”" in said.err
    assert "“backup”" in said.err
    assert shell("xyzzy").code == 2


def test_the_version_is_told(shell: Any) -> None:
    """By --version, and with what it runs on by the command."""
    assert shell("--version").out == f"traybackup {__version__}\n"
    assert shell("version").out.startswith(f"traybackup {__version__} (Python ")
    assert shell("version", "--json").record("version")["version"] == __version__


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["backup", "--to", "/x"], "Name at least one"),
        (["backup", "/x"], "--to"),
        (["backup", "", "--to", "/x"], "is empty"),
        (["backup", "/x", "--to", ""], "--to is empty"),
        (["snapshots", "--from", " "], "--from is empty"),
        (["restore", "", "--from", "/x", "--into", "/y"], "SNAPSHOT is empty"),
        (["restore", "latest", "--from", "/x", "--into", ""], "--into is empty"),
        (["restore", "latest", "--from", "/x", "--into", "/y", "--only", ""], "empty"),
        (["restore", "latest", "--from", "/x"], "--into"),
        (["dump", "latest", "", "--from", "/x"], "FILE is empty"),
        (["key", "remove", "", "--from", "/x"], "KEY is empty"),
        (["snapshots", "--from", "/x", "--password-file", ""], "--password-file is empty"),
        (["forget", "--from", "/x"], "Name snapshots, or rules"),
        (["forget", "abc", "--keep-last", "1", "--from", "/x"], "not both"),
        (["forget", "--keep-last", "x", "--from", "/x"], "“x” is no number"),
        (["forget", "--keep-last", "-5", "--from", "/x"], "“-5” is no number"),
        (["forget", "--keep-within", "x", "--from", "/x"], "“x” is no span"),
        (["forget", "--keep-last", "1", "--group-by", "moon", "--from", "/x"], "host, paths and tags"),
        (["check", "--read-data=0", "--from", "/x"], "“0” is no share"),
        (["check", "--read-data=lots", "--from", "/x"], "“lots” is no share"),
        (["prune", "--max-unused", "many", "--from", "/x"], "“many” is no limit"),
        (["prune", "--max-unused", "101%", "--from", "/x"], "“101%” is no limit"),
        (["backup", "/x", "--to", "/y", "--exclude-larger-than", "big"], "“big” is no size"),
        (["backup", "/x", "--to", "/y", "--time", "noon"], "“noon” is no time"),
        (["backup", "/x", "--to", "/y", "--exclude-file", "/no/such"], "/no/such cannot be read"),
        (["backup", "--files-from", "/no/such", "--to", "/y"], "/no/such cannot be read"),
        (["demo", "--in", ""], "--in is empty"),
        (["snapshots", "--from", "/x", "--latest", "0"], "latest"),
        (["snapshots", "--frm", "/x"], "--frm"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(words: list[str], expected: str, shell: Any) -> None:
    """Wrong usage is told in one line with where help is, before anything is touched; in JSON as well."""
    said = shell(*words)
    assert said.code == 2
    assert said.out == ""
    assert expected in said.err
    assert said.err.count("\n") == 1
    assert "--help" in said.err
    (told,) = shell(*words, "--json").errors
    assert (told["message_type"], told["code"], told["error"]) == ("exit_error", 2, "usage")


def test_an_expected_error_is_one_line(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened and what to do, on one line, with the class's exit code."""

    def full(_output: object) -> None:
        raise StoreFull(place="/x\x1b[2J", needed=5_000_000)

    monkeypatch.setattr(snapshots_command, "service", full)
    said = shell.at("snapshots")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert said.err.startswith("traybackup: /x\\x1b[2J needs 5.00 MB more room")
    (told,) = shell.at("snapshots", "--json").errors
    assert told == {"message_type": "exit_error", "code": 1, "message": told["message"], "error": "store-full"}


def test_an_unexpected_fault_is_one_line_and_a_log(shell: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No traceback is shown; it is in the log, which is named."""
    monkeypatch.setenv("TRAYBACKUP_HOME", str(tmp_path / "home"))

    def boom(_output: object) -> None:
        raise ZeroDivisionError("canary")  # noqa: EM101 - a fault

    monkeypatch.setattr(snapshots_command, "service", boom)
    said = shell.at("snapshots")
    assert said.code == 1
    assert "ZeroDivisionError" in said.err
    assert "Traceback" not in said.err
    assert said.err.count("\n") == 1
    log = tmp_path / "home" / "state" / "traybackup.log"
    assert str(log) in said.err
    assert "ZeroDivisionError: canary" in log.read_text()
    monkeypatch.setenv("TRAYBACKUP_DEBUG", "1")
    assert "Traceback" in shell.at("snapshots").err


def test_an_interrupt_is_told_and_ends_with_130(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a short command says that everything is safe."""

    def interrupt(_output: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(snapshots_command, "service", interrupt)
    said = shell.at("snapshots")
    assert said.code == 130
    assert "Everything saved before is safe" in said.err
    assert shell.at("snapshots", "--json").errors[-1]["code"] == 130


def test_a_reader_that_goes_away_is_no_fault() -> None:
    """``traybackup … | head`` ends quietly."""
    command = f"{sys.executable} -m traybackup --help | head -c 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_broken_pipe_in_the_middle_is_no_fault(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops reading ends the command without a word."""

    def gone(_output: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(snapshots_command, "service", gone)
    keep = os.dup(1)
    try:
        said = shell.at("snapshots")
    finally:
        os.dup2(keep, 1)
        os.close(keep)
    assert said.code == 1
    assert said.err == ""


def test_faces_decide_nothing() -> None:
    """A command calls use cases through the service only."""
    for file in Path(str(backup_command.__file__)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("traybackup."):
                assert node.module.split(".")[1] in {"api", "app", "cli", "tray"}, file.name


def test_the_group_finds_nothing_under_another_name() -> None:
    """A module that is no command cannot be called as one."""
    assert program.get_command(click.Context(program), "options") is None  # type: ignore[attr-defined]  # a group


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--language", "de"], "ist nicht da"),
        (["--language=es"], "no está"),
        ([], "is not there"),
        (["--language", "de", "--json"], "is not there"),
    ],
)
def test_the_language_can_be_chosen(shell: Any, tmp_path: Path, words: list[str], told: str) -> None:
    """For people, by an option of every command; what programs read has one language."""
    said = shell("snapshots", "--from", tmp_path / "nowhere", *words)
    assert said.code == 10
    assert told in said.err


def test_a_whole_command_speaks_the_owners_language(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backup, list and restore in German: no English sentence is left."""
    monkeypatch.setenv("TRAYBACKUP_LANGUAGE", "de")
    assert "Sicherung" in shell.backup().out
    said = shell.at("snapshots").out + shell.at("status").out + shell.at("check").out + shell.at("unlock").out
    assert "1 Sicherung" in said
    assert "Es wurden keine Fehler gefunden" in said
    for word in (" the ", "Snapshot", "snapshot", "pack", "There", "free."):
        assert word not in said
