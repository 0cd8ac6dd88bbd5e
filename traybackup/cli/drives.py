"""``traybackup drives``: which drives are plugged in."""

import threading

import click

from traybackup.app import config, driveforms, paths
from traybackup.app.drives import Drive, Drives, Found, is_ours, look, open_drives, unsuitable
from traybackup.app.wording.marks import N_
from traybackup.cli.options import common
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
