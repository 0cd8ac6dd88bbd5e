"""A stand-in for Dropbox on this computer: sign-in and API v2, strict, with faults on command.

Written from Dropbox's documentation, it refuses what the real service refuses: unknown arguments, wrong offsets and
content types, arguments that are no ASCII, rights that were not granted, redirect addresses that are not registered,
several changes at once. *World* is what it knows, *Fault* what goes wrong, *DropboxServer* the HTTP server. By hand,
from the folder above: ``python -m dropbox_server --port 8086``.

Sources: https://www.dropbox.com/developers/documentation/http/documentation,
https://developers.dropbox.com/oauth-guide, https://developers.dropbox.com/error-handling-guide.
"""

from dropbox_server.faults import Fault
from dropbox_server.server import DropboxServer
from dropbox_server.world import Account, App, World

__all__ = ["Account", "App", "DropboxServer", "Fault", "World"]
