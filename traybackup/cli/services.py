"""The service as commands use it: who is waiting is told what for."""

import click

from traybackup.api.errors import RepositoryLocked, StoreError
from traybackup.app.service import Service, build
from traybackup.app.texts import Texts
from traybackup.cli.output import Output, clean
from traybackup.cli.private import PrivateStreams


def service(output: Output) -> Service:
    """Return the service of this process."""
    told: set[str] = set()
    language = output.language

    def waiting(error: RepositoryLocked) -> None:
        if error.lock not in told:
            told.add(error.lock)
            output.warn(clean(language.gettext("{what} Waiting …", what=output.texts.error(error).explanation)))
            output.record({"message_type": "waiting", "message": Texts().error(error).explanation})

    def trying(error: StoreError, seconds: float) -> None:
        what, span = output.texts.error(error).explanation, language.span(seconds)
        output.warn(clean(language.gettext("{what} Trying again in {span} …", what=what, span=span)))
        explanation = Texts().error(error).explanation
        output.record({"message_type": "waiting", "message": explanation, "seconds": round(seconds, 3)})

    context = click.get_current_context(silent=True)
    streams = context.find_object(PrivateStreams) if context is not None else None
    shut = streams.shut if streams is not None else nothing
    return build(waiting=waiting, trying=trying, before_plugins=shut, language=language)


def nothing() -> None:
    """Do nothing."""
