"""``traybackup snapshots``."""

import click

from traybackup.app import forms
from traybackup.app.listing import Filter, SnapshotList
from traybackup.app.opening import Access
from traybackup.app.texts import Texts
from traybackup.app.units import size_text
from traybackup.cli.options import common, from_place, which
from traybackup.cli.output import Output, clean, local, many
from traybackup.cli.services import service


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
    texts = Texts()
    for damage in found.damaged:
        output.record_error(forms.fault(damage, texts))
        output.warn(clean(texts.error(damage).line))
    return 1 if found.damaged else 0


def _show(output: Output, found: SnapshotList) -> None:
    if not found.snapshots:
        output.result("There are no snapshots.")
        return
    rows = []
    for one in found.snapshots:
        size = (one.summary or {}).get("total_bytes_processed")
        rows.append(
            (
                one.id[:8],
                local(one.time),
                clean(one.hostname),
                clean(", ".join(one.tags)),
                size_text(size) if isinstance(size, int) else "",
                clean(", ".join(one.paths)),
            )
        )
    output.table(("ID", "Time", "Host", "Tags", "Size", "Paths"), rows, right=(4,))
    output.say(many(len(rows), "snapshot"))
