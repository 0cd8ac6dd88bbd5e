"""AzureBlob: a container in Microsoft's Azure Blob Storage. Not tested on the service itself."""

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from traybackup.api import Field, FieldKind, Provider, SettingInvalid, Store, Vault
from traybackup_more.settings import Target, endpoint, split, wanted
from traybackup_more.words import TRANSLATIONS


class AzureBlob(Provider):
    """A container, or a folder in one (not tested here)."""

    id: ClassVar[str] = "azure"
    label: ClassVar[str] = "Azure Blob Storage (not tested here)"
    location_field: ClassVar[str] = "container"
    fields: ClassVar[Sequence[Field]] = (
        Field(
            "container", "Container and folder", required=True, help="CONTAINER/FOLDER. The container must be there."
        ),
        Field("account", "Storage account", required=True),
        Field("account_key", "Account key", kind=FieldKind.SECRET),
        Field("sas_token", "SAS token", kind=FieldKind.SECRET, help="Instead of the account key.", advanced=True),
        Field(
            "endpoint",
            "Other server",
            help="https://HOST in place of https://ACCOUNT.blob.core.windows.net.",
            advanced=True,
        ),
    )
    translations: ClassVar[Mapping[str, Mapping[str, str]]] = TRANSLATIONS

    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:
        target = read(settings, vault)
        from traybackup_more.store import open_store  # noqa: PLC0415 - brings the library

        return open_store(target)


def read(settings: Mapping[str, str], vault: Vault) -> Target:
    """Understand the settings.

    Raises:
        SettingInvalid: One cannot be right.
    """
    container, folder = split(settings, "container")
    account = wanted(settings, "account")
    if not re.fullmatch(r"[a-z0-9]{3,24}", account):
        raise SettingInvalid(field="account", allowed="a-z, 0-9")
    options = {
        "container": container,
        "root": f"/{folder}",
        "account_name": account,
        "endpoint": endpoint(settings, plain=False) or f"https://{account}.blob.core.windows.net",
    }
    key, token = (vault.get("account_key") or "").strip(), (vault.get("sas_token") or "").strip()
    if not key and not token:
        raise SettingInvalid(field="account_key", why="missing-secret")
    options |= {"sas_token": token.removeprefix("?")} if token else {"account_key": key}
    return Target("azblob", options, checksum="md5", largest_object=5000 << 20, user=account)
