"""The phrases about jobs, runs and how everything is doing. Source for the catalogues."""

from traybackup.app.wording.marks import N_, NN_

STATES: dict[str, str] = {
    "running": N_("A backup is running."),
    "unplug": N_("Finished: you can unplug the drive."),
    "error": N_("Something is wrong with the backups."),
    "attention": N_("The backups need your attention."),
    "waiting": N_("Waiting for a drive."),
    "paused": N_("Backups are paused."),
    "setup": N_("Nothing is set up yet."),
    "ok": N_("Protected."),
}
"""How everything is doing, by the state's name."""

WHY_NOT: dict[str, str] = {
    "never": N_("there is no backup yet"),
    "failed": N_("the last backup failed"),
    "interrupted": N_("the last backup was interrupted"),
    "partial": N_("some files could not be saved"),
    "tidying": N_("the backup is safe, but something went wrong after it"),
    "not-there": N_("a backup is due, and the drive is not there"),
    "clock": N_("the newest backup lies ahead: is the clock right?"),
    "config": N_("the settings cannot be read"),
    "state": N_("the notes on past backups cannot be kept"),
    "paused": N_("backups are paused"),
    "long-pause": N_("backups have been paused for more than a day"),
    "setup": N_("nothing is set up yet"),
    "unplug": N_("the drive can be unplugged"),
    "running": N_("a backup is running"),
    "sign-in": N_("a new sign-in is needed"),
    "space": N_("there is little room left"),
    "left-in": N_("the drive is still plugged in"),
    "sheet": N_("the emergency sheet was not confirmed"),
    "damaged": N_("a check found damage"),
    "drill": N_("the trial restore failed"),
    "key": N_("the password cannot be read"),
}
"""Why the state is what it is."""

LATE: dict[str, tuple[str, str]] = {
    "stale": NN_("no backup for {count} day", "no backup for {count} days"),
    "overdue": NN_("no backup for {count} day", "no backup for {count} days"),
}
"""The same, where a number of open days belongs to it."""

OUTCOMES: dict[str, str] = {
    "running": N_("running"),
    "success": N_("complete"),
    "partial": N_("incomplete"),
    "failed": N_("failed"),
    "cancelled": N_("stopped"),
    "interrupted": N_("interrupted"),
    "skipped": N_("left out"),
}
"""How a run ended, or that it has not."""

TRIGGERS: dict[str, str] = {
    "now": N_("by hand"),
    "time": N_("at its time"),
    "start": N_("at the start"),
    "plugged-in": N_("drive plugged in"),
    "program-closed": N_("till closed"),
}
"""What started a run."""

DAYS: tuple[str, ...] = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)
"""The days of the week; Monday is the first."""

WHEN: dict[str, str] = {
    "by-hand": N_("by hand"),
    "start": N_("at the first start of a day"),
    "daily": N_("when the drive is plugged in, once a day"),
    "always": N_("whenever the drive is plugged in"),
    "program": N_("when {program} closes"),
    "disabled": N_("switched off"),
}
"""When a job starts by itself."""
