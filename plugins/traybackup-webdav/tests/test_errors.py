"""What goes wrong on the way, and on the server, and the one word for it."""

import base64
import datetime as dt
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from dav_servers import LISTING, PASSWORD, USER, XML, Dav, apache, wsgidav
from traybackup_webdav import client

from traybackup.api import (
    AccessDenied,
    BytesPayload,
    ClockWrong,
    CredentialsRefused,
    NotTheService,
    Offline,
    RateLimited,
    SettingInvalid,
    Store,
    StoreError,
    StoreFailed,
    StoreFull,
)

Opener = Callable[..., Store]
HTML = [("Content-Type", "text/html; charset=utf-8")]


class _Cutter(http.server.BaseHTTPRequestHandler):
    """Lists anything as empty, and breaks every other answer off in the middle."""

    protocol_version = "HTTP/1.1"

    def do_PROPFIND(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = LISTING % b"<d:response><d:href>/</d:href></d:response>"
        self.send_response(207)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 600)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class _Portal(_Cutter):
    """A guest network's page, whatever is asked for."""

    calls: ClassVar[list[tuple[str, str]]] = []

    def do_PROPFIND(self) -> None:
        self.calls.append((self.command, self.path))
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def cutter(tmp_path: Path) -> Iterator[Dav]:
    with serving(_Cutter) as address:
        yield Dav(address, tmp_path)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Dav]:
    _Portal.calls.clear()
    with serving(_Portal) as address:
        yield Dav(address, tmp_path, calls=_Portal.calls)


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        ("403 Forbidden", [], AccessDenied),
        ("401 Unauthorized", [], CredentialsRefused),
        ("407 Proxy Authentication Required", [], NotTheService),
        ("409 Conflict", [], StoreFailed),
        ("413 Content Too Large", [], StoreFailed),
        ("423 Locked", [], StoreFailed),
        ("429 Too Many Requests", [("Retry-After", "7")], RateLimited),
        ("500 Oops", [], Offline),
        ("502 Bad Gateway", HTML, Offline),
        ("503 Service Unavailable", [("Retry-After", "7")], RateLimited),
        ("503 Service Unavailable", [], Offline),
        ("507 Insufficient Storage", [], StoreFull),
        ("511 Network Authentication Required", HTML, NotTheService),
        ("200 OK", HTML, NotTheService),
        ("302 Found", [("Location", "http://portal.example/")], NotTheService),
        ("301 Moved Permanently", [("Location", "/elsewhere/")], SettingInvalid),
        ("304 Not Modified", [], NotTheService),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "MOVE", "PROPFIND"])
def test_every_refusal_has_its_error_and_leaves_nothing(
    dav: Dav, store: Store, method: str, status: str, headers: list[tuple[str, str]], error: type[StoreError]
) -> None:
    """Whichever step of a put is refused, the error says why, the old object stays, and the next put just works."""
    dav.answers[method] = (status, headers, b"<html>who are you?</html>" if headers == HTML else b"")
    with pytest.raises(StoreError) as told:
        store.put("data/00/old", BytesPayload(b"new"), overwrite=True)
    assert type(told.value) is error
    if isinstance(told.value, RateLimited):
        assert told.value.retry_after == 7
    dav.answers.clear()
    assert store.get("data/00/old") == b"old"
    assert list((dav.folder / "TrayBackup" / "Uploads").iterdir()) == []
    store.put("data/00/old", BytesPayload(b"new"), overwrite=True)
    assert store.get("data/00/old") == b"new"


def test_wrong_password_names_the_user(dav: Dav, open_at: Opener) -> None:
    """Wrong ones, and none where one is wanted, are told as such, and nothing was made."""
    for words in ({"password": "wrong"}, {"user": "nobody"}, {"user": ""}):
        with pytest.raises(CredentialsRefused) as told:
            open_at(dav, **words)
        assert told.value.user == words.get("user", USER)
    assert list(dav.folder.iterdir()) == []


def test_wrong_address_is_a_setting(dav: Dav, open_at: Opener) -> None:
    """A path that the server does not know is told as a wrong address; the folder below may be missing."""
    with pytest.raises(SettingInvalid) as told:
        open_at(dav, address=f"{dav.address}/no/such")
    assert told.value.field == "address"
    assert list(open_at(dav, folder="no/such").entries()) == []


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        ("200 OK", HTML, b"<html>Welcome to the hotel</html>"),
        ("207 Multi-Status", XML, b""),
        ("207 Multi-Status", XML, b"<html/>"),
        ("207 Multi-Status", XML, LISTING % b""),
        ("207 Multi-Status", XML, (LISTING % b"<d:response><d:href>/dav/</d:href></d:response>")[:-20]),
        (
            "207 Multi-Status",
            XML,
            b'<!DOCTYPE x [<!ENTITY a "'
            + b"ha" * 500
            + b'"><!ENTITY b "'
            + b"&a;" * 500
            + b'"><!ENTITY c "'
            + b"&b;" * 500
            + b'">]><x>&c;</x>',
        ),
    ],
)
def test_something_else_that_answers_is_not_the_service(
    dav: Dav, open_at: Opener, status: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    """A page, an empty, cut or explosive document instead of a listing: somebody else is speaking."""
    dav.answers["PROPFIND"] = (status, headers, body)
    with pytest.raises(NotTheService):
        open_at(dav)


def test_password_follows_no_redirect(dav: Dav, tmp_path: Path, open_at: Opener) -> None:
    """A redirect to another port or host is not followed; nobody there gets to see a request."""
    (tmp_path / "other").mkdir()
    with wsgidav(tmp_path / "other") as other:
        dav.answers["PROPFIND"] = ("302 Found", [("Location", f"{other.address}/")], b"")
        with pytest.raises(SettingInvalid) as told:
            open_at(dav)
        assert told.value.allowed == f"{other.address}/"
        assert other.calls == []


def test_nobody_there_is_offline(open_at: Opener, tmp_path: Path) -> None:
    """A port where nobody listens, and a proxy that is not there, are a missing connection."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(Offline):
        open_at(Dav(address, tmp_path))


def test_proxy_of_the_computer_is_used(portal: Dav, open_at: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in HTTP_PROXY gets the request, and a page that it answers is not taken for the server's."""
    monkeypatch.setenv("HTTP_PROXY", portal.address)
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(NotTheService):
        open_at(Dav("http://server.invalid/dav", portal.folder))
    assert portal.calls == [("PROPFIND", "http://server.invalid/dav/")]


def test_netrc_is_left_alone(dav: Dav, open_at: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password in the owner's .netrc is not sent to a place that has none in its settings."""
    (tmp_path / ".netrc").write_text(f"default login {USER} password geheim\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with pytest.raises(CredentialsRefused):
        open_at(dav, user="")
    assert dav.seen == []


def test_basic_is_not_said_where_others_can_listen(
    dav: Dav, tmp_path: Path, open_at: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without TLS to another computer Basic is refused, before the password is sent; Digest is answered."""
    monkeypatch.setattr(client, "_is_here", lambda _: False)
    with pytest.raises(SettingInvalid) as told:
        open_at(dav)
    assert told.value.field == "address"
    assert dav.seen == []
    (tmp_path / "other").mkdir()
    with wsgidav(tmp_path / "other", accept="digest") as other:
        store = open_at(other)
        store.put("config", BytesPayload(b"x" * 300_000))
        assert store.get("config", 5, 2) == b"xx"
        assert other.seen
        assert all(said.startswith("Digest ") for said in other.seen)
    assert base64.b64encode(PASSWORD.encode()).decode() not in " ".join(other.seen)


def test_digest_may_ask_in_the_middle_of_a_put() -> None:
    """A content that was sent to a server which then asks who it is is sent again, from its beginning."""
    content = client.Content(BytesPayload(bytes(range(256)) * 1000))
    pieces = iter(content)
    first = next(pieces)
    content.seek(0)
    assert b"".join(content) == bytes(range(256)) * 1000
    assert first == (bytes(range(256)) * 1000)[: len(first)]


def certificate(folder: Path, days: tuple[int, int]) -> tuple[Path, Path]:
    """Make a certificate for this computer, valid from and until so many days from now; return it and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a NAS")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.mark.parametrize(("days", "error"), [((-1, 1), NotTheService), ((-9, -2), ClockWrong), ((2, 9), ClockWrong)])
def test_certificates(
    apache2: str, tmp_path: Path, open_at: Opener, days: tuple[int, int], error: type[StoreError]
) -> None:
    """One that nobody vouches for is refused until the owner names its file; one of another time is refused anyhow."""
    files = certificate(tmp_path, days)
    with apache(apache2, tls=files) as server:
        address = server.address.replace("127.0.0.1", "localhost")
        believed = {"address": address, "certificate": str(files[0])}
        if error is NotTheService:
            with pytest.raises(NotTheService):
                open_at(server, address=address)
            store = open_at(server, **believed)
            store.put("config", BytesPayload(b"safe"))
            assert store.get("config") == b"safe"
        else:
            with pytest.raises(error):
                open_at(server, **believed)


def test_answer_that_is_cut_is_offline(cutter: Dav, open_at: Opener) -> None:
    """Half an object is never handed out as a whole one."""
    with pytest.raises(Offline):
        open_at(cutter, user="").get("config")
