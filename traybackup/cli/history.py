"""``traybackup history``."""

import click

from traybackup.app import runforms
from traybackup.app.runs import Run
from traybackup.app.runtexts import RunTexts
from traybackup.cli.options import common
from traybackup.cli.output import Output, clean
from traybackup.cli.residents import resident

_MOST = 10_000


@click.command("history")
@click.argument("run", type=click.IntRange(min=1), required=False)
@click.option("--job", default="", metavar="NAME", help="Only of this job.")
@click.option("-n", "--limit", default=20, type=click.IntRange(1, _MOST), metavar="N", help="The newest N; else 20.")
@common
def command(output: Output, *, run: int | None, job: str, limit: int) -> int:
    """List the runs of jobs, newest first, or tell all about the RUN of that number.

    A run that did not take place is listed, too, with its reason.
    """
    with resident() as here:
        if run is not None:
            return _one(output, here.history.get(run), here.history.details(run))
        found = here.history.runs(limit, job=job)
        trouble = here.history.trouble
    output.record([runforms.run(one, RunTexts()) for one in found])
    if output.json:
        return 0
    texts = RunTexts(output.language)
    if trouble is not None:
        output.warn(clean(output.texts.error(trouble).line))
    if not found:
        output.result(output.language.gettext("Nothing has been run yet."))
        return 0
    titles = [output.language.gettext(title) for title in _titles()]
    output.table(titles, [_row(output, one, texts) for one in found], right=(0, 5))
    return 0


def _titles() -> tuple[str, ...]:
    from traybackup.app.wording.marks import N_  # noqa: PLC0415 - only for people

    return N_("Run"), N_("Time"), N_("Job"), N_("Started"), N_("Outcome"), N_("Added"), N_("What happened")


def _row(output: Output, one: Run, texts: RunTexts) -> tuple[str, ...]:
    title = output.texts.message(one.problem.code, one.problem.params).title if one.problem else ""
    return (
        str(one.id),
        output.language.moment(one.started),
        clean(one.job),
        texts.trigger(one.trigger),
        texts.outcome(one),
        output.language.size(one.figures.added) if one.snapshot else "",
        clean(title),
    )


def _one(output: Output, one: Run | None, details: dict[str, object]) -> int:
    if one is None:
        raise click.UsageError(output.language.gettext("There is no run of that number."))
    output.record(runforms.run(one, RunTexts()) | {"details": details})
    if output.json:
        return 0
    language, texts = output.language, RunTexts(output.language)
    output.result(f"{one.id}  {language.moment(one.started)}  {clean(one.job)} → {clean(one.destination)}")
    output.result(f"{texts.trigger(one.trigger)}, {texts.outcome(one)}")
    if one.problem is not None:
        output.result(clean(texts.problem(one.problem)))
    if one.snapshot:
        files = language.ngettext("{count} file", "{count} files", one.figures.files)
        added = language.size(one.figures.added)
        output.result(f"{files}, {language.size(one.figures.bytes)}, +{added}, {one.snapshot[:8]}")
    items = details.get("items")
    for item in items if isinstance(items, list) else []:
        error = item.get("error")
        message = error.get("message", "") if isinstance(error, dict) else ""
        output.result(f"  {clean(str(item.get('item')))}: {clean(output.texts.reason(str(message)))}")
    return 0
