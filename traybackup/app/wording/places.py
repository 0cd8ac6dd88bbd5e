"""The texts of errors of places: drives, folders, services."""

from traybackup.app.wording.marks import N_, Wording

PLACES: dict[str, Wording] = {
    "store-failed": Wording(
        N_("The place failed"),
        N_("{place} could not be used."),
        N_("Check the drive or the connection and try again; earlier backups are not touched."),
    ),
    "store-failed+reason": Wording(
        N_("The place failed"),
        N_("{place} could not be used: {reason}."),
        N_("Check the drive or the connection and try again; earlier backups are not touched."),
    ),
    "not-found": Wording(
        N_("A part of the backups is missing"),
        N_("{place} has no “{name}”, which it should have."),
        N_("Run “traybackup check” to see what is affected, and make a fresh backup to another place."),
    ),
    "already-exists": Wording(
        N_("Already there"),
        N_("{place} already has “{name}”; it was not overwritten."),
        N_("Another program may be writing to the same place; wait until it has ended and try again."),
    ),
    "invalid-name": Wording(
        N_("A name that cannot be"),
        N_("{place} refers to “{name}”, which is no legal name; nothing was read or written."),
        N_("The backups there are damaged or were tampered with; run “traybackup check”."),
    ),
    "place-missing": Wording(
        N_("The place is not there"),
        N_("{place} is not there."),
        N_("Plug in the drive or correct the path; of a new path only the last folder is made for you."),
    ),
    "place-in-trash": Wording(
        N_("The backups are in the trash"),
        N_("The folder “{folder}” of {place} was moved to the trash there."),
        N_("Take it out of the trash again at the service; it is deleted for good after some weeks."),
    ),
    "place-unusable": Wording(
        N_("The place cannot be used"),
        N_("{place} cannot hold backups."),
        N_("Name a folder or a drive."),
    ),
    "place-unusable:empty": Wording(
        N_("No place was named"),
        N_("The place is empty."),
        N_("Name a folder or a drive."),
    ),
    "place-unusable:not-a-folder": Wording(
        N_("The place is not a folder"),
        N_("{place} is not a folder."),
        N_("Name a folder or a drive."),
    ),
    "provider-unknown": Wording(
        N_("Unknown kind of place"),
        N_("No provider called “{provider}” is installed, so {place} cannot be opened."),
        N_("Install its plugin, or write ./{place} if a folder of this name is meant."),
    ),
    "place-gone": Wording(
        N_("The drive was unplugged too early"),
        N_("{place} vanished during the work; it is not finished. Earlier backups there are safe."),
        N_("Plug it in again and start once more; what was already saved is not saved twice."),
    ),
    "place-swapped": Wording(
        N_("Another drive"),
        N_("A different drive answers at {place} than at the start; nothing was written to it."),
        N_("Plug in the right drive and start again."),
    ),
    "store-full": Wording(
        N_("The place is full"),
        N_("There is no room left in {place}; this backup is not finished, earlier ones are safe."),
        N_("Make room or use a larger drive; “traybackup forget --prune” removes old backups."),
    ),
    "store-full+needed": Wording(
        N_("The place is full"),
        N_("{place} needs {needed} more room; this backup is not finished, earlier ones are safe."),
        N_("Make room or use a larger drive; “traybackup forget --prune” removes old backups."),
    ),
    "store-read-only": Wording(
        N_("The place is write-protected"),
        N_("{place} cannot be written to: it is write-protected, or the system has locked it after a fault."),
        N_("Look for a switch on the drive, unplug it and plug it in again, or use another drive."),
    ),
    "access-denied": Wording(
        N_("No permission"),
        N_("You have no permission to use {place}."),
        N_("Correct the permissions of the folder, or run as the user who owns it."),
    ),
    "store-damaged": Wording(
        N_("The drive does not keep what is written"),
        N_("{place} gave back something else than was written (“{name}”). The backup does not count."),
        N_("The drive is probably faulty: make a backup to another one now."),
    ),
    "offline": Wording(
        N_("No connection"),
        N_("{place} cannot be reached at the moment."),
        N_("Check the Internet connection; it is tried again at the next run."),
    ),
    "rate-limited": Wording(
        N_("The service asks to wait"),
        N_("{place} asks to slow down."),
        N_("Try again later."),
    ),
    "rate-limited+retry_after": Wording(
        N_("The service asks to wait"),
        N_("{place} asks to slow down for {retry_after}."),
        N_("Try again after that."),
    ),
    "sign-in-needed": Wording(
        N_("Please sign in again"),
        N_("{place} does not accept the saved sign-in any more."),
        N_("Sign in again; backups to other places go on."),
    ),
    "sign-in-expired": Wording(
        N_("Please sign in again"),
        N_("The sign-in for {place} was good and is not any more."),
        N_("Sign in again; backups to other places go on."),
    ),
    "sign-in-short-lived": Wording(
        N_("Please sign in again"),
        N_("The sign-in for {place} ended after {days} days, as it does while the app at the service is only tested."),
        N_("Sign in again, and have whoever made the app publish it, or it will end again after a week."),
    ),
    "scope-missing": Wording(
        N_("A tick is missing"),
        N_("You signed in to {place}, but did not allow what backups need."),
        N_("Sign in again and tick every box."),
    ),
    "wrong-account": Wording(
        N_("Another account"),
        N_("You signed in to {place} as {account}, but these backups belong to {expected}."),
        N_("Sign in as {expected}."),
    ),
    "files-invisible": Wording(
        N_("The backups cannot be seen any more"),
        N_("{place} answers, but does not show what was saved there."),
        N_("Sign in again with the program and the account that made these backups."),
    ),
    "not-the-service": Wording(
        N_("Something else answered"),
        N_("Not {place} answered, but something in between, such as the sign-in page of this network."),
        N_("Open a web page in the browser to see what it wants; it is tried again at the next run."),
    ),
    "clock-wrong": Wording(
        N_("The clock is wrong"),
        N_("{place} refuses because the clock of this PC is off by {seconds}."),
        N_("Set the date and time of this PC."),
    ),
    "setting-invalid": Wording(
        N_("A setting is not right"),
        N_("The setting “{field}” of {place} cannot be right; allowed: {allowed}."),
        N_("Correct it and try again."),
    ),
}
