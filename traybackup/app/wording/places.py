"""The texts of errors of places (drives, folders, services) and of the configuration that names them."""

from traybackup.app.wording.marks import N_, Wording

CONFIG: dict[str, Wording] = {
    "config-failed": Wording(
        N_("The configuration cannot be used"),
        N_("{file} cannot be used as it is."),
        N_("Correct it and try again; an earlier version lies beside it."),
    ),
    "config-invalid": Wording(
        N_("A setting is not right"),
        N_("In {file}, “{path}” cannot be right; allowed: {allowed}."),
        N_("Correct it and try again; an earlier version lies beside it."),
    ),
    "config-too-new": Wording(
        N_("Made by a newer program"),
        N_("{file} was written by a newer traybackup (version {version} of the file); it was not touched."),
        N_("Install the newest traybackup."),
    ),
    "config-unusable": Wording(
        N_("The configuration cannot be used"),
        N_("{file} cannot be used: {reason}."),
        N_("Correct it, or put an earlier version, which lies beside it, in its place."),
    ),
    "destination-unknown": Wording(
        N_("No such destination"),
        N_("There is no destination called “{name}”."),
        N_("“traybackup destinations list” names them."),
    ),
    "destination-exists": Wording(
        N_("The name is taken"),
        N_("There is a destination called “{name}” already; nothing was changed."),
        N_("Choose another name, or remove the old one with “traybackup destinations remove”."),
    ),
}

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
    "place-missing:service": Wording(
        N_("The place is not there"),
        N_("The folder or bucket of {place} is not there."),
        N_(
            "Look at its name, and whether it was renamed or deleted there; a bucket must first be made at the service."
        ),
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
    "credentials-refused": Wording(
        N_("User name or password is not right"),
        N_("{place} does not accept the user name, password or key that it was given."),
        N_("Correct them in the settings of the place and try again."),
    ),
    "credentials-refused+user": Wording(
        N_("User name or password is not right"),
        N_("{place} does not accept the password or key of “{user}”."),
        N_("Correct it, or the user name, in the settings of the place and try again."),
    ),
    "host-key-unknown": Wording(
        N_("Is this the right server?"),
        N_("{host} was not used from here before. Its key is {fingerprint}; nothing was sent to it."),
        N_("If whoever runs the server says the same key, set “host_key” of the place to it. If not, stop."),
    ),
    "host-key-changed": Wording(
        N_("The server has another key than before"),
        N_("{host} shows the key {fingerprint}, but {expected} was confirmed; nothing was sent to it."),
        N_("Ask whoever runs the server. If it was set up anew, set “host_key” to the new key; if not, do not."),
    ),
    "store-damaged": Wording(
        N_("The drive does not keep what is written"),
        N_("{place} gave back something else than was written (“{name}”). The backup does not count."),
        N_("The drive is probably faulty: make a backup to another one now."),
    ),
    "offline": Wording(
        N_("No connection"),
        N_("{place} cannot be reached at the moment."),
        N_("Check the Internet connection, and the proxy if one is set; it is tried again at the next run."),
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
        N_("Nobody has signed in to {place} yet, or it does not accept the saved sign-in any more."),
        N_("Sign in again with “traybackup sign-in”; backups to other places go on."),
    ),
    "sign-in-expired": Wording(
        N_("Please sign in again"),
        N_("The sign-in for {place} was good and is not any more."),
        N_("Sign in again with “traybackup sign-in”; backups to other places go on."),
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
        N_("{place} cannot be used because the clock of this PC is wrong."),
        N_("Set the date and time of this PC, and try again."),
    ),
    "clock-wrong+seconds": Wording(
        N_("The clock is wrong"),
        N_("{place} cannot be used because the clock of this PC is off by {seconds}."),
        N_("Set the date and time of this PC, and try again."),
    ),
    "sign-in-refused": Wording(
        N_("Not signed in"),
        N_("The sign-in for {place} was not allowed ({reason}); nothing was changed."),
        N_("Start again and allow what it asks for, or choose another place."),
    ),
    "sign-in-unanswered": Wording(
        N_("Not signed in"),
        N_("Nothing came back from the browser within {seconds}; nothing was changed."),
        N_("Start again, and answer the page that opens in the browser."),
    ),
    "sign-in-impossible": Wording(
        N_("Signing in is not possible here"),
        N_("There is no way to sign in to {place} on this computer as it is now."),
        N_("Run it in a terminal or on the desktop."),
    ),
    "sign-in-impossible:not-offered": Wording(
        N_("No sign-in is needed"),
        N_("{place} is a kind of place that knows no sign-in."),
        N_("Use it as it is; if it wants a password, that is one of its settings."),
    ),
    "sign-in-impossible:ports-taken": Wording(
        N_("The way back from the browser is taken"),
        N_("Another program occupies all the ways on which the browser could come back from {place}."),
        N_("Close other programs that are signing in somewhere, or restart the PC, and try again."),
    ),
    "sign-in-impossible:nobody-to-ask": Wording(
        N_("Signing in needs a browser"),
        N_("There is neither a browser nor a terminal here, so nobody can sign in to {place}."),
        N_("Run “traybackup sign-in” in a terminal or on the desktop."),
    ),
    "vault-unavailable": Wording(
        N_("The keyring cannot be used"),
        N_("The keyring of this computer, which keeps the sign-in and the passwords of {place}, failed ({why})."),
        N_("Sign in to your desktop and try again; “traybackup doctor” says more. Backups to a stick go on."),
    ),
    "vault-unavailable:none": Wording(
        N_("There is no keyring"),
        N_("Nothing on this computer can keep the sign-in and the passwords of {place} safely."),
        N_("Install a keyring that encrypts, such as GNOME Keyring or KWallet. Backups to a stick go on."),
    ),
    "vault-unavailable:off": Wording(
        N_("The keyring is switched off"),
        N_("TRAYBACKUP_KEYRING switches the keyring off, which keeps the sign-in and the passwords of {place}."),
        N_("Remove that setting and try again."),
    ),
    "vault-unavailable:no-answer": Wording(
        N_("The keyring does not answer"),
        N_("The keyring of this computer, which keeps the sign-in and the passwords of {place}, does not answer."),
        N_("Look for a window that asks to unlock it, and try again. Backups to a stick go on."),
    ),
    "vault-unavailable:too-long": Wording(
        N_("Too long for the keyring"),
        N_("{place} wants to keep something that is too long for the keyring; nothing was kept."),
        N_("Tell the author of its plugin."),
    ),
    "vault-locked": Wording(
        N_("The keyring is locked"),
        N_("The keyring of this computer, which keeps the sign-in and the passwords of {place}, is locked."),
        N_("Unlock it (signing in to the desktop does) and try again. Backups to a stick go on."),
    ),
    "plugin-rejected": Wording(
        N_("A plugin cannot be used"),
        N_("The plugin “{plugin}”, which {place} needs, cannot be used: {why} ({reason})."),
        N_("Update or reinstall it; “traybackup plugins” lists all of them. Other places are not affected."),
    ),
    "plugin-rejected:missing": Wording(
        N_("No such plugin"),
        N_("No plugin called “{plugin}” is installed."),
        N_("“traybackup plugins” lists those that are."),
    ),
    "plugin-rejected:switched-off": Wording(
        N_("The plugin is switched off"),
        N_("The plugin “{plugin}”, which {place} needs, is not among those that TRAYBACKUP_PLUGINS names."),
        N_("Add it there, or remove that setting."),
    ),
    "plugin-rejected:not-allowed": Wording(
        N_("The plugin is not allowed"),
        N_("The plugin “{plugin}”, which {place} needs, is not on your list of allowed plugins."),
        N_("If you trust it: “traybackup plugins --allow {plugin}”."),
    ),
    "plugin-rejected:changed": Wording(
        N_("The plugin has changed"),
        N_("The plugin “{plugin}”, which {place} needs, is not the one that you allowed: its files have changed."),
        N_("If you have updated it yourself: “traybackup plugins --allow {plugin}”."),
    ),
    "plugin-rejected:needs-newer": Wording(
        N_("The plugin needs a newer traybackup"),
        N_("The plugin “{plugin}”, which {place} needs, is made for a newer traybackup ({reason})."),
        N_("Install the newest traybackup."),
    ),
    "plugin-crashed": Wording(
        N_("A plugin failed"),
        N_("The plugin “{plugin}” failed, so {place} cannot be used: {reason}."),
        N_("Update the plugin, or tell its author. Other places are not affected."),
    ),
    "plugin-crashed:junk": Wording(
        N_("A plugin failed"),
        N_("The plugin “{plugin}” gave an answer that makes no sense ({reason}), so {place} cannot be used."),
        N_("Update the plugin, or tell its author. Other places are not affected."),
    ),
    "plugin-crashed:no-answer": Wording(
        N_("A plugin does not answer"),
        N_("The plugin “{plugin}” did not answer, so {place} cannot be used."),
        N_("Try again later; if it happens again, tell the author of the plugin. Other places are not affected."),
    ),
    "setting-invalid": Wording(
        N_("A setting is not right"),
        N_("The setting “{field}” of {place} cannot be right; allowed: {allowed}."),
        N_("Correct it and try again."),
    ),
    "setting-invalid:missing": Wording(
        N_("A setting is missing"),
        N_("The setting “{field}” of {place} is missing."),
        N_("Add it with “--set {field}=…” (“traybackup destinations add”)."),
    ),
    "setting-invalid:missing-secret": Wording(
        N_("A setting is missing"),
        N_("The setting “{field}” of {place} is missing."),
        N_("Add it with “--secret {field}” (“traybackup destinations add”); it is kept in the keyring."),
    ),
}
