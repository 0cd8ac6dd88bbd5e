"""S3, Azure Blob, Backblaze B2 and OneDrive as places for traybackup: the entry point. opendal is imported by opening.

`s3`, `azure`, `b2` and `onedrive` are one provider each: which settings it has, and what opendal calls them. `settings`
reads what they share, `answers` tells what errors mean, `store` is the Store of all of them.
"""

from collections.abc import Iterable

from traybackup.api import Provider, hookimpl
from traybackup_more.azure import AzureBlob
from traybackup_more.b2 import BackblazeB2
from traybackup_more.onedrive import OneDrive
from traybackup_more.s3 import S3

__version__ = "0.1.0"


@hookimpl
def traybackup_providers() -> Iterable[Provider]:
    """Return the kinds of place that this plugin adds."""
    return [S3(), AzureBlob(), BackblazeB2(), OneDrive()]
