"""What the tests of the use cases share: cheap keys, a clock that stands still, a vault in memory, a small source."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.clouds import Cloud
from traybackup.api.progress import Cancel, Progress
from traybackup.app import context as contexts
from traybackup.app.backup import Backup, BackupRequest, back_up
from traybackup.app.context import Context
from traybackup.app.opening import Access, NewRepository
from traybackup.app.plugins import PluginHost
from traybackup.app.scopes import Scope, ScopedVault
from traybackup.app.vault import Secret, Vault
from traybackup.engine import keys, locks
from traybackup.engine.crypto import KdfParameters

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)
PASSWORD = "correct horse"  # noqa: S105 - of repositories that live for one test


class DictVault(Vault):
    """A vault in memory."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def get(self, name: str) -> Secret | None:
        return Secret(self.secrets[name]) if name in self.secrets else None

    def set(self, name: str, secret: Secret) -> bool:
        self.secrets[name] = secret.reveal()
        return True

    def delete(self, name: str) -> None:
        self.secrets.pop(name, None)


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Shop:
    """A source, a place and the surroundings of use cases."""

    context: Context
    clock: Clock
    vault: DictVault
    source: Path
    place: Path
    made: list[NewRepository] = field(default_factory=list)

    @property
    def access(self) -> Access:
        return Access(str(self.place))

    def save(self, *paths: Path, **wishes: object) -> Backup:
        """Back up the source, or *paths*."""
        request = BackupRequest(self.access, tuple(map(os.fsencode, paths or (self.source,))), **wishes)  # type: ignore[arg-type]  # a test's shorthand
        return back_up(self.context, request, progress=Progress(), cancel=Cancel(), made=self.made.append)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make keys of a cost that no owner would choose, and do not wait for rivals that a test does not have."""
    timing = locks.Timing(settle=0.005)
    monkeypatch.setattr(keys, "calibrate", lambda: KdfParameters(n=1 << 10))
    monkeypatch.setattr(locks, "Timing", lambda: timing)


@pytest.fixture
def make_context(tmp_path: Path) -> Callable[..., Context]:
    """Return a function that makes surroundings apart from this computer."""

    def make(clock: Callable[[], datetime], vault: Vault, **environment: str) -> Context:
        known = {"TRAYBACKUP_HOME": str(tmp_path / "home")} | environment
        made = contexts.build(known, clock)
        return Context(known, made.paths, vault, clock, "till-1", "anna", made.waiting)

    return make


@pytest.fixture
def shop(tmp_path: Path, make_context: Callable[..., Context]) -> Shop:
    """Return a small source and an empty place; the password is given by the environment."""
    source, place = tmp_path / "till", tmp_path / "place"
    (source / "data").mkdir(parents=True)
    (source / "data" / "sales.txt").write_bytes(b"one\ntwo\n")
    (source / "settings.ini").write_bytes(b"[till]\n")
    place.mkdir()
    clock, vault = Clock(), DictVault()
    return Shop(make_context(clock, vault, TRAYBACKUP_PASSWORD=PASSWORD), clock, vault, source, place)


@pytest.fixture
def cloud() -> Cloud:
    """Return a service to which somebody has signed in already."""
    return Cloud()


@pytest.fixture
def cloud_shop(shop: Shop, cloud: Cloud) -> Shop:
    """Return the shop with a folder in a cloud as its place; its owner has signed in."""
    context = replace(shop.context, plugins=PluginHost(builtin=[cloud]))
    ScopedVault(context.vault, Scope("provider", "cloud"), context.redact).set("token", "token-of-anna")
    return replace(shop, context=context, place=Path("cloud:TrayBackup"))
