"""A stand-in for Google on this computer: sign-in and Drive v3, strict, with faults on command.

Written from Google's documentation, it refuses what the real service refuses: unknown parameters and fields, wrong
offsets and content types, ids that nobody generated, files of another client. *World* is what it knows, *Fault* what
goes wrong, *DriveServer* the HTTP server. By hand, from the folder above: ``python -m drive_server --port 8085``.

Sources: https://developers.google.com/workspace/drive/api/reference/rest/v3,
https://developers.google.com/workspace/drive/api/guides/manage-uploads,
https://developers.google.com/identity/protocols/oauth2/native-app.
"""

from drive_server.faults import Fault
from drive_server.server import DriveServer
from drive_server.world import Account, Client, World

__all__ = ["Account", "Client", "DriveServer", "Fault", "World"]
