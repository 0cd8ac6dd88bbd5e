"""The order in which the finished program changes a repository, as the operating system sees it."""

import re
from pathlib import Path

import pytest

from tests.faults.deeds import BACKUP, Deed, Prune
from tests.faults.medium import Medium
from tests.faults.scene import Golden, environment

TEMPORARY = re.compile(r"/\.tmp-[0-9a-f]{8}-[0-9]+-[0-9a-f]{8}-")


@pytest.fixture
def operations(medium: Medium, golden: Golden, scratch: Path, restic: str, deed: Deed) -> list[tuple[str, str]]:
    """Return what *deed* does to a repository: a word and a name each; ``~`` marks a temporary name."""
    trial = deed.prepare(golden, scratch / "trial", restic)
    done = medium.run(deed.command(trial), deed.root(trial), environment=environment(trial.home))
    assert done.code == 0, done
    pairs = [operation.partition(" ") for operation in done.operations]
    return [(word, TEMPORARY.sub("/~", path).removeprefix("/")) for word, _, path in pairs]


def kind(name: str) -> str:
    return name.split("/", maxsplit=1)[0]


@pytest.mark.parametrize("deed", [BACKUP, Prune()], ids=lambda deed: deed.name)
def test_each_object_is_durable_before_anything_refers_to_it(operations: list[tuple[str, str]]) -> None:
    """Each object is flushed, renamed, flushed again with its folder; packs, then index, then snapshot."""
    renamed = [name for word, name in operations if word == "rename" and kind(name) != "locks"]
    assert [kind(name) for name in renamed] == sorted(map(kind, renamed))  # by luck: data, index, snapshots
    assert {"data", "index"} <= set(map(kind, renamed))
    for name in renamed:
        folder, _, last = name.rpartition("/")
        own = [step for step in operations if step[1] in (name, f"{folder}/~{last}")]
        assert own == [
            ("create", f"{folder}/~{last}"),
            *[("write", f"{folder}/~{last}")] * (len(own) - 5),
            ("chmod", f"{folder}/~{last}"),
            ("fsync", f"{folder}/~{last}"),
            ("rename", name),
            ("fsync", name),
        ]
        after = operations[operations.index(("fsync", name)) + 1 :]
        following = [kind(other) for word, other in after if word == "rename" and kind(other) != kind(name)]
        if following:
            flushed = after.index(("fsync", folder))
            assert all(kind(other) == kind(name) for word, other in after[:flushed] if word == "rename")


@pytest.mark.parametrize("deed", [Prune()], ids=lambda deed: deed.name)
def test_packs_go_only_after_the_index_has_forgotten_them(operations: list[tuple[str, str]]) -> None:
    """The new index is durable before an old one is removed, and that is flushed before a pack is removed."""
    new = max(at for at, (word, name) in enumerate(operations) if word == "rename" and kind(name) == "index")
    flushed = operations.index(("fsync", "index"), new)
    old = [at for at, (word, name) in enumerate(operations) if word == "unlink" and kind(name) == "index"]
    packs = [at for at, (word, name) in enumerate(operations) if word == "unlink" and kind(name) == "data"]
    assert old
    assert packs
    assert flushed < min(old)
    assert operations.index(("fsync", "index"), max(old)) < min(packs)


@pytest.mark.parametrize("deed", [BACKUP], ids=lambda deed: deed.name)
def test_the_lock_is_first_and_last(operations: list[tuple[str, str]]) -> None:
    """A backup takes its lock before anything else and lets it go after everything else."""
    assert kind(operations[0][1]) in ("locks", "")
    assert operations[-2][0] == "unlink"
    assert kind(operations[-2][1]) == "locks"
    first = next(name for word, name in operations if word == "create")
    assert kind(first) == "locks"
