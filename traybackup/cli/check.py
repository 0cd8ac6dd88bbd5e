"""``traybackup check``."""

import click

from traybackup.app import forms
from traybackup.app.check import Check, CheckRequest, Problem
from traybackup.app.opening import Access
from traybackup.app.texts import Texts
from traybackup.app.units import size_text, span_text
from traybackup.cli.options import common, from_place
from traybackup.cli.output import Output, clean, local, many, path_text
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
    texts = Texts()
    for problem in done.result.problems:
        output.record_error(forms.problem(problem, texts))
        _show(output, problem, texts)
    output.record(forms.check_summary(done))
    _tell(output, done)
    return 0 if done.result.sound else 1


def _show(output: Output, problem: Problem, texts: Texts) -> None:
    name = f"{problem.kind} {problem.id[:8]}".strip()
    output.warn(f"{name} {texts.fault(problem.why)}.")
    most = len(problem.damage) if output.verbose else _MOST_FILES
    for damage in problem.damage[:most]:
        dates = [local(snapshot.time) for snapshot in damage.snapshots]
        when = dates[0] if len(dates) == 1 else f"{len(dates)} snapshots, {dates[0]} to {dates[-1]}"
        output.warn(f"  cannot be restored: {path_text(damage.path)} ({clean(when)})")
    if len(problem.damage) > most:
        output.warn(f"  … and {len(problem.damage) - most:,} more; -v lists them all")
    if problem.more:
        output.warn("  … and many more")


def _tell(output: Output, done: Check) -> None:
    found = done.result
    output.say(
        f"Checked {many(found.snapshots, 'snapshot')} and {many(found.packs, 'pack')} ({size_text(found.packs_size)})"
        f" in {span_text(done.seconds)}."
    )
    if done.read_data:
        output.say(f"Read {found.packs_read:,} of them, {size_text(found.bytes_read)}, byte by byte.")
    if found.unsteady:
        output.warn(
            f"{many(len(found.unsteady), 'pack was', 'packs were')} read wrongly once and rightly the second time:"
            " the drive, its cable or this computer's memory may be failing."
        )
    if found.unindexed:
        output.say(f"{many(found.unindexed, 'pack')} of a run that was cut short left over; “prune” removes that.")
    if found.sound:
        output.say(
            "No errors were found." if done.read_data else "No errors were found; --read-data reads every byte as well."
        )
    else:
        output.say(
            f"{many(len(found.problems), 'error was', 'errors were')} found. Make a fresh backup to another place now."
        )
