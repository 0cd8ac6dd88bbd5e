"""The service as commands use it: who is waiting is told what for."""

from traybackup.api.errors import RepositoryLocked
from traybackup.app.service import Service, build
from traybackup.app.texts import Texts
from traybackup.cli.output import Output, clean


def service(output: Output) -> Service:
    """Return the service of this process."""
    told: set[str] = set()

    def waiting(error: RepositoryLocked) -> None:
        if error.lock not in told:
            told.add(error.lock)
            explanation = clean(Texts().error(error).explanation)
            output.warn(f"{explanation} Waiting …")
            output.record({"message_type": "waiting", "message": explanation})

    return build(waiting=waiting)
