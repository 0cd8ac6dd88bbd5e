"""Prune plan: which packs stay, which are written anew without what nobody needs, which go. Nothing is changed here.

*PrunePlan* is pure data, made from a look at the whole repository; *PruneFigures* is its sum for people. What a
snapshot needs is *used*; a further copy of it is a *duplicate*; the rest is *unused*. Anything that does not add up is
a doubt, and with a doubt there is no plan.

Source: the decisions of restic's prune, as its documentation describes them.
"""

import struct
from array import array
from dataclasses import dataclass
from typing import NoReturn

from traybackup.api.errors import PruneRefused, RepositoryDamaged
from traybackup.api.progress import Cancel, Progress
from traybackup.engine import snapshots
from traybackup.engine.codec import BlobKind, FileKind
from traybackup.engine.pack import PackedBlob, open_blobs
from traybackup.engine.reach import UNREADABLE, Reach
from traybackup.engine.repository import Repository
from traybackup.engine.scrub import PackSums

_COPY = struct.Struct("<B32sIII")
_EVERY = 100.0
_TREES = 1 << BlobKind.TREE.value
_BOTH_KINDS = _TREES | 1 << BlobKind.DATA.value
_FEW_SMALL = 10
"""Fewer small packs than this are not worth the trouble."""


@dataclass(slots=True)
class PruneFigures:
    """What a plan means, in blobs, bytes and packs.

    Attributes:
        unindexed: Packs that no index file knows, left by runs that were cut short; they go.
        repacked_size: Bytes that are written anew.
        freed_size: Bytes that the place holds less afterwards, headers and index left out of account.
        left_unused_size: Bytes that nobody needs and that stay, as the limits allow.
    """

    used: int = 0
    used_size: int = 0
    duplicates: int = 0
    duplicates_size: int = 0
    unused: int = 0
    unused_size: int = 0
    unindexed: int = 0
    unindexed_size: int = 0
    kept_packs: int = 0
    repacked_packs: int = 0
    repacked_size: int = 0
    deleted_packs: int = 0
    freed_size: int = 0
    left_unused_size: int = 0


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What is to be done, and what was seen when it was decided: if that has changed, the plan is void.

    Attributes:
        unindexed: Packs that no index file knows.
        repack: Packs with used and unused blobs, and the used ones in packed form (`copies`).
        delete: Packs without a used blob.
        absent: Packs that the index names, that are not there, and that nobody needs.
    """

    snapshots: frozenset[str]
    indexes: frozenset[str]
    unindexed: tuple[bytes, ...]
    repack: dict[bytes, bytes]
    delete: tuple[bytes, ...]
    absent: tuple[bytes, ...]
    figures: PruneFigures

    @property
    def gone(self) -> frozenset[bytes]:
        """The packs that no index file may name afterwards."""
        return frozenset((*self.repack, *self.delete, *self.absent))

    def copies(self, pack_id: bytes) -> list[PackedBlob]:
        """Return the blobs of a pack to be repacked that go into a new one."""
        return [
            PackedBlob(BlobKind(kind), blob_id, offset, length, plain_length)
            for kind, blob_id, offset, length, plain_length in _COPY.iter_unpack(self.repack[pack_id])
        ]


@dataclass(frozen=True, slots=True)
class PruneLimits:
    """How thorough a prune is.

    Attributes:
        max_unused: How many of 100 bytes may stay although nobody needs them; 100: any number.
        max_unused_bytes: The same in bytes; goes before *max_unused*.
        max_repack_bytes: How many bytes may be written anew at most; None: any number. With 0 nothing is written but
            the index: the way out of a full medium.
        repack_small: Join packs that are below 80 % of the usual size; else only very small ones, if there are many.
        allow_empty: Without a single snapshot everything would go. That is refused unless it is meant.
    """

    max_unused: float = 5.0
    max_unused_bytes: int | None = None
    max_repack_bytes: int | None = None
    repack_small: bool = False
    allow_empty: bool = False

    def tolerated(self, used: int) -> float:
        """Return how many unused bytes may stay beside *used* ones."""
        if self.max_unused_bytes is not None:
            return self.max_unused_bytes
        if self.max_unused >= _EVERY:
            return float("inf")
        return self.max_unused / (_EVERY - self.max_unused) * used


def plan(
    repo: Repository,
    limits: PruneLimits | None = None,
    *,
    without: frozenset[str] = frozenset(),
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> PrunePlan:
    """Plan a prune. Loads the index anew; to be applied, it must be made under the exclusive lock.

    Args:
        without: Ids of snapshots that are taken as removed already, to see what that would free.

    Raises:
        PruneRefused: Something does not add up.
    """
    (progress or Progress()).phase("prune-plan")
    return _Planner(repo, limits or PruneLimits(), cancel or Cancel()).plan(without)


_Copy = tuple[int, int, PackedBlob]
"""A copy of a blob: its place among the entries of the index, the number of its pack, and where it lies there."""


class _Planner:
    """A plan under way: numbers for each pack, and a byte for each entry of the index."""

    def __init__(self, repo: Repository, limits: PruneLimits, cancel: Cancel) -> None:
        self._repo, self._limits, self._cancel = repo, limits, cancel
        self._figures = PruneFigures()

    def plan(self, without: frozenset[str]) -> PrunePlan:
        repo = self._repo
        seen = frozenset(entry.id for entry in repo.ids(FileKind.SNAPSHOT))
        indexes = frozenset(entry.id for entry in repo.ids(FileKind.INDEX))
        try:
            found = [one for one in snapshots.load_all(repo) if one.id not in without]
            repo.load_index(cancel=self._cancel)
        except RepositoryDamaged as error:
            raise PruneRefused(why=f"damaged-{error.kind}", what=error.id) from error
        self._present = {bytes.fromhex(entry.id): entry.size for entry in repo.ids(FileKind.PACK)}
        if not found and self._present and not self._limits.allow_empty:
            raise PruneRefused(why="no-snapshots")
        reach = Reach(repo, fault=_refuse, cancel=self._cancel)
        reach.follow(snapshot.tree for snapshot in reversed(found))
        self._kept = reach.marks
        self._add_up()
        repack, delete, absent = self._judge_packs()
        return PrunePlan(
            snapshots=seen - without,
            indexes=indexes,
            unindexed=tuple(sorted(self._present.keys() - repo.index.packs().keys())),
            repack=self._copies(repack),
            delete=tuple(repo.index.pack_id(number) for number in delete),
            absent=tuple(repo.index.pack_id(number) for number in absent),
            figures=self._sum(repack, delete),
        )

    def _add_up(self) -> None:
        """Count what is used and unused in each pack; of several copies of a blob one is used, and marked as kept."""
        index = self._repo.index
        self._sizes = PackSums(index).sizes
        packs = len(index.packs())
        self._used, self._used_size = array("Q", [0]) * packs, array("Q", [0]) * packs
        self._unused, self._unused_size = array("Q", [0]) * packs, array("Q", [0]) * packs
        self._kinds = bytearray(packs)
        several: list[list[_Copy]] = []
        group: list[_Copy] = []
        for place, (kind, blob_id, number, *where) in enumerate(index.entries()):
            copy = (place, number, PackedBlob(kind, blob_id, *where))
            self._kinds[number] |= 1 << kind.value
            if group and group[0][2][:2] != (kind, blob_id):
                self._count(group, several)
                group = []
            group.append(copy)
        if group:
            self._count(group, several)
        for copies in self._choose(several):
            self._kept[copies[-1][0]] = 1
            self._is_used(copies[-1])
            for duplicate in copies[:-1]:
                self._kept[duplicate[0]] = 0
                self._is_unused(duplicate)
                self._figures.duplicates += 1
                self._figures.duplicates_size += duplicate[2].length

    def _count(self, group: list[_Copy], several: list[list[_Copy]]) -> None:
        if not self._kept[group[0][0]]:
            for copy in group:
                self._is_unused(copy)
                self._figures.unused += 1
                self._figures.unused_size += copy[2].length
        elif len(group) == 1:
            self._is_used(group[0])
        else:
            several.append(group)

    def _is_used(self, copy: _Copy) -> None:
        self._used[copy[1]] += 1
        self._used_size[copy[1]] += copy[2].length
        self._figures.used += 1
        self._figures.used_size += copy[2].length

    def _is_unused(self, copy: _Copy) -> None:
        self._unused[copy[1]] += 1
        self._unused_size[copy[1]] += copy[2].length

    def _choose(self, several: list[list[_Copy]]) -> list[list[_Copy]]:
        """Put the copy that stays at the end of each group: a sound one, in a pack that is worth keeping.

        Copies come from a prune that was cut short, or from a backup that healed a damaged pack: the others are let go
        only after this one was opened and found good.
        """
        for group in several:
            group.sort(key=self._worth)
        wanted: dict[int, list[PackedBlob]] = {}
        for group in several:
            wanted.setdefault(group[-1][1], []).append(group[-1][2])
        bad = {(number, blob.id) for number, blobs in wanted.items() for blob in self._bad(number, blobs)}
        for group in several:
            if (group[-1][1], group[-1][2].id) in bad:
                good = [copy for copy in group[:-1] if not self._bad(copy[1], [copy[2]])]
                if not good:
                    raise PruneRefused(why="damaged-blob", what=group[0][2].id.hex())
                group.append(good[-1])
                group.remove(good[-1])
        return several

    def _worth(self, copy: _Copy) -> tuple[bool, bool, int, int]:
        number = copy[1]
        whole = self._present.get(self._repo.index.pack_id(number)) == self._sizes[number]
        return whole, self._unused[number] == 0, self._used[number], -self._unused_size[number]

    def _bad(self, number: int, blobs: list[PackedBlob]) -> list[PackedBlob]:
        """Return those of a pack's blobs that do not open."""
        self._cancel.check()
        blobs = sorted(blobs, key=lambda blob: blob.offset)
        start, end = blobs[0].offset, max(blob.offset + blob.length for blob in blobs)
        try:
            data = self._repo.read_pack(self._repo.index.pack_id(number), start, end - start)
        except UNREADABLE:
            return blobs
        return [b for b, plain in open_blobs(self._repo.key, data, start, blobs) if not isinstance(plain, bytes)]

    def _judge_packs(self) -> tuple[list[int], list[int], list[int]]:
        """Return the packs to repack, those to delete, and those that are absent and not needed."""
        delete: list[int] = []
        absent: list[int] = []
        mixed: list[int] = []
        small: list[int] = []
        target = self._repo.store.capabilities.best_object
        least = target * 4 // 5 if self._limits.repack_small else target // 25
        for pack_id, number in self._repo.index.packs().items():
            size = self._present.get(pack_id)
            if not self._used[number]:
                (absent if size is None else delete).append(number)
            elif size is None:
                raise PruneRefused(why="missing-pack", what=pack_id.hex())
            elif size != self._sizes[number]:
                raise PruneRefused(why="wrong-size", what=pack_id.hex())
            elif self._unused[number] or self._kinds[number] == _BOTH_KINDS:
                mixed.append(number)
            elif size < least:
                small.append(number)
        if len(small) >= _FEW_SMALL or (self._limits.repack_small and len(small) > 1):
            mixed += small
        return self._choose_packs(mixed, least), delete, absent

    def _choose_packs(self, candidates: list[int], least: int) -> list[int]:
        """Return those worth repacking: trees first, then those with the most to gain, until the limits are reached."""
        self._left = sum(self._unused_size[number] for number in candidates)
        tolerated = self._limits.tolerated(self._figures.used_size)
        budget = self._limits.max_repack_bytes
        chosen: list[int] = []

        def gain(number: int) -> tuple[bool, float]:
            return bool(self._kinds[number] & _TREES), self._unused_size[number] / self._used_size[number]

        for number in sorted(candidates, key=gain, reverse=True):
            if budget is not None and self._sizes[number] > budget:
                continue
            trees_or_small = bool(self._kinds[number] & _TREES) or self._sizes[number] < least
            if self._left <= tolerated and not trees_or_small:
                continue
            chosen.append(number)
            self._left -= self._unused_size[number]
            budget = None if budget is None else budget - self._sizes[number]
        return chosen

    def _copies(self, repack: list[int]) -> dict[bytes, bytes]:
        """Return for each pack to be repacked what is kept of it, in packed form."""
        copies = {number: bytearray() for number in repack}
        for place, (kind, blob_id, number, *where) in enumerate(self._repo.index.entries()):
            if number in copies and self._kept[place]:
                copies[number] += _COPY.pack(kind.value, blob_id, *where)
        return {self._repo.index.pack_id(number): bytes(packed) for number, packed in copies.items()}

    def _sum(self, repack: list[int], delete: list[int]) -> PruneFigures:
        figures = self._figures
        indexed = self._repo.index.packs().keys()
        left_over = [size for pack_id, size in self._present.items() if pack_id not in indexed]
        figures.unindexed, figures.unindexed_size = len(left_over), sum(left_over)
        figures.deleted_packs, figures.repacked_packs = len(delete), len(repack)
        figures.kept_packs = len(self._present) - len(left_over) - len(delete) - len(repack)
        figures.repacked_size = sum(self._used_size[number] for number in repack)
        gone = sum(self._present[self._repo.index.pack_id(number)] for number in delete)
        figures.freed_size = figures.unindexed_size + gone + sum(self._unused_size[number] for number in repack)
        figures.left_unused_size = self._left
        return figures


def _refuse(kind: BlobKind, blob_id: bytes, why: str) -> NoReturn:
    raise PruneRefused(why=f"{why}-{kind.word}", what=blob_id.hex())
