"""The verdict: what a run's process told, how it ended and who ended it, in every combination."""

from itertools import product

import pytest

from traybackup.api.errors import Retry
from traybackup.app.events import Event
from traybackup.app.runs import SAVED, Outcome
from traybackup.app.verdict import MOST_ITEMS, Ended, Heard, judge

SUMMARY: Event = {
    "message_type": "summary",
    "outcome": "success",
    "snapshot_id": "ab",
    "total_files_processed": 3,
    "total_bytes_processed": 1000,
    "data_added_packed": 10,
    "unreadable": 0,
}
FULL: Event = {
    "message_type": "run_ended",
    "outcome": "failed",
    "code": "store-full",
    "params": {"place": "red", "needed": 5, "odd": []},
    "retry": "after-owner-acts",
    "seconds": 2.5,
}


def end(outcome: str, code: str | None = None, retry: str | None = None) -> Event:
    return {"message_type": "run_ended", "outcome": outcome, "code": code, "params": {}, "retry": retry}


def heard(*events: Event) -> Heard:
    found = Heard()
    for event in events:
        found.hear(event)
    return found


TABLE = [
    # what was told, who ended it, exit code, outcome, code of the problem
    ([SUMMARY, end("success")], None, 0, Outcome.SUCCESS, None),
    ([SUMMARY | {"outcome": "partial"}, end("partial")], None, 3, Outcome.PARTIAL, None),
    ([SUMMARY, end("success", "repository-damaged", "never")], None, 0, Outcome.SUCCESS, "repository-damaged"),
    ([SUMMARY], None, -9, Outcome.SUCCESS, "run-interrupted"),
    ([SUMMARY | {"outcome": "partial"}], None, -9, Outcome.PARTIAL, "run-interrupted"),
    ([SUMMARY], Ended.STOPPED, -9, Outcome.SUCCESS, None),
    ([SUMMARY], Ended.HUNG, -9, Outcome.SUCCESS, "run-hung"),
    ([SUMMARY], Ended.CLOSING, -9, Outcome.SUCCESS, "run-interrupted"),
    ([], None, -9, Outcome.INTERRUPTED, "run-interrupted"),
    ([], None, 0, Outcome.INTERRUPTED, "run-interrupted"),
    ([], None, None, Outcome.INTERRUPTED, "run-interrupted"),
    ([], Ended.STOPPED, -9, Outcome.CANCELLED, None),
    ([], Ended.CLOSING, -9, Outcome.INTERRUPTED, "run-interrupted"),
    ([], Ended.HUNG, -9, Outcome.FAILED, "run-hung"),
    ([], Ended.TOO_LARGE, -9, Outcome.FAILED, "run-too-large"),
    ([end("success")], None, 0, Outcome.INTERRUPTED, "run-interrupted"),
    ([end("nonsense")], None, 0, Outcome.INTERRUPTED, "run-interrupted"),
    ([end("cancelled", "cancelled")], Ended.STOPPED, 130, Outcome.CANCELLED, None),
    ([end("cancelled", "cancelled")], Ended.CLOSING, 130, Outcome.INTERRUPTED, "run-interrupted"),
    ([end("cancelled", "cancelled")], None, 130, Outcome.INTERRUPTED, "run-interrupted"),
    ([end("cancelled", "cancelled")], Ended.HUNG, 130, Outcome.FAILED, "run-hung"),
    ([FULL], None, 1, Outcome.FAILED, "store-full"),
    ([FULL], Ended.STOPPED, 1, Outcome.FAILED, "store-full"),
    ([end("skipped", "run-busy", "later")], None, 11, Outcome.SKIPPED, "run-busy"),
]


@pytest.mark.parametrize(("told", "ended", "code", "outcome", "problem"), TABLE)
def test_each_ending_has_its_outcome(
    told: list[Event], ended: Ended | None, code: int | None, outcome: Outcome, problem: str | None
) -> None:
    """What the history will say of it."""
    found = judge("stick", heard(*told), ended, code)
    assert (found.outcome, found.problem.code if found.problem else None) == (outcome, problem)


def test_nothing_unsaid_is_taken_for_success() -> None:
    """Of all combinations, success needs the summary of a verified snapshot; without problem, an end as well."""
    ends = [None, *(end(one.value) for one in Outcome), FULL]
    for summary, last, ended, code in product([None, SUMMARY], ends, [None, *Ended], [None, 0, 1, -9]):
        found = judge("stick", heard(*(event for event in (summary, last) if event is not None)), ended, code)
        assert (found.outcome in SAVED) == (summary is not None)
        if found.outcome in SAVED and last is None and ended is not Ended.STOPPED:
            assert found.problem is not None


def test_problems_and_figures_are_taken_over() -> None:
    """Code, plain parameters and whether to try again; what was processed, also of a run that was cut."""
    found = judge("stick", heard(FULL), None, 1)
    assert found.problem is not None
    assert found.problem.params == {"place": "red", "needed": 5}
    assert found.problem.retry is Retry.AFTER_OWNER_ACTS
    assert found.figures.seconds == 2.5
    done = judge("stick", heard(SUMMARY, end("success")), None, 0)
    assert (done.figures.files, done.figures.bytes, done.figures.added) == (3, 1000, 10)
    assert done.details["summary"] == {key: value for key, value in SUMMARY.items() if key != "message_type"}
    cut = judge("stick", heard({"message_type": "status", "files_done": 2, "bytes_done": 7}), None, -9)
    assert (cut.figures.files, cut.figures.bytes) == (2, 7)
    assert cut.problem is not None
    assert cut.problem.params["number"] == 9


def test_what_could_not_be_read_is_bounded() -> None:
    """A million unreadable files make no million lines of history."""
    many = heard(*({"message_type": "error", "item": str(n)} for n in range(MOST_ITEMS + 50)))
    items = judge("stick", many, None, 0).details["items"]
    assert isinstance(items, list)
    assert len(items) == MOST_ITEMS
