"""The texts of notifications: a title and a body each. Placeholders are its values; a title has 63 letters at most."""

from typing import NamedTuple

from traybackup.app.wording.marks import N_


class Toast(NamedTuple):
    """A notification's texts."""

    title: str
    body: str


NOTICES: dict[str, Toast] = {
    "start_on_plug": Toast(
        N_("Backup to “{drive}” has started"),
        N_("Please leave the drive plugged in. You will be told when you can unplug it."),
    ),
    "done_unplug": Toast(
        N_("Backup finished – unplug the drive now"),
        N_("“{drive}” has been ejected safely and contains everything up to {time}. Keep it outside the shop."),
    ),
    "may_unplug": Toast(
        N_("You can unplug “{drive}”"),
        N_("It has been ejected safely. Nothing new was saved to it."),
    ),
    "done_busy": Toast(
        N_("Backup finished – drive still in use"),
        N_("“{drive}” cannot be ejected yet because {program} is using it. Close it, then choose “Eject drive”."),
    ),
    "not_ejected": Toast(
        N_("The drive is still in use"),
        N_("“{drive}” cannot be ejected yet because {program} is using it. Close it, then choose “Eject drive”."),
    ),
    "blocked": Toast(
        N_("The backup drive cannot be read"),
        N_("“{drive}” cannot be opened by this computer. Unplug it, plug it in again, or take another one."),
    ),
    "unplug_reminder": Toast(
        N_("The backup drive is still plugged in"),
        N_(
            "Please unplug “{drive}” and store it safely. A virus, a power surge or a theft would take it together"
            " with the PC."
        ),
    ),
    "unplugged_early": Toast(
        N_("Drive was unplugged too early"),
        N_("The backup to “{drive}” is not complete. Earlier backups on it are safe. Plug it in again to continue."),
    ),
    "plug_request": Toast(
        N_("Please plug in the backup drive"),
        N_("Today’s backup is waiting for “{drive}”. It starts by itself as soon as the drive is plugged in."),
    ),
    "failed": Toast(
        N_("Backup to “{dest}” failed"),
        N_("{reason}. The last good backup is from {when}. Click for help."),
    ),
    "failed_first": Toast(
        N_("Backup to “{dest}” failed"),
        N_("{reason}. There is no good backup yet. Click for help."),
    ),
    "recovered": Toast(
        N_("Backups are working again"),
        N_("Today’s backup to “{dest}” succeeded at {time}. You do not need to do anything."),
    ),
    "overdue": Toast(
        N_("No backup for {n} days"),
        N_("The last good backup is from {when}. Plug in “{drive}” or click to back up now."),
    ),
    "signin": Toast(
        N_("{dest} needs a new sign-in"),
        N_("Online backups are waiting. Click to sign in; it takes a minute. USB backups continue."),
    ),
    "space": Toast(
        N_("“{dest}” is almost full"),
        N_("Older backups are already removed by your rule. Click for choices."),
    ),
    "damaged": Toast(
        N_("A backup is damaged"),
        N_("A check of “{dest}” found damage. Click to make a fresh backup on another drive."),
    ),
    "drill_ok": Toast(
        N_("Monthly restore test passed"),
        N_("The backup of {date} was read back and opened: {count} receipts, the last from {last}. Nothing to do."),
    ),
    "drill_failed": Toast(
        N_("Restore test failed"),
        N_("A backup on “{dest}” could not be read back completely. Click to make a fresh one on another drive."),
    ),
    "no_growth": Toast(
        N_("No new till data for {n} days"),
        N_(
            "The shop was open, but nothing new reached the backup. Was the till moved to another folder or PC?"
            " Click to check."
        ),
    ),
    "quarter": Toast(
        N_("Quarterly fiscal export is due"),
        N_(
            "Please save the export for quarter {q} to an external drive by {d2}. Click and it will be found, checked"
            " and copied."
        ),
    ),
    "keysheet": Toast(
        N_("Please print your emergency sheet"),
        N_("Without the recovery key nobody can open your backups after a PC failure. Printing takes one minute."),
    ),
    "restored": Toast(
        N_("Restore finished"),
        N_("Your data of {when} is back. The previous state was kept; you can undo the restore until {d2}."),
    ),
}
"""By kind."""
