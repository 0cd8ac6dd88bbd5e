"""Which settings lead where, and which cannot be."""

import base64
import hashlib

import asyncssh
import pytest
from traybackup_sftp import config
from traybackup_sftp.paths import Root, is_temporary
from traybackup_sftp.provider import Sftp

from traybackup.api import SettingInvalid, Vault, VaultUnavailable
from traybackup.testing import MemoryVault

KEY = asyncssh.generate_private_key("ssh-ed25519")
FINGERPRINT = KEY.get_fingerprint()


def read(**settings: str) -> config.Config:
    return config.read(settings, MemoryVault())


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"host": "nas", "user": "anna"}, ("anna", "nas", 22, "TrayBackup")),
        ({"host": " nas ", "user": "anna", "folder": "/srv/till/", "port": "2222"}, ("anna", "nas", 2222, "/srv/till")),
        ({"host": "nas", "user": "anna", "folder": "a:b"}, ("anna", "nas", 22, "a:b")),
        ({"host": "::1", "user": "anna"}, ("anna", "::1", 22, "TrayBackup")),
        ({"folder": "anna@nas.local:backups/till"}, ("anna", "nas.local", 22, "backups/till")),
        ({"folder": "anna@nas:/srv"}, ("anna", "nas", 22, "/srv")),
        ({"folder": "nas:till", "user": "otto", "port": "23"}, ("otto", "nas", 23, "till")),
        ({"folder": "anna@nas:"}, ("anna", "nas", 22, ".")),
        ({"folder": "anna@[fe80::1%eth0]:till"}, ("anna", "fe80::1%eth0", 22, "till")),
        ({"folder": "//anna@nas:2222/till"}, ("anna", "nas", 2222, "till")),
        ({"folder": "//anna@nas//srv/till", "port": "24"}, ("anna", "nas", 24, "/srv/till")),
        ({"folder": "//anna@[::1]:2222/till"}, ("anna", "::1", 2222, "till")),
        ({"folder": "//anna@nas"}, ("anna", "nas", 22, ".")),
        ({"folder": "anna@nas:Größe ☕/till"}, ("anna", "nas", 22, "Größe ☕/till")),
        ({"host": "nas", "user": "anna", "folder": "/"}, ("anna", "nas", 22, "/")),
    ],
)
def test_where(settings: dict[str, str], wanted: tuple[object, ...]) -> None:
    """The server stands in settings of its own, or before the folder as for restic and scp."""
    found = read(**settings)
    assert (found.user, found.host, found.port, found.folder) == wanted


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "host"),
        ({"folder": "TrayBackup"}, "host"),
        ({"folder": ":x"}, "host"),
        ({"host": "a b"}, "host"),
        ({"host": "-oProxyCommand=x y"}, "host"),
        ({"host": "nas/x"}, "host"),
        ({"host": "nas", "port": "0"}, "port"),
        ({"host": "nas", "port": "65536"}, "port"),
        ({"host": "nas", "port": "x"}, "port"),
        ({"host": "nas", "port": "-1"}, "port"),
        ({"folder": "//nas:99999/x"}, "port"),
        ({"host": "nas", "folder": "../x"}, "folder"),
        ({"host": "nas", "folder": "a\nb"}, "folder"),
        ({"host": "nas", "folder": "a\0b"}, "folder"),
        ({"host": "nas", "host_key": "MD5:00:11"}, "host_key"),
        ({"host": "nas", "host_key": "SHA256:short"}, "host_key"),
        ({"host": "nas", "host_key": "ssh-ed25519 AAAA="}, "host_key"),
    ],
)
def test_what_cannot_be(settings: dict[str, str], field: str) -> None:
    """A setting that can lead nowhere is named before anything is reached."""
    with pytest.raises(SettingInvalid) as told:
        read(user="anna", **settings)
    assert told.value.field == field
    assert (told.value.why == "missing") == (field == "host" and "host" not in settings)


def test_host_key_in_every_form() -> None:
    """Fingerprints with commas or blanks, or the line of a public key's file, mean the same."""
    line = KEY.export_public_key().decode().strip()
    other = f"SHA256:{'A' * 43}"
    assert read(host="nas", host_key=f" {FINGERPRINT} ").host_keys == {FINGERPRINT}
    assert read(host="nas", host_key=f"{FINGERPRINT},{other}").host_keys == {FINGERPRINT, other}
    assert read(host="nas", host_key=line).host_keys == {FINGERPRINT}
    assert read(host="nas", host_key=f"{line} anna@nas").host_keys == {FINGERPRINT}
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    assert f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}" == FINGERPRINT


def test_without_a_user_it_is_the_one_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for ssh, the user is the one at this computer."""
    monkeypatch.setenv("LOGNAME", "till")
    assert read(host="nas").user == "till"


def test_address_names_an_unusual_port() -> None:
    """People see the port only if it is another than usual."""
    assert read(host="nas").address == "nas"
    assert read(host="nas", port="2222").address == "nas:2222"
    assert read(host="::1", port="2222").address == "[::1]:2222"


def test_secrets_are_shown_nowhere() -> None:
    """Nothing that prints the settings prints a secret."""
    vault = MemoryVault(**dict.fromkeys(("password", "private_key", "key_password"), "hidden"))
    assert "hidden" not in repr(config.read({"host": "nas"}, vault))


class NoVault(Vault):
    """A keyring that cannot be used."""

    def get(self, key: str) -> str | None:
        raise VaultUnavailable(why="none", name=key)

    def set(self, key: str, value: str) -> None:
        raise VaultUnavailable(why="none", name=key + value)

    def delete(self, key: str) -> None:
        raise VaultUnavailable(why="none", name=key)


def test_keyring_is_needed_only_for_secrets() -> None:
    """The agent, or a key in a file, need no keyring; a password does, and its failure is told."""
    assert config.read({"host": "nas", "agent": "true"}, NoVault()).agent
    assert config.read({"host": "nas", "key_file": "/k"}, NoVault()).passphrase == ""
    with pytest.raises(VaultUnavailable):
        config.read({"host": "nas"}, NoVault())


@pytest.mark.parametrize(
    ("folder", "wanted"),
    [("till", "till/x"), ("", "TrayBackup/x"), ("anna@nas:", "anna@nas:x"), ("a@n:/", "a@n:/x"), ("/srv", "/srv/x")],
)
def test_scratch_lies_inside(folder: str, wanted: str) -> None:
    """The place that the doctor tries things in is a folder in the place's own."""
    assert Sftp().scratch({"folder": folder, "host": "nas"}, "x")["folder"] == wanted


def test_folders_on_the_way() -> None:
    """All of a relative path may be made; the first folder of an absolute one is a disk, which may not."""
    assert Root("a/b").steps() == ["a", "a/b"]
    assert Root("/a/b/c").steps() == ["/a/b", "/a/b/c"]
    assert Root(".").steps() == []
    assert Root("/").steps() == []


def test_temporary_names_are_known_again() -> None:
    """A temporary name lies beside the object, begins with a dot, and is told from everything else."""
    path = Root("/srv").temporary("data/3f/3f9a")
    folder, _, last = path.rpartition("/")
    assert folder == "/srv/data/3f"
    assert is_temporary(last)
    assert path != Root("/srv").temporary("data/3f/3f9a")
    assert not is_temporary("3f9a")
    assert not is_temporary(".tmp-own-file")
