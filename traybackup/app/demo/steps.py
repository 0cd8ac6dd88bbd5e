"""What the demonstration tells: its *Step*s while it goes on, the *Comparison*, and the whole *Story* in the end."""

from dataclasses import dataclass, field
from pathlib import Path

from traybackup.app.backup import Backup


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the story that was just done: a keyword and what its text names."""

    code: str
    params: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came back, compared with what was there before it was destroyed.

    Attributes:
        receipts: In the restored database; *sold_since* were made after the moment it was saved at.
        files: Compared byte by byte.
        differences: What is not as it was; empty: all is well.
    """

    receipts: int
    sold_since: int
    rows: int
    files: int
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, and where everything is."""

    folder: Path
    till: Path
    place: Path
    restored: Path
    code_file: Path
    backup: Backup
    comparison: Comparison
    removed: bool
