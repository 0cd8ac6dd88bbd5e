"""News that is told only once: a new place and its recovery code."""

from traybackup.app import forms
from traybackup.app.opening import NewRepository
from traybackup.cli.output import Output, clean

_NOT_KEPT = {
    "off": "the keyring is switched off",
    "none": "there is no keyring here that encrypts",
    "locked": "the keyring is locked",
    "no-answer": "the keyring does not answer",
    "failed": "the keyring failed",
}


def tell_made(output: Output, new: NewRepository) -> None:
    """Tell that a place was made, and its recovery code."""
    output.record(forms.made(new))
    output.say(f"Made a new place for backups in {clean(new.place)}.")
    if new.recovery_code:
        tell_code(output, new.recovery_code.reveal(), kept=new.kept, trouble=new.vault_trouble)


def tell_code(output: Output, code: str, *, kept: bool, trouble: str = "") -> None:
    """Show a recovery code, and say where else it is, if anywhere. Not even ``--quiet`` holds it back."""
    output.result("")
    output.result(f"    Recovery code:  {code}")
    output.result("")
    if kept:
        output.result(
            "It is kept in this computer's keyring, so backups go on by themselves. Write it down all the same:"
        )
        output.result("if this computer is lost, nothing else opens the backups. It is shown only this once.")
    else:
        why = _NOT_KEPT.get(trouble, "")
        output.result(f"Write it down now: it is kept nowhere else{f', because {why}' if why else ''}.")
        output.result("Without it nobody can open the backups. It is also the password for plain restic.")
    output.result("")
