"""FolderSource: everything below the named paths is listed as it is, and nothing else."""

import errno
import os
import socket
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from traybackup.api.errors import SourceMissing, SourceUnreadable
from traybackup.api.source import Finding, Item, Kind
from traybackup.sources.folder import FolderSource

Opener = Callable[..., FolderSource]
Lister = Callable[[FolderSource], dict[bytes, Item]]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make devices and own others' files")


def write(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read(source: FolderSource, item: Item) -> bytes:
    with source.open(item) as content:
        return b"".join(iter(lambda: content.read(1 << 20), b""))


# -- the tree --------------------------------------------------------------------------------------------------------


def test_tree_starts_at_the_root(shop: Path, source_of: Opener, walk: Lister) -> None:
    """Path components become nested directories, of which only those that lead to a named path are listed."""
    write(shop / "in" / "a"), write(shop / "out")
    source = source_of(shop / "in")
    parts = [os.fsencode(part) for part in [*reversed((shop / "in").parents), shop / "in", shop / "in" / "a"]]
    assert sorted(walk(source)) == sorted(parts)
    assert source.root() == walk(source)[b"/"]
    assert source.root().name == b""
    assert [item.name for item in source.children(source.root())] == [parts[1].lstrip(b"/")]


def test_several_paths_merge(shop: Path, source_of: Opener, below: Lister) -> None:
    """Several paths make one tree, a file among them too; one inside another adds nothing."""
    write(shop / "a" / "1"), write(shop / "b" / "2"), write(shop / "c"), write(shop / "d")
    source = source_of(shop / "b", shop / "a", shop / "c", shop / "a" / "1", shop / "a" / ".." / "b")
    assert sorted(below(source)) == [b"a", b"a/1", b"b", b"b/2", b"c"]
    assert list(source.paths) == [str(shop / name) for name in ("a", "a/1", "b", "c")]


def test_root_itself(source_of: Opener) -> None:
    """The root of the file system can be saved: its entries are listed."""
    source = source_of(b"/")
    assert b"proc" in [item.name for item in source.children(source.root())]


def test_relative_path(shop: Path, source_of: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts at the current folder and is named in full."""
    write(shop / "a" / "1")
    monkeypatch.chdir(shop)
    assert list(source_of(b"a").paths) == [str(shop / "a")]


def test_all_kinds(shop: Path, source_of: Opener, below: Lister) -> None:
    """Files, folders, links and FIFOs are listed as what they are; a socket is left out."""
    write(shop / "file", b"12345")
    (shop / "folder").mkdir()
    (shop / "link").symlink_to("nowhere/\udcff")
    os.mkfifo(shop / "fifo")
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind(str(shop / "socket"))
        found = below(source_of(shop))
    kinds = {name: item.metadata.kind for name, item in found.items()}
    assert kinds == {b"file": Kind.FILE, b"folder": Kind.DIRECTORY, b"link": Kind.SYMLINK, b"fifo": Kind.FIFO}
    assert found[b"link"].metadata.link_target == b"nowhere/\xff"
    assert found[b"file"].metadata.size == 5


@as_root
def test_devices(shop: Path, source_of: Opener, below: Lister) -> None:
    """Devices are listed with their number and are not opened."""
    os.mknod(shop / "null", 0o620 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(shop / "loop", 0o660 | stat.S_IFBLK, os.makedev(7, 200))
    found = below(source_of(shop))
    null, loop = found[b"null"].metadata, found[b"loop"].metadata
    assert (null.kind, null.device, null.mode) == (Kind.CHARACTER_DEVICE, os.makedev(1, 3), 0o620 & ~_umask())
    assert (loop.kind, loop.device) == (Kind.BLOCK_DEVICE, os.makedev(7, 200))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_metadata(shop: Path, source_of: Opener, below: Lister) -> None:
    """Mode, owner, links, inode and times are what stat says, but the access time, which is the modification time."""
    path = write(shop / "file", b"123")
    os.link(path, shop / "other")
    path.chmod(0o6751)
    os.utime(path, ns=(1_000_000_001_123_456_789, 1_000_000_002_987_654_321))
    status = path.stat()
    found = below(source_of(shop))[b"file"].metadata
    assert (found.mode, found.links, found.inode, found.device_id) == (0o6751, 2, status.st_ino, status.st_dev)
    assert (found.accessed, found.modified) == (1_000_000_002_987_654_321, 1_000_000_002_987_654_321)
    assert (found.changed, found.uid, found.gid) == (status.st_ctime_ns, os.getuid(), os.getgid())
    assert (found.user, found.group) == (path.owner(), path.group())


@as_root
def test_owner_without_a_name(shop: Path, source_of: Opener, below: Lister) -> None:
    """A number that no user or group has is kept, with an empty name."""
    os.chown(write(shop / "file"), 4_000_001, 4_000_002)
    found = below(source_of(shop))[b"file"].metadata
    assert (found.uid, found.gid, found.user, found.group) == (4_000_001, 4_000_002, "", "")


def test_xattrs(shop: Path, source_of: Opener, below: Lister) -> None:
    """Extended attributes are listed for files, folders and named paths, sorted by name, with binary values."""
    path = write(shop / "folder" / "file")
    try:
        os.setxattr(path, "user.b", b"\0\xff")
    except OSError as error:
        pytest.skip(f"missing: a file system with extended attributes ({error})")
    os.setxattr(path, "user.a", b"")
    os.setxattr(path.parent, "user.c", b"3")
    found = below(source_of(path.parent))
    assert found[b"folder/file"].metadata.xattrs == (("user.a", b""), ("user.b", b"\0\xff"))
    assert found[b"folder"].metadata.xattrs == (("user.c", b"3"),)


def test_unreadable_xattrs(
    shop: Path, source_of: Opener, below: Lister, somebody_else: Callable[[], AbstractContextManager[None]]
) -> None:
    """Attributes that may not be read are told once, and nothing else suffers."""
    for name in ("a", "b"):
        try:
            os.setxattr(write(shop / name), "user.x", b"1")
        except OSError as error:
            pytest.skip(f"missing: a file system with extended attributes ({error})")
        (shop / name).chmod(0)
    with somebody_else():
        source = source_of(shop)
        assert [item.metadata.xattrs for item in below(source).values()] == [(), ()]
    assert source.findings == [Finding("xattrs-unreadable", os.fsencode(shop / "a"), os.strerror(errno.EACCES))]


def test_no_xattrs(shop: Path, source_of: Opener, below: Lister, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without extended attributes is asked once, not for every file."""
    asked = []

    def refuse(path: bytes, **_: object) -> list[str]:
        asked.append(path)
        raise OSError(errno.ENOTSUP, "scripted")

    for name in ("a", "b", "c"):
        write(shop / name)
    monkeypatch.setattr(os, "listxattr", refuse)
    source = source_of(shop)
    assert len(below(source)) == 3
    assert len(asked) == 1
    assert source.findings == []


NAMES = [
    b"plain",
    b" leading and trailing ",
    b"new\nline",
    b"\xff\xfe not UTF-8",
    "ümläut \u202e.txt".encode(),
    b"back\\slash",
    b"quote\"'",
    b"*?[x]",
    b"n" * 255,
    b"-rf",
    b"...",
    b"%2e%00",
]


def test_any_name(shop: Path, source_of: Opener, below: Lister) -> None:
    """Names are bytes: whatever the file system holds is listed, sorted by bytes, and read."""
    for number, name in enumerate(NAMES):
        with open(os.path.join(os.fsencode(shop), name), "wb") as file:
            file.write(b"%d" % number)
    source = source_of(shop)
    found = below(source)
    assert set(found) == set(NAMES)
    assert [item.name for item in source.children(_item(source, shop))] == sorted(NAMES)
    assert [read(source, found[name]) for name in NAMES] == [b"%d" % number for number in range(len(NAMES))]


def _item(source: FolderSource, path: Path) -> Item:
    item = source.root()
    for part in path.parts[1:]:
        item = next(child for child in source.children(item) if child.name == os.fsencode(part))
    return item


# -- links -----------------------------------------------------------------------------------------------------------


def test_links_are_not_followed(shop: Path, source_of: Opener, below: Lister) -> None:
    """A link to a folder, even to its own, is listed as a link and leads nowhere."""
    write(shop / "folder" / "file")
    (shop / "folder" / "loop").symlink_to("..")
    (shop / "self").symlink_to("self")
    (shop / "abroad").symlink_to("/etc")
    assert sorted(below(source_of(shop))) == [b"abroad", b"folder", b"folder/file", b"folder/loop", b"self"]


def test_named_link_is_saved_as_a_link(shop: Path, source_of: Opener, below: Lister) -> None:
    """A named path that is a link is saved as a link, and the owner is told that nothing behind it is saved."""
    write(shop / "data" / "till.db")
    (shop / "till").symlink_to("data")
    source = source_of(shop / "till")
    assert [(name, item.metadata.link_target) for name, item in below(source).items()] == [(b"till", b"data")]
    assert source.findings == [Finding("source-is-link", os.fsencode(shop / "till"), "data")]


def test_link_on_the_way_is_followed(shop: Path, source_of: Opener, below: Lister) -> None:
    """A link among the folders that lead to a named path is listed as the folder that it stands for."""
    write(shop / "data" / "in" / "file")
    (shop / "way").symlink_to("data")
    found = below(source_of(shop / "way" / "in"))
    assert {name: item.metadata.kind for name, item in found.items()} == {
        b"way": Kind.DIRECTORY,
        b"way/in": Kind.DIRECTORY,
        b"way/in/file": Kind.FILE,
    }


def test_folder_exchanged_for_a_link(shop: Path, source_of: Opener, below: Lister) -> None:
    """A folder that becomes a link after it was listed is not followed: neither listed nor are files behind it read."""
    write(shop / "a" / "file", b"mine"), write(shop / "secret" / "file", b"not mine")
    source = source_of(shop / "a")
    found = below(source)
    (shop / "a").rename(shop / "b")
    (shop / "a").symlink_to("secret")
    with pytest.raises(SourceUnreadable):
        source.children(found[b"a"])
    with pytest.raises(FileNotFoundError):
        source.open(found[b"a/file"])
    assert source.read_small(found[b"a/file"], 100) is None


# -- what is not there -----------------------------------------------------------------------------------------------


def test_missing_path(shop: Path, source_of: Opener) -> None:
    """A path that is not there ends the run before it begins, whatever the others are."""
    write(shop / "file")
    for missing in (shop / "gone", shop / "file" / "below", shop / "gone" / "deeper"):
        with pytest.raises(SourceMissing) as caught:
            source_of(shop, missing)
        assert caught.value.params["path"] == str(missing)


def test_path_vanishes_during_the_run(shop: Path, source_of: Opener) -> None:
    """A named path that vanishes while the run goes on is missing, not empty: an unmounted disk makes no snapshot."""
    (shop / "data").mkdir()
    source = source_of(shop / "data")
    above, itself = _item(source, shop), _item(source, shop / "data")
    (shop / "data").rmdir()
    with pytest.raises(SourceMissing):
        source.children(itself)
    with pytest.raises(SourceMissing):
        source.children(above)


def test_empty_folder(shop: Path, source_of: Opener) -> None:
    """A named folder with nothing in it lists nothing: the run compares that with the snapshot before."""
    source = source_of(shop)
    assert source.children(_item(source, shop)) == []


def test_vanished_is_no_fault(shop: Path, source_of: Opener, below: Lister) -> None:
    """A folder that vanishes lists nothing, and a file that vanishes says that it is gone; neither is unreadable."""
    write(shop / "folder" / "file")
    source = source_of(shop)
    found = below(source)
    (shop / "folder" / "file").unlink()
    (shop / "folder").rmdir()
    assert source.children(found[b"folder"]) == []
    with pytest.raises(FileNotFoundError):
        source.open(found[b"folder/file"])


# -- rights ----------------------------------------------------------------------------------------------------------


def test_unreadable(shop: Path, source_of: Opener, somebody_else: Callable[[], AbstractContextManager[None]]) -> None:
    """What may not be read says so with the system's word, and nothing else suffers."""
    write(shop / "closed", b"1").chmod(0)
    write(shop / "shut" / "file").parent.chmod(0)
    write(shop / "blind" / "file").parent.chmod(0o744)
    write(shop / "open", b"2").chmod(0o644)
    with somebody_else():
        source = source_of(shop / "closed", shop / "open", shop / "shut", shop / "blind")
        items = {item.name: item for item in source.children(_item(source, shop))}
        (behind,) = source.children(items[b"blind"])
        for refused in (items[b"closed"], behind):
            assert source.read_small(refused, 100) is None
            with pytest.raises(SourceUnreadable) as caught:
                source.open(refused)
            assert caught.value.params == {
                "path": os.fsdecode(refused.path),
                "reason": os.strerror(errno.EACCES),
            }
        with pytest.raises(SourceUnreadable):
            source.children(items[b"shut"])
        assert read(source, items[b"open"]) == source.read_small(items[b"open"], 100) == b"2"


def test_unreadable_path(
    shop: Path, source_of: Opener, somebody_else: Callable[[], AbstractContextManager[None]]
) -> None:
    """A named path that cannot even be looked at is told apart from one that is missing."""
    write(shop / "shut" / "data").parent.chmod(0)
    with somebody_else(), pytest.raises(SourceUnreadable):
        source_of(shop / "shut" / "data")


@as_root
def test_files_of_others(
    shop: Path, source_of: Opener, below: Lister, somebody_else: Callable[[], AbstractContextManager[None]]
) -> None:
    """Files of other users are read if their mode allows it, though their access times cannot be spared."""
    write(shop / "theirs", b"hello").chmod(0o644)
    with somebody_else():
        source = source_of(shop)
        item = below(source)[b"theirs"]
        assert read(source, item) == source.read_small(item, 100) == b"hello"


# -- size ------------------------------------------------------------------------------------------------------------


def test_deep(shop: Path, source_of: Opener, below: Lister) -> None:
    """A thousand nested folders whose path is far longer than the system takes in one piece are listed and read."""
    name = b"deep-"
    handle = os.open(shop, os.O_RDONLY)
    for _ in range(1000):
        os.mkdir(name, dir_fd=handle)
        deeper = os.open(name, os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = deeper
    with open(os.open(b"file", os.O_WRONLY | os.O_CREAT, dir_fd=handle), "wb") as file:
        file.write(b"bottom")
    os.symlink(b"file", b"link", dir_fd=handle)
    os.close(handle)
    source = source_of(shop)
    found = below(source)
    assert len(found) == 1002
    file_path, link_path = b"/".join([name] * 1000 + [b"file"]), b"/".join([name] * 1000 + [b"link"])
    assert len(file_path) > 5_000
    assert read(source, found[file_path]) == b"bottom"
    assert found[link_path].metadata.link_target == b"file"


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.campaign)])
def test_many(shop: Path, source_of: Opener, count: int) -> None:
    """A folder with 100,000 files is listed."""
    folder = os.fsencode(shop)
    for number in range(count):
        target = b"%b/%d" % (folder, number)
        if number % 50_000 == 0:  # the file system bounds the links of one file
            path = target
            os.close(os.open(path, os.O_CREAT))
        else:
            os.link(path, target)
    source = source_of(shop)
    assert len(source.children(_item(source, shop))) == count
