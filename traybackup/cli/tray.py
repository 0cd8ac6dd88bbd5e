"""``traybackup tray``: the program that is always there, with its icon."""

import os
import time
from datetime import UTC, datetime
from functools import partial

import click

from traybackup.api.errors import TraybackupError
from traybackup.app import preference, residence
from traybackup.app.language import Language
from traybackup.cli.common import common
from traybackup.cli.output import Output, clean
from traybackup.tray import page
from traybackup.tray.main import Tray


@click.command("tray")
@click.option("--at-login", is_flag=True, help="Started by the desktop itself: be quiet in the first minutes.")
@click.option(
    "--start-at-login/--no-start-at-login",
    default=None,
    help="Only say whether the desktop starts it from now on; it does, unless you say no.",
)
@common
def command(output: Output, *, at_login: bool, start_at_login: bool | None) -> int:
    """Be there: start what is due, show how everything is doing, and carry out what is clicked.

    Where no panel shows icons, it says so once and does its work all the same. Only one is there at a time: another one
    shows the overview and ends.
    """
    if start_at_login is not None:
        return _arrange(output, wanted=start_at_login)
    try:
        return _be_there(output, at_login=at_login)
    except residence.AlreadyThere:
        output.say(output.language.gettext("traybackup is running already; here is how everything is doing."))
        _open(output, "")
        return 0


def _be_there(output: Output, *, at_login: bool) -> int:
    since = time.monotonic()

    def up() -> float:
        return time.monotonic() - since if at_login else residence.LONG

    def failed(error: TraybackupError) -> None:
        output.warn(clean(output.texts.error(error).line))

    def unhosted() -> None:
        output.warn(output.language.gettext("No panel here shows icons; backups go on without."))

    with residence.residence(os.environ, clock=_now, up=up, language=_language, failed=failed) as here:
        tray = Tray(
            here.attendant,
            language=_language,
            opens=partial(_open, output),
            unhosted=unhosted,
            begins=here.begin,
            ends=here.end,
        )
        here.face(tray.carry, tray.notify)
        tray.run()
    return 0


def _arrange(output: Output, *, wanted: bool) -> int:
    """See to it that the desktop starts the program, or does not."""
    residence.start_at_login(os.environ, wanted=wanted)
    output.record({"message_type": "start_at_login", "wanted": wanted})
    gettext = output.language.gettext
    output.say(gettext("It starts with the desktop.") if wanted else gettext("It does not start with the desktop."))
    return 0


def _now() -> datetime:
    return datetime.now(UTC)


def _language() -> Language:
    return preference.find(os.environ)


def _open(output: Output, part: str) -> None:
    """Show the overview, in the browser or, where there is none, as text."""
    file = residence.overview(os.environ, partial(page.page, language=_language()))
    if not residence.browse(file, part, os.environ):
        output.say(str(file))
