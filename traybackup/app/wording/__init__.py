"""The English texts: what every error is called, what it means, and what to do. Source for the catalogues.

A key is an error's code. ``code:word`` is the variant for an error whose *why* is that word, ``…+name`` the variant for
one whose parameter *name* is known; the plain code is always there. Placeholders are the error's parameters.
"""

from traybackup.app.wording.backups import BACKUPS, SOURCES
from traybackup.app.wording.drives import DRIVES
from traybackup.app.wording.marks import N_, Wording
from traybackup.app.wording.places import CONFIG, PLACES
from traybackup.app.wording.runs import RUNS

__all__ = ["ERRORS", "N_", "Wording"]

OTHERS: dict[str, Wording] = {
    "work-folder-unusable": Wording(
        N_("This computer has no room to work"),
        N_("Temporary files cannot be written to {folder} on this computer: {reason}."),
        N_("Make room there, or set TMPDIR to a folder on another disk; earlier backups are safe."),
    ),
    "cancelled": Wording(
        N_("Stopped"),
        N_("Stopped as you asked. Everything saved before is safe, and nothing is left locked."),
        N_("Start again at any time; what was already saved is not saved twice."),
    ),
    "unexpected": Wording(
        N_("An unexpected fault"),
        N_("Something happened that should not: {kind}. Earlier backups are not touched."),
        N_("The details are in {log}; please send them to your dealer."),
    ),
}

ERRORS: dict[str, Wording] = PLACES | CONFIG | BACKUPS | SOURCES | RUNS | DRIVES | OTHERS
