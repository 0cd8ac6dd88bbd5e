"""``traybackup sign-in``."""

import click

from traybackup.app.invitation import Invitation
from traybackup.cli.options import common, not_empty
from traybackup.cli.output import Output, clean
from traybackup.cli.pasting import paster
from traybackup.cli.services import service
from traybackup.cli.settings import Settings, settings
from traybackup.cli.signals import stoppable


@click.command("sign-in")
@click.argument("target", metavar="PROVIDER|DESTINATION")
@settings
@common
def command(output: Output, *, target: str, given: Settings) -> None:
    """Sign in to a service in your browser: for all places of a PROVIDER (gdrive), or for one DESTINATION.

    Where there is no browser, open the address that is shown on any computer; then paste the address that the browser
    ends at, even if it shows an error there.
    """
    not_empty(target, "PROVIDER")

    def tell(invitation: Invitation) -> None:
        _invite(output, invitation)

    with stoppable() as cancel:
        account = service(output).sign_in(
            target,
            settings=given.plain,
            secret_settings=given.secrets(),
            tell=tell,
            paste=paster(),
            cancel=cancel,
        )
    output.record({"message_type": "signed_in", "target": target, "account": account.name})
    output.say(output.language.gettext("Signed in as {account}.", account=clean(account.name or account.id)))


def _invite(output: Output, invitation: Invitation) -> None:
    output.record({"message_type": "sign_in", "address": invitation.address, "opened": invitation.opened})
    language = output.language
    if invitation.opened:
        output.say(language.gettext("Your browser opens; sign in there. If it does not open, use this address:"))
    else:
        output.say(language.gettext("Open this address in a browser, here or on another computer, and sign in there:"))
    output.say()
    output.say(f"    {clean(invitation.address)}")
    output.say()
    if invitation.code:
        output.say(language.gettext("Then paste the code that you are shown, and press Enter."))
    elif not invitation.opened:
        output.say(language.gettext("Then paste the address that the browser ends at, and press Enter."))
