"""An SSH server with SFTP as a place for traybackup: the entry point. The library is imported only by opening.

`provider` asks, `config` reads the settings, `loop` runs the library's coroutines, `connection` makes and checks the
connection, `answers` tells what its errors mean, `upload` writes one object, `listing` reads folders, `store` is the
Store made of these.
"""

from collections.abc import Iterable

from traybackup.api import Provider, hookimpl
from traybackup_sftp.provider import Sftp

__version__ = "0.1.0"


@hookimpl
def traybackup_providers() -> Iterable[Provider]:
    """Return the one kind of place that this plugin adds."""
    return [Sftp()]
