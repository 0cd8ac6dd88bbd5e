"""Restoring what an attacker made, or while one is at work: nothing outside the target is ever touched."""
# ruff: noqa: ARG002 - methods have the arguments of their contract

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traybackup.api.errors import RepositoryDamaged, TargetUnusable, TraybackupError
from traybackup.api.progress import Progress
from traybackup.api.source import Kind
from traybackup.engine.codec import BlobKind
from traybackup.engine.placing import Overwrite
from traybackup.engine.restorer import restore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="restoring on Windows has tests of its own")

Make = Callable[..., Any]


def node(name: str, **changes: object) -> bytes:
    """A node as JSON, with a name that `encode_node` would refuse."""
    plain = {"name": name, "type": "file", "mtime": "2026-11-22T13:29:09Z", "content": []}
    return json.dumps({**plain, **changes}).encode()


@pytest.mark.parametrize("name", ["..", ".", "", "/", "../outside/canary", "a/b", "/etc/x", "\\x2e\\x2e", "a\\x00b"])
def test_names_that_are_paths_are_left_out_and_told(made: Any, raw: Make, target: Path, name: str) -> None:
    """A node whose name could leave the directory is not restored; its neighbours are, and the damage is listed."""
    restored = restore(made.repo, made.plant({b"a": raw(node(name)), b"b": b"good"}), target)
    assert os.listdir(target) == ["b"]
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/", "damaged")]


def test_a_link_and_then_a_file_through_it(made: Any, raw: Make, target: Path) -> None:
    """A symlink to elsewhere and a directory of the same name: the second is refused, whichever comes first."""
    inner = made.plant({b"canary": b"dead"})
    below = {"type": "dir", "subtree": inner.hex(), "content": None}
    link = {"type": "symlink", "linktarget": "../outside", "content": None}
    for number, nodes in enumerate(((link, below), (below, link))):
        tree = made.plant({b"d%d" % at: raw(node("d", **each)) for at, each in enumerate(nodes)})
        restored = restore(made.repo, tree, target / str(number))
        assert [item.reason for item in restored.failed] == ["damaged"]


def test_hard_links_never_reach_outside(made: Any, file: Make, folder: Make, target: Path) -> None:
    """A file whose first name was swapped for a link to elsewhere gets no second name for that."""
    shared = file(b"mine", links=2, inode=5, device_id=1)
    tree = made.plant({b"a": shared, b"z": folder({b"b": shared})})

    class Swap(Progress):
        def item(self, path: bytes, state: str, size: int) -> None:
            if path == b"/a":
                (target / "a").unlink()
                (target / "a").symlink_to("../outside/canary")

    restored = restore(made.repo, tree, target, progress=Swap())
    assert (target / "z" / "b").read_bytes() == b"mine"
    assert not (target / "z" / "b").is_symlink()
    assert not restored.failed


@pytest.mark.parametrize("policy", list(Overwrite))
def test_links_that_were_there_are_never_followed(
    made: Any, file: Make, folder: Make, target: Path, policy: Overwrite
) -> None:
    """A link in the place of a file or directory is kept, set aside or replaced, never written through."""
    target.mkdir()
    (target / "f").symlink_to("../outside/canary")
    (target / "g").symlink_to("../outside/new")
    (target / "d").symlink_to("../outside")
    tree = made.plant({b"f": b"dead", b"g": file(b"dead", b"er"), b"d": folder({b"canary": b"dead", b"new": b"x"})})
    restore(made.repo, tree, target, overwrite=policy)
    assert policy is Overwrite.NEVER or (target / "f").read_bytes() == b"dead"


names = st.one_of(
    st.sampled_from(["..", ".", "", "/", "a", "b", "..\\x2f", "\\x2e\\x2e", "a/../..", "\\u002e\\u002e", "x\\x00"]),
    st.text(max_size=6),
    st.binary(max_size=6).map(lambda data: "".join(f"\\x{byte:02x}" for byte in data)),
)
kinds = st.sampled_from(["file", "dir", "symlink", "fifo", "dev", "chardev", "socket", "irregular", ""])
targets = st.sampled_from(["../outside", "/", "..", "a", "../outside/canary"])


@settings(
    max_examples=int(os.environ.get("TRAYBACKUP_EXAMPLES", "150")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(names, kinds, targets, st.booleans()), max_size=6),
    st.sampled_from(list(Overwrite)),
)
def test_no_tree_reaches_outside(
    made: Any, target: Path, nodes: list[tuple[str, str, str, bool]], policy: Overwrite
) -> None:
    """Whatever names, kinds and links a tree has, the restore ends in order and only the target has changed."""
    with made.repo.writing() as saver:
        content = saver.save(BlobKind.DATA, b"dead").hex()
        below = saver.save(BlobKind.TREE, b'{"nodes":[' + node("canary", content=[content]) + b"]}")
        listed = []
        for name, kind, link, linked in nodes:
            changes: dict[str, object] = {"type": kind, "content": [content] if kind == "file" else None}
            changes |= {"subtree": below.hex()} if kind == "dir" else {}
            changes |= {"linktarget": link} if kind == "symlink" else {}
            changes |= {"links": 2, "inode": 3} if linked else {}
            listed.append(node(name, **changes))
        tree = saver.save(BlobKind.TREE, b'{"nodes":[' + b",".join(listed) + b"]}")
    target.mkdir(exist_ok=True)
    with contextlib.suppress(TraybackupError):
        restore(made.repo, tree, target, overwrite=policy)
    _empty(target)


def _empty(target: Path) -> None:
    for path in target.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def test_a_tree_that_unfolds_without_end_is_refused(made: Any, target: Path) -> None:
    """Sixty trees that each name the next one twice are measured at once, and refused before anything is made."""
    with made.repo.writing() as saver:
        tree = saver.save(BlobKind.TREE, b'{"nodes":[' + node("f", size=1 << 20) + b"]}")
        for _ in range(60):
            below = {"type": "dir", "subtree": tree.hex(), "content": None}
            tree = saver.save(BlobKind.TREE, b'{"nodes":[' + node("a", **below) + b"," + node("b", **below) + b"]}")
    with pytest.raises(TargetUnusable) as caught:
        restore(made.repo, tree, target)
    assert caught.value.why in {"full", "too-many-files"}
    assert os.listdir(target) == []


def test_deep_trees_are_no_trouble(made: Any, target: Path) -> None:
    """A thousand directories in one another, longer than any path may be, are made and filled."""
    with made.repo.writing() as saver:
        content = saver.save(BlobKind.DATA, b"deep").hex()
        tree = saver.save(BlobKind.TREE, b'{"nodes":[' + node("f", content=[content]) + b"]}")
        for _ in range(1000):
            below = {"type": "dir", "subtree": tree.hex(), "content": None}
            tree = saver.save(BlobKind.TREE, b'{"nodes":[' + node("directory", **below) + b"]}")
    restored = restore(made.repo, tree, target)
    assert (restored.directories, restored.files, restored.failed) == (1000, 1, [])
    where = os.getcwd()
    try:
        os.chdir(target)
        for _ in range(1000):
            os.chdir("directory")
        assert Path("f").read_bytes() == b"deep"
    finally:
        os.chdir(where)
        subprocess.run(["rm", "-rf", target], check=True)  # too deep for Python's own
        target.mkdir()


def test_who_swaps_directories_for_links_never_wins(made: Any, file: Make, folder: Make, target: Path) -> None:
    """While somebody keeps replacing directories by links to elsewhere, not one file arrives there."""
    tree = made.plant(
        {
            b"d%d" % n: folder({b"e": folder({b"f%d" % m: file(b"x" * 10 * m, b"y") for m in range(30)})})
            for n in range(8)
        }
    )
    outside, ended = target.parent / "outside", threading.Event()
    swaps = 0

    def attack() -> None:
        nonlocal swaps
        while not ended.is_set():
            for number in range(8):
                for name in (f"d{number}", f"d{number}/e"):
                    with contextlib.suppress(OSError):
                        os.rename(target / name, target / f"gone-{swaps}")
                        os.symlink(outside, target / name)
                        swaps += 1

    attacker = threading.Thread(target=attack)
    attacker.start()
    try:
        restored = restore(made.repo, tree, target)
        for _ in range(20):
            if swaps:
                break
            restored = restore(made.repo, tree, target / "again")
    finally:
        ended.set()
        attacker.join()
    assert os.listdir(outside) == ["canary"]
    assert restored.directories


def test_a_top_that_is_no_tree_ends_the_restore(made: Any, target: Path) -> None:
    """If the root tree cannot be read there is nothing to restore, and the damage is named."""
    with made.repo.writing() as saver:
        tree = saver.save(BlobKind.TREE, b'{"nodes":7}')
    with pytest.raises(RepositoryDamaged):
        restore(made.repo, tree, target)


def test_a_device_that_the_system_refuses_is_told(
    made: Any, special: Make, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is no administrator gets everything but the devices, which are listed."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "mknod", refuse)
    tree = made.plant({b"b": special(Kind.BLOCK_DEVICE, device=1795), b"f": b"1"})
    restored = restore(made.repo, tree, target)
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/b", "EPERM")]
    assert os.listdir(target) == ["f"]
