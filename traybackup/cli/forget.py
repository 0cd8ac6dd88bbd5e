"""``traybackup forget``."""

from collections.abc import Callable
from typing import TypeVar

import click

from traybackup.app import forms
from traybackup.app.forget import ForgetRequest, Forgotten, GroupBy, Policy, Span
from traybackup.app.listing import Filter
from traybackup.app.opening import Access
from traybackup.app.prune import PruneLimits
from traybackup.cli.options import common, from_place, no_empty, which
from traybackup.cli.output import Output, clean
from traybackup.cli.progress import Tally, bar
from traybackup.cli.prune import limits, tell_pruned
from traybackup.cli.services import service
from traybackup.cli.signals import stoppable

R = TypeVar("R")

_PERIODS = {"hourly": "hours", "daily": "days", "weekly": "weeks", "monthly": "months", "yearly": "years"}


def _count(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int:
    """Read how many; “unlimited” is restic's word for all."""
    if value is None:
        return 0
    if value in {"unlimited", "-1"}:
        return -1
    if not (value.isascii() and value.isdecimal()):
        raise click.BadParameter(f"“{clean(value)}” is no number; write 7, or unlimited.")  # noqa: EM102, TRY003
    return int(value)


def _span(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Span:
    """Read a stretch of the calendar."""
    try:
        return Span() if value is None else Span.parse(value)
    except ValueError as error:
        raise click.BadParameter(f"“{clean(value or '')}” is no span; write 14d, or 1y6m.") from error  # noqa: EM102, TRY003


def _rules(function: Callable[..., R]) -> Callable[..., R]:
    """Add all ``--keep-…`` options, called like the fields of `Policy` behind ``keep_``."""
    options = [
        click.option("--keep-tag", "kept_tags", multiple=True, metavar="TAG,…", help="Keep all with these tags.")
    ]
    for name in reversed(_PERIODS):
        text = f"Keep {name} ones at most so old."
        options.append(click.option(f"--keep-within-{name}", callback=_span, metavar="SPAN", help=text))
    text = "Keep all at most so old: 14d, 1y6m."
    options.append(click.option("--keep-within", callback=_span, metavar="SPAN", help=text))
    for name, what in reversed(_PERIODS.items()):
        text = f"Keep the newest of each of the last N {what}."
        options.append(click.option(f"--keep-{name}", callback=_count, metavar="N", help=text))
    options.append(click.option("--keep-last", callback=_count, metavar="N", help="Keep the last N."))
    for option in options:
        function = option(function)
    return function


def _groups(_context: click.Context, _parameter: click.Parameter, value: str) -> frozenset[GroupBy]:
    try:
        return frozenset(GroupBy({"path": "paths", "tag": "tags"}.get(name, name)) for name in value.split(",") if name)
    except ValueError as error:
        raise click.BadParameter("Write host, paths and tags, separated by commas.") from error  # noqa: EM101, TRY003


@click.command("forget")
@click.argument("snapshots", nargs=-1, metavar="[SNAPSHOT]...", callback=no_empty)
@from_place
@_rules
@which
@click.option(
    "--group-by", default="host,paths", callback=_groups, metavar="WHAT", help="Apply the rules to each group."
)
@click.option("--prune", is_flag=True, help="Free the room they took as well.")
@limits
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@common
def command(
    output: Output,
    *,
    access: Access,
    snapshots: tuple[str, ...],
    meant: Filter,
    group_by: frozenset[GroupBy],
    prune: bool,
    limits: PruneLimits,
    dry_run: bool,
    kept_tags: tuple[str, ...],
    **rules: object,
) -> None:
    """Remove snapshots: those named, or those that no rule keeps.

    The rules apply to each group of the same computer and paths. No group is ever emptied by rules. The room they
    took is freed by “prune”, or here with --prune.
    """
    lists = tuple(tuple(tag.strip() for tag in text.split(",")) for text in kept_tags)
    named = {name.removeprefix("keep_"): value for name, value in rules.items()}
    policy = Policy(tags=lists, **named)  # type: ignore[arg-type]  # click has converted them
    if bool(snapshots) == bool(policy):
        raise click.UsageError(  # noqa: TRY003 - click's way
            "Name snapshots, or rules to keep by, such as --keep-daily 7; not both."  # noqa: EM101 - same
        )
    room = limits if prune else None
    request = ForgetRequest(access, snapshots, policy, meant, group_by, prune=room, dry_run=dry_run)
    tally = Tally(counted=True)
    with stoppable() as cancel, bar(output, tally):
        done = service(output).forget(request, progress=tally, cancel=cancel)
    output.record(forms.forgotten(done))
    _tell(output, done)
    if done.pruned:
        tell_pruned(output, done.pruned)


def _tell(output: Output, done: Forgotten) -> None:
    texts, language = output.texts, output.language
    keep, remove = language.gettext("keep"), language.gettext("remove")
    width = max(len(keep), len(remove))
    for group in done.decision.groups if done.decision else ():
        known = (group.group.host, ", ".join(group.group.paths or ()), ", ".join(group.group.tags or ()))
        output.say(clean("; ".join(part for part in known if part)) or language.gettext("All snapshots"))
        rows = [
            *((kept.snapshot, keep, ", ".join(map(texts.kept, kept.reasons))) for kept in group.keep),
            *((ahead, keep, texts.kept("future")) for ahead in group.ignored),
            *((gone, remove, "") for gone in group.forget),
        ]
        rows.sort(key=lambda row: row[0].time)
        for snapshot, what, why in rows:
            time = language.moment(snapshot.time)
            output.say(f"  {snapshot.id[:8]}  {time}  {what:{width}}  {why}".rstrip())
    count = len(done.removed)
    if done.dry_run:
        output.say(language.ngettext("Would remove {count} snapshot.", "Would remove {count} snapshots.", count))
    else:
        output.say(language.ngettext("Removed {count} snapshot.", "Removed {count} snapshots.", count))
