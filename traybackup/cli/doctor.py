"""``traybackup doctor``."""

import click

from traybackup.app import forms
from traybackup.app.findings import Level, Stated
from traybackup.app.wording.marks import N_
from traybackup.cli.options import common, not_empty
from traybackup.cli.output import Output, clean
from traybackup.cli.services import service
from traybackup.cli.signals import stoppable

_MARKS = {True: N_("ok"), False: N_("WRONG"), None: N_("skipped")}
_LEVELS = {Level.OK: N_("ok"), Level.WARNING: N_("warning"), Level.ERROR: N_("error")}


@click.command("doctor")
@click.argument("place", required=False)
@common
def command(output: Output, *, place: str | None) -> int:
    """Look whether this computer is in order: configuration, clock, keyring, plugins.

    With a PLACE, state every promise of a place about it, in a scratch folder that is removed afterwards. On a service
    this takes minutes and some hundred calls.
    """
    return _examine(output) if place is None else _state(output, not_empty(place, "PLACE"))


def _examine(output: Output) -> int:
    texts, worst = output.texts, 0
    for found in service(output).examine():
        output.record(forms.finding(found))
        line = f"{_set(output, _LEVELS[found.level])} {clean(texts.doctor(found.code, found.detail, found.why))}"
        if found.level is Level.OK:
            output.say(line)
        else:
            output.warn(line)
        worst = max(worst, int(found.level is Level.ERROR))
    return worst


def _state(output: Output, place: str) -> int:
    def stated(found: Stated) -> None:
        output.record(forms.stated(found))
        line = f"{_set(output, _MARKS[found.holds])} {found.says}"
        if found.holds is False:
            output.warn(f"{line} {clean(found.detail)}".rstrip())
        else:
            output.say(line)

    with stoppable() as cancel:
        holds = service(output).state_facts(place, cancel=cancel, stated=stated)
    language = output.language
    if holds:
        output.say(language.gettext("{place} keeps what a place promises.", place=clean(place)))
    else:
        output.say(language.gettext("{place} does not keep its promises.", place=clean(place)))
    return 0 if holds else 1


def _set(output: Output, mark: str) -> str:
    """Return a mark in the reader's language, all of the same width."""
    words = [output.language.gettext(word) for word in (*_MARKS.values(), *_LEVELS.values())]
    return output.language.gettext(mark).ljust(max(8, *map(len, words)))
