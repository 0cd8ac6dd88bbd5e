"""The computer's proxy and certificates are used, and nobody else is called."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from dropbox_owner import Owner
from dropbox_payloads import named, some
from dropbox_server import DropboxServer
from dropbox_server.tls import NAMES, certificate
from traybackup_dropbox.provider import Dropbox

from traybackup.api import BytesPayload, ClockWrong, NotTheService, Offline
from traybackup.testing import MemoryVault


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Owner]]:
    """Return a function that gives an owner whose only way to Dropbox is a proxy, which is Dropbox."""
    servers: list[DropboxServer] = []

    def make(days: tuple[int, int] = (-1, 1), *, believed: bool = True) -> Owner:
        context, file = certificate(tmp_path, days=days)
        server = DropboxServer(tls=context)
        servers.append(server)
        server.__enter__()
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        monkeypatch.setenv("NO_PROXY", "")
        if believed:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
        settings = {"app_key": next(iter(server.world.apps))}
        return Owner(server, settings, MemoryVault(), Dropbox())

    yield make
    for server in servers:
        server.__exit__()


def test_everything_goes_through_the_proxy_to_dropbox_s_own_names(far: Callable[..., Owner]) -> None:
    """Sign-in, a large and a small object, a listing and signing out work through a proxy, at Dropbox's addresses."""
    owner = far()
    owner.sign_in()
    with owner.open() as store:
        for size in (1000, 6 << 20):
            data = some(size)
            store.put(named(data), BytesPayload(data))
            assert store.get(named(data)) == data
        assert len(list(store.entries())) == 2
    owner.provider.sign_out(owner.settings, owner.vault)
    assert owner.server.world.hosts == set(NAMES)


def test_stranger_s_certificate_is_refused(far: Callable[..., Owner]) -> None:
    """Whoever answers in Dropbox's name without its certificate gets nothing."""
    owner = far(believed=False)
    owner.vault.set("refresh_token", "a-secret")
    with pytest.raises(NotTheService):
        owner.open()
    assert owner.server.world.oauth_calls == []


@pytest.mark.parametrize("days", [(-10, -1), (1, 10)])
def test_certificate_of_another_time_points_at_the_clock(far: Callable[..., Owner], days: tuple[int, int]) -> None:
    """A certificate that is over, or has not begun, is what a wrong clock makes of a right one."""
    owner = far(days)
    owner.vault.set("refresh_token", "a-secret")
    with pytest.raises(ClockWrong):
        owner.open()


def test_proxy_that_is_not_there_is_offline(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not answer is told as a missing connection."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(Offline):
        owner.open()


def test_endpoint_is_the_only_host_that_is_called(stranger: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an endpoint no name is looked up and nobody else is called, whatever the service names."""
    asked: list[object] = []
    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: asked.append(a[0]) or real(*a, **k))
    looked = socket.getaddrinfo

    def look(host: object, *more: object, **named_: object) -> object:
        asked.append(host)
        return looked(host, *more, **named_)  # type: ignore[call-overload]  # handed on

    monkeypatch.setattr(socket, "getaddrinfo", look)
    stranger.sign_in()
    with stranger.open() as store:
        data = some(6 << 20)
        store.put(named(data), BytesPayload(data))
    stranger.provider.sign_out(stranger.settings, stranger.vault)
    assert set(asked) == {"127.0.0.1"}


def test_netrc_is_not_taken_for_a_sign_in(owner: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for the host in the owner's .netrc is not sent, neither instead of the token nor with the sign-in."""
    (tmp_path / ".netrc").write_text("default login somebody password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert requests.utils.get_netrc_auth(owner.server.url) is not None
    owner.open().space()
