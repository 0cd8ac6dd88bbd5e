"""``traybackup version``."""

import platform

import click

from traybackup import __version__
from traybackup.cli.options import common
from traybackup.cli.output import Output


@click.command("version", help="Print the version.")
@common
def command(output: Output) -> None:
    """Print the version, and of what it runs on."""
    facts = {"message_type": "version", "version": __version__, "python": platform.python_version()}
    facts |= {"os": platform.system().lower(), "arch": platform.machine()}
    output.result(f"traybackup {__version__} (Python {facts['python']} on {facts['os']}/{facts['arch']})")
    output.record(facts)
