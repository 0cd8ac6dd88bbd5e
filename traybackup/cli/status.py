"""``traybackup status``: of everything, or of one place."""

from pathlib import Path

import click

from traybackup.app import forms
from traybackup.app.opening import Access
from traybackup.app.placestatus import PlaceStatus
from traybackup.cli.options import asker, common, not_empty, password_path
from traybackup.cli.output import Output, clean
from traybackup.cli.room import tell_space
from traybackup.cli.services import service


@click.command("status")
@click.option("--from", "place", metavar="PLACE", help="Only this place, and what is in it.")
@click.option("--password-file", metavar="FILE", help="Read the password from FILE.", type=password_path)
@click.option("--look", is_flag=True, help="Ask the destinations themselves, not the notes of this computer.")
@common
def command(output: Output, *, place: str | None, password_file: Path | None, look: bool) -> int:
    """Tell how everything is doing, by the newest verified snapshot of each destination.

    With --from, tell how a place is doing: its newest snapshot, its size, and the room that is left.

    Exit codes: 0 all is well or will be by itself; 1 somebody should look.
    """
    if place is None:
        from traybackup.cli import overview  # noqa: PLC0415 - only without a place

        return overview.show(output, look=look)
    access = Access(not_empty(place, "--from"), password_file, asker(password_file, output.language.code))
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
