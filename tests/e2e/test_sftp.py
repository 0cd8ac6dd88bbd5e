"""A shop's backups on an SSH server: the installed program, Debian's sshd, and the real restic over the same sshd."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sftp_servers import Sshd, missing, sshd

PASSWORD = "correct horse"  # noqa: S105 - of repositories that live for one test


@pytest.fixture
def nas(tmp_path: Path) -> Iterator[Sshd]:
    """Return a server in the shop."""
    if missing():
        pytest.skip(f"missing: {missing()}")
    with sshd(tmp_path / "nas", tmp_path / "volume") as server:
        yield server


def words(nas: Sshd, **more: str) -> list[object]:
    """Return the options that lead to the server."""
    settings = nas.settings() | more
    del settings["folder"]
    return [word for key, value in settings.items() if value for word in ("--set", f"{key}={value}")]


def over_ssh(nas: Sshd) -> str:
    """Return the command by which restic reaches SFTP on the server."""
    options = {
        "Port": nas.port,
        "IdentityFile": nas.key_file,
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
    }
    return " ".join(
        ["ssh", "-F", "none", *(f"-o {key}={value}" for key, value in options.items()), "127.0.0.1 -s sftp"]
    )


@pytest.fixture
def restic_over_ssh(nas: Sshd, restic: str, program: Callable[[str], str], tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs the real restic on the same folder over the same server."""
    program("ssh")

    def run(*given: object) -> str:
        command = [restic, "--no-cache", "-r", "sftp:127.0.0.1:till", "-o", f"sftp.command={over_ssh(nas)}"]
        known = dict(os.environ) | {"RESTIC_PASSWORD": PASSWORD, "HOME": str(tmp_path)}
        done = subprocess.run(
            [*command, *map(str, given)], env=known, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_whole_story(
    program_here: Any,
    nas: Sshd,
    till: Path,
    tmp_path: Path,
    facts_of: Callable[[Path], Any],
    restic_over_ssh: Callable[..., str],
) -> None:
    """Add, save, list, check, bring back; restic over ssh checks, restores and adds to it, and we see what it added."""
    shop = program_here
    added = shop("destinations", "add", "nas", "sftp:till", *words(nas))
    assert added.code == 0, added.err
    assert shop("destinations", "test", "nas").code == 0
    assert [path for path in nas.home.rglob("*") if path.is_file()] == []  # whatever the test stored is gone again
    first = shop("backup", till, "--to", "nas")
    assert first.code == 0, first.err
    (till / "data" / "sales.txt").write_bytes(b"one\ntwo\nthree\n")
    assert shop("backup", till, "--to", "nas").code == 0
    assert shop("check", "--from", "nas", "--read-data").code == 0
    assert shop("restore", "latest", "--from", "nas", "--into", tmp_path / "back").code == 0
    assert facts_of(tmp_path / "back" / till.relative_to("/")) == facts_of(till)

    assert "no errors were found" in restic_over_ssh("check", "--read-data")
    restic_over_ssh("restore", "latest", "--target", tmp_path / "again")
    assert facts_of(tmp_path / "again" / till.relative_to("/")) == facts_of(till)
    (tmp_path / "note").write_text("by restic")
    restic_over_ssh("backup", "--host", "elsewhere", tmp_path / "note")
    (found,) = shop("snapshots", "--from", "nas", "--json").records
    assert [one["hostname"] for one in found].count("elsewhere") == 1

    assert shop("forget", found[0]["short_id"], "--from", "nas").code == 0
    assert shop("prune", "--from", "nas").code == 0
    assert "no errors were found" in restic_over_ssh("check", "--read-data")


def test_folder_itself_is_a_repository(
    program_here: Any, nas: Sshd, till: Path, real_restic: Callable[..., Any]
) -> None:
    """On the server, the folder is a repository for restic, and for the program as a folder."""
    assert program_here("destinations", "add", "nas", "sftp:till", *words(nas)).code == 0
    assert program_here("backup", till, "--to", "nas").code == 0
    folder = nas.home / "till"
    assert "no errors were found" in real_restic(folder, "check", "--read-data").out
    assert program_here("check", "--from", folder, "--read-data").code == 0


def test_unknown_server_needs_a_yes(program_here: Any, nas: Sshd, till: Path) -> None:
    """Without a confirmed key nothing is sent; the program names fingerprint and setting. So with another key."""
    assert program_here("destinations", "add", "nas", "sftp:till", *words(nas, host_key="")).code == 0
    said = program_here("backup", till, "--to", "nas")
    assert said.code == 1
    assert nas.fingerprint in said.err
    assert "host_key" in said.err
    other = f"SHA256:{'A' * 43}"
    assert program_here("destinations", "add", "other", "sftp:till", *words(nas, host_key=other)).code == 0
    said = program_here("backup", till, "--to", "other")
    assert said.code == 1
    assert nas.fingerprint in said.err
    assert other in said.err
    assert list(nas.home.iterdir()) == []


def test_location_as_for_restic(program_here: Any, nas: Sshd, till: Path) -> None:
    """A place can be written as for restic, with user, server and port before the folder."""
    place = f"sftp://{_myself()}@127.0.0.1:{nas.port}/till"
    settings = ["--set", f"key_file={nas.key_file}", "--set", f"host_key={nas.fingerprint}"]
    assert program_here("destinations", "add", "nas", place, *settings).code == 0
    assert program_here("backup", till, "--to", "nas").code == 0
    assert (nas.home / "till" / "config").is_file()


def _myself() -> str:
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
