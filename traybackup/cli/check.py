"""``traybackup check``."""

from collections.abc import Sequence

import click

from traybackup.app import forms
from traybackup.app.check import Check, CheckRequest, Problem
from traybackup.app.language import Language
from traybackup.app.opening import Access
from traybackup.cli.options import common, from_place
from traybackup.cli.output import Output, clean, path_text
from traybackup.cli.progress import Tally, bar
from traybackup.cli.services import service
from traybackup.cli.signals import stoppable

_MOST_FILES = 20
_ALL = 100.0


def _percent(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float:
    """Read a share: ``10`` or ``2.5%``."""
    if value is None:
        return 0.0
    try:
        share = float(value.removesuffix("%"))
    except ValueError:
        share = 0.0
    if not 0 < share <= _ALL:
        raise click.BadParameter(f"“{clean(value)}” is no share; write a number from 1 to 100.")  # noqa: EM102, TRY003
    return share


@click.command("check")
@from_place
@click.option(
    "--read-data",
    is_flag=False,
    flag_value="100",
    callback=_percent,
    metavar="[=PERCENT]",
    help="Read everything, or PERCENT of it (another part each day), and compare every byte.",
)
@common
def command(output: Output, *, access: Access, read_data: float) -> int:
    """Check that everything is there and fits together. Nothing is repaired or changed.

    What is damaged is told in files and dates.
    """
    tally = Tally(counted=True)
    with stoppable() as cancel, bar(output, tally):
        done = service(output).check(CheckRequest(access, read_data), progress=tally, cancel=cancel)
    for problem in done.result.problems:
        output.record_error(forms.problem(problem))
        _show(output, problem)
    output.record(forms.check_summary(done))
    _tell(output, done)
    return 0 if done.result.sound else 1


def _show(output: Output, problem: Problem) -> None:
    texts, language = output.texts, output.language
    name = f"{texts.kind(problem.kind)} {problem.id[:8]}".strip()
    output.warn(f"{name} {texts.fault(problem.why)}.")
    most = len(problem.damage) if output.verbose else _MOST_FILES
    for damage in problem.damage[:most]:
        dates = [language.moment(snapshot.time) for snapshot in damage.snapshots]
        when = dates[0] if len(dates) == 1 else _all_of(language, dates)
        line = language.gettext("cannot be restored: {path} ({when})", path=path_text(damage.path), when=clean(when))
        output.warn(f"  {line}")
    more = len(problem.damage) - most
    if more > 0:
        output.warn("  " + language.gettext("… and {count} more; -v lists them all", count=more))
    if problem.more:
        output.warn("  " + language.gettext("… and many more"))


def _all_of(language: Language, dates: Sequence[str]) -> str:
    return language.ngettext(
        "{count} snapshot, {first} to {last}",
        "{count} snapshots, {first} to {last}",
        len(dates),
        first=dates[0],
        last=dates[-1],
    )


def _tell(output: Output, done: Check) -> None:
    found, language = done.result, output.language
    output.say(
        language.gettext(
            "Checked {snapshots} and {packs} ({size}) in {span}.",
            snapshots=language.ngettext("{count} snapshot", "{count} snapshots", found.snapshots),
            packs=language.ngettext("{count} pack", "{count} packs", found.packs),
            size=language.size(found.packs_size),
            span=language.span(done.seconds),
        )
    )
    if done.read_data:
        read, size = language.number(found.packs_read), language.size(found.bytes_read)
        output.say(language.gettext("Read {packs} of them, {size}, byte by byte.", packs=read, size=size))
    if found.unsteady:
        output.warn(
            language.ngettext(
                "{count} pack was read wrongly once and rightly the second time:"
                " the drive, its cable or this computer's memory may be failing.",
                "{count} packs were read wrongly once and rightly the second time:"
                " the drive, its cable or this computer's memory may be failing.",
                len(found.unsteady),
            )
        )
    if found.unindexed:
        output.say(
            language.ngettext(
                "{count} pack of a run that was cut short left over; “prune” removes that.",
                "{count} packs of a run that was cut short left over; “prune” removes that.",
                found.unindexed,
            )
        )
    if not found.sound:
        output.say(
            language.ngettext(
                "{count} error was found. Make a fresh backup to another place now.",
                "{count} errors were found. Make a fresh backup to another place now.",
                len(found.problems),
            )
        )
    elif done.read_data:
        output.say(language.gettext("No errors were found."))
    else:
        output.say(language.gettext("No errors were found; --read-data reads every byte as well."))
