"""The program: its commands by name, imported when they are called, and the one place where exceptions end."""

import contextlib
import importlib
import itertools
import os
import sys
from collections.abc import Sequence
from typing import IO

import click

from traybackup import __version__
from traybackup.cli.output import Output
from traybackup.cli.private import PrivateStreams
from traybackup.cli.signals import interrupting

COMMANDS: dict[str, str] = {
    "backup": "Save files and folders as one snapshot.",
    "snapshots": "List the snapshots of a place.",
    "ls": "List what a snapshot holds.",
    "restore": "Bring files back from a snapshot.",
    "dump": "Write one file of a snapshot to the output.",
    "check": "Check that everything is there and readable.",
    "forget": "Remove snapshots by rules.",
    "prune": "Free the room of what no snapshot needs.",
    "unlock": "Remove locks that nobody holds any more.",
    "key": "Manage the passwords of a place.",
    "jobs": "Say what is saved where and when: add, list, change, remove.",
    "run": "Run a job now.",
    "history": "List the runs of jobs, and how they ended.",
    "status": "Tell how everything, or a place, is doing.",
    "destinations": "Give places names: add, list, remove, test.",
    "drives": "List the drives that are plugged in; make one a backup drive.",
    "eject": "Eject a drive, so that it can be unplugged.",
    "sign-in": "Sign in to a service in the browser.",
    "sign-out": "Give a sign-in back and forget it.",
    "plugins": "List the plugins, used and rejected.",
    "doctor": "Look whether this computer, or a place, is in order.",
    "demo": "Show it: a sample till is saved, damaged and brought back.",
    "tray": "Be there: start what is due, and show how everything is doing.",
    "version": "Print the version.",
}
"""The commands in the order of the help, with what each does; the module of the same name holds it as `command`."""

_SHORT = """traybackup saves a shop's whole till to a stick or a folder and brings it back.

\b
    traybackup demo                                        see it work
    traybackup backup C:\\Till --to E:\\Backups              make a backup
    traybackup restore latest --from E:\\Backups --into D:\\  bring it back

A place is a folder, which then is a restic repository; or gdrive:FOLDER and the like, by a plugin; or the name of a
destination.
"""


class Commands(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - same
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"traybackup.cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(_unknown(args[0]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - same
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _unknown(name: str) -> str:
    import difflib  # noqa: PLC0415 - only for a mistake

    close = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"There is no command “{name}”." + (f" Did you mean “{close[0]}”?" if close else "")


@click.group(
    cls=Commands,
    help=_SHORT,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="traybackup", message="%(prog)s %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """Print the help when nothing was asked for."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. No exception leaves it."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _never_fail_to_print(sys.stdout, sys.stderr)
    output = Output(json="--json" in arguments, language=_language_in(arguments))
    with PrivateStreams() as streams:
        return _run(arguments, output, streams)


def _run(arguments: list[str], output: Output, streams: PrivateStreams) -> int:
    try:
        with interrupting(), program.make_context("traybackup", arguments, obj=streams) as context:
            result = program.invoke(context)
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    except BaseException as error:  # noqa: BLE001 - the end of every exception
        from traybackup.cli.faults import told  # noqa: PLC0415 - a good run needs no faults

        try:
            return told(error, output)
        except BrokenPipeError:
            return _nobody_reads()
    return result if isinstance(result, int) else 0


def _language_in(arguments: Sequence[str]) -> str:
    """Return the language that is asked for, for errors that come before or after the command itself."""
    for word, following in itertools.pairwise([*arguments, ""]):
        name, sign, value = word.partition("=")
        if name == "--language":
            return value if sign else following
    return ""


def _never_fail_to_print(*streams: IO[str]) -> None:
    """Spell out what the terminal's encoding does not have."""
    for stream in streams:
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]  # text streams have it


def _nobody_reads() -> int:
    """End quietly when the reader of a pipe has gone, as ``| head`` does."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
