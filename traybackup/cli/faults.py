"""Faults: every exception becomes one clear line with the next step, and an exit code."""

import os
import sys
import traceback

import click

from traybackup.api.errors import Cancelled, TraybackupError
from traybackup.cli.output import Output, clean

DEBUG_VARIABLE = "TRAYBACKUP_DEBUG"
INTERRUPTED = 130


def told(error: BaseException, output: Output) -> int:
    """Tell the user about *error* and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        return _usage(error, output)
    if isinstance(error, Cancelled | KeyboardInterrupt | click.Abort):
        return _expected("cancelled", {}, INTERRUPTED, output)
    if isinstance(error, TraybackupError):
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exception(error)
        return _expected(error.code, error.params, error.exit_code, output)
    return _unexpected(error, output)


def _expected(code: str, params: dict[str, str | int | float | None], exit_code: int, output: Output) -> int:
    from traybackup.app.texts import Texts  # noqa: PLC0415 - a good run needs no texts

    message = (Texts() if output.json else output.texts).message(code, params)
    _print(clean(message.line), exit_code, code, output)
    return exit_code


def _usage(error: click.ClickException, output: Output) -> int:
    context = getattr(error, "ctx", None)
    text = error.format_message()
    hint = f" Try “{context.command_path} --help”." if isinstance(context, click.Context) else ""
    _print(clean(f"{text}{hint}"), error.exit_code, "usage", output)
    return error.exit_code


def _unexpected(error: BaseException, output: Output) -> int:
    from traybackup.app import crashlog  # noqa: PLC0415 - same
    from traybackup.app.context import utc_now  # noqa: PLC0415 - same
    from traybackup.app.paths import find  # noqa: PLC0415 - same

    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(error)
    log = crashlog.record(find(os.environ), error, utc_now())
    params: dict[str, str | int | float | None] = {"kind": type(error).__name__, "log": str(log or "")}
    return _expected("unexpected", params, 1, output)


def _print(line: str, exit_code: int, code: str, output: Output) -> None:
    """Print the line: for people, or as restic's ``exit_error`` with the kind of error added."""
    if output.json:
        output.record_error({"message_type": "exit_error", "code": exit_code, "message": line, "error": code})
    else:
        click.echo(f"traybackup: {line}", file=sys.stderr)
