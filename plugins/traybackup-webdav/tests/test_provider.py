"""What the provider asks for, and what it brings into the program and when."""

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
import traybackup_webdav
from dav_servers import PASSWORD
from traybackup_webdav.provider import WebDav, read

from traybackup.api import FieldKind, Provider, SettingInvalid
from traybackup.testing import MemoryVault

FRESH = """
import json, sys
import traybackup_webdav
from traybackup.testing import MemoryVault
(provider,) = traybackup_webdav.traybackup_providers()
heavy = ("requests", "urllib3", "http.client", "xml")
before = [name for name in heavy if name in sys.modules]
try:
    provider.open({"address": "http://127.0.0.1:9"}, MemoryVault())
except Exception as error:
    code = error.code
print(json.dumps([before, "requests" in sys.modules, code]))
"""


def test_libraries_come_only_with_opening() -> None:
    """In a fresh interpreter neither the plugin nor its form brings in requests or anything of HTTP."""
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [[], True, "offline"]


def test_entry_point_brings_one_provider() -> None:
    """The program finds the plugin by its entry point, and its hook returns WebDAV."""
    (found,) = [one for one in entry_points(group="traybackup") if one.name == "webdav"]
    (provider,) = found.load().traybackup_providers()
    assert found.load() is traybackup_webdav
    assert isinstance(provider, Provider)
    assert provider.id == "webdav"


def test_fields_can_be_asked_for() -> None:
    """Few settings, the password a secret, the location among them, and words in other languages for each."""
    fields = {field.key: field for field in WebDav.fields}
    assert list(fields) == ["address", "folder", "user", "password", "certificate"]
    assert [key for key, field in fields.items() if field.kind is FieldKind.SECRET] == ["password"]
    assert fields[WebDav.location_field].default == "TrayBackup"
    said = {WebDav.label, *(text for one in fields.values() for text in (one.label, one.help) if text)}
    for words in WebDav.translations.values():
        assert set(words) == said


@pytest.mark.parametrize(
    ("address", "folder", "full"),
    [
        ("https://cloud.example", "TrayBackup", "https://cloud.example/TrayBackup/"),
        (" https://cloud.example:444/dav/ ", "/Shop/Till 1/", "https://cloud.example:444/dav/Shop/Till%201/"),
        ("http://[::1]:80/größe", "a%b", "http://[::1]:80/gr%C3%B6%C3%9Fe/a%25b/"),
        ("https://h/files/anna%40x", "/", "https://h/files/anna%40x/"),
    ],
)
def test_address_and_folder_become_one_url(address: str, folder: str, full: str) -> None:
    """Spaces and slashes around do no harm; what is quoted in the address stays, a folder is a name as it is."""
    config = read({"address": address, "folder": folder}, MemoryVault())
    assert config.address + config.folder == full


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", ""),
        ("address", "cloud.example/dav"),
        ("address", "ftp://cloud.example"),
        ("address", "https://"),
        ("address", "https://user:secret@cloud.example"),
        ("address", "https://cloud.example:port"),
        ("address", "https://cloud.example?x=1"),
        ("address", "https://cloud.example/#x"),
        ("address", "https://cloud example/"),
        ("folder", "a//b"),
        ("folder", "../b"),
        ("folder", "a\nb"),
        ("certificate", "/nowhere/nas.pem"),
    ],
)
def test_settings_that_cannot_be(key: str, value: str) -> None:
    """Each is refused by its name before anything is sent."""
    with pytest.raises(SettingInvalid) as told:
        read({"address": "https://cloud.example", "folder": "x"} | {key: value}, MemoryVault())
    assert told.value.field == key
    assert told.value.why == ("" if value else "missing")


def test_password_does_not_show() -> None:
    """Settings that somebody prints or logs do not tell it."""
    config = read({"address": "https://cloud.example", "user": "anna"}, MemoryVault(password=PASSWORD))
    assert config.password == PASSWORD
    assert PASSWORD not in repr(config)
