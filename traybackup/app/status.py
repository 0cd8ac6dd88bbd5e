"""The status: how all destinations are doing, from the age of their last verified snapshot and not from the last event.

Pure: facts and time come in, a *State* comes out. The worst destination wins. The icon, the page and ``traybackup
status`` show the same. ``OK`` is earned: every destination has a verified, complete snapshot within its limit.

From the most urgent: a run that is under way (*RUNNING*), a drive that may be unplugged (*UNPLUG*), then what is wrong
(*ERROR*, *ATTENTION*), what is waited for (*WAITING*), *PAUSED*, *SETUP* where nothing is set up, and *OK*.
A pause does not stop the clock by which a destination becomes stale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum

from traybackup.api.errors import Retry
from traybackup.app.opendays import ALWAYS, OpenDays, open_time
from traybackup.app.runs import SAVED, Outcome, Problem, Value

SEVERE = 3
"""So many open days after its limit a destination is not just stale."""

LONG_PAUSE = timedelta(days=1)
AHEAD = timedelta(days=1)
"""How far a snapshot may lie ahead of the clock before the clock is doubted."""


class State(Enum):
    """What the icon shows; the most urgent first."""

    RUNNING = "running"
    UNPLUG = "unplug"
    ERROR = "error"
    ATTENTION = "attention"
    WAITING = "waiting"
    PAUSED = "paused"
    SETUP = "setup"
    OK = "ok"


_URGENCY = {state: number for number, state in enumerate(State)}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a state is not OK: a keyword, and what a text about it can name.

    The keywords: ``never`` (no backup yet), ``stale``, ``overdue`` (stale for long), ``failed``, ``partial``,
    ``interrupted``, ``tidying`` (went wrong after the snapshot was safe), ``not-there``, ``clock``, ``config``,
    ``state``, ``paused``, ``long-pause``, ``setup``, ``unplug``, ``running``, and those of `Notice`.
    """

    word: str
    params: Mapping[str, Value] = field(default_factory=dict)
    problem: Problem | None = None


class Notice(Enum):
    """What others know about a destination that somebody should look at."""

    SIGN_IN = "sign-in"
    SPACE = "space"
    LEFT_IN = "left-in"
    SHEET = "sheet"
    DAMAGED = "damaged"
    DRILL = "drill"
    KEY = "key"


_GRAVE = frozenset({Notice.DAMAGED, Notice.DRILL, Notice.KEY})
_TELLING = {
    **dict.fromkeys(
        ("sign-in-needed", "sign-in-expired", "sign-in-short-lived", "scope-missing", "wrong-account"), Notice.SIGN_IN
    ),
    "store-full": Notice.SPACE,
    **dict.fromkeys(
        ("vault-locked", "vault-unavailable", "password-missing", "wrong-password", "password-unusable"), Notice.KEY
    ),
}
"""Failures that have a word of their own, by code."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a destination, or of one job to it.

    Attributes:
        verified: When the newest verified snapshot was made; None: there is none.
        complete: Nothing was unreadable for it.
        limit: Open days without one until somebody should look.
        last: How the last run that began ended; None: none has.
        problem: What went wrong in it.
        running: A run is under way.
        unplug: It is done and ejected, and the drive is still there.
        waiting: A run is due, and the drive is not there.
    """

    destination: str
    verified: datetime | None = None
    complete: bool = True
    limit: int = 2
    last: Outcome | None = None
    problem: Problem | None = None
    running: bool = False
    unplug: bool = False
    waiting: bool = False
    notices: frozenset[Notice] = frozenset()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for all destinations.

    Attributes:
        zone: The shop's.
        settling: The computer has just started or woken: give what is due some minutes before calling it late.
        paused_since, paused_until: None: not paused.
        troubles: What is wrong with this computer's own files.
    """

    now: datetime
    zone: tzinfo = UTC
    open_days: OpenDays = ALWAYS
    settling: bool = False
    paused_since: datetime | None = None
    paused_until: datetime | None = None
    troubles: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class DestinationStatus:
    """How a destination is doing, the most urgent reason first."""

    destination: str
    state: State
    reasons: tuple[Reason, ...] = ()
    verified: datetime | None = None
    age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """How everything is doing; *destinations* in the order given, *reasons* those that are no destination's."""

    state: State
    destinations: tuple[DestinationStatus, ...] = ()
    reasons: tuple[Reason, ...] = ()
    verified: datetime | None = None
    """When the newest verified snapshot of all was made."""


def of(facts: Sequence[Facts], around: Surroundings) -> Status:
    """Return the status; several facts about one destination count as one, the worst of them."""
    found: dict[str, DestinationStatus] = {}
    for one in facts:
        status = of_destination(one, around)
        known = found.get(one.destination)
        found[one.destination] = status if known is None else _worse(known, status)
    reasons = [(State.ATTENTION, Reason(_file_word(problem), problem.params, problem)) for problem in around.troubles]
    if around.paused_until is not None:
        since = around.paused_since or around.now
        if around.now - since > LONG_PAUSE:
            reasons.append((State.ATTENTION, Reason("long-pause")))
        reasons.append((State.PAUSED, Reason("paused")))
    if not facts:
        reasons.append((State.SETUP, Reason("setup")))
    states = [*(one.state for one in found.values()), *(state for state, _ in reasons)]
    times = [one.verified for one in found.values() if one.verified is not None]
    return Status(
        state=worst(states),
        destinations=tuple(found.values()),
        reasons=tuple(reason for _, reason in reasons),
        verified=max(times, default=None),
    )


def worst(states: Sequence[State]) -> State:
    """Return the most urgent state; OK if there is none."""
    return min(states, key=_URGENCY.__getitem__, default=State.OK)


def of_destination(facts: Facts, around: Surroundings) -> DestinationStatus:
    """Return how one destination is doing."""
    found = _age_reasons(facts, around)
    if facts.waiting:
        found.append((State.WAITING, Reason("not-there")))
    late = any(state in (State.ERROR, State.ATTENTION) for state, _ in found)
    found += _run_reasons(facts, late=late)
    found += [(State.ERROR if one in _GRAVE else State.ATTENTION, Reason(one.value)) for one in facts.notices]
    if facts.unplug:
        found.append((State.UNPLUG, Reason("unplug")))
    if facts.running:
        found.append((State.RUNNING, Reason("running")))
    found.sort(key=lambda item: (_URGENCY[item[0]], item[1].word))
    age = None if facts.verified is None else max(timedelta(), around.now - facts.verified)
    return DestinationStatus(
        destination=facts.destination,
        state=worst([state for state, _ in found]),
        reasons=tuple(reason for _, reason in found),
        verified=facts.verified,
        age=age,
    )


def _age_reasons(facts: Facts, around: Surroundings) -> list[tuple[State, Reason]]:
    """Return what the age of the last verified snapshot says."""
    if facts.verified is None:
        return [(State.ATTENTION, Reason("never"))]
    if facts.verified - around.now > AHEAD:
        return [(State.ATTENTION, Reason("clock"))]
    age = open_time(facts.verified, around.now, around.open_days, around.zone)
    days = age // timedelta(days=1)
    if around.settling or age < timedelta(days=facts.limit):
        return []
    if age < timedelta(days=facts.limit + SEVERE):
        return [(State.ATTENTION, Reason("stale", {"count": days}))]
    return [(State.ERROR, Reason("overdue", {"count": days}))]


def _run_reasons(facts: Facts, *, late: bool) -> list[tuple[State, Reason]]:
    """Return what the last run says.

    A failure that passes by itself is nobody's business before the destination is late; one that only the owner can
    mend is told at once; one that comes on top of being late is an error.
    """
    found = []
    if facts.last in (Outcome.FAILED, Outcome.INTERRUPTED):
        problem = facts.problem or Problem("")
        notice = _TELLING.get(problem.code)
        reason = Reason(notice.value if notice else facts.last.value, problem.params, facts.problem)
        if late or notice in _GRAVE:
            found.append((State.ERROR, reason))
        elif problem.retry is not Retry.LATER and facts.problem is not None and facts.last is Outcome.FAILED:
            found.append((State.ATTENTION, reason))
    elif facts.problem is not None and facts.last in SAVED and facts.problem.retry is not Retry.LATER:
        found.append((State.ATTENTION, Reason("tidying", facts.problem.params, facts.problem)))
    if facts.verified is not None and not facts.complete:
        found.append((State.ATTENTION, Reason("partial")))
    return found


def _file_word(problem: Problem) -> str:
    return "state" if problem.code.startswith("state") else "config"


def _worse(one: DestinationStatus, two: DestinationStatus) -> DestinationStatus:
    """Return one status of what two jobs say about a destination: it is only as fresh as the older of them."""
    first, second = sorted((one, two), key=lambda status: _URGENCY[status.state])
    times = [status.verified for status in (one, two)]
    verified = None if None in times else min(time for time in times if time is not None)
    ages = [status.age for status in (one, two) if status.age is not None]
    return DestinationStatus(
        destination=one.destination,
        state=first.state,
        reasons=(*first.reasons, *(reason for reason in second.reasons if reason not in first.reasons)),
        verified=verified,
        age=max(ages) if verified is not None else None,
    )
