"""What the program is asked to do when the fault strikes, and what must be true afterwards.

A *Deed* prepares a trial, gives the command line, says where the medium fails, and judges what the run left behind.
"""

import json
from abc import ABC, abstractmethod
from pathlib import Path

from tests.faults.medium import Run
from tests.faults.scene import Golden, Trial, checked, manifest, run, summary, traybackup

CODES = frozenset({0, 1, 3, 10, 11, 12, 130})
NEW_PASSWORD = "another one"  # noqa: S105 - same as the other


class Deed(ABC):
    """One command of the program."""

    name: str

    def prepare(self, golden: Golden, folder: Path, restic: str) -> Trial:
        """Make the trial."""
        return Trial(golden, folder, restic)

    @abstractmethod
    def command(self, trial: Trial) -> list[str | Path]:
        """Return the command line."""

    def root(self, trial: Trial) -> Path:
        """Return the folder whose medium fails."""
        return trial.repository

    @abstractmethod
    def judge(self, trial: Trial, done: Run) -> None:
        """State what must be true after the run *done*."""

    def speaks_plainly(self, done: Run) -> None:
        """State that a run that was not killed ended with a documented code, one clear error, and no traceback."""
        if done.killed:
            return
        assert done.code in CODES, done
        assert "Traceback" not in done.out + done.err, done
        if done.code not in (0, 3):
            error = json.loads(done.err.splitlines()[-1])
            assert error["message_type"] == "exit_error", done
            assert error["error"] != "unexpected", done


class Backup(Deed):
    """A further backup."""

    name = "backup"

    def command(self, trial: Trial) -> list[str | Path]:
        return traybackup("backup", trial.golden.till, "--to", trial.repository, "--json")

    def judge(self, trial: Trial, done: Run) -> None:
        acknowledged = dict(trial.golden.snapshots)
        if done.code == 0:
            acknowledged[summary(done.out)["snapshot_id"]] = trial.golden.next
        trial.check(acknowledged)
        trial.go_on()


class FirstBackup(Backup):
    """The first backup to an empty place: it makes the repository."""

    name = "first backup"

    def prepare(self, golden: Golden, folder: Path, restic: str) -> Trial:
        trial = super().prepare(golden, folder, restic)
        checked(["rm", "-r", trial.repository], trial.home)
        trial.repository.mkdir()
        return trial

    def judge(self, trial: Trial, done: Run) -> None:
        if done.code == 0:
            trial.check({summary(done.out)["snapshot_id"]: trial.golden.next})
        elif (trial.repository / "config").exists():
            trial.check({})
        trial.go_on()


class Forget(Deed):
    """Retention, without freeing the room."""

    name = "forget"

    def command(self, trial: Trial) -> list[str | Path]:
        return traybackup("forget", "--from", trial.repository, "--keep-last", "1", "--json")

    def judge(self, trial: Trial, done: Run) -> None:
        *old, newest = trial.golden.snapshots
        there = trial.snapshots()
        assert newest in there
        if done.code == 0:
            assert not there & set(old)
        trial.check({one: wanted for one, wanted in trial.golden.snapshots.items() if one in there})
        trial.go_on()


class ForgetAndPrune(Forget):
    """Retention, and freeing the room at once."""

    name = "forget --prune"

    def command(self, trial: Trial) -> list[str | Path]:
        return [*super().command(trial), "--prune"]


class Prune(Deed):
    """Freeing the room of what was forgotten earlier: packs are deleted and repacked."""

    name = "prune"

    def command(self, trial: Trial) -> list[str | Path]:
        return traybackup("prune", "--from", trial.repository, "--json", "--max-unused", "0")

    def judge(self, trial: Trial, done: Run) -> None:  # noqa: ARG002 - nothing acknowledged may go, however it ended
        trial.check(trial.golden.snapshots)
        trial.go_on()
        trial.check(trial.golden.snapshots)


class KeyAdd(Deed):
    """One more password."""

    name = "key add"

    def command(self, trial: Trial) -> list[str | Path]:
        file = trial.folder / "new password"
        file.write_text(NEW_PASSWORD)
        return traybackup("key", "add", "--from", trial.repository, "--new-password-file", file, "--json")

    def judge(self, trial: Trial, done: Run) -> None:
        trial.check(trial.golden.snapshots)
        if done.code == 0:
            new = trial.folder / "new password"
            opened = traybackup("snapshots", "--from", trial.repository, "--password-file", new, "--json")
            assert run(opened, trial.home).returncode == 0
        trial.go_on()


class Restore(Deed):
    """Bringing the newest snapshot back into an empty folder; it is that folder's medium that fails."""

    name = "restore"

    def prepare(self, golden: Golden, folder: Path, restic: str) -> Trial:
        trial = super().prepare(golden, folder, restic)
        (trial.folder / "medium").mkdir()
        return trial

    def root(self, trial: Trial) -> Path:
        return trial.folder / "medium"

    def command(self, trial: Trial) -> list[str | Path]:
        into = self.root(trial) / "into"
        return traybackup("restore", "latest", "--from", trial.repository, "--into", into, "--json")

    def judge(self, trial: Trial, done: Run) -> None:
        wanted = list(trial.golden.snapshots.values())[-1]
        back = self.root(trial) / "into" / trial.golden.till.relative_to("/")
        if done.code == 0:
            assert manifest(back) == wanted
        for path, (_, content, *_) in manifest(back).items():
            if path in wanted:
                assert content == wanted[path][1], path
        checked(self.command(trial), trial.home)
        assert manifest(back) == wanted


BACKUP, RESTORE = Backup(), Restore()
DEEDS: tuple[Deed, ...] = (BACKUP, FirstBackup(), Forget(), Prune(), ForgetAndPrune(), KeyAdd(), RESTORE)
