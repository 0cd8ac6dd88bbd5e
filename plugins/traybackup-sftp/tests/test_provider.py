"""What the provider asks for, and what it brings into the program and when."""

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
import traybackup_sftp
from traybackup_sftp.provider import Sftp

from traybackup.api import FieldKind, Provider

FRESH = """
import json, sys
import traybackup_sftp
(provider,) = traybackup_sftp.traybackup_providers()
provider.scratch({"folder": "x"}, "y")
heavy = ("asyncssh", "asyncio", "cryptography")
before = [name for name in heavy if name in sys.modules]
from traybackup.testing import MemoryVault
try:
    provider.open({"host": "127.0.0.1", "port": "1", "user": "anna"}, MemoryVault())
except Exception as error:
    code = error.code
print(json.dumps([before, [name for name in heavy if name in sys.modules], code]))
"""


def test_library_comes_only_with_opening() -> None:
    """In a fresh interpreter neither the plugin nor its form brings the library in."""
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True, timeout=60)
    before, after, code = json.loads(done.stdout)
    assert before == []
    assert after == ["asyncssh", "asyncio", "cryptography"]
    assert code == "offline"


def test_entry_point_brings_one_provider() -> None:
    """The program finds the plugin by its entry point."""
    (found,) = [one for one in entry_points(group="traybackup") if one.name == "sftp"]
    plugin = found.load()
    assert plugin is traybackup_sftp
    (provider,) = plugin.traybackup_providers()
    assert isinstance(provider, Provider)
    assert (provider.id, provider.redirects) == ("sftp", None)


def test_fields_can_be_asked_for() -> None:
    """Every setting has a key and a label; three are secrets; what few need is advanced."""
    fields = {field.key: field for field in Sftp.fields}
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", key) for key in fields)
    assert {key for key, field in fields.items() if field.kind is FieldKind.SECRET} == {
        "password",
        "private_key",
        "key_password",
    }
    assert [key for key, field in fields.items() if not field.advanced] == [
        "host",
        "user",
        "folder",
        "password",
        "host_key",
    ]
    assert Sftp.location_field in fields


@pytest.mark.parametrize("language", ["de", "es"])
def test_everything_the_owner_reads_is_translated(language: str) -> None:
    """No label and no help is missing, and nothing is left over from before."""
    said = {Sftp.label, *(text for one in Sftp.fields for text in (one.label, one.help) if text)}
    assert Sftp.translations[language].keys() == said
