"""FolderSource: what is left out, what never is, and how much lies ahead."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from traybackup.api.errors import SourceIsPlace
from traybackup.api.source import Finding, Item, Kind
from traybackup.sources.folder import FolderSource

Opener = Callable[..., FolderSource]
Lister = Callable[[FolderSource], dict[bytes, Item]]


def write(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _item(source: FolderSource, path: Path) -> Item:
    item = source.root()
    for part in path.parts[1:]:
        item = next(child for child in source.children(item) if child.name == os.fsencode(part))
    return item


# -- left out --------------------------------------------------------------------------------------------------------


def test_exclude(shop: Path, source_of: Opener, below: Lister) -> None:
    """Patterns leave out files and whole folders, and bring back what no folder took with it."""
    for name in ("a.tmp", "b/c.tmp", "b/keep.tmp", "cache/x", "b/cache", "e/f"):
        write(shop / name)
    source = source_of(shop, exclude=("*.tmp", "!keep.tmp", "cache/", f"{shop}/e"))
    assert sorted(below(source)) == [b"b", b"b/cache", b"b/keep.tmp"]


def test_named_path_is_never_left_out(shop: Path, source_of: Opener, below: Lister) -> None:
    """A named path is saved even inside a folder that a pattern leaves out, and nothing else of that folder is."""
    for name in ("out/other", "out/deep/in/file", "out/deep/other", "out/in.tmp", "keep"):
        write(shop / name)
    source = source_of(shop, shop / "out" / "deep" / "in", shop / "out" / "in.tmp", exclude=("out/", "*.tmp"))
    assert sorted(below(source)) == [b"keep", b"out", b"out/deep", b"out/deep/in", b"out/deep/in/file", b"out/in.tmp"]


def test_exclude_larger_than(shop: Path, source_of: Opener, below: Lister) -> None:
    """Files above the limit are left out; folders, and a file that was named, are not."""
    write(shop / "small", b"x" * 100), write(shop / "large", b"x" * 101), write(shop / "named", b"x" * 101)
    source = source_of(shop, shop / "named", exclude_larger_than=100)
    assert sorted(below(source)) == [b"named", b"small"]


def test_exclude_caches(shop: Path, source_of: Opener, below: Lister) -> None:
    """Of a folder with a valid cache tag only the tag is kept; a wrong or special file of that name is no tag."""
    tag = b"Signature: 8a477f597d28d172789f06886806bc55"
    write(shop / "cache" / "CACHEDIR.TAG", tag + b"\n# by somebody"), write(shop / "cache" / "deep" / "x")
    write(shop / "wrong" / "CACHEDIR.TAG", tag[:-1]), write(shop / "wrong" / "x")
    (shop / "folder" / "CACHEDIR.TAG").mkdir(parents=True)
    (shop / "fifo").mkdir()
    os.mkfifo(shop / "fifo" / "CACHEDIR.TAG")
    write(shop / "link" / "x")
    (shop / "link" / "CACHEDIR.TAG").symlink_to("../cache/CACHEDIR.TAG")
    names = set(below(source_of(shop, exclude_caches=True)))
    assert {name for name in names if name.startswith(b"cache")} == {b"cache", b"cache/CACHEDIR.TAG"}
    assert {b"wrong/x", b"folder/CACHEDIR.TAG", b"fifo/CACHEDIR.TAG", b"link/x"} <= names
    assert b"cache/deep/x" in below(source_of(shop))


def test_exclude_if_present(shop: Path, source_of: Opener, below: Lister) -> None:
    """Of a folder that holds a file of the chosen name only that file is kept."""
    write(shop / "a" / ".nobackup"), write(shop / "a" / "x"), write(shop / "b" / "x")
    source = source_of(shop, exclude_if_present=(".nobackup", "stop"))
    assert sorted(below(source)) == [b"a", b"a/.nobackup", b"b", b"b/x"]


def test_one_file_system(source_of: Opener) -> None:
    """A mount point is listed as an empty folder, except for a named path inside it."""
    if os.stat("/proc").st_dev == os.stat("/").st_dev:
        pytest.skip("missing: /proc as a file system of its own")
    source = source_of(b"/", one_file_system=True)
    assert source.children(_item(source, Path("/proc"))) == []
    assert source_of(b"/").children(_item(source, Path("/proc"))) != []
    source = source_of(b"/", b"/proc/sys/kernel", one_file_system=True)
    assert [item.name for item in source.children(_item(source, Path("/proc")))] == [b"sys"]
    assert b"ostype" in [item.name for item in source.children(_item(source, Path("/proc/sys/kernel")))]


def test_avoided(shop: Path, source_of: Opener, below: Lister) -> None:
    """The place that is saved to is left out and told, by whatever path it is reached, even if it appears later."""
    write(shop / "repository" / "config"), write(shop / "data")
    (shop / "way").symlink_to(shop)
    for named in (shop / "repository", shop / "way" / "repository"):
        source = source_of(shop, avoid=(named, shop / "later"))
        write(shop / "later" / "x")
        assert sorted(below(source)) == [b"data", b"way"]
        left_out = [Finding("left-out-own-data", os.fsencode(shop / name)) for name in ("later", "repository")]
        assert source.findings == left_out


def test_scratch_folder(shop: Path, below: Lister) -> None:
    """Copies of databases are made inside what is saved, if need be, and are not saved themselves."""
    sqlite3.connect(shop / "a.db").executescript("CREATE TABLE t(a)").connection.close()
    write(shop / "traybackup-copies-of-mine" / "file")
    with FolderSource([shop], work_dir=shop / "work") as source:
        items = {item.name: item for item in source.children(_item(source, shop))}
        with source.open(items[b"a.db"]) as content:
            content.read(1)
            assert len(list((shop / "work").iterdir())) == 1
            assert sorted(below(source)) == [
                b"a.db",
                b"traybackup-copies-of-mine",
                b"traybackup-copies-of-mine/file",
                b"work",
            ]


def test_avoided_file(shop: Path, source_of: Opener, below: Lister) -> None:
    """A single file can be avoided, under all of its hard links."""
    os.link(write(shop / "state"), shop / "other-name")
    write(shop / "data")
    assert sorted(below(source_of(shop, avoid=(shop / "state",)))) == [b"data"]


def test_source_inside_the_place(shop: Path, source_of: Opener) -> None:
    """A path in the place that is saved to is refused, also if a link hides that."""
    write(shop / "repository" / "data" / "x")
    (shop / "way").symlink_to(shop / "repository")
    for path in (shop / "repository", shop / "repository" / "data", shop / "way" / "data"):
        with pytest.raises(SourceIsPlace) as caught:
            source_of(path, avoid=(shop / "repository",))
        assert caught.value.params["path"] == str(path)
    source_of(shop / "way", avoid=(shop / "repository",))  # the link itself is harmless


# -- counting --------------------------------------------------------------------------------------------------------


def counted(source: FolderSource) -> tuple[int, int]:
    pieces = list(source.count())
    return sum(files for files, _ in pieces), sum(size for _, size in pieces)


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"exclude": ("*.tmp", "!b.tmp", "deep/", "/nowhere")},
        {"exclude_caches": True},
        {"exclude_if_present": (".nobackup",)},
        {"one_file_system": True},
    ],
)
def test_count(shop: Path, source_of: Opener, below: Lister, chosen: dict[str, object]) -> None:
    """The number of files and bytes that lie ahead is what will be listed."""
    for number, name in enumerate(("a.tmp", "b.tmp", "x/deep/file", "x/y/.nobackup", "x/y/z", "c/d", "c/CACHEDIR.TAG")):
        write(shop / name, b"x" * number)
    write(shop / "c" / "CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55")
    write(shop / "repository" / "data"), (shop / "link").symlink_to("x"), os.mkfifo(shop / "fifo")
    source = source_of(shop, shop / "x" / "y", shop / "a.tmp", avoid=(shop / "repository",), **chosen)
    sizes = [item.metadata.size for item in below(source).values() if item.metadata.kind is Kind.FILE]
    excluded_but_named = 1 if "*.tmp" in chosen.get("exclude", ()) else 0  # an estimate need not see that
    assert counted(source) == (len(sizes) - excluded_but_named, sum(sizes))


def test_count_what_cannot_be_seen(
    shop: Path, source_of: Opener, somebody_else: Callable[[], AbstractContextManager[None]]
) -> None:
    """What cannot be listed, or has vanished, is not counted and is no fault."""
    write(shop / "shut" / "file").parent.chmod(0)
    write(shop / "open", b"123"), write(shop / "gone")
    with somebody_else():
        source = source_of(shop / "shut", shop / "open", shop / "gone")
    (shop / "gone").unlink()
    with somebody_else():
        assert counted(source) == (1, 3)
