"""``traybackup tray``: the program that is always there, with its icon."""

import os
from datetime import UTC, datetime

import click

from traybackup.app import preference, resident
from traybackup.app.attendant import Attendant
from traybackup.app.language import Language
from traybackup.app.supervisor import Watcher
from traybackup.cli.common import common
from traybackup.cli.output import Output
from traybackup.tray.main import Tray


@click.command("tray")
@common
def command(output: Output) -> int:
    """Be there: start what is due, show how everything is doing, and carry out what is clicked.

    Where no panel shows icons, it says so once and does its work all the same.
    """

    def build(watcher: Watcher) -> resident.Resident:
        return resident.build(watcher=watcher)

    def language() -> Language:
        return preference.find(os.environ)

    def unhosted() -> None:
        output.warn(output.language.gettext("No panel here shows icons; backups go on without."))

    attendant = Attendant(build, clock=lambda: datetime.now(UTC))
    Tray(attendant, language=language, opens=print, unhosted=unhosted).run()
    return 0
