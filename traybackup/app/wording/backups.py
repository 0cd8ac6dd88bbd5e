"""The texts of errors of backups: opening them, what is in them, what is saved, what is brought back."""

from traybackup.app.wording.marks import N_, Wording

BACKUPS: dict[str, Wording] = {
    "failed": Wording(N_("It did not work"), N_("Something went wrong."), N_("Try again.")),
    "repository-failed": Wording(
        N_("The backups cannot be used"),
        N_("The backups cannot be used as asked."),
        N_("Run “traybackup check”."),
    ),
    "no-repository": Wording(
        N_("No backups here"),
        N_("There are no backups in {place}."),
        N_("Check the path; “traybackup backup FOLDER --to PLACE” makes the first one."),
    ),
    "repository-exists": Wording(
        N_("There are backups already"),
        N_("{place} already holds backups; nothing was changed."),
        N_("Use it as it is, or name an empty folder."),
    ),
    "repository-locked": Wording(
        N_("Somebody else is at work there"),
        N_("The place is locked by a program that did not say who it is; nothing was changed."),
        N_("Wait until it has ended. If you are sure that nothing is running: “traybackup unlock --remove-all”."),
    ),
    "repository-locked+host": Wording(
        N_("Somebody else is at work there"),
        N_("The place is locked by {user} on {host} (process {pid}) since {since}; nothing was changed."),
        N_("Wait until that has ended. If you are sure that it is not running any more: “traybackup unlock”."),
    ),
    "wrong-password": Wording(
        N_("Wrong password"),
        N_("The password does not open these backups; nothing was changed."),
        N_("Try again, or use the recovery code from the printed sheet."),
    ),
    "recovery-code-mistyped": Wording(
        N_("The recovery code is not right"),
        N_("The recovery code has a mistake; nothing was changed."),
        N_("Compare it with the printed sheet, symbol by symbol."),
    ),
    "recovery-code-mistyped+groups": Wording(
        N_("The recovery code is not right"),
        N_("The recovery code has a mistake in group {groups}; nothing was changed."),
        N_("Compare that group with the printed sheet."),
    ),
    "password-missing": Wording(
        N_("The password is needed"),
        N_("No password is known for these backups, and there is nobody to ask."),
        N_("Use --password-file, set TRAYBACKUP_PASSWORD, or run it in a terminal."),
    ),
    "password-unusable": Wording(
        N_("The password cannot be read"),
        N_("The password cannot be read from {source}: {why}."),
        N_("Correct it and try again; nothing was changed."),
    ),
    "password-unusable:empty": Wording(
        N_("The password is empty"),
        N_("The password from {source} is empty, which would protect nothing."),
        N_("Give a password; nothing was changed."),
    ),
    "password-unusable:not-repeated": Wording(
        N_("The two passwords differ"),
        N_("The password was not typed the same way twice."),
        N_("Try again; nothing was changed."),
    ),
    "repository-damaged": Wording(
        N_("Part of the backups is damaged"),
        N_("The {kind} {id} is damaged ({why})."),
        N_("Run “traybackup check” to see what is affected, and make a fresh backup to another place."),
    ),
    "repository-damaged:bad-config": Wording(
        N_("Part of the backups is damaged"),
        N_("The configuration of these backups is damaged, so nothing can be saved or restored here."),
        N_("Save to another place now, and keep this one as it is: an expert can still reach what it holds."),
    ),
    "repository-damaged:config-missing": Wording(
        N_("Part of the backups is missing"),
        N_("Parts of backups are here, but their configuration is missing; nothing was changed."),
        N_("Save to another place now, and keep this one as it is: an expert can still reach what it holds."),
    ),
    "repository-damaged:missing": Wording(
        N_("Part of the backups is missing"),
        N_("The {kind} {id} is missing."),
        N_("Run “traybackup check” to see what is affected, and make a fresh backup to another place."),
    ),
    "repository-too-new": Wording(
        N_("Made by a newer program"),
        N_("These backups use format {version}, which this program does not know; nothing was changed."),
        N_("Install the newest traybackup."),
    ),
    "lock-lost": Wording(
        N_("The work was stopped to be safe"),
        N_("This program lost its claim on the place, perhaps because the PC slept; nothing more was written."),
        N_("Start again; earlier backups are safe."),
    ),
    "no-such-snapshot": Wording(
        N_("No such backup"),
        N_("There is no backup “{wanted}”."),
        N_("“traybackup snapshots” lists them; “latest” is the newest."),
    ),
    "ambiguous-snapshot": Wording(
        N_("More than one backup"),
        N_("“{wanted}” fits {count} backups."),
        N_("Write a few characters more of the one you mean; “traybackup snapshots” lists them."),
    ),
    "no-such-key": Wording(
        N_("No such key"),
        N_("There is no single key “{wanted}”."),
        N_("“traybackup key list” lists them."),
    ),
    "key-in-use": Wording(
        N_("This key is in use"),
        N_("The key {id} is the one that you came in with; it was not removed."),
        N_("Open the place with another key to remove this one."),
    ),
    "prune-refused": Wording(
        N_("Nothing was removed"),
        N_("Something does not add up ({why}), so nothing was deleted."),
        N_("Run “traybackup check” first."),
    ),
    "prune-refused+what": Wording(
        N_("Nothing was removed"),
        N_("Something does not add up ({why}: {what}), so nothing was deleted."),
        N_("Run “traybackup check” first."),
    ),
    "prune-refused:no-snapshots": Wording(
        N_("Nothing was removed"),
        N_("There is not one snapshot left, so everything would go; nothing was deleted."),
        N_("If that is what you want, say --allow-empty."),
    ),
    "clock-doubtful": Wording(
        N_("Is the clock right?"),
        N_("The clock says {now}, but there is a backup of {newest} already; nothing was removed."),
        N_("Set the date and time of this PC and try again."),
    ),
}

SOURCES: dict[str, Wording] = {
    "source-failed": Wording(
        N_("It cannot be read"),
        N_("{path} cannot be saved."),
        N_("Check that it is there and may be read."),
    ),
    "source-missing": Wording(
        N_("What should be saved is not there"),
        N_("{path} is not there; no backup was made, so that the good ones stay."),
        N_("Check the path, or plug in the drive it is on."),
    ),
    "source-empty": Wording(
        N_("What should be saved is empty"),
        N_("{path} is empty now but held files at the last backup; no backup was made."),
        N_("Check whether it was moved or its drive is missing. If it is meant to be empty, save it with --force."),
    ),
    "source-is-place": Wording(
        N_("The place cannot be saved into itself"),
        N_("{path} belongs to the backups in {place}."),
        N_("Name another folder to save, or another place."),
    ),
    "source-unusable": Wording(
        N_("What should be saved cannot be read"),
        N_("Nothing of {path} can be read ({reason}); no backup was made."),
        N_("Correct its permissions, or run as a user who may read it."),
    ),
    "pattern-invalid": Wording(
        N_("A pattern that cannot be understood"),
        N_("“{pattern}” is no pattern for what to leave out; no backup was made."),
        N_("Correct it; the rules are those of gitignore."),
    ),
    "source-unreadable": Wording(
        N_("Some files could not be read"),
        N_("{path} could not be read: {reason}."),
        N_("Correct its permissions or close the program that uses it, then save again."),
    ),
    "restore-failed": Wording(
        N_("The restore did not work"),
        N_("{path} could not be restored."),
        N_("Try another folder or another backup."),
    ),
    "not-in-snapshot": Wording(
        N_("Not in this backup"),
        N_("This backup holds nothing at {path}."),
        N_("Look at its content with “traybackup ls”, or choose another backup."),
    ),
    "not-a-file": Wording(
        N_("Not a file"),
        N_("In the backup, {path} is not a file."),
        N_("“traybackup restore … --only” brings back whole folders."),
    ),
    "target-unusable": Wording(
        N_("The folder cannot take the data"),
        N_("Nothing can be restored into {path} ({why})."),
        N_("Choose another folder; nothing was changed."),
    ),
    "target-unusable:full": Wording(
        N_("Not enough room"),
        N_("There is not enough room at {path}."),
        N_("Make room, or choose a folder on another drive."),
    ),
    "target-unusable:full+needed": Wording(
        N_("Not enough room"),
        N_("There is not enough room at {path}: {needed} are needed. Nothing was changed."),
        N_("Make room, or choose a folder on another drive."),
    ),
    "target-unusable:file-too-large": Wording(
        N_("A file is too large for this drive"),
        N_("The drive of {path} cannot hold a file of {needed}; nothing was changed."),
        N_("Choose a folder on another drive, or format this one as exFAT or NTFS."),
    ),
    "target-unusable:not-a-folder": Wording(
        N_("Not a folder"),
        N_("{path} is not a folder; nothing was changed."),
        N_("Choose another one."),
    ),
    "target-unusable:no-permission": Wording(
        N_("No permission"),
        N_("You may not write to {path}; nothing was changed."),
        N_("Choose another folder, or correct its permissions."),
    ),
    "target-unusable:read-only": Wording(
        N_("Write-protected"),
        N_("{path} cannot be written to: the drive is write-protected, or the system has locked it after a fault."),
        N_("Choose a folder on another drive."),
    ),
    "target-unusable:gone": Wording(
        N_("The drive failed"),
        N_("{path} cannot be written to any more: the drive was unplugged or failed."),
        N_("Plug it in again and start once more; what is complete is not written twice."),
    ),
    "target-unusable:busy": Wording(
        N_("Another restore is at work there"),
        N_("Another restore is at work in {path}; nothing was changed."),
        N_("Wait until it has ended, or choose another folder."),
    ),
    "target-unusable:too-many-files": Wording(
        N_("Too many files for this drive"),
        N_("The drive of {path} cannot hold so many files; nothing was changed."),
        N_("Choose a folder on another drive."),
    ),
    "restore-incomplete": Wording(
        N_("Not everything could be brought back"),
        N_("{failed} of {total} items could not be brought back; they are listed above. All others are right."),
        N_("Run “traybackup check”, or take these files from an older backup."),
    ),
    "latest-doubtful": Wording(
        N_("A newer backup may be damaged"),
        N_("Backup {damaged} cannot be read, so nobody knows whether it is newer than {latest}, the newest that can."),
        N_("Run “traybackup check”; to use {latest}, name it instead of “latest”."),
    ),
}
