"""A shop's own server as the place, in the installed program: WebDAV by wsgidav and by Debian's Apache.

Plugin, keyring, servers, restic and rclone are real.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dav_servers import PASSWORD, USER, Dav, apache, find_apache, wsgidav

from tests.session import keyring, session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the keyring of the tests is GNOME's")


@pytest.fixture(params=["wsgidav", "apache"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Dav]:
    if request.param == "apache":
        program = find_apache()
        if program is None:
            pytest.skip("missing: apache2")
        with apache(program, accept="Digest") as running:
            yield running
    else:
        (tmp_path / "served").mkdir()
        with wsgidav(tmp_path / "served") as running:
            yield running


@pytest.fixture
def shop(program_here: Any, tmp_path: Path, program: Callable[[str], str]) -> Iterator[Any]:
    """Return the program on a desktop of its own with an unlocked keyring."""
    for name in ("dbus-daemon", "gnome-keyring-daemon"):
        program(name)
    with session(tmp_path / "session") as variables, keyring(variables):
        yield program_here.given(**variables, TRAYBACKUP_KEYRING="")


def add(shop: Any, server: Dav, tmp_path: Path, password: str = PASSWORD) -> Any:
    """Give the place on the server the name "nas"."""
    (tmp_path / "password").write_text(password)
    words = ["--set", f"address={server.address}", "--set", f"user={USER}"]
    words += ["--secret-file", f"password={tmp_path / 'password'}"]
    return shop("destinations", "add", "nas", "webdav:TrayBackup", *words)


def test_the_whole_story(
    shop: Any, server: Dav, till: Path, tmp_path: Path, facts_of: Callable[[Path], Any], real_restic: Callable[..., Any]
) -> None:
    """Add, test, save twice, check, forget, bring back; restic finds the same in the server's own folder."""
    added = add(shop, server, tmp_path)
    assert added.code == 0, added.err
    tried = shop("destinations", "test", "nas")
    assert "works" in tried.out, tried.err
    said = shop("backup", till, "--to", "nas")
    assert said.code == 0, said.err
    (till / "data" / "sales.txt").write_bytes(b"one\ntwo\nthree\n")
    said = shop("backup", till, "--to", "nas")
    assert said.code == 0, said.err
    assert shop("check", "--from", "nas", "--read-data").code == 0
    said = shop("forget", "--from", "nas", "--keep-last", "1", "--prune")
    assert said.code == 0, said.err
    assert shop("restore", "latest", "--from", "nas", "--into", tmp_path / "back").code == 0
    assert facts_of(tmp_path / "back" / till.relative_to("/")) == facts_of(till)

    repository = server.folder / "TrayBackup"
    assert list((repository / "Uploads").iterdir()) == []
    checked = real_restic(repository, "check", "--read-data")
    assert checked.code == 0, checked.err
    home = Path(shop.environment["TRAYBACKUP_HOME"])
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in kept


def test_restic_reaches_it_through_rclone(
    program_here: Any,
    till: Path,
    tmp_path: Path,
    program: Callable[[str], str],
    real_restic: Callable[..., Any],
    facts_of: Callable[[Path], Any],
) -> None:
    """Plain restic, over WebDAV, checks what we stored, restores it, and adds a snapshot that we list."""
    rclone = program("rclone")
    (tmp_path / "served").mkdir()
    with wsgidav(tmp_path / "served", accept="") as server:
        added = program_here("destinations", "add", "nas", "webdav:TrayBackup", "--set", f"address={server.address}")
        assert added.code == 0, added.err
        said = program_here("backup", till, "--to", "nas")
        assert said.code == 0, said.err
        known = {
            "RCLONE_CONFIG": str(tmp_path / "rclone.conf"),
            "RCLONE_CONFIG_DAV_TYPE": "webdav",
            "RCLONE_CONFIG_DAV_VENDOR": "other",
            "RCLONE_CONFIG_DAV_URL": server.address,
        }

        def restic_there(*words: object) -> None:
            option = ("-o", f"rclone.program={rclone}")
            done = real_restic("rclone:dav:TrayBackup", *option, *words, environment=known)
            assert done.code == 0, done.err

        restic_there("check", "--read-data")
        restic_there("restore", "latest", "--target", tmp_path / "out")
        assert facts_of(tmp_path / "out" / till.relative_to("/")) == facts_of(till)
        (tmp_path / "note").write_text("by restic")
        restic_there("backup", tmp_path / "note")
        (snapshots,) = program_here("snapshots", "--from", "nas", "--json").records
        assert len(snapshots) == 2


def test_wrong_password_is_one_clear_line(shop: Any, till: Path, tmp_path: Path) -> None:
    """The owner is told whose password is refused; nothing appears on the server, and a stick goes on."""
    (tmp_path / "served").mkdir()
    with wsgidav(tmp_path / "served") as server:
        assert add(shop, server, tmp_path, "not it").code == 0
        said = shop("backup", till, "--to", "nas")
        assert said.code == 1
        assert f"“{USER}”" in said.err
        assert len(said.err.splitlines()) == 1
        assert list(server.folder.iterdir()) == []
        (tmp_path / "stick").mkdir()
        assert shop("backup", till, "--to", tmp_path / "stick").code == 0


def test_doctor_states_every_fact(program_here: Any, till: Path, tmp_path: Path) -> None:
    """Over the real plugin, in a folder that is gone afterwards, while the backups beside it stay."""
    (tmp_path / "served").mkdir()
    with wsgidav(tmp_path / "served", accept="") as server:
        words = ["--set", f"address={server.address}"]
        assert program_here("destinations", "add", "nas", "webdav:TrayBackup", *words).code == 0
        assert program_here("backup", till, "--to", "nas").code == 0
        before = sorted(server.folder.rglob("*"))
        said = program_here("doctor", "nas", "--json")
        assert said.code == 0, [one for one in said.records if one["holds"] is False]
        assert len(said.records) > 30
        assert sorted(server.folder.rglob("*")) == before


def test_one_killed_leaves_no_object(program_here: Any, tmp_path: Path) -> None:
    """Killed while packs are on their way: every object there is whole, and the next backup just works."""
    for name in ("served", "till"):
        (tmp_path / name).mkdir()
    (tmp_path / "till" / "big").write_bytes(os.urandom(60_000_000))
    with wsgidav(tmp_path / "served", accept="") as server:
        words = ["--set", f"address={server.address}"]
        assert program_here("destinations", "add", "nas", "webdav:TrayBackup", *words).code == 0
        process = program_here.start("backup", tmp_path / "till", "--to", "nas")
        deadline = time.monotonic() + 60
        while [method for method, _ in server.calls].count("PUT") < 5 and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
        process.communicate()
        repository = server.folder / "TrayBackup"
        for path in repository.glob("data/*/*"):
            assert path.name == hashlib.sha256(path.read_bytes()).hexdigest()
        assert list(repository.glob("snapshots/*")) == []
        said = program_here("backup", tmp_path / "till", "--to", "nas")
        assert said.code == 0, said.err
        assert program_here("check", "--from", "nas", "--read-data").code == 0
