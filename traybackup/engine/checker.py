"""Checker: is everything there, does it fit together, and (if asked) is every byte what it was?

*Problem* is one thing that is wrong, with the *Damage* it does; *CheckResult* all of them, and figures. Whatever is in
the repository, a check ends with a result: only a place that fails as a whole, or somebody who asks to stop, ends it
otherwise. Nothing is ever repaired or written here.

Read in the order in which nothing new can look like damage: snapshots, then index, then packs; so others may add
meanwhile.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from traybackup.api.errors import AccessDenied, NotFound, RepositoryDamaged, StoreDamaged, StoreFailed
from traybackup.api.progress import Cancel, Progress
from traybackup.engine import keys, lockfiles, smallfiles, snapshots
from traybackup.engine.codec import BlobKind, FileKind, object_name, parse_json
from traybackup.engine.crypto import SealBroken
from traybackup.engine.damage import Damage, DamageReport, Lost
from traybackup.engine.index import Index, decode_index
from traybackup.engine.pack import PackedBlob
from traybackup.engine.reach import Reach, sound_copy
from traybackup.engine.repository import Repository
from traybackup.engine.scrub import PackSums, Scrub, choose
from traybackup.engine.snapshots import Snapshot
from traybackup.engine.tree import decode_tree
from traybackup.engine.workers import Workers

_ONE_OBJECT = (RepositoryDamaged, NotFound, StoreDamaged, StoreFailed, AccessDenied)
"""What may be wrong with a single object; every other error means that the place is not to be had."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READERS = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: config, key, lock, snapshot, index, pack, tree or data.
        id: Its id in hex; empty where *blobs* are meant that no index file knows.
        why: A short keyword: ``missing``, ``wrong-hash``, ``wrong-size``, ``bad-header``, ``index-differs``,
            ``damaged``, ``unreadable``, ``not-indexed``, …
        blobs: How many blobs that snapshots need are lost by it.
        damage: The files it costs; empty if no snapshot needs what is lost.
        more: It touches more files than `damage` names.
    """

    kind: str
    id: str
    why: str
    blobs: int = 0
    damage: tuple[Damage, ...] = ()
    more: bool = False


@dataclass(slots=True)
class CheckResult:
    """What a check found.

    Attributes:
        blobs: Different ones that the index knows; `used`, those that snapshots need; `duplicates`, further copies.
        packs_read, bytes_read: Read whole.
        unindexed: Packs that no index file knows (left by a run that was cut short), and their bytes.
        unsteady: Packs that were read wrongly once and rightly the second time: a cable, the memory, a dying medium.
    """

    problems: list[Problem] = field(default_factory=list)
    snapshots: int = 0
    keys: int = 0
    indexes: int = 0
    trees: int = 0
    blobs: int = 0
    used: int = 0
    duplicates: int = 0
    packs: int = 0
    packs_size: int = 0
    packs_read: int = 0
    bytes_read: int = 0
    unindexed: int = 0
    unindexed_size: int = 0
    unsteady: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def unused(self) -> int:
        """Blobs that no snapshot needs."""
        return self.blobs - self.used

    @property
    def damaged_paths(self) -> set[bytes]:
        """Every path that is touched in some snapshot."""
        return {damage.path for problem in self.problems for damage in problem.damage}


def check(
    repo: Repository,
    *,
    now: datetime,
    read_data: float = 0,
    turn: int | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> CheckResult:
    """Check a repository; a shared lock should be held. Loads the index anew.

    Args:
        read_data: How many of 100 packs to read whole, from the medium.
        turn: Which part of the packs that is (`traybackup.engine.scrub.choose`): a number that goes up by one with each
            check. None: the day of *now*.
    """
    checking = _Check(repo, progress or Progress(), cancel or Cancel())
    checking.small_files()
    found = checking.snapshots()
    checking.index()
    checking.packs()
    checking.trees(found)
    if read_data > 0:
        checking.data(read_data, (now - _EPOCH).days if turn is None else turn)
    checking.tell(found)
    return checking.result


class _Check:
    """One check under way.

    What is wrong is reported at once; packs in which something was wrong are *suspects* until the end, when each is
    read again to tell what of it is lost.
    """

    def __init__(self, repo: Repository, progress: Progress, cancel: Cancel) -> None:
        self._repo, self._progress, self._cancel = repo, progress, cancel
        self.result = CheckResult()
        self._present: dict[bytes, int] = {}
        self._suspects: dict[bytes, str] = {}
        self._unread: dict[bytes, str] = {}
        self._unknown: dict[BlobKind, list[bytes]] = {kind: [] for kind in BlobKind}
        self._lost = Lost()

    def _report(self, kind: str, file_id: str, why: str) -> int:
        """Add a problem and return its number."""
        self.result.problems.append(Problem(kind, file_id, why))
        return len(self.result.problems) - 1

    def small_files(self) -> None:
        """Look at config, keys and locks."""
        self._progress.phase("check-structure")
        try:
            config = parse_json(self._repo.key.open(smallfiles.read(self._repo.store, FileKind.CONFIG)), "config")
        except (*_ONE_OBJECT, SealBroken) as error:
            self._report("config", "", _why(error))
        else:
            if not isinstance(config, dict) or config.get("id") != self._repo.id:
                self._report("config", "", "bad-config")
        try:
            for key in keys.list_keys(self._repo.store):
                self.result.keys += 1
                if isinstance(key, RepositoryDamaged):
                    self._report("key", key.id, key.why)
        except _ONE_OBJECT as error:
            self._report("key", "", _why(error))
        for lock in lockfiles.read_all(self._repo):
            if lock.time is None:
                self._report("lock", lock.id, lock.why)

    def snapshots(self) -> list[Snapshot]:
        """Read the snapshots; return the sound ones, oldest first."""
        found = []
        for entry in self._repo.ids(FileKind.SNAPSHOT):
            self._cancel.check()
            self.result.snapshots += 1
            try:
                found.append(snapshots.load(self._repo, entry.id))
            except _ONE_OBJECT as error:
                self._report("snapshot", entry.id, _why(error))
        return sorted(found, key=lambda one: (one.time, one.id))

    def index(self) -> None:
        """Read the index files, as many as can be read."""
        index = Index()
        index.add_files(self._index_files())
        self._repo.index = index
        self._sums = PackSums(index)
        self._numbers = index.packs()
        self._scrub = Scrub(self._repo, self._sums, self._cancel)
        self.result.duplicates = self._sums.duplicates
        self.result.blobs = len(index) - self._sums.duplicates

    def _index_files(self) -> Iterator[list[tuple[bytes, list[PackedBlob]]]]:
        for entry in self._repo.ids(FileKind.INDEX):
            self._cancel.check()
            self.result.indexes += 1
            try:
                yield decode_index(self._repo.load(FileKind.INDEX, entry.id), entry.id)
            except _ONE_OBJECT as error:
                self._report("index", entry.id, _why(error))

    def packs(self) -> None:
        """Compare the packs that are there with those the index names."""
        for entry in self._repo.ids(FileKind.PACK):
            self._present[bytes.fromhex(entry.id)] = entry.size
        self.result.packs = len(self._present)
        self.result.packs_size = sum(self._present.values())
        for pack_id, number in self._numbers.items():
            if pack_id not in self._present:
                self._look_again(pack_id)
            if pack_id not in self._present:
                self._suspects[pack_id] = "missing"
            elif self._present[pack_id] != self._sums.sizes[number]:
                self._suspects[pack_id] = "wrong-size"
        unindexed = self._present.keys() - self._numbers.keys()
        self.result.unindexed = len(unindexed)
        self.result.unindexed_size = sum(self._present[pack_id] for pack_id in unindexed)

    def _look_again(self, pack_id: bytes) -> None:
        """Ask for a pack by name before it is called missing: a cloud's listing may lag behind."""
        try:
            self._present[pack_id] = self._repo.store.stat(object_name(FileKind.PACK, pack_id.hex())).size
        except NotFound:
            return

    def trees(self, found: Sequence[Snapshot]) -> None:
        """Follow every tree and see that every blob it needs is in the index."""
        reach = Reach(self._repo, fault=self._fault, inspect=self._inspect, cancel=self._cancel)
        reach.follow(snapshot.tree for snapshot in reversed(found))
        self._marks = reach.marks
        self.result.trees = reach.trees
        self.result.used = sum(reach.marks)

    def _fault(self, kind: BlobKind, blob_id: bytes, why: str) -> None:
        if why == "not-indexed":
            self._unknown[kind].append(blob_id)
            return
        self._unread[blob_id] = why
        if why != "bad-json":
            for number, *_ in self._repo.index.locations(kind, blob_id):
                self._suspects.setdefault(self._repo.index.pack_id(number), "damaged")

    def _inspect(self, tree_id: bytes, plain: bytes) -> None:
        faults: list[str] = []
        try:
            decode_tree(plain, tree_id, faults)
        except RepositoryDamaged as error:
            faults.append(error.why)
        if faults:
            self._lost.trees[tree_id] = self._report("tree", tree_id.hex(), faults[0])

    def data(self, percent: float, turn: int) -> None:
        """Read packs whole."""
        self._progress.phase("check-data")
        indexed = [pack_id for pack_id in self._numbers if pack_id in self._present]
        is_due = choose((pack_id.hex() for pack_id in indexed), percent, turn)
        due = [pack_id for pack_id in indexed if is_due(pack_id.hex())]
        self._progress.expect(len(due), sum(self._present[pack_id] for pack_id in due))
        readers = Workers("check", _READERS, self._read)
        try:
            for pack_id in due:
                self._cancel.check()
                readers.submit(pack_id)
        except BaseException as error:
            readers.abandon(error)
            raise
        readers.finish()
        self.result.packs_read = len(due)
        self.result.bytes_read = sum(self._present[pack_id] for pack_id in due)

    def _read(self, pack_id: bytes) -> None:
        size = self._present[pack_id]
        why = self._scrub.look(pack_id, size)
        if why:
            self._suspects[pack_id] = why
        self._progress.item(pack_id.hex().encode(), "failed" if why else "unchanged", size)
        self._progress.advance(size)

    def tell(self, found: Sequence[Snapshot]) -> None:
        """Say what is lost by all that was found, and which files that costs."""
        if self._suspects:
            self._progress.phase("check-damage")
            self._judge_suspects()
        for tree_id, why in self._unread.items():
            if tree_id not in self._lost.trees and (why == "bad-json" or self._is_lost(BlobKind.TREE, tree_id)):
                self._lost.trees[tree_id] = self._report("tree", tree_id.hex(), why)
        for kind, ids in self._unknown.items():
            if ids:
                fault = self._report(kind.word, ids[0].hex() if len(ids) == 1 else "", "not-indexed")
                self._blobs(kind).update(dict.fromkeys(ids, fault))
        if self._lost:
            report = DamageReport(self._repo, self._lost, self._cancel)
            self._complete(report.tell(found), report.unnamed)

    def _blobs(self, kind: BlobKind) -> dict[bytes, int]:
        return self._lost.trees if kind is BlobKind.TREE else self._lost.data

    def _judge_suspects(self) -> None:
        """Read each suspected pack again, and tell which of the blobs that the index lists in it are lost."""
        listed: dict[int, list[PackedBlob]] = {self._numbers[pack_id]: [] for pack_id in self._suspects}
        for kind, blob_id, number, *place in self._repo.index.entries():
            if number in listed:
                listed[number].append(PackedBlob(kind, blob_id, *place))
        for pack_id, why in sorted(self._suspects.items()):
            self._cancel.check()
            blobs = listed.pop(self._numbers[pack_id])
            if why == "missing":
                bad = blobs
            else:
                size = self._present[pack_id]
                bad = self._scrub.lost(pack_id, size, blobs)
                again = self._scrub.look(pack_id, size)
                if not bad and not again:
                    self.result.unsteady.append(pack_id.hex())
                    continue
                why = again if why == "damaged" and again else why  # noqa: PLW2901 - the more exact word
            fault = self._report("pack", pack_id.hex(), why)
            for blob in bad:
                if self._is_lost(blob.kind, blob.id):
                    self._blobs(blob.kind)[blob.id] = fault

    def _is_lost(self, kind: BlobKind, blob_id: bytes) -> bool:
        """Say whether a blob is needed and no copy of it is sound."""
        rank = self._repo.index.rank(kind, blob_id)
        return rank is not None and bool(self._marks[rank]) and sound_copy(self._repo, kind, blob_id) is None

    def _complete(self, damage: dict[int, list[Damage]], unnamed: set[int]) -> None:
        """Add to each problem what it costs."""
        counts = Counter([*self._lost.data.values(), *self._lost.trees.values()])
        for fault, count in counts.items():
            self.result.problems[fault] = replace(
                self.result.problems[fault],
                blobs=count,
                damage=tuple(damage.get(fault, ())),
                more=fault in unnamed,
            )


def _why(error: Exception) -> str:
    """Return the keyword for an object that could not be had."""
    if isinstance(error, RepositoryDamaged):
        return error.why
    return {NotFound: "missing", StoreDamaged: "wrong-size", SealBroken: "damaged"}.get(type(error), "unreadable")
