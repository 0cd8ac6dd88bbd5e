"""Opening: from settings and vault to a Store."""

from collections.abc import Callable
from contextlib import suppress

from traybackup.api import SignInExpired, SignInNeeded, TraybackupError, Vault
from traybackup_dropbox.client import Client, Line
from traybackup_dropbox.config import Config
from traybackup_dropbox.folder import Folder
from traybackup_dropbox.record import REFRESH_TOKEN, Record
from traybackup_dropbox.service import Service
from traybackup_dropbox.store import DropboxStore
from traybackup_dropbox.transport import Transport
from traybackup_dropbox.usage import Usage


def open_store(
    config: Config, vault: Vault, now: Callable[[], float], pause: Callable[[float], object]
) -> DropboxStore:
    """Open the place; the sign-in is tried at once, the folder is looked up when it is first needed.

    Args:
        pause: Sleeps some seconds.

    Raises:
        SignInNeeded: Nobody has signed in yet, or with another app, or it is over.
    """
    token, record = vault.get(REFRESH_TOKEN), Record.load(vault)
    if not token or (record.app and record.app != config.app_key):
        raise SignInNeeded
    transport, usage = Transport(config.addresses, now), Usage()
    try:
        client = Client(config.app_key, token, Line(transport, usage, SignInExpired))
        client.check_and_refresh_access_token()
    except BaseException:
        transport.close()
        raise

    def remember(root: str) -> None:
        """Remember the folder; a vault that cannot now is asked again the next time."""
        with suppress(TraybackupError):
            Record.load(vault).with_root(config.folder_key, root).save(vault)

    service = Service(client)
    folder = Folder(service, config.path, record.root(config.folder_key), remember)
    return DropboxStore(service, folder, transport, usage, pause)
