"""The way back from the browser: one answer, with the right state, on one path, and nothing else."""

import http.client
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from traybackup.api.errors import SignInImpossible, SignInRefused
from traybackup.api.provider import Redirects
from traybackup.app.language import LANGUAGES, Language
from traybackup.app.loopback import Loopback, understand
from traybackup.app.wording.pages import PAGES

STATE = "a-state-nobody-knows"


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    with Loopback(Redirects(), STATE, PAGES) as found:
        yield found


class Answer:
    """What a browser got."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode()


def visit(loopback: Loopback, query: str, *, path: str | None = None, method: str = "GET", host: str = "") -> Answer:
    where = urlsplit(loopback.redirect_uri)
    assert where.port is not None
    client = http.client.HTTPConnection("127.0.0.1", where.port, timeout=10)
    try:
        target = f"{where.path if path is None else path}{query}"
        client.request(method, target, headers={"Host": host or where.netloc})
        return Answer(client.getresponse())
    finally:
        client.close()


def test_the_answer_arrives(loopback: Loopback) -> None:
    """Code and scope are handed on, and the page says that the window can be closed."""
    found = visit(loopback, f"?state={STATE}&code=4%2F0abc&scope=a+b")
    assert found.status == 200
    assert "You can close this window" in found.body
    assert loopback.over.wait(5)
    answer = loopback.answer
    assert answer is not None
    answer.check()
    assert (answer.code, answer.scope) == ("4/0abc", "a b")


def test_only_this_computer_is_listened_to(loopback: Loopback) -> None:
    """The socket is bound to the loopback address, on a path that nobody can guess."""
    assert all(server.server_address[0] == "127.0.0.1" for server in loopback._servers)
    assert len(urlsplit(loopback.redirect_uri).path) > 16


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?code=x", 400),
        ("?state=&code=x", 400),
        ("?state=wrong&code=x", 400),
        (f"?state={STATE}x&code=x", 400),
        (f"?state=%C3%A4{STATE}&code=x", 400),
        (f"?state={STATE}", 400),
        (f"?state={STATE}&code=", 400),
        (f"?state={STATE}&code=a%00b", 400),
        (f"?state={STATE}&state={STATE}&code=x", 400),
        (f"?state={STATE}&code=x&code=y", 400),
        (f"?state={STATE}&code=x&" + "&".join(f"p{number}=1" for number in range(50)), 400),
        (f"?state={STATE}&code=" + "x" * 5000, 400),
    ],
)
def test_whatever_is_not_our_answer_changes_nothing(loopback: Loopback, query: str, status: int) -> None:
    """A wrong or missing state, a missing code, anything twice or too long: refused, and the right one still works."""
    assert visit(loopback, query).status == status
    assert loopback.answer is None
    assert not loopback.over.is_set()
    assert visit(loopback, f"?state={STATE}&code=right").status == 200
    assert loopback.answer is not None


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/x", "//", "/../"])
def test_other_paths_have_nothing(loopback: Loopback, path: str) -> None:
    """A favicon or a scan of ports gets a page that tells nothing, even with the right state."""
    found = visit(loopback, f"?state={STATE}&code=x", path=path)
    assert found.status == 404
    assert loopback.answer is None


@pytest.mark.parametrize("host", ["evil.example", "localhost:1", "127.0.0.1", "127.0.0.1.evil.example"])
def test_other_hosts_names_are_refused(loopback: Loopback, host: str) -> None:
    """A name that somebody points at this computer (DNS rebinding) reads and sends nothing here."""
    assert visit(loopback, f"?state={STATE}&code=x", host=host).status == 421
    where = urlsplit(loopback.redirect_uri)
    absolute = f"http://evil.example{where.path}"
    assert visit(loopback, f"?state={STATE}&code=x", path=absolute).status == 421
    assert loopback.answer is None


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT"])
def test_other_methods_are_refused(loopback: Loopback, method: str) -> None:
    """A browser that comes back asks with GET."""
    assert visit(loopback, f"?state={STATE}&code=x", method=method).status == 501
    assert loopback.answer is None


def test_a_second_answer_is_none(loopback: Loopback) -> None:
    """A replay, with the same or another code, is told that it is over, and the first one stays."""
    visit(loopback, f"?state={STATE}&code=first")
    assert visit(loopback, f"?state={STATE}&code=second").status == 410
    assert visit(loopback, f"?state={STATE}&error=access_denied").status == 410
    assert loopback.answer is not None
    assert loopback.answer.code == "first"


def test_of_many_answers_at_once_one_counts(loopback: Loopback) -> None:
    """Two tabs that come back at one moment do not both win."""
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda code=number: statuses.append(visit(loopback, f"?state={STATE}&code={code}").status)
        )
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [410] * 7


@pytest.mark.parametrize(
    ("word", "reason"),
    [("access_denied", "access_denied"), ("server_error", "server_error"), ("<script>", "error"), ("a b", "error")],
)
def test_a_refusal_is_an_answer(loopback: Loopback, word: str, reason: str) -> None:
    """Who says no in the browser is told that nothing was changed; the service's word is handed on if it is one."""
    found = visit(loopback, f"?state={STATE}&error={word.replace(' ', '+')}")
    assert found.status == 200
    assert "Nothing was changed" in found.body
    answer = loopback.answer
    assert answer is not None
    with pytest.raises(SignInRefused) as caught:
        answer.check()
    assert caught.value.reason == reason


def test_after_closing_nobody_listens(loopback: Loopback) -> None:
    """The port is free again."""
    loopback.close()
    port = urlsplit(loopback.redirect_uri).port
    assert port is not None
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):  # noqa: PT011 - refused
        pass


def test_connections_that_say_nothing_hold_up_nobody(loopback: Loopback) -> None:
    """Browsers open connections in advance; the answer comes over another one."""
    port = urlsplit(loopback.redirect_uri).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(b"GET /")
        assert visit(loopback, f"?state={STATE}&code=x").status == 200


def test_pages_give_nothing_away(loopback: Loopback) -> None:
    """They are not cached, tell no other site where they came from, and run no script."""
    found = visit(loopback, f"?state={STATE}&code=secret-code")
    assert found.headers["Cache-Control"] == "no-store"
    assert found.headers["Referrer-Policy"] == "no-referrer"
    assert found.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Python" not in str(found.headers)
    assert "secret-code" not in found.body
    assert STATE not in found.body


def test_registered_ports_and_paths_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that knows its redirect addresses gets exactly one of them; a taken port is passed over."""
    monkeypatch.setattr("traybackup.app.loopback._Server6", None)  # see below for the other address of localhost
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        ports = (taken.getsockname()[1], free.getsockname()[1])
        free.close()
        with Loopback(Redirects(ports=ports, path="/back"), STATE, PAGES) as found:
            assert found.redirect_uri == f"http://127.0.0.1:{ports[1]}/back"
        with pytest.raises(SignInImpossible) as caught:
            Loopback(Redirects(ports=ports[:1]), STATE, PAGES)
        assert caught.value.why == "ports-taken"


def test_registered_port_is_free_again_at_once() -> None:
    """Who signs in several times within a minute is not told that all ports are taken: the first is used each time."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for _ in range(3):
        with Loopback(Redirects(ports=(port,), path="/"), STATE, PAGES) as found:
            assert found.redirect_uri == f"http://127.0.0.1:{port}/"
            with socket.create_connection(("127.0.0.1", port), timeout=10) as browser:
                browser.sendall(f"GET /?state={STATE}&code=x HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
                while browser.recv(65536):  # the listener ends the connection, and its port remembers that
                    pass
            assert found.over.wait(5)


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 loopback here")
def test_localhost_means_both_addresses() -> None:
    """A browser may take localhost for either; a port on which somebody else has the other one is not used."""
    with Loopback(Redirects(host="localhost"), STATE, PAGES) as found:
        port = urlsplit(found.redirect_uri).port
        client = http.client.HTTPConnection("::1", port, timeout=10)
        where = urlsplit(found.redirect_uri)
        client.request("GET", f"{where.path}?state={STATE}&code=x", headers={"Host": where.netloc})
        assert client.getresponse().status == 200
        client.close()
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        with pytest.raises(SignInImpossible):
            Loopback(Redirects(host="localhost", ports=(port,)), STATE, PAGES)


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_every_page(code: str) -> None:
    """Each page says that the window can be closed."""
    closing = {"en": "close this window", "de": "Fenster schließen", "es": "cerrar esta ventana"}
    for page in PAGES.values():
        assert closing[code] in Language(code).gettext(page.text)


def test_a_page_names_its_language() -> None:
    """So that the browser hyphenates and reads it aloud rightly."""
    with Loopback(Redirects(), STATE, PAGES, language="de") as found:
        assert b'<html lang="de">' in found.page("thanks")


def test_titles_are_escaped(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page says is text."""
    monkeypatch.setattr(loopback, "_pages", {"thanks": ("<b>", "&")})
    assert b"&lt;b&gt;" in loopback.page("thanks")


def test_an_address_that_was_pasted_is_understood_like_one_that_came() -> None:
    """The state counts there, too."""
    found = understand(f"code=x&state={STATE}", STATE)
    assert found is not None
    assert found.code == "x"
    assert understand("code=x&state=other", STATE) is None
