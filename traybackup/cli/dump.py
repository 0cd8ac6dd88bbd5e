"""``traybackup dump``."""

import sys
from pathlib import Path

import click

from traybackup.app.listing import Filter
from traybackup.app.opening import Access
from traybackup.cli.options import common, from_place, not_empty, which
from traybackup.cli.output import Output, clean
from traybackup.cli.services import service


@click.command("dump")
@click.argument("snapshot")
@click.argument("file")
@from_place
@click.option("-o", "--output", "target", metavar="FILE", help="Write to a new FILE instead of the output.")
@which
@common
def command(output: Output, *, access: Access, snapshot: str, file: str, target: str | None, meant: Filter) -> None:
    """Write the content of one FILE of a snapshot to the output.

    SNAPSHOT is an id, the beginning of one, or “latest”.
    """
    not_empty(snapshot, "SNAPSHOT")
    not_empty(file, "FILE")
    with service(output).file_content(access, snapshot, file, which=meant) as pieces:
        if target is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        try:
            stream = Path(target).open("xb")  # noqa: SIM115 - closed below; opened before anything is read
        except OSError as error:
            raise click.UsageError(f"{clean(target)} cannot be written: {error.strerror}.") from error  # noqa: EM102, TRY003
        with stream:
            for piece in pieces:
                stream.write(piece)
    output.say(output.language.gettext("Wrote {file}.", file=clean(target)))
