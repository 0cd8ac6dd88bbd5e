"""What the provider asks for, and what it brings into the program and when."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import traybackup_gdrive
from drive_owner import Owner
from traybackup_gdrive import client, config
from traybackup_gdrive.provider import GoogleDrive

from traybackup.api import FieldKind, Provider, SettingInvalid, SignInRequest
from traybackup.testing import MemoryVault

HEAVY = ("pydrive2", "oauth2client", "googleapiclient", "httplib2", "requests", "urllib3")
FRESH = """
import json, sys
heavy = {heavy!r}
import traybackup_gdrive
from traybackup.api import SignInRequest
(provider,) = traybackup_gdrive.traybackup_providers()
settings = {{"client_id": "x.apps.googleusercontent.com", "endpoint": "http://127.0.0.1:9"}}
provider.sign_in_url(settings, SignInRequest("http://127.0.0.1:1/", "state", "c" * 43))
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
    """The program finds the plugin by its entry point, and its hook returns Google Drive."""
    (found,) = [one for one in entry_points(group="traybackup") if one.name == "gdrive"]
    plugin = found.load()
    assert plugin is traybackup_gdrive
    (provider,) = plugin.traybackup_providers()
    assert isinstance(provider, Provider)
    assert (provider.id, provider.label) == ("gdrive", "Google Drive")


def test_fields_can_be_asked_for() -> None:
    """Every setting has a key and a label; the secret is one; what few need is advanced."""
    fields = {field.key: field for field in GoogleDrive.fields}
    assert list(fields) == ["folder", "account", "client_id", "client_secret", "endpoint"]
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", key) for key in fields)
    assert fields[GoogleDrive.location_field].default == "TrayBackup"
    assert [key for key, field in fields.items() if field.kind is FieldKind.SECRET] == ["client_secret"]
    assert [key for key, field in fields.items() if not field.advanced] == ["folder"]


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("", ("TrayBackup",)),
        ("Shop", ("Shop",)),
        ("/Shop/Till 1/", ("Shop", "Till 1")),
        (" a / b ", ("a", "b")),
        ("Größe ☕", ("Größe ☕",)),
    ],
)
def test_folder_may_be_a_path(text: str, folder: tuple[str, ...]) -> None:
    """Slashes lead from folder to folder; without a setting the usual name is taken."""
    assert config.read({"folder": text, "client_id": "x"}).folder == folder


@pytest.mark.parametrize("text", ["a//b", "a/ /b", "x" * 256, "a\nb", "a\0"])
def test_folder_that_cannot_be(text: str) -> None:
    """A name that Drive or a person could not show is refused."""
    with pytest.raises(SettingInvalid) as told:
        config.read({"folder": text, "client_id": "x"})
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
        config.read({"endpoint": text, "client_id": "x"})
    assert told.value.field == "endpoint"


@pytest.mark.parametrize("text", ["http://127.0.0.1:8085", "http://localhost:1", "http://[::1]:1", "https://host:444"])
def test_endpoint_replaces_scheme_and_host_of_every_address(text: str) -> None:
    """Sign-in, token, revocation, API, upload and sessions all go there, with Google's own paths."""
    addresses = config.read({"endpoint": f" {text}/ ", "client_id": "x"}).addresses
    inside = "https://www.googleapis.com/upload/drive/v3/files?upload_id=1"
    assert [
        addresses.sign_in,
        addresses.token,
        addresses.revoke,
        addresses.drive,
        addresses.upload,
        addresses.session(inside),
    ] == [
        text + path
        for path in (
            "/o/oauth2/v2/auth",
            "/token",
            "/revoke",
            "/drive/v3",
            "/upload/drive/v3",
            "/upload/drive/v3/files?upload_id=1",
        )
    ]


def test_without_a_client_nothing_can_be_asked() -> None:
    """A copy that was built without a client says which setting is missing."""
    with pytest.raises(SettingInvalid) as told:
        GoogleDrive().sign_in_url({}, SignInRequest("http://127.0.0.1:1/", "s", "c" * 43))
    assert told.value.field == "client_id"
    with pytest.raises(SettingInvalid):
        GoogleDrive().open({}, MemoryVault())


def test_client_that_was_built_in_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The maker's client stands in a file of the package; the owner's own goes before it; no secret is shown."""
    (tmp_path / "client.json").write_text('{"client_id": "maker", "client_secret": "hush"}')
    monkeypatch.setattr(client.resources, "files", lambda _: tmp_path)
    assert client.choose("", "") == client.Client("maker", "hush")
    assert client.choose("own", "mine") == client.Client("own", "mine")
    assert "hush" not in repr(client.choose("", ""))


@pytest.mark.parametrize("text", ["two words", "ümlaut"])
def test_client_id_that_cannot_be(text: str) -> None:
    """A client id is one word of plain letters."""
    with pytest.raises(SettingInvalid) as told:
        config.read({"client_id": text})
    assert told.value.field == "client_id"


def test_package_holds_what_it_needs() -> None:
    """The wheel carries the client's file and says that it has types."""
    package = Path(traybackup_gdrive.__file__).parent
    assert {"client.json", "py.typed"} <= {path.name for path in package.iterdir()}
    project = tomllib.loads((package.parent / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["entry-points"]["traybackup"] == {"gdrive": "traybackup_gdrive"}


def test_secrets_do_not_show_in_what_is_printed(owner: Owner) -> None:
    """Neither the settings nor an upload on its way show a secret when somebody logs them."""
    chosen = config.read(owner.settings, owner.vault)
    assert owner.settings["client_secret"] not in repr(chosen)


@pytest.mark.parametrize("language", ["de", "es"])
def test_settings_are_explained_in_the_owners_language(language: str) -> None:
    """Every label and every help has its words, and no word is left over."""
    said = {text for field in GoogleDrive.fields for text in (field.label, field.help) if text}
    assert GoogleDrive.translations[language].keys() == said
