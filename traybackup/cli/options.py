"""Options that several commands share."""

import functools
import getpass
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click

from traybackup.app.listing import Filter
from traybackup.app.opening import Access
from traybackup.app.passwords import Ask, Question
from traybackup.app.units import parse_size
from traybackup.app.wording.marks import N_
from traybackup.cli.common import common
from traybackup.cli.output import Output, clean

__all__ = ["common"]

R = TypeVar("R")

_QUESTIONS = {
    Question.PASSWORD: N_("Password or recovery code:"),
    Question.AGAIN: N_("That was not right. Password or recovery code:"),
    Question.NEW: N_("New password:"),
    Question.REPEAT: N_("New password once more:"),
}


def place_option(name: str, text: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Return a decorator that adds *name* and ``--password-file``, handed over as an `Access`."""

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        @click.option(name, "place", required=True, metavar="PLACE", help=text)
        @click.option(
            "--password-file", metavar="FILE", help="Read the password from FILE; - is the input.", type=password_path
        )
        @functools.wraps(function)
        def wrapper(*args: object, place: str, password_file: Path | None, **kwargs: object) -> R:
            not_empty(place, name)
            ask = asker(password_file, str(kwargs.get("language") or ""))
            return function(*args, access=Access(place, password_file, ask), **kwargs)

        return wrapper

    return decorate


_PLACE = "The place: a folder, a drive that was made a backup drive, provider:location, or a destination's name."
from_place = place_option("--from", _PLACE)
to_place = place_option("--to", _PLACE)


def password_path(text: str) -> Path:
    """Return where a password is."""
    not_empty(text, "--password-file")
    return Path(text)


def not_empty(text: str, what: str) -> str:
    """Return *text*.

    Raises:
        click.UsageError: It is empty: in a script, a variable that was not set.
    """
    if not text.strip():
        raise click.UsageError(f"{what} is empty.")  # noqa: EM102, TRY003 - click's way to tell about wrong usage
    return text


def asker(password_file: Path | None = None, language: str = "") -> Ask | None:
    """Return what asks for passwords on the terminal, None if there is none."""
    reads_input = password_file is not None and str(password_file) == "-"
    if reads_input or not at_terminal():
        return None

    def ask(question: Question) -> str | None:
        try:
            return getpass.getpass(Output(language=language).language.gettext(_QUESTIONS[question]) + " ")
        except EOFError:
            return None

    return ask


def at_terminal() -> bool:
    """Say whether somebody sits there who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def no_empty(_context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Check that none of the values is empty: in a script, a variable that was not set."""
    for text in value:
        not_empty(text, parameter.make_metavar(_context) if parameter.param_type_name == "argument" else "An option")
    return value


def size(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Read a size.

    Raises:
        click.BadParameter: It is none.
    """
    if value is None:
        return None
    try:
        return parse_size(value)
    except ValueError as error:
        raise click.BadParameter(f"“{clean(value)}” is no size; write 500M or 2GB.") from error  # noqa: EM102, TRY003


def moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    """Read a time, local if it has no offset.

    Raises:
        click.BadParameter: It is none.
    """
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value).astimezone()
    except ValueError as error:
        raise click.BadParameter(f"“{clean(value)}” is no time; write 2026-11-22 18:42.") from error  # noqa: EM102, TRY003


def split_tags(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Return all tags of ``--tag a,b --tag c``, each once."""
    return tuple(dict.fromkeys(tag.strip() for text in value for tag in text.split(",") if tag.strip()))


def which(function: Callable[..., R]) -> Callable[..., R]:
    """Add ``--host``, ``--tag`` and ``--path``, handed over as a `Filter` called *meant*."""

    @click.option("-H", "--host", "hosts", multiple=True, metavar="NAME", help="Only of this computer.")
    @click.option("--tag", "tags", multiple=True, metavar="TAG,…", help="Only with all these tags.")
    @click.option("--path", "with_paths", multiple=True, metavar="PATH", help="Only those that hold PATH.")
    @functools.wraps(function)
    def wrapper(
        *args: object, hosts: tuple[str, ...], tags: tuple[str, ...], with_paths: tuple[str, ...], **kwargs: object
    ) -> R:
        lists = tuple(tuple(tag.strip() for tag in text.split(",")) for text in tags)
        meant = Filter(hosts, lists, tuple(os.path.abspath(path) for path in with_paths))
        return function(*args, meant=meant, **kwargs)

    return wrapper
