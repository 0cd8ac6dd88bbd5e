"""Nothing is sent to a server whose key the owner has not confirmed."""

from pathlib import Path

import pytest
from sftp_servers import Open, Sshd, sshd
from traybackup_sftp.provider import Sftp

from traybackup.api import BytesPayload, CredentialsRefused, HostKeyChanged, HostKeyUnknown, Retry
from traybackup.testing import MemoryVault

OTHER = f"SHA256:{'A' * 43}"


def test_unknown_key_is_shown_and_nothing_done(debian: Sshd, open_place: Open, folder: Path) -> None:
    """Without a confirmed key the server's is named, so that the owner can compare it, and nobody logs in."""
    with pytest.raises(HostKeyUnknown) as told:
        open_place(host_key="")
    assert told.value.fingerprint == debian.fingerprint
    assert told.value.host == f"127.0.0.1:{debian.port}"
    assert told.value.retry is Retry.AFTER_OWNER_ACTS
    assert not folder.parent.exists()


def test_confirmed_key_opens(open_place: Open, debian: Sshd) -> None:
    """What was shown, once confirmed, opens the place."""
    with pytest.raises(HostKeyUnknown) as told:
        open_place(host_key="")
    store = open_place(host_key=told.value.fingerprint)
    store.put("config", BytesPayload(b"x"))
    assert store.get("config") == b"x"
    assert told.value.fingerprint == debian.fingerprint


def test_another_key_is_shown_with_the_old(debian: Sshd, open_place: Open, folder: Path) -> None:
    """A server with another key than the confirmed one gets nothing, and both are named."""
    with pytest.raises(HostKeyChanged) as told:
        open_place(host_key=OTHER)
    assert told.value.fingerprint == debian.fingerprint
    assert told.value.expected == OTHER
    assert not folder.parent.exists()


def test_any_key_of_the_server_will_do(debian: Sshd, open_place: Open) -> None:
    """A fingerprint says nothing of its kind: that of a key which comes second is found, and one of several, too."""
    second = debian.host_keys[1].get_fingerprint()
    assert second != debian.fingerprint
    for host_key in (second, f"{OTHER}, {second}", debian.host_keys[1].export_public_key().decode()):
        assert list(open_place(host_key=host_key).entries()) == []


def test_nobody_logs_in_at_a_stranger(tmp_path: Path) -> None:
    """The line to an unconfirmed server ends before anybody logs in: the server hears of no user and no password."""
    with sshd(tmp_path / "server", tmp_path / "home") as server:
        vault = MemoryVault(**dict.fromkeys(("password",), "hidden"))
        for key, error in (("", HostKeyUnknown), (OTHER, HostKeyChanged)):
            with pytest.raises(error):
                Sftp().open(server.settings(host_key=key, user="anna"), vault)
        assert "user" not in (server.base / "log").read_text()
        with pytest.raises(CredentialsRefused):
            Sftp().open(server.settings(user="anna"), vault)
        assert "user anna" in (server.base / "log").read_text()
