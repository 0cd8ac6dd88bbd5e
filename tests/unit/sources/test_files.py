"""Reading plain files: what was listed is what is read, and a change meanwhile is noticed."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from traybackup.api.errors import SourceUnreadable
from traybackup.api.source import Content, Finding, Item, Metadata
from traybackup.sources import files
from traybackup.sources.folder import FolderSource

Opener = Callable[..., FolderSource]
Lister = Callable[[FolderSource], dict[bytes, Item]]
LARGE = files.SMALL + (1 << 19)


@pytest.fixture
def listed(shop: Path, source_of: Opener, below: Lister) -> Callable[[bytes], tuple[FolderSource, Item]]:
    """Return a function that makes a file, lets it rest, and lists it."""

    def make(data: bytes) -> tuple[FolderSource, Item]:
        (shop / "file").write_bytes(data)
        files.settle((shop / "file").stat())
        source = source_of(shop)
        return source, below(source)[b"file"]

    return make


def read_all(content: Content) -> bytes:
    return b"".join(iter(lambda: content.read(1 << 18), b""))


def take(source: FolderSource, item: Item) -> tuple[bytes, Metadata]:
    with source.open(item) as content:
        data = read_all(content)
        return data, content.metadata() or item.metadata


@pytest.mark.parametrize("size", [0, 1, 4096, 65_537, files.SMALL - 1, files.SMALL, files.SMALL + 1, LARGE])
def test_whole(listed: Callable[[bytes], tuple[FolderSource, Item]], size: int) -> None:
    """A file at rest is read whole, with the metadata that were listed and nothing to tell, whatever its size."""
    data = os.urandom(size)
    source, item = listed(data)
    with source.open(item) as content:
        assert read_all(content) == data
        assert content.metadata() is None
        assert content.block_size is None
        assert content.ready()
    content.close()
    assert source.findings == []
    assert source.read_small(item, LARGE) == data
    assert source.read_small(item, size - 1) is None


def test_access_time_is_spared(shop: Path, source_of: Opener, below: Lister) -> None:
    """Reading leaves the access times of files and folders as they were."""
    (shop / "file").write_bytes(b"x")
    times = (1_000_000_000, (shop / "file").stat().st_mtime_ns)
    for path in (shop / "file", shop):
        os.utime(path, ns=times)  # so old that the system would renew it
    source = source_of(shop)
    item = below(source)[b"file"]
    assert take(source, item)[0] == source.read_small(item, 100) == b"x"
    assert [path.stat().st_atime_ns for path in (shop / "file", shop)] == [1_000_000_000] * 2


@pytest.mark.parametrize("size", [100, LARGE])
def test_replaced(shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]], size: int) -> None:
    """A file that was replaced by a new version since it was listed is read anew, with the new one's metadata."""
    source, item = listed(b"a" * size)
    os.utime(shop / "file", ns=(5, 5))
    (shop / "new").write_bytes(b"b" * (size + 1))
    (shop / "new").chmod(0o640)
    (shop / "new").rename(shop / "file")
    assert source.read_small(item, LARGE) is None
    data, metadata = take(source, item)
    status = (shop / "file").stat()
    assert data == b"b" * (size + 1)
    assert (metadata.inode, metadata.modified, metadata.mode) == (status.st_ino, status.st_mtime_ns, 0o640)
    assert metadata.size == size + 1
    assert source.findings == []


def test_rewritten_since_listed(shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]]) -> None:
    """A file written to since it was listed is read as it is now, with the times that go with it."""
    source, item = listed(b"old")
    (shop / "file").write_bytes(b"newer")
    data, metadata = take(source, item)
    assert (data, metadata.size, metadata.modified) == (b"newer", 5, (shop / "file").stat().st_mtime_ns)
    assert source.findings == []


def test_same_size_and_modification_time(shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]]) -> None:
    """A change that hides behind the old modification time is still seen, by the change time."""
    source, item = listed(b"old")
    (shop / "file").write_bytes(b"new")
    os.utime(shop / "file", ns=(item.metadata.accessed, item.metadata.modified))
    assert source.read_small(item, 100) is None
    assert take(source, item)[1].changed != item.metadata.changed


def grow(path: Path) -> None:
    os.truncate(path, LARGE + 1)


def shrink(path: Path) -> None:
    os.truncate(path, files.SMALL // 2)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"!")


@pytest.mark.parametrize("change", [grow, shrink, overwrite])
def test_large_file_changes_while_read(
    shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]], change: Callable[[Path], None]
) -> None:
    """A large file that changes while it is read is saved up to its first size, marked, and read again next time."""
    source, item = listed(b"a" * LARGE)
    with source.open(item) as content:
        first = content.read(1 << 18)
        change(shop / "file")
        data = first + read_all(content)
        metadata = content.metadata() or item.metadata
    assert metadata.size == len(data) <= LARGE
    assert source.findings == [Finding("changed-while-read", item.path)]
    status = (shop / "file").stat()
    assert (metadata.modified, metadata.changed) == (item.metadata.modified, item.metadata.changed)
    assert metadata.modified != status.st_mtime_ns


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.unlink(),
        lambda path: (path.with_name("new").write_bytes(b"new"), path.with_name("new").rename(path)),
        lambda path: path.chmod(0o600),
        lambda path: os.link(path, path.with_name("other")),
    ],
    ids=["deleted", "replaced", "mode", "linked"],
)
def test_content_is_whole_all_the_same(
    shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]], change: Callable[[Path], None]
) -> None:
    """A file that is deleted, replaced, linked or gets another mode while it is read is read whole and not marked."""
    source, item = listed(b"a" * LARGE)
    (shop / "file").chmod(0o644)
    with source.open(item) as content:
        first = content.read(1 << 18)
        change(shop / "file")
        assert first + read_all(content) == b"a" * LARGE
        content.metadata()
    assert source.findings == []


def test_small_file_changes_once(
    shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file that changes while it is read is read again, and then there is nothing to tell."""
    source, item = listed(b"old")
    changes = iter([b"newer"])

    def change_once(status: os.stat_result) -> None:
        for data in changes:
            (shop / "file").write_bytes(data)
        settle(status)

    settle = files.settle
    monkeypatch.setattr(files, "settle", change_once)
    data, metadata = take(source, item)
    assert (data, metadata.size, metadata.modified) == (b"newer", 5, (shop / "file").stat().st_mtime_ns)
    assert source.findings == []


def test_small_file_never_rests(
    shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes whenever it is read is saved at the third attempt, marked, with times that are past."""
    source, item = listed(b"start")
    versions = iter([b"first", b"second", b"third"])

    def change(status: os.stat_result) -> None:
        settle(status)
        (shop / "file").write_bytes(next(versions))

    settle = files.settle
    monkeypatch.setattr(files, "settle", change)
    data, metadata = take(source, item)
    assert data == b"third"
    assert metadata.size == 5
    assert source.findings == [Finding("changed-while-read", item.path)]
    assert metadata.changed < (shop / "file").stat().st_ctime_ns


def test_fresh_file_rests_first(shop: Path, source_of: Opener, below: Lister) -> None:
    """A file written a moment ago is read only when a further write would show in its times."""
    source = source_of(shop)
    for number in range(20):
        (shop / "file").write_bytes(b"%05d" % number)
        item = below(source)[b"file"]
        data, metadata = take(source, item)
        (shop / "file").write_bytes(b"later")
        assert data == b"%05d" % number
        assert metadata.changed != (shop / "file").stat().st_ctime_ns


def test_clock_was_set_back(
    listed: Callable[[bytes], tuple[FolderSource, Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with times in the future is read without waiting for that future."""
    source, item = listed(b"x")
    now = item.metadata.changed - 3600 * 10**9
    monkeypatch.setattr(files.time, "time_ns", lambda: now)
    monkeypatch.setattr(files.time, "sleep", lambda _: pytest.fail("waited"))
    assert take(source, item)[0] == source.read_small(item, 10) == b"x"


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "device"])
def test_something_else_in_its_place(
    shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]], kind: str
) -> None:
    """If a FIFO, a folder, a link or a device has taken a file's place, nothing hangs and nothing is read."""
    source, item = listed(b"x")
    path = shop / "file"
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif os.geteuid() == 0:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    else:
        pytest.skip("only root can make devices")
    assert source.read_small(item, 100) is None
    with pytest.raises(SourceUnreadable) as caught:
        source.open(item)
    assert caught.value.params["path"] == str(path)


def test_pipe_keeps_its_content(shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]]) -> None:
    """Not a byte is taken from a FIFO that has taken a file's place."""
    source, item = listed(b"x")
    (shop / "file").unlink()
    os.mkfifo(shop / "file")
    ours = os.open(shop / "file", os.O_RDWR | os.O_NONBLOCK)
    os.write(ours, b"order 7")
    assert source.read_small(item, 100) is None
    with pytest.raises(SourceUnreadable):
        source.open(item)
    assert os.read(ours, 100) == b"order 7"
    os.close(ours)


def test_kernel_files(source_of: Opener) -> None:
    """A file without a size, as the kernel has them, is read to its end."""
    source = source_of(b"/proc/sys/kernel/ostype")
    item = source.root()
    for _ in range(4):
        (item,) = source.children(item)
    assert item.metadata.size == 0
    data, metadata = take(source, item)
    assert (data, metadata.size) == (b"Linux\n", 6)


def test_input_output_error(
    listed: Callable[[bytes], tuple[FolderSource, Item]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the disk while reading makes the file unreadable, with the system's word."""

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "scripted")

    for size in (10, LARGE):
        source, item = listed(b"x" * size)
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "read", fail)
            with pytest.raises(SourceUnreadable) as caught:
                take(source, item)
            assert caught.value.params["reason"] == os.strerror(errno.EIO)


def test_handles_are_closed(shop: Path, listed: Callable[[bytes], tuple[FolderSource, Item]]) -> None:
    """Whatever happens, no handle stays open."""
    before = len(os.listdir("/proc/self/fd"))
    for size in (10, LARGE):
        source, item = listed(b"x" * size)
        take(source, item)
        source.read_small(item, LARGE)
        (shop / "file").unlink()
        (shop / "file").symlink_to("elsewhere")
        with pytest.raises(SourceUnreadable):
            source.open(item)
        (shop / "file").unlink()
        os.mkfifo(shop / "file")
        with pytest.raises(SourceUnreadable):
            source.open(item)
        (shop / "file").unlink()
    assert len(os.listdir("/proc/self/fd")) == before
