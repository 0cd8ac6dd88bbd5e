"""Google Drive as a place for traybackup: the entry point. Libraries are imported only when a place is opened.

Nouns: a *Drive file* has an id and any number of files may share a name; an *object* is what a Store keeps by name.
`provider` asks and signs in, `credentials` keeps the sign-in fresh, `transport` speaks HTTP, `drive` speaks Drive v3,
`upload` sends content, `catalogue` maps names to ids, `store` is the Store made of these.
"""

from collections.abc import Iterable

from traybackup.api import Provider, hookimpl
from traybackup_gdrive.provider import GoogleDrive

__version__ = "0.1.0"


@hookimpl
def traybackup_providers() -> Iterable[Provider]:
    """Return the one kind of place that this plugin adds."""
    return [GoogleDrive()]
