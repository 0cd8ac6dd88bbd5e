"""``traybackup jobs list | add | change | remove``."""

import os
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import time
from typing import Any, TypeVar

import click

from traybackup.app import runforms
from traybackup.app.jobs import EVERY_DAY, STANDARD, Job, Keep, Plugged, Schedule
from traybackup.app.opendays import WEEKDAYS
from traybackup.app.runtexts import RunTexts
from traybackup.cli.options import common, no_empty, not_empty, size
from traybackup.cli.output import Output, clean
from traybackup.cli.residents import resident

R = TypeVar("R")

_KEPT = tuple(one.name for one in fields(Keep))


@click.group("jobs", help="Say what is saved where and when; the program then does it by itself.")
def command() -> None:
    """Group the commands for jobs."""


def _times(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> tuple[time, ...]:
    found = []
    for text in value:
        try:
            hours, colon, minutes = text.partition(":")
            found.append(time(int(hours), int(minutes) if colon else 0))
        except ValueError as error:
            raise click.BadParameter(f"“{clean(text)}” is no time of the day; write 19:00.") from error  # noqa: EM102, TRY003
    return tuple(sorted(set(found)))


def _keep(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> Keep | None:
    """Read ``daily=7`` and the like; ``all`` keeps everything, ``standard`` what is usual."""
    if not value or value == ("standard",):
        return STANDARD if value else None
    if value == ("all",):
        return Keep()
    found = {}
    for text in value:
        name, _, number = text.partition("=")
        if name not in _KEPT or not (number.isascii() and number.isdecimal()):
            raise click.BadParameter(f"“{clean(text)}” is no rule; write daily=7, monthly=12, or all.")  # noqa: EM102, TRY003
        found[name] = int(number)
    return Keep(**found)


def _wishes(function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that say what a job does; None, or nothing, where nothing was said."""
    days = click.Choice(WEEKDAYS)
    plugged = click.Choice([one.value for one in Plugged])
    options = [
        click.option("--at", multiple=True, callback=_times, metavar="TIME", help="Run at this time: 19:00."),
        click.option("--on", "days", multiple=True, type=days, help="On this day of the week only; else daily."),
        click.option("--at-start/--not-at-start", default=None, help="Once a day, when the program starts."),
        click.option("--plugged-in", type=plugged, help="When the drive is plugged in."),
        click.option("--after-program", multiple=True, metavar="NAME", help="When this program closes: pos.exe."),
        click.option("-e", "--exclude", multiple=True, metavar="PATTERN", help="Leave out what fits."),
        click.option("--exclude-larger-than", metavar="SIZE", callback=size, help="Leave out larger files: 2GB."),
        click.option("--exclude-caches/--with-caches", default=None, help="Leave out folders marked as caches."),
        click.option("-x", "--one-file-system/--all-file-systems", default=None, help="Do not enter others."),
        click.option("--keep", multiple=True, callback=_keep, metavar="RULE", help="Keep daily=7, weekly=5 …; or all."),
        click.option("--check", type=click.FloatRange(0, 100), metavar="PERCENT", help="Read back so much …"),
        click.option("--check-every", type=click.IntRange(1, 365), metavar="DAYS", help="… so often."),
        click.option("--stale-after", type=click.IntRange(1, 365), metavar="DAYS", help="Warn after so many days."),
        click.option("--enable/--disable", "enabled", default=None, help="Let it start by itself, or not."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@command.command("list")
@common
def list_command(output: Output) -> None:
    """List the jobs: what they save where, and when they run."""
    with resident() as here:
        found = list(here.jobs().values())
        moment = here.moment(here.load().config)
        output.record([runforms.job(one, here.upcoming(one, moment)) for one in found])
    texts, language = RunTexts(output.language), output.language
    if not found:
        output.result(language.gettext("There are no jobs yet; “traybackup jobs add” makes one."))
        return
    rows = [
        (clean(one.name), clean(", ".join(one.sources)), clean(one.destination), clean(texts.schedule(one)))
        for one in found
    ]
    titles = (language.gettext("Name"), language.gettext("Saves"), language.gettext("To"), language.gettext("When"))
    output.table(titles, rows)


@command.command("add")
@click.argument("name")
@click.argument("sources", nargs=-1, required=True, metavar="PATH...", callback=no_empty)
@click.option("--to", "destination", required=True, metavar="DESTINATION", help="The destination to save to.")
@_wishes
@common
def add_command(output: Output, *, name: str, sources: tuple[str, ...], destination: str, **wishes: Any) -> None:
    """Add the job NAME: it saves the PATHs to the DESTINATION."""
    new = Job(not_empty(name, "NAME"), tuple(map(os.path.abspath, sources)), not_empty(destination, "--to"))
    with resident() as here:
        done = here.add_job(_wished(new, **wishes)).job
    _tell(output, "job_added", done)


@command.command("change")
@click.argument("name")
@click.option("--source", "sources", multiple=True, metavar="PATH", callback=no_empty, help="Save these instead.")
@click.option("--to", "destination", metavar="DESTINATION", help="Save to this destination instead.")
@_wishes
@common
def change_command(
    output: Output, *, name: str, sources: tuple[str, ...], destination: str | None, **wishes: Any
) -> None:
    """Change the job NAME; what is not named stays as it is."""
    with resident() as here:
        old = here.job(not_empty(name, "NAME"))
        paths = tuple(map(os.path.abspath, sources)) or old.sources
        new = replace(old, sources=paths, destination=destination or old.destination)
        done = here.change_job(_wished(new, **wishes)).job
    _tell(output, "job_changed", done)


@command.command("remove")
@click.argument("name")
@common
def remove_command(output: Output, *, name: str) -> None:
    """Remove the job NAME. What it has saved stays."""
    with resident() as here:
        here.remove_job(not_empty(name, "NAME"))
    output.record({"message_type": "job_removed", "name": name})
    output.say(output.language.gettext("Removed the job {name}; its backups are not touched.", name=clean(name)))


def _wished(
    job: Job,
    *,
    at: tuple[time, ...],
    days: tuple[str, ...],
    at_start: bool | None,
    plugged_in: str | None,
    after_program: tuple[str, ...],
    exclude: tuple[str, ...],
    exclude_larger_than: int | None,
    exclude_caches: bool | None,
    one_file_system: bool | None,
    keep: Keep | None,
    check: float | None,
    check_every: int | None,
    stale_after: int | None,
    enabled: bool | None,
) -> Job:
    """Return *job* with what was said about it."""

    def said(value: R | None, otherwise: R) -> R:
        return otherwise if value is None else value

    when = job.schedule
    chosen = frozenset(WEEKDAYS.index(day) for day in days)
    return replace(
        job,
        schedule=Schedule(
            at=at or when.at,
            days=chosen or (EVERY_DAY if at else when.days),
            at_start=said(at_start, when.at_start),
            plugged=Plugged(plugged_in) if plugged_in else when.plugged,
            programs=after_program or when.programs,
        ),
        exclude=exclude or job.exclude,
        larger_than=said(exclude_larger_than, job.larger_than),
        exclude_caches=said(exclude_caches, job.exclude_caches),
        one_file_system=said(one_file_system, job.one_file_system),
        keep=said(keep, job.keep),
        checking=replace(
            job.checking, percent=said(check, job.checking.percent), days=said(check_every, job.checking.days)
        ),
        stale_after=said(stale_after, job.stale_after),
        enabled=said(enabled, job.enabled),
    )


def _tell(output: Output, kind: str, job: Job) -> None:
    output.record({"message_type": kind} | runforms.job(job))
    language = output.language
    known = {"name": clean(job.name), "when": clean(RunTexts(language).schedule(job))}
    if kind == "job_added":
        output.say(language.gettext("Added the job {name}: {when}.", **known))
    else:
        output.say(language.gettext("Changed the job {name}: {when}.", **known))
