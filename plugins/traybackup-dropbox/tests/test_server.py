"""The stand-in refuses what Dropbox refuses: a client that passes here has not been treated kindly."""

import html
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from dropbox_owner import CHALLENGE, HERE, VERIFIER, Owner
from dropbox_server import World
from dropbox_server.uploads import content_hash
from dropbox_server.world import Stored

from traybackup.api import SignInRequest

Ask = Callable[..., requests.Response]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def ask(owner: Owner) -> Ask:
    """Return a function that calls a method, signed in: content goes as content, the rest as JSON."""
    owner.open()
    token = list(owner.server.world.access_tokens)[-1]

    def call(method: str, arguments: object, content: bytes | None = None, **headers: str) -> requests.Response:
        known = {"Authorization": f"Bearer {token}"}
        if content is None:
            known |= {"Content-Type": "application/json"}
            data: bytes = json.dumps(arguments).encode()
        else:
            known |= {"Content-Type": "application/octet-stream", "Dropbox-API-Arg": json.dumps(arguments)}
            data = content
        known |= {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(f"{owner.server.url}/2/{method}", headers=known, data=data, timeout=10)

    return call


def put(ask: Ask, path: str, content: bytes, **more: object) -> requests.Response:
    return ask("files/upload", {"path": path} | more, content)


def why(response: requests.Response) -> tuple[int, str]:
    """Return status and words of a refusal."""
    if response.headers["Content-Type"] != "application/json":
        return response.status_code, "text"
    return response.status_code, str(response.json()["error_summary"]).rstrip("./")


BAD: list[tuple[str, object, bytes | None]] = [
    ("files/get_metadata", {"path": "config"}, None),
    ("files/get_metadata", {"path": ""}, None),
    ("files/get_metadata", {}, None),
    ("files/get_metadata", {"path": "/x", "deleted": True}, None),
    ("files/get_metadata", {"path": 5}, None),
    ("files/get_metadata", ["/x"], None),
    ("files/list_folder", {"path": "/"}, None),
    ("files/list_folder", {"path": "", "limit": 2001}, None),
    ("files/list_folder", {"path": "", "limit": True}, None),
    ("files/list_folder/continue", {"cursor": ""}, None),
    ("files/delete_v2", {"path": "/x", "parent_rev": "1"}, None),
    ("files/upload", {"path": "/x", "mode": "update"}, b""),
    ("files/upload", {"path": "x"}, b""),
    ("files/upload", {"path": "/x", "content_hash": "abc"}, b""),
    ("files/upload", {"path": "/x", "overwrite": True}, b""),
    ("files/upload_session/append_v2", {"session_id": "x"}, b""),
    ("files/upload_session/append_v2", {"cursor": {"session_id": "x"}}, b""),
    ("files/upload_session/finish", {"cursor": {"session_id": "x", "offset": 0}}, b""),
    ("files/upload_session/finish", {"cursor": {"session_id": "x", "offset": 0}, "commit": {"to": "/x"}}, b""),
    ("users/get_space_usage", {}, None),
    ("files/permanently_erase", {"path": "/x"}, None),
]


@pytest.mark.parametrize(("method", "arguments", "content"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_request_that_cannot_be_is_refused(ask: Ask, method: str, arguments: object, content: bytes | None) -> None:
    """Unknown arguments, missing ones, wrong kinds and values, and methods that are none: 400, in plain words."""
    answer = ask(method, arguments, content)
    assert why(answer) == (400, "text")
    assert answer.text.startswith(f'Error in call to API function "{method}"')


def test_content_types_must_be_right(ask: Ask) -> None:
    """Content is an octet stream, everything else JSON; arguments in a header are plain ASCII."""
    assert why(ask("files/list_folder", {"path": ""}, Content_Type="text/plain")) == (400, "text")
    assert why(ask("files/upload", {"path": "/x"}, b"", Content_Type="application/json")) == (400, "text")
    assert why(ask("files/upload", {"path": "/x"}, b"", Dropbox_API_Arg='{"path": "/\u00e4"}')) == (400, "text")
    assert why(ask("files/download", {"path": "/x"}, b"body")) == (400, "text")


def test_nobody_gets_in_without_a_token(owner: Owner, world: World) -> None:
    """No token, a wrong one, one that is over: 401, and each says which."""
    url = f"{owner.server.url}/2/users/get_space_usage"
    owner.open()
    token = list(world.access_tokens)[-1]
    known = {"Content-Type": "application/json"}
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {token}"}):
        answer = requests.post(url, headers=known | header, data="null", timeout=5)
        assert why(answer) == (401, "invalid_access_token")
    known["Authorization"] = f"Bearer {token}"
    assert requests.post(url, headers=known, data="null", timeout=5).status_code == 200
    world.advance(world.lifetime + 1)
    assert why(requests.post(url, headers=known, data="null", timeout=5)) == (401, "expired_access_token")


def test_rights_are_looked_at(ask: Ask, world: World) -> None:
    """What was not granted is refused, by the right that is missing."""
    for grant in world.refresh_tokens.values():
        grant.scopes = frozenset({"account_info.read"})
    answer = put(ask, "/x", b"1")
    assert why(answer) == (401, "missing_scope")
    assert answer.json()["error"]["required_scope"] == "files.content.write"
    assert ask("users/get_space_usage", None).status_code == 200


def test_write_modes(ask: Ask) -> None:
    """What is there is not written over by adding; the same content is no conflict unless it is to be one."""
    assert put(ask, "/a/b", b"1").json()["path_display"] == "/a/b"
    assert why(put(ask, "/a/b", b"2")) == (409, "path/conflict/file")
    assert put(ask, "/a/b", b"1").status_code == 200
    assert why(put(ask, "/a/b", b"1", strict_conflict=True)) == (409, "path/conflict/file")
    assert put(ask, "/A/B", b"3", mode={".tag": "overwrite"}).json()["path_display"] == "/a/b"
    assert why(put(ask, "/a", b"1", mode="overwrite")) == (409, "path/conflict/folder")
    assert why(put(ask, "/a/b/c", b"1")) == (409, "path/conflict/file_ancestor")
    assert put(ask, "/x", b"1").json().keys() >= {"rev", "content_hash", "server_modified", "id"}


def test_names_that_dropbox_does_not_keep(ask: Ask) -> None:
    """Ignored names, backslashes, spaces at the end, and parts that are too long."""
    assert why(put(ask, "/a/Desktop.INI", b"")) == (409, "path/disallowed_name")
    for path in ("/a\\b", "/a ", "/a//b", "/" + "x" * 256):
        assert why(put(ask, path, b"")) == (409, "path/malformed_path")


def test_hash_that_does_not_fit_is_refused(ask: Ask, world: World) -> None:
    """A hash that was given must be that of what arrives."""
    assert why(put(ask, "/x", b"1", content_hash=content_hash(b"2"))) == (409, "content_hash_mismatch")
    assert put(ask, "/x", b"1", content_hash=content_hash(b"1")).status_code == 200
    assert list(world.tree()) == ["x"]


def test_sessions_want_the_right_offset(ask: Ask, world: World) -> None:
    """A piece fits to what is there or is refused with the right offset; a finished session is no more."""
    session = ask("files/upload_session/start", {}, b"hello").json()["session_id"]

    def cursor(offset: int) -> dict[str, object]:
        return {"session_id": session, "offset": offset}

    wrong = ask("files/upload_session/append_v2", {"cursor": cursor(3)}, b"x")
    assert why(wrong) == (409, "incorrect_offset")
    assert wrong.json()["error"] == {".tag": "incorrect_offset", "correct_offset": 5}
    assert ask("files/upload_session/append_v2", {"cursor": cursor(5)}, b", you").json() is None
    assert world.tree() == {}
    wrong = ask("files/upload_session/finish", {"cursor": cursor(5), "commit": {"path": "/x"}}, b"")
    assert wrong.json()["error"]["lookup_failed"] == {".tag": "incorrect_offset", "correct_offset": 10}
    done = ask("files/upload_session/finish", {"cursor": cursor(10), "commit": {"path": "/x"}}, b"!")
    assert done.json()["content_hash"] == content_hash(b"hello, you!")
    for offset in (0, 11):
        again = ask("files/upload_session/finish", {"cursor": cursor(offset), "commit": {"path": "/x"}}, b"")
        assert why(again) == (409, "lookup_failed/not_found")
        assert why(ask("files/upload_session/append_v2", {"cursor": cursor(offset)}, b"")) == (409, "not_found")


def test_closed_session_takes_nothing_more(ask: Ask) -> None:
    """A session that was closed is only good for finishing."""
    session = ask("files/upload_session/start", {"close": True}, b"x").json()["session_id"]
    cursor = {"session_id": session, "offset": 1}
    assert why(ask("files/upload_session/append_v2", {"cursor": cursor}, b"y")) == (409, "closed")


def test_ranges(ask: Ask) -> None:
    """A part of a file, to its end, and outside."""
    put(ask, "/x", b"0123456789")
    for span, status, body in (
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=7-99", 206, b"789"),
        ("bytes=10-", 416, b""),
        ("lines=1-2", 200, b"0123456789"),
    ):
        answer = ask("files/download", {"path": "/x"}, b"", Range=span)
        assert (answer.status_code, answer.content) == (status, body)
    assert json.loads(ask("files/download", {"path": "/X"}, b"").headers["Dropbox-API-Result"])["size"] == 10


def test_listing_pages_and_changes(ask: Ask, world: World) -> None:
    """Pages lead to one another; the last cursor leads to what has changed since; unknown ones are refused."""
    for number in range(5):
        put(ask, f"/F/{number}", b"x")
    page = ask("files/list_folder", {"path": "/f", "recursive": True, "limit": 4}).json()
    assert [one["name"] for one in page["entries"]] == ["F", "0", "1", "2"]
    assert page["has_more"]
    page = ask("files/list_folder/continue", {"cursor": page["cursor"]}).json()
    assert [one["name"] for one in page["entries"]] == ["3", "4"]
    assert not page["has_more"]
    put(ask, "/F/new", b"x")
    ask("files/delete_v2", {"path": "/F/0"})
    put(ask, "/elsewhere", b"x")
    page = ask("files/list_folder/continue", {"cursor": page["cursor"]}).json()
    assert [(one[".tag"], one["name"]) for one in page["entries"]] == [("file", "new"), ("deleted", "0")]
    assert ask("files/list_folder/continue", {"cursor": page["cursor"]}).json()["entries"] == []
    assert why(ask("files/list_folder/continue", {"cursor": "nonsense"})) == (409, "reset")
    assert why(ask("files/list_folder", {"path": "/nowhere"})) == (409, "path/not_found")
    assert why(ask("files/list_folder", {"path": "/elsewhere"})) == (409, "path/not_folder")
    assert len(ask("files/list_folder", {"path": ""}).json()["entries"]) == 2
    world.place.add(Stored("/F", "id:x"))


def test_deleting(ask: Ask) -> None:
    """A folder goes with what is in it; a revision must be the right one; what is gone can still be told of."""
    rev = put(ask, "/a/x", b"1").json()["rev"]
    put(ask, "/a/y", b"2")
    assert why(ask("files/delete_v2", {"path": "/a", "parent_rev": rev})) == (409, "path_write/conflict/folder")
    assert why(ask("files/delete_v2", {"path": "/a/y", "parent_rev": rev})) == (409, "path_write/conflict/file")
    assert ask("files/delete_v2", {"path": "/a/x", "parent_rev": rev}).status_code == 200
    assert ask("files/delete_v2", {"path": "/A"}).json()["metadata"][".tag"] == "folder"
    assert why(ask("files/delete_v2", {"path": "/a"})) == (409, "path_lookup/not_found")
    assert why(ask("files/get_metadata", {"path": "/a/y"})) == (409, "path/not_found")
    assert ask("files/get_metadata", {"path": "/a/y", "include_deleted": True}).json()[".tag"] == "deleted"
    assert why(ask("files/download", {"path": "/a/y"}, b"")) == (409, "path/not_found")


def test_second_change_at_the_same_time_is_refused(ask: Ask, world: World) -> None:
    """Where changes take time, two at once are too many."""
    world.commit_seconds = 0.01
    world._committing.acquire()
    answer = put(ask, "/x", b"1")
    assert why(answer) == (429, "too_many_write_operations")
    assert answer.json()["error"]["retry_after"] == 1
    world._committing.release()
    assert put(ask, "/x", b"1").status_code == 200


def test_folder_can_be_made_and_account_be_a_team_s(ask: Ask, world: World) -> None:
    """What other clients of the service need is there, too."""
    assert ask("files/create_folder_v2", {"path": "/a"}).json()["metadata"]["path_lower"] == "/a"
    assert why(ask("files/create_folder_v2", {"path": "/A"})) == (409, "path/conflict/folder")
    world.accounts[0].team = True
    assert ask("users/get_space_usage", None).json()["allocation"][".tag"] == "team"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "unknown"},
        {"redirect_uri": "http://localhost:1/"},
        {"response_type": "token"},
        {"scope": "files.permanent_delete"},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"token_access_type": "legacy"},
        {"prompt": "consent"},
    ],
)
def test_question_to_the_owner_must_be_right(stranger: Owner, wrong: dict[str, str]) -> None:
    """An address with a mistake shows an error instead of a question."""
    address = stranger.provider.sign_in_url(stranger.settings, SignInRequest(HERE, "s", CHALLENGE))
    page, _, query = address.partition("?")
    asked = dict(pair.split("=") for pair in query.split("&"))
    assert requests.get(address, allow_redirects=False, timeout=5).status_code == 302
    asked = {name: requests.utils.unquote(value.replace("+", " ")) for name, value in asked.items()} | wrong
    assert requests.get(f"{page}?{urlencode(asked)}", allow_redirects=False, timeout=5).status_code == 400


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "client_id": "traybackupkey1"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "client_id": "x"}, "invalid_client: Invalid client_id or client_secret"),
        ({"grant_type": "refresh_token", "client_id": "traybackupkey1", "refresh_token": "x"}, "invalid_grant"),
        (
            {"grant_type": "authorization_code", "client_id": "traybackupkey1", "code": "x", "code_verifier": VERIFIER},
            "invalid_grant",
        ),
        ({"grant_type": "authorization_code", "client_id": "traybackupkey1", "state": "x"}, "invalid_request"),
    ],
)
def test_tokens_are_not_given_for_nothing(owner: Owner, form: dict[str, str], error: str) -> None:
    """Every mistake in a form has Dropbox's word for it."""
    answer = requests.post(f"{owner.server.url}/oauth2/token", data=form, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    answer = requests.post(f"{owner.server.url}/oauth2/token", json=form, timeout=5)
    assert answer.json()["error"] == "invalid_request"


def test_page_to_click_on(stranger: Owner, world: World) -> None:
    """By hand, the owner chooses: every account can allow, allow less, or cancel."""
    world.policy = "ask"
    address = stranger.provider.sign_in_url(stranger.settings, SignInRequest(HERE, "s", CHALLENGE))
    page = requests.get(address, timeout=5).text
    links = [html.unescape(one) for one in re.findall(r'href="([^"]+)"', page)]
    assert len(links) == 6
    back = [
        requests.get(stranger.server.url + one, allow_redirects=False, timeout=5).headers["Location"] for one in links
    ]
    assert ["code=" in one for one in back] == [True, True, False] * 2


def test_server_can_be_started_by_hand() -> None:
    """It prints what the settings want, and ends on Ctrl-C."""
    command = [sys.executable, "-m", "dropbox_server", "--port", "0"]
    with subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip().removeprefix("endpoint=")
        assert process.stdout.readline() == "app_key=traybackupkey1\n"
        assert requests.post(f"{endpoint}/oauth2/token", headers=FORM, timeout=5).status_code == 400
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
