"""FolderSource and the real restic list the same tree, item by item, whatever the options."""

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from traybackup.api.source import Item, Kind
from traybackup.sources.folder import FolderSource

Row = tuple[str, str, int, int, int, int, int]

pytestmark = pytest.mark.restic


@pytest.fixture
def tree(shop: Path) -> Path:
    """Make a folder with a bit of everything."""
    for name in ("plain", "a/b/c/deep", "cache/x", "marked/x", "marked/below/y", "new\nline", "caf\udce9", "ümläut"):
        path = shop / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * len(name))
    (shop / "large").write_bytes(bytes(5000))
    (shop / "empty").touch()
    (shop / "empty-folder").mkdir()
    (shop / "cache" / "CACHEDIR.TAG").write_bytes(b"Signature: 8a477f597d28d172789f06886806bc55")
    (shop / "marked" / ".nobackup").touch()
    (shop / "plain").chmod(0o4755)
    (shop / "a").chmod(0o1770)
    os.mkfifo(shop / "fifo")
    os.link(shop / "plain", shop / "hard-link")
    (shop / "link").symlink_to("a")
    (shop / "broken").symlink_to("/nowhere")
    os.utime(shop / "empty", ns=(1, 1_234_567_890_123_456_789))
    return shop


def ours(source: FolderSource, walk: Callable[[FolderSource], dict[bytes, Item]]) -> set[Row]:
    return {
        (
            path.decode(errors="replace"),  # as restic shows it
            item.metadata.kind.value,
            item.metadata.size,
            item.metadata.mode & 0o777,
            item.metadata.uid,
            item.metadata.gid,
            0 if item.metadata.kind is Kind.DIRECTORY else item.metadata.modified // 1000,
        )
        for path, item in walk(source).items()
        if path != b"/"
    }


@pytest.fixture(scope="module")
def theirs(restic: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Path], list[str]], set[Row]]:
    """Return a function that saves paths with the real restic and lists what it saved."""
    repository = tmp_path_factory.mktemp("restic")
    env = {**os.environ, "RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": str(repository)}

    def run(*arguments: str | Path) -> bytes:
        return subprocess.run([restic, "--no-cache", *arguments], env=env, check=True, capture_output=True).stdout

    def save(paths: list[Path], options: list[str]) -> set[Row]:
        run("backup", "--force", *options, *paths)
        rows = [json.loads(line) for line in run("ls", "latest", "--json").splitlines()]
        return {_row(**row) for row in rows if row["struct_type"] == "node"}

    run("init")
    return save


def _row(path: str, type: str, mode: int, uid: int, gid: int, mtime: str, size: int = 0, **_: object) -> Row:  # noqa: A002 - restic's names
    moment = (datetime.fromisoformat(mtime) - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    return (path, type, size, mode & 0o777, uid, gid, 0 if type == "dir" else moment)


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ([], {}),
        (["--exclude-caches"], {"exclude_caches": True}),
        (["--exclude-if-present", ".nobackup"], {"exclude_if_present": (".nobackup",)}),
        (["--exclude-larger-than", "4000"], {"exclude_larger_than": 4000}),
        (["--one-file-system"], {"one_file_system": True}),
        (["--exclude", "c"], {"exclude": ("c",)}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_same_tree(
    tree: Path,
    theirs: Callable[[list[Path], list[str]], set[Row]],
    source_of: Callable[..., FolderSource],
    walk: Callable[[FolderSource], dict[bytes, Item]],
    options: list[str],
    chosen: dict[str, object],
) -> None:
    """Kinds, sizes, modes, owners and times of everything listed are restic's."""
    assert ours(source_of(tree, **chosen), walk) == theirs([tree], options)


def test_same_tree_of_several_paths(
    tree: Path,
    theirs: Callable[[list[Path], list[str]], set[Row]],
    source_of: Callable[..., FolderSource],
    walk: Callable[[FolderSource], dict[bytes, Item]],
) -> None:
    """Several paths, among them a file, a link and one inside another, make the tree that they make with restic."""
    paths = [tree / "a", tree / "a" / "b", tree / "plain", tree / "link", Path("/dev/null")]
    assert ours(source_of(*paths), walk) == theirs(paths, [])
