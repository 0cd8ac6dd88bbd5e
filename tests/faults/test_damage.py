"""Damage at rest: whatever is flipped, cut off, added or missing is found, and no wrong byte is ever restored.

A sample always runs; ``-m campaign`` flips a bit in one byte after another of every file of a repository.
"""

import contextlib
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.scene import CHEAP, PASSWORD, Golden, Manifest, environment, manifest
from traybackup.cli.program import run
from traybackup.engine.codec import BlobKind
from traybackup.engine.keys import add_key
from traybackup.engine.repository import Repository
from traybackup.engine.snapshots import load_all
from traybackup.engine.tree import decode_tree
from traybackup.stores.local import LocalStore

Figures = Callable[[str, str, int, int, int], None]
KINDS = ("config", "keys", "index", "snapshots", "data")
FOUND = frozenset({1, 12})
"""A damaged last key looks like a wrong password, because that is all one can know of it."""


def call(*arguments: str | Path) -> tuple[int, str, str]:
    """Run the program inside this process; return its exit code, output and errors."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([*map(str, arguments), "--json"])
    return code, out.getvalue(), err.getvalue()


@dataclass(frozen=True, slots=True)
class Damaged:
    """A repository in which one file at a time is damaged.

    Attributes:
        snapshot, sound: The newest snapshot, and what it holds.
        needs: For each blob, by pack name and offset, the files of the newest snapshot that need it.
    """

    repository: Path
    till: Path
    target: Path
    snapshot: str
    sound: Manifest
    needs: dict[tuple[str, int, int], set[str]]

    def trouble(self, file: Path, data: bytes | None) -> str:
        """Put *data* in the place of *file* (None: remove it); return what the program then does wrong."""
        original = file.read_bytes()
        mode = file.stat().st_mode
        try:
            file.unlink()
            if data is not None:
                file.write_bytes(data)
            return self._unnoticed(missing=data is None) or self._wrong(file, original, data)
        finally:
            file.unlink(missing_ok=True)
            file.write_bytes(original)
            file.chmod(mode)

    def _unnoticed(self, *, missing: bool) -> str:
        code, out, err = call("check", "--from", self.repository, "--read-data")
        if code not in FOUND | ({10} if missing else set()) or '"unexpected"' in err or "Traceback" in err:
            return f"check: {code} {out} {err}"
        return ""

    def _wrong(self, file: Path, original: bytes, data: bytes | None) -> str:
        shutil.rmtree(self.target, ignore_errors=True)
        code, _, err = call("restore", self.snapshot, "--from", self.repository, "--into", self.target)
        if code not in (0, 1, 3, 10, 12) or '"unexpected"' in err or "Traceback" in err:
            return f"restore: {code} {err}"
        back = manifest(self.target / self.till.relative_to("/"))
        wrong = [path for path, (_, content, *_) in back.items() if content != self.sound.get(path, (0, 0))[1]]
        if wrong:
            return f"restore: wrong bytes in {wrong}"
        if code == 0 and back != self.sound:
            return "restore: says done and is not"
        lost = self.sound.keys() - back.keys()
        may = self._touched(file, original, data)
        if may is not None and not lost <= may:
            return f"restore: {sorted(lost - may)} could have been restored"
        return ""

    def _touched(self, file: Path, original: bytes, data: bytes | None) -> set[str] | None:
        """Return the files that the damage touches; None if that may be all."""
        if data is None or file.parent.parent.name != "data" or not any(key[0] == file.name for key in self.needs):
            return None
        first = next((at for at, (a, b) in enumerate(zip(original, data, strict=False)) if a != b), len(data))
        last = len(original) if len(data) != len(original) else first + 1
        touched: set[str] = set()
        for (pack, start, end), files in self.needs.items():
            if pack == file.name and start < last and end > first:
                touched |= files
        return touched


@pytest.fixture(scope="session")
def damaged(golden: Golden, memory: Path) -> Damaged:
    """Return a copy of the golden repository, with a second key."""
    folder = memory / "damaged"
    folder.mkdir()
    repository = folder / "repository"
    shutil.copytree(golden.repository, repository)
    with LocalStore(repository) as store:
        repo = Repository.open(store, PASSWORD)
        newest = load_all(repo)[-1]
        add_key(store, repo.key, "another", now=newest.time, host="", user="", cost=CHEAP)
        repo.load_index()
        needs = {}
        top = _subtree(repo, newest.tree, golden.till)
        for path, blobs in _contents(repo, top, ""):
            for blob in blobs:
                found = repo.index.locate(BlobKind.DATA, blob)
                assert found is not None
                place = (repo.index.pack_id(found[0]).hex(), found[1], found[1] + found[2])
                needs.setdefault(place, set()).add(path)
    *_, (snapshot, sound) = golden.snapshots.items()
    return Damaged(repository, golden.till, folder / "target", snapshot, sound, needs)


def _subtree(repo: Repository, tree: bytes, path: Path) -> bytes:
    for part in path.parts[1:]:
        (tree,) = [
            node.subtree
            for node in decode_tree(repo.blob(BlobKind.TREE, tree))
            if node.name == part.encode() and node.subtree
        ]
    return tree


def _contents(repo: Repository, tree: bytes, prefix: str) -> Iterator[tuple[str, Sequence[bytes]]]:
    for node in decode_tree(repo.blob(BlobKind.TREE, tree)):
        path = prefix + node.name.decode()
        if node.subtree:
            yield from _contents(repo, node.subtree, f"{path}/")
        yield path, node.content or ()


@pytest.fixture(autouse=True)
def _quick_access(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)


def files(damaged: Damaged, kind: str) -> list[Path]:
    """Return the files of a kind, the largest ones first."""
    found = [damaged.repository / kind] if kind == "config" else (damaged.repository / kind).rglob("*")
    return sorted((path for path in found if path.is_file()), key=lambda path: (-path.stat().st_size, path.name))


def lengths(size: int) -> list[int]:
    """Return the lengths a file is cut to."""
    return sorted({length for length in (0, 1, 31, 32, 33, size // 2, size - 1) if length < size})


def flipped(data: bytes, at: int) -> bytes:
    """Return *data* with one bit of the byte *at* changed, one that depends on where it is."""
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


def judge(damaged: Damaged, figures: Figures, name: str, cases: Iterator[tuple[Path, str, bytes | None]]) -> None:
    """State that there is no trouble in any of the *cases*."""
    trials, troubles = 0, []
    for file, what, data in cases:
        trials += 1
        if trouble := damaged.trouble(file, data):
            troubles.append(f"{file.relative_to(damaged.repository)} {what}: {trouble}")
    figures("at rest", name, trials, trials, len(troubles))
    assert not troubles, "\n".join([f"{len(troubles)} of {trials}", *troubles[:10]])


def flips(damaged: Damaged, kind: str, step: int, first: int = 0) -> Iterator[tuple[Path, str, bytes]]:
    """Flip a bit in every *step*-th byte of every file of a kind."""
    for file in files(damaged, kind):
        data = file.read_bytes()
        for at in range(min(first, len(data) - 1), len(data), step):
            yield file, f"flip at {at}", flipped(data, at)


def cuts(damaged: Damaged, kind: str) -> Iterator[tuple[Path, str, bytes]]:
    """Cut every file of a kind short, and make it longer."""
    for file in files(damaged, kind):
        data = file.read_bytes()
        for length in lengths(len(data)):
            yield file, f"cut to {length}", data[:length]
        for more in (1, 100):
            yield file, f"{more} more", data + random.Random(more).randbytes(more)


@pytest.mark.parametrize("kind", KINDS)
def test_sample_of_flips(damaged: Damaged, figures: Figures, kind: str) -> None:
    """A flipped bit at the beginning, in the middle and at the end of a file of each kind is found and harmless."""
    file = files(damaged, kind)[0]
    data = file.read_bytes()
    points = (0, len(data) // 2, len(data) - 1)
    judge(damaged, figures, f"flipped bit in {kind}", ((file, f"flip at {at}", flipped(data, at)) for at in points))


@pytest.mark.parametrize("kind", KINDS)
def test_sample_of_cuts(damaged: Damaged, figures: Figures, kind: str) -> None:
    """A file of each kind that is empty, cut short or too long is found and harmless."""
    file = files(damaged, kind)[0]
    cases = [case for case in cuts(damaged, kind) if case[0] == file]
    judge(damaged, figures, f"truncated {kind}", iter(cases[::2]))


@pytest.mark.parametrize("kind", ["config", "index", "data"])
def test_missing_files(damaged: Damaged, figures: Figures, kind: str) -> None:
    """A missing config, index or pack is found and harmless; a key or snapshot nobody has seen, nobody can miss."""
    judge(damaged, figures, f"missing {kind}", ((file, "missing", None) for file in files(damaged, kind)[:6]))


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", KINDS)
def test_every_flip(damaged: Damaged, figures: Figures, kind: str) -> None:
    """A flipped bit anywhere is found and harmless: every byte of the small files, every 97th of the packs."""
    step = 97 if kind == "data" else 1
    judge(damaged, figures, f"flipped bit in {kind}", flips(damaged, kind, step, first=17 % step))


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", KINDS)
def test_every_cut(damaged: Damaged, figures: Figures, kind: str) -> None:
    """Every file cut short or made longer is found and harmless."""
    judge(damaged, figures, f"truncated {kind}", cuts(damaged, kind))


def test_damage_is_told_in_files_and_dates(damaged: Damaged) -> None:
    """The check names the files that a damaged pack costs."""
    (pack, start, _), touched = max(damaged.needs.items(), key=lambda item: len(item[1]))
    file = damaged.repository / "data" / pack[:2] / pack
    original = file.read_bytes()
    file.unlink()
    try:
        file.write_bytes(flipped(original, start + 20))
        code, _, err = call("check", "--from", damaged.repository, "--read-data")
    finally:
        file.unlink()
        file.write_bytes(original)
        file.chmod(0o400)
    assert code == 1
    told = json.dumps([json.loads(line) for line in err.splitlines()], ensure_ascii=False)
    for path in touched:
        assert json.dumps(str(damaged.till / path), ensure_ascii=False)[1:-1] in told


def test_latest_is_not_silently_an_older_one(damaged: Damaged, tmp_path: Path) -> None:
    """When the newest snapshot is damaged, "latest" says so instead of just bringing back the one before."""
    file = damaged.repository / "snapshots" / damaged.snapshot
    original = file.read_bytes()
    file.unlink()
    try:
        file.write_bytes(flipped(original, 50))
        code, out, err = call("restore", "latest", "--from", damaged.repository, "--into", tmp_path / "target")
    finally:
        file.unlink()
        file.write_bytes(original)
        file.chmod(0o400)
    assert code != 0
    assert damaged.snapshot[:8] in out + err
