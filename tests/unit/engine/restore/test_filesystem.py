"""The target's file system: names, owners and renames, also where it can do less than ours."""

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import TargetUnusable
from traybackup.api.source import Kind, Metadata
from traybackup.engine import filesystem, inodes, preflight
from traybackup.engine.filesystem import (
    Abilities,
    Folder,
    Identity,
    flush,
    largest_file,
)
from traybackup.engine.inodes import set_metadata, set_special_metadata

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="restoring on Windows has tests of its own")

US = Identity.current()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """An open, empty directory."""
    folder = Folder.at(os.fsencode(tmp_path))
    yield folder
    folder.close()
    folder.close()  # twice is fine


def refuse(number: int) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


def without_renameat2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "_renameat2", lambda: None)


def unsupported_renameat2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "_renameat2", lambda: lambda *_: errno.EINVAL)


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    without_renameat2(monkeypatch)
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))


@pytest.mark.parametrize("system", [lambda _: None, without_renameat2, unsupported_renameat2, without_links])
def test_a_rename_never_replaces(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Whatever the system offers, an existing name is an error and keeps its content; a free one is taken."""
    system(monkeypatch)
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "there").write_bytes(b"there")
    with pytest.raises(FileExistsError):
        folder.rename_new(b"new", b"there")
    assert (tmp_path / "there").read_bytes() == b"there"
    folder.rename_new(b"new", b"free")
    assert sorted(os.listdir(tmp_path)) == ["free", "there"]
    assert (tmp_path / "free").read_bytes() == b"new"


@pytest.mark.parametrize("system", [lambda _: None, without_renameat2])
def test_other_failures_of_a_rename_stay_what_they_are(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, system: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """A file that is gone is not taken for something else."""
    system(monkeypatch)
    with pytest.raises(FileNotFoundError):
        folder.rename_new(b"gone", b"new")


@pytest.mark.parametrize("links", [True, False])
def test_what_is_set_aside_keeps_its_content(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """With or without hard links, the old file is found under its other name."""
    if not links:
        monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    (tmp_path / "a").write_bytes(b"old")
    folder.set_aside(b"a", b"b")
    assert (tmp_path / "b").read_bytes() == b"old"
    (tmp_path / "a").touch()
    with pytest.raises(FileExistsError):
        folder.set_aside(b"a", b"b")


def test_nothing_is_opened_through_a_link(folder: Folder, tmp_path: Path) -> None:
    """A link to a directory or file is refused, whichever way it is opened; a FIFO blocks nobody."""
    (tmp_path / "d").mkdir()
    (tmp_path / "f").touch()
    (tmp_path / "to d").symlink_to("d")
    (tmp_path / "to f").symlink_to("f")
    os.mkfifo(tmp_path / "pipe")
    for opening, name in (
        (folder.enter, b"to d"),
        (folder.read, b"to f"),
        (folder.write, b"to f"),
        (folder.create, b"f"),
    ):
        with pytest.raises(OSError, match=r".*"):
            opening(name)
    os.close(folder.read(b"pipe"))
    assert not folder.make(b"to d")


def test_somebody_who_is_no_administrator_keeps_what_is_his(tmp_path: Path) -> None:
    """Files of others become ours without their setuid bit, and it is told; our own ones lose nothing."""
    us = Identity(administrator=False, uid=os.geteuid(), groups=frozenset({os.getegid()}))
    for uid, mode, unset in ((os.geteuid(), 0o4755, []), (os.geteuid() + 1, 0o755, ["owner"])):
        fd = os.open(tmp_path / str(uid), os.O_CREAT | os.O_WRONLY, 0o600)
        metadata = Metadata(Kind.FILE, mode=0o4755, uid=uid, gid=os.getegid(), modified=7, accessed=8)
        assert set_metadata(fd, metadata, us) == unset
        assert stat.S_IMODE(os.fstat(fd).st_mode) == mode
        os.close(fd)


def test_what_the_system_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Owner, attributes, mode and times are tried one by one, and each that fails is named."""
    monkeypatch.setattr(inodes, "_CHOWN", refuse(errno.EPERM))
    monkeypatch.setattr(inodes, "_SETXATTR", None)
    monkeypatch.setattr(os, "chmod", refuse(errno.EPERM))
    monkeypatch.setattr(os, "utime", refuse(errno.EPERM))
    fd = os.open(tmp_path / "f", os.O_CREAT | os.O_WRONLY, 0o600)
    metadata = Metadata(Kind.FILE, uid=US.uid + 1, gid=os.getegid(), xattrs=(("user.a", b""), ("user.b", b"")))
    assert sorted(set_metadata(fd, metadata, US)) == ["attributes", "mode", "owner", "times"]
    os.close(fd)


@pytest.mark.parametrize("call", ["chmod", "utime"])
@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.ENODEV])
def test_a_medium_that_fails_is_no_refusal(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """Times that could not be set because the drive failed are not passed over like those that nobody may set."""
    fd = os.open(tmp_path / "f", os.O_CREAT | os.O_WRONLY, 0o600)
    metadata = Metadata(Kind.FIFO, mode=0o604, uid=US.uid, gid=os.getegid())
    folder.make_special(b"pipe", metadata)
    monkeypatch.setattr(os, call, refuse(number))
    with pytest.raises(OSError, match=re.escape(os.strerror(number))):
        set_metadata(fd, metadata, US)
    with pytest.raises(OSError, match=re.escape(os.strerror(number))):
        set_special_metadata(folder, b"pipe", metadata, US)
    os.close(fd)


def test_special_files_are_changed_without_opening_them(folder: Folder, tmp_path: Path) -> None:
    """A FIFO gets its mode and times; one swapped for a link gets neither, and the link's target is left alone."""
    metadata = Metadata(Kind.FIFO, mode=0o604, uid=US.uid, gid=os.getegid(), modified=10**18, accessed=10**18)
    folder.make_special(b"pipe", metadata)
    assert set_special_metadata(folder, b"pipe", metadata, US) == []
    found = os.lstat(tmp_path / "pipe")
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o604, 10**18)
    (tmp_path / "victim").touch(mode=0o600)
    (tmp_path / "swapped").symlink_to("victim")
    assert set_special_metadata(folder, b"swapped", metadata, US) == ["mode"]
    assert stat.S_IMODE((tmp_path / "victim").stat().st_mode) == 0o600
    assert (tmp_path / "victim").stat().st_mtime_ns != 10**18


def test_attributes_of_links_are_set_on_the_link(folder: Folder, tmp_path: Path) -> None:
    """An attribute that a link cannot have is named, and its target does not get it instead."""
    (tmp_path / "victim").touch()
    metadata = Metadata(
        Kind.SYMLINK, uid=US.uid, gid=os.getegid(), link_target=b"victim", xattrs=(("user.shop", b"1"),)
    )
    folder.make_special(b"link", metadata)
    assert set_special_metadata(folder, b"link", metadata, US) == ["attributes"]
    assert os.listxattr(tmp_path / "victim") == []


def test_times_beyond_the_system_are_named(tmp_path: Path) -> None:
    """A time that no system can hold costs only the time."""
    fd = os.open(tmp_path / "f", os.O_CREAT | os.O_WRONLY, 0o600)
    assert set_metadata(fd, Metadata(Kind.FILE, uid=US.uid, gid=os.getegid(), modified=1 << 100), US) == ["times"]
    os.close(fd)


class Poor:
    """A file system that can do less: it refuses some names, and knows no case."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refused: bytes, number: int) -> None:
        create, look = Folder.create, Folder.look

        def poor_create(folder: Folder, name: bytes, mode: int = 0o600) -> int:
            if any(byte in refused for byte in name):
                raise OSError(number, os.strerror(number))
            return create(folder, name.lower(), mode)

        monkeypatch.setattr(Folder, "create", poor_create)
        monkeypatch.setattr(Folder, "look", lambda folder, name: look(folder, name.lower()))


def test_abilities_are_tried_out(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours takes everything; a poor one is found out; nothing is left behind."""
    assert Abilities.of(folder) == Abilities()
    with monkeypatch.context() as patch:
        Poor(patch, b":?\xff", errno.EINVAL)
        assert Abilities.of(folder) == Abilities(any_bytes=False, any_characters=False, case=False)
    with monkeypatch.context() as patch:
        Poor(patch, b"b", errno.EACCES)
        with pytest.raises(PermissionError):
            Abilities.of(folder)
    assert os.listdir(tmp_path) == []


def test_everything_is_flushed_or_it_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that lost something on the way says so; a handle that is none is an error."""
    flush(folder)
    other = Folder(-1)
    with pytest.raises(OSError, match="Bad file descriptor"):
        flush(other)
    monkeypatch.setattr(filesystem, "_libc", lambda: None)
    flush(folder)


def test_fat_is_known_by_its_number(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only FAT has a limit worth telling; elsewhere, and where nobody can tell, there is none."""
    assert largest_file(folder) is None

    class Fat:
        @staticmethod
        def fstatfs(_: int, answer: Any) -> int:
            answer[0] = 0x4D44
            return 0

    monkeypatch.setattr(filesystem, "_libc", Fat)
    assert largest_file(folder) == (4 << 30) - 1
    monkeypatch.setattr(filesystem, "_libc", lambda: None)
    assert largest_file(folder) is None


def test_a_folder_is_ours_alone(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first who claims it has it; where there are no locks everybody has."""
    other = Folder.at(os.fsencode(tmp_path))
    assert folder.claim()
    assert not other.claim()
    monkeypatch.setattr(filesystem.fcntl, "flock", refuse(errno.ENOLCK))
    assert other.claim()
    monkeypatch.setattr(filesystem, "fcntl", None)
    assert other.claim()
    other.close()


def test_without_users_everybody_is_nobody_in_particular(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has no user numbers; there is no administrator then."""
    monkeypatch.delattr(os, "geteuid")
    assert not Identity.current().administrator


@pytest.mark.parametrize(
    ("number", "why"), [(errno.EACCES, "no-permission"), (errno.ENAMETOOLONG, "File name too long")]
)
def test_a_target_that_cannot_be_made_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, why: str
) -> None:
    """No right to make the folder, or no such name: the reason is in the error."""
    monkeypatch.setattr(os, "makedirs", refuse(number))
    with pytest.raises(TargetUnusable) as caught, preflight.opened(str(tmp_path / "new")):
        pass
    assert caught.value.why == why
