"""``traybackup status``."""

import click

from traybackup.app import forms
from traybackup.app.opening import Access
from traybackup.app.placestatus import PlaceStatus
from traybackup.app.texts import Texts
from traybackup.app.units import size_text, span_text
from traybackup.cli.options import common, from_place
from traybackup.cli.output import Output, clean, local, many
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
    kind = {"drive": "a backup drive", "folder": "a folder"}.get(found.kind, f"a place of {found.kind}")
    output.result(f"{clean(found.place)} is {kind} with {many(found.snapshots, 'snapshot')}, {size_text(found.size)}.")
    if found.newest is None or found.age is None:
        output.result("There is no backup in it yet.")
    elif found.age.total_seconds() < 0:
        output.result(f"The newest is of {local(found.newest.time)}, which lies ahead: is the clock right?")
    else:
        output.result(f"The newest is of {local(found.newest.time)}, {span_text(found.age.total_seconds())} ago.")
    if len(found.hosts) > 1:
        for host, time in sorted(found.hosts.items()):
            output.result(f"  {clean(host)}: {local(time)}")
    if found.space.free is not None:
        total = f" of {size_text(found.space.total)}" if found.space.total is not None else ""
        output.result(f"{size_text(found.space.free)}{total} are free.")
    output.result(f"{many(found.keys, 'password opens', 'passwords open')} it.")
    for lock in found.locks:
        output.result(f"Locked: {clean(Texts().error(lock.error()).explanation)}")
    for damage in found.damaged:
        output.warn(clean(Texts().error(damage).line))
