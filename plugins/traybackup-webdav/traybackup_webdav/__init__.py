"""WebDAV servers as places for traybackup, and the example to copy for a plugin of your own.

Read it in this order: this module is the entry point, `provider` says what the owner is asked for, `store` keeps the
promise of a place, `client` speaks HTTP and turns its errors into those of traybackup, `multistatus` reads what servers
list. Nouns: a *resource* is what WebDAV calls a file or folder, an *object* what a Store keeps by name.
"""

from collections.abc import Iterable

from traybackup.api import Provider, hookimpl
from traybackup_webdav.provider import WebDav

__version__ = "0.1.0"


@hookimpl
def traybackup_providers() -> Iterable[Provider]:
    """Return the one kind of place that this plugin adds."""
    return [WebDav()]
