"""Config: the settings of a place, understood and checked before anything is reached.

The location is a folder if there is a ``host``; else it names the server as restic and scp do:
``anna@nas.local:backups`` or ``//anna@nas.local:2222/backups``. A folder without a slash in front lies in the home of
the user; the address with two slashes has one more for a folder that does not: ``//nas.local//srv/backups``.
"""

import base64
import binascii
import contextlib
import getpass
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from traybackup.api import SettingInvalid, Vault, VaultUnavailable

FOLDER = "TrayBackup"
PORT = 22
_HIGHEST_PORT = 65535
_HOST = r"(?:\[[0-9A-Fa-f:.%a-z]+\]|[A-Za-z0-9._-]+)"
_URL = re.compile(rf"//(?:([^@/]+)@)?({_HOST})(?::([0-9]+))?(?:/(.*))?", re.DOTALL)
_SCP = re.compile(rf"(?:([^@/:]+)@)?({_HOST}):(.*)", re.DOTALL)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_PUBLIC_KEY = re.compile(r"[a-z0-9@.-]+ (AAAA[A-Za-z0-9+/]+=*)(?: .*)?")
_SECRETS = {"password": "password", "private_key": "private_key", "passphrase": "key_password"}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Config:
    """Where a place is and how one gets in.

    Attributes:
        folder: Without a slash at its end; relative to where the server lets one in unless it begins with one.
        host_keys: Fingerprints of the keys that the server may show, ``SHA256:…``.
        agent: Whether only the agent is asked.
        passphrase: Of the private key.
    """

    host: str
    port: int
    user: str
    folder: str
    host_keys: frozenset[str] = frozenset()
    key_file: str = ""
    agent: bool = False
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """The server as people write it, with the port if it is another than usual."""
        host = f"[{self.host}]" if ":" in self.host and self.port != PORT else self.host
        return host if self.port == PORT else f"{host}:{self.port}"


def read(settings: Mapping[str, str], vault: Vault) -> Config:
    """Understand the settings.

    Raises:
        SettingInvalid: One cannot be right.
    """
    user, host, port, folder = _where(settings)
    if not re.fullmatch(_HOST, f"[{host}]" if ":" in host else host):
        raise SettingInvalid(field="host", allowed="nas.local, 192.0.2.1")
    if _CONTROLS.search(folder) or ".." in folder.split("/"):
        raise SettingInvalid(field="folder", allowed="NAME/NAME, /NAME/NAME")
    return Config(
        host=host,
        port=_port(port),
        user=user or _myself(),
        folder=folder.rstrip("/") or ("/" if folder.startswith("/") else "."),
        host_keys=_fingerprints(settings.get("host_key", "")),
        key_file=settings.get("key_file", "").strip(),
        agent=settings.get("agent") == "true",
        **_secrets(settings, vault),
    )


def _secrets(settings: Mapping[str, str], vault: Vault) -> dict[str, str]:
    """Return what the keyring holds; nobody needs one for the agent, or for a key in a file that has no password."""
    if settings.get("agent") == "true":
        return {}
    if settings.get("key_file", "").strip():
        with contextlib.suppress(VaultUnavailable):
            return {"passphrase": vault.get("key_password") or ""}
        return {}
    return {key: vault.get(name) or "" for key, name in _SECRETS.items()}


def _where(settings: Mapping[str, str]) -> tuple[str, str, str, str]:
    """Return user, host, port and folder, from wherever they stand."""
    user, host = settings.get("user", "").strip(), settings.get("host", "").strip()
    port, location = settings.get("port", "").strip(), settings.get("folder", "")
    if host:
        return user, host.removeprefix("[").removesuffix("]"), port, location or FOLDER
    url, scp = _URL.fullmatch(location), _SCP.fullmatch(location)
    if url:
        return url[1] or user, url[2].strip("[]"), url[3] or port, url[4] or ""
    if scp:
        return scp[1] or user, scp[2].strip("[]"), port, scp[3]
    raise SettingInvalid(field="host", why="missing")


def _port(text: str) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,5}", text) else PORT if not text else 0
    if not 0 < number <= _HIGHEST_PORT:
        raise SettingInvalid(field="port", allowed="1-65535")
    return number


def _myself() -> str:
    """Return the name of whoever is at this computer, as ssh would."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise SettingInvalid(field="user", why="missing") from error


def _fingerprints(text: str) -> frozenset[str]:
    """Understand fingerprints separated by commas, or one public key as it stands in a file."""
    whole = _PUBLIC_KEY.fullmatch(text.strip())
    if whole:
        try:
            digest = hashlib.sha256(base64.b64decode(whole[1], validate=True)).digest()
        except binascii.Error as error:
            raise _no_fingerprint() from error
        return frozenset({f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"})
    found = frozenset(text.replace(",", " ").split())
    if not all(_FINGERPRINT.fullmatch(one) for one in found):
        raise _no_fingerprint()
    return found


def _no_fingerprint() -> SettingInvalid:
    return SettingInvalid(field="host_key", allowed="SHA256:…")
