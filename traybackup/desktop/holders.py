"""Who holds a drive: the programs that have a file or their working folder on it. Source: proc(5), psutil."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

LOOK_FOR = 2.0
"""Seconds: whoever waits for the answer wants it soon, and a part of it is better than none."""


def holders(folders: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the programs that use one of *folders*, each once; of other users' as far as one may look.

    This process comes last: its own files are closed before anybody asks.
    """
    import psutil  # noqa: PLC0415 - only when something is in the way

    roots = tuple(os.path.join(folder, "") for folder in folders)
    until = time.monotonic() + LOOK_FOR
    found: dict[str, bool] = {}
    if not roots:
        return ()
    for process in psutil.process_iter(["name"]):
        if time.monotonic() > until:
            break
        if any(os.path.join(path, "").startswith(roots) for path in _paths(process)):
            found.setdefault(process.info["name"] or str(process.pid), process.pid == os.getpid())
    return tuple(sorted(found, key=lambda name: (found[name], name)))


def _paths(process: Any) -> Iterator[str]:
    """Yield the paths that a process holds."""
    import psutil  # noqa: PLC0415 - as above

    for ask in (process.cwd, process.exe, lambda: _open_files(process)):
        try:
            answer = ask()
        except (psutil.Error, OSError):
            continue
        yield from (answer,) if isinstance(answer, str) else answer


def _open_files(process: Any) -> list[str]:
    folder = Path(f"/proc/{process.pid}/fd")
    if folder.is_dir():  # psutil leaves out folders, which a file manager has open
        return [found for found in map(_target, folder.iterdir()) if found]
    return [one.path for one in process.open_files()]


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
