"""Runs: one execution of a job, what started it, and how it ended.

A *Run* without an outcome is still under way. Its *slot* is what it was due for, in the words of
`traybackup.app.due`; its *plug* the occasion on which its drive was plugged in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from traybackup.api.errors import Retry, TraybackupError

Value = str | int | float | None


class Outcome(Enum):
    """How a run ended. PARTIAL: some of the source could not be read. SKIPPED: it did not begin."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"


SAVED = frozenset({Outcome.SUCCESS, Outcome.PARTIAL})
"""The outcomes that leave a verified snapshot."""


class Trigger(Enum):
    """What started a run."""

    NOW = "now"
    TIME = "time"
    START = "start"
    PLUGGED = "plugged-in"
    PROGRAM = "program-closed"


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong: the key of its texts, their parameters, and whether trying again can help."""

    code: str
    params: Mapping[str, Value] = field(default_factory=dict)
    retry: Retry = Retry.NEVER

    @classmethod
    def of(cls, error: TraybackupError) -> "Problem":
        """Return what *error* says."""
        return cls(error.code, error.params, error.retry)


@dataclass(frozen=True, slots=True)
class Figures:
    """How much a run did: files and bytes of the source, bytes added to the place, items it could not read."""

    files: int = 0
    bytes: int = 0
    added: int = 0
    unreadable: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run ended; *problem* is what went wrong, also after the snapshot was safe."""

    outcome: Outcome
    problem: Problem | None = None
    figures: Figures = field(default_factory=Figures)
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a job.

    Attributes:
        started: By the clock of the computer; what took how long is in *figures*.
        snapshot: Its id; empty: none was written.
    """

    id: int
    job: str
    destination: str
    trigger: Trigger
    slot: str
    plug: str
    started: datetime
    ended: datetime | None = None
    outcome: Outcome | None = None
    problem: Problem | None = None
    snapshot: str = ""
    figures: Figures = field(default_factory=Figures)


@dataclass(frozen=True, slots=True)
class Verified:
    """The newest snapshot of a job that is known to be good; *complete*: nothing was unreadable."""

    snapshot: str
    time: datetime
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a job's runs, newest first, and of its newest snapshot."""

    runs: tuple[Run, ...] = ()
    verified: Verified | None = None
