"""What the format tests share: the real restic, our program, and trees that are awkward in every way we know of."""

import hashlib
import json
import os
import random
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "two programs, one format"  # noqa: S105 - of repositories that live for one test
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
LINUX = sys.platform == "linux"
DEPTH = 200


@dataclass
class Program:
    """One of the two programs, with the password in its environment."""

    command: tuple[str, ...]
    environment: dict[str, str]

    def __call__(self, *words: object, code: int = 0, text: str | None = None, **variables: str) -> str:
        """Run it, make sure of its exit code, and return what it said."""
        done = subprocess.run(
            [*self.command, *map(str, words)],
            env=self.environment | variables,
            capture_output=True,
            check=False,
            timeout=280,
            input=(text or "").encode(),
        )
        said = done.stdout.decode(errors="surrogateescape")
        assert done.returncode == code, f"{words}: {done.returncode}\n{said}\n{done.stderr.decode(errors='replace')}"
        return said

    def lines(self, *words: object) -> list[Any]:
        """Run it with --json and return the messages."""
        return [json.loads(line) for line in self(*words, "--json").split("\n") if line]


@pytest.fixture(scope="session")
def theirs(restic: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The real restic."""
    known = {"RESTIC_PASSWORD": PASSWORD, "HOME": str(tmp_path_factory.mktemp("restic"))}
    return Program((restic, "--no-cache"), dict(os.environ) | known)


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Our program."""
    home = tmp_path_factory.mktemp("ours")
    known = {"TRAYBACKUP_PASSWORD": PASSWORD, "TRAYBACKUP_HOME": str(home), "HOME": str(home)}
    return Program((sys.executable, "-m", "traybackup"), dict(os.environ) | known)


# Awkward trees -------------------------------------------------------------------------------------------------------

NAMES = [
    b"new\nline", b"tab\there", b"quote\"'`", b"back\\slash", b"-dash", b" leading", b"trailing ", b"dot.", b"...",
    b"CON", b"a:b*c?d<e>f|g&h", b"bell\a\x01\x7f", b"\xff\xfe", b"half\xc3", b"\xed\xa0\x80surrogate", b"n" * 255,
    "Größe".encode(), "ﷺ\u202eright to left".encode(), "e\u0301 combining".encode(), "\u2028line".encode(),
    "☕\U0001f600\ue000\U000f0000".encode(), "nbsp\xa0zwj\u200d\ufeff".encode(), ("ü" * 127).encode(), b"%s%n{}$x",
]  # fmt: skip


def write(folder: bytes, name: bytes, content: bytes = b"", mode: int = 0o644) -> bytes:
    path = os.path.join(folder, name)
    with open(path, "wb") as stream:
        stream.write(content)
    os.chmod(path, mode)
    return path


def _names(root: bytes) -> None:
    below = os.path.join(root, b"names")
    os.mkdir(below)
    for number, name in enumerate(NAMES):
        write(below, name, b"%d" % number)
        os.makedirs(os.path.join(root, b"folders", name))


def _kinds(root: bytes) -> None:
    below = os.path.join(root, b"kinds")
    os.makedirs(os.path.join(below, b"empty folder"))
    for name, target in {
        b"up": b"../names",
        b"absolute": b"/etc/hosts",
        b"loop": b"loop",
        b"dangling": b"n\xc3\xa9",
    }.items():
        os.symlink(target, os.path.join(below, name))
    os.mkfifo(os.path.join(below, b"pipe"), 0o620)
    with socket.socket(socket.AF_UNIX) as listener:
        where = os.getcwd()
        os.chdir(below)  # an address may not be long
        listener.bind("socket")
        os.chdir(where)
    shared = write(below, b"first name", b"one file")
    os.link(shared, os.path.join(below, b"second name"))
    os.link(shared, os.path.join(root, b"third name"))
    os.link(write(below, b"empty one"), os.path.join(below, b"empty two"))
    if ROOT:
        os.mknod(os.path.join(below, b"block"), stat.S_IFBLK | 0o660, os.makedev(7, 3))
        os.mknod(os.path.join(below, b"char"), stat.S_IFCHR | 0o600, os.makedev(5, 300))


def _modes(root: bytes) -> None:
    below = os.path.join(root, b"modes")
    os.mkdir(below)
    for mode in (0o000, 0o400, 0o444, 0o640, 0o755, 0o777, 0o4755, 0o2755, 0o1644, 0o7777):
        if mode or ROOT:  # nobody else can read a file without any rights
            write(below, b"file %o" % mode, b"x", mode)
        if mode & 0o500 == 0o500:
            folder = os.path.join(below, b"folder %o" % mode)
            os.mkdir(folder)
            os.chmod(folder, mode)
    if ROOT:
        given = write(below, b"somebody else's", b"x", 0o4711)
        os.chown(given, 12345, 54321)
        os.chmod(given, 0o4711)  # noqa: S103 - giving it away took the setuid bit
        os.symlink(b"x", os.path.join(below, b"link"))
        os.chown(os.path.join(below, b"link"), 12345, 54321, follow_symlinks=False)


def _times(root: bytes) -> None:
    below = os.path.join(root, b"times")
    os.mkdir(below)
    times = (0, 1, 999_999_999, -1, -500_000_000, 1_234_567_890_123_456_789, 4_102_444_800_000_000_100)
    for number, time in enumerate(times):
        path = write(below, b"%d" % number, b"x")
        os.utime(path, ns=(time, time))


def _content(root: bytes) -> None:
    chance = random.Random(4711)
    below = os.path.join(root, b"content")
    os.mkdir(below)
    large = chance.randbytes(3 << 20)
    write(below, b"large", large)
    write(below, b"shifted", b"inserted" + large)
    write(below, b"text", b"the same line again\n" * 40_000)
    write(below, b"zeros", bytes(2 << 20))
    for size in (1, 511, 512, 4096, 65_537, 524_288):
        write(below, b"%d" % size, chance.randbytes(size))
    with open(os.path.join(below, b"sparse"), "wb") as stream:
        stream.truncate(64 << 20)
        stream.seek(31 << 20)
        stream.write(large[:5000])


def _deep(root: bytes) -> None:
    path = os.path.join(root, b"deep")
    for number in range(DEPTH):
        path = os.path.join(path, b"%d" % number)
    os.makedirs(path)
    write(path, b"at the bottom", b"found")


def _attributes(root: bytes) -> None:
    below = os.path.join(root, b"attributes")
    os.mkdir(below)
    path = write(below, b"many", b"x")
    for target in (path, below):
        os.setxattr(target, b"user.text", b"shop")
        os.setxattr(target, b"user.binary", bytes(range(256)))
        os.setxattr(target, b"user.empty", b"")


def make_awkward(folder: Path) -> Path:
    """Make everything in *folder* that a file system can hold and a backup can get wrong."""
    root = os.fsencode(folder)
    os.makedirs(root)
    for part in (_names, _kinds, _modes, _times, _content, _deep, *([_attributes] if LINUX else [])):
        part(root)
    return folder


@pytest.fixture(scope="session")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything in it, for all tests: not to be changed."""
    return make_awkward(tmp_path_factory.mktemp("source") / "awkward")


@pytest.fixture
def changing(tmp_path: Path) -> Path:
    """Such a folder for one test, which may change it."""
    return make_awkward(tmp_path / "source" / "changing")


# Comparing ----------------------------------------------------------------------------------------------------------


def _facts(folder: Path) -> dict[bytes, dict[str, object]]:
    root = os.fsencode(folder)
    found: dict[bytes, dict[str, object]] = {}
    groups: dict[tuple[int, int], bytes] = {}
    for path, known in _below(root):
        name = os.path.relpath(path, root)
        kind = stat.S_IFMT(known.st_mode)
        facts: dict[str, object] = {"kind": kind, "mode": stat.S_IMODE(known.st_mode), "mtime": known.st_mtime_ns}
        facts["owner"] = (known.st_uid, known.st_gid)
        if kind == stat.S_IFREG:
            with open(path, "rb") as stream:
                facts["content"] = hashlib.file_digest(stream, "sha256").hexdigest()
            if known.st_nlink > 1:
                facts["same as"] = groups.setdefault((known.st_dev, known.st_ino), name)
        elif kind == stat.S_IFLNK:
            facts["content"] = os.readlink(path)
        elif kind in (stat.S_IFBLK, stat.S_IFCHR):
            facts["content"] = known.st_rdev
        if kind in (stat.S_IFREG, stat.S_IFDIR) and LINUX:
            facts["attributes"] = {one: os.getxattr(path, one) for one in sorted(os.listxattr(path))}
        if kind != stat.S_IFSOCK:  # restic cannot bring them back, and neither can we
            found[name] = facts
    return found


def _below(root: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    for path, folders, files in os.walk(root):
        yield path, os.lstat(path)
        for name in sorted(files + [name for name in folders if os.path.islink(os.path.join(path, name))]):
            yield os.path.join(path, name), os.lstat(os.path.join(path, name))


@pytest.fixture(scope="session")
def facts() -> Callable[[Path], dict[bytes, dict[str, object]]]:
    """A function that returns all that should be the same after a restore, by path."""
    return _facts


@pytest.fixture(scope="session")
def password() -> str:
    """The password of every repository here."""
    return PASSWORD


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes unless it is asked for by ``-m campaign``."""
    if "campaign" not in (config.option.markexpr or ""):
        long = [item for item in items if item.get_closest_marker("campaign")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
