"""What the provider asks for, and what it brings into the program and when."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import traybackup_dropbox
from dropbox_owner import Owner
from traybackup_dropbox import app, config
from traybackup_dropbox.addresses import Addresses
from traybackup_dropbox.provider import PORTS, Dropbox
from traybackup_dropbox.service import Commit
from traybackup_dropbox.upload import Attempt

from traybackup.api import NotTheService, Provider, SettingInvalid, SignInRequest
from traybackup.testing import MemoryVault

HEAVY = ("dropbox", "requests", "stone", "urllib3")
FRESH = """
import json, sys
heavy = {heavy!r}
import traybackup_dropbox
from traybackup.api import SignInRequest
(provider,) = traybackup_dropbox.traybackup_providers()
settings = {{"app_key": "x", "endpoint": "http://127.0.0.1:9"}}
provider.sign_in_url(settings, SignInRequest("http://localhost:53781/", "state", "c" * 43))
before = [name for name in sys.modules if name.split(".")[0] in heavy]
try:
    from traybackup.testing import MemoryVault
    provider.open(settings, MemoryVault())
except Exception as error:
    code = error.code
after = sorted({{name.split(".")[0] for name in sys.modules}} & set(heavy))
print(json.dumps([before, after, code]))
"""


def test_libraries_come_only_with_opening() -> None:
    """In a fresh interpreter neither the plugin nor its form nor the sign-in's address brings in a cloud library."""
    done = subprocess.run(
        [sys.executable, "-c", FRESH.format(heavy=HEAVY)], capture_output=True, text=True, check=True, timeout=60
    )
    before, after, code = json.loads(done.stdout)
    assert before == []
    assert after == sorted(HEAVY)
    assert code == "sign-in-needed"


def test_entry_point_brings_one_provider() -> None:
    """The program finds the plugin by its entry point, and its hook returns Dropbox."""
    (found,) = [one for one in entry_points(group="traybackup") if one.name == "dropbox"]
    plugin = found.load()
    assert plugin is traybackup_dropbox
    (provider,) = plugin.traybackup_providers()
    assert isinstance(provider, Provider)
    assert (provider.id, provider.label) == ("dropbox", "Dropbox")


def test_fields_can_be_asked_for() -> None:
    """Every setting has a key and a label; there is no secret; what few need is advanced."""
    fields = {field.key: field for field in Dropbox.fields}
    assert list(fields) == ["folder", "account", "app_key", "endpoint"]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", key) for key in fields)
    assert fields[Dropbox.location_field].default == "TrayBackup"
    assert [key for key, field in fields.items() if not field.advanced] == ["folder"]


@pytest.mark.parametrize("language", ["de", "es"])
def test_settings_are_explained_in_the_owners_language(language: str) -> None:
    """Every label and every help has its words, and no word is left over."""
    said = {text for field in Dropbox.fields for text in (field.label, field.help) if text}
    assert Dropbox.translations[language].keys() == said


def test_way_back_is_one_that_can_be_registered() -> None:
    """Dropbox wants each address registered, port and all, and shows a code where none of them is free."""
    redirects = Dropbox.redirects
    assert redirects is not None
    assert (redirects.host, redirects.path, redirects.paste) == ("localhost", "/", True)
    assert redirects.ports == PORTS
    readme = (Path(traybackup_dropbox.__file__).parent.parent / "README.md").read_text("utf-8")
    assert all(f"http://localhost:{port}/" in readme for port in PORTS)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("", ("TrayBackup",)),
        ("Shop", ("Shop",)),
        ("/Shop/Till 1/", ("Shop", "Till 1")),
        (" a / b ", ("a", "b")),
        ("Größe ☕", ("Größe ☕",)),
        ("Gro\u0308\u00dfe", ("Gr\u00f6\u00dfe",)),
    ],
)
def test_folder_may_be_a_path(text: str, folder: tuple[str, ...]) -> None:
    """Slashes lead from folder to folder; without a setting the usual name is taken; letters are composed."""
    assert config.read({"folder": text, "app_key": "x"}).folder == folder


@pytest.mark.parametrize(
    "text", ["a//b", "a/ /b", "x" * 256, "a\nb", "a\0", "a\\b", ".", "..", "a/..", "desktop.ini", "a/Thumbs.DB"]
)
def test_folder_that_cannot_be(text: str) -> None:
    """A name that Dropbox or a person could not keep apart or show is refused."""
    with pytest.raises(SettingInvalid) as told:
        config.read({"folder": text, "app_key": "x"})
    assert told.value.field == "folder"


@pytest.mark.parametrize(
    "text",
    [
        "http://proxy.example",
        "ftp://127.0.0.1",
        "https://",
        "https://host/path",
        "https://host?x=1",
        "https://host#x",
        "https://user:secret@host",
        "https://host:70000",
        "https://host:0",
        "host",
        "127.0.0.1:80",
        "http://127.0.0.1.evil.example",
    ],
)
def test_endpoint_that_cannot_be(text: str) -> None:
    """An endpoint is scheme and host; without TLS only this very computer is trusted."""
    with pytest.raises(SettingInvalid) as told:
        config.read({"endpoint": text, "app_key": "x"})
    assert told.value.field == "endpoint"


@pytest.mark.parametrize("text", ["http://127.0.0.1:8085", "http://localhost:1", "http://[::1]:1", "https://host:444"])
def test_endpoint_replaces_scheme_and_host_of_every_address(text: str) -> None:
    """Sign-in, token, API and content all go there, with Dropbox's own paths."""
    addresses = config.read({"endpoint": f" {text}/ ", "app_key": "x"}).addresses
    assert addresses.sign_in == f"{text}/oauth2/authorize"
    for host, path in (
        ("api.dropboxapi.com", "/oauth2/token"),
        ("api.dropboxapi.com", "/2/auth/token/revoke"),
        ("content.dropboxapi.com", "/2/files/upload"),
        ("elsewhere.example", "/2/files/download"),
    ):
        assert addresses.of(f"https://{host}{path}") == text + path


@pytest.mark.parametrize(
    "url",
    [
        "https://api.dropboxapi.com.evil.example/2/files/upload",
        "http://api.dropboxapi.com/2/files/upload",
        "https://api.dropboxapi.com:444/2/files/upload",
    ],
)
def test_without_an_endpoint_only_dropbox_is_called(url: str) -> None:
    """Whatever an environment variable makes of the library's addresses, no token goes elsewhere."""
    with pytest.raises(NotTheService):
        Addresses().of(url)
    good = "https://content.dropboxapi.com/2/files/upload"
    assert Addresses().of(good) == good


def test_without_an_app_nothing_can_be_asked() -> None:
    """A copy that was built without an app says which setting is missing."""
    with pytest.raises(SettingInvalid) as told:
        Dropbox().sign_in_url({}, SignInRequest("http://localhost:53781/", "s", "c" * 43))
    assert told.value.field == "app_key"
    with pytest.raises(SettingInvalid):
        Dropbox().open({}, MemoryVault())


def test_app_that_was_built_in_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The maker's app stands in a file of the package; the owner's own goes before it."""
    (tmp_path / "app.json").write_text('{"app_key": "maker"}')
    monkeypatch.setattr(app.resources, "files", lambda _: tmp_path)
    assert app.choose("") == "maker"
    assert app.choose("own") == "own"


@pytest.mark.parametrize("text", ["two words", "ümlaut", "a&b"])
def test_app_key_that_cannot_be(text: str) -> None:
    """An app key is one word of letters and digits."""
    with pytest.raises(SettingInvalid) as told:
        config.read({"app_key": text})
    assert told.value.field == "app_key"


def test_package_holds_what_it_needs() -> None:
    """The wheel carries the app's file and says that it has types."""
    package = Path(traybackup_dropbox.__file__).parent
    assert {"app.json", "py.typed"} <= {path.name for path in package.iterdir()}
    project = tomllib.loads((package.parent / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"]["traybackup"] == {"dropbox": "traybackup_dropbox"}


def test_secrets_do_not_show_in_what_is_printed(owner: Owner) -> None:
    """Neither the sign-in nor an upload on its way shows a secret when somebody logs it."""
    store = owner.open()
    token = owner.vault.get("refresh_token")
    assert token
    assert token not in repr(vars(store._service._client._session))
    assert "pid" not in repr(Attempt(Commit("/x", overwrite=False), (1, b""), session="pid_upload_session:1"))
