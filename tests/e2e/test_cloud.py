"""A shop's cloud from the first sign-in to the last sign-out, in the installed program.

The plugin for Google Drive, the keyring and the browser's way back are real; Google is a stand-in on this computer, and
the browser a script that says yes.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from drive_server import DriveServer, World

from tests.clouddesk import client_words, desktop_with_browser
from tests.session import lock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the keyring of the tests is GNOME's")


@pytest.fixture
def google() -> Iterator[DriveServer]:
    with DriveServer() as server:
        yield server


@pytest.fixture
def world(google: DriveServer) -> World:
    return google.world


@pytest.fixture
def desktop(tmp_path: Path, program: Callable[[str], str]) -> Iterator[dict[str, str]]:
    with desktop_with_browser(tmp_path, program) as variables:
        yield variables


@pytest.fixture
def shop(program_here: Any, desktop: dict[str, str]) -> Any:
    """Return the program on that desktop, without a password given."""
    return program_here.given(**desktop).without("TRAYBACKUP_PASSWORD")


def everything_kept(shop: Any) -> str:
    """Return all that lies in the program's own folders."""
    home = Path(shop.environment["TRAYBACKUP_HOME"])
    return "".join(path.read_text("utf-8", "replace") for path in home.rglob("*") if path.is_file())


def test_the_whole_story(
    shop: Any, google: DriveServer, world: World, till: Path, tmp_path: Path, facts_of: Callable[[Path], Any]
) -> None:
    """Add, sign in, save, list, check, bring back, sign out: the data comes back, and nothing of the sign-in stays."""
    added = shop("destinations", "add", "cloud", "gdrive:TrayBackup", *client_words(google, tmp_path), "--json")
    assert added.code == 0, added.err
    assert added.record("destination_added")["sign_in_needed"] is True
    assert "traybackup sign-in" in shop("backup", till, "--to", "cloud").err
    said = shop("sign-in", "cloud")
    assert said.code == 0, said.err
    email = world.accounts[0].email
    assert f"Signed in as {email}." in said.out
    (listed,) = shop("destinations", "list", "--json").records
    assert [(one["name"], one["account"]) for one in listed] == [("cloud", email)]
    assert "works" in shop("destinations", "test", "cloud").out

    first = shop("backup", till, "--to", "cloud", "--json")
    assert first.code == 0, first.err
    made = first.record("initialized")
    assert made["kept_in_keyring"] is True
    (till / "data" / "sales.txt").write_bytes(b"one\ntwo\nthree\n")
    assert shop("backup", till, "--to", "cloud").code == 0
    (snapshots,) = shop("snapshots", "--from", "cloud", "--json").records
    assert len(snapshots) == 2
    assert shop("check", "--from", "cloud", "--read-data").code == 0
    assert shop("restore", "latest", "--from", "cloud", "--into", tmp_path / "back").code == 0
    back = tmp_path / "back" / till.relative_to("/")
    assert facts_of(back) == facts_of(till)

    kept = everything_kept(shop)
    assert made["recovery_code"] not in kept
    assert world.refresh_tokens
    assert not [token for token in world.refresh_tokens if token in kept]
    assert (tmp_path / "client-secret").read_text() not in kept

    assert shop("sign-out", "cloud").code == 0
    said = shop("snapshots", "--from", "cloud")
    assert said.code == 1
    assert "sign-in" in said.err
    assert shop("sign-in", "cloud").code == 0
    (snapshots,) = shop("snapshots", "--from", "cloud", "--json").records
    assert len(snapshots) == 2


def test_one_sign_in_for_all_places_of_a_provider(shop: Any, google: DriveServer, till: Path, tmp_path: Path) -> None:
    """sign-in gdrive, then places by provider:location, and a destination without settings of its own."""
    assert shop("sign-in", "gdrive", *client_words(google, tmp_path)).code == 0
    assert shop("backup", till, "--to", "gdrive:TrayBackup").code == 0
    assert shop("destinations", "add", "other", "gdrive:Other/Place").code == 0
    assert shop("backup", till, "--to", "other").code == 0
    folders = {name.partition("/data/")[0] for name in google.world.tree() if "/data/" in name}
    assert folders == {"TrayBackup", "Other/Place"}


def test_who_says_no_is_told_so(shop: Any, google: DriveServer, world: World, tmp_path: Path) -> None:
    """Cancel in the browser, and a box that was not ticked, each with its own words; nothing is kept."""
    world.policy = "cancel"
    said = shop("sign-in", "gdrive", *client_words(google, tmp_path))
    assert said.code == 1
    assert "access_denied" in said.err
    world.policy = "untick"
    said = shop("sign-in", "gdrive", *client_words(google, tmp_path))
    assert said.code == 1
    assert "tick every box" in said.err
    assert "client_id" not in everything_kept(shop)


def test_a_locked_keyring_costs_the_cloud_and_not_the_stick(
    shop: Any, google: DriveServer, desktop: dict[str, str], till: Path, tmp_path: Path
) -> None:
    """The cloud says what to do; the stick, whose password is given, goes on."""
    assert shop("sign-in", "gdrive", *client_words(google, tmp_path)).code == 0
    lock(desktop)
    said = shop("backup", till, "--to", "gdrive:TrayBackup")
    assert said.code == 1
    assert "keyring" in said.err
    assert "Unlock it" in said.err
    (tmp_path / "stick").mkdir()
    given = shop.given(TRAYBACKUP_PASSWORD=till.name)
    assert given("backup", till, "--to", tmp_path / "stick").code == 0
    assert "keyring cannot be used: it is locked" in shop("doctor").err


def test_doctor_states_every_fact_about_a_drive(shop: Any, google: DriveServer, till: Path, tmp_path: Path) -> None:
    """Over the real plugin, in a folder that is gone afterwards, while the backups beside it stay."""
    assert shop("sign-in", "gdrive", *client_words(google, tmp_path)).code == 0
    assert shop("backup", till, "--to", "gdrive:TrayBackup").code == 0
    before = sorted(google.world.tree())
    said = shop("doctor", "gdrive:TrayBackup", "--json")
    assert said.code == 0, [one for one in said.records if one["holds"] is False]
    assert len(said.records) > 30
    assert sorted(google.world.tree()) == before
    assert shop("check", "--from", "gdrive:TrayBackup").code == 0
