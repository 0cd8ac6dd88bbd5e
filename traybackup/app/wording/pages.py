"""The pages that end a sign-in in the browser."""

from typing import NamedTuple

from traybackup.app.wording.marks import N_


class Page(NamedTuple):
    """What a page says."""

    title: str
    text: str


PAGES: dict[str, Page] = {
    "thanks": Page(N_("Thank you"), N_("You can close this window and go back to traybackup.")),
    "refused": Page(N_("Not allowed"), N_("Nothing was changed. You can close this window.")),
    "again": Page(N_("Already answered"), N_("This page was opened before. You can close this window.")),
    "unknown": Page(N_("Not a page of traybackup"), N_("This address has nothing to show. You can close this window.")),
}
"""By what has happened."""
