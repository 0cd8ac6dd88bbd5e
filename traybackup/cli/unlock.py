"""``traybackup unlock``."""

import click

from traybackup.app import forms
from traybackup.app.opening import Access
from traybackup.cli.options import common, from_place
from traybackup.cli.output import Output, clean
from traybackup.cli.services import service


@click.command("unlock")
@from_place
@click.option("--remove-all", is_flag=True, help="Remove every lock, even of a program that is at work.")
@common
def command(output: Output, *, access: Access, remove_all: bool) -> None:
    """Remove locks that nobody holds any more.

    A lock of a program that died goes by itself at the next backup; this is for what it cannot be sure about.
    """
    removed = service(output).unlock(access, remove_all=remove_all)
    language = output.language
    for lock in removed:
        who = language.gettext("an unknown program")
        if lock.holder.hostname:
            who = language.gettext("{user} on {host}", user=lock.holder.username, host=lock.holder.hostname)
        if lock.time:
            who = f"{who}, {language.moment(lock.time)}"
        output.say(language.gettext("Removed the lock of {who}.", who=clean(who)))
    if not removed:
        output.say(language.gettext("There was no lock to remove."))
    output.record({"message_type": "unlocked", "removed": [forms.lock(lock) for lock in removed]})
