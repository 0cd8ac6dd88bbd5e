"""``traybackup key list | add | remove | passwd``."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from traybackup.app import forms
from traybackup.app.keys import KeyChanged, NewKey
from traybackup.app.opening import Access
from traybackup.app.wording.marks import N_
from traybackup.cli.news import tell_code
from traybackup.cli.options import common, from_place, not_empty, password_path
from traybackup.cli.output import Output, clean
from traybackup.cli.services import service

R = TypeVar("R")

_TITLES = (N_("ID"), N_("User"), N_("Computer"), N_("Created"))


@click.group("key", help="Manage the passwords of a place. Each opens everything.")
def command() -> None:
    """Group the commands for keys."""


def _new_key(function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that say what the new password is."""
    for option in (
        click.option(
            "--new-password-file", "file", type=password_path, metavar="FILE", help="Read the new one from FILE."
        ),
        click.option("--recovery-code", "generate", is_flag=True, help="Generate a recovery code instead."),
    ):
        function = option(function)
    return function


@command.command("list")
@from_place
@common
def list_command(output: Output, *, access: Access) -> None:
    """List the keys; * marks the one that you came in with."""
    found = service(output).list_keys(access)
    output.record(forms.key_list(found))
    rows = [
        (
            "*" if key.id == found.current else "",
            key.id[:8],
            clean(key.username),
            clean(key.hostname),
            clean(key.created),
        )
        for key in found.keys
    ]
    output.table(["", *map(output.language.gettext, _TITLES)], rows)
    texts = output.texts
    for damage in found.damaged:
        output.record_error(forms.fault(damage))
        output.warn(clean(texts.error(damage).explanation))


@command.command("add")
@from_place
@_new_key
@click.option("--host", default="", metavar="NAME", help="The computer's name in the key.")
@click.option("--user", default="", metavar="NAME", help="The user's name in the key.")
@common
def add_command(output: Output, *, access: Access, file: Path | None, generate: bool, host: str, user: str) -> None:
    """Add another password; the others go on to work."""
    done = service(output).add_key(access, NewKey(file, generate=generate, host=host, user=user))
    output.say(output.language.gettext("Added the key {id}.", id=done.id[:8]))
    _tell(output, done)


@command.command("remove")
@click.argument("key")
@from_place
@common
def remove_command(output: Output, *, access: Access, key: str) -> None:
    """Remove the KEY with this id: its password opens nothing any more."""
    removed = service(output).remove_key(access, not_empty(key, "KEY"))
    output.say(output.language.gettext("Removed the key {id}.", id=removed[:8]))
    output.record({"message_type": "key_removed", "id": removed})


@command.command("passwd")
@from_place
@_new_key
@common
def passwd_command(output: Output, *, access: Access, file: Path | None, generate: bool) -> None:
    """Replace the password that you came in with by a new one."""
    done = service(output).change_password(access, NewKey(file, generate=generate))
    output.say(
        output.language.gettext(
            "The new key is {id}; the old one, {old}, is removed.", id=done.id[:8], old=done.removed[:8]
        )
    )
    _tell(output, done)


def _tell(output: Output, done: KeyChanged) -> None:
    output.record(forms.key_changed(done))
    if done.recovery_code:
        tell_code(output, done.recovery_code.reveal(), kept=done.kept, trouble=done.vault_trouble)
