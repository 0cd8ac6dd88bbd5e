"""``traybackup drives``: which drives are plugged in."""

import socket
import threading

import click

from traybackup.app import config, driveforms, paths
from traybackup.app.drives import Drive, Drives, Found, is_ours, look, open_drives, unsuitable
from traybackup.app.wording.drives import COLOURS
from traybackup.app.wording.marks import N_
from traybackup.cli.options import common, not_empty
from traybackup.cli.output import Output, clean
from traybackup.cli.signals import stoppable

_TITLES = (N_("Name"), N_("Colour"), N_("Device"), N_("Folder"), N_("Size"), N_("Free"), N_("Backup drive for"))


@click.group("drives", invoke_without_command=True)
@click.option("--watch", is_flag=True, help="Go on, and list them anew whenever they change.")
@click.option("-a", "--all", "every", is_flag=True, help="Those that are built in, too.")
@common
@click.pass_context
def command(context: click.Context, output: Output, *, watch: bool, every: bool) -> None:
    """List the drives that are plugged in, and which of them are backup drives."""
    if context.invoked_subcommand is not None:
        return
    drives = open_drives()
    if watch:
        _watch(output, drives, every=every)
    else:
        _show(output, drives.list(), every=every)


def _watch(output: Output, drives: Drives, *, every: bool) -> None:
    news = threading.Event()
    latest: list[tuple[Drive, ...]] = []

    def changed(found: tuple[Drive, ...]) -> None:
        latest[:] = [found]
        news.set()

    with stoppable() as cancel, drives.watch(changed):
        while not cancel.is_set():
            if news.wait(0.2):
                news.clear()
                _show(output, latest[0], every=every)


def _show(output: Output, drives: tuple[Drive, ...], *, every: bool) -> None:
    known = config.load_or_earlier(paths.find_own()).config
    found = [one for one in look(drives, known) if every or is_ours(one)]
    output.record([driveforms.drive(one, unsuitable(one, drives)) for one in found])
    if output.json:
        return
    language = output.language
    if not found:
        output.result(language.gettext("No drive is plugged in."))
        return
    output.table([language.gettext(title) for title in _TITLES], [_row(output, one) for one in found], right=(4, 5))


def _row(output: Output, found: Found) -> tuple[str, ...]:
    size = output.language.size
    total = found.total if found.total is not None else found.drive.size
    return (
        clean(found.name),
        output.texts.colour(found.colour),
        clean(found.device),
        clean(found.mount),
        size(total),
        size(found.free) if found.free is not None else "",
        clean(", ".join(found.destinations)),
    )


@command.command("adopt")
@click.argument("drive")
@click.option("--name", default="", metavar="NAME", help="What you call it: Red.")
@click.option("--colour", type=click.Choice(tuple(COLOURS)), help="The colour of the stick, or of a dot on it.")
@click.option("--to", "destination", default="", metavar="DESTINATION", help="The destination that it is to be.")
@click.option("--no-test", is_flag=True, help="Do not try it out.")
@common
def adopt_command(
    output: Output, *, drive: str, name: str, colour: str | None, destination: str, no_test: bool
) -> None:
    """Make a DRIVE a backup drive: it is tried out, gets its name tag, and is added to a destination.

    Drives of one destination take turns: whichever is plugged in gets the backup. What is on a drive stays on it.
    """
    from traybackup.app import adopting  # noqa: PLC0415 - brings what writes to drives

    wishes = adopting.Wishes(name, colour or "", socket.gethostname(), destination, seconds=0 if no_test else 60)
    language = output.language
    if not no_test:
        output.say(language.gettext("Trying out {drive}; this takes a minute at most …", drive=clean(drive)))
    with stoppable() as cancel:
        done = adopting.adopt(open_drives(), not_empty(drive, "DRIVE"), paths.find_own(), wishes, cancel=cancel)
    output.record(adopting.form(done))
    texts = {"drive": clean(done.tag.name), "destination": clean(done.destination)}
    if done.others:
        output.say(
            language.ngettext(
                "{drive} is a backup drive for {destination} now, in turn with {count} other.",
                "{drive} is a backup drive for {destination} now, in turn with {count} others.",
                done.others,
                **texts,
            )
        )
    else:
        output.say(language.gettext("{drive} is a backup drive for {destination} now.", **texts))
    if done.known:
        output.say(language.gettext("It was a backup drive before; what is on it is still there."))
