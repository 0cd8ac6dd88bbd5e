"""WebDav: the provider. It says what the owner is asked for, checks it, and opens the place.

Nothing here imports requests: the program shows forms and lists plugins without waiting for anybody's libraries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

from traybackup.api import Field, FieldKind, Provider, SettingInvalid, Store, Vault
from traybackup_webdav.words import TRANSLATIONS


@dataclass(frozen=True, slots=True)
class Config:
    """What the owner said, checked.

    Attributes:
        address: Of the server's folder for this user, with a slash at the end.
        folder: Below that address, as it is in a URL: quoted, with a slash at the end; empty: the address itself.
        certificate: A file with certificates to believe; empty: those that this computer believes.
    """

    address: str
    folder: str
    user: str
    password: str = field(repr=False)  # must not show when somebody prints it
    certificate: str = ""


class WebDav(Provider):
    """A folder on a WebDAV server."""

    id: ClassVar[str] = "webdav"  # the word before the colon in "webdav:TrayBackup"
    label: ClassVar[str] = "WebDAV server"
    fields: ClassVar[Sequence[Field]] = (
        Field(
            "address",
            "Address of the server",
            required=True,
            help="As the server names it for WebDAV, such as https://cloud.example/remote.php/dav/files/anna.",
        ),
        # The location, that is, what stands after the colon: see Provider.location_field.
        Field("folder", "Folder there", default="TrayBackup", help="It is made if it is not there."),
        Field("user", "User name"),
        # A secret goes into the keyring, never into the configuration, and arrives here through the vault.
        Field("password", "Password", kind=FieldKind.SECRET, help="Best one that is only for this program."),
        Field(
            "certificate",
            "Certificate of the server",
            advanced=True,
            help="A file in PEM format, where the server made its certificate itself.",
        ),
    )
    translations: ClassVar[Mapping[str, Mapping[str, str]]] = TRANSLATIONS

    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:
        from traybackup_webdav.store import WebDavStore  # noqa: PLC0415 - brings requests

        return WebDavStore(read(settings, vault))


def read(settings: Mapping[str, str], vault: Vault) -> Config:
    """Return the settings, checked.

    Raises:
        SettingInvalid: One cannot be right.
    """
    certificate = settings.get("certificate", "")
    if certificate and not Path(certificate).is_file():
        raise SettingInvalid(field="certificate", allowed="FILE.pem")
    user = settings.get("user", "")
    password = (vault.get("password") or "") if user else ""
    return Config(
        _address(settings.get("address", "")), _folder(settings.get("folder", "")), user, password, certificate
    )


def _address(text: str) -> str:
    text = text.strip()
    if not text:
        raise SettingInvalid(field="address", why="missing")
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        right = False
    if not right or "@" in parts.netloc or parts.query or parts.fragment or not text.isprintable() or " " in text:
        raise SettingInvalid(field="address", allowed="https://HOST[:PORT][/PATH]")
    return f"{parts.scheme}://{parts.netloc}{quote(parts.path.rstrip('/'), safe='/%')}/"


def _folder(text: str) -> str:
    steps = text.strip().strip("/").split("/")
    if steps != [""] and any(step in ("", ".", "..") or not step.isprintable() for step in steps):
        raise SettingInvalid(field="folder", allowed="NAME[/NAME]")
    return "".join(f"{quote(step, safe='')}/" for step in steps if step)
