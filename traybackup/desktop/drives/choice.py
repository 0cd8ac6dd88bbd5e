"""The choice of how drives are seen here: by UDisks2 where it answers, else by what every system tells."""

import sys

from traybackup.api.errors import DriveError
from traybackup.desktop.drives.model import Drives


def open_drives() -> Drives:
    """Return the drives of this computer."""
    if sys.platform == "win32":
        from traybackup.desktop.drives.windows import WindowsDrives  # noqa: PLC0415 - only there

        return WindowsDrives()
    if sys.platform == "darwin":
        from traybackup.desktop.drives.macos import MacDrives  # noqa: PLC0415 - only there

        return MacDrives()
    from traybackup.desktop.drives.udisks import UDisks  # noqa: PLC0415 - only on Linux

    found = UDisks()
    try:
        found.list()
    except DriveError:
        from traybackup.desktop.drives.polling import PolledDrives  # noqa: PLC0415 - only without UDisks2

        return PolledDrives()
    return found
