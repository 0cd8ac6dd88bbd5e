"""How everything is doing: what ``traybackup status`` shows without a place."""

from traybackup.app import runforms
from traybackup.app.resident import Resident
from traybackup.app.runtexts import RunTexts
from traybackup.app.status import State, Status
from traybackup.cli.output import Output, clean
from traybackup.cli.residents import resident
from traybackup.cli.services import service

_BAD = frozenset({State.ERROR, State.ATTENTION})


def show(output: Output, *, look: bool) -> int:
    """Show how all destinations are doing; return 1 if somebody should look.

    Args:
        look: Ask the destinations themselves first; done anyway for those of which nothing is known.
    """
    with resident() as here:
        _look(output, here, everywhere=look)
        found = here.status()
    output.record(runforms.status(found, RunTexts()))
    if not output.json:
        _tell(output, found, RunTexts(output.language))
    return 1 if found.state in _BAD else 0


def _look(output: Output, here: Resident, *, everywhere: bool) -> None:
    """Learn from the destinations what the history does not know."""
    loaded = here.load()
    known = here.history.verified()
    jobs = loaded.config.jobs.values()
    unknown = {(job.name, job.destination) for job in jobs if (job.name, job.destination) not in known}
    if not jobs or not (everywhere or unknown):
        return
    for one in service(output).look(loaded.config):
        if one.problem is None and (everywhere or (one.job, one.destination) in unknown):
            here.note_verified(one.job, one.destination, one.newest)
        elif one.problem is not None and everywhere:
            output.warn(clean(output.texts.message(one.problem.code, one.problem.params).line))


def _tell(output: Output, found: Status, texts: RunTexts) -> None:
    output.result(texts.state(found.state))
    for one in found.destinations:
        when = output.language.moment(one.verified) if one.verified else "-"
        why = "; ".join(texts.reason(reason) for reason in one.reasons)
        output.result(f"  {clean(one.destination)}: {when}{f' ({why})' if why else ''}")
    for reason in found.reasons:
        if reason.problem is not None:
            output.warn(clean(texts.problem(reason.problem)))
        elif reason.word != found.state.value:
            output.result(f"  {texts.reason(reason)}")
