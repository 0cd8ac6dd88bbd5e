"""The commands about places beyond folders: destinations, sign-ins, plugins, doctor."""

import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import install
from traybackup.app import browser, context, doctor
from traybackup.app.vault import Secret, Vault
from traybackup.cli import settings
from traybackup.testing import FACTS

CLOUD = """
from tests.clouds import Cloud
from traybackup.api import hookimpl

CLOUD = Cloud()

@hookimpl
def traybackup_providers():
    return [CLOUD]
"""


class DictVault(Vault):
    """A vault in memory."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def get(self, name: str) -> Secret | None:
        return Secret(self.secrets[name]) if name in self.secrets else None

    def set(self, name: str, secret: Secret) -> bool:
        self.secrets[name] = secret.reveal()
        return True

    def delete(self, name: str) -> None:
        self.secrets.pop(name, None)


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> DictVault:
    found = DictVault()
    monkeypatch.setattr(context, "open_vault", lambda _environment: found)
    return found


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder in which a plugin with a cloud is installed, and nothing else."""
    folder = tmp_path / "site"
    install(folder, "cloud", CLOUD)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(context, "installed", lambda: distributions(path=[str(folder)]))
    importlib.invalidate_caches()
    yield folder
    for name in [name for name in sys.modules if name.startswith("foreign_")]:
        del sys.modules[name]


@pytest.fixture
def cloud_shell(shell: Any, site: Path, vault: DictVault) -> Any:  # noqa: ARG001 - what it stands on
    return shell


@pytest.fixture
def signed_in(cloud_shell: Any, vault: DictVault) -> Any:
    vault.secrets["provider cloud token"] = "token-of-anna"
    return cloud_shell


def cloud() -> Any:
    return sys.modules["foreign_cloud"].CLOUD


# Backups to a provider's place


def test_a_provider_place_works_with_every_command(signed_in: Any, tmp_path: Path) -> None:
    """backup, snapshots, check, status, forget, prune, restore, key, unlock: with provider:location as the place."""
    place = "cloud:TrayBackup"
    said = signed_in("backup", signed_in.source, "--to", place, "--json")
    assert said.code == 0
    assert said.err == ""
    assert said.record("initialized")["repository"] == place
    assert said.record("summary")["snapshot_id"]
    for words in (
        ["snapshots"],
        ["ls", "latest"],
        ["check", "--read-data"],
        ["status"],
        ["key", "list"],
        ["unlock"],
        ["forget", "--keep-last", "1", "--prune"],
        ["restore", "latest", "--into", tmp_path / "back"],
    ):
        said = signed_in(*words, "--from", place)
        assert said.code == 0, said.err
    assert list((tmp_path / "back").rglob("sales.txt"))
    assert "cloud:TrayBackup is a place of cloud with 1 snapshot" in signed_in("status", "--from", place).out


def test_what_a_run_asked_for_is_told(signed_in: Any) -> None:
    """With -v, and to programs always; of a folder there is nothing to tell."""
    said = signed_in("backup", signed_in.source, "--to", "cloud:x", "--json").record("summary")
    assert said["place_calls"] > 5
    assert said["place_bytes_sent"] > said["data_added_packed"]
    assert "The place was asked" in signed_in("backup", signed_in.source, "--to", "cloud:x", "-v").out
    assert "place_calls" not in signed_in.backup("--json").record("summary")


def test_a_place_without_sign_in_is_told_with_the_next_step(cloud_shell: Any) -> None:
    """One line, and what to type."""
    said = cloud_shell("backup", cloud_shell.source, "--to", "cloud:TrayBackup")
    assert said.code == 1
    assert "traybackup sign-in" in said.err
    assert said.err.count("\n") == 1


# Destinations


def test_destinations_are_added_listed_and_removed(signed_in: Any, vault: DictVault, tmp_path: Path) -> None:
    """A name for a folder and one for a cloud; both work as places; removing one leaves what is saved there."""
    assert signed_in("destinations", "list").out.startswith("There are no destinations yet")
    assert signed_in("destinations", "add", "stick", tmp_path / "place").code == 0
    said = signed_in("destinations", "add", "home", "cloud:Shop", "--set", "color=red", "--json")
    assert said.record("destination_added") == {
        "message_type": "destination_added",
        "name": "home",
        "sign_in_needed": True,
    }
    vault.secrets["destination home token"] = "token-of-home"
    for place in ("stick", "home"):
        assert signed_in("backup", signed_in.source, "--to", place).code == 0
        assert signed_in("snapshots", "--from", place).out.count("1 snapshot") == 1
    assert (tmp_path / "place" / "config").exists()
    assert set(cloud().places) == {"Shop"}
    (listed,) = signed_in("destinations", "list", "--json").records
    assert [(one["name"], one["provider"], one["settings"]) for one in listed] == [
        ("stick", "folder", {"path": str(tmp_path / "place")}),
        ("home", "cloud", {"color": "red", "folder": "Shop"}),
    ]
    assert "color=red, folder=Shop" in signed_in("destinations", "list").out
    assert signed_in("destinations", "remove", "home").code == 0
    assert signed_in("snapshots", "--from", "home").code == 10  # a folder called home, which is not there
    assert signed_in("snapshots", "--from", "cloud:Shop").code == 0


def test_secrets_of_a_destination_go_to_the_keyring(
    signed_in: Any, vault: DictVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file, or asked for on a terminal; never from the command line into the configuration; gone with it."""
    (tmp_path / "secret").write_text("hunter2-in-file\n")
    words = ("destinations", "add", "home", "cloud:Shop")
    assert signed_in(*words, "--set", "password=hunter2").code == 1
    assert signed_in(*words, "--secret", "password").code == 2
    assert signed_in(*words, "--secret-file", f"password={tmp_path / 'nowhere'}").code == 12
    assert signed_in(*words, "--secret-file", f"password={tmp_path / 'secret'}").code == 0
    assert vault.secrets["destination home password"] == "hunter2-in-file"
    config = Path(os.environ["TRAYBACKUP_HOME"]) / "config" / "config.toml"
    assert "hunter2" not in config.read_text()
    assert signed_in("destinations", "remove", "home").code == 0
    assert not [name for name in vault.secrets if name.startswith("destination")]
    monkeypatch.setattr(settings, "at_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: "hunter2-typed")
    assert signed_in(*words, "--secret", "password").code == 0
    assert vault.secrets["destination home password"] == "hunter2-typed"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["destinations", "add", "a b", "cloud:"], 1, "destinations.a b"),
        (["destinations", "add", "home", "nowhere:x"], 1, "“nowhere”"),
        (["destinations", "add", "home", "cloud:", "--set", "fodler=x"], 1, "“fodler”"),
        (["destinations", "add", "home", "cloud:", "--set", "color"], 2, "KEY=VALUE"),
        (["destinations", "add", "home", "cloud:", "--set", "color=red", "--set", "color=blue"], 2, "given before"),
        (["destinations", "add", "home", ""], 2, "empty"),
        (["destinations", "add", "home", "/srv", "--set", "x=y"], 1, "“x”"),
        (["destinations", "remove", "home"], 1, "“home”"),
        (["destinations", "test", "cloud:"], 1, "sign-in"),
        (["sign-in", "nowhere"], 1, "“nowhere”"),
        (["sign-in", "/srv"], 1, "no sign-in"),
        (["sign-in", "cloud", "--secret", "color"], 2, "--secret-file color=FILE"),
        (["sign-out", "/srv"], 1, "no sign-in"),
        (["sign-in", ""], 2, "empty"),
        (["sign-in", "cloud"], 1, "browser"),
        (["plugins", "--allow", "nobody"], 1, "“nobody”"),
        (["plugins", "--allow", "cloud", "--allow-all"], 2, "exclude"),
    ],
)
def test_mistakes_are_told_in_one_line(cloud_shell: Any, words: list[str], code: int, told: str) -> None:
    """Each says what is wrong, and nothing is changed."""
    said = cloud_shell(*words)
    assert said.code == code
    assert told in said.err
    assert said.err.count("\n") == 1
    assert not (Path(os.environ["TRAYBACKUP_HOME"]) / "config" / "config.toml").exists()


def test_a_name_is_given_once(signed_in: Any) -> None:
    """The second one is refused, and the first stays."""
    assert signed_in("destinations", "add", "home", "cloud:Shop").code == 0
    said = signed_in("destinations", "add", "home", "cloud:Other")
    assert said.code == 1
    assert "already" in said.err
    (told,) = signed_in("destinations", "add", "home", "cloud:Other", "--json").errors
    assert told["error"] == "destination-exists"
    (listed,) = signed_in("destinations", "list", "--json").records
    assert listed[0]["settings"] == {"folder": "Shop"}


def test_a_place_is_tried_out(signed_in: Any, tmp_path: Path) -> None:
    """A small object goes there and back, nothing of it stays, and it is said whether backups are there."""
    for place in ("cloud:Shop", tmp_path / "place"):
        said = signed_in("destinations", "test", place)
        assert said.code == 0
        assert f"{place} works" in said.out
        assert "holds no backups yet" in said.out
    assert cloud().places["Shop"].objects == {}
    assert not [path for path in (tmp_path / "place").rglob("*") if path.is_file()]
    assert (
        signed_in("destinations", "test", "cloud:Shop", "--json").record("destination_works")["holds_backups"] is False
    )


def test_a_broken_configuration_is_told_by_every_command(signed_in: Any) -> None:
    """With the path of the field and what is allowed; nothing is written over."""
    config = Path(os.environ["TRAYBACKUP_HOME"]) / "config" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[destinations.home]\nprovider = "cloud"\ncolour = "red"\n')
    for words in (["snapshots", "--from", "home"], ["destinations", "list"], ["destinations", "add", "x", "cloud:"]):
        said = signed_in(*words)
        assert said.code == 1
        assert "destinations.home.colour" in said.err
        assert "provider, upload_limit" in said.err
    assert "colour" in config.read_text()
    assert signed_in("doctor").code == 1


# Signing in and out


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], bool]:
    """Let the browser come back at once with a code."""
    import http.client  # noqa: PLC0415 - for this fixture
    from urllib.parse import parse_qs, urlsplit  # noqa: PLC0415 - same

    def visit(address: str, _environment: object) -> bool:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        back = urlsplit(asked["redirect_uri"])

        def go() -> None:
            client = http.client.HTTPConnection(back.netloc, timeout=10)
            client.request("GET", f"{back.path}?state={asked['state']}&code=c-12345")
            client.getresponse().read()
            client.close()

        threading.Thread(target=go, name="browser").start()
        return True

    monkeypatch.setattr(browser, "available", lambda _environment: True)
    monkeypatch.setattr(browser, "open_browser", visit)
    return visit  # type: ignore[return-value]  # not called


@pytest.mark.usefixtures("owner")
def test_sign_in_and_out(cloud_shell: Any, vault: DictVault) -> None:
    """The address is shown, the account is named, the place works; signing out makes an end of it."""
    said = cloud_shell("sign-in", "cloud", "--set", "server=https://sign.example")
    assert said.code == 0
    assert "    https://sign.example/auth?state=" in said.out
    assert "Signed in as anna@example.org." in said.out
    assert "c-12345" not in said.out
    assert cloud_shell("backup", cloud_shell.source, "--to", "cloud:TrayBackup").code == 0
    assert cloud().seen[-1]["server"] == "https://sign.example"
    assert (
        cloud_shell("destinations", "add", "home", "cloud:Shop", "--json").record("destination_added")["sign_in_needed"]
        is False
    )
    assert "anna@example.org" in cloud_shell("destinations", "list").out
    assert cloud_shell("sign-out", "cloud").out == "Signed out; nothing of it is kept here.\n"
    assert cloud().revoked == ["token-for-c-12345"]
    assert vault.secrets == {}
    assert cloud_shell("sign-out", "cloud").out == "Nobody was signed in.\n"


@pytest.mark.usefixtures("owner")
def test_programs_can_lead_through_a_sign_in(cloud_shell: Any) -> None:
    """The address comes as a message of its own, before the waiting."""
    said = cloud_shell("sign-in", "cloud", "--json")
    assert [one["message_type"] for one in said.records] == ["sign_in", "signed_in"]
    assert said.record("sign_in")["address"].startswith("https://cloud.example/auth?")
    assert said.record("signed_in")["account"] == "anna@example.org"


# Plugins


def test_plugins_are_listed(cloud_shell: Any, site: Path) -> None:
    """Those in use with what they add, the rejected with distribution, version and reason."""
    install(site, "missing-library")
    importlib.invalidate_caches()
    said = cloud_shell("plugins")
    assert said.code == 0
    assert "traybackup-cloud" in said.out
    assert "cloud (A cloud)" in said.out
    assert "missing-library (traybackup-missing-library 1.0) cannot be loaded" in said.err
    (record,) = cloud_shell("plugins", "--json").records
    assert [one["name"] for one in record["accepted"]] == ["cloud"]
    assert record["accepted"][0]["providers"] == [{"id": "cloud", "label": "A cloud"}]
    assert record["rejected"][0]["why"] == "import"
    assert "a_library_that_nobody_has" in record["rejected"][0]["detail"]


def test_plugins_can_be_allowed(signed_in: Any, site: Path) -> None:
    """With a list, only what is on it, as it was; another one, or a changed one, opens no place."""
    install(site, "good")
    importlib.invalidate_caches()
    said = signed_in("plugins", "--allow", "cloud")
    assert "good (traybackup-good 1.0) not on your list" in said.err
    assert signed_in("destinations", "test", "cloud:x").code == 0
    module = site / "foreign_cloud.py"
    module.write_text(module.read_text() + "\n# changed\n")
    said = signed_in("destinations", "test", "cloud:x")
    assert said.code == 1
    assert "its files have changed" in said.err
    assert signed_in("plugins", "--allow", "cloud").code == 0
    assert signed_in("destinations", "test", "cloud:x").code == 0
    assert signed_in("plugins", "--allow-all").err == ""


def test_no_plugins_are_no_news(cloud_shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any, that is said."""
    monkeypatch.setattr(context, "installed", tuple)
    assert cloud_shell("plugins").out == "No plugins are installed.\n"


# Doctor


def test_doctor_looks_at_this_computer(cloud_shell: Any, site: Path) -> None:
    """Configuration, clock, keyring and plugins, each with a line; a bad plugin is a warning, no failure."""
    install(site, "missing-library")
    importlib.invalidate_caches()
    said = cloud_shell("doctor")
    assert said.code == 0
    for words in ("configuration is in order", "The clock says", "keyring keeps", "plugin cloud (1.0) is in use"):
        assert words in said.out
    assert "warning  The plugin missing-library is not used: cannot be loaded." in said.err
    levels = {one["code"]: one["level"] for one in cloud_shell("doctor", "--json").records}
    assert levels == {
        "config": "ok",
        "clock": "ok",
        "keyring": "ok",
        "plugin": "ok",
        "plugin-rejected": "warning",
    }


def test_doctor_sees_a_wrong_clock(cloud_shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands before the program's own installation is wrong, and the exit code says so."""
    from datetime import UTC, datetime  # noqa: PLC0415 - for this test

    monkeypatch.setattr(context, "utc_now", lambda: datetime(2001, 1, 1, tzinfo=UTC))
    findings = list(doctor.examine(context.build(clock=context.utc_now)))
    assert [one.level for one in findings if one.code == "clock-behind"] == [doctor.Level.ERROR]
    assert cloud_shell


def test_doctor_states_every_fact_about_a_cloud(signed_in: Any) -> None:
    """In a scratch folder that is empty afterwards, while what is saved stays."""
    assert signed_in("backup", signed_in.source, "--to", "cloud:TrayBackup").code == 0
    before = dict(cloud().places["TrayBackup"].objects)
    said = signed_in("doctor", "cloud:TrayBackup", "--json")
    assert said.code == 0, said.out
    assert [one["fact"] for one in said.records] == [fact.__name__ for fact in FACTS]
    assert {one["holds"] for one in said.records} == {True, None}
    assert cloud().places["TrayBackup"].objects == before
    assert all(name.startswith("TrayBackup/doctor-") for name in set(cloud().places) - {"TrayBackup"})
    assert not any(place.objects for name, place in cloud().places.items() if name != "TrayBackup")


def test_doctor_states_every_fact_about_a_folder(shell: Any) -> None:
    """The scratch folder goes with everything in it."""
    assert shell.backup().code == 0
    before = sorted(shell.place.rglob("*"))
    said = shell("doctor", shell.place)
    assert said.code == 0, said.err
    assert "keeps what a place promises" in said.out
    assert sorted(shell.place.rglob("*")) == before


def test_doctor_names_the_fact_that_does_not_hold(signed_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what happened instead; the others are stated all the same, and the scratch folder is emptied."""
    from tests.clouds import CloudStore  # noqa: PLC0415 - for this test

    getting = CloudStore.get

    def short(self: Any, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return getting(self, name, offset, None if length is None else min(length, 1000))

    monkeypatch.setattr(CloudStore, "get", short)
    said = signed_in("doctor", "cloud:TrayBackup")
    assert said.code == 1
    assert "WRONG    A range is exactly what was asked for" in said.err
    assert "ok       What was put is what is got, at every size." in said.out
    assert "does not keep its promises" in said.out
    assert not any(place.objects for place in cloud().places.values())


def test_doctor_of_a_place_that_does_not_work_is_its_error(cloud_shell: Any, tmp_path: Path) -> None:
    """Where nothing can be written there is nothing to state."""
    assert "sign-in" in cloud_shell("doctor", "cloud:TrayBackup").err
    assert cloud_shell("doctor", tmp_path / "nowhere").code == 10


def test_records_are_json_lines(signed_in: Any) -> None:
    """Every command's records can be read one by one."""
    for words in (["plugins"], ["doctor"], ["destinations", "list"], ["destinations", "test", "cloud:x"]):
        for line in signed_in(*words, "--json").out.splitlines():
            json.loads(line)
