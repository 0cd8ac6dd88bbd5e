"""The English texts: what every error and finding is called, what it means, and what to do. Source for the catalogues.

A key is an error's code. ``code:word`` is the variant for an error whose *why* is that word, ``code+name`` the variant
for one whose parameter *name* is known; the plain code is always there. Placeholders are the error's parameters.
`N_` marks a sentence for translators.
"""

from typing import NamedTuple


class Wording(NamedTuple):
    """Title, explanation and next step of one error."""

    title: str
    explanation: str
    todo: str


def N_(text: str) -> str:  # noqa: N802 - gettext's customary name for "translate later"
    """Mark *text* for the translators."""
    return text


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
}

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
        N_("Wait until it has ended. If you are sure that nothing is running: “traybackup unlock”."),
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
        N_("Something does not add up ({why} {what}), so nothing was deleted."),
        N_("Run “traybackup check” first."),
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
    "target-unusable+needed": Wording(
        N_("Not enough room"),
        N_("There is not enough room at {path}: {needed} are needed."),
        N_("Make room or choose a folder on another drive."),
    ),
    "restore-incomplete": Wording(
        N_("Not everything could be brought back"),
        N_("{failed} of {total} items could not be brought back; they are listed above. All others are right."),
        N_("Run “traybackup check”, or take these files from an older backup."),
    ),
}

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

ERRORS: dict[str, Wording] = PLACES | BACKUPS | SOURCES | OTHERS

FINDINGS: dict[str, str] = {
    "changed-while-read": N_("changed while it was read; saved as it was at the end"),
    "left-out-own-data": N_("left out, because the backups themselves are kept there"),
    "source-is-link": N_("is a link and was saved as one; what it leads to was not saved"),
}
"""What was noticed about an item that was saved all the same, as the end of the sentence “PATH: …”."""

REASONS: dict[str, str] = {
    "damaged": N_("damaged in the backups"),
    "exists": N_("another one of this name is there, and was left alone"),
    "not-in-snapshot": N_("not in this backup"),
}
"""Why one item could not be restored."""

UNSET: dict[str, str] = {
    "owner": N_("{count} items belong to you now, because you may not give files to others."),
    "mode": N_("{count} items lack their rights, which this folder cannot hold."),
    "times": N_("{count} items lack their dates, which this folder cannot hold."),
    "attributes": N_("{count} items lack some of their attributes, which this folder cannot hold."),
    "socket": N_("{count} sockets were left out; the programs that need them make new ones."),
}
"""What restored items lack."""

KEPT: dict[str, str] = {
    "last": N_("among the last"),
    "hourly": N_("hourly"),
    "daily": N_("daily"),
    "weekly": N_("weekly"),
    "monthly": N_("monthly"),
    "yearly": N_("yearly"),
    "within": N_("not old enough"),
    "within-hourly": N_("hourly, not old enough"),
    "within-daily": N_("daily, not old enough"),
    "within-weekly": N_("weekly, not old enough"),
    "within-monthly": N_("monthly, not old enough"),
    "within-yearly": N_("yearly, not old enough"),
    "tag": N_("has the tag"),
    "empty-policy": N_("there is no rule"),
    "verified": N_("the newest that is verified"),
    "unverified": N_("too few are verified"),
    "only": N_("the only one left"),
    "future": N_("dated in the future"),
}
"""Why a snapshot stays."""

DEMO: dict[str, str] = {
    "till-made": N_(
        "A sample till was made in {folder}: {receipts} receipts, pictures, a fiscal export. It is selling now."
    ),
    "saved": N_("Saved while it sells: {files} files, {size}, and read back from the medium. Snapshot {snapshot}."),
    "saved-again": N_("Saved once more after a few sales: {added} were enough. Snapshot {snapshot}."),
    "checked": N_("Checked: every byte of the backups is there and readable."),
    "destroyed": N_("The till in {folder} was destroyed: database garbled, pictures gone or garbled, export deleted."),
    "restored": N_("Brought back into {folder}."),
    "compared": N_(
        "Compared: {files} files are equal byte for byte, and {rows} rows of the database row for row."
        " Receipts that are back: {receipts}; sold after that moment: {sold_since}."
    ),
    "different": N_("Compared, and not equal: {differences}."),
}
"""The steps of the demonstration."""

WORDS: dict[str, str] = {
    "place": N_("the place"),
    "unknown": N_("unknown"),
}
"""What stands in for a parameter that is not known."""
