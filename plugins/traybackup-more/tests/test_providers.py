"""What the providers ask for, what opendal gets of it, and what they bring into the program and when."""

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points

import opendal
import pytest
import traybackup_more
from traybackup_more import azure, b2, s3
from traybackup_more.settings import Target

from traybackup.api import FieldKind, Provider, SettingInvalid
from traybackup.testing import MemoryVault

PROVIDERS = list(traybackup_more.traybackup_providers())
FRESH = """
import json, sys
import traybackup_more
from traybackup.api import SignInRequest
providers = {one.id: one for one in traybackup_more.traybackup_providers()}
for one in providers.values():
    one.scratch({one.location_field: "x"}, "y")
providers["onedrive"].sign_in_url({"client_id": "x"}, SignInRequest("http://localhost:1/", "s", "c" * 43))
before = [name for name in ("opendal", "asyncio", "urllib.request") if name in sys.modules]
from traybackup.testing import MemoryVault
try:
    settings = {"bucket": "b-1/x", "endpoint": "http://127.0.0.1:1", "access_key_id": "x"}
    providers["s3"].open(settings, MemoryVault(secret_access_key="y"))
except Exception as error:
    code = error.code
print(json.dumps([before, "opendal" in sys.modules, code]))
"""
VAULT = {"secret_access_key": "s", "account_key": "a2V5", "application_key": "k"}


def kept(*but: str) -> MemoryVault:
    return MemoryVault(**{key: value for key, value in VAULT.items() if key not in but})


def test_library_comes_only_with_opening() -> None:
    """In a fresh interpreter neither the plugin nor its forms nor the sign-in's address bring the library in."""
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [[], True, "offline"]


def test_entry_point_brings_four_providers() -> None:
    """The program finds the plugin by its entry point; those that were not tested on the service say so."""
    (found,) = [one for one in entry_points(group="traybackup") if one.name == "more"]
    assert found.load() is traybackup_more
    assert [one.id for one in PROVIDERS] == ["s3", "azure", "b2", "onedrive"]
    assert [one.id for one in PROVIDERS if "not tested here" not in one.label] == ["s3"]


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.id)
def test_fields_can_be_asked_for(provider: Provider) -> None:
    """Every setting has a key and a label, the location is one of them, and whatever is a secret is kept as one."""
    fields = {field.key: field for field in provider.fields}
    assert len(fields) == len(provider.fields)
    assert provider.location_field in fields
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", key) and field.label for key, field in fields.items())
    secrets = {key for key, field in fields.items() if field.kind is FieldKind.SECRET}
    assert secrets == {key for key in fields if re.search(r"secret|token|account_key|application_key", key)}


@pytest.mark.parametrize("language", ["de", "es"])
def test_everything_the_owner_reads_is_translated(language: str) -> None:
    """No label and no help of any provider is missing, and nothing is left over from before."""
    said = {text for one in PROVIDERS for field in one.fields for text in (field.label, field.help) if text}
    for provider in PROVIDERS:
        assert provider.translations[language].keys() == said | {one.label for one in PROVIDERS}


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (
            {"bucket": "till-1/a/b", "region": "eu-central-1", "access_key_id": "k"},
            {"bucket": "till-1", "root": "/a/b", "endpoint": "https://s3.eu-central-1.amazonaws.com"},
        ),
        (
            {"bucket": "/till-1/", "endpoint": "https://minio.example:9000/", "access_key_id": "k"},
            {"root": "/", "region": "us-east-1", "endpoint": "https://minio.example:9000"},
        ),
        (
            {"bucket": "https://minio.example/till-1/shop 17/Größe", "access_key_id": "k"},
            {"bucket": "till-1", "root": "/shop 17/Größe", "endpoint": "https://minio.example"},
        ),
        (
            {"bucket": "till-1", "endpoint": "http://nas.lan:9000", "profile": "till", "virtual_host": "true"},
            {"profile": "till", "enable_virtual_host_style": "true", "endpoint": "http://nas.lan:9000"},
        ),
        (
            {"bucket": "till-1", "region": "x", "access_key_id": "k", "storage_class": "STANDARD_IA"},
            {"default_storage_class": "STANDARD_IA", "checksum_algorithm": "md5", "disable_config_load": "true"},
        ),
    ],
)
def test_s3_settings(settings: dict[str, str], wanted: dict[str, str]) -> None:
    """What is set is what the library gets, and the library takes it."""
    target = s3.read(settings, kept())
    assert {key: target.options[key] for key in wanted} == wanted
    assert ("secret_access_key" in target.options) == ("profile" not in settings)
    assert opendal.Operator(target.scheme, **target.options)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "bucket"),
        ({"bucket": "/"}, "bucket"),
        ({"bucket": "a b"}, "bucket"),
        ({"bucket": "till-1/../x"}, "bucket"),
        ({"bucket": "till-1/a//b"}, "bucket"),
        ({"bucket": "till-1/a\nb"}, "bucket"),
        ({"bucket": "till-1"}, "region"),
        ({"bucket": "till-1", "region": "x"}, "access_key_id"),
        ({"bucket": "till-1", "endpoint": "minio.example"}, "endpoint"),
        ({"bucket": "till-1", "endpoint": "ftp://minio.example"}, "endpoint"),
        ({"bucket": "till-1", "endpoint": "https://minio.example/x"}, "endpoint"),
        ({"bucket": "till-1", "endpoint": "https://a:b@minio.example"}, "endpoint"),
        ({"bucket": "till-1", "endpoint": "https://minio.example:99999"}, "endpoint"),
        ({"bucket": "https:///till-1"}, "endpoint"),
    ],
)
def test_s3_settings_that_cannot_be(settings: dict[str, str], field: str) -> None:
    """A setting that can lead nowhere is named before anything is reached."""
    with pytest.raises(SettingInvalid) as told:
        s3.read(settings, kept())
    assert told.value.field == field
    assert (told.value.why == "missing") != bool(told.value.allowed)


@pytest.mark.parametrize(
    ("settings", "field"),
    [({}, "bucket"), ({"bucket": "till-1"}, "region"), ({"bucket": "till-1", "region": "x"}, "access_key_id")],
)
def test_s3_setting_that_is_not_there_is_called_missing(settings: dict[str, str], field: str) -> None:
    """Whoever has set nothing is not told that it is wrong."""
    with pytest.raises(SettingInvalid) as told:
        s3.read(settings, kept())
    assert (told.value.field, told.value.why) == (field, "missing")


def test_missing_secrets_are_named() -> None:
    """A secret that is not in the keyring is named as the setting that it is."""
    for read, settings, field in (
        (s3.read, {"bucket": "till-1", "region": "x", "access_key_id": "k"}, "secret_access_key"),
        (azure.read, {"container": "till-1", "account": "shop17"}, "account_key"),
        (b2.read, {"bucket": "till-1", "bucket_id": "i", "key_id": "k"}, "application_key"),
    ):
        with pytest.raises(SettingInvalid) as told:
            read(settings, kept(field))
        assert (told.value.field, told.value.why) == (field, "missing-secret")


def test_other_services_settings() -> None:
    """Opendal takes what the other services' settings come to."""
    targets = [
        azure.read({"container": "till-1/x", "account": "shop17"}, kept()),
        azure.read({"container": "till-1", "account": "shop17"}, MemoryVault(**{"sas_token": "?sv=1&sig=x"})),  # noqa: PIE804
        b2.read({"bucket": "till-1/x", "bucket_id": "i", "key_id": "k"}, kept()),
        Target("onedrive", {"root": "/TrayBackup", "access_token": "t"}),
    ]
    assert [target.scheme for target in targets] == ["azblob", "azblob", "b2", "onedrive"]
    assert targets[0].options["endpoint"] == "https://shop17.blob.core.windows.net"
    assert targets[1].options["sas_token"] == "sv=1&sig=x"  # noqa: S105 - made up
    for target in targets:
        assert opendal.Operator(target.scheme, **target.options)


def test_azure_settings_that_cannot_be() -> None:
    """Account and endpoint of Azure are checked: a token may not go out without TLS."""
    for settings, field in (
        ({"container": "till-1", "account": "Shop_17"}, "account"),
        ({"container": "till-1", "account": "shop17", "endpoint": "http://azure.example"}, "endpoint"),
    ):
        with pytest.raises(SettingInvalid) as told:
            azure.read(settings, kept())
        assert told.value.field == field
    here = {"container": "till-1", "account": "shop17", "endpoint": "http://127.0.0.1:10000"}
    assert azure.read(here, kept()).options["endpoint"] == "http://127.0.0.1:10000"


def test_secrets_are_shown_nowhere() -> None:
    """Nothing that prints what is to be opened prints a secret."""
    target = s3.read(
        {"bucket": "till-1", "region": "x", "access_key_id": "k"}, MemoryVault(**dict.fromkeys(VAULT, "hid"))
    )
    assert "hid" in target.options.values()
    assert "hid" not in repr(target)
