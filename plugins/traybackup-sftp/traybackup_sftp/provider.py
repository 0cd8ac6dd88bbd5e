"""Sftp: the provider. It says what it needs to know and opens places."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from traybackup.api import Field, FieldKind, Provider, Store, Vault
from traybackup_sftp import config
from traybackup_sftp.words import TRANSLATIONS


class Sftp(Provider):
    """A folder on a server that speaks SSH, in restic's layout."""

    id: ClassVar[str] = "sftp"
    label: ClassVar[str] = "SFTP server (SSH)"
    fields: ClassVar[Sequence[Field]] = (
        Field(
            "host", "Server", help="Its name or address. It may also stand before the folder: anna@nas.local:backups."
        ),
        Field("user", "User name"),
        Field("folder", "Folder on the server", default=config.FOLDER, help="It is made if it is not there."),
        Field("password", "Password", kind=FieldKind.SECRET, help="Without password and key, the SSH agent is asked."),
        Field(
            "host_key",
            "Fingerprint of the server's key",
            help="SHA256:…, as whoever runs the server says. Nothing is sent to a server with another key.",
        ),
        Field("port", "Port", kind=FieldKind.NUMBER, default=str(config.PORT), advanced=True),
        Field(
            "private_key",
            "Private key",
            kind=FieldKind.SECRET,
            help="The content of a key file, Ed25519 or ECDSA; one of RSA is too long for the keyring.",
            advanced=True,
        ),
        Field("key_file", "File with the private key", help="Instead of the key itself.", advanced=True),
        Field(
            "agent",
            "Log in by the SSH agent alone",
            kind=FieldKind.SWITCH,
            help="Then the keyring of this computer is not needed.",
            advanced=True,
        ),
        Field("key_password", "Password of the private key", kind=FieldKind.SECRET, advanced=True),
    )
    translations: ClassVar[Mapping[str, Mapping[str, str]]] = TRANSLATIONS

    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:
        chosen = config.read(settings, vault)
        from traybackup_sftp.store import SftpStore  # noqa: PLC0415 - brings the library

        return SftpStore(chosen)

    def scratch(self, settings: Mapping[str, str], name: str) -> Mapping[str, str]:
        location = settings.get(self.location_field, "") or config.FOLDER
        slash = "" if location.endswith((":", "/")) else "/"  # "nas:" is the folder that one comes into
        return {**settings, self.location_field: f"{location}{slash}{name}"}
