"""Every way to log in, and how each fails."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from sftp_passwords import PASSWORD, USER, password_server
from sftp_servers import Open, Sshd
from traybackup_sftp.provider import Sftp

from traybackup.api import MAX_SECRET, BytesPayload, CredentialsRefused, SettingInvalid
from traybackup.testing import MemoryVault

WRONG, SESAME = "wrong", "sesame"


@pytest.mark.parametrize("asks", ["password", "question"])
def test_password(tmp_path: Path, asks: str) -> None:
    """A password opens the place, whether the server takes one or asks a question; a wrong one is told."""
    with password_server(tmp_path, asks=asks) as (port, fingerprint):
        settings = {"folder": f"//{USER}@127.0.0.1:{port}/till", "host_key": fingerprint}
        with Sftp().open(settings, MemoryVault(password=PASSWORD)) as store:
            store.put("config", BytesPayload(b"x"))
        assert (tmp_path / "till" / "config").read_bytes() == b"x"
        for wrong in (settings, settings | {"folder": f"//otto@127.0.0.1:{port}/till"}):
            with pytest.raises(CredentialsRefused) as told:
                Sftp().open(wrong, MemoryVault(password="x" + PASSWORD * (wrong is settings)))
            assert told.value.user == ("anna" if wrong is settings else "otto")


def test_debian_refuses(open_place: Open) -> None:
    """The real sshd refuses a password and a key that it does not know; nothing else is tried instead."""
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    for vault in (MemoryVault(password=WRONG), MemoryVault(private_key=stranger)):
        with pytest.raises(CredentialsRefused):
            open_place(vault, key_file="")


def test_key_in_the_keyring(debian: Sshd, open_place: Open) -> None:
    """The content of a key file, kept as a secret, opens the place, and fits into every keyring."""
    text = debian.key_file.read_text()
    assert len(text) < MAX_SECRET
    assert list(open_place(MemoryVault(private_key=text), key_file="").entries()) == []


def test_key_with_a_password(debian: Sshd, open_place: Open, tmp_path: Path) -> None:
    """A key that has a password needs the right one, and the setting that is wrong is named."""
    key = asyncssh.read_private_key(str(debian.key_file))
    key.write_private_key(str(tmp_path / "sealed"), passphrase=SESAME, rounds=50)
    text = (tmp_path / "sealed").read_text()
    assert list(open_place(MemoryVault(private_key=text, key_password=SESAME), key_file="").entries()) == []
    sealed = str(tmp_path / "sealed")
    assert list(open_place(MemoryVault(key_password=SESAME), key_file=sealed).entries()) == []
    for vault, why in ((MemoryVault(), "missing-secret"), (MemoryVault(key_password=WRONG), "")):
        with pytest.raises(SettingInvalid) as told:
            open_place(vault, key_file=sealed)
        assert (told.value.field, told.value.why) == ("key_password", why)


def test_key_that_is_none(open_place: Open, tmp_path: Path) -> None:
    """A file that is missing, and text that is no key, are told by their setting."""
    (tmp_path / "note").write_text("not a key")
    for file in ("note", "missing"):
        with pytest.raises(SettingInvalid) as told:
            open_place(key_file=str(tmp_path / file))
        assert told.value.field == "key_file"
    with pytest.raises(SettingInvalid) as told:
        open_place(MemoryVault(private_key="not a key"), key_file="")
    assert told.value.field == "private_key"


@pytest.fixture
def agent(debian: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the real ssh-agent hold the key."""
    if shutil.which("ssh-agent") is None:
        pytest.skip("missing: ssh-agent")
    address = str(tmp_path / "agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", address], stdout=subprocess.DEVNULL) as process:
        try:
            while not os.path.exists(address):
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.02)
            monkeypatch.setenv("SSH_AUTH_SOCK", address)
            subprocess.run(["ssh-add", "-q", str(debian.key_file)], check=True)
            yield
        finally:
            process.terminate()


@pytest.mark.usefixtures("agent")
def test_agent(open_place: Open) -> None:
    """The agent opens the place where nothing else is given, or where it was asked for."""
    assert list(open_place(key_file="").entries()) == []
    assert list(open_place(MemoryVault(password=WRONG), key_file="", agent="true").entries()) == []


@pytest.mark.usefixtures("agent")
def test_agent_is_not_asked_behind_the_owners_back(open_place: Open) -> None:
    """Who gave a password or a key does not get in by the agent's."""
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    for vault in (MemoryVault(password=WRONG), MemoryVault(private_key=stranger)):
        with pytest.raises(CredentialsRefused):
            open_place(vault, key_file="")


def test_nothing_to_log_in_with(open_place: Open) -> None:
    """Without password, key and agent the server refuses, and that is what is told."""
    with pytest.raises(CredentialsRefused):
        open_place(key_file="")
