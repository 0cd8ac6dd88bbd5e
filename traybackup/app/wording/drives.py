"""The texts about drives: errors, colours, what they are doing. Source for the catalogues."""

from traybackup.app.wording.marks import N_, Wording

COLOURS: dict[str, str] = {
    "red": N_("red"),
    "orange": N_("orange"),
    "yellow": N_("yellow"),
    "green": N_("green"),
    "blue": N_("blue"),
    "violet": N_("violet"),
    "white": N_("white"),
    "black": N_("black"),
}
"""The colours that a drive can have, so that one can say which of several is meant."""

DRIVES: dict[str, Wording] = {
    "drive-failed": Wording(
        N_("The drive could not be used"),
        N_("“{drive}” could not be used: {reason}."),
        N_("Unplug it, plug it in again and try once more; what is on it is not touched."),
    ),
    "drive-unknown": Wording(
        N_("No such drive"),
        N_("No drive called “{drive}” is plugged in."),
        N_("“traybackup drives” lists those that are."),
    ),
    "drive-unknown+count": Wording(
        N_("More than one drive"),
        N_("{count} drives that are plugged in are called “{drive}”."),
        N_("Name the one that is meant by its device; “traybackup drives” lists them."),
    ),
    "drive-unsuitable": Wording(
        N_("Not a drive for backups"),
        N_("“{drive}” cannot be made a backup drive."),
        N_("Take another one; nothing was changed on it."),
    ),
    "drive-unsuitable:system": Wording(
        N_("The PC runs from this drive"),
        N_("This PC runs from “{drive}”: if it breaks, the backups on it would be gone as well."),
        N_("Plug in a USB stick or a USB disk and take that."),
    ),
    "drive-unsuitable:built-in": Wording(
        N_("This drive is built in"),
        N_("“{drive}” is built into this PC and cannot be unplugged: theft, fire or a virus would take it as well."),
        N_("Plug in a USB stick or a USB disk and take that."),
    ),
    "drive-unsuitable:source": Wording(
        N_("The till itself is on this drive"),
        N_("What should be saved lies on “{drive}” itself: if it breaks, both are gone."),
        N_("Take another stick or disk."),
    ),
    "drive-unsuitable:no-medium": Wording(
        N_("Nothing is in the drive"),
        N_("There is no card or medium in “{drive}”."),
        N_("Insert one and try again."),
    ),
    "drive-unsuitable:no-filesystem": Wording(
        N_("The drive is not formatted"),
        N_("“{drive}” has no file system that this PC can use, or is locked by a password."),
        N_("Unlock it, or format it (exFAT is fine), and try again; formatting deletes what is on it."),
    ),
    "drive-unsuitable:read-only": Wording(
        N_("The drive is write-protected"),
        N_("Nothing can be written to “{drive}”."),
        N_("Look for a small lock switch on it, or take another one: worn-out sticks protect themselves like that."),
    ),
    "drive-unsuitable:too-small": Wording(
        N_("The drive is too small"),
        N_("“{drive}” is too small; the backups need {needed} at least."),
        N_("Take a larger one."),
    ),
    "drive-unsuitable:full": Wording(
        N_("The drive is full"),
        N_("There is not enough room on “{drive}” for the backups."),
        N_("Delete what is no longer needed on it, or take an empty one."),
    ),
    "drive-unsuitable:no-right": Wording(
        N_("No right to write to the drive"),
        N_("You may not write to “{drive}”."),
        N_("Ask the person who looks after this PC, or format it as exFAT; formatting deletes what is on it."),
    ),
    "drive-fake": Wording(
        N_("The drive loses data"),
        N_("“{drive}” did not give back what was written to it: it is broken, or holds less than it says."),
        N_("Do not use it for anything that matters; take another one."),
    ),
    "drive-busy": Wording(
        N_("The drive is in use"),
        N_("“{drive}” cannot be ejected yet, because a program is using it."),
        N_("Close windows and programs that show what is on it, and eject it again."),
    ),
    "drive-busy+programs": Wording(
        N_("The drive is in use"),
        N_("“{drive}” cannot be ejected yet, because it is used by: {programs}."),
        N_("Close that, and eject it again."),
    ),
    "drive-refused": Wording(
        N_("The PC does not allow that"),
        N_("This PC does not let you mount or eject “{drive}” ({reason})."),
        N_("Sign in at the PC itself, or ask the person who looks after it."),
    ),
    "drive-still-there": Wording(
        N_("The drive is not ejected yet"),
        N_("“{drive}” was ejected, but the PC still has it. No file on it is open any more."),
        N_("Leave it plugged in and eject it again, or switch the PC off before you unplug it."),
    ),
    "drive-gone": Wording(
        N_("The drive was unplugged"),
        N_("“{drive}” was unplugged meanwhile."),
        N_("Plug it in again."),
    ),
}
