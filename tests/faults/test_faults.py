"""Whatever the medium does, whenever it does it: nothing that was acknowledged is lost, and the next run just works.

A sample always runs. The whole campaign, every operation of every command, is
``python -m pytest tests/faults -m campaign``; it prints the table that README shows.
"""

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.deeds import BACKUP, DEEDS, RESTORE, Deed
from tests.faults.medium import (
    BROKEN_ONCE,
    ERRORS,
    FLIP,
    FULL,
    GONE,
    KILL,
    LIE_ONCE,
    LIES,
    READ_ONLY,
    UNFLUSHED_ONCE,
    Fault,
    Medium,
)
from tests.faults.scene import Golden, environment

Figures = Callable[[str, str, int, int, int], None]


@dataclass(frozen=True, slots=True)
class Campaign:
    """Everything a trial needs."""

    medium: Medium
    golden: Golden
    folder: Path
    restic: str
    figures: Figures
    counted: dict[str, tuple[str, ...]]

    def operations(self, deed: Deed, fault: Fault) -> list[str]:
        """Return the operations of the deed that *fault* can strike at."""
        if deed.name not in self.counted:
            trial = deed.prepare(self.golden, self.folder / "sound", self.restic)
            done = self.medium.run(deed.command(trial), deed.root(trial), environment=environment(trial.home))
            assert done.code == 0, done
            deed.judge(trial, done)
            trial.remove()
            self.counted[deed.name] = done.operations
        wanted = fault.ops.split(",")
        return [operation for operation in self.counted[deed.name] if operation.partition(" ")[0] in wanted]

    def points(self, deed: Deed, fault: Fault) -> list[int]:
        """Return where the fault strikes: a kill at each operation, the others at every third, each shifted by one.

        Of the 256 pack folders that a first backup makes, the others strike only at a few.
        """
        operations = self.operations(deed, fault)
        alike = [at for at, operation in enumerate(operations, 1) if operation.startswith("mkdir /data/")]
        points = list(range(1, len(operations) + 1))
        if fault is KILL:
            return points
        few = [at for at in points if at not in alike[3:-3]]
        return few if len(few) < MANY else few[OTHERS.index(fault) % 3 :: 3]

    def conduct(self, deed: Deed, fault: Fault, points: Iterable[int]) -> None:
        """Let *fault* strike at each of *points* and state that nothing was wrong after any."""
        wrong: list[str] = []
        trials = struck = 0
        for at in points:
            trial = deed.prepare(self.golden, self.folder / f"{at}", self.restic)
            trial.turn = at
            done = self.medium.run(deed.command(trial), deed.root(trial), fault, at, environment(trial.home))
            trials += 1
            struck += done.code != 0
            try:
                deed.speaks_plainly(done)
                deed.judge(trial, done)
            except AssertionError:
                last = " ".join(done.operations[at - 1 : at]) or "the end"
                head = f"{deed.name}, {fault.name} at {at} ({last}), exit {done.code}, {trial.folder}"
                wrong.append(f"{head}\n{done.err}\n{traceback.format_exc(limit=-2)}")
            else:
                trial.remove()
        self.figures(deed.name, fault.name, trials, struck, len(wrong))
        assert not wrong, "\n\n".join([f"{len(wrong)} of {trials} were wrong", *wrong[:8]])


@pytest.fixture
def campaign(
    medium: Medium,
    golden: Golden,
    scratch: Path,
    restic: str,
    figures: Figures,
    counted: dict[str, tuple[str, ...]],
) -> Campaign:
    return Campaign(medium, golden, scratch, restic, figures, counted)


def spread(total: int, wanted: int) -> Sequence[int]:
    """Return *wanted* numbers from 1 to *total*, evenly spread, in the middle of their stretches."""
    return sorted({1 + (2 * number + 1) * total // (2 * wanted) for number in range(wanted)})


MANY = 15
"""Operations of which not each needs to meet each fault."""

SAMPLE = [
    *[(deed, KILL, 2 if deed is BACKUP else 1) for deed in DEEDS],
    *[(BACKUP, fault, 1) for fault in (FULL, BROKEN_ONCE, READ_ONLY, UNFLUSHED_ONCE, GONE, LIE_ONCE, FLIP)],
]
OTHERS = (*ERRORS, *LIES)
# what a restore wrote is not read back: the disk of a computer that lies to it has worse in store
ALL = [(deed, fault) for deed in DEEDS for fault in (KILL, *OTHERS) if deed is not RESTORE or fault not in LIES]


def word(value: object) -> str:
    """Name a test by its deed and fault."""
    return value.name if isinstance(value, Deed | Fault) else str(value)


@pytest.mark.parametrize(("deed", "fault", "trials"), SAMPLE, ids=word)
def test_sample(campaign: Campaign, deed: Deed, fault: Fault, trials: int) -> None:
    """A few trials of each kind: no acknowledged snapshot is lost, restic finds no fault, the next backup works."""
    campaign.conduct(deed, fault, spread(len(campaign.operations(deed, fault)), trials))


@pytest.mark.campaign
@pytest.mark.timeout(0)
@pytest.mark.parametrize(("deed", "fault"), ALL, ids=word)
def test_every_operation(campaign: Campaign, deed: Deed, fault: Fault) -> None:
    """The fault may strike at any operation: the same is true after each."""
    campaign.conduct(deed, fault, campaign.points(deed, fault))
