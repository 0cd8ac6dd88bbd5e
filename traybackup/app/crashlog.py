"""The log of unexpected faults: a traceback for whoever mends the program, in a file only this user can read."""

import os
import traceback
from datetime import datetime
from pathlib import Path

from traybackup import __version__
from traybackup.app.paths import Paths, open_private

_LARGEST = 1 << 20


def record(paths: Paths, error: BaseException, now: datetime) -> Path | None:
    """Append *error* to the log and return the file; None if even that failed.

    A traceback shows code and an exception's words, no values of variables: passwords are never in the words.
    """
    text = "".join(traceback.format_exception(error))
    entry = f"{now.isoformat(timespec='seconds')} traybackup {__version__}\n{text}\n"
    try:
        if paths.log.exists() and paths.log.stat().st_size > _LARGEST:
            paths.log.replace(paths.log.with_suffix(".old"))
        with os.fdopen(open_private(paths.log), "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(entry)
    except OSError:
        return None
    return paths.log
