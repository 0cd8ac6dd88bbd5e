"""``traybackup destinations list | add | remove | test``."""

import click

from traybackup.app import forms
from traybackup.app.destinations import NewDestination
from traybackup.app.wording.marks import N_
from traybackup.cli.options import common, not_empty
from traybackup.cli.output import Output, clean
from traybackup.cli.room import tell_space
from traybackup.cli.services import service
from traybackup.cli.settings import Settings, settings
from traybackup.cli.signals import stoppable

_TITLES = (N_("Name"), N_("Kind"), N_("Settings"), N_("Signed in as"))


@click.group("destinations", help="Give places names, which can be used wherever a PLACE is wanted.")
def command() -> None:
    """Group the commands for destinations."""


@command.command("list")
@common
def list_command(output: Output) -> None:
    """List the destinations, and who is signed in for them."""
    found, language = service(output).destinations(), output.language
    output.record([forms.destination(one) for one in found])
    if not found:
        output.result(
            language.gettext("There are no destinations yet; “traybackup destinations add NAME PLACE” makes one.")
        )
        return
    rows = [
        (
            clean(one.destination.name),
            clean(one.destination.provider),
            clean(", ".join(f"{key}={value}" for key, value in one.destination.settings.items())),
            clean(one.account),
        )
        for one in found
    ]
    output.table([language.gettext(title) for title in _TITLES], rows)


@command.command("add")
@click.argument("name")
@click.argument("place")
@settings
@common
def add_command(output: Output, *, name: str, place: str, given: Settings) -> None:
    """Give the PLACE (a folder, or provider:location) the NAME. The place itself is not touched."""
    not_empty(name, "NAME")
    not_empty(place, "PLACE")
    needed = {one.key: one.label for one in service(output).required_secrets(place)}
    done = service(output).add_destination(NewDestination(name, place, given.plain, given.secrets(needed)))
    output.record({"message_type": "destination_added", "name": name, "sign_in_needed": done.sign_in})
    language = output.language
    output.say(language.gettext("Added the destination {name}.", name=clean(name)))
    if done.sign_in:
        output.say(language.gettext("It wants a sign-in: {command}", command=f"traybackup sign-in {clean(name)}"))


@command.command("remove")
@click.argument("name")
@common
def remove_command(output: Output, *, name: str) -> None:
    """Forget the destination NAME, its sign-in and its secrets. What is saved there stays."""
    service(output).remove_destination(not_empty(name, "NAME"))
    output.record({"message_type": "destination_removed", "name": name})
    output.say(
        output.language.gettext("Removed the destination {name}; the backups there are not touched.", name=clean(name))
    )


@command.command("test")
@click.argument("place", metavar="NAME|PLACE")
@common
def test_command(output: Output, *, place: str) -> None:
    """Write a small object at a place, read it, and remove it."""
    with stoppable() as cancel:
        done = service(output).try_out(not_empty(place, "NAME"), cancel=cancel)
    output.record(forms.tried(done))
    language = output.language
    output.say(
        language.gettext(
            "{place} works: a small object was written, read and removed in {span}.",
            place=clean(place),
            span=language.span(done.seconds),
        )
    )
    if done.repository:
        output.say(language.gettext("It holds backups."))
    else:
        output.say(language.gettext("It holds no backups yet."))
    tell_space(output, done.space)
