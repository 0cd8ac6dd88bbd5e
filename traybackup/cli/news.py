"""News that is told only once: a new place and its recovery code."""

from traybackup.app import forms
from traybackup.app.opening import NewRepository
from traybackup.cli.output import Output, clean


def tell_made(output: Output, new: NewRepository) -> None:
    """Tell that a place was made, and its recovery code."""
    output.record(forms.made(new))
    output.say(output.language.gettext("Made a new place for backups in {place}.", place=clean(new.place)))
    if new.recovery_code:
        tell_code(output, new.recovery_code.reveal(), kept=new.kept, trouble=new.vault_trouble)


def tell_code(output: Output, code: str, *, kept: bool, trouble: str = "") -> None:
    """Show a recovery code, and say where else it is, if anywhere. Not even ``--quiet`` holds it back."""
    language = output.language
    output.result("")
    output.result("    " + language.gettext("Recovery code:  {code}", code=code))
    output.result("")
    if kept:
        output.result(
            language.gettext(
                "It is kept in this computer's keyring, so backups go on by themselves. Write it down all the same:"
            )
        )
        output.result(
            language.gettext("if this computer is lost, nothing else opens the backups. It is shown only this once.")
        )
    else:
        output.result(language.gettext("Write it down now: it is kept nowhere else."))
        if trouble:
            output.result(language.gettext("The keyring cannot be used: {why}.", why=output.texts.no_keyring(trouble)))
        output.result(
            language.gettext("Without it nobody can open the backups. It is also the password for plain restic.")
        )
    output.result("")
