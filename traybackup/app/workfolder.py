"""The work folder: where packs grow and copies of databases are made, on this computer, readable by this user alone.

It goes with the run. What a killed run left behind may hold the till's data in clear, so the next run removes it.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from traybackup.api.errors import WorkFolderUnusable
from traybackup.app.paths import Paths, private_folder

_PREFIX = "traybackup-work-"


@contextmanager
def work_folder(paths: Paths, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield a new private folder, removed at exit: in ``TMPDIR`` if that is set, else in the cache.

    Raises:
        WorkFolderUnusable: It cannot be made, or there is no room in it: any `OSError` of the block is taken for that.
    """
    base = Path(environment["TMPDIR"]) if environment.get("TMPDIR") else paths.cache / "work"
    folder: Path | None = None
    try:
        private_folder(base)
        _remove_left_behind(base)
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
        yield folder
    except BrokenPipeError:  # of the output
        raise
    except OSError as error:  # the place's and the source's have types of their own
        raise WorkFolderUnusable(folder=str(base), reason=error.strerror or type(error).__name__) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_left_behind(base: Path) -> None:
    """Remove the folders of processes that are gone."""
    for left in base.glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and (int(pid) == os.getpid() or not psutil.pid_exists(int(pid))):
            with contextlib.suppress(OSError):
                shutil.rmtree(left)
