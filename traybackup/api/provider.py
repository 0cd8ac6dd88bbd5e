"""Provider: a kind of place that a destination can be, such as a folder, Google Drive or a WebDAV server.

A *Provider* says which settings it needs (*Field*), opens a `Store` with them, and signs the owner in where the place
wants it. A provider never sees the keyring, the config file, the browser, a listening socket or clear text: it
gets a *Vault* for its own secrets, and the answer of a sign-in that the host led through the browser.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from traybackup.api.errors import SignInNeeded
from traybackup.api.store import Store


class Vault(ABC):
    """One destination's secrets, kept in the keyring of the operating system.

    A value has at most `MAX_SECRET` characters: Windows holds no more. Keep the refresh token, not the access token.
    """

    @abstractmethod
    def get(self, key: str) -> str | None:
        """Return the secret, None if there is none.

        Raises:
            VaultLocked, VaultUnavailable: The keyring cannot answer now; nothing was lost.
        """

    @abstractmethod
    def set(self, key: str, value: str) -> None:
        """Keep the secret."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Forget the secret; fine if there is none."""


MAX_SECRET = 1280
"""Characters: the Windows Credential Manager takes 2,560 bytes of UTF-16."""


class FieldKind(Enum):
    """How a setting is asked for."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a kind of field; its value goes to the vault, never to the config
    FOLDER = "folder"
    CHOICE = "choice"
    SWITCH = "switch"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of a provider, for the form and the command line.

    Attributes:
        key: Its name in the config: ``[a-z][a-z0-9_]*``.
        label: What the owner reads, in English; see `Provider.translations`.
        help: One sentence more, if the label is not enough.
        choices: For `FieldKind.CHOICE`; the values themselves, which may have translations, too.
        advanced: Shown only when asked for.
    """

    key: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    default: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    help: str = ""
    advanced: bool = False


@dataclass(frozen=True, slots=True)
class SignInRequest:
    """What the host has prepared for one sign-in.

    Attributes:
        redirect_uri: Where the browser comes back to; empty: the owner pastes a code.
        state: Must come back unchanged; the host checks it.
        challenge: The S256 challenge of PKCE (RFC 7636).
    """

    redirect_uri: str
    state: str
    challenge: str


@dataclass(frozen=True, slots=True)
class SignInAnswer:
    """What came back through the browser, checked by the host.

    Attributes:
        code: The authorisation code.
        redirect_uri: As in the request.
        verifier: PKCE's verifier.
        scope: The scopes that the service says were granted; empty if it does not say.
    """

    code: str
    redirect_uri: str
    verifier: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose place it is.

    Attributes:
        name: What the owner recognises: usually the e-mail address.
        id: The service's own unchanging id.
    """

    name: str
    id: str


@dataclass(frozen=True, slots=True)
class Redirects:
    """Which redirect addresses a service accepts.

    Attributes:
        host: ``127.0.0.1`` or ``localhost``, as registered with the service.
        ports: Those registered; empty: any.
        path: The registered path; None: the host makes up one that nobody can guess.
        paste: Whether the service can show a code to be pasted where no port is free.
    """

    host: str = "127.0.0.1"
    ports: tuple[int, ...] = ()
    path: str | None = None
    paste: bool = False


class Provider(ABC):
    """A kind of place.

    Attributes:
        id: The word before the colon in ``gdrive:TrayBackup``: ``[a-z][a-z0-9-]*``.
        label: What the owner reads.
        fields: Its settings. The location after the colon is `location_field`.
        location_field: The key that the text after the colon stands for.
        redirects: How its sign-in comes back; None: it needs no sign-in.
        translations: `label`, and what the fields say, in other languages: by language (``de``, ``es``), then by the
            English text. What is missing stays English. Errors need none: the host has the words for all of them.

            ::

                translations = {"de": {"Folder": "Ordner", "Password": "Passwort"}, "es": {"Folder": "Carpeta"}}
    """

    id: ClassVar[str]
    label: ClassVar[str]
    fields: ClassVar[Sequence[Field]] = ()
    location_field: ClassVar[str] = "folder"
    redirects: ClassVar[Redirects | None] = None
    translations: ClassVar[Mapping[str, Mapping[str, str]]] = {}

    @abstractmethod
    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:
        """Open the place. Import the service's library here, not at the top of the module.

        Raises:
            SignInNeeded: There is no sign-in yet, or it is no longer valid.
            SettingInvalid: A setting cannot be right.
        """

    def scratch(self, settings: Mapping[str, str], name: str) -> Mapping[str, str]:
        """Return the settings of an empty place called *name* inside this one, for ``traybackup doctor``.

        The default puts the name behind the location, as a folder in a folder.
        """
        location = settings.get(self.location_field, "").rstrip("/")
        return {**settings, self.location_field: f"{location}/{name}" if location else name}

    def sign_in_url(self, settings: Mapping[str, str], request: SignInRequest) -> str:  # noqa: ARG002
        """Return the address to open in the owner's browser."""
        raise SignInNeeded(place=self.id)

    def sign_in(self, settings: Mapping[str, str], answer: SignInAnswer, vault: Vault) -> Account:  # noqa: ARG002
        """Trade the answer for tokens, keep what lasts in the vault, and say whose account it is.

        Raises:
            ScopeMissing: The owner did not grant what is needed; nothing was kept.
        """
        raise SignInNeeded(place=self.id)

    def sign_out(self, settings: Mapping[str, str], vault: Vault) -> None:
        """Revoke the sign-in at the service; the host then empties the vault."""
