"""The English phrases besides errors: findings, reasons, and the steps of the demonstration. Source for the catalogues.

A key is a keyword of the engine, the sources or a use case. Placeholders are its parameters.
"""

from traybackup.app.wording.marks import N_, NN_

FINDINGS: dict[str, str] = {
    "changed-while-read": N_("changed while it was read; saved as it was at the end"),
    "left-out-own-data": N_("left out, because the backups themselves are kept there"),
    "not-checked": N_("saved, but could not be checked"),
    "sqlite-damaged": N_("this database is damaged; it was saved as it is"),
    "sqlite-not-checked": N_("this database was saved consistently, but could not be checked"),
    "sqlite-saved-raw": N_("this database could not be copied through SQLite; its files were saved as they are"),
    "xattrs-unreadable": N_("saved without its extended attributes"),
    "source-is-link": N_("is a link and was saved as one; what it leads to was not saved"),
}
"""What was noticed about an item that was saved all the same, as the end of the sentence “PATH: …”."""

REASONS: dict[str, str] = {
    "damaged": N_("damaged in the backups"),
    "exists": N_("another one of this name is there, and was left alone"),
    "incomplete": N_("could not be completed"),
    "failed": N_("failed"),
    "not-in-snapshot": N_("not in this backup"),
}
"""Why one item could not be restored."""

UNSET: dict[str, tuple[str, str]] = {
    "owner": NN_(
        "{count} item belongs to you now, because you may not give files to others.",
        "{count} items belong to you now, because you may not give files to others.",
    ),
    "mode": NN_(
        "{count} item lacks its rights, which this folder cannot hold.",
        "{count} items lack their rights, which this folder cannot hold.",
    ),
    "times": NN_(
        "{count} item lacks its date, which this folder cannot hold.",
        "{count} items lack their dates, which this folder cannot hold.",
    ),
    "attributes": NN_(
        "{count} item lacks some of its attributes, which this folder cannot hold.",
        "{count} items lack some of their attributes, which this folder cannot hold.",
    ),
    "socket": NN_(
        "{count} socket was left out; the program that needs it makes a new one.",
        "{count} sockets were left out; the programs that need them make new ones.",
    ),
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
    "checked": N_("Checked: every byte of the backups is there and readable ({bytes})."),
    "unsound": N_("Checked, and not all is well: see “traybackup check”."),
    "destroyed": N_("The till in {folder} was destroyed: database garbled, pictures gone or garbled, export deleted."),
    "restored": N_("Brought back into {folder}."),
    "compared": N_(
        "Compared: {files} files are equal byte for byte, and {rows} rows of the database row for row."
        " Receipts that are back: {receipts}; sold after that moment: {sold_since}."
    ),
    "different": N_("Compared, and not equal: {differences}."),
}
"""The steps of the demonstration."""

FAULTS: dict[str, str] = {
    "missing": N_("is missing"),
    "wrong-size": N_("has the wrong size"),
    "wrong-hash": N_("was altered"),
    "damaged": N_("was altered"),
    "bad-header": N_("was altered"),
    "index-differs": N_("is not what the list of contents says"),
    "unreadable": N_("cannot be read"),
    "not-indexed": N_("is missing"),
}
"""What a check found wrong with a part of the backups; any other keyword means that its content makes no sense."""

REJECTED: dict[str, str] = {
    "switched-off": N_("not among those that TRAYBACKUP_PLUGINS names"),
    "not-allowed": N_("not on your list of allowed plugins"),
    "changed": N_("not the one that you allowed: its files have changed"),
    "import": N_("cannot be loaded"),
    "no-answer": N_("does not answer"),
    "needs-newer": N_("needs a newer traybackup"),
    "signature": N_("does not fit this traybackup"),
    "raised": N_("fails when asked what it adds"),
    "junk": N_("returns what makes no sense"),
    "empty": N_("adds nothing"),
    "duplicate": N_("adds what is there already"),
}
"""Why a plugin is not used."""

NO_KEYRING: dict[str, str] = {
    "off": N_("it is switched off"),
    "none": N_("there is none here that encrypts"),
    "locked": N_("it is locked"),
    "no-answer": N_("it does not answer"),
    "failed": N_("it failed"),
}
"""Why the keyring cannot be used."""

DOCTOR: dict[str, str] = {
    "config": N_("The configuration is in order; destinations: {detail}."),
    "config-wrong": N_("The configuration {detail} cannot be used: {why}."),
    "clock": N_("The clock says {detail}."),
    "clock-behind": N_("The clock says {detail}, which is before this program was installed: set date and time."),
    "keyring": N_("The keyring keeps and gives back secrets."),
    "keyring-unusable": N_("The keyring cannot be used: {why}. Backups to a stick go on; sign-ins cannot be kept."),
    "plugin": N_("The plugin {detail} is in use."),
    "plugin-rejected": N_("The plugin {detail} is not used: {why}."),
    "plugins-unreadable": N_("The list of allowed plugins, {detail}, cannot be read, so no plugin is used."),
}
"""What ``traybackup doctor`` says about this computer."""

WHY: dict[str, str] = REJECTED | {
    "wrong-hash": N_("its content was altered"),
    "wrong-size": N_("its size is wrong"),
    "damaged": N_("it cannot be opened"),
    "missing": N_("it is missing"),
    "not-indexed": N_("it is missing"),
    "pack-missing": N_("the file that holds it is missing or too short"),
    "not-reproducible": N_("this computer could not read back what it had just made: its memory may be faulty"),
    "too-large": N_("it claims to be larger than it may be"),
    "unknown-kdf": N_("it is protected in a way that this program does not know"),
}
"""What is wrong with a damaged thing, and why a plugin is not used."""

WHY_ROUGHLY: dict[str, str] = {
    "bad": N_("its content makes no sense"),
    "changed": N_("something else changed it meanwhile"),
    "damaged": N_("a part of it is damaged"),
    "missing": N_("a part of it is missing"),
    "unreadable": N_("a part of it cannot be read"),
}
"""The same for a keyword that begins so: ``bad-index``, ``missing-pack``."""

KINDS: dict[str, str] = {
    "blob": N_("block"),
    "config": N_("configuration"),
    "data": N_("block"),
    "index": N_("list of contents"),
    "key": N_("key"),
    "lock": N_("lock"),
    "pack": N_("pack"),
    "snapshot": N_("snapshot"),
    "tree": N_("folder list"),
}
"""The parts that backups are made of."""

WORDS: dict[str, str] = {
    "place": N_("the place"),
    "unknown": N_("unknown"),
}
"""What stands in for a parameter that is not known."""
