"""Config: a destination's settings, checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from traybackup.api import SettingInvalid, Vault
from traybackup_gdrive.addresses import Addresses, checked_endpoint
from traybackup_gdrive.client import Client, choose

FOLDER = "TrayBackup"
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Config:
    """What the settings say.

    Attributes:
        folder: The names of the folders that lead to the place, outermost first.
        account: The e-mail address of the account it must be; empty: any.
    """

    folder: tuple[str, ...]
    client: Client
    account: str
    addresses: Addresses

    @property
    def folder_text(self) -> str:
        """The folder as the owner writes it."""
        return "/".join(self.folder)


def read(settings: Mapping[str, str], vault: Vault | None = None) -> Config:
    """Check the settings.

    Args:
        vault: Where the client's secret is, if the host keeps it there.

    Raises:
        SettingInvalid: One of them cannot be right.
    """
    folder = tuple(part.strip() for part in (settings.get("folder") or FOLDER).strip("/ ").split("/"))
    if not all(folder) or any(len(part) > _LONGEST or not part.isprintable() for part in folder):
        raise SettingInvalid(field="folder", allowed="NAME, NAME/NAME")
    client_id = settings.get("client_id", "").strip()
    if not client_id.isascii() or len(client_id.split()) > 1:
        raise SettingInvalid(field="client_id", allowed="….apps.googleusercontent.com")
    secret = settings.get("client_secret", "").strip()
    if client_id and not secret and vault is not None:
        secret = vault.get("client_secret") or ""
    return Config(
        folder=folder,
        client=choose(client_id, secret),
        account=settings.get("account", "").strip(),
        addresses=Addresses(checked_endpoint(settings.get("endpoint", ""))),
    )
