"""``traybackup restore``."""

from pathlib import Path

import click

from traybackup.app import forms
from traybackup.app.listing import Filter
from traybackup.app.opening import Access
from traybackup.app.restore import Overwrite, Restoration, RestoreRequest
from traybackup.app.texts import Texts
from traybackup.cli.options import common, from_place, no_empty, not_empty, which
from traybackup.cli.output import Output, clean, list_items, path_text
from traybackup.cli.progress import Standing, Tally, item_teller, shown
from traybackup.cli.services import service
from traybackup.cli.signals import stoppable


@click.command("restore")
@click.argument("snapshot")
@from_place
@click.option("--into", required=True, metavar="DIR", help="The folder to restore into; made if it is not there.")
@click.option(
    "--only", multiple=True, metavar="PATH", callback=no_empty, help="Bring back only PATH and what is in it."
)
@click.option(
    "--overwrite",
    type=click.Choice([choice.value for choice in Overwrite]),
    default=Overwrite.NEVER.value,
    help="What happens to other files of the same name: they stay (never), get another name (aside), or go (replace).",
)
@which
@common
def command(
    output: Output, *, access: Access, snapshot: str, into: str, only: tuple[str, ...], overwrite: str, meant: Filter
) -> None:
    """Bring files back from a snapshot. Every byte is checked.

    SNAPSHOT is an id, the beginning of one, or “latest”. The files get their whole old path below DIR;
    “latest:/home/till” brings back what is in that folder without the path that leads to it.

    Exit codes: 0 everything is back; 3 some files could not be brought back, and are listed.
    """
    not_empty(snapshot, "SNAPSHOT")
    request = RestoreRequest(access, snapshot, Path(not_empty(into, "--into")), only, Overwrite(overwrite), meant)
    tally = Tally(counted=True)
    tally.told = item_teller(output)
    with stoppable() as cancel, shown(output, tally, _status):
        done = service(output).bring_back(request, progress=tally, cancel=cancel)
    _tell(output, done, into)
    output.record(forms.restore_summary(done))
    if done.problem is not None:
        raise done.problem


def _status(now: Standing) -> dict[str, object]:
    """Return restic's status message."""
    return {
        "message_type": "status",
        "seconds_elapsed": int(now.seconds),
        "percent_done": now.share,
        "total_files": now.total_files,
        "files_restored": now.files,
        "total_bytes": now.total_bytes,
        "bytes_restored": now.bytes,
    }


def _tell(output: Output, done: Restoration, into: str) -> None:
    english, texts, language, restored = Texts(), output.texts, output.language, done.restored
    for damage in done.damaged:
        output.record_error(forms.fault(damage))
        output.warn(clean(texts.error(damage).explanation))
    for item in restored.failed:
        output.record_error(forms.item_error(item.path, english.reason(item.reason), "restore"))
    failed = [(item.path, texts.reason(item.reason)) for item in restored.failed]
    list_items(output, language.gettext("could not be brought back:"), failed)
    list_items(
        output,
        language.gettext("had to get another name, because this folder cannot hold theirs:"),
        [(path, path_text(name)) for path, name in restored.renamed],
    )
    list_items(
        output,
        language.gettext("what was there before was kept under another name:"),
        [(path, path_text(name)) for path, name in restored.aside],
    )
    for what, count in restored.unset.items():
        output.say(texts.unset(what, count))
    output.say(
        language.gettext(
            "Brought back {files}, {size}, into {folder} in {span}.",
            files=language.ngettext("{count} file", "{count} files", restored.files),
            size=language.size(restored.size),
            folder=clean(into),
            span=language.span(done.seconds),
        )
    )
    if restored.skipped:
        output.say(
            language.ngettext(
                "{count} file was there already and equal.",
                "{count} files were there already and equal.",
                restored.skipped,
            )
        )
    if done.problem is None:
        time = language.moment(done.snapshot.time)
        output.say(language.gettext("Everything of {time} is back, and every byte was checked.", time=time))
