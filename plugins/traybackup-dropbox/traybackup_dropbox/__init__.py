"""Dropbox as a place for traybackup: the entry point. Libraries are imported only when a place is opened.

Nouns: a *path* is where Dropbox keeps a file, in large or small letters; an *object* is what a Store keeps by name.
`provider` asks and signs in, `transport` speaks HTTP, `client` is the vendor's library over it, `service` the few
methods that are used, `upload` sends content, `folder` knows the place's own folder, `store` is the Store made of them.
"""

from collections.abc import Iterable

from traybackup.api import Provider, hookimpl
from traybackup_dropbox.provider import Dropbox

__version__ = "0.1.0"


@hookimpl
def traybackup_providers() -> Iterable[Provider]:
    """Return the one kind of place that this plugin adds."""
    return [Dropbox()]
