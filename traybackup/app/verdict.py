"""The verdict: how a run ended, from what its process told, how the process ended, and why it was ended if it was.

Pure. What was saved counts first: a run whose snapshot is verified did what it was for, whatever came after. What a
process did not say is never taken for success.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from traybackup.api.errors import Retry, RunHung, RunInterrupted, RunTooLarge
from traybackup.app.events import Event
from traybackup.app.runs import SAVED, Figures, Outcome, Problem, Value, Verdict

MOST_ITEMS = 200


class Ended(Enum):
    """Why we ended a run ourselves."""

    STOPPED = "stopped"
    CLOSING = "closing"
    HUNG = "hung"
    TOO_LARGE = "too-large"


@dataclass(slots=True)
class Heard:
    """What a run's process told.

    Attributes:
        items: What could not be read, or was noticed; bounded.
    """

    status: Event | None = None
    summary: Event | None = None
    end: Event | None = None
    tidied: Event | None = None
    checked: Event | None = None
    items: list[Event] = field(default_factory=list)

    def hear(self, event: Event) -> None:
        """Take an event in."""
        kind = event.get("message_type")
        if kind == "error" and len(self.items) < MOST_ITEMS:
            self.items.append(event)
        elif kind == "status":
            self.status = event
        elif kind == "summary":
            self.summary = event
        elif kind == "run_ended":
            self.end = event
        elif kind == "tidied":
            self.tidied = event
        elif kind == "checked":
            self.checked = event


def judge(
    job: str, heard: Heard, ended: Ended | None, exit_code: int | None, *, quiet: float = 0, size: int = 0
) -> Verdict:
    """Return how the run ended.

    Args:
        ended: Why we ended it; None: we did not.
        exit_code: Of the process, negative for a signal; None: it could not be ended.
        quiet: Seconds without a sign of life, for `Ended.HUNG`.
        size: Bytes of memory, for `Ended.TOO_LARGE`.
    """
    if ended is Ended.HUNG:
        killed = Problem.of(RunHung(job=job, seconds=round(quiet, 1)))
    elif ended is Ended.TOO_LARGE:
        killed = Problem.of(RunTooLarge(job=job, size=size))
    else:
        number = -exit_code if exit_code is not None and exit_code < 0 else 0
        killed = Problem.of(RunInterrupted(job=job, number=number))
    outcome, problem = _ending(heard, ended, killed)
    details: dict[str, object] = {"items": heard.items} if heard.items else {}
    for name, event in (("summary", heard.summary), ("tidied", heard.tidied), ("checked", heard.checked)):
        if event is not None:
            details[name] = {key: value for key, value in event.items() if key != "message_type"}
    return Verdict(outcome, problem, _figures(heard), details)


def _ending(heard: Heard, ended: Ended | None, killed: Problem) -> tuple[Outcome, Problem | None]:
    told = _told(heard.end)
    if heard.summary is not None:
        outcome = Outcome.PARTIAL if heard.summary.get("outcome") == Outcome.PARTIAL.value else Outcome.SUCCESS
        if told is not None:
            return outcome, _problem(heard.end or {})
        return outcome, None if ended is Ended.STOPPED else killed
    if told in SAVED:  # without a summary there is nothing to show for it
        told = None
    if ended in (Ended.HUNG, Ended.TOO_LARGE):
        return Outcome.FAILED, killed
    if told is None or told is Outcome.CANCELLED:
        if ended is Ended.STOPPED:
            return Outcome.CANCELLED, None
        return Outcome.INTERRUPTED, killed  # the computer is being switched off, or somebody killed it
    return told, _problem(heard.end or {})


def _told(end: Event | None) -> Outcome | None:
    try:
        return Outcome(end.get("outcome")) if end else None
    except ValueError:
        return None


def _problem(end: Event) -> Problem | None:
    code, params, retry = end.get("code"), end.get("params"), end.get("retry")
    if not isinstance(code, str) or not code:
        return None
    plain: Mapping[str, Value] = (
        {key: value for key, value in params.items() if value is None or isinstance(value, str | int | float)}
        if isinstance(params, dict)
        else {}
    )
    known = [one for one in Retry if one.value == retry]
    return Problem(code, plain, known[0] if known else Retry.NEVER)


def _figures(heard: Heard) -> Figures:
    summary, status, end = heard.summary or {}, heard.status or {}, heard.end or {}
    return Figures(
        files=_whole(summary.get("total_files_processed", status.get("files_done"))),
        bytes=_whole(summary.get("total_bytes_processed", status.get("bytes_done"))),
        added=_whole(summary.get("data_added_packed", status.get("bytes_stored"))),
        unreadable=_whole(summary.get("unreadable", status.get("error_count"))),
        seconds=_number(end.get("seconds", summary.get("total_duration", status.get("seconds_elapsed")))),
    )


def _whole(value: object) -> int:
    return int(_number(value))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
