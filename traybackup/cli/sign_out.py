"""``traybackup sign-out``."""

import click

from traybackup.cli.options import common, not_empty
from traybackup.cli.output import Output
from traybackup.cli.services import service


@click.command("sign-out")
@click.argument("target", metavar="DESTINATION|PROVIDER")
@common
def command(output: Output, *, target: str) -> None:
    """Give a sign-in back to the service, and forget it here. The backups stay where they are."""
    was_in = service(output).sign_out(not_empty(target, "DESTINATION"))
    output.record({"message_type": "signed_out", "target": target, "was_signed_in": was_in})
    language = output.language
    if was_in:
        output.say(language.gettext("Signed out; nothing of it is kept here."))
    else:
        output.say(language.gettext("Nobody was signed in."))
