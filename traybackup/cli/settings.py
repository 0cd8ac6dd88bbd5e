"""Options for a provider's settings: plain ones on the command line, secret ones from a file or the terminal."""

import functools
import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from traybackup.app.passwords import read_file
from traybackup.app.vault import Secret
from traybackup.cli.options import at_terminal, not_empty
from traybackup.cli.output import clean

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Settings:
    """What was given.

    Attributes:
        plain: Settings for the configuration.
        asked: Secret ones to ask for.
        files: Files to read secret ones from.
    """

    plain: dict[str, str]
    asked: tuple[str, ...]
    files: dict[str, str]

    def secrets(self, needed: Mapping[str, str] | None = None) -> dict[str, Secret]:
        """Return the secret settings, those that are *needed* included; ask for what is not in a file.

        Args:
            needed: What they are called, by key.

        Raises:
            PasswordUnusable: A file cannot be read.
            click.UsageError: There is nobody to ask.
        """
        found = {key: read_file(Path(file)) for key, file in self.files.items()}
        labels = needed or {}
        for key in dict.fromkeys([*self.asked, *labels]):
            if key not in found:
                found[key] = _ask(key, labels.get(key, ""))
        return found


def settings(function: Callable[..., R]) -> Callable[..., R]:
    """Add ``--set``, ``--secret`` and ``--secret-file``, handed over as `Settings` called *given*."""

    @click.option(
        "--set", "plain", multiple=True, metavar="KEY=VALUE", callback=_pairs, help="A setting of the provider."
    )
    @click.option(
        "--secret", "asked", multiple=True, metavar="KEY", help="Ask for this setting, and keep it in the keyring."
    )
    @click.option(
        "--secret-file",
        "files",
        multiple=True,
        metavar="KEY=FILE",
        callback=_pairs,
        help="Read this setting from FILE, and keep it in the keyring.",
    )
    @functools.wraps(function)
    def wrapper(
        *args: object, plain: dict[str, str], asked: tuple[str, ...], files: dict[str, str], **kwargs: object
    ) -> R:
        return function(*args, given=Settings(plain, asked, files), **kwargs)

    return wrapper


def _pairs(_context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Return the values of ``--set key=value`` and the like by key.

    Raises:
        click.BadParameter: One is no pair, or a key occurs twice.
    """
    found: dict[str, str] = {}
    for text in value:
        key, sign, word = text.partition("=")
        if not sign or not key or key in found:
            raise click.BadParameter(f"“{clean(text)}” is not {parameter.metavar}, or the key was given before.")  # noqa: EM102, TRY003
        found[key] = word
    return found


def _ask(key: str, label: str) -> Secret:
    if not at_terminal():
        raise click.UsageError(f"The setting {key} is needed: --secret-file {key}=FILE.")  # noqa: EM102, TRY003
    return Secret(not_empty(getpass.getpass(f"{clean(label or key)}: "), key))
