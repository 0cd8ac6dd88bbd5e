"""``traybackup snapshots``."""

import click

from traybackup.app import forms
from traybackup.app.listing import Filter, SnapshotList
from traybackup.app.opening import Access
from traybackup.app.wording.marks import N_
from traybackup.cli.options import common, from_place, which
from traybackup.cli.output import Output, clean
from traybackup.cli.services import service

_TITLES = (N_("ID"), N_("Time"), N_("Computer"), N_("Tags"), N_("Size"), N_("Paths"))


@click.command("snapshots")
@from_place
@click.option("--latest", type=click.IntRange(1), metavar="N", help="Only the N newest of each host and paths.")
@which
@common
def command(output: Output, *, access: Access, latest: int | None, meant: Filter) -> int:
    """List the snapshots of a place, oldest first."""
    found = service(output).list_snapshots(access, meant, latest or 0)
    output.record([forms.snapshot(one) for one in found.snapshots])
    _show(output, found)
    texts = output.texts
    for damage in found.damaged:
        output.record_error(forms.fault(damage))
        output.warn(clean(texts.error(damage).line))
    return 1 if found.damaged else 0


def _show(output: Output, found: SnapshotList) -> None:
    language = output.language
    if not found.snapshots:
        output.result(language.gettext("There are no snapshots."))
        return
    rows = []
    for one in found.snapshots:
        size = (one.summary or {}).get("total_bytes_processed")
        rows.append(
            (
                one.id[:8],
                language.moment(one.time),
                clean(one.hostname),
                clean(", ".join(one.tags)),
                language.size(size) if isinstance(size, int) else "",
                clean(", ".join(one.paths)),
            )
        )
    output.table([language.gettext(title) for title in _TITLES], rows, right=(4,))
    output.say(language.ngettext("{count} snapshot", "{count} snapshots", len(rows)))
