"""The status: every state, why it is shown, and that the worst destination wins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from traybackup.api.errors import Retry
from traybackup.app import opendays
from traybackup.app.runs import Outcome, Problem
from traybackup.app.status import Facts, Notice, State, Surroundings, of, of_destination, worst

NOW = datetime(2026, 10, 14, 20, tzinfo=UTC)  # a Wednesday
AROUND = Surroundings(NOW)
OFFLINE = Problem("offline", {}, Retry.LATER)
FULL = Problem("store-full", {}, Retry.AFTER_OWNER_ACTS)
EXPIRED = Problem("sign-in-expired", {}, Retry.AFTER_OWNER_ACTS)
LOCKED = Problem("vault-locked", {}, Retry.AFTER_OWNER_ACTS)
DAMAGED = Problem("repository-damaged", {}, Retry.NEVER)


def aged(days: float, **more: object) -> Facts:
    return replace(Facts("red", verified=NOW - timedelta(days=days)), **more)  # type: ignore[arg-type]  # a test's shorthand


FRESH = aged(0.5)
FAILED = {"last": Outcome.FAILED}
CUT = {"last": Outcome.INTERRUPTED}

TABLE = [
    # what is known, state, words of the reasons
    (FRESH, State.OK, []),
    (aged(0), State.OK, []),
    (aged(1.99), State.OK, []),
    (aged(2), State.ATTENTION, ["stale"]),
    (aged(4.99), State.ATTENTION, ["stale"]),
    (aged(5), State.ERROR, ["overdue"]),
    (aged(900), State.ERROR, ["overdue"]),
    (aged(7.9, limit=8), State.OK, []),
    (aged(8, limit=8), State.ATTENTION, ["stale"]),
    (aged(11, limit=8), State.ERROR, ["overdue"]),
    (aged(-0.9), State.OK, []),
    (aged(-1.1), State.ATTENTION, ["clock"]),
    (Facts("red"), State.ATTENTION, ["never"]),
    (Facts("red", waiting=True), State.ATTENTION, ["never", "not-there"]),
    (Facts("red", **FAILED, problem=OFFLINE), State.ERROR, ["failed", "never"]),
    (replace(FRESH, waiting=True), State.WAITING, ["not-there"]),
    (aged(2, waiting=True), State.ATTENTION, ["stale", "not-there"]),
    (replace(FRESH, **FAILED, problem=OFFLINE), State.OK, []),
    (replace(FRESH, **FAILED, problem=FULL), State.ATTENTION, ["space"]),
    (replace(FRESH, **FAILED, problem=EXPIRED), State.ATTENTION, ["sign-in"]),
    (replace(FRESH, **FAILED, problem=LOCKED), State.ERROR, ["key"]),
    (replace(FRESH, **FAILED), State.OK, []),
    (aged(2, **FAILED), State.ERROR, ["failed", "stale"]),
    (replace(FRESH, **FAILED, problem=DAMAGED), State.ATTENTION, ["failed"]),
    (aged(2, **FAILED, problem=OFFLINE), State.ERROR, ["failed", "stale"]),
    (aged(2, **FAILED, problem=FULL), State.ERROR, ["space", "stale"]),
    (replace(FRESH, **CUT, problem=OFFLINE), State.OK, []),
    (aged(2, **CUT, problem=OFFLINE), State.ERROR, ["interrupted", "stale"]),
    (replace(FRESH, last=Outcome.CANCELLED), State.OK, []),
    (replace(FRESH, last=Outcome.SKIPPED), State.OK, []),
    (replace(FRESH, last=Outcome.SUCCESS), State.OK, []),
    (replace(FRESH, last=Outcome.SUCCESS, problem=OFFLINE), State.OK, []),
    (replace(FRESH, last=Outcome.SUCCESS, problem=DAMAGED), State.ATTENTION, ["tidying"]),
    (replace(FRESH, last=Outcome.PARTIAL, complete=False), State.ATTENTION, ["partial"]),
    (replace(FRESH, complete=False), State.ATTENTION, ["partial"]),
    (replace(FRESH, running=True), State.RUNNING, ["running"]),
    (aged(9, running=True), State.RUNNING, ["running", "overdue"]),
    (replace(FRESH, unplug=True), State.UNPLUG, ["unplug"]),
    (aged(9, unplug=True, running=True), State.RUNNING, ["running", "unplug", "overdue"]),
    *((replace(FRESH, notices=frozenset({one})), State.ATTENTION, [one.value]) for one in list(Notice)[:4]),
    *((replace(FRESH, notices=frozenset({one})), State.ERROR, [one.value]) for one in list(Notice)[4:]),
]


@pytest.mark.parametrize(("facts", "state", "words"), TABLE)
def test_each_fact_has_its_state(facts: Facts, state: State, words: list[str]) -> None:
    """The state of one destination, and why, the most urgent reason first."""
    found = of_destination(facts, AROUND)
    assert (found.state, [reason.word for reason in found.reasons]) == (state, words)
    assert of([facts], AROUND).state is state


AGES = [None, -2.0, 0.5, 2.0, 5.0]
LASTS = [None, *Outcome]
PROBLEMS = [None, OFFLINE, FULL, DAMAGED]
FLAGS = list(product([False, True], repeat=3))


def every() -> list[Facts]:
    return [
        Facts("red", None if age is None else NOW - timedelta(days=age), last=last, problem=problem, complete=complete)
        for age, last, problem, complete in product(AGES, LASTS, PROBLEMS, [True, False])
    ]


def test_green_is_earned_in_every_case() -> None:
    """Of all combinations, OK needs a complete verified snapshot within the limit, and no failure that lasts."""
    seen = set()
    for facts in every():
        state = of_destination(facts, AROUND).state
        seen.add(state)
        if state is State.OK:
            assert facts.verified == NOW - timedelta(days=0.5)
            assert facts.complete
            assert facts.problem in (None, OFFLINE) or facts.last not in (Outcome.FAILED, Outcome.SUCCESS)
        else:
            assert of_destination(facts, AROUND).reasons
    assert seen == {State.OK, State.ATTENTION, State.ERROR}


def test_more_trouble_never_looks_better() -> None:
    """Whatever is added to any combination, the state stays or becomes more urgent."""
    for facts in every():
        before = of_destination(facts, AROUND).state
        for running, unplug, waiting in FLAGS:
            for notice in [None, *Notice]:
                notices = frozenset() if notice is None else frozenset({notice})
                more = replace(facts, running=running, unplug=unplug, waiting=waiting, notices=notices)
                after = of_destination(more, AROUND).state
                assert worst([before, after]) is after


def test_the_worst_destination_wins() -> None:
    """Of any two destinations, the whole shows the more urgent state, in whatever order they come."""
    samples = [facts for facts, _, _ in TABLE]
    for one, two in product(samples, samples):
        other = replace(two, destination="blue")
        states = [of_destination(one, AROUND).state, of_destination(other, AROUND).state]
        assert of([one, other], AROUND).state is of([other, one], AROUND).state is worst(states)


def test_a_destination_is_as_fresh_as_its_oldest_job() -> None:
    """Two jobs to one stick are one destination; one that was never saved leaves it without a date."""
    both = of([aged(1), aged(3)], AROUND)
    assert len(both.destinations) == 1
    assert both.destinations[0].verified == NOW - timedelta(days=3)
    assert both.destinations[0].age == timedelta(days=3)
    assert both.state is State.ATTENTION
    assert of([aged(1), Facts("red")], AROUND).destinations[0].verified is None


def test_nothing_set_up_is_a_state_of_its_own() -> None:
    """Without a job there is nothing to be green about."""
    assert of([], AROUND).state is State.SETUP


def test_closed_days_do_not_make_stale() -> None:
    """Saturday evening's backup is fine on Monday evening if Sunday is closed."""
    saturday = Facts("red", NOW - timedelta(days=4))
    monday = replace(AROUND, now=NOW - timedelta(days=2))
    assert of([saturday], monday).state is State.ATTENTION
    assert of([saturday], replace(monday, open_days=opendays.parse(["sunday"]))).state is State.OK


def test_after_the_start_there_is_time_to_make_up() -> None:
    """For some minutes after start or wake, age alone alarms nobody; anything else does."""
    settling = replace(AROUND, settling=True)
    assert of([aged(9)], settling).state is State.OK
    assert of([aged(9, notices=frozenset({Notice.DAMAGED}))], settling).state is State.ERROR
    assert of([Facts("red")], settling).state is State.ATTENTION


def test_a_pause_shows_but_hides_nothing() -> None:
    """Paused is told while all is well; what is stale is stale; a pause of more than a day is noticed."""
    paused = replace(AROUND, paused_since=NOW - timedelta(hours=1), paused_until=NOW + timedelta(hours=1))
    assert of([FRESH], paused).state is State.PAUSED
    assert of([aged(2)], paused).state is State.ATTENTION
    assert of([replace(FRESH, waiting=True)], paused).state is State.WAITING
    assert of([FRESH], replace(paused, paused_since=NOW - timedelta(hours=25))).state is State.ATTENTION


def test_trouble_with_our_own_files_is_seen() -> None:
    """A configuration that cannot be right, or a full disk under the history, is not green."""
    for code, word in [("config-invalid", "config"), ("state-unusable", "state")]:
        found = of([FRESH], replace(AROUND, troubles=(Problem(code),)))
        assert (found.state, found.reasons[0].word) == (State.ATTENTION, word)
