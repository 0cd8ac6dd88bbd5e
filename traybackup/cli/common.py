"""The options that every command has."""

import functools
from collections.abc import Callable
from typing import TypeVar

import click

from traybackup.app.language import LANGUAGES
from traybackup.cli.output import Output

R = TypeVar("R")


def common(function: Callable[..., R]) -> Callable[..., R]:
    """Add ``--json``, ``--quiet``, ``--verbose`` and ``--language``, handed over as an `Output`."""

    @click.option("--json", "as_json", is_flag=True, help="Print JSON for programs, with restic's field names.")
    @click.option("-q", "--quiet", is_flag=True, help="Print only what was asked for, and errors.")
    @click.option("-v", "--verbose", count=True, help="Print more; twice for every file.")
    @click.option("--language", type=click.Choice(LANGUAGES), help="Say it in this language.")
    @functools.wraps(function)
    def wrapper(*args: object, as_json: bool, quiet: bool, verbose: int, language: str | None, **kwargs: object) -> R:
        return function(Output(json=as_json, quiet=quiet, verbose=verbose, language=language or ""), *args, **kwargs)

    return wrapper
