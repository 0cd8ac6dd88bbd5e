"""Config: a destination's settings, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from unicodedata import normalize

from traybackup.api import SettingInvalid
from traybackup_dropbox.addresses import Addresses, checked_endpoint
from traybackup_dropbox.app import choose

FOLDER = "TrayBackup"
_LONGEST = 255
_IGNORED = frozenset({"desktop.ini", "thumbs.db", ".ds_store", ".dropbox", ".dropbox.attr", ".dropbox.cache"})
"""Names that Dropbox keeps no file or folder under, in any case."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the settings say.

    Attributes:
        folder: The names of the folders that lead to the place, outermost first; below the app's own folder.
        app_key: The registration with which Dropbox is asked.
        account: The e-mail address of the account it must be; empty: any.
    """

    folder: tuple[str, ...]
    app_key: str
    account: str
    addresses: Addresses

    @property
    def path(self) -> str:
        """The place's path, as the owner wrote it."""
        return "/" + "/".join(self.folder)

    @property
    def folder_key(self) -> str:
        """What names the place: Dropbox sees no difference between large and small letters."""
        return "/".join(self.folder).lower()


def read(settings: Mapping[str, str]) -> Config:
    """Check the settings.

    Raises:
        SettingInvalid: One of them cannot be right.
    """
    text = normalize("NFC", settings.get("folder") or FOLDER)
    folder = tuple(part.strip() for part in text.strip("/ ").split("/"))
    if not all(map(_can_be_a_name, folder)):
        raise SettingInvalid(field="folder", allowed="NAME, NAME/NAME")
    own_key = settings.get("app_key", "").strip()
    if own_key and not (own_key.isascii() and own_key.isalnum()):
        raise SettingInvalid(field="app_key", allowed="[0-9a-z]…")
    return Config(
        folder=folder,
        app_key=choose(own_key),
        account=settings.get("account", "").strip(),
        addresses=Addresses(checked_endpoint(settings.get("endpoint", ""))),
    )


def _can_be_a_name(part: str) -> bool:
    return (
        bool(part.rstrip("."))
        and len(part) <= _LONGEST
        and part.isprintable()
        and "\\" not in part
        and part.lower() not in _IGNORED
    )
