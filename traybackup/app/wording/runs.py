"""The texts of errors of jobs and of runs as processes."""

from traybackup.app.wording.marks import N_, Wording

RUNS: dict[str, Wording] = {
    "config-invalid+line": Wording(
        N_("A setting is not right"),
        N_("In {file}, line {line}, “{path}” cannot be right; allowed: {allowed}."),
        N_("Correct it and try again; an earlier version lies beside it."),
    ),
    "destination-in-use": Wording(
        N_("The destination is in use"),
        N_("The job “{job}” saves to “{name}”; nothing was changed."),
        N_("Remove the job first, or let it save to another destination."),
    ),
    "job-unknown": Wording(
        N_("No such job"),
        N_("There is no job called “{name}”."),
        N_("“traybackup jobs list” names them."),
    ),
    "job-exists": Wording(
        N_("The name is taken"),
        N_("There is a job called “{name}” already; nothing was changed."),
        N_("Choose another name, or change the job with “traybackup jobs change”."),
    ),
    "run-failed": Wording(
        N_("The backup did not come to its end"),
        N_("The backup “{job}” did not come to its end. Earlier backups are safe."),
        N_("It is tried again by itself; “traybackup run” starts it at once."),
    ),
    "run-busy": Wording(
        N_("A backup is running already"),
        N_("Another backup to “{destination}” is running, so “{job}” did not begin."),
        N_("Wait until it has ended; it is tried again by itself."),
    ),
    "run-hung": Wording(
        N_("The backup got stuck"),
        N_("The backup “{job}” did not move for {seconds} and was ended. Earlier backups are safe."),
        N_("It is tried again by itself; if it happens again, look at the drive or the connection."),
    ),
    "run-too-large": Wording(
        N_("The backup needed too much memory"),
        N_("The backup “{job}” took {size} of memory and was ended. Earlier backups are safe."),
        N_("Close other programs; if it happens again, tell your dealer."),
    ),
    "run-interrupted": Wording(
        N_("The backup was interrupted"),
        N_("The backup “{job}” was cut short: the PC went off, or something ended it. Earlier backups are safe."),
        N_("It is tried again by itself; what was already saved is not saved twice."),
    ),
    "run-skipped": Wording(
        N_("A backup was left out"),
        N_("The backup “{job}” did not take place."),
        N_("The next one makes up for it; “traybackup run” starts it at once."),
    ),
    "run-skipped:off": Wording(
        N_("The PC was off"),
        N_("The backup “{job}” did not take place, because the PC or this program was off."),
        N_("It is made up for by itself; leave the PC on at that time, or choose another one."),
    ),
    "run-skipped:paused": Wording(
        N_("Backups were paused"),
        N_("The backup “{job}” did not take place, because backups were paused."),
        N_("It is made up for when the pause ends."),
    ),
    "run-skipped:not-there": Wording(
        N_("The drive was not there"),
        N_("The backup “{job}” did not take place, because its drive was not plugged in."),
        N_("Plug it in: the backup starts by itself."),
    ),
    "run-skipped:busy": Wording(
        N_("Another backup was running"),
        N_("The backup “{job}” did not take place, because another one was still running."),
        N_("It is made up for by itself."),
    ),
    "state-unusable": Wording(
        N_("The notes on past backups cannot be kept"),
        N_("{file} cannot be used: {reason}. Backups go on."),
        N_("Make room on this PC, or delete that file: it holds no backups and is made anew."),
    ),
}
