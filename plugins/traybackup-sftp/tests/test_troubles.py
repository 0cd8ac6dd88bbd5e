"""What goes wrong on the way and on the server, and that nothing half-made is left."""

import contextlib
import http.server
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from sftp_servers import Open, Relay, Sshd, free_port, sshd
from traybackup_sftp import connection, upload
from traybackup_sftp.paths import OLD, Root
from traybackup_sftp.provider import Sftp

from traybackup.api import (
    AccessDenied,
    BytesPayload,
    NotFound,
    NotTheService,
    Offline,
    PlaceGone,
    PlaceMissing,
    Retry,
    SettingInvalid,
    StoreFailed,
    StoreFull,
    StoreReadOnly,
)
from traybackup.testing import MemoryVault
from traybackup.testing.ground import Script

BIG = bytes(range(256)) * 8192


def names(folder: Path) -> list[str]:
    """Return every file below *folder*."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_layout_and_modes_are_restics(open_place: Open, folder: Path) -> None:
    """Objects lie where restic looks for them, with its modes, and no temporary file stays."""
    store = open_place()
    store.put("config", BytesPayload(b"c"))
    store.put("data/3f/3f9a", BytesPayload(b"d"))
    assert names(folder) == ["config", "data/3f/3f9a"]
    assert {oct(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {"0o100400"}
    assert {oct(path.stat().st_mode) for path in folder.rglob("*") if path.is_dir()} == {"0o40700"}


def test_room_is_the_servers(open_place: Open, tmp_path: Path) -> None:
    """The room is that of the file system where the place is, or will be."""
    store = open_place()
    known = os.statvfs(tmp_path)
    before = store.space()
    assert before.total == known.f_frsize * known.f_blocks
    store.put("config", BytesPayload(b"c"))
    assert store.space().total == before.total
    assert store.space().free is not None


def test_missing_disk(open_place: Open) -> None:
    """If not even the first folder on the way is there, it is a disk that is missing, and nothing is made."""
    with pytest.raises(PlaceMissing):
        open_place(folder="/no-such-disk/till")
    assert not Path("/no-such-disk").exists()


def test_something_else_than_a_folder(open_place: Open, tmp_path: Path) -> None:
    """A file in place of the folder is named as the setting that is wrong."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingInvalid) as told:
        open_place(folder=str(tmp_path / "file"))
    assert told.value.field == "folder"


def test_disk_that_goes_away(open_place: Open, folder: Path) -> None:
    """A place that was there and is not any more is gone: it is not made anew, and its objects are not "not found"."""
    store = open_place()
    store.put("config", BytesPayload(b"c"))
    away = folder.rename(folder.parent / "away")
    for ask in (
        lambda: store.put("keys/1", BytesPayload(b"k")),
        lambda: store.get("config"),
        lambda: store.stat("config"),
        lambda: list(store.entries()),
        lambda: store.delete("config"),
    ):
        with pytest.raises(PlaceGone):
            ask()
    assert not folder.exists()
    away.rename(folder)
    assert store.get("config") == b"c"
    with pytest.raises(NotFound):
        store.get("keys/1")


def test_read_only_server(debian: Sshd, tmp_path: Path) -> None:
    """A server that lets nobody write says that there is no right to, and is read all the same."""
    (tmp_path / "home" / "place").mkdir(parents=True)
    (tmp_path / "home" / "place" / "config").write_text("c")
    with (
        sshd(tmp_path / "server", tmp_path / "home", options="-R") as server,
        Sftp().open(server.settings(), MemoryVault()) as store,
    ):
        assert debian.port != server.port
        assert store.get("config") == b"c"
        for name in ("keys/1", "config"):
            with pytest.raises(AccessDenied):
                store.put(name, BytesPayload(b"x"), overwrite=True)
        with pytest.raises(AccessDenied):
            store.delete("config")
        assert [entry.name for entry in store.entries()] == ["config"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], check=False).returncode:
        pytest.skip("only root may mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def test_read_only_disk(open_place: Open, small_disk: Path) -> None:
    """A disk that the server has mounted read-only is told from one without rights."""
    store = open_place(folder=str(small_disk / "place"))
    store.put("config", BytesPayload(b"c"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StoreReadOnly):
        store.put("data/3f/3f9a", BytesPayload(b"x"))
    assert store.get("config") == b"c"


def test_full_disk_names_what_it_needs(open_place: Open, small_disk: Path) -> None:
    """What does not fit is told with its size, and its beginning does not stay to fill the disk."""
    store = open_place(folder=str(small_disk / "place"))
    store.put("config", BytesPayload(b"c"))
    with pytest.raises(StoreFull) as told:
        store.put("data/3f/3f9a", BytesPayload(BIG * 2))
    assert told.value.needed == len(BIG) * 2
    assert told.value.retry is Retry.AFTER_OWNER_ACTS
    assert names(small_disk) == ["place/config"]


def test_line_that_breaks(debian: Sshd, open_place: Open, folder: Path) -> None:
    """A break in the middle of an upload is "offline", shows nothing, and the next call simply connects again."""
    with Relay(debian.port) as relay:
        store = open_place(port=str(relay.port))
        store.put("config", BytesPayload(b"c"))
        for at in (0, len(BIG) // 2, len(BIG) - 1):
            with pytest.raises(Offline):
                store.put("data/3f/3f9a", Script(BIG, at=at, happens=relay.cut))
            assert [entry.name for entry in store.entries()] == ["config"]
        store.put("data/3f/3f9a", BytesPayload(BIG))
        assert store.get("data/3f/3f9a") == BIG
    assert names(folder) == ["config", "data/3f/3f9a"]


def test_line_that_breaks_while_reading(debian: Sshd, open_place: Open) -> None:
    """Every call after a break connects again, from several threads at once, too."""
    with Relay(debian.port) as relay:
        store = open_place(port=str(relay.port))
        store.put("config", BytesPayload(b"c"))
        for ask in (lambda: store.get("config"), lambda: store.stat("config"), lambda: list(store.entries())):
            relay.cut()
            with contextlib.suppress(Offline):  # the break may be noticed before the call, or by it
                ask()
            ask()
        assert store.get("config") == b"c"


def test_server_that_falls_silent(debian: Sshd, open_place: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stops answering is given up after the time limit, and asked anew when it is back."""
    with Relay(debian.port) as relay:
        store = open_place(port=str(relay.port))
        store.put("config", BytesPayload(b"c"))
        monkeypatch.setattr(connection, "ANSWER", 0.3)
        relay.open.clear()
        for ask in (lambda: store.get("config"), lambda: store.put("keys/1", BytesPayload(b"k"))):
            with pytest.raises(Offline):
                ask()
            relay.open.set()
            monkeypatch.setattr(connection, "ANSWER", 20.0)
            assert store.get("config") == b"c"
            monkeypatch.setattr(connection, "ANSWER", 0.3)
            relay.open.clear()
        relay.open.set()


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 200 OK\r\n\r\n<html>Sign in</html>\r\n" * 2000])
def test_no_ssh_server(open_place: Open, monkeypatch: pytest.MonkeyPatch, greeting: bytes) -> None:
    """Whoever answers but speaks no SSH is told from silence, and silence ends."""
    monkeypatch.setattr(connection, "LOGIN", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def answer() -> None:
        with contextlib.suppress(OSError):
            near, _ = listener.accept()
            held.append(near)
            near.sendall(greeting)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with pytest.raises(NotTheService if greeting else Offline):
            open_place(port=str(listener.getsockname()[1]))
    finally:
        listener.close()
        thread.join()
        for one in held:
            one.close()


def test_web_server(open_place: Open) -> None:
    """A web server that answers on the port is not the service."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(NotTheService):
            open_place(port=str(server.server_port))
        server.shutdown()


def test_server_that_greets_otherwise_and_hangs_up(open_place: Open) -> None:
    """A mail or FTP server is not the service either, also if it goes after its greeting."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                near.sendall(b"220 ftp.example ready\r\n")
                near.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with pytest.raises(NotTheService):
            open_place(port=str(listener.getsockname()[1]))
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_nobody_there(open_place: Open) -> None:
    """A port where nobody listens is "offline"."""
    with pytest.raises(Offline):
        open_place(port=str(free_port()))


def test_ssh_without_sftp(tmp_path: Path) -> None:
    """An SSH server that offers no SFTP is told as a wrong server, not as a broken line."""
    with sshd(tmp_path / "server", tmp_path / "home", sftp=False) as server, pytest.raises(SettingInvalid) as told:
        Sftp().open(server.settings(), MemoryVault())
    assert told.value.field == "host"


def test_leftovers_go_when_they_are_old(open_place: Open, folder: Path) -> None:
    """What a killed writer left is removed days later by the server's clock; what may still grow is not touched."""
    store = open_place()
    store.put("config", BytesPayload(b"c"))
    now = time.time()
    for age in (0.0, OLD - 60, OLD + 60):
        path = Path(Root(str(folder)).temporary("keys/ab"))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (now - age, now - age))
    (folder / "keys" / ".own-notes").write_text("somebody's")
    os.utime(folder / "keys" / ".own-notes", (0, 0))
    assert [entry.name for entry in store.entries()] == ["config"]
    store.put("keys/ab", BytesPayload(b"k"))
    left = sorted(path.name.startswith(".tmp-") for path in (folder / "keys").iterdir())
    assert left == [False, False, True, True]


def test_folder_of_others_is_passed_over(open_place: Open, folder: Path) -> None:
    """What is no object of ours is not listed, and links lead nowhere."""
    store = open_place()
    store.put("config", BytesPayload(b"c"))
    (folder / "lost+found").mkdir()
    (folder / "lost+found" / "x").write_text("x")
    (folder / ".snapshot").mkdir()
    (folder / "README").write_text("x")
    (folder / "link").symlink_to("config")
    (folder / "loop").symlink_to(".")
    assert [entry.name for entry in store.entries()] == ["config"]


def test_discarding_keeps_what_is_there(open_place: Open, folder: Path) -> None:
    """Discarding removes empty folders and nothing else; afterwards the place can be made again."""
    store = open_place()
    store.put("data/3f/3f9a", BytesPayload(b"d"))
    store.put("keys/1", BytesPayload(b"k"))
    store.delete("data/3f/3f9a")
    store.discard()
    assert names(folder) == ["keys/1"]
    assert not (folder / "data").exists()
    store.delete("keys/1")
    store.discard()
    assert not folder.exists()
    store.put("keys/1", BytesPayload(b"k"))
    assert names(folder) == ["keys/1"]


def test_server_without_extensions(open_place: Open, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Where nothing can be flushed and folders cannot be opened, objects are stored all the same; room is unknown."""

    async def unsupported(*_: object) -> None:
        raise asyncssh.SFTPOpUnsupported("no")  # noqa: EM101 - the server's words

    monkeypatch.setattr(asyncssh.SFTPClientFile, "fsync", unsupported)
    monkeypatch.setattr(asyncssh.SFTPClient, "statvfs", unsupported)
    monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", unsupported)
    store = open_place()
    store.put("config", BytesPayload(b"c"))
    assert store.get("config") == b"c"
    assert store.space().total is None
    with pytest.raises(StoreFailed):
        store.put("config", BytesPayload(b"d"), overwrite=True)
    assert store.get("config") == b"c"
    assert names(folder) == ["config"]


def test_few_pieces_are_under_way(open_place: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload keeps no more than a few pieces in memory, however large the object."""
    most = 0
    plain = upload.Upload._write

    def counted(self: upload.Upload, piece: bytes, offset: int) -> None:
        nonlocal most
        plain(self, piece, offset)
        most = max(most, len(self._under_way))

    monkeypatch.setattr(upload.Upload, "_write", counted)
    store = open_place()
    store.put("data/3f/3f9a", BytesPayload(BIG * 4))
    assert store.get("data/3f/3f9a") == BIG * 4
    assert 1 < most <= 4


def test_closed_place(open_place: Open) -> None:
    """A closed place says so, and its thread has ended."""
    store = open_place()
    store.close()
    with pytest.raises(StoreFailed):
        store.stat("config")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sftp 127")]
