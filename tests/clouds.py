"""A cloud for tests: a place with accounts and hashes in memory, offered by a provider as a plugin would."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

from traybackup.api.errors import ScopeMissing, SignInNeeded, StoreError
from traybackup.api.provider import Account, Field, FieldKind, Provider, Redirects, SignInAnswer, SignInRequest, Vault
from traybackup.api.store import Capabilities, Entry, Payload, Store
from traybackup.testing import FaultyStore, MemoryPlace, MemoryStore


class CloudStore(MemoryStore):
    """A place that computes the hash of what arrived."""

    capabilities = Capabilities(parallel=3, checksum="sha256")

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        super().put(name, payload, overwrite=overwrite)
        return self.stat(name)

    def stat(self, name: str) -> Entry:
        super().stat(name)
        data = self._object(name)
        return Entry(name, len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")


class Cloud(Provider):
    """A service that keeps folders for whoever signed in.

    Attributes:
        places: Its folders, by name.
        opened: Every store that was opened, in order; `FaultyStore.calls` of each is what was asked of it.
        faults: What goes wrong in the stores that are opened from now on.
        granted: Whether the owner ticks what is needed.
        failure: What opening and signing out raise.
        revoked: The tokens that were given back.
    """

    id: ClassVar[str] = "cloud"
    label: ClassVar[str] = "A cloud"
    fields: ClassVar[Sequence[Field]] = (
        Field("folder", "Folder", default="TrayBackup"),
        Field("server", "Server", advanced=True),
        Field("color", "Color", kind=FieldKind.CHOICE, choices=("red", "blue"), advanced=True),
        Field("fast", "Fast", kind=FieldKind.SWITCH, advanced=True),
        Field("port", "Port", kind=FieldKind.NUMBER, advanced=True),
        Field("password", "Password", kind=FieldKind.SECRET),
    )
    redirects: ClassVar[Redirects | None] = Redirects(paste=True)

    def __init__(self) -> None:
        self.places: dict[str, MemoryPlace] = {}
        self.opened: list[FaultyStore] = []
        self.seen: list[dict[str, str]] = []
        self.faults: list[object] = []
        self.granted = True
        self.failure: StoreError | None = None
        self.revoked: list[str] = []

    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:
        self.seen.append(dict(settings))
        if self.failure is not None:
            raise self.failure
        if vault.get("token") is None:
            raise SignInNeeded
        place = self.places.setdefault(settings["folder"], MemoryPlace())
        store = FaultyStore(CloudStore(place), self.faults)  # type: ignore[arg-type]  # they are Faults
        self.opened.append(store)
        return store

    def sign_in_url(self, settings: Mapping[str, str], request: SignInRequest) -> str:
        server = settings.get("server") or "https://cloud.example"
        return f"{server}/auth?state={request.state}&challenge={request.challenge}&redirect_uri={request.redirect_uri}"

    def sign_in(self, settings: Mapping[str, str], answer: SignInAnswer, vault: Vault) -> Account:
        self.seen.append({**settings, "code": answer.code, "verifier": answer.verifier, "uri": answer.redirect_uri})
        if not self.granted:
            raise ScopeMissing
        vault.set("token", f"token-for-{answer.code}")
        return Account("anna@example.org", "17")

    def sign_out(self, settings: Mapping[str, str], vault: Vault) -> None:  # noqa: ARG002 - the contract's name
        if self.failure is not None:
            raise self.failure
        self.revoked.append(vault.get("token") or "")
