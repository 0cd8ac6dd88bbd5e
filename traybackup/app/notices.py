"""Notices: what is told by itself, when, and how often. Pure: the clock, the past and the situation come in.

A *Notice* has an id that stays the same while it is about the same thing, so that a new one replaces the old one and
what is solved is withdrawn. What lasts (*standing*) is told once a day and three times at most, unless it is grave;
what happens (*event*) is told once. Three rules of silence: nothing but “unplugged too early” in the first five minutes
after logging on; while somebody works at the till, only that and “unplug it now”; and nothing for what went as planned.
What was told three times and is not solved opens a window at the next start instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from enum import Enum

from traybackup.app.orders import Order

MOST = 3
QUIET_START = 300.0
"""Seconds after logging on."""

STALE_EVENT = timedelta(hours=1)
"""An event that could not be told for so long is history."""


class Kind(Enum):
    """What a notice is about; the names of its texts in `traybackup.app.wording.notices`."""

    START_ON_PLUG = "start_on_plug"
    DONE_UNPLUG = "done_unplug"
    MAY_UNPLUG = "may_unplug"
    DONE_BUSY = "done_busy"
    NOT_EJECTED = "not_ejected"
    BLOCKED = "blocked"
    UNPLUG_REMINDER = "unplug_reminder"
    UNPLUGGED_EARLY = "unplugged_early"
    PLUG_REQUEST = "plug_request"
    FAILED = "failed"
    RECOVERED = "recovered"
    OVERDUE = "overdue"
    SIGN_IN = "signin"
    SPACE = "space"
    DAMAGED = "damaged"
    DRILL_OK = "drill_ok"
    DRILL_FAILED = "drill_failed"
    NO_GROWTH = "no_growth"
    QUARTER = "quarter"
    KEY_SHEET = "keysheet"
    RESTORED = "restored"


STANDING = frozenset(
    {
        Kind.PLUG_REQUEST,
        Kind.FAILED,
        Kind.OVERDUE,
        Kind.SIGN_IN,
        Kind.SPACE,
        Kind.DAMAGED,
        Kind.DRILL_FAILED,
        Kind.NO_GROWTH,
        Kind.QUARTER,
        Kind.KEY_SHEET,
    }
)
"""What lasts until it is solved."""

UNTIL_SOLVED = frozenset({Kind.FAILED, Kind.DAMAGED, Kind.DRILL_FAILED, Kind.QUARTER})
"""What is told every day as long as it lasts."""

ONCE = frozenset({Kind.SPACE})
"""What lasts, and is told once all the same."""

WINDOW = frozenset({Kind.OVERDUE, Kind.DRILL_FAILED, Kind.KEY_SHEET})
"""What opens a window at the start once it was told three times."""

AT_ANY_TIME = frozenset({Kind.UNPLUGGED_EARLY})
WHILE_SELLING = AT_ANY_TIME | {Kind.DONE_UNPLUG}
GRAVE = frozenset({Kind.UNPLUGGED_EARLY, Kind.DONE_UNPLUG, Kind.UNPLUG_REMINDER, Kind.FAILED, Kind.OVERDUE})
"""What stays on the screen until somebody has seen it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell.

    Attributes:
        about: The destination or drive; of two notices of a kind about the same the newer one counts.
        cause: What brought it about; another cause is told anew.
        values: For its texts.
        buttons: What they ask for, in their order; the first is what a click on it does.
        since: When it happened; None: it lasts.
    """

    kind: Kind
    about: str = ""
    cause: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    buttons: tuple[Order, ...] = ()
    since: datetime | None = None

    @property
    def id(self) -> str:
        """What it is known by as long as it is about the same."""
        return f"{self.kind.value} {self.about}".strip()


@dataclass(frozen=True, slots=True)
class Told:
    """What is remembered of a notice: how often it was told, when last, why, and whether it is solved."""

    times: int
    last: datetime
    cause: str = ""
    solved: bool = False


Memory = Mapping[str, Told]


@dataclass(frozen=True, slots=True)
class Situation:
    """What it is like here and now.

    Attributes:
        up: Seconds since somebody logged on.
        selling: The till is in front, fills the screen, or was typed into within half a minute.
    """

    now: datetime
    zone: tzinfo
    up: float = 3600.0
    selling: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done: tell, withdraw by id, and what to remember. *kept* are events whose time has not come."""

    tell: tuple[Notice, ...] = ()
    withdraw: tuple[str, ...] = ()
    memory: Memory = field(default_factory=dict)
    kept: tuple[Notice, ...] = ()


def decide(standing: Sequence[Notice], events: Sequence[Notice], memory: Memory, here: Situation) -> Decision:
    """Return what is to be told now.

    Args:
        standing: All that lasts now; what was told before and is not among it is solved.
        events: What has happened and was not told yet.
    """
    known = dict(memory)
    tell: list[Notice] = []
    for notice in standing:
        if may_tell(notice.kind, here) and _is_due(notice, known.get(notice.id), here):
            tell.append(notice)
            known[notice.id] = _told(notice, known.get(notice.id), here)
        elif notice.id in known:
            known[notice.id] = replace(known[notice.id], solved=False)
    wanted = {notice.id for notice in standing}
    withdraw = [one for one, told in known.items() if one not in wanted and not told.solved]
    for one in withdraw:
        known[one] = replace(known[one], solved=True)
    known = {one: told for one, told in known.items() if not told.solved or _same_day(told.last, here)}
    kept = []
    for notice in events:
        if may_tell(notice.kind, here):
            tell.append(notice)
        elif notice.since is not None and here.now - notice.since < STALE_EVENT:
            kept.append(notice)
    return Decision(tuple(tell), tuple(withdraw), known, tuple(kept))


def may_tell(kind: Kind, here: Situation) -> bool:
    """Say whether this is the time for it."""
    if here.up < QUIET_START and kind not in AT_ANY_TIME:
        return False
    return not here.selling or kind in WHILE_SELLING


def windows(standing: Sequence[Notice], memory: Memory) -> tuple[Notice, ...]:
    """Return what opens a window at the start, because telling it three times has not helped."""
    return tuple(
        notice
        for notice in standing
        if notice.kind in WINDOW and (told := memory.get(notice.id)) is not None and told.times >= MOST
    )


def _is_due(notice: Notice, told: Told | None, here: Situation) -> bool:
    if told is None:
        return True
    if _same_day(told.last, here):
        return not told.solved and told.cause != notice.cause
    if told.solved or told.cause != notice.cause:
        return True
    if notice.kind in ONCE:
        return False
    return notice.kind in UNTIL_SOLVED or told.times < MOST


def _told(notice: Notice, before: Told | None, here: Situation) -> Told:
    anew = before is None or before.solved or before.cause != notice.cause
    return Told(1 if anew or before is None else before.times + 1, here.now, notice.cause)


def _same_day(one: datetime, here: Situation) -> bool:
    return one.astimezone(here.zone).date() == here.now.astimezone(here.zone).date()
