"""The stand-in refuses what Google refuses: a client that passes here has not been treated kindly."""

import html
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from drive_owner import Owner
from drive_server import World, masks, query
from drive_server.messages import Refused
from drive_server.world import FOLDER, TOP, Stored

from traybackup.api import SignInRequest

Ask = Callable[..., requests.Response]
UNIT = 256 << 10


@pytest.fixture
def ask(owner: Owner) -> Ask:
    """Return a function that sends a signed-in request."""
    owner.open()
    token = list(owner.server.world.access_tokens)[-1]

    def send(verb: str, path: str, headers: Mapping[str, str] | None = None, **more: object) -> requests.Response:
        known = {"Authorization": f"Bearer {token}"} | dict(headers or {})
        url = path if path.startswith("http:") else owner.server.url + path
        return requests.request(verb, url, headers=known, timeout=10, allow_redirects=False, **more)  # type: ignore[arg-type]  # handed on

    return send


@pytest.fixture
def file_id(ask: Ask) -> str:
    ids = ask("GET", "/drive/v3/files/generateIds?count=3").json()["ids"]
    assert len(ids) == 3
    return str(ids[0])


def multipart(metadata: object, content: bytes, kind: str = "application/json; charset=UTF-8") -> dict[str, object]:
    body = f"--b\r\nContent-Type: {kind}\r\n\r\n{json.dumps(metadata)}\r\n--b\r\nContent-Type: x/y\r\n\r\n".encode()
    return {"data": body + content + b"\r\n--b--\r\n", "headers": {"Content-Type": "multipart/related; boundary=b"}}


def reason(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["errors"][0]["reason"]


@pytest.mark.parametrize(
    ("verb", "path", "status", "why"),
    [
        ("GET", "/drive/v3/about", 400, "required"),
        ("GET", "/drive/v3/about?fields=nonsense", 400, "invalid"),
        ("GET", "/drive/v3/files?pageSize=1001", 400, "invalid"),
        ("GET", "/drive/v3/files?pageSize=0", 400, "invalid"),
        ("GET", "/drive/v3/files?maxResults=5", 400, "invalid"),
        ("GET", "/drive/v3/files?q=title='x'", 400, "invalid"),
        ("GET", "/drive/v3/files?pageToken=x", 400, "invalid"),
        ("GET", "/drive/v3/files?spaces=appDataFolder", 400, "invalid"),
        ("GET", "/drive/v3/files?fields=items", 400, "invalid"),
        ("GET", "/drive/v3/files/root", 404, "notFound"),
        ("GET", "/drive/v3/files/nothing", 404, "notFound"),
        ("DELETE", "/drive/v3/files/nothing", 404, "notFound"),
        ("GET", "/drive/v3/files/generateIds?count=1001", 400, "invalid"),
        ("POST", "/upload/drive/v3/files", 400, "invalid"),
        ("POST", "/upload/drive/v3/files?uploadType=media", 400, "invalid"),
    ],
)
def test_request_that_cannot_be_is_refused(ask: Ask, verb: str, path: str, status: int, why: str) -> None:
    """Unknown parameters, fields, values and ids are errors, in Google's form."""
    assert reason(ask(verb, path)) == (status, why)


def test_nobody_gets_in_without_a_token(owner: Owner, world: World) -> None:
    """No token, a wrong one, one that is over: 401."""
    url = f"{owner.server.url}/drive/v3/files"
    owner.open()
    token = list(world.access_tokens)[-1]
    good = {"Authorization": f"Bearer {token}"}
    assert requests.get(url, headers=good, timeout=5).status_code == 200
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {token}"}):
        assert reason(requests.get(url, headers=headers, timeout=5)) == (401, "authError")
    world.advance(world.lifetime + 1)
    assert requests.get(url, headers=good, timeout=5).status_code == 401


def test_answers_have_four_fields_unless_more_are_asked_for(ask: Ask, file_id: str) -> None:
    """Size and checksums come only to whoever names them."""
    ask("POST", "/upload/drive/v3/files?uploadType=multipart", **multipart({"id": file_id, "name": "a"}, b"hello"))
    assert set(ask("GET", f"/drive/v3/files/{file_id}").json()) == {"kind", "id", "name", "mimeType"}
    assert ask("GET", f"/drive/v3/files/{file_id}?fields=size,sha256Checksum").json()["size"] == "5"
    assert set(ask("GET", "/drive/v3/files").json()["files"][0]) == {"kind", "id", "name", "mimeType"}
    assert ask("GET", "/drive/v3/files?fields=files(size)").json() == {"files": [{"size": "5"}]}


def test_id_can_be_used_once_and_only_if_it_was_generated(ask: Ask, file_id: str) -> None:
    """A second create with the same id is a conflict; an invented id is refused; a deleted one stays used."""
    path = "/upload/drive/v3/files?uploadType=multipart"
    assert ask("POST", path, **multipart({"id": file_id}, b"1")).status_code == 200
    assert reason(ask("POST", path, **multipart({"id": file_id}, b"2"))) == (409, "fileIdInUse")
    assert reason(ask("POST", path, **multipart({"id": "invented"}, b"1"))) == (400, "invalid")
    assert ask("DELETE", f"/drive/v3/files/{file_id}").status_code == 204
    assert reason(ask("POST", path, **multipart({"id": file_id}, b"3"))) == (409, "fileIdInUse")


@pytest.mark.parametrize(
    "wrong",
    [
        multipart({"name": "a", "title": "b"}, b""),
        multipart({"name": "a", "parents": ["nowhere"]}, b""),
        multipart({"name": "a", "parents": ["root", "root"]}, b""),
        multipart({"name": "a", "mimeType": FOLDER}, b"x"),
        multipart(["a"], b""),
        multipart({"name": "a"}, b"", kind="text/plain"),
        multipart({"name": "a"}, bytes((5 << 20) + 1)),
        {"data": b"--b\r\n\r\n--b--", "headers": {"Content-Type": "multipart/related; boundary=b"}},
        {"data": b"{}", "headers": {"Content-Type": "application/json"}},
    ],
)
def test_multipart_that_cannot_be_is_refused(ask: Ask, world: World, wrong: dict[str, object]) -> None:
    """Unknown fields, folders that are not there, wrong parts and more than 5 MB leave nothing behind."""
    assert 400 <= ask("POST", "/upload/drive/v3/files?uploadType=multipart", **wrong).status_code < 500
    assert world.accounts[0].files == {}


def begin(ask: Ask, owner: Owner, size: int) -> str:
    response = ask(
        "POST",
        "/upload/drive/v3/files?uploadType=resumable&fields=size",
        headers={"X-Upload-Content-Length": str(size)},
        json={"name": "large"},
    )
    location = response.headers["Location"]
    assert location.startswith("https://www.googleapis.com/upload/drive/v3/files?")
    return location.replace("https://www.googleapis.com", owner.server.url)


def put(ask: Ask, session: str, span: str, data: bytes = b"") -> requests.Response:
    return ask("PUT", session, headers={"Content-Range": span}, data=data)


def test_session_takes_pieces_in_order_and_in_multiples(ask: Ask, owner: Owner, world: World) -> None:
    """Wrong offsets, sizes and totals are refused; the object is there when the last byte is."""
    size = 2 * UNIT + 5
    session = begin(ask, owner, size)
    assert put(ask, session, f"bytes */{size}").headers.get("Range") is None
    assert put(ask, session, f"bytes 0-99/{size}", bytes(100)).status_code == 400
    assert put(ask, session, f"bytes 0-{UNIT - 1}/{size + 1}", bytes(UNIT)).status_code == 400
    assert put(ask, session, f"bytes 0-{UNIT}/{size}", bytes(UNIT)).status_code == 400
    assert put(ask, session, "nonsense", bytes(UNIT)).status_code == 400
    early = put(ask, session, f"bytes {UNIT}-{2 * UNIT - 1}/{size}", bytes(UNIT))
    assert (early.status_code, "exceeds already uploaded size" in early.text) == (503, True)
    first = put(ask, session, f"bytes 0-{UNIT - 1}/{size}", bytes(UNIT))
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{UNIT - 1}")
    assert world.named("large") == []
    last = put(ask, session, f"bytes {UNIT}-{size - 1}/{size}", bytes(UNIT + 5))
    assert (last.status_code, last.json()) == (200, {"size": str(size)})
    assert put(ask, session, f"bytes */{size}").json() == {"size": str(size)}
    assert len(world.named("large")) == 1


def test_session_can_be_dropped(ask: Ask, owner: Owner) -> None:
    """After its end a session is not found."""
    session = begin(ask, owner, 10)
    assert ask("DELETE", session).status_code == 499
    assert put(ask, session, "bytes */10").status_code == 404
    assert ask("DELETE", session).status_code == 404


def test_ranges(ask: Ask, file_id: str) -> None:
    """A range is answered as HTTP has it, past the end with 416, and a nonsense one is refused."""
    ask("POST", "/upload/drive/v3/files?uploadType=multipart", **multipart({"id": file_id}, b"0123456789"))
    path = f"/drive/v3/files/{file_id}?alt=media"
    for span, status, body in (
        ("bytes=0-3", 206, b"0123"),
        ("bytes=8-", 206, b"89"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, None),
    ):
        response = ask("GET", path, headers={"Range": span})
        assert response.status_code == status
        assert body is None or response.content == body
    assert ask("GET", path, headers={"Range": "bytes=-3"}).status_code == 400
    assert ask("GET", path).content == b"0123456789"


def test_deleting_a_folder_deletes_what_is_in_it(ask: Ask, world: World) -> None:
    """As Google does it."""
    folder = ask("POST", "/drive/v3/files", json={"name": "f", "mimeType": FOLDER}).json()["id"]
    ask(
        "POST",
        "/upload/drive/v3/files?uploadType=multipart",
        **multipart({"name": "inside", "parents": [folder]}, b"x"),
    )
    assert world.path(world.accounts[0], world.named("inside")[0]) == "f/inside"
    assert reason(ask("GET", f"/drive/v3/files/{folder}?alt=media")) == (403, "fileNotDownloadable")
    ask("DELETE", f"/drive/v3/files/{folder}")
    assert world.accounts[0].files == {}


def authorize(owner: Owner, **changes: str) -> requests.Response:
    address = owner.provider.sign_in_url(owner.settings, SignInRequest("http://127.0.0.1:1/", "s", "c" * 43))
    parts = urlsplit(address)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    url = f"{parts.scheme}://{parts.netloc}{parts.path}?{urlencode(asked)}"
    return requests.get(url, timeout=10, allow_redirects=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://127.0.0.1:1/?x=1"},
        {"response_type": "token"},
        {"scope": "https://www.googleapis.com/auth/drive.readonly"},
        {"scope": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"unknown": "1"},
    ],
)
def test_page_that_asks_the_owner_refuses_a_wrong_question(stranger: Owner, wrong: dict[str, str]) -> None:
    """A wrong client, way back, scope or challenge ends on the page, and nothing goes back."""
    response = authorize(stranger, **wrong)
    assert response.status_code == 400
    assert "Location" not in response.headers


def test_owner_may_choose_on_the_page(stranger: Owner) -> None:
    """By hand, each account and each answer is a link, and following one leads back with its answer."""
    stranger.server.world.policy = "ask"
    page = authorize(stranger).text
    links = [html.unescape(link) for link in re.findall(r'href="([^"]+)"', page)]
    assert len(links) == 6
    backs = [
        requests.get(stranger.server.url + link, timeout=10, allow_redirects=False).headers["Location"]
        for link in links
    ]
    assert sum("code=" in back for back in backs) == 4
    assert sum("error=access_denied" in back for back in backs) == 2


def test_server_can_be_started_by_hand(stranger: Owner) -> None:
    """It says how to reach it, serves, and ends when it is interrupted."""
    folder = Path(__file__).parent
    with subprocess.Popen(
        [sys.executable, "-m", "drive_server", "--port", "0", "--policy", "accept"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
        stranger.settings |= said
        stranger.sign_in()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0


FILE = Stored("id", "It's \\ a Name", "text/plain", "parent", "client", 0)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", True),
        ("trashed = false", True),
        ("trashed=true", False),
        ("trashed != true", True),
        ("name = 'It\\'s \\\\ a Name'", True),
        ("name = 'IT\\'S \\\\ A NAME'", True),
        ("name = 'It'", False),
        ("'parent' in parents", True),
        ("'root' in parents", False),
        ("mimeType = 'text/plain' and 'parent' in parents", True),
        ("mimeType != 'text/plain'", False),
        ("mimeType != 'text/plain' or trashed = false", True),
        ("not trashed = true and (name = 'x' or 'parent' in parents)", True),
        ("(trashed = true or trashed = true) and trashed = false", False),
    ],
)
def test_query_means_what_the_documentation_says(text: str, fits: bool) -> None:  # noqa: FBT001 - a fact
    """Comparisons, and, or, not and parentheses; names in any case; quotes and backslashes escaped."""
    assert query.compiled(text)(FILE, False) is fits
    assert query.compiled("'root' in parents")(Stored("", "", "", TOP, "", 0), False)


@pytest.mark.parametrize(
    "text",
    [
        "name = 'It's'",
        'name = "x"',
        "name == 'x'",
        "title = 'x'",
        "trashed = 'false'",
        "trashed = maybe",
        "'x' in owners",
        "name = 'x' and",
        "(name = 'x'",
        "name = 'x')",
        "name = 'a\\n'",
        "name",
        "= 'x'",
    ],
)
def test_query_that_cannot_be_read_is_refused(text: str) -> None:
    """Wrong quoting, unknown fields and unfinished sentences are errors, not empty results."""
    with pytest.raises(Refused):
        query.compiled(text)


@pytest.mark.parametrize("text", ["", "a(", "a(b", "a)b", "a,,b", "a b", "(a)", "a/"])
def test_mask_that_cannot_be_read_is_refused(text: str) -> None:
    """What ``fields`` says must make sense."""
    with pytest.raises(Refused):
        masks.parsed(text)


def test_mask_selects() -> None:
    """Lists, levels and stars, as documented."""
    value = {"files": [{"id": "1", "size": "2"}], "kind": "k", "user": {"name": "n", "id": "i"}}
    known = frozenset({"files", "id", "size", "kind", "user", "name"})
    assert masks.selected(masks.parsed("files(id)"), value, known) == {"files": [{"id": "1"}]}
    assert masks.selected(masks.parsed("files/id,kind"), value, known) == {"files": [{"id": "1"}]} | {"kind": "k"}
    assert masks.selected(masks.parsed("*"), value, known) == value
    assert masks.selected(masks.parsed("user(name),kind"), value, known) == {"user": {"name": "n"}, "kind": "k"}
