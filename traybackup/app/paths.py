"""Where traybackup keeps its own files: configuration, state, cache. ``TRAYBACKUP_HOME`` moves all three.

Everything here is private: folders 0700, files 0600. None of it is needed to get data back.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "TRAYBACKUP_HOME"


@dataclass(frozen=True, slots=True)
class Paths:
    """The three folders of the program.

    Attributes:
        config: The owner's choices.
        state: What happened; losing it loses no backup.
        cache: What can be fetched again.
    """

    config: Path
    state: Path
    cache: Path

    @property
    def log(self) -> Path:
        """The file that unexpected faults are written to."""
        return self.state / "traybackup.log"


def find(environment: Mapping[str, str]) -> Paths:
    """Return the folders for this user; nothing is created."""
    home = environment.get(HOME_VARIABLE)
    if home:
        root = Path(home).absolute()
        return Paths(root / "config", root / "state", root / "cache")
    import platformdirs  # noqa: PLC0415 - only where the home is not given

    dirs = platformdirs.PlatformDirs("traybackup", appauthor=False, roaming=False)
    return Paths(Path(dirs.user_config_dir), Path(dirs.user_state_dir), Path(dirs.user_cache_dir))


def find_own() -> Paths:
    """Return the folders of this process."""
    return find(os.environ)


def private_folder(folder: Path) -> Path:
    """Create *folder* with its parents, readable by this user alone, and return it."""
    missing = [folder, *folder.parents]
    for step in reversed(missing):
        if not step.exists():
            step.mkdir(mode=0o700, exist_ok=True)
    return folder


def open_private(path: Path) -> int:
    """Open *path* for appending, created as readable by this user alone; return the descriptor."""
    private_folder(path.parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.open(path, flags, 0o600)
