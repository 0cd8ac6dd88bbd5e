"""The service as commands use it: who is waiting is told what for."""

import click

from traybackup.api.errors import RepositoryLocked, StoreError
from traybackup.app.service import Service, build
from traybackup.app.texts import Texts
from traybackup.app.units import span_text
from traybackup.cli.output import Output, clean
from traybackup.cli.private import PrivateStreams


def service(output: Output) -> Service:
    """Return the service of this process."""
    told: set[str] = set()

    def waiting(error: RepositoryLocked) -> None:
        if error.lock not in told:
            told.add(error.lock)
            explanation = clean(Texts().error(error).explanation)
            output.warn(f"{explanation} Waiting …")
            output.record({"message_type": "waiting", "message": explanation})

    def trying(error: StoreError, seconds: float) -> None:
        explanation = clean(Texts().error(error).explanation)
        output.warn(f"{explanation} Trying again in {span_text(seconds)} …")
        output.record({"message_type": "waiting", "message": explanation, "seconds": round(seconds, 3)})

    context = click.get_current_context(silent=True)
    streams = context.find_object(PrivateStreams) if context is not None else None
    return build(waiting=waiting, trying=trying, before_plugins=streams.shut if streams is not None else nothing)


def nothing() -> None:
    """Do nothing."""
