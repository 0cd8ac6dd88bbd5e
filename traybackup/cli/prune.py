"""``traybackup prune``."""

import functools
import re
from collections.abc import Callable
from typing import TypeVar

import click

from traybackup.app import forms
from traybackup.app.opening import Access
from traybackup.app.prune import Pruned, PruneLimits, PruneRequest
from traybackup.app.units import parse_size
from traybackup.cli.options import common, from_place, size
from traybackup.cli.output import Output, clean
from traybackup.cli.progress import Tally, bar
from traybackup.cli.services import service
from traybackup.cli.signals import stoppable

R = TypeVar("R")

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)%")
_ALL = 100.0


def _unused(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[float, int | None]:
    """Read how much may stay unused: ``5%``, ``200M`` or ``unlimited``."""
    if value == "unlimited":
        return _ALL, None
    percent = _PERCENT.fullmatch(value)
    if percent and float(percent[1]) <= _ALL:
        return float(percent[1]), None
    try:
        return 0.0, parse_size(value)
    except ValueError as error:
        message = f"“{clean(value)}” is no limit; write 5%, 200M or unlimited."
        raise click.BadParameter(message) from error


def limits(function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that say how thorough a prune is, handed over as `PruneLimits` called *limits*."""

    @click.option(
        "--max-unused",
        default="5%",
        callback=_unused,
        metavar="LIMIT",
        help="What may stay unused: 5%, 200M or unlimited.",
    )
    @click.option("--max-repack-size", callback=size, metavar="SIZE", help="Write at most so much anew.")
    @click.option("--repack-small", is_flag=True, help="Join small files of the place.")
    @click.option("--allow-empty", is_flag=True, help="Remove everything if there is no snapshot at all.")
    @functools.wraps(function)
    def wrapper(
        *args: object,
        max_unused: tuple[float, int | None],
        max_repack_size: int | None,
        repack_small: bool,
        allow_empty: bool,
        **kwargs: object,
    ) -> R:
        percent, size_limit = max_unused
        chosen = PruneLimits(percent, size_limit, max_repack_size, repack_small=repack_small, allow_empty=allow_empty)
        return function(*args, limits=chosen, **kwargs)

    return wrapper


@click.command("prune")
@from_place
@limits
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be freed, and change nothing.")
@common
def command(output: Output, *, access: Access, limits: PruneLimits, dry_run: bool) -> None:
    """Free the room of what no snapshot needs.

    On any doubt nothing is deleted. It can be stopped at any time.
    """
    tally = Tally(counted=True)
    with stoppable() as cancel, bar(output, tally):
        done = service(output).prune(PruneRequest(access, limits, dry_run), progress=tally, cancel=cancel)
    output.record(forms.pruned(done))
    tell_pruned(output, done)


def tell_pruned(output: Output, done: Pruned) -> None:
    """Tell people what was freed."""
    figures, language = done.figures, output.language
    freed, used = language.size(figures.freed_size), language.size(figures.used_size)
    if done.dry_run:
        output.say(language.gettext("Would free {freed}; {used} are in use.", freed=freed, used=used))
    else:
        output.say(language.gettext("Freed {freed}; {used} are in use.", freed=freed, used=used))
    if output.verbose:
        output.say(
            language.gettext(
                "Parts: {kept} kept, {repacked} written anew, {removed} removed.",
                kept=language.number(figures.kept_packs),
                repacked=language.number(figures.repacked_packs),
                removed=language.number(figures.deleted_packs + figures.unindexed),
            )
        )
    if figures.left_unused_size:
        left = language.size(figures.left_unused_size)
        output.say(language.gettext("{left} stay unused, within the limit.", left=left))
