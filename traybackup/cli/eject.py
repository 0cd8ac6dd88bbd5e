"""``traybackup eject DRIVE``."""

import click

from traybackup.app import config, drives, ejecting, paths
from traybackup.cli.options import common, not_empty
from traybackup.cli.output import Output, clean


@click.command("eject")
@click.argument("drive")
@common
def command(output: Output, *, drive: str) -> None:
    """Eject a DRIVE, so that it can be unplugged: by its name, device, folder or destination.

    It returns when the system has really let go of it.
    """
    where, here = paths.find_own(), drives.open_drives()
    found = drives.choose(
        (one for one in drives.look(here.list(), config.load_or_earlier(where).config) if drives.is_ours(one)),
        not_empty(drive, "DRIVE"),
    )
    output.say(output.language.gettext("Ejecting {drive} …", drive=clean(found.name)))
    done = ejecting.eject(here, found, where)
    output.record({"message_type": "drive_ejected", "drive": found.name, "device": found.device, "how": done.how.value})
    output.say(output.language.gettext("You can unplug {drive} now.", drive=clean(found.name)))
