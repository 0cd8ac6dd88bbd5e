"""``traybackup status``."""

import click

from traybackup.app import forms
from traybackup.app.opening import Access
from traybackup.app.placestatus import PlaceStatus
from traybackup.cli.options import common, from_place
from traybackup.cli.output import Output, clean
from traybackup.cli.room import tell_space
from traybackup.cli.services import service


@click.command("status")
@from_place
@common
def command(output: Output, *, access: Access) -> int:
    """Tell how a place is doing: its newest snapshot, its size, and the room that is left."""
    found = service(output).status(access)
    output.record(forms.place_status(found))
    _show(output, found)
    return 1 if found.damaged else 0


def _show(output: Output, found: PlaceStatus) -> None:
    texts, language = output.texts, output.language
    held = language.ngettext("{count} snapshot", "{count} snapshots", found.snapshots)
    known = {"place": clean(found.place), "snapshots": held, "size": language.size(found.size)}
    if found.kind == "drive":
        output.result(language.gettext("{place} is a backup drive with {snapshots}, {size}.", **known))
    elif found.kind == "folder":
        output.result(language.gettext("{place} is a folder with {snapshots}, {size}.", **known))
    else:
        output.result(
            language.gettext("{place} is a place of {provider} with {snapshots}, {size}.", provider=found.kind, **known)
        )
    _tell_age(output, found)
    tell_space(output, found.space)
    output.result(language.ngettext("{count} password opens it.", "{count} passwords open it.", found.keys))
    for lock in found.locks:
        output.result(clean(texts.error(lock.error()).explanation))
    for damage in found.damaged:
        output.warn(clean(texts.error(damage).line))


def _tell_age(output: Output, found: PlaceStatus) -> None:
    language = output.language
    if found.newest is None or found.age is None:
        output.result(language.gettext("There is no backup in it yet."))
        return
    time, age = language.moment(found.newest.time), found.age.total_seconds()
    if age < 0:
        output.result(language.gettext("The newest is of {time}, which lies ahead: is the clock right?", time=time))
    else:
        output.result(language.gettext("The newest is of {time}, {span} ago.", time=time, span=language.span(age)))
    if len(found.hosts) > 1:
        for host, newest in sorted(found.hosts.items()):
            output.result(f"  {clean(host)}: {language.moment(newest)}")
