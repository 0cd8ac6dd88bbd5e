"""Opening: from settings and vault to a Store."""

from collections.abc import Callable
from contextlib import suppress

from traybackup.api import SignInNeeded, TraybackupError, Vault
from traybackup_gdrive.catalogue import Catalogue
from traybackup_gdrive.config import Config
from traybackup_gdrive.credentials import Credentials
from traybackup_gdrive.drive import Drive
from traybackup_gdrive.record import REFRESH_TOKEN, Record
from traybackup_gdrive.store import GoogleDriveStore
from traybackup_gdrive.transport import Transport
from traybackup_gdrive.usage import Usage


def open_store(
    config: Config, vault: Vault, now: Callable[[], float], pause: Callable[[float], object]
) -> GoogleDriveStore:
    """Open the place; the sign-in is tried at once, the folder is looked up when it is first needed.

    Args:
        pause: Sleeps some seconds.

    Raises:
        SignInNeeded: Nobody has signed in yet, or with another client, or it is over.
    """
    token, record = vault.get(REFRESH_TOKEN), Record.load(vault)
    if not token or (record.client and record.client != config.client.id):
        raise SignInNeeded
    transport, usage = Transport(now), Usage()
    try:
        credentials = Credentials(config, token, record, transport, now)
        credentials.token()
    except BaseException:
        transport.close()
        raise

    def remember(root: str) -> None:
        """Remember the folder; a vault that cannot now is asked again the next time."""
        with suppress(TraybackupError):
            Record.load(vault).with_root(config.folder_text, root).save(vault)

    drive = Drive(transport, credentials, config.addresses, usage)
    catalogue = Catalogue(drive, config.folder, record.root(config.folder_text), remember)
    return GoogleDriveStore(drive, catalogue, config.folder, transport, usage, pause)
